#include "index/writer.h"

#include "index/layout.h"
#include "index/trigram.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

enum {
    FLUSH_BYTES = 64 * 1024,
    HEAPS = 2, /* one of what stands in headers alone, so that others need not look there */
};

/* A block that is being filled. */
struct open_block {
    uint32_t count;
    unsigned fields;
    struct buf text, entries;
};

struct index_writer {
    index_write_fn *write;
    void *ctx;
    int result; /* the first error */
    struct err err;
    XXH3_state_t *hash;
    uint64_t written;
    struct buf pending; /* not written yet */
    uint32_t documents, partial, partial_last;
    uint64_t blob_last;
    struct buf ids, partials, word_lengths, heap_lengths; /* parts of the head */
    struct buf words;                                     /* blocks of the dictionary */
    uint32_t word_blocks, heap_blocks;
    uint64_t block_postings; /* bytes of lists of the open block */
    struct open_block word, heap[HEAPS];
    struct trigram_writer *trigrams;
};

struct index_writer *index_writer_new(index_write_fn *write, void *ctx)
{
    struct index_writer *w = calloc(1, sizeof *w);
    if (!w || !(w->hash = XXH3_createState()))
        abort();
    XXH3_64bits_reset(w->hash);
    w->write = write;
    w->ctx = ctx;
    w->trigrams = trigram_writer_new();
    return w;
}

static void free_block(struct open_block *block)
{
    buf_deinit(&block->text);
    buf_deinit(&block->entries);
}

void index_writer_free(struct index_writer **writer)
{
    struct index_writer *w = *writer;
    if (!w)
        return;
    struct buf *buffers[] = { &w->pending,      &w->ids,          &w->partials,
                              &w->word_lengths, &w->heap_lengths, &w->words };
    for (size_t i = 0; i < ARRAY_COUNT(buffers); i++)
        buf_deinit(buffers[i]);
    free_block(&w->word);
    for (unsigned i = 0; i < HEAPS; i++)
        free_block(&w->heap[i]);
    trigram_writer_free(&w->trigrams);
    XXH3_freeState(w->hash);
    free(w);
    *writer = NULL;
}

/* ---- bytes that leave ---- */

static void flush(struct index_writer *w)
{
    if (w->result == 0 && w->pending.n > 0)
        w->result = w->write(w->ctx, buf_str(&w->pending), &w->err);
    buf_clear(&w->pending);
}

/* What was added to `pending` from `from` on. */
static void sent(struct index_writer *w, size_t from)
{
    if (w->pending.n == from) /* nothing, and maybe no memory either */
        return;
    w->written += w->pending.n - from;
    XXH3_64bits_update(w->hash, w->pending.p + from, w->pending.n - from);
    if (w->pending.n >= FLUSH_BYTES)
        flush(w);
}

static void send(struct index_writer *w, struct str bytes)
{
    size_t from = w->pending.n;
    buf_add(&w->pending, bytes);
    sent(w, from);
}

uint64_t index_writer_bytes(const struct index_writer *writer)
{
    return writer->written + writer->words.n + writer->word.text.n + writer->heap[0].text.n +
           writer->heap[1].text.n;
}

/* ---- documents ---- */

void index_writer_add_document(struct index_writer *w, struct blob_id blob, bool partial)
{
    assert(w->documents < INDEX_DOCUMENTS_MAX && (w->documents == 0 || blob.n > w->blob_last));
    buf_put_varint(&w->ids, blob.n - w->blob_last);
    w->blob_last = blob.n;
    if (partial) {
        buf_put_varint(&w->partials, w->documents - w->partial_last);
        w->partial_last = w->documents;
        w->partial++;
    }
    w->documents++;
}

/* ---- blocks ---- */

static void begin_text(struct open_block *block)
{
    if (block->text.n == 0)
        buf_add_char(&block->text, LAYOUT_EDGE);
}

static void clear_block(struct open_block *block)
{
    block->count = 0;
    block->fields = 0;
    buf_clear(&block->text);
    buf_clear(&block->entries);
}

static void end_words(struct index_writer *w)
{
    struct open_block *block = &w->word;
    size_t from = w->words.n;
    if (block->count == 0)
        return;
    buf_put_varint(&w->words, block->count);
    buf_put_varint(&w->words, block->text.n);
    buf_add(&w->words, buf_str(&block->text));
    buf_add(&w->words, buf_str(&block->entries));
    buf_put_varint(&w->word_lengths, w->words.n - from);
    buf_put_varint(&w->word_lengths, w->block_postings);
    trigram_writer_add(w->trigrams, TRIGRAM_DICTIONARY, buf_str(&block->text));
    w->block_postings = 0;
    w->word_blocks++;
    clear_block(block);
}

