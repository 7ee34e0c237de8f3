/* Figures of an index, and whether it says what the messages say. */
#include "mail/indexer_private.h"
#include "mime/meta.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- figures ---- */

struct counting {
    struct indexer_work *work;
    struct indexer_lookup lookup;
    struct indexer_status *status;
    struct indexer_missing *missing; /* NULL, or the list of messages that are no documents */
};

static int count_message(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    struct counting *c = ctx;
    struct meta_view view;
    size_t damaged_at;

    int r = indexer_lookup_has(&c->lookup, id, &damaged_at, err);
    uint64_t bytes = mime_meta_view(record, &view, NULL) == 0 ? view.message_bytes : 0;
    if (r < 0 && r != -ERR_CORRUPT && r != -ERR_NOT_FOUND) /* what a damaged segment had is no document */
        return r;
    c->status->messages++;
    c->status->raw_bytes += bytes;
    if (r == 1) {
        c->status->documents++;
        c->status->indexed_bytes += bytes;
    } else if (c->missing) {
        indexer_missing_add(c->missing, id.n);
    }
    int paused = indexer_pause(c->work, err);
    return paused == -ERR_AGAIN ? 0 : paused;
}

static int count_all(struct indexer_work *work, struct index_view *view, struct indexer_status *status,
                     struct indexer_missing *missing, struct err *err)
{
    const struct blob_range all = {
        .slot = BLOB_META, .first = { 1 }, .last = { UINT64_MAX }, .in_passing = true
    };
    struct counting c = { .work = work, .status = status, .missing = missing };
    struct index_stats stats;

    index_stats(view, &stats);
    indexer_lookup_init(&c.lookup, view);
    int r = store_blob_scan(work->store, work->account, &all, count_message, &c, err);
    indexer_lookup_deinit(&c.lookup);
    status->waiting = status->messages - status->documents;
    status->gone = stats.documents > status->documents ? stats.documents - status->documents : 0;
    status->index_bytes = stats.bytes;
    status->segments = (uint32_t)stats.segments;
    return r;
}

int indexer_status(struct indexer *indexer, struct account_id account, struct indexer_status *status_out,
                   struct err *err)
{
    struct indexer_work work = { .indexer = indexer, .store = indexer->options->store, .account = account };
    struct indexer_status status = { .messages = 0 };
    struct index *index;

    if (!indexer->shelf)
        return err_set(err, ERR_CANNOT, "search indexes are switched off (index.enabled)");
    int r = index_open(indexer->shelf, account, &index, err);
    if (r < 0)
        return r;
    struct index_view *view = index_view(index);
    r = count_all(&work, view, &status, NULL, err);
    index_view_unref(&view);
    index_close(&index);
    if (r == 0)
        *status_out = status;
    return r;
}

/* ---- is it right? ---- */

struct indexer_check {
    struct indexer_work work;
    struct index *index;
    struct index_view *view;
    indexer_finding_fn *fn;
    void *ctx;

    bool begun;                    /* the segments were read */
    size_t segment_at;             /* the one compared now ... */
    uint32_t document;             /* ... from this document on */
    struct index_segment *segment; /* NULL: not open yet */
    uint64_t *digests;             /* heap: of its documents */
    struct index_builder *builder; /* the same, made afresh from the messages */
};

static void tell(const struct indexer_check *c, const char *text, uint64_t n)
{
    char what[ERR_TEXT_BYTES];
    snprintf(what, sizeof what, text, (unsigned long long)n);
    c->fn(c->ctx, what);
}

/* -ERR_CORRUPT, what reading failed with. `digests_out` is the caller's (heap). */
static int digest(struct index_segment *segment, uint64_t **digests_out, struct err *err)
{
    uint32_t count = index_segment_documents(segment);
    uint64_t *digests = malloc((count ? count : 1) * sizeof *digests);
    if (!digests)
        abort();
    int r = index_segment_digest(segment, digests, err);
    if (r < 0)
        free(digests);
    else
        *digests_out = digests;
    return r;
}

/* The documents made so far against what the segment says of them. */
static int compare(struct indexer_check *c, struct err *err)
{
    struct index_segment *fresh;
    struct buf bytes = BUF_INIT;
    uint64_t *digests;
    uint32_t at = 0;

    if (index_builder_documents(c->builder) == 0)
        return 0;
    index_builder_finish(c->builder, &bytes);
    int r = index_segment_open_bytes(buf_str(&bytes), &fresh, err);
    if (r == 0) {
        r = digest(fresh, &digests, err);
        for (uint32_t i = 0; r == 0 && i < index_segment_documents(fresh); i++) {
            struct blob_id blob = index_segment_blob(fresh, i);
            at = index_segment_seek(c->segment, blob, at);
            if (c->digests[at] != digests[i])
                tell(c, "the index says other than its text of the message with id %llu", blob.n);
        }
        if (r == 0)
            free(digests);
        index_segment_unref(&fresh);
    }
    buf_deinit(&bytes);
    return r;
}

static int pause_reading(void *check, struct err *err)
{
    int r = indexer_pause(&((struct indexer_check *)check)->work, err);
    return r == -ERR_AGAIN ? 0 : r; /* it cannot be taken up half way */
}

