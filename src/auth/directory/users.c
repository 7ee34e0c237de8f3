#include "auth/directory/users_private.h"

#include "auth/own/app_password_use.h"
#include "auth/own/credential.h"
#include "auth/password.h"
#include "auth/sasl/sasl.h"
#include "base/codec.h"
#include "base/utf8.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CHANGE_ATTEMPTS_MAX = 100, /* conflicts with other machines in a row, before we call it trouble */
    CACHE_USERS_MAX = 10000,
};

#define KEY_NEXT_ID STR("N")

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
    users->uses = app_password_uses_new();
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
    app_password_uses_flush(*users);
    app_password_uses_free(&(*users)->uses);
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

struct addition {
    struct user user;
    struct verifiers verifiers;
};

static int look_for_twin(void *ctx, const struct user *user, struct err *err)
{
    const char *name = ctx;
    char normal[USER_NAME_BYTES_MAX + 1];
    if (utf8_is_ascii(str_c(user->name)) || users_normalise_name(str_c(user->name), normal, NULL) < 0 ||
        strcmp(normal, name) != 0)
        return 0;
    return err_set(err, ERR_EXISTS, "user %.200s exists already", user->name);
}

/* Nobody from before RFC 8265 may have a name that is the same today. ASCII was spelled the same. */
static int check_twins(struct users *users, struct user *user, struct err *err)
{
    int r = utf8_is_ascii(str_c(user->name)) ? 0 : users_list(users, look_for_twin, user->name, err);
    return r < 0 ? r : 0;
}

static int add_plan(struct users *users, void *args, uint64_t version, struct batch *batch, struct err *err)
{
    struct addition *addition = args;
    struct user *user = &addition->user, existing;
    int r = users_read(users, user->name, &existing, err);
    if (r == 0)
        return err_set(err, ERR_EXISTS, "user %.200s exists already", user->name);
    if (r == -ERR_NOT_FOUND)
        r = check_twins(users, user, err);
    if (r == 0)
        r = users_next_id(users, &user->account.n, err);
    if (r < 0)
        return r;
    user->revision = version + 1;
    users_put(user, batch);
    users_put_next_id(user->account.n + 1, batch);
    return credential_plan_password(users, user, &addition->verifiers, batch, err);
}

/* user: whose it is to be; NULL: of one who is not there yet */
static int hash_password(struct users *users, const struct user *user, struct str password,
                         char hash_out[USER_HASH_BYTES_MAX], struct verifiers *verifiers_out, struct err *err)
{
    struct buf prepared = BUF_INIT;
    struct credential credential;
    credential_init(&credential, (struct account_id){ 0 });
    int r = user ? credential_read(users, user, &credential, err) : 0;
    if (r < 0)
        return r;
    r = password_prepare(password, &prepared, err);
    if (r == 0)
        r = password_hash(buf_str(&prepared), users->params.hash_passes, users->params.hash_memory_bytes,
                          hash_out, err);
    if (r == 0)
        r = users_make_verifiers(users, buf_str(&prepared), credential_salts(&credential, false),
                                 verifiers_out, err);
    sasl_wipe(&prepared);
    credential_deinit(&credential);
    return r;
}

int users_add(struct users *users, struct str name, struct str password, struct user *user_out,
              struct err *err)
{
    struct addition addition = { .user.created_ms = clock_wall_ms(users->params.clock) };
    struct user *user = &addition.user, existing;
    int r = users_normalise_name(name, user->name, err);
    if (r < 0)
        return r;
    /* Before the slow hash; add_plan looks again. */
    if (users_find(users, str_c(user->name), &existing, NULL) == 0)
        return err_set(err, ERR_EXISTS, "user %.200s exists already", user->name);
    r = hash_password(users, NULL, password, user->hash, &addition.verifiers, err);
    user->password_changed_ms = user->created_ms;
    if (r == 0)
        r = users_change(users, add_plan, &addition, err);
    if (r == 0)
        *user_out = *user;
    sodium_memzero(&addition, sizeof addition);
    return r;
}

int users_add_foreign(struct users *users, struct str name, const char *provider, struct user *user_out,
                      struct err *err)
{
    struct addition addition = { .user.created_ms = clock_wall_ms(users->params.clock) };
    struct user *user = &addition.user;
    int r = users_normalise_name(name, user->name, err);
    snprintf(user->provider, sizeof user->provider, "%s", provider);
    assert(provider[0] && strcmp(user->provider, provider) == 0);
    user->password_changed_ms = user->created_ms;
    if (r == 0)
        r = users_change(users, add_plan, &addition, err);
    if (r == 0)
        *user_out = *user;
    return r;
}

/* ---- one record ---- */

