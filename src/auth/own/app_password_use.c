#include "auth/own/app_password_use.h"

#include "auth/directory/users_private.h"
#include "base/codec.h"

#include <stdio.h>
#include <stdlib.h>

/* Value of "C/" name "/" id:   u8 format, varint account id, u64 at_ms, str address */
enum { USE_FORMAT = 1 };

/* One that is not written yet; in the map under its key in the store. */
struct noted {
    struct user_name {
        char name[USER_NAME_BYTES_MAX + 1];
        struct account_id account;
    } user;
    uint64_t id;
    struct app_password_use use;
};

struct app_password_uses {
    pthread_mutex_t lock;
    struct map noted;   /* struct noted */
    int64_t flushed_ms; /* mono */
};

struct app_password_uses *app_password_uses_new(void)
{
    struct app_password_uses *uses = calloc(1, sizeof *uses);
    if (!uses)
        abort();
    pthread_mutex_init(&uses->lock, NULL);
    map_init(&uses->noted);
    return uses;
}

static void forget_all(struct map *noted)
{
    void *value;
    for (size_t i = 0; map_next(noted, &i, NULL, &value);)
        free(value);
    map_deinit(noted);
}

void app_password_uses_free(struct app_password_uses **uses)
{
    if (!*uses)
        return;
    forget_all(&(*uses)->noted);
    pthread_mutex_destroy(&(*uses)->lock);
    free(*uses);
    *uses = NULL;
}

/* ---- the store ---- */

static void encode(const struct noted *noted, struct buf *out)
{
    buf_clear(out);
    buf_put_u8(out, USE_FORMAT);
    buf_put_varint(out, noted->user.account.n);
    buf_put_u64(out, (uint64_t)noted->use.at_ms);
    buf_put_str(out, str_c(noted->use.address));
}

int app_password_use_decode(struct str value, struct account_id account, struct app_password_use *use_out,
                            struct err *err)
{
    struct reader r = reader_make(value);
    struct app_password_use use = { .at_ms = 0 };
    uint8_t format = reader_u8(&r);
    uint64_t owner = reader_varint(&r);
    use.at_ms = (int64_t)reader_u64(&r);
    struct str address = reader_str(&r);
    if (format != USE_FORMAT || r.bad || reader_left(&r) > 0 || address.n >= sizeof use.address)
        return err_set(err, ERR_CORRUPT, "the last use of an app password is damaged");
    if (address.n > 0)
        memcpy(use.address, address.p, address.n);
    if (owner == account.n)
        *use_out = use;
    return 0;
}

/* Only for passwords that are still there: one that was deleted meanwhile leaves nothing behind. */
static int put_one(struct users *users, const struct noted *noted, struct batch *batch, struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    struct credential credential;
    struct user user;
    int r = users_read(users, noted->user.name, &user, err);
    if (r == -ERR_NOT_FOUND || (r == 0 && user.account.n != noted->user.account.n))
        return 0;
    if (r == 0)
        r = credential_read(users, &user, &credential, err);
    if (r < 0)
        return r;
    if (credential_find_app_password(&credential, noted->id)) {
        credential_use_key(noted->user.name, noted->id, &key);
        encode(noted, &value);
        batch_put(batch, buf_str(&key), buf_str(&value));
    }
    credential_deinit(&credential);
    buf_deinit(&key);
    buf_deinit(&value);
    return 0;
}

static int flush_plan(struct users *users, void *args, uint64_t version, struct batch *batch, struct err *err)
{
    const struct map *noted = args;
    void *value;
    int r = 0;
    (void)version;
    for (size_t i = 0; r == 0 && map_next(noted, &i, NULL, &value);)
        r = put_one(users, value, batch, err);
    return r;
}

/* Those that the table does not have newer by now come back into it. */
static void note_again(struct app_password_uses *uses, struct map *noted)
{
    struct str key;
    void *value;
    pthread_mutex_lock(&uses->lock);
    for (size_t i = 0; map_next(noted, &i, &key, &value);)
        if (map_get(&uses->noted, key) || uses->noted.count >= APP_PASSWORD_USES_MAX)
            free(value);
        else
            map_put(&uses->noted, key, value);
    pthread_mutex_unlock(&uses->lock);
    map_deinit(noted);
}

void app_password_uses_flush(struct users *users)
{
    struct app_password_uses *uses = users->uses;
    pthread_mutex_lock(&uses->lock);
    struct map noted = uses->noted;
    map_init(&uses->noted);
    uses->flushed_ms = clock_mono_ms(users->params.clock);
    pthread_mutex_unlock(&uses->lock);
    if (noted.count > 0 && users_change(users, flush_plan, &noted, NULL) < 0)
        note_again(uses, &noted);
    else
        forget_all(&noted);
}

/* ---- noting and finding ---- */

void app_password_note_use(struct users *users, const struct user *user, uint64_t id,
                           const struct auth_peer *peer)
{
    struct app_password_uses *uses = users->uses;
    struct noted *noted = calloc(1, sizeof *noted);
    struct buf key = BUF_INIT;
    if (!noted)
        abort();
    memcpy(noted->user.name, user->name, sizeof noted->user.name);
    noted->user.account = user->account;
    noted->id = id;
    noted->use.at_ms = clock_wall_ms(users->params.clock);
    snprintf(noted->use.address, sizeof noted->use.address, "%s", peer->address);
    credential_use_key(user->name, id, &key);
    pthread_mutex_lock(&uses->lock);
    free(map_put(&uses->noted, buf_str(&key), noted));
    bool due = uses->noted.count >= APP_PASSWORD_USES_MAX ||
               clock_mono_ms(users->params.clock) - uses->flushed_ms >= APP_PASSWORD_USES_MS;
    pthread_mutex_unlock(&uses->lock);
    buf_deinit(&key);
    if (due)
        app_password_uses_flush(users);
}

int app_password_use_find(struct users *users, const struct user *user, uint64_t id,
                          struct app_password_use *use_out, struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    credential_use_key(user->name, id, &key);
    *use_out = (struct app_password_use){ .at_ms = 0 };
    int r = store_get(users_store(users), DIRECTORY_ACCOUNT, buf_str(&key), &value, err);
    if (r == 0)
        r = app_password_use_decode(buf_str(&value), user->account, use_out, err);
    else if (r == -ERR_NOT_FOUND)
        r = 0;
    pthread_mutex_lock(&users->uses->lock);
    const struct noted *noted = map_get(&users->uses->noted, buf_str(&key));
    if (r == 0 && noted && noted->user.account.n == user->account.n)
        *use_out = noted->use;
    pthread_mutex_unlock(&users->uses->lock);
    buf_deinit(&key);
    buf_deinit(&value);
    return r;
}
