#include "auth/familiar.h"

#include "base/codec.h"
#include "base/rand.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

enum { SET_COUNT = 8192, WAYS = 8 }; /* 1 MB in all, of which the kernel gives what is used */

struct entry {
    uint64_t hash;
    uint32_t day; /* since 1970, when it was used last; 0: free */
};

struct familiar {
    unsigned char hash_key[crypto_shorthash_KEYBYTES];
    pthread_mutex_t lock;
    uint64_t changes;
    struct entry sets[SET_COUNT][WAYS];
};

struct familiar *familiar_new(void)
{
    struct familiar *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    rand_system.bytes(&rand_system, f->hash_key, sizeof f->hash_key);
    pthread_mutex_init(&f->lock, NULL);
    return f;
}

void familiar_free(struct familiar **familiar)
{
    if (!*familiar)
        return;
    pthread_mutex_destroy(&(*familiar)->lock);
    free(*familiar);
    *familiar = NULL;
}

static uint32_t day_of(int64_t wall_ms)
{
    enum { MS_PER_DAY = 24 * 60 * 60 * 1000 };
    return wall_ms < MS_PER_DAY ? 1 : (uint32_t)(wall_ms / MS_PER_DAY);
}

enum { PLACE_BYTES_MAX = 64 };

static uint64_t hash_of(const struct familiar *f, uint64_t account, struct str place)
{
    unsigned char bytes[8 + PLACE_BYTES_MAX];
    uint64_t hash;
    place = str_sub(place, 0, PLACE_BYTES_MAX);
    store_u64(bytes, account);
    memcpy(bytes + 8, place.p, place.n);
    crypto_shorthash((unsigned char *)&hash, bytes, 8 + place.n, f->hash_key);
    return hash;
}

void familiar_add(struct familiar *f, uint64_t account, struct str place, int64_t wall_ms)
{
    if (place.n == 0)
        return;
    uint64_t hash = hash_of(f, account, place);
    uint32_t today = day_of(wall_ms);
    pthread_mutex_lock(&f->lock);
    struct entry *set = f->sets[hash % SET_COUNT], *to = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].day && set[i].hash == hash) {
            to = &set[i];
            break;
        }
        if (set[i].day < to->day)
            to = &set[i];
    }
    if (to->hash != hash || to->day < today) {
        *to = (struct entry){ hash, today };
        f->changes++;
    }
    pthread_mutex_unlock(&f->lock);
}

bool familiar_knows(struct familiar *f, uint64_t account, struct str place, int64_t wall_ms)
{
    if (place.n == 0)
        return false;
    uint64_t hash = hash_of(f, account, place);
    uint32_t today = day_of(wall_ms);
    bool known = false;
    pthread_mutex_lock(&f->lock);
    const struct entry *set = f->sets[hash % SET_COUNT];
    for (size_t i = 0; i < WAYS; i++)
        known |= set[i].day && set[i].hash == hash && today <= set[i].day + FAMILIAR_DAYS;
    pthread_mutex_unlock(&f->lock);
    return known;
}

/* ---- over a restart ---- */

uint64_t familiar_changes(struct familiar *f)
{
    pthread_mutex_lock(&f->lock);
    uint64_t changes = f->changes;
    pthread_mutex_unlock(&f->lock);
    return changes;
}

void familiar_encode(struct familiar *f, struct buf *out)
{
    uint32_t count = 0;
    pthread_mutex_lock(&f->lock);
    buf_add_bytes(out, f->hash_key, sizeof f->hash_key);
    size_t count_at = out->n;
    buf_put_u32(out, 0);
    for (size_t i = 0; i < (size_t)SET_COUNT * WAYS; i++) {
        const struct entry *e = &f->sets[i / WAYS][i % WAYS];
        if (!e->day)
            continue;
        buf_put_u64(out, e->hash);
        buf_put_u32(out, e->day);
        count++;
    }
    store_u32(out->p + count_at, count);
    pthread_mutex_unlock(&f->lock);
}

static bool place(struct entry sets[SET_COUNT][WAYS], struct entry e)
{
    struct entry *set = sets[e.hash % SET_COUNT];
    for (size_t i = 0; i < WAYS && e.day; i++) {
        if (set[i].day)
            continue;
        set[i] = e;
        return true;
    }
    return false;
}

int familiar_decode(struct familiar *f, struct reader *in, struct err *err)
{
    struct str hash_key = reader_bytes(in, sizeof f->hash_key);
    uint32_t count = reader_u32(in);
    bool good = !in->bad && count <= (uint32_t)SET_COUNT * WAYS;
    struct entry(*sets)[WAYS] = calloc(SET_COUNT, sizeof *sets);
    if (!sets)
        abort();
    for (uint32_t i = 0; good && i < count; i++) {
        struct entry e = { .hash = reader_u64(in) };
        e.day = reader_u32(in);
        good = !in->bad && place(sets, e);
    }
    if (good) {
        pthread_mutex_lock(&f->lock);
        memcpy(f->hash_key, hash_key.p, sizeof f->hash_key);
        memcpy(f->sets, sets, sizeof f->sets);
        pthread_mutex_unlock(&f->lock);
    }
    free(sets);
    return good ? 0 : err_set(err, ERR_CORRUPT, "the table of familiar clients is damaged");
}
