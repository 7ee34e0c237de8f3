#include "index/merge.h"

#include "index/layout.h"
#include "index/writer.h"

#include <assert.h>
#include <stdlib.h>

enum { NO_DOCUMENT = UINT32_MAX, TOKENS_BETWEEN_PAUSES = 2048 };

/* Where the merge is in one segment. */
struct cursor {
    struct index_segment *segment;
    uint32_t *numbers;       /* of its documents in the result, or NO_DOCUMENT */
    uint32_t next_block;     /* of the dictionary */
    uint32_t left;           /* tokens of the block that come behind this one */
    struct str token;        /* NIL: no more */
    struct str rest;         /* text behind it */
    struct str list;         /* its postings */
    struct buf words, lists; /* what the views above borrow */
    struct reader lengths;
    size_t list_end; /* in `lists` */
};

struct merge {
    const struct index_merge *of;
    struct index_writer *writer;
    struct cursor cursors[INDEX_MERGE_SEGMENTS_MAX];
    struct posting_lists *lists;
    struct posting_list numbers;
    unsigned tokens; /* since the last pause */
};

static void *checked(void *p)
{
    if (!p)
        abort();
    return p;
}

/* ---- documents ---- */

/* The least id that a cursor is at; false: all are at their ends. */
static bool least_blob(const struct merge *m, const uint32_t *at, uint64_t *blob_out)
{
    bool found = false;
    for (size_t i = 0; i < m->of->count; i++) {
        const struct index_segment *s = m->cursors[i].segment;
        if (at[i] < s->documents && (!found || s->blobs[at[i]] < *blob_out)) {
            *blob_out = s->blobs[at[i]];
            found = true;
        }
    }
    return found;
}

static int merge_documents(struct merge *m, struct err *err)
{
    uint32_t at[INDEX_MERGE_SEGMENTS_MAX] = { 0 }, count = 0;
    for (uint64_t blob = 0; least_blob(m, at, &blob);) {
        uint32_t *number = NULL;
        bool partial = false;
        for (size_t i = 0; i < m->of->count; i++) {
            struct cursor *c = &m->cursors[i];
            if (at[i] == c->segment->documents || c->segment->blobs[at[i]] != blob)
                continue;
            number = &c->numbers[at[i]];
            *number = NO_DOCUMENT;
            partial = index_segment_is_partial(c->segment, at[i]++);
        }
        if (m->of->keep && !m->of->keep(m->of->ctx, (struct blob_id){ blob }))
            continue;
        if (count == INDEX_DOCUMENTS_MAX)
            return err_set(err, ERR_LIMIT, "index: more than %d documents in a segment", INDEX_DOCUMENTS_MAX);
        index_writer_add_document(m->writer, (struct blob_id){ blob }, partial);
        *number = count++;
    }
    return 0;
}

/* ---- tokens ---- */

static int next_block(struct cursor *c, struct err *err)
{
    struct layout_words words;
    int r = layout_read_words(c->segment, c->next_block, &c->words, &words, err);
    if (r == 0)
        r = layout_read(c->segment, words.postings_at, words.postings_end, &c->lists, err);
    if (r < 0)
        return r;
    c->next_block++;
    c->left = words.count;
    c->rest = str_skip(words.text, 1);
    c->lengths = reader_make(words.lengths);
    c->list_end = 0;
    return 0;
}

/* To the next token; they ascend. */
static int next_token(struct cursor *c, struct buf *before, struct err *err)
{
    buf_clear(before);
    buf_add(before, c->token);
    bool is_first = str_is_nil(c->token);
    if (c->left == 0 && c->next_block == c->segment->dictionary.count) {
        c->token = STR_NIL;
        return 0;
    }
    int r = c->left > 0 ? 0 : next_block(c, err);
    if (r < 0)
        return r;
    uint64_t length = reader_varint(&c->lengths);
    ptrdiff_t n = str_find_char(c->rest, LAYOUT_EDGE);
    if (n <= 0 || c->lengths.bad || length > c->lists.n - c->list_end)
        return layout_corrupt(err, "a block of words");
    c->token = str_sub(c->rest, 0, (size_t)n);
    c->rest = str_skip(c->rest, (size_t)n + 1);
    c->list = str_sub(buf_str(&c->lists), c->list_end, (size_t)length);
    c->list_end += (size_t)length;
    c->left--;
    if ((c->left == 0) != (c->rest.n == 0) || (!is_first && str_cmp(buf_str(before), c->token) >= 0))
        return layout_corrupt(err, "a block of words");
    return 0;
}

