/* engine.h: the parts of the embedded engine, as they see each other. Private to store/rocks/.
 *
 *   blobs.c      pending blobs, ids, blob_write and the reads          state.c    version, get, scan, accounts
 *   committer.c  the queue and the answers; group.c what a group adds up to and how it is written
 *   commit.c     what one commit adds to its group
 *   drop.c       whole accounts                                        collector.c, checkpoint.c, scrub.c
 *
 * Locks, in the order in which they may be nested: collector.run, files_gone, committer.lock, watch.lock,
 * then those of pending, ids, segments and space, which are never held together. */
#ifndef LOFT_STORE_ROCKS_ENGINE_H
#define LOFT_STORE_ROCKS_ENGINE_H

#include "base/arena.h"
#include "store/rocks/db.h"
#include "store/rocks/places.h"
#include "store/rocks/segments.h"
#include "store/rocks/space.h"

struct engine;

/* ---- pending blobs ---- */

struct pending {
    uint64_t id;
    struct account_id account;
    struct appended at;
    struct buf meta, header; /* each followed by its checksum, as the database keeps it */
    bool claimed;            /* by the group being committed */
    bool abandoned;          /* meanwhile; goes when the group fails */
};

struct pending_blobs {
    pthread_mutex_t lock;
    struct map by_id; /* uint64_t -> struct pending */
};

void pending_init(struct pending_blobs *p);
void pending_deinit(struct engine *e);
/* NULL: not pending. */
struct pending *pending_claim(struct engine *e, struct account_id account, struct blob_id id);
void pending_unclaim(struct engine *e, struct pending *p); /* the group failed */
void pending_done(struct engine *e, struct pending *p);    /* it is live: frees */
void pending_drop_account(struct engine *e, struct account_id account);

/* Monotonic, reserved in blocks so that a crash never gives one twice. */
struct blob_ids {
    pthread_mutex_t lock;
    uint64_t next, reserved;
};
MUST_USE int blob_ids_init(struct engine *e, struct err *err);
MUST_USE int blob_ids_next(struct engine *e, struct blob_id *out, struct err *err);
uint64_t blob_ids_last(struct engine *e); /* the greatest given so far */

/* ---- the committer ---- */

struct group;

/* Something to be done in a group. Lives on the stack of the thread that waits for it; a queued one
 * until its answer. */
struct request {
    /* Adds to the group or refuses. */
    int (*apply)(struct group *g, struct request *request, struct err *err);
    void (*answer)(struct request *request); /* committer_queue: `result` is there; NULL: somebody waits */
    size_t bytes;                            /* roughly, for the size of the group and free space */
    enum space_use use;                      /* below which mark of free space it is refused */
    struct err *err;
    int result;
    _Atomic uint32_t done;
    struct request *next;
};

struct committer {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct request *first, **last;
    bool busy; /* somebody is committing a group */
    bool stop;
    bool started;
    pthread_t thread;
    struct group *group; /* owned by whoever made `busy` true */
    _Atomic uint64_t commit_count, group_count, written_bytes, flush_count;
};

MUST_USE int committer_start(struct engine *e, struct err *err);
void committer_stop(struct engine *e);
/* Queue, wait, return the result. */
MUST_USE int committer_run(struct engine *e, struct request *request, struct err *err);
/* Queue only; request->answer is called, with `result` and request->err filled. */
void committer_queue(struct engine *e, struct request *request);
/* See to it that what is queued is committed. */
void committer_push(struct engine *e);

/* For apply functions. What they add is undone when they return an error. */
rocksdb_writebatch_t *group_batch(struct group *g);
struct engine *group_engine(struct group *g);
MUST_USE int group_version(struct group *g, struct account_id account, uint64_t *out, struct err *err);
void group_set_version(struct group *g, struct account_id account, uint64_t version);
MUST_USE int group_add_blob(struct group *g, struct account_id account, struct blob_id id, struct err *err);
MUST_USE int group_drop_blob(struct group *g, struct account_id account, struct blob_id id, struct err *err);
/* The same for many, ids ascending. */
MUST_USE int group_drop_blobs(struct group *g, struct account_id account, const struct blob_id *ids,
                              size_t count, struct err *err);
