#include "auth/throttle.h"

#include "base/codec.h"
#include "base/rand.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

/* A key goes to one set, by a keyed hash, so that nobody can choose whom to push out. 1.8 MB in all, of which the kernel gives
 * what is used. */
enum { SET_COUNT = 4096, WAYS = 4, KIND_MASK = 3 };
_Static_assert(THROTTLE_KIND_COUNT <= KIND_MASK + 1, "a kind fits the low bits of a hash");

struct entry {
    uint64_t hash;           /* of kind and key; two with one hash share a score */
    int64_t since_ms;        /* forgetting has been counted up to here */
    int64_t last_ms;         /* last failure */
    int64_t locked_until_ms; /* 0: not locked */
    uint32_t failures;       /* 0: free. As of since_ms */
    uint8_t kind;
    char key[THROTTLE_TEXT_BYTES];
};

struct throttle {
    struct throttle_params params;
    unsigned char hash_key[crypto_shorthash_KEYBYTES];
    pthread_mutex_t lock;
    uint64_t changes;
    struct entry sets[SET_COUNT][WAYS];
};

static const char *const kind_names[THROTTLE_KIND_COUNT] = {
    [THROTTLE_ADDRESS] = "address",
    [THROTTLE_NETWORK] = "network",
    [THROTTLE_ACCOUNT] = "account",
    [THROTTLE_DEVICE] = "device",
};

const char *throttle_kind_name(enum throttle_kind kind)
{
    return (unsigned)kind < THROTTLE_KIND_COUNT ? kind_names[kind] : "unknown";
}

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

static uint64_t hash_of(const struct throttle *t, enum throttle_kind kind, struct str key)
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key.p, key.n, t->hash_key);
    return (hash & ~(uint64_t)KIND_MASK) | kind; /* kinds never meet */
}

static size_t set_of(uint64_t hash)
{
    return (size_t)(hash >> 8) % SET_COUNT;
}

/* ---- one entry; all with the lock held ---- */

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

static bool in_use(const struct entry *e, int64_t now)
{
    return e->failures > 0 || now < e->locked_until_ms;
}

/* The entry of `hash`, brought up to date, or NULL. */
static struct entry *find(struct throttle *t, uint64_t hash, int64_t now)
{
    struct entry *set = t->sets[set_of(hash)];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].hash != hash || !in_use(&set[i], now))
            continue;
        forget(t, &set[i], now);
        return in_use(&set[i], now) ? &set[i] : NULL;
    }
    return NULL;
}

static uint32_t weight(const struct entry *e, int64_t now)
{
    return now < e->locked_until_ms ? UINT32_MAX : e->failures;
}

static struct entry *replace_mildest(struct throttle *t, uint64_t hash, int64_t now)
{
    struct entry *set = t->sets[set_of(hash)], *mildest = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        forget(t, &set[i], now);
        if (weight(&set[i], now) < weight(mildest, now))
            mildest = &set[i];
    }
    *mildest = (struct entry){ .hash = hash, .since_ms = now };
    return mildest;
}

static struct throttle_score score_of(const struct throttle *t, const struct entry *e, int64_t now)
{
    if (!e)
        return (struct throttle_score){ 0 };
    uint64_t delay = e->failures ? t->params.delay_ms : 0;
    for (uint32_t i = 1; i < e->failures && delay < t->params.delay_max_ms; i++)
        delay *= 2;
    if (delay > t->params.delay_max_ms)
        delay = t->params.delay_max_ms;
    return (struct throttle_score){ .failures = e->failures,
                                    .delay_ms = (uint32_t)delay,
                                    .age_ms = now - e->last_ms,
                                    .locked_for_ms = now < e->locked_until_ms ? e->locked_until_ms - now
                                                                              : 0 };
}

static void set_key(struct entry *e, enum throttle_kind kind, struct str key)
{
    key = str_sub(key, 0, sizeof e->key - 1);
    e->kind = (uint8_t)kind;
    memcpy(e->key, key.p, key.n);
    e->key[key.n] = '\0';
}

