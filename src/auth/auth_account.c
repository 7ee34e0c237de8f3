/* The account of whom a provider knows.     foreign.h */
#include "auth/auth_private.h"

#include "auth/directory/foreign.h"

#include <sodium.h>
#include <string.h>

static struct foreign foreign_of(const struct auth *a)
{
    return (struct foreign){ .users = a->params.users,
                             .names = a->params.names,
                             .order = a->order,
                             .order_count = a->params.provider_count,
                             .make_account = a->params.make_account,
                             .ctx = a->params.make_account_ctx };
}

/* The provider may call the user otherwise than it was asked for: then it is that one's second factor that counts. An issuer of
 * tokens has seen to that itself. */
static int take_name(struct auth *a, struct attempt *t, struct err *err)
{
    char name[USER_NAME_BYTES_MAX + 1] = "";
    if (t->answer.name[0] == '\0')
        return 0;
    int r = attempt_resolve(a, t, str_c(t->answer.name), names_of_provider, name, err);
    if (r < 0 || strcmp(name, t->name) == 0)
        return r;
    memcpy(t->name, name, sizeof name);
    r = attempt_find_record(a, t, err);
    return r < 0 || t->by_token ? r : attempt_check_factor(a, t, err);
}

static int refuse_account(struct attempt *t, struct err *err)
{
    return attempt_refuse_proved(t, AUTH_NOT_AUTHORIZED,
                                 err_set(err, ERR_NOT_AUTHORIZED, "no account here belongs to that user"));
}

int attempt_open_account(struct auth *a, struct attempt *t, struct err *err)
{
    const struct foreign foreign = foreign_of(a);
    if (t->answer.app_password_id)
        return 0;
    if (t->known_good)
        return foreign_may_open(&foreign, t->provider, &t->user) ? 0 : refuse_account(t, err);
    int r = take_name(a, t, err);
    if (r < 0 || (t->answer.disabled && !t->exists))
        return r;
    r = foreign_open(&foreign, t->provider, str_c(t->name), &t->answer, &t->user, err);
    sodium_memzero(t->user.hash, sizeof t->user.hash);
    if (r == -ERR_DENIED || r == -ERR_NOT_FOUND)
        return refuse_account(t, err);
    t->exists = r == 0;
    if (r == 0)
        return 0;
    t->outcome->reason = AUTH_PROVIDER_DOWN;
    return err_set(err, ERR_UNAVAILABLE, "no account can be made for the user");
}

static int refuse(struct auth_outcome *outcome, enum auth_reason reason, int r)
{
    outcome->reason = reason;
    return r;
}

/* Whatever takes something away from a user, or asks for more, gives the record another revision: credential.h */
static int look_at(struct auth *a, const char *name, struct account_id account, uint64_t revision,
                   struct auth_outcome *outcome, struct err *err)
{
    struct user user;
    int r = users_find(a->params.users, str_c(name), &user, err);
    if (r < 0 && r != -ERR_NOT_FOUND)
        return refuse(outcome, AUTH_PROVIDER_DOWN,
                      err_set(err, ERR_UNAVAILABLE, "the directory of users cannot be read"));
    sodium_memzero(user.hash, sizeof user.hash);
    if (r < 0 || user.account.n != account.n)
        return refuse(outcome, AUTH_UNKNOWN_USER, err_set(err, ERR_AUTH, "the user was just deleted"));
    if (user.disabled)
        return refuse(outcome, AUTH_DISABLED, err_set(err, ERR_DISABLED, "the account is disabled"));
    if (user.locked)
        return refuse(outcome, AUTH_LOCKED, err_set(err, ERR_DISABLED, "the account is locked"));
    if (user.revision != revision)
        return refuse(outcome, AUTH_REVOKED, err_set(err, ERR_AUTH, "the user was just changed"));
    return 0;
}

int auth_look_again(struct auth *a, struct auth_outcome *outcome, struct err *err)
{
    const struct user *user = &outcome->user;
    int r = look_at(a, user->name, user->account, user->revision, outcome, err);
    if (r == 0 && outcome->by[0])
        r = look_at(a, outcome->by, outcome->by_account, outcome->by_revision, outcome, err);
    return r;
}

/* Nobody signs in, and nothing is proved: an attempt only to ask the chain with. */
static int find_elsewhere(struct auth *a, struct str name, struct user *user_out, struct err *err)
{
    const struct auth_request request = { .mechanism = "" };
    const struct foreign foreign = foreign_of(a);
    struct auth_outcome outcome = { .provider = "" };
    struct attempt t = {
        .request = &request, .by_token = true, .outcome = &outcome, .answer = { .groups = BUF_INIT }
    };
    int r = attempt_resolve(a, &t, name, names_of_provider, t.name, err);
    if (r == 0)
        r = t.name[0] ? chain_find(a, &t, err) : -ERR_NOT_FOUND;
    if (r == -ERR_AUTH)
        r = -ERR_NOT_FOUND;
    if (r == 0)
        r = take_name(a, &t, err);
    if (r == 0 && t.answer.disabled && !t.exists)
        r = -ERR_NOT_FOUND; /* no account is made */
    if (r == 0)
        r = foreign_open(&foreign, t.provider, str_c(t.name), &t.answer, user_out, err);
    buf_deinit(&t.answer.groups);
    return r == -ERR_DENIED ? -ERR_NOT_FOUND : r;
}

int auth_find_recipient(struct auth *a, struct str name, struct user *user_out, struct err *err)
{
    int r = users_find(a->params.users, name, user_out, err);
    if (r == -ERR_NOT_FOUND)
        r = find_elsewhere(a, name, user_out, err);
    sodium_memzero(user_out->hash, sizeof user_out->hash);
    if (r == -ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "there is no such user");
    return r < 0 && r != -ERR_UNAVAILABLE
               ? err_set(err, ERR_UNAVAILABLE, "the directory of users cannot be read")
               : r;
}
