#include "auth/own/second_factor.h"

#include "auth/directory/users_private.h"
#include "base/codec.h"
#include "base/rand.h"

#include <sodium.h>

#define RECOVERY "recovery-code"

static struct str secret_of(const struct credential *credential)
{
    return str_make(credential->totp.secret, sizeof credential->totp.secret);
}

static uint64_t step_now(const struct users *users)
{
    return totp_step(clock_wall_ms(users->params.clock));
}

static void hash_recovery(struct account_id account, struct str code,
                          unsigned char out[CREDENTIAL_HASH_BYTES])
{
    _Static_assert((int)CREDENTIAL_HASH_BYTES == (int)SECRET_CODE_HASH_BYTES, "a hash fits its field");
    secret_code_hash(RECOVERY, account, code, out);
}

/* ---- on and off ---- */

static int begin_plan(void *args, struct credential *credential, const struct user *user, struct err *err)
{
    const struct credential *fresh = args;
    if (credential->totp.state == SECOND_FACTOR_ACTIVE)
        return err_set(err, ERR_EXISTS, "user %.200s has a second factor already: disable it first",
                       user->name);
    credential->totp = fresh->totp;
    return 0;
}

int second_factor_begin(struct users *users, const struct user *user, struct buf *secret_out,
                        struct buf *uri_out, struct err *err)
{
    const char *issuer = users->params.totp_issuer;
    struct credential fresh;
    credential_init(&fresh, user->account);
    fresh.totp.state = SECOND_FACTOR_PENDING;
    fresh.totp.since_ms = clock_wall_ms(users->params.clock);
    rand_system.bytes(&rand_system, fresh.totp.secret, sizeof fresh.totp.secret);
    int r = credential_change(users, user, CREDENTIAL_ADDS, begin_plan, &fresh, err);
    if (r == 0) {
        base32_encode(secret_of(&fresh), secret_out);
        totp_uri(secret_of(&fresh), str_c(issuer ? issuer : "Loft"), str_c(user->name), uri_out);
    }
    credential_deinit(&fresh);
    return r;
}

static void make_recovery(const struct user *user, struct recovery_codes *codes,
                          unsigned char hashes[RECOVERY_CODES_MAX][CREDENTIAL_HASH_BYTES])
{
    char code[SECRET_CODE_CHARS_MAX];
    for (size_t i = 0; i < RECOVERY_CODES_MAX; i++) {
        secret_code_make(RECOVERY_CODE_CHARS, codes->shown[i]);
        if (secret_code_read(str_c(codes->shown[i]), RECOVERY_CODE_CHARS, code))
            hash_recovery(user->account, str_make(code, RECOVERY_CODE_CHARS), hashes[i]);
    }
    sodium_memzero(code, sizeof code);
}

struct activation {
    struct str code; /* NIL: only new recovery codes */
    uint64_t now;
    unsigned skew;
    int64_t wall_ms;
    unsigned char hashes[RECOVERY_CODES_MAX][CREDENTIAL_HASH_BYTES];
};

static int activate_plan(void *args, struct credential *credential, const struct user *user, struct err *err)
{
    const struct activation *a = args;
    enum second_factor_state wanted = str_is_nil(a->code) ? SECOND_FACTOR_ACTIVE : SECOND_FACTOR_PENDING;
    if (credential->totp.state != wanted)
        return err_set(err, ERR_STATE, "user %.200s has no second factor that is %s", user->name,
                       wanted == SECOND_FACTOR_ACTIVE ? "active" : "being set up");
    if (wanted == SECOND_FACTOR_PENDING) {
        if (!totp_matches(secret_of(credential), a->code, a->now, a->skew, credential->totp.used_step,
                          &credential->totp.used_step))
            return err_set(err, ERR_AUTH, "that is not the code of this moment: are both clocks right?");
        credential->totp.state = SECOND_FACTOR_ACTIVE;
        credential->totp.since_ms = a->wall_ms;
    }
    memcpy(credential->totp.recovery, a->hashes, sizeof a->hashes);
    credential->totp.recovery_count = RECOVERY_CODES_MAX;
    return 0;
}

static int activate(struct users *users, const struct user *user, struct str code,
                    struct recovery_codes *codes_out, struct err *err)
{
    struct activation a = { .code = code,
                            .now = step_now(users),
                            .skew = users->params.totp_skew_steps,
                            .wall_ms = clock_wall_ms(users->params.clock) };
    struct recovery_codes codes = { .shown = { { 0 } } };
    make_recovery(user, &codes, a.hashes);
    int r = credential_change(users, user, CREDENTIAL_REVOKES, activate_plan, &a, err);
    if (r == 0)
        *codes_out = codes;
    sodium_memzero(&codes, sizeof codes);
    sodium_memzero(&a, sizeof a);
    return r;
}

