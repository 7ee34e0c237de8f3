/* Changing the list of an index: each change is one commit. */
#include "index/index_private.h"
#include "index/spool.h"

#include <assert.h>
#include <stdlib.h>

enum {
    MERGE_AT_ONCE = 4, /* so many of about a size become one */
    PAGES_A_SEGMENT = 3,
};
#define MERGED_BYTES_MAX (INDEX_SEGMENT_BYTES_MAX / 4)
#define REMADE_BYTES_MAX (INDEX_SEGMENT_BYTES_MAX / 2) /* a merged one may take more than its parts */

static void *checked(void *p)
{
    if (!p)
        abort();
    return p;
}

/* What is to be listed next. References are taken by index_show. */
struct draft {
    struct listed **segments;
    size_t count;
    const struct listed *added; /* one of them, whose blob is pending; or NULL */
    struct listed **gone;       /* borrowed from the view before */
    size_t gone_count;
    struct str mark;
};

/* ---- the commit ---- */

static void add_dead(struct index_record *record, struct blob_id blob)
{
    record->dead[record->dead_count++] = blob;
}

static bool is_in_store(struct index *index, struct blob_id blob)
{
    struct buf nothing = BUF_INIT;
    int r = store_blob_read(index->shelf->store, index->account, blob, 0, 0, &nothing, NULL);
    buf_deinit(&nothing);
    return r != -ERR_NOT_FOUND && r != -ERR_CORRUPT;
}

/* Drop those that nobody reads any more; the others stay dead. What is gone now is read by its view at least.
 * looks: forget those that the store has lost. */
static struct listed **bury(struct index *index, const struct draft *d, bool looks,
                            struct index_record *record, struct batch *batch)
{
    struct listed **dead = checked(calloc(index->dead_count + d->gone_count + 1, sizeof(struct listed *)));
    record->dead = checked(calloc(index->dead_count + d->gone_count + 1, sizeof *record->dead));
    for (size_t i = 0; i < index->dead_count; i++) {
        struct listed *listed = index->dead[i];
        if (atomic_load_explicit(&listed->ref.n, memory_order_acquire) == 1 ||
            record->dead_count == INDEX_DEAD_MAX / 2) {
            if (!looks || is_in_store(index, listed->entry.blob))
                batch_drop_blob(batch, listed->entry.blob);
            continue;
        }
        dead[record->dead_count] = listed;
        add_dead(record, listed->entry.blob);
    }
    for (size_t i = 0; i < d->gone_count; i++) {
        dead[record->dead_count] = d->gone[i];
        add_dead(record, d->gone[i]->entry.blob);
    }
    return dead;
}

/* The record, and who is dead then, are the caller's. */
static int write_draft(struct index *index, const struct draft *d, bool looks, struct index_record *record,
                       struct listed ***dead_out, struct err *err)
{
    struct batch batch = BATCH_INIT;
    struct buf bytes = BUF_INIT;
    uint64_t version = index->view->version;
    *record = (struct index_record){ .mark = d->mark, .entry_count = d->count };
    *dead_out = bury(index, d, looks, record, &batch);
    record->entries = checked(calloc(d->count + 1, sizeof *record->entries));
    for (size_t i = 0; i < d->count; i++)
        record->entries[i] = d->segments[i]->entry;
    if (d->added)
        batch_add_blob(&batch, d->added->entry.blob);
    index_record_encode(record, &bytes);
    batch_put(&batch, INDEX_RECORD_KEY, buf_str(&bytes));
    int r = store_commit(index->shelf->store, index->account, version, version + 1, &batch, err);
    buf_deinit(&bytes);
    batch_deinit(&batch);
    return r;
}

/* Commit and show. After an error the list is read anew: it may have moved on. */
static int commit(struct index *index, struct draft *d, struct err *err)
{
    struct index_record record;
    struct listed **dead;
    int r = write_draft(index, d, false, &record, &dead, err);
    if (r == -ERR_NOT_FOUND || r == -ERR_CORRUPT) { /* one that is dead cannot be dropped, it may be */
        free(dead);
        index_record_deinit(&record);
        r = write_draft(index, d, true, &record, &dead, err);
    }
    if (r == 0) {
        for (size_t i = 0; i < record.dead_count; i++)
            ref_get(&dead[i]->ref);
        for (size_t i = 0; i < index->dead_count; i++)
            listed_unref(&index->dead[i]);
        free(index->dead);
        index->dead = dead;
        index->dead_count = record.dead_count;
        dead = NULL;
        for (size_t i = 0; i < d->count; i++)
            ref_get(&d->segments[i]->ref);
        index_show(index, d->segments, d->count, d->mark, index->view->version + 1);
    } else if (r == -ERR_CONFLICT || r == -ERR_IO) {
        int reloaded = index_reload(index, NULL);
        (void)reloaded; /* the next change meets the same trouble, and says so */
    }
    free(dead);
    index_record_deinit(&record);
    return r;
}

