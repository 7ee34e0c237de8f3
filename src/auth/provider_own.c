#include "auth/provider_own.h"

#include "auth/password.h"
#include "auth/sasl.h"

#include <sodium.h>
#include <stdlib.h>

struct own {
    struct provider_own_params params;
    char dummy_hash[USER_HASH_BYTES_MAX]; /* of no password */
};

/* The record of `name`; wipe it. */
static int look_up(struct own *own, struct str name, struct user *user_out, struct provider_answer *answer,
                   struct err *err)
{
    int r = users_find(own->params.users, name, user_out, err);
    if (r == 0 && user_out->provider[0]) /* an account that another one made: it answers for it */
        return err_set(err, ERR_NOT_FOUND, "another provider keeps that user's password");
    if (r == 0) {
        answer->disabled = user_out->disabled;
        answer->locked = user_out->locked;
    } else if (r != -ERR_NOT_FOUND) {
        r = err_set(err, ERR_UNAVAILABLE, "the directory of users cannot be read");
    }
    return r;
}

static int own_find(void *ctx, struct str name, struct provider_answer *answer, struct err *err)
{
    struct user user;
    int r = look_up(ctx, name, &user, answer, err);
    sodium_memzero(&user, sizeof user);
    return r;
}

/* A password that cannot be anybody's costs what another does. */
static bool matches(const struct own *own, struct str password, const char *hash)
{
    struct buf prepared = BUF_INIT;
    bool possible = password_prepare(password, &prepared, NULL) == 0;
    bool yes = password_matches(buf_str(&prepared), possible ? hash : own->dummy_hash);
    sasl_wipe(&prepared);
    return yes && possible;
}

static int own_verify(void *ctx, struct str name, struct str password, const struct auth_peer *peer,
                      struct provider_answer *answer, struct err *err)
{
    struct own *own = ctx;
    struct user user;
    (void)peer;
    int r = look_up(own, name, &user, answer, err);
    if (r == 0 && !matches(own, password, user.hash))
        r = err_set(err, ERR_AUTH, "the password is wrong");
    sodium_memzero(&user, sizeof user);
    return r;
}

static void own_decoy(void *ctx, struct str password)
{
    const struct own *own = ctx;
    (void)matches(own, password, own->dummy_hash);
}

static void own_free(void *ctx)
{
    sodium_memzero(ctx, sizeof(struct own));
    free(ctx);
}

static const struct provider_ops own_ops = {
    .name = "own", .find = own_find, .verify = own_verify, .decoy = own_decoy, .free = own_free
};

int provider_own_new(const struct provider_own_params *params, struct provider *provider_out, struct err *err)
{
    struct own *own = calloc(1, sizeof *own);
    if (!own)
        abort();
    own->params = *params;
    int r = password_hash(STR("nobody"), params->hash_passes, params->hash_memory_bytes, own->dummy_hash,
                          err);
    if (r < 0) {
        own_free(own);
        return r;
    }
    *provider_out = (struct provider){ &own_ops, own, params->hashes_max };
    return 0;
}