struct edit {
    char name[USER_NAME_BYTES_MAX + 1];
    users_edit_fn *edit;
    const void *args;
};

static int edit_plan(struct users *users, void *args, uint64_t version, struct batch *batch, struct err *err)
{
    const struct edit *edit = args;
    struct user user;
    int r = users_read(users, edit->name, &user, err);
    if (r == 0)
        r = edit->edit(users, &user, edit->args, err);
    if (r == 0) {
        user.revision = version + 1;
        users_put(&user, batch);
    }
    sodium_memzero(user.hash, sizeof user.hash);
    return r;
}

int users_edit(struct users *users, struct str name, users_edit_fn *edit, const void *args, struct err *err)
{
    struct edit e = { .edit = edit, .args = args };
    int r = users_normalise_existing(users, name, e.name, err);
    return r < 0 ? r : users_change(users, edit_plan, &e, err);
}

struct new_password {
    char name[USER_NAME_BYTES_MAX + 1];
    char hash[USER_HASH_BYTES_MAX];
    struct verifiers verifiers;
};

/* The hash and the SCRAM verifiers in one commit: at no time does one open what the other does not. */
static int password_plan(struct users *users, void *args, uint64_t version, struct batch *batch,
                         struct err *err)
{
    const struct new_password *fresh = args;
    struct user user;
    int r = users_read(users, fresh->name, &user, err);
    if (r == 0 && user.provider[0])
        r = err_set(err, ERR_CANNOT, "the password of %.150s is kept by %s", user.name, user.provider);
    if (r == 0) {
        memcpy(user.hash, fresh->hash, sizeof user.hash);
        user.password_changed_ms = clock_wall_ms(users->params.clock);
        user.revision = version + 1;
        users_put(&user, batch);
        r = credential_plan_password(users, &user, &fresh->verifiers, batch, err);
    }
    sodium_memzero(user.hash, sizeof user.hash);
    return r;
}

int users_set_password(struct users *users, struct str name, struct str password, struct err *err)
{
    struct new_password fresh = { .name = "" };
    struct user user;
    int r = users_find(users, name, &user, err);
    if (r == 0)
        r = hash_password(users, &user, password, fresh.hash, &fresh.verifiers, err);
    if (r == 0)
        r = users_normalise_existing(users, name, fresh.name, err);
    if (r == 0)
        r = users_change(users, password_plan, &fresh, err);
    sodium_memzero(&fresh, sizeof fresh);
    return r;
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

static int find_spelling(struct users *users, const char *name, uint64_t version, struct user *user_out,
                         struct err *err)
{
    struct user user;
    if (!cache_look(users, name, version, &user)) {
        int r = users_read(users, name, &user, err);
        if (r < 0)
            return r;
        cache_keep(users, &user, version);
    }
    if (user.disabled_note.until_ms || user.locked_note.until_ms)
        users_end_holds(&user, clock_wall_ms(users->params.clock));
    *user_out = user;
    return 0;
}

/* The old spelling first: whoever types what opened an account before, means it still. */
int users_find(struct users *users, struct str name, struct user *user_out, struct err *err)
{
    char normal[USER_NAME_BYTES_MAX + 1] = "", old[USER_NAME_BYTES_MAX + 1];
    uint64_t version;
    bool good = users_normalise_name(name, normal, NULL) == 0;
    bool was_other = !utf8_is_ascii(name) && users_old_spelling(name, old) && strcmp(old, normal) != 0;
    if (!good && !was_other)
        return err_set(err, ERR_NOT_FOUND, "there is no such user");
    int r = store_version(users->params.store, DIRECTORY_ACCOUNT, &version, err);
    if (r < 0)
        return r;
    r = was_other ? find_spelling(users, old, version, user_out, err) : -ERR_NOT_FOUND;
    if (r == -ERR_NOT_FOUND && good)
        r = find_spelling(users, normal, version, user_out, err);
    return r;
}

struct listing {
    int64_t wall_ms;
    users_fn *fn;
    void *ctx;
};

static int list_one(void *ctx, struct str key, struct str value, struct err *err)
{
    const struct listing *listing = ctx;
    struct user user;
    int r = users_decode(str_skip(key, USERS_FROM.n), value, &user, err);
    if (r < 0)
        return r;
    users_end_holds(&user, listing->wall_ms);
    return listing->fn(listing->ctx, &user, err);
}

int users_list(struct users *users, users_fn *fn, void *ctx, struct err *err)
{
    struct listing listing = { clock_wall_ms(users->params.clock), fn, ctx };
    return store_scan(users->params.store, DIRECTORY_ACCOUNT, USERS_FROM, USERS_TO, NULL, list_one, &listing,
                      err);
}