static void count_failure(const struct throttle *t, struct entry *e, uint32_t failures_max, int64_t now)
{
    uint32_t lock_failures = t->params.lock_failures[e->kind];
    if (e->failures < failures_max)
        e->failures++;
    e->last_ms = now;
    if (failures_max == THROTTLE_FAILURES_MAX && lock_failures && e->failures >= lock_failures)
        e->locked_until_ms = now + t->params.lock_ms;
}

/* ---- the table ---- */

struct throttle_score throttle_look(struct throttle *t, enum throttle_kind kind, struct str key, int64_t now)
{
    if (key.n == 0)
        return (struct throttle_score){ 0 };
    uint64_t hash = hash_of(t, kind, key);
    pthread_mutex_lock(&t->lock);
    struct throttle_score score = score_of(t, find(t, hash, now), now);
    pthread_mutex_unlock(&t->lock);
    return score;
}

static struct throttle_score add(struct throttle *t, enum throttle_kind kind, struct str key,
                                 uint32_t failures_max, int64_t now)
{
    if (key.n == 0)
        return (struct throttle_score){ 0 };
    uint64_t hash = hash_of(t, kind, key);
    pthread_mutex_lock(&t->lock);
    struct entry *e = find(t, hash, now);
    if (!e) {
        e = replace_mildest(t, hash, now);
        set_key(e, kind, key);
    }
    count_failure(t, e, failures_max, now);
    t->changes++;
    struct throttle_score score = score_of(t, e, now);
    pthread_mutex_unlock(&t->lock);
    return score;
}

struct throttle_score throttle_add_failure(struct throttle *t, enum throttle_kind kind, struct str key,
                                           int64_t now)
{
    return add(t, kind, key, THROTTLE_FAILURES_MAX, now);
}

struct throttle_score throttle_add_repeated(struct throttle *t, enum throttle_kind kind, struct str key,
                                            uint32_t failures_max, int64_t now)
{
    return add(t, kind, key, failures_max, now);
}

void throttle_forgive(struct throttle *t, enum throttle_kind kind, struct str key)
{
    if (key.n == 0)
        return;
    uint64_t hash = hash_of(t, kind, key);
    pthread_mutex_lock(&t->lock);
    struct entry *set = t->sets[set_of(hash)];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].hash != hash || !set[i].failures)
            continue;
        set[i] = (struct entry){ 0 };
        t->changes++;
    }
    pthread_mutex_unlock(&t->lock);
}

/* ---- for administrators ---- */

void throttle_each(struct throttle *t, int64_t now, throttle_fn *fn, void *ctx)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < (size_t)SET_COUNT * WAYS; i++) {
        struct entry *e = &t->sets[i / WAYS][i % WAYS];
        if (!in_use(e, now))
            continue;
        forget(t, e, now);
        if (!in_use(e, now))
            continue;
        struct throttle_entry entry = { .kind = (enum throttle_kind)e->kind, .score = score_of(t, e, now) };
        memcpy(entry.key, e->key, sizeof entry.key);
        fn(ctx, &entry);
    }
    pthread_mutex_unlock(&t->lock);
}

/* "anna", and "anna 192.0.2.1". */
static bool is_meant(const struct entry *e, struct str key)
{
    struct str own = str_c(e->key);
    return str_is_nil(key) || str_eq(own, key) ||
           (str_starts(own, key) && own.n > key.n && own.p[key.n] == ' ');
}

size_t throttle_clear(struct throttle *t, struct str key)
{
    size_t count = 0;
    key = str_sub(key, 0, THROTTLE_TEXT_BYTES - 1);
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < (size_t)SET_COUNT * WAYS; i++) {
        struct entry *e = &t->sets[i / WAYS][i % WAYS];
        if (e->hash == 0 || !is_meant(e, key))
            continue;
        count += e->failures > 0 || e->locked_until_ms > 0;
        *e = (struct entry){ 0 };
    }
    t->changes++;
    pthread_mutex_unlock(&t->lock);
    return count;
}

