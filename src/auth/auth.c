#include "auth/auth.h"

#include "auth/password.h"
#include "auth/sasl.h"
#include "auth/throttle.h"
#include "base/codec.h"
#include "base/rand.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

/* One sign-in that was right: the digest of client, account, revision of the record, and password. */
struct known_good {
    unsigned char digest[crypto_generichash_BYTES];
    int64_t until_ms; /* monotonic; 0: free */
};

struct auth {
    struct auth_params params;
    struct throttle *throttle;
    char dummy_hash[USER_HASH_BYTES_MAX]; /* of no password: the work for names that do not exist */
    unsigned char digest_key[crypto_generichash_KEYBYTES];

    pthread_mutex_t lock; /* of all below; held for no call that blocks */
    pthread_cond_t hash_done;
    uint32_t hashing_count, waiting_count;
    /* A digest has one place, by its own first bytes: the newer pushes out the older. */
    struct known_good *known_good;
    struct auth_stats stats;
};

int auth_new(const struct auth_params *params, struct auth **auth_out, struct err *err)
{
    assert(params->hashes_max > 0 && params->failure_forget_s > 0);
    struct auth *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->params = *params;
    int r = password_hash(STR("nobody"), params->hash_passes, params->hash_memory_bytes, a->dummy_hash, err);
    if (r < 0) {
        free(a);
        return r;
    }
    a->throttle = throttle_new(&(struct throttle_params){
        params->failure_delay_ms, params->failure_delay_max_ms, (int64_t)params->failure_forget_s * 1000 });
    rand_system.bytes(&rand_system, a->digest_key, sizeof a->digest_key);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->hash_done, NULL);
    a->known_good = calloc((size_t)params->known_good_max + 1, sizeof *a->known_good);
    if (!a->known_good)
        abort();
    *auth_out = a;
    return 0;
}

void auth_free(struct auth **auth)
{
    struct auth *a = *auth;
    if (!a)
        return;
    throttle_free(&a->throttle);
    pthread_cond_destroy(&a->hash_done);
    pthread_mutex_destroy(&a->lock);
    free(a->known_good);
    sodium_memzero(a, sizeof *a);
    free(a);
    *auth = NULL;
}

/* ---- sign-ins known to be right ---- */

static void digest_of(const struct auth *a, const struct user *user, struct str password, struct str client,
                      unsigned char out[crypto_generichash_BYTES])
{
    crypto_generichash_state state;
    unsigned char fixed[24];
    store_u64(fixed, user->account.n);
    store_u64(fixed + 8, user->revision);
    store_u64(fixed + 16, client.n); /* so that client and password cannot run into each other */
    crypto_generichash_init(&state, a->digest_key, sizeof a->digest_key, crypto_generichash_BYTES);
    crypto_generichash_update(&state, fixed, sizeof fixed);
    crypto_generichash_update(&state, (const unsigned char *)client.p, client.n);
    crypto_generichash_update(&state, (const unsigned char *)password.p, password.n);
    crypto_generichash_final(&state, out, crypto_generichash_BYTES);
    sodium_memzero(&state, sizeof state);
}

static struct known_good *place_of(struct auth *a, const unsigned char *digest)
{
    return &a->known_good[load_u64(digest) % a->params.known_good_max];
}

static bool is_known_good(struct auth *a, const unsigned char *digest, int64_t now)
{
    if (a->params.known_good_max == 0)
        return false;
    pthread_mutex_lock(&a->lock);
    const struct known_good *k = place_of(a, digest);
    bool known = now < k->until_ms && sodium_memcmp(k->digest, digest, sizeof k->digest) == 0;
    pthread_mutex_unlock(&a->lock);
    return known;
}

static void remember_known_good(struct auth *a, const unsigned char *digest, int64_t now)
{
    if (a->params.known_good_max == 0)
        return;
    pthread_mutex_lock(&a->lock);
    struct known_good *k = place_of(a, digest);
    memcpy(k->digest, digest, sizeof k->digest);
    k->until_ms = now + (int64_t)a->params.known_good_s * 1000;
    pthread_mutex_unlock(&a->lock);
}

/* ---- argon2id, a few at once ---- */

static int hashing_begin(struct auth *a, struct err *err)
{
    int r = 0;
    pthread_mutex_lock(&a->lock);
    if (a->hashing_count >= a->params.hashes_max && a->waiting_count >= a->params.waiters_max) {
        r = err_set(err, ERR_UNAVAILABLE, "too many sign-ins at once: try again in a moment");
    } else {
        a->waiting_count++;
        while (a->hashing_count >= a->params.hashes_max)
            pthread_cond_wait(&a->hash_done, &a->lock);
        a->waiting_count--;
        a->hashing_count++;
    }
    pthread_mutex_unlock(&a->lock);
    return r;
}

static void hashing_end(struct auth *a)
{
    pthread_mutex_lock(&a->lock);
    a->hashing_count--;
    pthread_cond_signal(&a->hash_done);
    pthread_mutex_unlock(&a->lock);
}

/* ---- one attempt ---- */

