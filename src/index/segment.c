#include "index/layout.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

int layout_corrupt(struct err *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "index: %s is damaged", what);
}

static void *checked(void *p)
{
    if (!p)
        abort();
    return p;
}

/* ---- reading ---- */

static int read_source(const struct index_source *source, uint64_t from, uint64_t to, struct buf *out,
                       struct err *err)
{
    size_t before = out->n;
    int r = source->read(source->ctx, from, to - from, out, err);
    if (r == 0 && out->n - before != to - from)
        return layout_corrupt(err, "the end of a segment");
    return r;
}

int layout_read(struct index_segment *segment, uint64_t from, uint64_t to, struct buf *out, struct err *err)
{
    buf_clear(out);
    if (from > to || to > segment->body_bytes)
        return layout_corrupt(err, "a place in a segment");
    return from == to ? 0 : read_source(&segment->source, from, to, out, err);
}

/* ---- the head ---- */

/* How many things follow, each of at least one byte: so memory is bounded by the head. */
static uint32_t read_count(struct reader *r, uint64_t max)
{
    uint64_t count = reader_varint(r);
    if (count > max || count > reader_left(r)) {
        r->bad = true;
        return 0;
    }
    return (uint32_t)count;
}

static void read_documents(struct reader *r, struct index_segment *s)
{
    uint64_t blob = 0;
    s->documents = read_count(r, INDEX_DOCUMENTS_MAX);
    s->blobs = checked(calloc((size_t)s->documents + 1, sizeof *s->blobs));
    for (uint32_t i = 0; i < s->documents; i++) {
        uint64_t gap = reader_varint(r);
        r->bad = r->bad || (gap == 0 && i > 0) || blob + gap < blob;
        s->blobs[i] = blob += gap;
    }
    uint64_t at = 0;
    s->partial_count = read_count(r, s->documents);
    s->partial = checked(calloc((size_t)s->partial_count + 1, sizeof *s->partial));
    for (uint32_t i = 0; i < s->partial_count; i++) {
        uint64_t gap = reader_varint(r);
        r->bad = r->bad || gap >= s->documents || (gap == 0 && i > 0) || at + gap >= s->documents;
        s->partial[i] = (uint32_t)(at = r->bad ? 0 : at + gap);
    }
}

/* A length, added up. */
static uint64_t read_length(struct reader *r, uint64_t at)
{
    uint64_t length = reader_varint(r);
    if (length > INDEX_SEGMENT_BYTES_MAX || at > 2 * INDEX_SEGMENT_BYTES_MAX)
        r->bad = true;
    return r->bad ? at : at + length;
}

static void new_places(struct layout_places *places, uint32_t count)
{
    places->count = count;
    places->at = checked(calloc((size_t)count + 1, sizeof *places->at));
}

/* Lengths become places that begin at `base`. */
static void move_places(struct layout_places *places, uint64_t base)
{
    for (uint32_t i = 0; i <= places->count; i++)
        places->at[i] += base;
}

static void read_places(struct reader *r, struct index_segment *s)
{
    uint32_t words = read_count(r, UINT32_MAX);
    new_places(&s->dictionary, words);
    new_places(&s->postings, words);
    for (uint32_t i = 0; i < words; i++) {
        s->dictionary.at[i + 1] = read_length(r, s->dictionary.at[i]);
        s->postings.at[i + 1] = read_length(r, s->postings.at[i]);
    }
    uint32_t heap = read_count(r, UINT32_MAX);
    new_places(&s->heap, heap);
    s->heap_fields = checked(calloc((size_t)heap + 1, 1));
    for (uint32_t i = 0; i < heap; i++) {
        s->heap.at[i + 1] = read_length(r, s->heap.at[i]);
        s->heap_fields[i] = reader_u8(r);
    }
    uint64_t shift = reader_varint(r);
    uint32_t pages = read_count(r, UINT64_C(1) << 18);
    new_places(&s->pages, pages);
    for (uint32_t i = 0; i < pages; i++)
        s->pages.at[i + 1] = read_length(r, s->pages.at[i]);
    if (shift > 18 || (pages > 0 && (uint64_t)pages << shift != UINT64_C(1) << 18))
        r->bad = true;
    s->page_shift = (unsigned)(r->bad ? 0 : shift);
    move_places(&s->heap, s->postings.at[words]);
    move_places(&s->dictionary, s->heap.at[heap]);
    move_places(&s->pages, s->dictionary.at[words]);
    s->memory_bytes = sizeof *s +
                      ((size_t)s->documents + 2 * (size_t)words + heap + pages + 4) * sizeof(uint64_t) +
                      (size_t)heap + s->partial_count * sizeof *s->partial;
}