static const struct cursor *least_token(const struct merge *m)
{
    const struct cursor *least = NULL;
    for (size_t i = 0; i < m->of->count; i++) {
        const struct cursor *c = &m->cursors[i];
        if (!str_is_nil(c->token) && (!least || str_cmp(c->token, least->token) < 0))
            least = c;
    }
    return least;
}

/* The documents of the token that this cursor is at. */
static int take_lists(struct merge *m, struct cursor *c, struct err *err)
{
    unsigned fields;
    int r;
    while ((r = posting_next(&c->list, c->segment->documents, INDEX_ANY, &m->numbers, &fields, err)) > 0)
        for (size_t i = 0; i < m->numbers.count; i++)
            if (c->numbers[m->numbers.numbers[i]] != NO_DOCUMENT)
                posting_lists_add(m->lists, fields, c->numbers[m->numbers.numbers[i]]);
    return r;
}

static int pause_now(const struct merge *m, struct err *err)
{
    return m->of->pause ? m->of->pause(m->of->ctx, err) : 0;
}

static int merge_token(struct merge *m, struct str token, struct buf *before, struct err *err)
{
    int r = 0;
    posting_lists_clear(m->lists);
    for (size_t i = 0; r == 0 && i < m->of->count; i++) {
        struct cursor *c = &m->cursors[i];
        if (str_is_nil(c->token) || !str_eq(c->token, token))
            continue;
        r = take_lists(m, c, err);
        if (r == 0)
            r = next_token(c, before, err);
    }
    if (r == 0 && (m->lists->used[0] | m->lists->used[1]))
        index_writer_add_token(m->writer, token, m->lists);
    if (r == 0 && ++m->tokens % TOKENS_BETWEEN_PAUSES == 0)
        r = pause_now(m, err);
    return r;
}

static int merge_tokens(struct merge *m, struct err *err)
{
    struct buf token = BUF_INIT, before = BUF_INIT;
    const struct cursor *least;
    int r = 0;
    for (size_t i = 0; r == 0 && i < m->of->count; i++)
        r = next_token(&m->cursors[i], &before, err);
    while (r == 0 && (least = least_token(m))) {
        buf_clear(&token);
        buf_add(&token, least->token);
        r = merge_token(m, buf_str(&token), &before, err);
    }
    buf_deinit(&token);
    buf_deinit(&before);
    return r;
}

/* ---- the heap ---- */

static int merge_heap_block(struct merge *m, struct cursor *c, uint32_t block, struct err *err)
{
    struct layout_heap heap;
    struct layout_entry entry;
    int r = layout_read_heap(c->segment, block, &c->words, &heap, err);
    if (r < 0)
        return r;
    while ((r = layout_next_entry(c->segment, &heap, &entry, err)) > 0)
        if (c->numbers[entry.document] != NO_DOCUMENT)
            index_writer_add_heap(m->writer, c->numbers[entry.document], entry.fields,
                                  str_sub(heap.text, entry.at, entry.bytes));
    return r < 0 ? r : pause_now(m, err);
}

static int merge_heaps(struct merge *m, struct err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < m->of->count; i++)
        for (uint32_t block = 0; r == 0 && block < m->cursors[i].segment->heap.count; block++)
            r = merge_heap_block(m, &m->cursors[i], block, err);
    return r;
}

int index_merge_run(const struct index_merge *merge, struct err *err)
{
    struct merge *m = checked(calloc(1, sizeof *m));
    assert(merge->count <= INDEX_MERGE_SEGMENTS_MAX);
    m->of = merge;
    m->writer = index_writer_new(merge->write, merge->ctx);
    m->lists = checked(calloc(1, sizeof *m->lists));
    for (size_t i = 0; i < merge->count; i++) {
        m->cursors[i].segment = merge->segments[i];
        m->cursors[i].numbers = checked(
            malloc(((size_t)merge->segments[i]->documents + 1) * sizeof(uint32_t)));
    }
    int r = merge_documents(m, err);
    if (r == 0)
        r = merge_tokens(m, err);
    if (r == 0)
        r = merge_heaps(m, err);
    if (r == 0)
        r = index_writer_finish(m->writer, err);
    for (size_t i = 0; i < merge->count; i++) {
        free(m->cursors[i].numbers);
        buf_deinit(&m->cursors[i].words);
        buf_deinit(&m->cursors[i].lists);
    }
    posting_lists_deinit(m->lists);
    posting_list_deinit(&m->numbers);
    free(m->lists);
    index_writer_free(&m->writer);
    free(m);
    return r;
}
