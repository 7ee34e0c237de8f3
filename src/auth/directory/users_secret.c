/* The one secret of the directory. */
#include "auth/directory/users_private.h"

#include "base/rand.h"

#include <sodium.h>

#define SECRET_KEY STR("Y")

static int read_secret(struct users *users, unsigned char out[USERS_SECRET_BYTES], struct err *err)
{
    struct buf value = BUF_INIT;
    int r = store_get(users->params.store, DIRECTORY_ACCOUNT, SECRET_KEY, &value, err);
    if (r == 0 && value.n != USERS_SECRET_BYTES)
        r = err_set(err, ERR_CORRUPT, "the secret of the directory has %zu bytes", value.n);
    if (r == 0)
        memcpy(out, value.p, USERS_SECRET_BYTES);
    if (value.p)
        sodium_memzero(value.p, value.cap);
    buf_deinit(&value);
    return r;
}

/* Whoever was quicker has made it. */
static int plan_secret(struct users *users, void *args, uint64_t version, struct batch *batch,
                       struct err *err)
{
    (void)version;
    unsigned char *secret = args;
    int r = read_secret(users, secret, err);
    if (r != -ERR_NOT_FOUND)
        return r;
    rand_system.bytes(&rand_system, secret, USERS_SECRET_BYTES);
    batch_put(batch, SECRET_KEY, str_make(secret, USERS_SECRET_BYTES));
    return 0;
}

int users_secret(struct users *users, unsigned char secret_out[USERS_SECRET_BYTES], struct err *err)
{
    int r = read_secret(users, secret_out, err);
    return r == -ERR_NOT_FOUND ? users_change(users, plan_secret, secret_out, err) : r;
}