/* All segments of the view that is shown; `added` (may be NULL) among them, ascending by their first documents. */
static void draft_init(struct draft *d, const struct index_view *view, struct listed *added, struct str mark)
{
    *d = (struct draft){ .added = added, .mark = mark };
    d->segments = checked(calloc(view->count + 2, sizeof(struct listed *)));
    d->gone = checked(calloc(view->count + 1, sizeof(struct listed *)));
    for (size_t i = 0; i < view->count; i++) {
        if (added && added->entry.first.n < view->segments[i]->entry.first.n) {
            d->segments[d->count++] = added;
            added = NULL;
        }
        d->segments[d->count++] = view->segments[i];
    }
    if (added)
        d->segments[d->count++] = added;
}

static void draft_deinit(struct draft *d)
{
    free(d->segments);
    free(d->gone);
}

/* Those at `positions` of `view` are listed no more. -ERR_CONFLICT when one is not listed now. */
static int draft_remove(struct draft *d, const struct index_view *view, const size_t *positions, size_t count,
                        struct err *err)
{
    size_t left = 0;
    for (size_t i = 0; i < d->count; i++) {
        bool is_gone = false;
        for (size_t k = 0; k < count; k++)
            is_gone = is_gone || view->segments[positions[k]] == d->segments[i];
        if (is_gone)
            d->gone[d->gone_count++] = d->segments[i];
        else
            d->segments[left++] = d->segments[i];
    }
    d->count = left;
    return d->gone_count == count ? 0 : err_set(err, ERR_CONFLICT, "index: a segment is listed no more");
}

/* ---- a new segment ---- */

/* Write it as a pending blob; without documents there is none, and NULL. */
static int put_segment(struct index *index, struct str bytes, struct listed **listed_out, struct err *err)
{
    struct index_segment *segment;
    struct index_entry entry = { .bytes = bytes.n };
    *listed_out = NULL;
    if (bytes.n == 0)
        return 0;
    int r = index_segment_open_bytes(bytes, &segment, err);
    if (r < 0)
        return r;
    entry.documents = index_segment_documents(segment);
    if (entry.documents > 0) {
        entry.first = index_segment_blob(segment, 0);
        entry.last = index_segment_blob(segment, entry.documents - 1);
        r = store_blob_write_for(index->shelf->store, index->account, bytes, BLOB_READ_IN_PARTS, &entry.blob,
                                 err);
    }
    index_segment_unref(&segment);
    if (r < 0 || entry.documents == 0)
        return r;
    *listed_out = listed_new(&entry);
    return 0;
}

/* The new segment in place of some of `view`. */
static int replace(struct index *index, struct index_view *view, const size_t *positions, size_t count,
                   struct str bytes, struct str mark, struct err *err)
{
    struct listed *added = NULL;
    struct draft d = { 0 };
    if (mark.n > INDEX_MARK_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "index: a mark of %zu bytes", mark.n);
    int r = put_segment(index, bytes, &added, err);
    if (r == 0) {
        draft_init(&d, index->view, added, mark);
        r = draft_remove(&d, view, positions, count, err);
        if (r == 0 && d.count > INDEX_SEGMENTS_MAX)
            r = err_set(err, ERR_LIMIT, "index: more than %d segments", INDEX_SEGMENTS_MAX);
        if (r == 0)
            r = commit(index, &d, err);
        if (r < 0 && added)
            store_blob_abandon(index->shelf->store, index->account, added->entry.blob);
        draft_deinit(&d);
    }
    listed_unref(&added);
    return r;
}

int index_add(struct index *index, struct str segment, struct str mark, struct err *err)
{
    pthread_mutex_lock(&index->change);
    int r = replace(index, index->view, NULL, 0, segment, mark, err);
    pthread_mutex_unlock(&index->change);
    return r;
}

int index_set_mark(struct index *index, struct str mark, struct err *err)
{
    return index_add(index, STR_NIL, mark, err);
}

int index_remove(struct index *index, struct index_view *view, const size_t *positions, size_t count,
                 struct str mark, struct err *err)
{
    pthread_mutex_lock(&index->change);
    int r = replace(index, view, positions, count, STR_NIL, mark, err);
    pthread_mutex_unlock(&index->change);
    return r;
}

int index_drop(struct index *index, struct err *err)
{
    pthread_mutex_lock(&index->change);
    int r = store_drop_account(index->shelf->store, index->account, err);
    if (r == 0)
        r = index_reload(index, err);
    pthread_mutex_unlock(&index->change);
    return r;
}

/* ---- merging ---- */

static unsigned size_class(uint32_t documents)
{
    unsigned class = 0;
    for (; documents >= MERGE_AT_ONCE; documents /= MERGE_AT_ONCE)
        class ++;
    return class;
}

int index_merge_due(const struct index_view *view, size_t positions_out[INDEX_MERGE_SEGMENTS_MAX],
                    size_t *count_out)
{
    enum { CLASSES = 16 };
    unsigned of_class[CLASSES] = { 0 }, class;
    uint64_t bytes = 0;
    for (size_t i = 0; i < view->count; i++)
        if (view->segments[i]->entry.bytes < MERGED_BYTES_MAX / MERGE_AT_ONCE)
            of_class[size_class(view->segments[i]->entry.documents)]++;
    for (class = CLASSES; class > 0 && of_class[class - 1] < MERGE_AT_ONCE; class --)
        ;
    *count_out = 0;
    for (size_t i = 0; class > 0 && i < view->count && *count_out < INDEX_MERGE_SEGMENTS_MAX; i++) {
        const struct index_entry *entry = &view->segments[i]->entry;
        if (size_class(entry->documents) >= class || bytes + entry->bytes > MERGED_BYTES_MAX)
            continue;
        bytes += entry->bytes;
        positions_out[(*count_out)++] = i;
    }
    return *count_out > 1;
}

