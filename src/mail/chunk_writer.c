#include "mail/chunk_writer.h"

#include <assert.h>
#include <stdlib.h>

static size_t row_bytes(uint32_t keyword_words)
{
    return (6 + keyword_words) * sizeof(uint64_t) + 2 * sizeof(uint32_t) + sizeof(int16_t) + sizeof(uint8_t);
}

size_t chunk_columns_bytes(const struct chunk_columns *columns)
{
    return sizeof *columns + columns->count * row_bytes(columns->keyword_words);
}

/* One allocation: the struct, then the columns from the widest element to the narrowest,
 * so that each is aligned. */
void chunk_writer_init(struct chunk_writer *w, uint32_t cap, uint32_t keyword_words)
{
    assert(cap > 0 && cap <= CHUNK_MESSAGES_MAX && keyword_words <= KEYWORD_WORDS);
    struct chunk_columns *columns = malloc(sizeof *columns + cap * row_bytes(keyword_words));
    if (!columns)
        abort();
    *w = (struct chunk_writer){ .columns = columns, .cap = cap };
    w->modseq = (uint64_t *)(columns + 1);
    w->blob = w->modseq + cap;
    w->email_id = w->blob + cap;
    w->thread_id = w->email_id + cap;
    w->keywords = w->thread_id + cap;
    w->internal_date_s = (int64_t *)(w->keywords + (size_t)cap * keyword_words);
    w->save_date_s = w->internal_date_s + cap;
    w->uid = (uint32_t *)(w->save_date_s + cap);
    w->size_bytes = w->uid + cap;
    w->internal_zone_min = (int16_t *)(w->size_bytes + cap);
    w->flags = (uint8_t *)(w->internal_zone_min + cap);
    *columns = (struct chunk_columns){
        .keyword_words = keyword_words,
        .uid = w->uid,
        .size_bytes = w->size_bytes,
        .modseq = w->modseq,
        .blob = w->blob,
        .email_id = w->email_id,
        .thread_id = w->thread_id,
        .internal_date_s = w->internal_date_s,
        .save_date_s = w->save_date_s,
        .internal_zone_min = w->internal_zone_min,
        .flags = w->flags,
        .keywords = w->keywords,
    };
}

void chunk_writer_deinit(struct chunk_writer *w)
{
    free(w->columns);
    *w = (struct chunk_writer){ 0 };
}

/* ---- keywords ---- */

static uint32_t words_needed(const struct keyword_set *set)
{
    uint32_t words = KEYWORD_WORDS;
    while (words > 0 && set->words[words - 1] == 0)
        words--;
    return words;
}

static uint32_t words_used(const struct chunk_columns *columns)
{
    uint32_t words = 0;
    for (uint32_t i = 0; i < columns->count && words < columns->keyword_words; i++) {
        const uint64_t *own = &columns->keywords[(size_t)i * columns->keyword_words];
        for (uint32_t k = words; k < columns->keyword_words; k++)
            if (own[k])
                words = k + 1;
    }
    return words;
}

/* The target may have more words or fewer; those that do not fit are zero. */
static void copy_keywords(struct chunk_writer *w, uint32_t at, const struct chunk_columns *from,
                          uint32_t first, uint32_t count)
{
    uint32_t to_words = w->columns->keyword_words, from_words = from->keyword_words;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < to_words; k++)
            w->keywords[(size_t)(at + i) * to_words + k] =
                k < from_words ? from->keywords[(size_t)(first + i) * from_words + k] : 0;
}

static void put_keywords(struct chunk_writer *w, uint32_t i, const struct keyword_set *set)
{
    uint32_t words = w->columns->keyword_words;
    if (words)
        memcpy(&w->keywords[(size_t)i * words], set->words, words * sizeof set->words[0]);
}

/* ---- rows ---- */

#define COPY_COLUMN(column) memcpy(&w->column[at], &from->column[first], count * sizeof w->column[0])

static void copy_rows(struct chunk_writer *w, const struct chunk_columns *from, uint32_t first,
                      uint32_t count)
{
    uint32_t at = w->columns->count;
    COPY_COLUMN(uid);
    COPY_COLUMN(size_bytes);
    COPY_COLUMN(modseq);
    COPY_COLUMN(blob);
    COPY_COLUMN(email_id);
    COPY_COLUMN(thread_id);
    COPY_COLUMN(internal_date_s);
    COPY_COLUMN(save_date_s);
    COPY_COLUMN(internal_zone_min);
    COPY_COLUMN(flags);
    copy_keywords(w, at, from, first, count);
    w->columns->count += count;
}

