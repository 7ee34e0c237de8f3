/* segments.h: the segment files of a store as a set: where the next record goes, which are open, how much of
 * each is alive.
 *
 *   a segment's life:   HEAD (records are appended) -> sealed (only read) -> empty -> retired (file gone)
 *   A blob larger than a sixteenth of a segment gets a file of its own, which is born sealed.
 *
 * Appending reserves space under the lock and writes outside of it. Each append leaves the segment with a pin
 * ("pending") that the caller takes off with segments_settle() when the record became live or was given up: a
 * pinned segment is not retired. Counts of live bytes change only through segments_count(), by the committer,
 * after the batch that stores them was written.
 *
 * Threads: any. A `struct segment *` is good while it is acquired or pinned, and in the committer. */
#ifndef LOFT_STORE_ROCKS_SEGMENTS_H
#define LOFT_STORE_ROCKS_SEGMENTS_H

#include "base/map.h"
#include "store/rocks/rocks.h"
#include "store/rocks/segment.h"

#include <stdatomic.h>

/* Of live records, padded; `end` is behind the last one that was ever committed. Stored in the database. */
struct segment_counts {
    uint64_t live_bytes, live_raw_bytes, live_count, end;
};

struct segment {
    uint64_t number, salt;
    int fd; /* -1: closed */
    unsigned users, writers, pending_count;
    uint64_t pending_bytes;
    uint64_t reserved, allocated; /* end of what was given out, and of what the file system was asked for */
    bool sealed, retired, damaged;
    _Atomic uint64_t written, synced; /* count of finished writes, and how many of them are durable */
    struct segment_counts counts;
    size_t group_index;            /* of the committer */
    struct segment *older, *newer; /* open ones by last use */
};

enum segments_head { HEAD_ARRIVAL, HEAD_COLD, HEAD_COUNT }; /* new mail; what the collector keeps */

struct segments {
    pthread_mutex_t lock;
    char *folder;
    int folder_fd;
    const struct rocks_file_ops *files;
    uint64_t segment_bytes;
    unsigned open_max, open_count;
    struct map by_number; /* uint64_t -> struct segment */
    struct segment *heads[HEAD_COUNT];
    struct segment *oldest_open, *newest_open;
    uint64_t next_number;
    _Atomic uint64_t written_bytes, flush_count;
};

void segments_init(struct segments *set, const struct rocks_options *options); /* FOLDER/segments */
void segments_deinit(struct segments *set);                                    /* cuts preallocated tails */
void segments_path(const struct segments *set, uint64_t number, struct buf *out);

/* Start: tell what the database knows, then look at the folder: files it does not know hold nothing that was
 * committed and are removed, tails are cut. `may_remove` false: an unknown file is -ERR_CORRUPT. `damage` is
 * told of missing and short files. */
void segments_add_known(struct segments *set, uint64_t number, uint64_t salt,
                        const struct segment_counts *counts);
MUST_USE int segments_start(struct segments *set, bool may_remove,
                            void (*damage)(void *ctx, const char *text), void *ctx, struct err *err);

/* A record on its way to being live. */
struct appended {
    struct place place;
    struct segment *segment; /* pinned */
    uint64_t ticket;         /* durable once segment->synced reaches it */
};

/* Write `record` (as record_encode made it; sealed here) behind the others. -ERR_FULL, -ERR_IO. */
MUST_USE int segments_append(struct segments *set, enum segments_head head, struct buf *record,
                             struct appended *out, struct err *err);
/* The same for a blob too large for memory, block by block into a file of its own. */
MUST_USE int segments_append_large(struct segments *set, struct compressor *c, struct packing packing,
                                   struct account_id account, struct blob_id blob, struct str bytes,
                                   struct appended *out, struct err *err);
bool segments_is_large(const struct segments *set, uint64_t raw_bytes);
void segments_settle(struct segments *set, const struct appended *a);
MUST_USE int segments_sync(struct segments *set, struct segment *s, struct err *err);

/* The segment, open for reading; release it soon. -ERR_NOT_FOUND when there is none of that number (any
 * more); -ERR_CORRUPT when its file is missing; -ERR_IO. */
MUST_USE int segments_acquire(struct segments *set, uint64_t number, struct segment **out, struct err *err);
void segments_release(struct segments *set, struct segment *s);

/* For the committer. */
struct segment *segments_find(struct segments *set, uint64_t number); /* NULL: none */
struct segment_counts segments_counts(struct segments *set, const struct segment *s);
void segments_count(struct segments *set, struct segment *s, const struct segment_counts *counts);
/* Sealed, nothing live, nothing pending. */
bool segments_is_empty(struct segments *set, const struct segment *s);
/* Unlink; gone when the last reader has left. */
void segments_retire(struct segments *set, struct segment *s);

/* Seal the heads, so that what was written so far lies in files that never change again. */
void segments_roll(struct segments *set);

/* For the collector: the sealed, unpinned segment with the least live part, if that is below `percent` (0:
 * only empty ones); false: none. */
bool segments_worst(struct segments *set, unsigned percent, uint64_t *number_out);
/* segments_worst passes over it from now on. */
void segments_mark_damaged(struct segments *set, uint64_t number);

/* fn for each file; the set is locked meanwhile: be short. */
void segments_each(struct segments *set, void (*fn)(void *ctx, const struct segment *s), void *ctx);

#endif
