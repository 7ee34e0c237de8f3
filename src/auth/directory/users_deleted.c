/* Users that go, and what they leave until their mail is removed. */
#include "auth/directory/users_private.h"

#include "auth/own/credential.h"
#include "base/codec.h"

#define DELETED_FROM STR("X/")
#define DELETED_TO   STR("X0") /* '0' follows '/' */

static void deleted_key(struct account_id account, struct buf *key)
{
    buf_clear(key);
    buf_add(key, DELETED_FROM);
    buf_put_be64(key, account.n);
}

static int delete_plan(struct users *users, void *args, uint64_t version, struct batch *batch,
                       struct err *err)
{
    struct user *user = args;
    struct buf key = BUF_INIT;
    (void)version;
    int r = users_read(users, user->name, user, err);
    if (r == 0) {
        users_key(user->name, &key);
        batch_delete(batch, buf_str(&key));
        deleted_key(user->account, &key);
        batch_put(batch, buf_str(&key), str_c(user->name));
        users_referral_key(user->name, &key);
        batch_delete(batch, buf_str(&key));
        credential_plan_delete(user->name, batch);
        r = groups_forget_user(users, user->account, batch, err);
        if (r == 0)
            r = aliases_forget_user(users, user->name, batch, err);
    }
    buf_deinit(&key);
    return r;
}

int users_delete(struct users *users, struct str name, struct account_id *account_out, struct err *err)
{
    struct user user;
    int r = users_normalise_existing(users, name, user.name, err);
    if (r == 0)
        r = users_change(users, delete_plan, &user, err);
    if (r == 0)
        *account_out = user.account;
    return r;
}

/* ---- what they leave ---- */

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
