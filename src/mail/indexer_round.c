/* One account: what is missing becomes segments, segments are merged.
 *
 *   mark   u8 format, u8 walking, varint version, varint walked
 *
 * An index begins with a walk over all blobs of the account in the order of their ids, which opens no mailbox. What comes
 * meanwhile, with whatever id, has a modseq above the mark's version and is found in the mailboxes afterwards, as all new mail is. */
#include "base/codec.h"
#include "mail/extracted.h"
#include "mail/indexer_private.h"

#include <stdlib.h>

enum {
    MARK_FORMAT = 1,
    MARK_ROWS = 4096,          /* looked at in vain: worth a new mark */
    GONE_DOCUMENTS_MIN = 1000, /* more, and more than are alive: all segments are made anew */
    REPAIRS_MAX = 16,          /* damaged segments taken out in a round */
};

/* ---- the mark ---- */

void indexer_mark_encode(const struct indexer_mark *mark, struct buf *out)
{
    buf_put_u8(out, MARK_FORMAT);
    buf_put_u8(out, mark->walking);
    buf_put_varint(out, mark->version);
    buf_put_varint(out, mark->walked);
}

int indexer_mark_decode(struct str bytes, struct indexer_mark *mark_out, struct err *err)
{
    struct reader r = reader_make(bytes);
    struct indexer_mark mark = { .walking = true };

    if (bytes.n == 0) {
        *mark_out = mark;
        return 0;
    }
    uint8_t format = reader_u8(&r);
    mark.walking = reader_u8(&r) != 0;
    mark.version = reader_varint(&r);
    mark.walked = reader_varint(&r);
    if (r.bad || reader_left(&r) > 0 || format != MARK_FORMAT)
        return err_set(err, ERR_CORRUPT, "the mark of a search index is damaged");
    *mark_out = mark;
    return 0;
}

int indexer_is_behind(struct indexer *indexer, struct account_id account, uint64_t version, bool *behind_out,
                      struct err *err)
{
    struct indexer_mark mark;
    struct index *index;

    *behind_out = true;
    int r = index_open(indexer->shelf, account, &index, err);
    if (r == -ERR_CORRUPT)
        return 0;
    if (r < 0)
        return r;
    struct index_view *view = index_view(index);
    if (indexer_mark_decode(index_view_mark(view), &mark, NULL) == 0)
        *behind_out = mark.walking || mark.version < version;
    index_view_unref(&view);
    index_close(&index);
    return 0;
}

/* ---- segments ---- */

/* One account being brought up to date. */
struct round {
    struct indexer_work *work;
    struct index *index;
    struct indexer_mark mark; /* as of the last commit; `walked` runs ahead of it */
    struct index_builder *builder;
    struct indexer_lookup lookup; /* of the view that the round began with */
    size_t damaged_at;            /* in it; SIZE_MAX: none */
    bool change_failed;           /* an error came from changing the index */
    uint64_t messages;            /* in the account */
};

/* It was the index that could not be read, and not the mail. */
static bool is_damaged(const struct round *round)
{
    return round->damaged_at != SIZE_MAX || round->change_failed;
}

struct merging {
    struct indexer_work *work;
    struct indexer_alive alive;
};

static bool is_alive(void *ctx, struct blob_id blob)
{
    return indexer_alive_has(&((struct merging *)ctx)->alive, blob);
}

static int pause_merging(void *ctx, struct err *err)
{
    int r = indexer_pause(((struct merging *)ctx)->work, err);
    return r == -ERR_AGAIN ? 0 : r; /* half a merge cannot be kept */
}

static int merge(struct round *round, struct index_view *view, const size_t *positions, size_t count,
                 struct err *err)
{
    struct indexer_work *work = round->work;
    struct merging m = { .work = work };

    indexer_alive_init(&m.alive, work->store, work->account);
    int r = index_merge(round->index, view, positions, count, is_alive, pause_merging, &m,
                        work->indexer->options->spool_folder, err);
    round->change_failed = r < 0;
    if (r == 0)
        r = extracted_sweep(work->store, work->account, is_alive, &m, err);
    indexer_alive_deinit(&m.alive);
    return r;
}

static int merge_what_is_due(struct round *round, struct err *err)
{
    size_t positions[INDEX_MERGE_SEGMENTS_MAX], count;
    int r;

    do {
        struct index_view *view = index_view(round->index);
        r = index_merge_due(view, positions, &count);
        if (r == 1) {
            r = merge(round, view, positions, count, err);
            r = r < 0 ? r : 1;
        }
        index_view_unref(&view);
    } while (r == 1);
    return r;
}

