#include "base/map.h"

#include "base/rand.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

struct map_entry {
    uint64_t hash;
    char *key; /* NULL: never used, or removed when `value` is TOMBSTONE */
    size_t key_bytes;
    void *value;
};

static char tombstone_mark;
#define TOMBSTONE ((void *)&tombstone_mark)

void map_init(struct map *m)
{
    *m = (struct map){ 0 };
    rand_system.bytes(&rand_system, m->hash_key, sizeof m->hash_key);
}

void map_deinit(struct map *m)
{
    for (size_t i = 0; i < m->cap; i++)
        free(m->slots[i].key);
    free(m->slots);
    *m = (struct map){ 0 };
}

static uint64_t hash(const struct map *m, struct str key)
{
    unsigned char out[crypto_shorthash_BYTES];
    uint64_t h;
    _Static_assert(crypto_shorthash_KEYBYTES == sizeof m->hash_key, "SipHash key");
    crypto_shorthash(out, (const unsigned char *)(key.p ? key.p : ""), key.n, m->hash_key);
    memcpy(&h, out, sizeof h);
    return h;
}

/* The entry of `key`, or NULL. */
static struct map_entry *find(const struct map *m, struct str key, uint64_t h)
{
    if (m->cap == 0)
        return NULL;
    for (size_t i = h & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct map_entry *e = &m->slots[i];
        if (!e->key && e->value != TOMBSTONE)
            return NULL;
        if (e->key && e->hash == h && str_eq(str_make(e->key, e->key_bytes), key))
            return e;
    }
}

void *map_get(const struct map *m, struct str key)
{
    const struct map_entry *e = m->count ? find(m, key, hash(m, key)) : NULL;
    return e ? e->value : NULL;
}

static struct map_entry *free_slot(struct map *m, uint64_t h)
{
    size_t i = h & (m->cap - 1);
    while (m->slots[i].key)
        i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

/* Rebuild without tombstones, at most half full. */
static void rehash(struct map *m)
{
    struct map_entry *old = m->slots;
    size_t old_cap = m->cap, cap = 16;
    while (cap < (m->count + 1) * 2)
        cap *= 2;
    m->slots = calloc(cap, sizeof *m->slots);
    if (!m->slots)
        abort();
    m->cap = cap;
    m->used = m->count;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].key)
            *free_slot(m, old[i].hash) = old[i];
    free(old);
}

void *map_put(struct map *m, struct str key, void *value)
{
    assert(value);
    uint64_t h = hash(m, key);
    struct map_entry *e = find(m, key, h);
    if (e) {
        void *former = e->value;
        e->value = value;
        return former;
    }
    if ((m->used + 1) * 4 > m->cap * 3)
        rehash(m);
    e = free_slot(m, h);
    if (e->value != TOMBSTONE)
        m->used++;
    m->count++;
    e->key = malloc(key.n + 1);
    if (!e->key)
        abort();
    if (key.n)
        memcpy(e->key, key.p, key.n);
    e->key_bytes = key.n;
    e->hash = h;
    e->value = value;
    return NULL;
}

void *map_remove(struct map *m, struct str key)
{
    struct map_entry *e = m->count ? find(m, key, hash(m, key)) : NULL;
    if (!e)
        return NULL;
    void *value = e->value;
    free(e->key);
    *e = (struct map_entry){ .value = TOMBSTONE };
    m->count--;
    return value;
}

bool map_next(const struct map *m, size_t *i, struct str *key, void **value)
{
    for (; *i < m->cap; ++*i) {
        const struct map_entry *e = &m->slots[*i];
        if (e->key) {
            if (key)
                *key = str_make(e->key, e->key_bytes);
            *value = e->value;
            ++*i;
            return true;
        }
    }
    return false;
}
