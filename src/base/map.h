/* map.h: a hash map from byte strings to pointers. Keys are copied and hashed with a random key (SipHash), so
 * that a stranger who chooses keys cannot make it slow.
 * Threads: one owner at a time, or a lock around it. */
#ifndef LOFT_BASE_MAP_H
#define LOFT_BASE_MAP_H

#include "base/str.h"

struct map_entry;

struct map {
    struct map_entry *slots; /* open addressing, power of two */
    size_t count, used, cap;
    unsigned char hash_key[16];
};

void map_init(struct map *m);
void map_deinit(struct map *m); /* does not free the values: iterate first */

void *map_get(const struct map *m, struct str key); /* NULL: absent */

/* Sets and returns the former value, or NULL. `value` is not NULL. */
void *map_put(struct map *m, struct str key, void *value);
void *map_remove(struct map *m, struct str key); /* returns the value, or NULL */

/* for (size_t i = 0; map_next(&m, &i, &key, &value);): any order; `key` borrows.
 * Remove nothing but the current key meanwhile. */
bool map_next(const struct map *m, size_t *i, struct str *key, void **value);

/* Keys that are numbers. */
static inline struct str map_key_u64(const uint64_t *n)
{
    return str_make(n, sizeof *n);
}

#endif