/* 1: moved; 0: it is not at `from` any more. */
MUST_USE int group_move_blob(struct group *g, struct account_id account, struct blob_id id,
                             const struct place *from, const struct appended *to, struct err *err);
/* 1: its file goes with this group; 0: it is not empty, or gone already. */
int group_retire(struct group *g, uint64_t segment_number);

/* ---- background and the whole ---- */

struct collector {
    pthread_mutex_t lock; /* guards the flags below */
    pthread_cond_t wake;
    bool stop, asked, started;
    pthread_mutex_t run; /* one collection at a time */
    pthread_t thread;
};
void collector_init(struct engine *e);
MUST_USE int collector_start(struct engine *e, struct err *err);
void collector_stop(struct engine *e);
void collector_ask(struct engine *e); /* something became empty: look soon */

struct engine {
    struct store store; /* first */
    struct rocks_options options;
    char *folder;
    int lock_fd;
    struct db db;
    struct compressor_pool compressors;
    struct segments segments;
    struct space space;
    struct pending_blobs pending;
    struct places *places;
    struct blob_ids ids;
    struct committer committer;
    struct collector collector;
    pthread_mutex_t files_gone; /* held while segment files vanish, and while a checkpoint links them */
    struct {
        pthread_mutex_t lock;
        store_watch_fn *fn;
        void *ctx;
    } watch;
    /* Version of account 0, the directory, which every sign-in asks for; VERSION_UNKNOWN: the database knows. */
    _Atomic uint64_t first_version;
    atomic_bool failed;
};
#define VERSION_UNKNOWN UINT64_MAX

void engine_event(struct engine *e, enum rocks_event event, const char *text);
void engine_fail(struct engine *e, const struct err *why); /* refuse commits from now on */
void engine_notify(struct engine *e, struct account_id account, uint64_t version);

void segment_counts_encode(uint64_t salt, const struct segment_counts *counts, struct buf *out);
bool segment_counts_decode(struct str in, uint64_t *salt_out, struct segment_counts *counts_out);

/* The engine's side of store_ops, by file. */
int rocks_version(struct store *store, struct account_id account, uint64_t *version_out, struct err *err);
int rocks_get(struct store *store, struct account_id account, struct str key, struct buf *value_out,
              struct err *err);
int rocks_scan(struct store *store, struct account_id account, struct str from, struct str to,
               uint64_t *version_out, store_pair_fn *fn, void *ctx, struct err *err);
int rocks_accounts(struct store *store, store_account_fn *fn, void *ctx, struct err *err);
int rocks_commit(struct store *store, struct account_id account, uint64_t expected_version,
                 uint64_t new_version, const struct batch *batch, struct err *err);
void rocks_commit_start(struct store *store, struct account_id account, uint64_t expected_version,
                        uint64_t new_version, const struct batch *batch, struct store_commit *commit);
void rocks_push(struct store *store);
int rocks_drop_account(struct store *store, struct account_id account, struct err *err);
int rocks_finish_drops(struct engine *e, struct err *err); /* that a crash interrupted */
int rocks_blob_write(struct store *store, struct account_id account, struct str bytes, struct str meta,
                     struct str header, enum blob_reading reading, struct blob_id *id_out, struct err *err);
void rocks_blob_abandon(struct store *store, struct account_id account, struct blob_id id);
int rocks_blob_read(struct store *store, struct account_id account, struct blob_id id, uint64_t offset,
                    uint64_t length, struct buf *out, struct err *err);
int rocks_blob_open(struct store *store, struct account_id account, struct blob_id id,
                    struct open_blob **blob_out, struct err *err);
int rocks_blob_read_open(struct open_blob *blob, uint64_t offset, uint64_t length, struct buf *out,
                         struct err *err);
void rocks_blob_close(struct open_blob *blob);
int rocks_blob_record(struct store *store, struct account_id account, struct blob_id id, enum blob_slot slot,
                      struct buf *out, struct err *err);
int rocks_blob_scan(struct store *store, struct account_id account, const struct blob_range *range,
                    store_blob_fn *fn, void *ctx, struct err *err);
int rocks_checkpoint(struct store *store, const char *folder, struct err *err);
int rocks_scrub(struct store *store, store_damage_fn *fn, void *ctx, struct err *err);

static inline struct engine *engine_of(struct store *store)
{
    return (struct engine *)store;
}

#endif