int second_factor_activate(struct users *users, const struct user *user, struct str code,
                           struct recovery_codes *codes_out, struct err *err)
{
    return activate(users, user, str_is_nil(code) ? STR("") : code, codes_out, err);
}

int second_factor_renew_recovery(struct users *users, const struct user *user,
                                 struct recovery_codes *codes_out, struct err *err)
{
    return activate(users, user, STR_NIL, codes_out, err);
}

static int disable_plan(void *args, struct credential *credential, const struct user *user, struct err *err)
{
    (void)args;
    if (credential->totp.state == SECOND_FACTOR_NONE)
        return err_set(err, ERR_STATE, "user %.200s has no second factor", user->name);
    sodium_memzero(&credential->totp, sizeof credential->totp);
    return 0;
}

int second_factor_disable(struct users *users, const struct user *user, struct err *err)
{
    return credential_change(users, user, CREDENTIAL_REVOKES, disable_plan, NULL, err);
}

/* ---- signing in ---- */

static bool find_recovery(const struct credential *credential, const unsigned char *hash, size_t *at_out)
{
    bool found = false;
    for (size_t i = 0; i < credential->totp.recovery_count; i++)
        if (sodium_memcmp(credential->totp.recovery[i], hash, CREDENTIAL_HASH_BYTES) == 0) {
            found = true;
            *at_out = i;
        }
    return found;
}

/* The last `n` bytes of what was typed, as a recovery code. */
static void try_recovery(const struct credential *credential, struct str typed, size_t n,
                         struct second_factor *factor)
{
    char code[SECRET_CODE_CHARS_MAX];
    size_t at;
    if (factor->shown || typed.n < n ||
        !secret_code_read(str_skip(typed, typed.n - n), RECOVERY_CODE_CHARS, code))
        return;
    hash_recovery(credential->account, str_make(code, RECOVERY_CODE_CHARS), factor->recovery_hash);
    sodium_memzero(code, sizeof code);
    if (!find_recovery(credential, factor->recovery_hash, &at))
        return;
    factor->shown = factor->is_recovery = true;
    factor->password = str_sub(typed, 0, typed.n - n);
}

static void try_code(const struct users *users, const struct credential *credential, struct str typed,
                     struct second_factor *factor)
{
    if (typed.n < TOTP_DIGITS ||
        !totp_matches(secret_of(credential), str_skip(typed, typed.n - TOTP_DIGITS), step_now(users),
                      users->params.totp_skew_steps, credential->totp.used_step, &factor->step))
        return;
    factor->shown = true;
    factor->password = str_sub(typed, 0, typed.n - TOTP_DIGITS);
}

int second_factor_look(struct users *users, const struct user *user, struct str typed,
                       struct second_factor *factor_out, struct err *err)
{
    struct credential credential;
    *factor_out = (struct second_factor){ .password = typed };
    int r = credential_read(users, user, &credential, err);
    if (r < 0)
        return r;
    factor_out->needed = credential.totp.state == SECOND_FACTOR_ACTIVE;
    if (factor_out->needed && users->params.totp_with_password) {
        const size_t hyphens = RECOVERY_CODE_CHARS / SECRET_CODE_GROUP - 1;
        try_code(users, &credential, typed, factor_out);
        try_recovery(&credential, typed, RECOVERY_CODE_CHARS + hyphens, factor_out);
        try_recovery(&credential, typed, RECOVERY_CODE_CHARS, factor_out);
    }
    credential_deinit(&credential);
    return 0;
}

static int use_plan(void *args, struct credential *credential, const struct user *user, struct err *err)
{
    const struct second_factor *factor = args;
    size_t at, last;
    (void)user;
    if (credential->totp.state != SECOND_FACTOR_ACTIVE)
        return err_set(err, ERR_AUTH, "the second factor has changed");
    if (!factor->is_recovery) {
        if (factor->step <= credential->totp.used_step)
            return err_set(err, ERR_AUTH, "the code has been used");
        credential->totp.used_step = factor->step;
        return 0;
    }
    if (!find_recovery(credential, factor->recovery_hash, &at))
        return err_set(err, ERR_AUTH, "the recovery code has been used");
    last = --credential->totp.recovery_count;
    memmove(credential->totp.recovery[at], credential->totp.recovery[last], CREDENTIAL_HASH_BYTES);
    sodium_memzero(credential->totp.recovery[last], CREDENTIAL_HASH_BYTES);
    return 0;
}

int second_factor_use(struct users *users, const struct user *user, const struct second_factor *factor,
                      struct err *err)
{
    struct second_factor copy = *factor;
    int r = credential_change(users, user, CREDENTIAL_ADDS, use_plan, &copy, err);
    sodium_memzero(&copy, sizeof copy);
    return r;
}