/* Documents whose messages are gone, and more of them than of the others. */
static int merge_what_is_gone(struct round *round, struct err *err)
{
    size_t positions[INDEX_MERGE_SEGMENTS_MAX], count, at = 0;
    struct index_view *view = index_view(round->index);
    struct index_stats stats;
    int r = 0;

    index_stats(view, &stats);
    if (stats.documents > 2 * round->messages + GONE_DOCUMENTS_MIN)
        while (r == 0 && index_merge_all(view, &at, positions, &count) == 1)
            r = merge(round, view, positions, count, err);
    index_view_unref(&view);
    return r;
}

/* What was gathered becomes a segment; it and the mark are there together or not at all. */
static int commit(struct round *round, struct err *err)
{
    struct buf segment = BUF_INIT, mark = BUF_INIT;
    int r;

    indexer_mark_encode(&round->mark, &mark);
    if (index_builder_documents(round->builder) > 0) {
        index_builder_finish(round->builder, &segment);
        r = index_add(round->index, buf_str(&segment), buf_str(&mark), err);
    } else {
        r = index_set_mark(round->index, buf_str(&mark), err);
    }
    round->change_failed = r < 0;
    buf_deinit(&segment);
    buf_deinit(&mark);
    return r < 0 ? r : merge_what_is_due(round, err);
}

/* ---- messages ---- */

static int add_message(struct round *round, uint64_t id, struct str meta, struct err *err)
{
    struct indexer_work *work = round->work;
    struct blob_id blob = { id };

    int r = indexer_lookup_has(&round->lookup, blob, &round->damaged_at, err);
    if (r == 0) {
        r = indexer_add_document(work, round->builder, blob, meta, err);
        if (r == -ERR_NOT_FOUND)
            r = 0; /* expunged meanwhile */
    }
    if (r < 0)
        return r;
    work->looked++;
    r = indexer_pause(work, err);
    round->mark.walked = round->mark.walking ? id : 0;
    if (r == -ERR_AGAIN || (r == 0 && indexer_is_full(work, round->builder))) {
        int committed = commit(round, err);
        r = committed < 0 ? committed : r;
    }
    return r;
}

/* Index what is in the range and no document yet. */
static int add_messages(struct round *round, struct blob_range range, struct err *err)
{
    struct indexer_records *records = calloc(1, sizeof *records);
    int r;

    if (!records)
        abort();
    while ((r = indexer_records_read(round->work, &range, records, err)) == 0 && records->count > 0) {
        size_t from = 0;
        for (size_t i = 0; r == 0 && i < records->count; i++) {
            r = add_message(round, records->ids[i],
                            str_sub(buf_str(&records->bytes), from, records->ends[i] - from), err);
            from = records->ends[i];
        }
        if (r < 0)
            break;
        range.first.n = records->ids[records->count - 1] + 1;
    }
    if (r == -ERR_CORRUPT &&
        !is_damaged(round)) { /* the mail is, and more than can be stepped over: go on behind it */
        int kept = commit(round, NULL);
        (void)kept;
    }
    buf_deinit(&records->bytes);
    free(records);
    return r;
}

/* From the blob where the mark stands to the last. */
static int walk(struct round *round, struct err *err)
{
    if (round->mark.version == 0) {
        int r = store_version(round->work->store, round->work->account, &round->mark.version, err);
        if (r < 0 || round->mark.version == 0)
            return r < 0 ? r : err_set(err, ERR_NOT_FOUND, "no such account");
    }
    const struct blob_range all = {
        .slot = BLOB_META, .first = { round->mark.walked + 1 }, .last = { UINT64_MAX }, .in_passing = true
    };
    int r = add_messages(round, all, err);
    if (r < 0)
        return r;
    if (round->mark.walked == 0 && round->lookup.count == 0)
        return 0; /* an account without mail needs no index */
    round->mark.walking = false;
    round->mark.walked = 0;
    return commit(round, err);
}

/* ---- the round ---- */

static int add_new(struct round *round, struct err *err)
{
    struct indexer_work *work = round->work;
    struct indexer_missing missing;

    int r = indexer_find_missing(work->indexer, work->account, round->mark.version, &round->lookup, &missing,
                                 &round->damaged_at, err);
    if (r < 0)
        return r;
    round->messages = missing.messages;
    if (missing.too_many) {
        round->mark = (struct indexer_mark){ .version = missing.version, .walking = true };
        r = walk(round, err);
    } else if (missing.count > 0) {
        r = add_messages(round,
                         (struct blob_range){ .slot = BLOB_META,
                                              .first = { missing.blobs[0] },
                                              .last = { missing.blobs[missing.count - 1] },
                                              .only = missing.blobs,
                                              .only_count = missing.count },
                         err);
        round->mark.version = missing.version;
        r = r < 0 ? r : commit(round, err);
    } else if (missing.rows > MARK_ROWS) {
        round->mark.version = missing.version;
        r = commit(round, err);
    }
    free(missing.blobs);
    return r;
}

