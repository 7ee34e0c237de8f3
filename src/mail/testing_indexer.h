/* testing_indexer.h: what the tests of the indexer share: messages, a run, and what the index has then. All asserts are cmocka's. */
#ifndef LOFT_MAIL_TESTING_INDEXER_H
#define LOFT_MAIL_TESTING_INDEXER_H

#include "index/builder.h"
#include "index/query.h"
#include "mail/testing_mail.h"
#include "mime/meta.h"

static const struct account_id account = { BENCH_ACCOUNT };

/* Append a message whose records are as delivery makes them. */
static inline uint32_t append_text(struct bench *b, const char *mailbox, const char *text)
{
    struct buf meta = BUF_INIT, header = BUF_INIT;
    struct new_message m = { .size_bytes = (uint32_t)strlen(text), .internal_date_s = BENCH_WALL_S };
    assert_int_equal(mime_meta_build(str_c(text), NULL, &meta, &header, &b->err), 0);
    assert_int_equal(
        store_blob_write(b->store, account, str_c(text), buf_str(&meta), buf_str(&header), &m.blob, &b->err),
        0);
    struct change c = append_change(b, mailbox, &m, 1);
    assert_int_equal(commit_one(b, &c), 0);
    buf_deinit(&meta);
    buf_deinit(&header);
    return seqset_first(&c.uids);
}

static inline void append_numbered(struct bench *b, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        char text[128];
        snprintf(text, sizeof text, "Subject: number%u\r\n\r\nbody%u all\r\n", i, i);
        append_text(b, "INBOX", text);
    }
}

static inline int run(struct bench *b)
{
    uint64_t looked;
    return indexer_run(mail_indexer(b->mail), account, false, 0, &looked, &b->err);
}

static inline struct indexer_status status_of(struct bench *b)
{
    struct indexer_status status;
    int r = indexer_status(mail_indexer(b->mail), account, &status, &b->err);
    if (r < 0)
        print_error("status: %s\n", b->err.text);
    assert_int_equal(r, 0);
    return status;
}

/* Documents that surely hold the word, in all segments; -1: there is no index. */
static inline int count_hits(struct bench *b, const char *word, unsigned fields)
{
    struct index_view *view = account_index_view(b->account);
    struct index_query *query = index_query_new(str_c(word), fields, INDEX_EXACT);
    int hits = view ? 0 : -1;
    for (size_t i = 0; view && i < index_view_count(view); i++) {
        struct index_set sure = INDEX_SET_INIT, maybe = INDEX_SET_INIT;
        struct index_segment *segment;
        assert_int_equal(index_view_segment(view, i, &segment, &b->err), 0);
        assert_int_equal(index_query_run(query, segment, &sure, &maybe, &b->err), 0);
        hits += (int)sure.count;
        index_set_deinit(&sure);
        index_set_deinit(&maybe);
        index_segment_unref(&segment);
    }
    index_query_free(&query);
    if (view)
        index_view_unref(&view);
    return hits;
}

static inline void count_finding(void *ctx, const char *what)
{
    (void)what;
    ++*(unsigned *)ctx;
}

static inline unsigned check(struct bench *b)
{
    struct indexer_check *c;
    unsigned findings = 0;
    uint64_t looked;
    assert_int_equal(indexer_check_new(mail_indexer(b->mail), account, count_finding, &findings, &c, &b->err),
                     0);
    assert_int_equal(indexer_check_step(c, 0, &looked, &b->err), 0);
    indexer_check_free(&c);
    return findings;
}

static inline void assert_whole(struct bench *b, uint64_t messages)
{
    struct indexer_status status = status_of(b);
    assert_int_equal(status.messages, messages);
    assert_int_equal(status.documents, messages);
    assert_int_equal(status.waiting, 0);
    assert_int_equal(check(b), 0);
}

#endif
