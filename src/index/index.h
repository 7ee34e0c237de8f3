/* index.h: the search index of an account: its segments, kept through the store contract.
 *
 * The index of account N lies in the store under an account id of its own, so that its commits never meet those of mail. Segments are
 * blobs there; one state record ("index") lists them and holds a mark of who fills it:
 *
 *   u8 format, varint bytes of the mark, mark, varint segments, each: varint blob, documents, bytes, first and last blob id of a document;
 *   varint count, blobs that are listed no more and wait to be dropped
 *
 * All of it is derived data: a message in no segment is scanned, so that a lost or damaged index costs time and no hit.
 *
 *   shelf      one a process: the indexes in use and a bounded cache of open segments
 *   index      of one account; shared, reference counted
 *   view       its segments at one moment, immutable; what a search holds. A segment that was merged away stays readable
 *              until no view of this process has it.
 * Threads: any. */
#ifndef LOFT_INDEX_INDEX_H
#define LOFT_INDEX_INDEX_H

#include "index/merge.h"
#include "index/segment.h"
#include "store/store.h"

enum {
    INDEX_MARK_BYTES_MAX = 4096,
    INDEX_SEGMENTS_MAX = 256,          /* of an account; index_add is -ERR_LIMIT: merge first */
    INDEX_CACHE_BYTES_MIN = 64 * 1024, /* of a shelf; at least one segment stays open */
};

/* Under which id of the store the index of `account` lies. */
static inline struct account_id index_account(struct account_id account)
{
    return account_id_of_index(account);
}

struct index_shelf;
struct index;

/* `store` is borrowed and outlives the shelf. */
struct index_shelf *index_shelf_new(struct store *store, size_t cache_bytes);
void index_shelf_free(struct index_shelf **shelf); /* nobody has an index or a view any more (asserted) */

/* The index of an account (the account's own id); an account without one has an empty index. A list that cannot be read, or
 * has another format, is -ERR_CORRUPT: index_drop makes room for a new one. */
MUST_USE int index_open(struct index_shelf *shelf, struct account_id account, struct index **index_out,
                        struct err *err);
void index_close(struct index **index);

/* ---- looking ---- */

struct index_entry {
    struct blob_id blob; /* in the index's own account */
    uint32_t documents;
    uint64_t bytes;
    struct blob_id first, last; /* documents */
};

struct index_view;

struct index_view *index_view(struct index *index); /* as it is now; never NULL */
struct index_view *index_view_ref(struct index_view *view);
void index_view_unref(struct index_view **view);

uint64_t index_view_version(const struct index_view *view); /* rises with each change */
struct str index_view_mark(const struct index_view *view);  /* "" at first; borrows the view */
size_t index_view_count(const struct index_view *view);
const struct index_entry *index_view_entry(const struct index_view *view, size_t at); /* borrows the view */

/* Segment `at`, open: from the cache or read now. The caller unrefs it. It may be used as long as the view is held.
 * -ERR_CORRUPT, -ERR_NOT_FOUND (another server merged it away), -ERR_IO: its documents are to be scanned. */
MUST_USE int index_view_segment(struct index_view *view, size_t at, struct index_segment **segment_out,
                                struct err *err);

/* ---- changing. One at a time changes an index: the indexer (asserted by nothing: two that do are told apart by -ERR_CONFLICT) ---- */

/* Add a segment (what index_builder_finish made; NIL: none) and set the mark, in one durable commit. Errors as store_commit. */
MUST_USE int index_add(struct index *index, struct str segment, struct str mark, struct err *err);

/* The mark alone. */
MUST_USE int index_set_mark(struct index *index, struct str mark, struct err *err);

/* Is there something to merge? Segments of about a size become one, so that their number stays about that of the digits of the documents,
 * and each document is merged about as often. 1 and the entries to merge (positions in `view`, ascending), or 0. */
MUST_USE int index_merge_due(const struct index_view *view, size_t positions_out[INDEX_MERGE_SEGMENTS_MAX],
                             size_t *count_out);

/* The same for all segments, those that are large already too, to make them anew one group after the other: the next to merge from
 * position `*at` on, which moves behind them. As many as one segment may surely hold, one at least; 0 at the end. */
MUST_USE int index_merge_all(const struct index_view *view, size_t *at,
                             size_t positions_out[INDEX_MERGE_SEGMENTS_MAX], size_t *count_out);

/* Merge these segments of the view and put the result in their place, in one commit.
 *   keep, pause, ctx  as in struct index_merge; may be NULL
 *   folder            where the result may lie meanwhile, in a file without a name
 *   errors            as index_merge_run and store_commit; -ERR_CONFLICT when one of them is listed no more */
MUST_USE int index_merge(struct index *index, struct index_view *view, const size_t *positions, size_t count,
                         bool (*keep)(void *ctx, struct blob_id blob),
                         int (*pause)(void *ctx, struct err *err), void *ctx, const char *folder,
                         struct err *err);

/* Take segments out of the list (damaged, say) and set the mark: their documents are scanned until they are added anew. */
MUST_USE int index_remove(struct index *index, struct index_view *view, const size_t *positions, size_t count,
                          struct str mark, struct err *err);

/* Remove the whole index of this account from the store. Views that are held may fail to read from then on. */
MUST_USE int index_drop(struct index *index, struct err *err);

/* Read every segment and compare it with itself and with the list: -ERR_CORRUPT with the first that is wrong; at_out (may be NULL) is its
 * position. */
MUST_USE int index_check(struct index_view *view, int (*pause)(void *ctx, struct err *err), void *ctx,
                         size_t *at_out, struct err *err);

struct index_stats {
    size_t segments;
    uint64_t documents, bytes; /* bytes before the store compresses them */
};
void index_stats(const struct index_view *view, struct index_stats *stats_out);

#endif
