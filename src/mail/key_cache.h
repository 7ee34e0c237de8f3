/* key_cache.h: what SORT and THREAD have made of the stored keys of a mailbox, kept for the next time: key_column.h, thread_keys.h.
 * Derived: nothing is lost with it. A mailbox's id is never given again, nor a UID in it to another message, so what is kept never
 * becomes wrong; it only lacks what came later. Those used longest ago go when the limit is met.
 * Threads: any. */
#ifndef LOFT_MAIL_KEY_CACHE_H
#define LOFT_MAIL_KEY_CACHE_H

#include "base/ref.h"
#include "store/store.h"

/* The first member of whatever is kept. Immutable. */
struct cached_keys {
    struct ref ref;
    size_t bytes;
    void (*free)(struct cached_keys *keys);
};
void cached_keys_unref(struct cached_keys **keys);

struct key_cache_id {
    uint64_t account, mailbox;
    uint64_t kind; /* which keys */
};

struct key_cache;

struct key_cache *key_cache_new(size_t bytes_max);
void key_cache_free(struct key_cache **cache);

/* Own reference; NULL: there are none. */
struct cached_keys *key_cache_get(struct key_cache *cache, const struct key_cache_id *id);
/* In place of those that are there. Takes a reference of its own, or none when they alone are above the limit. */
void key_cache_put(struct key_cache *cache, const struct key_cache_id *id, struct cached_keys *keys);

#endif