void index_writer_add_token(struct index_writer *w, struct str token, struct posting_lists *lists)
{
    size_t from = w->pending.n;
    posting_encode(lists, &w->pending);
    size_t bytes = w->pending.n - from;
    sent(w, from);
    begin_text(&w->word);
    buf_add(&w->word.text, token);
    buf_add_char(&w->word.text, LAYOUT_EDGE);
    buf_put_varint(&w->word.entries, bytes);
    w->block_postings += bytes;
    w->word.count++;
    if (w->word.text.n >= LAYOUT_DICTIONARY_BLOCK_BYTES)
        end_words(w);
}

static void end_heap(struct index_writer *w, struct open_block *block)
{
    size_t from = w->pending.n;
    if (block->count == 0)
        return;
    buf_put_varint(&w->pending, block->count);
    buf_put_varint(&w->pending, block->text.n);
    buf_add(&w->pending, buf_str(&block->entries));
    buf_add(&w->pending, buf_str(&block->text));
    buf_put_varint(&w->heap_lengths, w->pending.n - from);
    buf_put_u8(&w->heap_lengths, (uint8_t)block->fields);
    sent(w, from);
    trigram_writer_add(w->trigrams, TRIGRAM_HEAP, buf_str(&block->text));
    w->heap_blocks++;
    clear_block(block);
}

void index_writer_add_heap(struct index_writer *w, uint32_t document, unsigned fields, struct str text)
{
    struct open_block *block = &w->heap[fields == INDEX_HEADER ? 0 : 1];
    while (text.n > 0) {
        size_t n = text.n;
        begin_text(block);
        if (block->text.n + n >
            LAYOUT_HEAP_BLOCK_BYTES) { /* as many whole tokens as reach the end of the block */
            size_t least = LAYOUT_HEAP_BLOCK_BYTES > block->text.n
                               ? LAYOUT_HEAP_BLOCK_BYTES - block->text.n - 1
                               : 0;
            n = least + (size_t)str_find_char(str_skip(text, least), LAYOUT_EDGE) + 1;
        }
        buf_put_varint(&block->entries, document);
        buf_put_u8(&block->entries, (uint8_t)fields);
        buf_put_varint(&block->entries, n);
        buf_add(&block->text, str_sub(text, 0, n));
        block->fields |= fields;
        block->count++;
        text = str_skip(text, n);
        if (block->text.n >= LAYOUT_HEAP_BLOCK_BYTES)
            end_heap(w, block);
    }
}

/* ---- the end ---- */

static void put_head(struct index_writer *w, unsigned page_shift, uint32_t pages, struct str page_lengths,
                     struct buf *head)
{
    buf_put_varint(head, w->documents);
    buf_add(head, buf_str(&w->ids));
    buf_put_varint(head, w->partial);
    buf_add(head, buf_str(&w->partials));
    buf_put_varint(head, w->word_blocks);
    buf_add(head, buf_str(&w->word_lengths));
    buf_put_varint(head, w->heap_blocks);
    buf_add(head, buf_str(&w->heap_lengths));
    buf_put_varint(head, page_shift);
    buf_put_varint(head, pages);
    buf_add(head, page_lengths);
}

int index_writer_finish(struct index_writer *w, struct err *err)
{
    struct buf pages = BUF_INIT, page_lengths = BUF_INIT, head = BUF_INIT;
    unsigned page_shift = 0;
    uint32_t page_count = 0;
    end_words(w);
    for (unsigned i = 0; i < HEAPS; i++)
        end_heap(w, &w->heap[i]);
    send(w, buf_str(&w->words));
    trigram_writer_finish(w->trigrams, &pages, &page_lengths, &page_shift, &page_count);
    send(w, buf_str(&pages));
    put_head(w, page_shift, page_count, buf_str(&page_lengths), &head);
    uint64_t body_hash = XXH3_64bits_digest(w->hash);
    size_t head_bytes = head.n;
    buf_put_u64(&head, body_hash);
    buf_put_u64(&head, XXH3_64bits(head.p, head_bytes));
    buf_put_u64(&head, head_bytes);
    buf_add_lit(&head, LAYOUT_MAGIC);
    send(w, buf_str(&head));
    flush(w);
    buf_deinit(&pages);
    buf_deinit(&page_lengths);
    buf_deinit(&head);
    if (w->result == 0 && w->written > INDEX_SEGMENT_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "index: a segment above %llu bytes",
                       (unsigned long long)INDEX_SEGMENT_BYTES_MAX);
    if (w->result < 0 && err)
        *err = w->err;
    return w->result;
}
