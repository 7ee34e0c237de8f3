#include "mail/thread_keys.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    GONE_MAX = 1024,  /* of the messages that need not be there any more */
    KIND_THREAD = 255 /* beside enum sort_key: ranking.c */
};

static struct key_cache_id id_of(uint64_t account, uint64_t mailbox, enum collation collation)
{
    return (struct key_cache_id){ account, mailbox, (uint64_t)KIND_THREAD << 8 | (uint64_t)collation };
}

struct thread_keys *thread_keys_find(struct key_cache *cache, uint64_t account, uint64_t mailbox,
                                     uint32_t exists, enum collation collation)
{
    const struct key_cache_id id = id_of(account, mailbox, collation);
    struct thread_keys *keys = (struct thread_keys *)key_cache_get(cache, &id);
    if (keys && keys->count > 2 * (uint64_t)exists + GONE_MAX)
        thread_keys_unref(&keys);
    return keys;
}

void thread_keys_unref(struct thread_keys **keys)
{
    struct cached_keys *cached = *keys ? &(*keys)->cached : NULL;
    cached_keys_unref(&cached);
    *keys = NULL;
}

/* ---- new ones: one allocation ---- */

struct keys_writer {
    struct thread_keys *all;
    struct thread_key *keys;
    uint64_t *references;
    uint32_t *uids;
    uint32_t reference_count;
};

static void keys_free(struct cached_keys *keys)
{
    free(keys);
}

static struct keys_writer keys_new(uint64_t seed, size_t count, size_t reference_count)
{
    size_t bytes = sizeof(struct thread_keys) + count * (sizeof(struct thread_key) + sizeof(uint32_t)) +
                   reference_count * sizeof(uint64_t);
    struct thread_keys *all = malloc(bytes);
    if (!all)
        abort();
    struct keys_writer w = { .all = all, .keys = (struct thread_key *)(all + 1) };
    w.references = (uint64_t *)(w.keys + count);
    w.uids = (uint32_t *)(w.references + reference_count);
    *all = (struct thread_keys){ .cached = { .bytes = bytes, .free = keys_free },
                                 .seed = seed,
                                 .uids = w.uids,
                                 .keys = w.keys,
                                 .references = w.references };
    ref_init(&all->cached.ref);
    return w;
}

static void put_key(struct keys_writer *w, uint32_t uid, const struct thread_key *key,
                    const uint64_t *references)
{
    struct thread_key *to = &w->keys[w->all->count];
    *to = *key;
    to->reference = w->reference_count;
    w->uids[w->all->count++] = uid;
    if (key->reference_count)
        memcpy(w->references + w->reference_count, references + key->reference,
               key->reference_count * sizeof *references);
    w->reference_count += key->reference_count;
}

static size_t count_references(const struct thread_keys *old, const struct thread_new_key *more, size_t count)
{
    size_t n = 0;
    for (uint32_t i = 0; old && i < old->count; i++)
        n += old->keys[i].reference_count;
    for (size_t i = 0; i < count; i++)
        n += more[i].key->reference_count;
    return n;
}

void thread_keys_keep(struct key_cache *cache, uint64_t account, uint64_t mailbox, enum collation collation,
                      uint64_t seed, const struct thread_keys *old, const struct thread_new_key *more,
                      size_t count, const uint64_t *references)
{
    uint32_t at = 0, old_count = old ? old->count : 0;
    size_t reference_count = count_references(old, more, count);
    const struct key_cache_id id = id_of(account, mailbox, collation);
    if (reference_count > UINT32_MAX)
        return;
    struct keys_writer w = keys_new(seed, old_count + count, reference_count);
    for (size_t i = 0; i < count; i++) {
        for (; at < old_count && old->uids[at] < more[i].uid; at++)
            put_key(&w, old->uids[at], &old->keys[at], old->references);
        assert(at == old_count || old->uids[at] != more[i].uid);
        put_key(&w, more[i].uid, more[i].key, references);
    }
    for (; at < old_count; at++)
        put_key(&w, old->uids[at], &old->keys[at], old->references);
    key_cache_put(cache, &id, &w.all->cached);
    thread_keys_unref(&w.all);
}
