#include "auth/known_good.h"

#include "base/codec.h"
#include "base/rand.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct place {
    unsigned char digest[KNOWN_GOOD_DIGEST_BYTES];
    int64_t until_ms; /* 0: free */
    int value;
};

struct known_good {
    unsigned char key[crypto_generichash_KEYBYTES];
    uint32_t max;
    pthread_mutex_t lock;
    struct place places[]; /* a digest has one, by its own first bytes: the newer pushes out the older */
};

struct known_good *known_good_new(uint32_t max)
{
    struct known_good *k = calloc(1, sizeof *k + (size_t)max * sizeof k->places[0]);
    if (!k)
        abort();
    k->max = max;
    pthread_mutex_init(&k->lock, NULL);
    rand_system.bytes(&rand_system, k->key, sizeof k->key);
    return k;
}

void known_good_free(struct known_good **known)
{
    struct known_good *k = *known;
    if (!k)
        return;
    pthread_mutex_destroy(&k->lock);
    sodium_memzero(k, sizeof *k);
    free(k);
    *known = NULL;
}

static void add_u64(crypto_generichash_state *state, uint64_t n)
{
    unsigned char bytes[8];
    store_u64(bytes, n);
    crypto_generichash_update(state, bytes, sizeof bytes);
}

/* With its length in front, so that two that follow each other cannot run into one another. */
static void add_str(crypto_generichash_state *state, struct str s)
{
    add_u64(state, s.n);
    crypto_generichash_update(state, (const unsigned char *)s.p, s.n);
}

void known_good_digest(const struct known_good *k, const struct known_good_facts *facts,
                       unsigned char out[static KNOWN_GOOD_DIGEST_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, k->key, sizeof k->key, KNOWN_GOOD_DIGEST_BYTES);
    add_u64(&state, facts->account);
    add_u64(&state, facts->revision);
    add_u64(&state, facts->generation_count);
    for (size_t i = 0; i < facts->generation_count; i++)
        add_u64(&state, facts->generations[i]);
    add_str(&state, facts->client);
    add_str(&state, facts->mechanism);
    add_str(&state, facts->password);
    crypto_generichash_final(&state, out, KNOWN_GOOD_DIGEST_BYTES);
    sodium_memzero(&state, sizeof state);
}

static struct place *place_of(struct known_good *k, const unsigned char *digest)
{
    return &k->places[load_u64(digest) % k->max];
}

int known_good_look(struct known_good *k, const unsigned char *digest, int64_t now)
{
    if (k->max == 0)
        return -1;
    pthread_mutex_lock(&k->lock);
    const struct place *place = place_of(k, digest);
    bool known = now < place->until_ms && sodium_memcmp(place->digest, digest, sizeof place->digest) == 0;
    int value = known ? place->value : -1;
    pthread_mutex_unlock(&k->lock);
    return value;
}

void known_good_put(struct known_good *k, const unsigned char *digest, int64_t until_ms, int value)
{
    if (k->max == 0)
        return;
    pthread_mutex_lock(&k->lock);
    struct place *place = place_of(k, digest);
    memcpy(place->digest, digest, sizeof place->digest);
    place->until_ms = until_ms;
    place->value = value;
    pthread_mutex_unlock(&k->lock);
}