/* ---- over a restart ---- */

uint64_t throttle_changes(struct throttle *t)
{
    pthread_mutex_lock(&t->lock);
    uint64_t changes = t->changes;
    pthread_mutex_unlock(&t->lock);
    return changes;
}

void throttle_encode(struct throttle *t, int64_t now, struct buf *out)
{
    uint32_t count = 0;
    pthread_mutex_lock(&t->lock);
    buf_add_bytes(out, t->hash_key, sizeof t->hash_key);
    size_t count_at = out->n;
    buf_put_u32(out, 0);
    for (size_t i = 0; i < (size_t)SET_COUNT * WAYS; i++) {
        const struct entry *e = &t->sets[i / WAYS][i % WAYS];
        if (!in_use(e, now))
            continue;
        buf_put_u64(out, e->hash);
        buf_put_u8(out, e->kind);
        buf_put_varint(out, e->failures);
        buf_put_varint(out, (uint64_t)(now - e->since_ms));
        buf_put_varint(out, (uint64_t)(now - e->last_ms));
        buf_put_varint(out, now < e->locked_until_ms ? (uint64_t)(e->locked_until_ms - now) : 0);
        buf_put_str(out, str_c(e->key));
        count++;
    }
    store_u32(out->p + count_at, count);
    pthread_mutex_unlock(&t->lock);
}

/* Ages above this are nonsense, and would not add up. */
static const uint64_t ms_max = (uint64_t)1 << 50;

static bool decode_entry(struct reader *in, int64_t now, int64_t away_ms, struct entry *e)
{
    *e = (struct entry){ .hash = reader_u64(in), .kind = reader_u8(in) };
    uint64_t failures = reader_varint(in), since = reader_varint(in), last = reader_varint(in),
             locked = reader_varint(in);
    struct str key = reader_str(in);
    if (in->bad || e->kind >= THROTTLE_KIND_COUNT || (e->hash & KIND_MASK) != e->kind ||
        failures > THROTTLE_FAILURES_MAX || since > ms_max || last > ms_max || locked > ms_max ||
        key.n == 0 || key.n >= THROTTLE_TEXT_BYTES || str_find_char(key, '\0') >= 0)
        return false;
    e->failures = (uint32_t)failures;
    e->since_ms = now - away_ms - (int64_t)since;
    e->last_ms = now - away_ms - (int64_t)last;
    e->locked_until_ms = locked ? now - away_ms + (int64_t)locked : 0;
    memcpy(e->key, key.p, key.n);
    return true;
}

static bool place(struct entry sets[SET_COUNT][WAYS], const struct entry *e)
{
    struct entry *set = sets[set_of(e->hash)];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].hash == e->hash && set[i].key[0])
            return false;
        if (!set[i].key[0]) {
            set[i] = *e;
            return true;
        }
    }
    return false;
}

int throttle_decode(struct throttle *t, struct reader *in, int64_t now, int64_t away_ms, struct err *err)
{
    struct str hash_key = reader_bytes(in, sizeof t->hash_key);
    uint32_t count = reader_u32(in);
    bool good = !in->bad && count <= (uint32_t)SET_COUNT * WAYS && away_ms >= 0 && away_ms <= (int64_t)ms_max;
    struct entry(*sets)[WAYS] = calloc(SET_COUNT, sizeof *sets);
    if (!sets)
        abort();
    for (uint32_t i = 0; good && i < count; i++) {
        struct entry e;
        good = decode_entry(in, now, away_ms, &e) && place(sets, &e);
    }
    if (good) {
        pthread_mutex_lock(&t->lock);
        memcpy(t->hash_key, hash_key.p, sizeof t->hash_key);
        memcpy(t->sets, sets, sizeof t->sets);
        pthread_mutex_unlock(&t->lock);
    }
    free(sets);
    return good ? 0 : err_set(err, ERR_CORRUPT, "the table of failures is damaged");
}