static int bring_up(struct round *round, struct err *err)
{
    struct index_view *view = index_view(round->index);

    round->damaged_at = SIZE_MAX;
    round->change_failed = false;
    if (indexer_mark_decode(index_view_mark(view), &round->mark, NULL) < 0)
        round->mark = (struct indexer_mark){ .walking = true };
    round->builder = index_builder_new();
    indexer_lookup_init(&round->lookup, view);
    int r = round->mark.walking ? walk(round, err) : 0;
    if (r == 0 && !round->mark.walking) { /* what the walk has added */
        indexer_lookup_deinit(&round->lookup);
        index_view_unref(&view);
        view = index_view(round->index);
        indexer_lookup_init(&round->lookup, view);
        r = add_new(round, err);
    }
    if (r == 0)
        r = merge_what_is_gone(round, err);
    indexer_lookup_deinit(&round->lookup);
    index_builder_free(&round->builder);
    index_view_unref(&view);
    return r;
}

/* A segment cannot be read: its documents are to be added anew, and a walk finds them. 1: done, 0: none is damaged. */
static int take_out_damaged(struct round *round, struct err *err)
{
    struct indexer_mark mark = { .walking = true };
    struct buf bytes = BUF_INIT;
    size_t at = SIZE_MAX;

    struct index_view *view = index_view(round->index);
    int r = index_check(view, indexer_pause, round->work, &at, err);
    if ((r == -ERR_CORRUPT || r == -ERR_NOT_FOUND) && at < index_view_count(view)) {
        indexer_mark_encode(&mark, &bytes);
        r = index_remove(round->index, view, &at, 1, buf_str(&bytes), err);
        r = r < 0 ? r : 1;
    }
    index_view_unref(&view);
    buf_deinit(&bytes);
    return r;
}

static int take_out_all_damaged(struct round *round, struct err *err)
{
    int r = 1;
    for (int repairs = 0; r == 1 && repairs < REPAIRS_MAX; repairs++)
        r = take_out_damaged(round, err);
    return r < 0 ? r : 0;
}

/* The list of segments: an empty one when it cannot be read, or is to go. */
static int open_index(struct indexer_work *work, bool afresh, struct index **index_out, struct err *err)
{
    int r = index_open(work->indexer->shelf, work->account, index_out, err);
    if (r == -ERR_CORRUPT) {
        r = store_drop_account(work->store, account_id_of_index(work->account), err);
        return r < 0 ? r : index_open(work->indexer->shelf, work->account, index_out, err);
    }
    if (r < 0 || !afresh)
        return r;
    r = index_drop(*index_out, err);
    if (r < 0)
        index_close(index_out);
    return r;
}

/* Its account was dropped while we wrote: what came after goes too. */
static int drop_if_orphaned(struct indexer_work *work, struct err *err)
{
    uint64_t version;

    int r = store_version(work->store, work->account, &version, err);
    return r < 0 || version > 0 ? r : store_drop_account(work->store, work->account, err);
}

/* Until it is done, or no damage can be mended. */
static int bring_up_and_mend(struct round *round, struct err *err)
{
    struct err ignored;
    int r = 0;

    for (int repairs = 0; repairs < REPAIRS_MAX; repairs++) {
        r = bring_up(round, err);
        if ((r != -ERR_CORRUPT && r != -ERR_NOT_FOUND) || !is_damaged(round))
            break;
        int repaired = take_out_damaged(round, &ignored);
        if (repaired == 0 && repairs > 0) /* the store has lost what the list names: trust nothing */
            repaired = index_drop(round->index, &ignored) == 0;
        if (repaired != 1)
            break;
    }
    return r;
}

int indexer_round(struct indexer_work *work, bool afresh, struct err *err)
{
    struct round round = { .work = work };
    struct err ignored;

    int r = open_index(work, afresh, &round.index, err);
    if (r < 0)
        return r;
    if (work->suspect)
        r = take_out_all_damaged(&round, err);
    if (r == 0)
        r = bring_up_and_mend(&round, err);
    index_close(&round.index);
    int gone = drop_if_orphaned(work, &ignored);
    return r < 0 ? r : gone;
}