static int read_head(struct index_segment *s, struct buf *bytes, struct err *err)
{
    uint64_t end = s->source.bytes;
    if (end < LAYOUT_FOOT_BYTES || end > INDEX_SEGMENT_BYTES_MAX)
        return layout_corrupt(err, "the length of a segment");
    int r = read_source(&s->source, end - LAYOUT_FOOT_BYTES, end, bytes, err);
    if (r < 0)
        return r;
    uint64_t check = load_u64(bytes->p + 8), head_bytes = load_u64(bytes->p + 16);
    if (memcmp(bytes->p + 24, LAYOUT_MAGIC, 8) != 0)
        return layout_corrupt(err, "the foot of a segment");
    if (head_bytes > LAYOUT_HEAD_BYTES_MAX || head_bytes > end - LAYOUT_FOOT_BYTES)
        return layout_corrupt(err, "the foot of a segment");
    s->body_bytes = end - LAYOUT_FOOT_BYTES - head_bytes;
    buf_clear(bytes);
    r = read_source(&s->source, s->body_bytes, end - LAYOUT_FOOT_BYTES, bytes, err);
    if (r < 0)
        return r;
    if (XXH3_64bits(bytes->p, bytes->n) != check)
        return layout_corrupt(err, "the head of a segment");
    struct reader head = reader_make(buf_str(bytes));
    read_documents(&head, s);
    if (!head.bad)
        read_places(&head, s);
    if (head.bad || reader_left(&head) > 0 || s->pages.at[s->pages.count] != s->body_bytes)
        return layout_corrupt(err, "the head of a segment");
    return 0;
}

/* ---- life ---- */

static void free_segment(struct index_segment *s)
{
    free(s->blobs);
    free(s->partial);
    free(s->dictionary.at);
    free(s->postings.at);
    free(s->heap.at);
    free(s->pages.at);
    free(s->heap_fields);
    free(s);
}

int index_segment_open(const struct index_source *source, struct index_segment **segment_out, struct err *err)
{
    struct index_segment *s = checked(calloc(1, sizeof *s));
    struct buf bytes = BUF_INIT;
    ref_init(&s->ref);
    s->source = *source;
    int r = read_head(s, &bytes, err);
    buf_deinit(&bytes);
    if (r < 0)
        free_segment(s);
    else
        *segment_out = s;
    return r;
}

static int read_bytes(void *ctx, uint64_t offset, uint64_t length, struct buf *out, struct err *err)
{
    const char *p = ctx;
    (void)err; /* within the bytes, as the source says how many there are */
    buf_add_bytes(out, p + offset, (size_t)length);
    return 0;
}

int index_segment_open_bytes(struct str bytes, struct index_segment **segment_out, struct err *err)
{
    union {
        const char *p;
        void *ctx;
    } borrowed = { .p = bytes.p };
    struct index_source source = { .read = read_bytes, .ctx = borrowed.ctx, .bytes = bytes.n };
    return index_segment_open(&source, segment_out, err);
}

struct index_segment *index_segment_ref(struct index_segment *segment)
{
    ref_get(&segment->ref);
    return segment;
}

void index_segment_unref(struct index_segment **segment)
{
    struct index_segment *s = *segment;
    *segment = NULL;
    if (!s || !ref_put(&s->ref))
        return;
    if (s->source.close)
        s->source.close(s->source.ctx);
    free_segment(s);
}

uint64_t index_segment_bytes(const struct index_segment *segment)
{
    return segment->source.bytes;
}

size_t index_segment_memory_bytes(const struct index_segment *segment)
{
    return segment->memory_bytes;
}

/* ---- documents ---- */

uint32_t index_segment_documents(const struct index_segment *segment)
{
    return segment->documents;
}

struct blob_id index_segment_blob(const struct index_segment *segment, uint32_t document)
{
    assert(document < segment->documents);
    return (struct blob_id){ segment->blobs[document] };
}

