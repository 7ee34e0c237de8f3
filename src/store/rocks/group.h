/* group.h: what the requests of one group add up to: one WriteBatch, the segments to sync, and what changes
 * in memory once it is written. Between committer.c, which runs groups, and group.c, which fills them; apply
 * functions see engine.h only.
 *
 * Versions and blobs are looked up in the group first, then in the database. What a refused request had added
 * is undone: the batch by a save point, the rest from a journal.
 * Threads: one owner, the committer. */
#ifndef LOFT_STORE_ROCKS_GROUP_H
#define LOFT_STORE_ROCKS_GROUP_H

#include "store/rocks/engine.h"

enum { VERSION_CACHE_SLOTS = 4096 };

/* A segment whose counts this group changes. */
struct touched {
    struct segment *segment;
    struct segment_counts counts;
    bool sync, retire;
};

/* A blob as this group leaves it. */
struct group_blob {
    struct account_id account;
    bool live, is_new; /* new: added by this group, and nothing else done to it */
    struct place place;
};

/* Blobs that this group drops, and all of the account between them. */
struct group_range {
    struct account_id account;
    struct blob_id first, last;
};

struct notice {
    struct account_id account;
    uint64_t version;
};

struct undo {
    struct group_blob *blob; /* or NULL: then counts of touched[index] */
    struct group_blob blob_before;
    size_t index;
    struct segment_counts counts_before;
};

struct group {
    struct engine *engine;
    rocksdb_writebatch_t *batch;
    struct arena arena; /* everything below; reset with each group */
    struct map blobs;   /* blob id -> struct group_blob; made when the first is added */
    bool has_blobs;
    struct group_range *ranges; /* a blob in `blobs` was put there later */
    size_t range_count, range_cap;
    uint64_t accounts_with_blobs; /* a bit each, by hash: set where `blobs` or `ranges` may have some */
    struct touched *touched;
    size_t touched_count, touched_cap;
    struct pending **added;
    size_t added_count, added_cap;
    struct notice *versions; /* set by this group; also who is told */
    size_t version_count, version_cap;
    struct undo *journal;
    size_t journal_count, journal_cap;
    struct notice cache[VERSION_CACHE_SLOTS]; /* across groups: versions in the database, by account */
};

struct group_mark {
    size_t journal, added, versions, ranges;
};

struct group *group_new(struct engine *e);
void group_free(struct group **g);
struct group_mark group_mark(const struct group *g);
void group_undo_to(struct group *g, struct group_mark m);
MUST_USE int group_write(struct group *g, struct err *err); /* durable when it returns 0 */
void group_publish(struct group *g); /* it is in the database: let the rest of the engine know */
void group_reset(struct group *g);

/* For group_drop.c. */
bool group_has_blobs_of(const struct group *g, struct account_id account); /* or of another: a hash */
MUST_USE int group_segment_of(struct group *g, struct blob_id id, const struct place *place,
                              struct segment **segment_out, struct err *err);
void group_uncount(struct group *g, struct segment *s, const struct segment_counts *gone);
void group_delete_blob(struct group *g, struct account_id account, struct blob_id id,
                       const struct place *place);
void group_note_range(struct group *g, struct account_id account, struct blob_id first, struct blob_id last);
int group_no_blob(struct account_id account, struct blob_id id, const char *state, struct err *err);

#endif
