#include "auth/users_private.h"

#include "auth/password.h"
#include "auth/sasl.h"
#include "base/codec.h"
#include "base/map.h"
#include "base/utf8.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Value of "U/" name, format 2:
 *   u8 format; varint account id; u64 created_ms; u8 flags; u64 revision; str hash; from format 2 on str hidden
 *   capabilities, str referral
 * What follows later formats comes behind; a reader refuses formats that it does not know. */
enum { RECORD_FORMAT = 2, RECORD_DISABLED = 1 };
enum {
    CHANGE_ATTEMPTS_MAX = 100, /* conflicts with other machines in a row, before we call it trouble */
    CACHE_USERS_MAX = 10000,
};

#define KEY_NEXT_ID  STR("N")
#define USERS_FROM   STR("U/")
#define USERS_TO     STR("U0") /* '0' follows '/' */
#define DELETED_FROM STR("X/")
#define DELETED_TO   STR("X0")

/* ---- names ---- */

static bool is_bad_in_name(int32_t c)
{
    return c < 0x21 || c == '/' || (c >= 0x7f && c <= 0xa0) || c == 0x2028 || c == 0x2029 || c == 0x3000 ||
           c == 0xfeff;
}

static int check_name(struct str name, struct err *err)
{
    if (name.n == 0)
        return err_set(err, ERR_INVALID, "the user name is empty");
    if (name.n > USER_NAME_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the user name is longer than %d bytes", USER_NAME_BYTES_MAX);
    if (name.p[0] == '.')
        return err_set(err, ERR_INVALID, "the user name begins with a dot");
    for (const char *p = name.p, *end = str_end(name); p < end;)
        if (is_bad_in_name(utf8_next(&p, end)))
            return err_set(err, ERR_INVALID, "the user name has a blank, a control character or \"/\" in it");
    return 0;
}

int users_normalise_name(struct str name, char out[USER_NAME_BYTES_MAX + 1], struct err *err)
{
    enum { RAW_BYTES_MAX = 4 * USER_NAME_BYTES_MAX }; /* NFC may shorten, but not to a quarter */
    struct arena arena = ARENA_INIT;
    struct str nfc;
    if (name.n > RAW_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the user name is longer than %d bytes", USER_NAME_BYTES_MAX);
    int r = utf8_to_nfc(name, &arena, &nfc) ? check_name(nfc, err)
                                            : err_set(err, ERR_INVALID, "the user name is not UTF-8");
    if (r == 0) {
        for (size_t i = 0; i < nfc.n; i++)
            out[i] = ascii_lower(nfc.p[i]);
        out[nfc.n] = '\0';
    }
    arena_deinit(&arena);
    return r;
}

/* ---- records ---- */

static void record_encode(const struct user *user, struct buf *out)
{
    buf_put_u8(out, RECORD_FORMAT);
    buf_put_varint(out, user->account.n);
    buf_put_u64(out, (uint64_t)user->created_ms);
    buf_put_u8(out, user->disabled ? RECORD_DISABLED : 0);
    buf_put_u64(out, user->revision);
    buf_put_str(out, str_c(user->hash));
    buf_put_str(out, str_c(user->hidden));
    buf_put_str(out, str_c(user->referral));
}

/* Into a field with room for its NUL; false: it is too long. */
static bool take_text(struct str text, char *field, size_t size)
{
    if (text.n >= size)
        return false;
    if (text.n > 0)
        memcpy(field, text.p, text.n);
    return true;
}

static int record_decode(struct str name, struct str value, struct user *user_out, struct err *err)
{
    struct reader r = reader_make(value);
    struct user user = { .disabled = false };
    uint8_t format = reader_u8(&r);
    if (format == 0 || format > RECORD_FORMAT)
        return err_set(err, ERR_CORRUPT, "record of user " STR_FMT " has format %u: a newer Loft wrote it",
                       STR_ARG(str_sub(name, 0, 100)), format);
    user.account.n = reader_varint(&r);
    user.created_ms = (int64_t)reader_u64(&r);
    user.disabled = reader_u8(&r) & RECORD_DISABLED;
    user.revision = reader_u64(&r);
    struct str hash = reader_str(&r);
    struct str hidden = format >= 2 ? reader_str(&r) : STR_NIL;
    struct str referral = format >= 2 ? reader_str(&r) : STR_NIL;
    if (r.bad || reader_left(&r) > 0 || user.account.n == 0 ||
        !take_text(name, user.name, sizeof user.name) || !take_text(hash, user.hash, sizeof user.hash) ||
        !take_text(hidden, user.hidden, sizeof user.hidden) ||
        !take_text(referral, user.referral, sizeof user.referral))
        return err_set(err, ERR_CORRUPT, "record of user " STR_FMT " is damaged",
                       STR_ARG(str_sub(name, 0, 100)));
    *user_out = user;
    return 0;
}

static void user_key(const char *name, struct buf *key)
{
    buf_clear(key);
    buf_add(key, USERS_FROM);
    buf_add(key, str_c(name));
}

static void deleted_key(struct account_id account, struct buf *key)
{
    buf_clear(key);
    buf_add(key, DELETED_FROM);
    buf_put_be64(key, account.n);
}

/* From the store. `name` is normalised. */
int users_read(struct users *users, const char *name, struct user *user_out, struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    user_key(name, &key);
    int r = store_get(users->params.store, DIRECTORY_ACCOUNT, buf_str(&key), &value, err);
    if (r == 0)
        r = record_decode(str_c(name), buf_str(&value), user_out, err);
    else if (r == -ERR_NOT_FOUND)
        r = err_set(err, ERR_NOT_FOUND, "there is no user %.200s", name);
    sasl_wipe(&value);
    buf_deinit(&key);
    return r;
}

/* ---- open ---- */

struct store *users_store(const struct users *users)
{
    return users->params.store;
}

uint64_t users_changes(const struct users *users)
{
    return atomic_load(&users->changes);
}

int users_open(const struct users_params *params, struct users **users_out, struct err *err)
{
    uint64_t version;
    if (sodium_init() < 0)
        return err_set(err, ERR_IO, "libsodium does not start");
    int r = store_version(params->store, DIRECTORY_ACCOUNT, &version, err);
    if (r < 0)
        return r;
    struct users *users = calloc(1, sizeof *users);
    if (!users)
        abort();
    users->params = *params;
    users->cache_version = version;
    pthread_mutex_init(&users->change_lock, NULL);
    pthread_mutex_init(&users->cache_lock, NULL);
    map_init(&users->cache);
    *users_out = users;
    return 0;
}

static void cache_clear(struct users *users)
{
    void *user;
    for (size_t i = 0; map_next(&users->cache, &i, NULL, &user);)
        free(user);
    map_deinit(&users->cache);
    map_init(&users->cache);
}

void users_free(struct users **users)
{
    if (!*users)
        return;
    cache_clear(*users);
    map_deinit(&(*users)->cache);
    pthread_mutex_destroy(&(*users)->cache_lock);
    pthread_mutex_destroy(&(*users)->change_lock);
    free(*users);
    *users = NULL;
}

/* ---- changes ---- */

int users_change(struct users *users, users_plan_fn *plan, void *args, struct err *err)
{
    struct store *store = users->params.store;
    struct batch batch = BATCH_INIT;
    uint64_t version;
    int r = -ERR_CONFLICT;
    pthread_mutex_lock(&users->change_lock);
    for (int i = 0; i < CHANGE_ATTEMPTS_MAX && r == -ERR_CONFLICT; i++) {
        batch_clear(&batch);
        r = store_version(store, DIRECTORY_ACCOUNT, &version, err);
        if (r == 0)
            r = plan(users, args, version, &batch, err);
        if (r == 0)
            r = store_commit(store, DIRECTORY_ACCOUNT, version, version + 1, &batch, err);
    }
    atomic_fetch_add(&users->changes, 1); /* also after an error: it may be there */
    pthread_mutex_unlock(&users->change_lock);
    batch_deinit(&batch);
    if (r == -ERR_CONFLICT)
        return err_set(err, ERR_UNAVAILABLE, "the directory of users is changed by others all the time");
    return r;
}

void users_put(const struct user *user, struct batch *batch)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    user_key(user->name, &key);
    record_encode(user, &value);
    batch_put(batch, buf_str(&key), buf_str(&value));
    sasl_wipe(&value);
    buf_deinit(&key);
}

int users_next_id(struct users *users, uint64_t *id_out, struct err *err)
{
    struct buf value = BUF_INIT;
    int r = store_get(users->params.store, DIRECTORY_ACCOUNT, KEY_NEXT_ID, &value, err);
    if (r == -ERR_NOT_FOUND) {
        *id_out = FIRST_ACCOUNT_ID;
        r = 0;
    } else if (r == 0) {
        struct reader reader = reader_make(buf_str(&value));
        *id_out = reader_be64(&reader);
        if (reader.bad || reader_left(&reader) > 0 || *id_out < FIRST_ACCOUNT_ID)
            r = err_set(err, ERR_CORRUPT, "the counter of account ids is damaged");
    }
    buf_deinit(&value);
    return r;
}

void users_put_next_id(uint64_t next, struct batch *batch)
{
    char value[8];
    store_be64(value, next);
    batch_put(batch, KEY_NEXT_ID, str_make(value, sizeof value));
}

static int add_plan(struct users *users, void *args, uint64_t version, struct batch *batch, struct err *err)
{
    struct user *user = args, existing;
    int r = users_read(users, user->name, &existing, err);
    if (r == 0)
        return err_set(err, ERR_EXISTS, "user %.200s exists already", user->name);
    if (r != -ERR_NOT_FOUND)
        return r;
    r = users_next_id(users, &user->account.n, err);
    if (r < 0)
        return r;
    user->revision = version + 1;
    users_put(user, batch);
    users_put_next_id(user->account.n + 1, batch);
    return 0;
}

static int hash_password(const struct users *users, struct str password, char hash_out[USER_HASH_BYTES_MAX],
                         struct err *err)
{
    struct buf prepared = BUF_INIT;
    int r = password_prepare(password, &prepared, err);
    if (r == 0)
        r = password_hash(buf_str(&prepared), users->params.hash_passes, users->params.hash_memory_bytes,
                          hash_out, err);
    sasl_wipe(&prepared);
    return r;
}

int users_add(struct users *users, struct str name, struct str password, struct user *user_out,
              struct err *err)
{
    struct user user = { .created_ms = clock_wall_ms(users->params.clock) }, existing;
    int r = users_normalise_name(name, user.name, err);
    if (r < 0)
        return r;
    /* Before the slow hash; add_plan looks again. */
    if (users_find(users, str_c(user.name), &existing, NULL) == 0)
        return err_set(err, ERR_EXISTS, "user %.200s exists already", user.name);
    r = hash_password(users, password, user.hash, err);
    if (r == 0)
        r = users_change(users, add_plan, &user, err);
    if (r == 0)
        *user_out = user;
    return r;
}

struct edit {
    char name[USER_NAME_BYTES_MAX + 1];
    enum { EDIT_PASSWORD, EDIT_DISABLED } what;
    char hash[USER_HASH_BYTES_MAX];
    bool disabled;
};

static int edit_plan(struct users *users, void *args, uint64_t version, struct batch *batch, struct err *err)
{
    const struct edit *edit = args;
    struct user user;
    int r = users_read(users, edit->name, &user, err);
    if (r < 0)
        return r;
    if (edit->what == EDIT_PASSWORD)
        memcpy(user.hash, edit->hash, sizeof user.hash);
    else
        user.disabled = edit->disabled;
    user.revision = version + 1;
    users_put(&user, batch);
    return 0;
}

/* A name that cannot be anybody's is not found. */
int users_normalise_existing(struct str name, char out[USER_NAME_BYTES_MAX + 1], struct err *err)
{
    if (users_normalise_name(name, out, err) < 0)
        return err_set(err, ERR_NOT_FOUND, "there is no such user");
    return 0;
}

int users_set_password(struct users *users, struct str name, struct str password, struct err *err)
{
    struct edit edit = { .what = EDIT_PASSWORD };
    struct user user;
    int r = users_normalise_existing(name, edit.name, err);
    if (r == 0)
        r = users_find(users, str_c(edit.name), &user, err);
    if (r == 0)
        r = hash_password(users, password, edit.hash, err);
    return r < 0 ? r : users_change(users, edit_plan, &edit, err);
}

int users_set_disabled(struct users *users, struct str name, bool disabled, struct err *err)
{
    struct edit edit = { .what = EDIT_DISABLED, .disabled = disabled };
    int r = users_normalise_existing(name, edit.name, err);
    return r < 0 ? r : users_change(users, edit_plan, &edit, err);
}

static int delete_plan(struct users *users, void *args, uint64_t version, struct batch *batch,
                       struct err *err)
{
    struct user *user = args;
    struct buf key = BUF_INIT;
    (void)version;
    int r = users_read(users, user->name, user, err);
    if (r == 0) {
        user_key(user->name, &key);
        batch_delete(batch, buf_str(&key));
        deleted_key(user->account, &key);
        batch_put(batch, buf_str(&key), str_c(user->name));
        users_referral_key(user->name, &key);
        batch_delete(batch, buf_str(&key));
        r = groups_forget_user(users, user->account, batch, err);
    }
    buf_deinit(&key);
    return r;
}

int users_delete(struct users *users, struct str name, struct account_id *account_out, struct err *err)
{
    struct user user;
    int r = users_normalise_existing(name, user.name, err);
    if (r == 0)
        r = users_change(users, delete_plan, &user, err);
    if (r == 0)
        *account_out = user.account;
    return r;
}

/* ---- what deleted users leave ---- */

static int forget_deleted_plan(struct users *users, void *args, uint64_t version, struct batch *batch,
                               struct err *err)
{
    struct buf key = BUF_INIT;
    (void)users, (void)version, (void)err;
    deleted_key(*(const struct account_id *)args, &key);
    batch_delete(batch, buf_str(&key));
    buf_deinit(&key);
    return 0;
}

int users_purge(struct users *users, struct account_id account, struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    deleted_key(account, &key);
    int r = store_get(users->params.store, DIRECTORY_ACCOUNT, buf_str(&key), &value, err);
    buf_deinit(&key);
    buf_deinit(&value);
    if (r == -ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "account %llu is not that of a deleted user",
                       (unsigned long long)account.n);
    if (r == 0)
        r = store_drop_account(users->params.store, account, err);
    return r < 0 ? r : users_change(users, forget_deleted_plan, &account, err);
}

struct first_deleted {
    struct account_id account;
    bool found;
};

static int take_deleted(void *ctx, struct str key, struct str value, struct err *err)
{
    struct first_deleted *first = ctx;
    struct reader r = reader_make(str_skip(key, DELETED_FROM.n));
    (void)value;
    first->account.n = reader_be64(&r);
    if (r.bad || reader_left(&r) > 0)
        return err_set(err, ERR_CORRUPT, "the directory has a damaged note of a deleted user");
    first->found = true;
    return 1;
}

int users_next_deleted(struct users *users, struct account_id *account_out, struct err *err)
{
    struct first_deleted first = { .found = false };
    int r = store_scan(users->params.store, DIRECTORY_ACCOUNT, DELETED_FROM, DELETED_TO, NULL, take_deleted,
                       &first, err);
    if (r < 0)
        return r;
    if (first.found)
        *account_out = first.account;
    return first.found;
}

/* ---- looking up ---- */

static bool cache_look(struct users *users, const char *name, uint64_t version, struct user *user_out)
{
    pthread_mutex_lock(&users->cache_lock);
    if (users->cache_version != version) {
        cache_clear(users);
        users->cache_version = version;
    }
    const struct user *user = map_get(&users->cache, str_c(name));
    if (user)
        *user_out = *user;
    pthread_mutex_unlock(&users->cache_lock);
    return user != NULL;
}

/* `user` was read after `version` was: it is as new or newer. Not kept when the directory moved on. */
static void cache_keep(struct users *users, const struct user *user, uint64_t version)
{
    pthread_mutex_lock(&users->cache_lock);
    if (users->cache_version == version) {
        struct user *copy = malloc(sizeof *copy);
        if (!copy)
            abort();
        if (users->cache.count >= CACHE_USERS_MAX)
            cache_clear(users);
        *copy = *user;
        free(map_put(&users->cache, str_c(user->name), copy));
    }
    pthread_mutex_unlock(&users->cache_lock);
}

int users_find(struct users *users, struct str name, struct user *user_out, struct err *err)
{
    char normal[USER_NAME_BYTES_MAX + 1];
    uint64_t version;
    struct user user;
    int r = users_normalise_existing(name, normal, err);
    if (r == 0)
        r = store_version(users->params.store, DIRECTORY_ACCOUNT, &version, err);
    if (r < 0)
        return r;
    if (cache_look(users, normal, version, user_out))
        return 0;
    r = users_read(users, normal, &user, err);
    if (r < 0)
        return r;
    cache_keep(users, &user, version);
    *user_out = user;
    return 0;
}

struct listing {
    users_fn *fn;
    void *ctx;
};

static int list_one(void *ctx, struct str key, struct str value, struct err *err)
{
    const struct listing *listing = ctx;
    struct user user;
    int r = record_decode(str_skip(key, USERS_FROM.n), value, &user, err);
    return r < 0 ? r : listing->fn(listing->ctx, &user, err);
}

int users_list(struct users *users, users_fn *fn, void *ctx, struct err *err)
{
    struct listing listing = { fn, ctx };
    return store_scan(users->params.store, DIRECTORY_ACCOUNT, USERS_FROM, USERS_TO, NULL, list_one, &listing,
                      err);
}