static int make_afresh(struct indexer_check *c, struct blob_id blob, struct err *err)
{
    struct buf meta = BUF_INIT;

    int r = store_blob_record(c->work.store, c->work.account, blob, BLOB_META, &meta, err);
    if (r == 0)
        r = indexer_add_document(&c->work, c->builder, blob, buf_str(&meta), err);
    buf_deinit(&meta);
    if (r < 0)
        return r == -ERR_NOT_FOUND ? 0 : r; /* gone, and not yet out of the index */
    c->work.looked++;
    if (indexer_is_full(&c->work, c->builder))
        r = compare(c, err);
    return r < 0 ? r : indexer_pause(&c->work, err);
}

/* From where the last call left off. */
static int check_segments(struct indexer_check *c, struct err *err)
{
    int r = 0;

    for (; r == 0 && c->segment_at < index_view_count(c->view); c->segment_at++) {
        if (!c->segment) {
            r = index_view_segment(c->view, c->segment_at, &c->segment, err);
            r = r < 0 ? r : digest(c->segment, &c->digests, err);
        }
        while (r == 0 && c->document < index_segment_documents(c->segment))
            r = make_afresh(c, index_segment_blob(c->segment, c->document++), err);
        if (r == 0)
            r = compare(c, err);
        if (r < 0)
            return r;
        index_segment_unref(&c->segment);
        free(c->digests);
        c->digests = NULL;
        c->document = 0;
    }
    return r;
}

static bool has_id(const struct indexer_missing *m, uint64_t id)
{
    for (size_t low = 0, high = m->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (m->blobs[middle] == id)
            return true;
        if (m->blobs[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Messages that the mark calls documents and that are none. `lacking` were found before those that came since the mark, so that what comes
 * meanwhile is not held against the index. */
static int check_lacking(struct indexer_check *c, const struct indexer_mark *mark,
                         const struct indexer_missing *lacking, struct err *err)
{
    struct indexer_missing since;
    struct indexer_lookup lookup;
    size_t damaged_at;

    indexer_lookup_init(&lookup, c->view);
    int r = indexer_find_missing(c->work.indexer, c->work.account, mark->version, &lookup, &since,
                                 &damaged_at, err);
    indexer_lookup_deinit(&lookup);
    if (r < 0)
        return r;
    for (size_t i = 0; i < lacking->count && !since.too_many; i++) {
        struct buf meta = BUF_INIT;
        if (!has_id(&since, lacking->blobs[i]) &&
            store_blob_record(c->work.store, c->work.account, (struct blob_id){ lacking->blobs[i] },
                              BLOB_META, &meta, NULL) == 0)
            tell(c, "the message with id %llu is not in the index, and would not have been found missing",
                 lacking->blobs[i]);
        buf_deinit(&meta);
    }
    free(since.blobs);
    return 0;
}

static int check_mark(struct indexer_check *c, struct err *err)
{
    struct indexer_mark mark;
    struct indexer_status status = { .messages = 0 };
    struct indexer_missing lacking = { .count = 0 };

    if (indexer_mark_decode(index_view_mark(c->view), &mark, err) < 0) {
        c->fn(c->ctx, err->text);
        return 0;
    }
    if (mark.walking) /* lacks much, and knows it */
        return 0;
    int r = count_all(&c->work, c->view, &status, &lacking, err);
    if (r == 0)
        r = check_lacking(c, &mark, &lacking, err);
    free(lacking.blobs);
    return r;
}

int indexer_check_new(struct indexer *indexer, struct account_id account, indexer_finding_fn *fn, void *ctx,
                      struct indexer_check **check_out, struct err *err)
{
    if (!indexer->shelf)
        return err_set(err, ERR_CANNOT, "search indexes are switched off (index.enabled)");
    struct indexer_check *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->work = (struct indexer_work){ .indexer = indexer,
                                     .store = indexer->options->store,
                                     .account = account,
                                     .checks = true,
                                     .charsets = charset_cache_new() };
    c->fn = fn;
    c->ctx = ctx;
    c->builder = index_builder_new();
    *check_out = c;
    return 0;
}

void indexer_check_free(struct indexer_check **check)
{
    struct indexer_check *c = *check;

    *check = NULL;
    if (!c)
        return;
    index_segment_unref(&c->segment);
    index_builder_free(&c->builder);
    if (c->view)
        index_view_unref(&c->view);
    if (c->index)
        index_close(&c->index);
    charset_cache_free(&c->work.charsets);
    buf_deinit(&c->work.message);
    buf_deinit(&c->work.extracted);
    free(c->digests);
    free(c);
}

static int check_more(struct indexer_check *c, struct err *err)
{
    int r = 0;

    if (!c->index)
        r = index_open(c->work.indexer->shelf, c->work.account, &c->index, err);
    if (r == 0 && !c->view)
        c->view = index_view(c->index);
    if (r == 0 && !c->begun)
        r = index_check(c->view, pause_reading, c, NULL, err);
    c->begun = r == 0;
    if (r == 0)
        r = check_segments(c, err);
    return r < 0 ? r : check_mark(c, err);
}

int indexer_check_step(struct indexer_check *c, uint32_t for_ms, uint64_t *looked_out, struct err *err)
{
    struct err problem = { 0 };

    c->work.looked = 0;
    c->work.until_ms = for_ms ? clock_mono_ms(c->work.indexer->options->clock) + for_ms : 0;
    int r = check_more(c, &problem);
    *looked_out = c->work.looked;
    if (r == -ERR_CORRUPT || r == -ERR_NOT_FOUND) { /* it cannot be read: that is a finding */
        c->fn(c->ctx, problem.text);
        return 0;
    }
    if (r < 0 && err)
        *err = problem;
    return r;
}