/* Move into a new allocation of exactly this shape. */
static void reshape(struct chunk_writer *w, uint32_t cap, uint32_t keyword_words)
{
    struct chunk_writer next;
    chunk_writer_init(&next, cap, keyword_words);
    copy_rows(&next, w->columns, 0, w->columns->count);
    free(w->columns);
    *w = next;
}

void chunk_writer_reserve(struct chunk_writer *w, uint32_t cap, uint32_t keyword_words)
{
    if (cap < w->cap)
        cap = w->cap;
    if (keyword_words < w->columns->keyword_words)
        keyword_words = w->columns->keyword_words;
    if (cap != w->cap || keyword_words != w->columns->keyword_words)
        reshape(w, cap, keyword_words);
}

void chunk_writer_append_rows(struct chunk_writer *w, const struct chunk_columns *from, uint32_t first,
                              uint32_t count)
{
    assert(first + count <= from->count && w->columns->count + count <= w->cap);
    chunk_writer_reserve(w, w->cap, from->keyword_words);
    copy_rows(w, from, first, count);
}

void chunk_writer_append(struct chunk_writer *w, const struct message *row)
{
    uint32_t i = w->columns->count;
    assert(i < w->cap && row->uid > 0 && row->uid <= UID_MAX && row->modseq > 0);
    assert(i == 0 || w->uid[i - 1] < row->uid);
    chunk_writer_reserve(w, w->cap, words_needed(&row->keywords));
    w->uid[i] = row->uid;
    w->size_bytes[i] = row->size_bytes;
    w->modseq[i] = row->modseq;
    w->blob[i] = row->blob;
    w->email_id[i] = row->email_id;
    w->thread_id[i] = row->thread_id;
    w->internal_date_s[i] = row->internal_date_s;
    w->save_date_s[i] = row->save_date_s;
    w->internal_zone_min[i] = row->internal_zone_min;
    w->flags[i] = row->flags;
    put_keywords(w, i, &row->keywords);
    w->columns->count++;
}

void chunk_writer_set(struct chunk_writer *w, uint32_t i, const struct message *row)
{
    assert(i < w->columns->count && w->uid[i] == row->uid && row->modseq > 0);
    chunk_writer_reserve(w, w->cap, words_needed(&row->keywords));
    w->flags[i] = row->flags;
    w->modseq[i] = row->modseq;
    put_keywords(w, i, &row->keywords);
}

/* ---- the result ---- */

struct chunk_columns *chunk_writer_finish(struct chunk_writer *w)
{
    assert(w->columns->count > 0);
    uint32_t words = words_used(w->columns);
    if (w->cap != w->columns->count || w->columns->keyword_words != words)
        reshape(w, w->columns->count, words);
    struct chunk_columns *columns = w->columns;
    *w = (struct chunk_writer){ 0 };
    return columns;
}

struct chunk_summary chunk_summarize(const struct chunk_columns *columns)
{
    struct chunk_summary s = {
        .count = columns->count,
        .uid_first = columns->uid[0],
        .uid_last = columns->uid[columns->count - 1],
    };
    for (uint32_t i = 0; i < columns->count; i++) {
        bool deleted = columns->flags[i] & FLAG_DELETED;
        s.unseen += !(columns->flags[i] & FLAG_SEEN);
        s.deleted += deleted;
        s.size_bytes += columns->size_bytes[i];
        s.deleted_size_bytes += deleted ? columns->size_bytes[i] : 0;
        if (columns->modseq[i] > s.modseq_max)
            s.modseq_max = columns->modseq[i];
    }
    return s;
}

struct chunk *chunk_writer_finish_chunk(struct chunk_writer *w)
{
    struct chunk_columns *columns = chunk_writer_finish(w);
    struct chunk *chunk = calloc(1, sizeof *chunk);
    if (!chunk)
        abort();
    ref_init(&chunk->ref);
    chunk->summary = chunk_summarize(columns);
    atomic_init(&chunk->columns, columns);
    return chunk;
}
