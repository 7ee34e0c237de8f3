#include "mail/key_cache.h"

#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>

struct entry {
    struct key_cache_id id;
    struct cached_keys *keys;    /* own reference */
    struct entry *next, *before; /* next: used longer ago */
};

struct key_cache {
    pthread_mutex_t mutex;
    struct map entries; /* by id */
    struct entry ring;  /* ring.next is the one used last */
    size_t bytes, bytes_max;
};

void cached_keys_unref(struct cached_keys **keys)
{
    if (*keys && ref_put(&(*keys)->ref))
        (*keys)->free(*keys);
    *keys = NULL;
}

struct key_cache *key_cache_new(size_t bytes_max)
{
    struct key_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        abort();
    pthread_mutex_init(&cache->mutex, NULL);
    map_init(&cache->entries);
    cache->ring.next = cache->ring.before = &cache->ring;
    cache->bytes_max = bytes_max;
    return cache;
}

/* ---- under the mutex ---- */

static struct str key_of(const struct key_cache_id *id)
{
    return str_make((const char *)id, sizeof *id);
}

static void unlink_entry(struct entry *e)
{
    e->next->before = e->before;
    e->before->next = e->next;
}

static void link_first(struct key_cache *cache, struct entry *e)
{
    e->next = cache->ring.next;
    e->before = &cache->ring;
    e->next->before = e->before->next = e;
}

static void drop(struct key_cache *cache, struct entry *e)
{
    unlink_entry(e);
    map_remove(&cache->entries, key_of(&e->id));
    cache->bytes -= e->keys->bytes;
    cached_keys_unref(&e->keys);
    free(e);
}

static void add(struct key_cache *cache, const struct key_cache_id *id, struct cached_keys *keys)
{
    struct entry *e = calloc(1, sizeof *e);
    if (!e)
        abort();
    ref_get(&keys->ref);
    *e = (struct entry){ .id = *id, .keys = keys };
    map_put(&cache->entries, key_of(id), e);
    link_first(cache, e);
    cache->bytes += keys->bytes;
    while (cache->bytes > cache->bytes_max)
        drop(cache, cache->ring.before);
}

/* ---- */

void key_cache_free(struct key_cache **cache)
{
    struct key_cache *c = *cache;
    *cache = NULL;
    if (!c)
        return;
    while (c->ring.next != &c->ring)
        drop(c, c->ring.next);
    map_deinit(&c->entries);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

struct cached_keys *key_cache_get(struct key_cache *cache, const struct key_cache_id *id)
{
    struct cached_keys *keys = NULL;
    pthread_mutex_lock(&cache->mutex);
    struct entry *e = map_get(&cache->entries, key_of(id));
    if (e) {
        keys = e->keys;
        ref_get(&keys->ref);
        unlink_entry(e);
        link_first(cache, e);
    }
    pthread_mutex_unlock(&cache->mutex);
    return keys;
}

void key_cache_put(struct key_cache *cache, const struct key_cache_id *id, struct cached_keys *keys)
{
    pthread_mutex_lock(&cache->mutex);
    struct entry *e = map_get(&cache->entries, key_of(id));
    if (e)
        drop(cache, e);
    if (keys->bytes <= cache->bytes_max)
        add(cache, id, keys);
    pthread_mutex_unlock(&cache->mutex);
}