struct attempt {
    char name[USER_NAME_BYTES_MAX + 2]; /* 'n', then the name as it counts for delays */
    struct str name_key, client_key;
    struct user user;
    bool exists;
    struct buf password; /* prepared; empty when it can be nobody's */
    unsigned char digest[crypto_generichash_BYTES];
    char client[64]; /* 'c', then the client */
};

/* Names and clients share one table of failures: a letter in front keeps them apart. */
static struct str tagged_key(char tag, struct str s, char *room, size_t room_bytes)
{
    if (str_is_nil(s))
        return STR_NIL;
    s = str_sub(s, 0, room_bytes - 1);
    room[0] = tag;
    memcpy(room + 1, s.p, s.n);
    return str_make(room, s.n + 1);
}

static int attempt_begin(struct auth *a, struct attempt *t, struct str name, struct str password,
                         struct str client, struct err *err)
{
    char normal[USER_NAME_BYTES_MAX + 1];
    bool good_name = users_normalise_name(name, normal, NULL) == 0;
    t->name_key = tagged_key('n', good_name ? str_c(normal) : name, t->name, sizeof t->name);
    t->client_key = tagged_key('c', client, t->client, sizeof t->client);
    int r = good_name ? users_find(a->params.users, str_c(normal), &t->user, err) : -ERR_NOT_FOUND;
    if (r < 0 && r != -ERR_NOT_FOUND)
        return err_set(err, ERR_UNAVAILABLE, "the directory of users cannot be read");
    t->exists = r == 0;
    if (password_prepare(password, &t->password, NULL) < 0)
        t->exists = false;
    if (t->exists)
        digest_of(a, &t->user, buf_str(&t->password), t->client_key, t->digest);
    return 0;
}

static uint32_t longer(struct throttle_score x, struct throttle_score y)
{
    return x.delay_ms > y.delay_ms ? x.delay_ms : y.delay_ms;
}

static int fail_attempt(struct auth *a, const struct attempt *t, int64_t now, uint32_t *delay_ms,
                        struct err *err)
{
    struct throttle_score by_client = throttle_add_failure(a->throttle, t->client_key, now);
    struct throttle_score by_name = throttle_add_failure(a->throttle, t->name_key, now);
    *delay_ms = longer(by_client, by_name);
    return err_set(err, ERR_AUTH, "name or password is wrong");
}

/* The slow way: argon2id, whoever it is. */
static int verify_by_hash(struct auth *a, const struct attempt *t, uint32_t *delay_ms, struct err *err)
{
    int64_t now = clock_mono_ms(a->params.clock);
    struct throttle_score client = throttle_look(a->throttle, t->client_key, now);
    *delay_ms = longer(client, throttle_look(a->throttle, t->name_key, now));
    if (client.failures >= AUTH_FAILURES_MAX && client.age_ms < a->params.failure_delay_max_ms)
        return err_set(err, ERR_UNAVAILABLE,
                       "too many failed sign-ins from this address: try again in %lld s",
                       (long long)(a->params.failure_delay_max_ms - client.age_ms + 999) / 1000);
    store_push(users_store(a->params.users)); /* what this thread has begun for others must not wait for it */
    int r = hashing_begin(a, err);
    if (r < 0)
        return r;
    bool matches = password_matches(buf_str(&t->password), t->exists ? t->user.hash : a->dummy_hash);
    hashing_end(a);
    now = clock_mono_ms(a->params.clock);
    if (!matches || !t->exists || t->user.disabled)
        return fail_attempt(a, t, now, delay_ms, err);
    throttle_forgive(a->throttle, t->name_key);
    remember_known_good(a, t->digest, now);
    return 0;
}

static void count(struct auth *a, int r, bool known)
{
    pthread_mutex_lock(&a->lock);
    a->stats.ok_count += r == 0;
    a->stats.known_good_count += r == 0 && known;
    a->stats.failed_count += r == -ERR_AUTH;
    a->stats.turned_away_count += r == -ERR_UNAVAILABLE;
    pthread_mutex_unlock(&a->lock);
}

int auth_verify_password(struct auth *a, struct str name, struct str password, struct str client,
                         struct auth_outcome *outcome, struct err *err)
{
    struct attempt t = { .password = BUF_INIT };
    bool known = false;
    *outcome = (struct auth_outcome){ .delay_ms = 0 };
    int r = attempt_begin(a, &t, name, password, client, err);
    if (r == 0) {
        known = t.exists && !t.user.disabled && is_known_good(a, t.digest, clock_mono_ms(a->params.clock));
        if (!known)
            r = verify_by_hash(a, &t, &outcome->delay_ms, err);
    }
    if (r == 0) {
        outcome->user = t.user;
        sodium_memzero(outcome->user.hash, sizeof outcome->user.hash);
    }
    count(a, r, known);
    sasl_wipe(&t.password);
    sodium_memzero(&t, sizeof t);
    return r;
}

void auth_stats(struct auth *a, struct auth_stats *out)
{
    pthread_mutex_lock(&a->lock);
    *out = a->stats;
    pthread_mutex_unlock(&a->lock);
}
