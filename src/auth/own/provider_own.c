#include "auth/own/provider_own.h"

#include "auth/directory/users_private.h"
#include "auth/own/app_password.h"
#include "auth/password.h"
#include "auth/sasl/sasl.h"

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

/* Told only to whom has the password. */
static bool has_expired(const struct own *own, const struct user *user)
{
    const struct policy *policy = own->params.policy;
    return policy && policy_expired(policy, user, clock_wall_ms(own->params.clock));
}

static int own_find(void *ctx, struct str name, struct provider_answer *answer, struct err *err)
{
    struct user user;
    int r = look_up(ctx, name, &user, answer, err);
    sodium_memzero(&user, sizeof user);
    return r;
}

/* ---- SCRAM verifiers for those who have none ---- */

struct upgrade {
    char hash[USER_HASH_BYTES_MAX]; /* of the password that was right */
    struct verifiers verifiers;
};

/* Have those of `credential` what the settings ask for? More iterations would part the password from the app passwords. */
static bool is_complete(const struct users *users, const struct credential *credential)
{
    const struct verifiers *v = &credential->verifiers;
    const struct scram_verifier *sha_256 = verifiers_find(v, SCRAM_SHA_256);
    bool enough = sha_256 && (sha_256->iterations >= users->params.scram_iterations ||
                              credential_salts(credential, false));
    return enough && (!users->params.scram_sha_1 || verifiers_find(v, SCRAM_SHA_1));
}

/* Not if the password has been changed meanwhile. */
static int upgrade_plan(void *args, struct credential *credential, const struct user *user, struct err *err)
{
    const struct upgrade *upgrade = args;
    (void)err;
    if (sodium_memcmp(user->hash, upgrade->hash, sizeof user->hash) != 0)
        return 1;
    credential->verifiers = upgrade->verifiers;
    return 0;
}

/* The password was right, and here it is: make what SCRAM needs, for the next time. If that fails it is tried again then. */
static void add_verifiers(struct users *users, const struct user *user, struct str prepared)
{
    struct credential credential;
    struct upgrade upgrade;
    if (users->params.scram_iterations == 0 || credential_read(users, user, &credential, NULL) < 0)
        return;
    if (!is_complete(users, &credential)) {
        memcpy(upgrade.hash, user->hash, sizeof upgrade.hash);
        int r = users_make_verifiers(users, prepared, credential_salts(&credential, false),
                                     &upgrade.verifiers, NULL);
        if (r == 0)
            r = credential_change(users, user, CREDENTIAL_ADDS, upgrade_plan, &upgrade, NULL);
        (void)r;
        sodium_memzero(&upgrade, sizeof upgrade);
    }
    credential_deinit(&credential);
}

/* ---- passwords ---- */

static int own_verify(void *ctx, struct str name, struct str password, const struct auth_peer *peer,
                      struct provider_answer *answer, struct err *err)
{
    struct own *own = ctx;
    struct user user;
    struct buf prepared = BUF_INIT;
    (void)peer;
    int r = look_up(own, name, &user, answer, err);
    if (r == 0) {
        /* A password that cannot be anybody's costs what another does. */
        bool possible = password_prepare(password, &prepared, NULL) == 0;
        r = password_verify(buf_str(&prepared), possible ? user.hash : own->dummy_hash, err);
        answer->expired = has_expired(own, &user);
        answer->remember_until_ms = policy_expiry_ms(own->params.policy, &user);
        if (r == 0 && possible)
            add_verifiers(own->params.users, &user, buf_str(&prepared));
        else if (r == 0)
            r = err_set(err, ERR_AUTH, "the password is wrong");
    }
    sasl_wipe(&prepared);
    sodium_memzero(&user, sizeof user);
    return r;
}

/* For verifiers: whoever keeps the user's password. */
static int find_any(struct own *own, struct str name, struct user *user_out, struct err *err)
{
    int r = users_find(own->params.users, name, user_out, err);
    if (r < 0 && r != -ERR_NOT_FOUND)
        return err_set(err, ERR_UNAVAILABLE, "the directory of users cannot be read");
    return r;
}

static int own_app_password(void *ctx, struct str name, struct str password, const struct auth_peer *peer,
                            struct provider_answer *answer, struct err *err)
{
    struct own *own = ctx;
    struct user user;
    int r = find_any(own, name, &user, err);
    if (r == 0)
        r = app_password_check(own->params.users, &user, password, peer, answer, err);
    sodium_memzero(&user, sizeof user);
    return r;
}

/* ---- SCRAM ---- */

static int own_app_verifier(void *ctx, struct str name, struct str label, enum scram_hash hash,
                            const struct auth_peer *peer, struct scram_verifier *verifier_out,
                            struct provider_answer *answer, struct err *err)
{
    struct own *own = ctx;
    struct user user;
    int r = find_any(own, name, &user, err);
    if (r == 0)
        r = app_password_verifier(own->params.users, &user, label, hash, peer, verifier_out, answer, err);
    sodium_memzero(&user, sizeof user);
    return r;
}

static int own_app_proof(void *ctx, struct str name, const struct auth_peer *peer, scram_proves_fn *proves,
                         void *proves_ctx, struct scram_verifier *verifier, struct provider_answer *answer,
                         struct err *err)
{
    struct own *own = ctx;
    struct user user;
    int r = find_any(own, name, &user, err);
    if (r == 0)
        r = app_password_prove(own->params.users, &user, peer, proves, proves_ctx, verifier, answer, err);
    sodium_memzero(&user, sizeof user);
    return r;
}

static int own_scram(void *ctx, struct str name, enum scram_hash hash, struct scram_verifier *verifier_out,
                     struct provider_answer *answer, struct err *err)
{
    struct own *own = ctx;
    struct user user;
    struct credential credential;
    int r = look_up(own, name, &user, answer, err);
    if (r == 0 && credential_read(own->params.users, &user, &credential, err) < 0) {
        r = err_set(err, ERR_UNAVAILABLE, "the credentials of the user cannot be read");
    } else if (r == 0) {
        const struct scram_verifier *verifier = verifiers_find(&credential.verifiers, hash);
        answer->expired = has_expired(own, &user);
        if (verifier)
            *verifier_out = *verifier;
        else
            r = err_set(err, ERR_AUTH, "there is no SCRAM verifier: the next sign-in with PLAIN makes one");
        credential_deinit(&credential);
    }
    sodium_memzero(&user, sizeof user);
    return r;
}

static int own_decoy(void *ctx, struct str password, struct err *err)
{
    const struct own *own = ctx;
    struct buf prepared = BUF_INIT;
    bool possible = password_prepare(password, &prepared, NULL) == 0;
    int r = password_verify(possible ? buf_str(&prepared) : STR("x"), own->dummy_hash, err);
    sasl_wipe(&prepared);
    return r == -ERR_UNAVAILABLE ? r : 0;
}

static void own_free(void *ctx)
{
    sodium_memzero(ctx, sizeof(struct own));
    free(ctx);
}

static const struct provider_ops own_ops = {
    .name = "own",
    .find = own_find,
    .verify = own_verify,
    .scram = own_scram,
    .app_password = own_app_password,
    .app_verifier = own_app_verifier,
    .app_proof = own_app_proof,
    .decoy = own_decoy,
    .free = own_free,
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
    provider_out->ops = &own_ops;
    provider_out->ctx = own;
    provider_out->calls_max = params->hashes_max;
    return 0;
}