int index_merge_all(const struct index_view *view, size_t *at, size_t positions_out[INDEX_MERGE_SEGMENTS_MAX],
                    size_t *count_out)
{
    uint64_t bytes = 0, documents = 0;
    size_t count = 0;
    for (; *at < view->count && count < INDEX_MERGE_SEGMENTS_MAX; ++*at) {
        const struct index_entry *entry = &view->segments[*at]->entry;
        bytes += entry->bytes;
        documents += entry->documents;
        if (count > 0 && (bytes > REMADE_BYTES_MAX || documents > INDEX_DOCUMENTS_MAX))
            break;
        positions_out[count++] = *at;
    }
    *count_out = count;
    return count > 0;
}

struct merging {
    bool (*keep)(void *ctx, struct blob_id blob);
    int (*pause)(void *ctx, struct err *err);
    void *ctx;
    struct spool spool;
};

static bool keep(void *ctx, struct blob_id blob)
{
    const struct merging *m = ctx;
    return m->keep(m->ctx, blob);
}

static int pause_now(void *ctx, struct err *err)
{
    const struct merging *m = ctx;
    return m->pause(m->ctx, err);
}

static int write_piece(void *ctx, struct str piece, struct err *err)
{
    struct merging *m = ctx;
    return spool_write(&m->spool, piece, err);
}

static int run_merge(struct index *index, struct index_view *view, const size_t *positions, size_t count,
                     struct merging *m, struct err *err)
{
    struct index_segment *segments[INDEX_MERGE_SEGMENTS_MAX] = { NULL };
    struct pages *pages = pages_new(index->shelf->store, count * PAGES_A_SEGMENT * PAGES_BYTES);
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = shelf_open_segment(index->shelf, pages, index->account, &view->segments[positions[i]]->entry,
                               &segments[i], err);
    struct index_merge merge = {
        .segments = segments,
        .count = count,
        .keep = m->keep ? keep : NULL,
        .write = write_piece,
        .pause = m->pause ? pause_now : NULL,
        .ctx = m,
    };
    if (r == 0)
        r = index_merge_run(&merge, err);
    for (size_t i = 0; i < count; i++)
        index_segment_unref(&segments[i]);
    pages_free(&pages);
    return r;
}

int index_merge(struct index *index, struct index_view *view, const size_t *positions, size_t count,
                bool (*keep_fn)(void *ctx, struct blob_id blob), int (*pause_fn)(void *ctx, struct err *err),
                void *ctx, const char *folder, struct err *err)
{
    struct merging m = { .keep = keep_fn, .pause = pause_fn, .ctx = ctx };
    struct str bytes;
    assert(count <= INDEX_MERGE_SEGMENTS_MAX && view->index == index);
    spool_init(&m.spool, folder);
    int r = run_merge(index, view, positions, count, &m, err);
    if (r == 0)
        r = spool_bytes(&m.spool, &bytes, err);
    if (r == 0) {
        pthread_mutex_lock(&index->change);
        struct buf mark = BUF_INIT; /* the view that has it goes with the commit */
        buf_add(&mark, buf_str(&index->view->mark));
        r = replace(index, view, positions, count, bytes, buf_str(&mark), err);
        buf_deinit(&mark);
        pthread_mutex_unlock(&index->change);
    }
    spool_deinit(&m.spool);
    return r;
}

/* ---- checking ---- */

int index_check(struct index_view *view, int (*pause_fn)(void *ctx, struct err *err), void *ctx,
                size_t *at_out, struct err *err)
{
    struct pages *pages = pages_new(view->index->shelf->store, PAGES_A_SEGMENT * PAGES_BYTES);
    size_t i;
    int r = 0;
    for (i = 0; r == 0 && i < view->count; i++) {
        const struct index_entry *e = &view->segments[i]->entry;
        struct index_segment *segment;
        r = shelf_open_segment(view->index->shelf, pages, view->index->account, e, &segment, err);
        if (r < 0)
            break;
        uint32_t documents = index_segment_documents(segment);
        r = index_segment_check(segment, err);
        if (r == 0 &&
            (documents != e->documents || documents == 0 || index_segment_blob(segment, 0).n != e->first.n ||
             index_segment_blob(segment, documents - 1).n != e->last.n))
            r = err_set(err, ERR_CORRUPT, "index: a segment is not what the list says");
        index_segment_unref(&segment);
        if (r == 0 && pause_fn)
            r = pause_fn(ctx, err);
        if (r < 0)
            break;
    }
    if (r < 0 && at_out)
        *at_out = i;
    pages_free(&pages);
    return r;
}
