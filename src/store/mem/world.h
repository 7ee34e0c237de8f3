/* world.h: the data behind the instances of the memory engine. Inside mem/ only.
 *
 *   mem_world ── accounts, by id ── state   sorted: key -> value
 *      │                         └─ blobs   sorted: account id, blob id -> bytes, meta, header    (live)
 *      └─────── instances ────────── pending sorted: the same keys and items as blobs             (pending)
 *
 * Locks: `lock` guards all data, and is never held while a callback runs. `watch_lock` guards the watchers
 * and the list of instances, and is held while watchers are called; a watcher may read the store, so
 * `watch_lock` is taken before `lock`. */
#ifndef LOFT_STORE_MEM_WORLD_H
#define LOFT_STORE_MEM_WORLD_H

#include "store/mem/mem.h"
#include "store/mem/sorted.h"

#include <pthread.h>

struct mem_account {
    struct account_id id;
    uint64_t version;
    struct sorted *state, *blobs;
};

struct mem_store {
    struct store store;
    struct mem_world *world;
    struct mem_store *next; /* in world->instances */
    struct sorted *pending;
    store_watch_fn *watch_fn;
    void *watch_ctx;
    uint64_t commit_count;
};

struct mem_world {
    struct ref ref;
    pthread_mutex_t lock, watch_lock;
    struct mem_account **accounts; /* by id */
    size_t account_count, account_cap;
    struct mem_store *instances;
    uint64_t last_blob_id;
    uint64_t blob_bytes; /* of live blobs */
};

enum { BLOB_KEY_BYTES = 16 };

/* Key of a blob: account and id, big-endian, so that keys sort as the numbers do. */
struct str world_blob_key(char out[BLOB_KEY_BYTES], struct account_id account, struct blob_id id);

void world_unref(struct mem_world **world);
void world_attach(struct mem_store *instance);
void world_detach(struct mem_store *instance);

/* All below: the caller holds `lock`. */
struct mem_account *world_find(const struct mem_world *world, struct account_id id); /* NULL: version 0 */

/* The first account with an id >= `from`; NULL: none. */
struct mem_account *world_next(const struct mem_world *world, struct account_id from);

/* As store_commit; limits are checked already. */
MUST_USE int world_commit(struct mem_store *self, struct account_id id, uint64_t expected_version,
                          uint64_t new_version, const struct batch *batch, struct err *err);
void world_drop_account(struct mem_world *world, struct account_id id);

/* Call all watchers. The caller does not hold `lock`. */
void world_notify(struct mem_world *world, struct account_id id, uint64_t version);

#endif