uint32_t index_segment_seek(const struct index_segment *segment, struct blob_id blob, uint32_t hint)
{
    uint32_t low = 0, high = segment->documents, step = 1;
    if (hint < high && high - hint > 1 && segment->blobs[hint] < blob.n && segment->blobs[hint + 1] >= blob.n)
        return hint + 1;                                /* the next: most */
    if (hint < high && segment->blobs[hint] < blob.n) { /* from there on, in growing steps */
        for (low = hint + 1; step < high - low && segment->blobs[low + step] < blob.n; step *= 2)
            low += step + 1;
        if (step < high - low)
            high = low + step + 1;
    } else if (hint < high) {
        high = hint + 1;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (segment->blobs[middle] < blob.n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool index_segment_is_partial(const struct index_segment *segment, uint32_t document)
{
    for (uint32_t low = 0, high = segment->partial_count; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (segment->partial[middle] == document)
            return true;
        if (segment->partial[middle] < document)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* ---- blocks ---- */

static bool has_edges(struct str text)
{
    return text.n >= 2 && text.p[0] == LAYOUT_EDGE && text.p[text.n - 1] == LAYOUT_EDGE;
}

int layout_read_words(struct index_segment *segment, uint32_t block, struct buf *bytes,
                      struct layout_words *words_out, struct err *err)
{
    const uint64_t *at = segment->dictionary.at;
    if (at[block + 1] - at[block] > LAYOUT_BLOCK_BYTES_MAX)
        return layout_corrupt(err, "a block of words");
    int r = layout_read(segment, at[block], at[block + 1], bytes, err);
    if (r < 0)
        return r;
    struct reader reader = reader_make(buf_str(bytes));
    uint64_t count = reader_varint(&reader), text_bytes = reader_varint(&reader);
    if (reader.bad || text_bytes > reader_left(&reader))
        return layout_corrupt(err, "a block of words");
    words_out->text = reader_bytes(&reader, (size_t)text_bytes);
    words_out->lengths = str_make(reader.p, reader_left(&reader));
    if (count == 0 || count > words_out->lengths.n || !has_edges(words_out->text))
        return layout_corrupt(err, "a block of words");
    words_out->count = (uint32_t)count;
    words_out->postings_at = segment->postings.at[block];
    words_out->postings_end = segment->postings.at[block + 1];
    return 0;
}

int layout_read_heap(struct index_segment *segment, uint32_t block, struct buf *bytes,
                     struct layout_heap *heap_out, struct err *err)
{
    const uint64_t *at = segment->heap.at;
    if (at[block + 1] - at[block] > LAYOUT_BLOCK_BYTES_MAX)
        return layout_corrupt(err, "a block of the heap");
    int r = layout_read(segment, at[block], at[block + 1], bytes, err);
    if (r < 0)
        return r;
    struct reader reader = reader_make(buf_str(bytes));
    uint64_t count = reader_varint(&reader), text_bytes = reader_varint(&reader);
    if (reader.bad || text_bytes > reader_left(&reader) || count > bytes->n)
        return layout_corrupt(err, "a block of the heap");
    heap_out->text = str_make(reader.end - text_bytes, (size_t)text_bytes);
    heap_out->entries = reader;
    heap_out->entries.end -= text_bytes;
    heap_out->left = (uint32_t)count;
    heap_out->at = 1;
    return has_edges(heap_out->text) ? 0 : layout_corrupt(err, "a block of the heap");
}

int layout_next_entry(struct index_segment *segment, struct layout_heap *heap, struct layout_entry *entry_out,
                      struct err *err)
{
    if (heap->left == 0)
        return reader_left(&heap->entries) == 0 && heap->at == heap->text.n
                   ? 0
                   : layout_corrupt(err, "a block of the heap");
    uint64_t document = reader_varint(&heap->entries);
    unsigned fields = reader_u8(&heap->entries);
    uint64_t n = reader_varint(&heap->entries);
    if (heap->entries.bad || document >= segment->documents || n == 0 || n > heap->text.n - heap->at ||
        fields == 0 || fields > INDEX_ANY || heap->text.p[heap->at + n - 1] != LAYOUT_EDGE)
        return layout_corrupt(err, "a block of the heap");
    *entry_out = (struct layout_entry){ (uint32_t)document, fields, heap->at, (size_t)n };
    heap->at += (size_t)n;
    heap->left--;
    return 1;
}
