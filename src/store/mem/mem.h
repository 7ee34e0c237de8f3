/* mem.h: the store contract in memory, for tests and tools. Nothing is written to disk; everything else is
 * kept: one version for a scan, pending blobs, conflicts, watchers.
 *
 * The data lives in a `mem_world`; a store is one instance over it, as one machine is over a cluster. Several
 * instances over one world conflict with each other as machines do; each sees commits of all, and its own
 * pending blobs only. Closing an instance and opening another over the same world is a restart: what was
 * committed is there, what was pending is not. */
#ifndef LOFT_STORE_MEM_MEM_H
#define LOFT_STORE_MEM_MEM_H

#include "store/store.h"

struct mem_world;

struct mem_world *mem_world_new(void);

/* Drops the caller's hold; the data goes when the last instance over it is closed, too. NULL is fine. */
void mem_world_free(struct mem_world **world);

struct mem_store_options {
    struct mem_world *world; /* NULL: a world of its own, gone when the store is closed */
};

/* Always 0; the result is that of every engine's open. */
MUST_USE int mem_store_open(struct mem_store_options options, struct store **store_out, struct err *err);

#endif
