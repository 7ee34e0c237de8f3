#include "mail/chunk.h"

#include "mail/chunk_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

/* ---- life ---- */

struct chunk *chunk_new(const struct message *rows, size_t count)
{
    struct chunk_writer w;
    assert(count > 0 && count <= CHUNK_MESSAGES_MAX);
    chunk_writer_init(&w, (uint32_t)count, 0);
    for (size_t i = 0; i < count; i++)
        chunk_writer_append(&w, &rows[i]);
    return chunk_writer_finish_chunk(&w);
}

struct chunk *chunk_new_stored(const struct chunk_summary *summary, const struct chunk_source *source)
{
    assert(summary->id > 0 && summary->count > 0 && summary->count <= CHUNK_MESSAGES_MAX);
    struct chunk *chunk = calloc(1, sizeof *chunk);
    if (!chunk)
        abort();
    ref_init(&chunk->ref);
    chunk->summary = *summary;
    chunk->source = source;
    atomic_init(&chunk->stored, true);
    return chunk;
}

struct chunk *chunk_ref(struct chunk *chunk)
{
    ref_get(&chunk->ref);
    return chunk;
}

void chunk_unref(struct chunk **chunk)
{
    if (*chunk && ref_put(&(*chunk)->ref)) {
        struct chunk_columns *columns = atomic_load_explicit(&(*chunk)->columns, memory_order_relaxed);
        const struct chunk_source *source = (*chunk)->source;
        if (columns && source && source->loaded_bytes)
            atomic_fetch_sub(source->loaded_bytes, chunk_columns_bytes(columns));
        free(columns);
        free(*chunk);
    }
    *chunk = NULL;
}

/* ---- storing ---- */

bool chunk_is_dirty(const struct chunk *chunk)
{
    return !atomic_load(&chunk->stored);
}

void chunk_give_id(struct chunk *chunk, uint64_t id)
{
    assert(id > 0 && chunk->summary.id == 0);
    chunk->summary.id = id;
}

void chunk_mark_stored(struct chunk *chunk)
{
    assert(chunk->summary.id > 0);
    atomic_store(&chunk->stored, true);
}

void chunk_key(uint64_t mailbox_id, uint64_t chunk_id, struct buf *out)
{
    buf_add_char(out, 'C');
    buf_put_be64(out, mailbox_id);
    buf_put_be64(out, chunk_id);
}

/* ---- loading ---- */

static bool agrees(const struct chunk_columns *columns, const struct chunk_summary *want)
{
    struct chunk_summary s = chunk_summarize(columns);
    return s.count == want->count && s.unseen == want->unseen && s.deleted == want->deleted &&
           s.uid_first == want->uid_first && s.uid_last == want->uid_last &&
           s.modseq_max == want->modseq_max && s.size_bytes == want->size_bytes &&
           s.deleted_size_bytes == want->deleted_size_bytes;
}

static int read_columns(const struct chunk *chunk, struct chunk_columns **columns_out, struct err *err)
{
    const struct chunk_source *source = chunk->source;
    struct buf key = BUF_INIT, value = BUF_INIT;
    struct chunk_columns *columns = NULL;

    chunk_key(source->mailbox_id, chunk->summary.id, &key);
    int r = store_get(source->store, source->account, buf_str(&key), &value, err);
    if (r == 0)
        r = chunk_decode(buf_str(&value), &columns, err);
    if (r == 0 && !agrees(columns, &chunk->summary))
        r = err_set(err, ERR_CORRUPT, "stored messages do not agree with their summary");
    buf_deinit(&key);
    buf_deinit(&value);
    if (r < 0) {
        free(columns);
        if (err)
            err_context(err, "mailbox %" PRIu64 ", chunk %" PRIu64 ", UIDs %u to %u", source->mailbox_id,
                        chunk->summary.id, chunk->summary.uid_first, chunk->summary.uid_last);
        return r;
    }
    *columns_out = columns;
    return 0;
}

int chunk_columns(struct chunk *chunk, const struct chunk_columns **columns_out, struct err *err)
{
    struct chunk_columns *columns = atomic_load_explicit(&chunk->columns, memory_order_acquire),
                         *first = NULL;
    if (!columns) {
        int r = read_columns(chunk, &columns, err);
        if (r < 0)
            return r;
        /* Who comes second takes what the first one put there. */
        if (!atomic_compare_exchange_strong_explicit(&chunk->columns, &first, columns, memory_order_acq_rel,
                                                     memory_order_acquire)) {
            free(columns);
            columns = first;
        } else if (chunk->source->loaded_bytes) {
            atomic_fetch_add(chunk->source->loaded_bytes, chunk_columns_bytes(columns));
        }
    }
    *columns_out = columns;
    return 0;
}

/* ---- reading ---- */

struct keyword_set chunk_keywords(const struct chunk_columns *columns, uint32_t i)
{
    struct keyword_set set = { 0 };
    for (uint32_t k = 0; k < columns->keyword_words; k++)
        set.words[k] = columns->keywords[(size_t)i * columns->keyword_words + k];
    return set;
}

void chunk_row(const struct chunk_columns *columns, uint32_t i, struct message *row_out)
{
    assert(i < columns->count);
    *row_out = (struct message){
        .uid = columns->uid[i],
        .size_bytes = columns->size_bytes[i],
        .modseq = columns->modseq[i],
        .internal_date_s = columns->internal_date_s[i],
        .internal_zone_min = columns->internal_zone_min[i],
        .flags = columns->flags[i],
        .save_date_s = columns->save_date_s[i],
        .blob = columns->blob[i],
        .email_id = columns->email_id[i],
        .thread_id = columns->thread_id[i],
        .keywords = chunk_keywords(columns, i),
    };
}

uint32_t chunk_lower_bound(const struct chunk_columns *columns, uint32_t uid)
{
    uint32_t low = 0, high = columns->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (columns->uid[middle] < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
