#include "auth/throttle.h"

#include "base/rand.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

/* A key goes to one set, by a keyed hash, so that nobody can choose whom to push out. 512 KiB in all. */
enum { SET_COUNT = 4096, WAYS = 4, FAILURES_MAX = 64 };

struct entry {
    uint64_t key;      /* hash of it; two keys with one hash share a score */
    uint32_t failures; /* 0: free. As of since_ms */
    int64_t since_ms;  /* forgetting has been counted up to here */
    int64_t last_ms;   /* last failure */
};

struct throttle {
    struct throttle_params params;
    unsigned char hash_key[crypto_shorthash_KEYBYTES];
    pthread_mutex_t lock;
    struct entry sets[SET_COUNT][WAYS];
};

struct throttle *throttle_new(const struct throttle_params *params)
{
    assert(params->forget_ms > 0);
    struct throttle *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->params = *params;
    rand_system.bytes(&rand_system, t->hash_key, sizeof t->hash_key);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void throttle_free(struct throttle **throttle)
{
    if (!*throttle)
        return;
    pthread_mutex_destroy(&(*throttle)->lock);
    free(*throttle);
    *throttle = NULL;
}

static uint64_t hash_of(const struct throttle *t, struct str key)
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key.p, key.n, t->hash_key);
    return hash;
}

static void forget(const struct throttle *t, struct entry *e, int64_t now)
{
    int64_t steps = (now - e->since_ms) / t->params.forget_ms;
    if (steps >= e->failures) {
        e->failures = 0;
        e->since_ms = now;
    } else if (steps > 0) {
        e->failures -= (uint32_t)steps;
        e->since_ms += steps * t->params.forget_ms;
    }
}

/* The entry of `hash`, brought up to date, or NULL. */
static struct entry *find(struct throttle *t, uint64_t hash, int64_t now)
{
    struct entry *set = t->sets[hash % SET_COUNT];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].failures > 0 && set[i].key == hash) {
            forget(t, &set[i], now);
            return set[i].failures > 0 ? &set[i] : NULL;
        }
    }
    return NULL;
}

static struct entry *replace_mildest(struct throttle *t, uint64_t hash, int64_t now)
{
    struct entry *set = t->sets[hash % SET_COUNT], *mildest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        forget(t, &set[i], now);
        if (set[i].failures < mildest->failures)
            mildest = &set[i];
    }
    *mildest = (struct entry){ .key = hash, .since_ms = now };
    return mildest;
}

static struct throttle_score score_of(const struct throttle *t, const struct entry *e, int64_t now)
{
    if (!e)
        return (struct throttle_score){ 0 };
    uint64_t delay = t->params.delay_ms;
    for (uint32_t i = 1; i < e->failures && delay < t->params.delay_max_ms; i++)
        delay *= 2;
    if (delay > t->params.delay_max_ms)
        delay = t->params.delay_max_ms;
    return (struct throttle_score){ e->failures, (uint32_t)delay, now - e->last_ms };
}

struct throttle_score throttle_look(struct throttle *t, struct str key, int64_t now)
{
    if (str_is_nil(key))
        return (struct throttle_score){ 0 };
    uint64_t hash = hash_of(t, key);
    pthread_mutex_lock(&t->lock);
    struct throttle_score score = score_of(t, find(t, hash, now), now);
    pthread_mutex_unlock(&t->lock);
    return score;
}

struct throttle_score throttle_add_failure(struct throttle *t, struct str key, int64_t now)
{
    if (str_is_nil(key))
        return (struct throttle_score){ 0 };
    uint64_t hash = hash_of(t, key);
    pthread_mutex_lock(&t->lock);
    struct entry *e = find(t, hash, now);
    if (!e)
        e = replace_mildest(t, hash, now);
    if (e->failures < FAILURES_MAX)
        e->failures++;
    e->last_ms = now;
    struct throttle_score score = score_of(t, e, now);
    pthread_mutex_unlock(&t->lock);
    return score;
}

void throttle_forgive(struct throttle *t, struct str key)
{
    if (str_is_nil(key))
        return;
    uint64_t hash = hash_of(t, key);
    pthread_mutex_lock(&t->lock);
    struct entry *set = t->sets[hash % SET_COUNT];
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].key == hash)
            set[i].failures = 0;
    pthread_mutex_unlock(&t->lock);
}
