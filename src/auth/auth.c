#include "auth/auth_private.h"

#include "auth/sign_in_event.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_providers(const struct auth_params *params)
{
    for (size_t i = 0; i < params->provider_count; i++)
        params->providers[i].ops->free(params->providers[i].ctx);
}

int auth_new(const struct auth_params *params, struct auth **auth_out, struct err *err)
{
    assert(params->provider_count <= AUTH_PROVIDERS_MAX);
    struct delegation *delegation = NULL;
    unsigned char decoy_key[USERS_SECRET_BYTES];
    int r = delegation_parse(str_c(params->may_act_for), &delegation, err);
    if (r == 0)
        r = users_secret(params->users, decoy_key, err);
    if (r < 0) {
        delegation_free(&delegation);
        free_providers(params);
        return r;
    }
    struct auth *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->params = *params;
    a->guard = params->guard;
    a->delegation = delegation;
    a->known_good = known_good_new(params->known_good_max);
    a->known_wrong = known_good_new(KNOWN_WRONG_MAX);
    for (size_t i = 0; i < params->provider_count; i++) {
        a->order[i] = params->providers[i].ops->name;
        /* Each its share: together no more than waiters_max are held up by the dear calls. */
        uint32_t waiters_max = params->waiters_max / (uint32_t)params->provider_count;
        gate_init(&a->gates[i].dear, params->providers[i].calls_max, waiters_max);
        gate_init(&a->gates[i].cheap, params->providers[i].calls_max, waiters_max);
    }
    memcpy(a->decoy_key, decoy_key, sizeof a->decoy_key);
    sodium_memzero(decoy_key, sizeof decoy_key);
    pthread_mutex_init(&a->stats_lock, NULL);
    *auth_out = a;
    return 0;
}

void auth_free(struct auth **auth)
{
    struct auth *a = *auth;
    if (!a)
        return;
    free_providers(&a->params);
    for (size_t i = 0; i < a->params.provider_count; i++) {
        gate_deinit(&a->gates[i].dear);
        gate_deinit(&a->gates[i].cheap);
    }
    delegation_free(&a->delegation);
    known_good_free(&a->known_good);
    known_good_free(&a->known_wrong);
    pthread_mutex_destroy(&a->stats_lock);
    sodium_memzero(a, sizeof *a);
    free(a);
    *auth = NULL;
}

bool auth_knows_scram(const struct auth *a)
{
    bool any = false;
    for (size_t i = 0; i < a->params.provider_count; i++) {
        const struct provider_ops *ops = a->params.providers[i].ops;
        if (ops->verify && !ops->scram) /* its users would choose SCRAM, and fail */
            return false;
        any |= ops->scram != NULL;
    }
    return any;
}

bool auth_knows_tokens(const struct auth *a)
{
    for (size_t i = 0; i < a->params.provider_count; i++)
        if (a->params.providers[i].ops->token)
            return true;
    return false;
}

/* ---- one attempt ---- */

int attempt_find_record(struct auth *a, struct attempt *t, struct err *err)
{
    int r = t->name[0] ? users_find(a->params.users, str_c(t->name), &t->user, err) : -ERR_NOT_FOUND;
    t->exists = r == 0;
    sodium_memzero(t->user.hash, sizeof t->user.hash);
    if (r == 0 || r == -ERR_NOT_FOUND)
        return 0;
    t->outcome->reason = AUTH_PROVIDER_DOWN;
    return err_set(err, ERR_UNAVAILABLE, "the directory of users cannot be read");
}

int attempt_resolve(struct auth *a, struct attempt *t, struct str name, names_meaning_fn *meaning,
                    char out[USER_NAME_BYTES_MAX + 1], struct err *err)
{
    int r = a->params.names ? meaning(a->params.names, name, out, err)
                            : users_normalise_name(name, out, NULL);
    if (r == 0)
        return 0;
    out[0] = '\0';
    if (!a->params.names || r == -ERR_NOT_FOUND)
        return 0;
    t->outcome->reason = AUTH_PROVIDER_DOWN;
    return err_set(err, ERR_UNAVAILABLE, "the directory of users cannot be read");
}

static int begin(struct auth *a, struct attempt *t, struct str name, struct err *err)
{
    int r = attempt_resolve(a, t, str_is_nil(name) ? STR("") : name, names_sign_in, t->name, err);
    return r < 0 ? r : attempt_find_record(a, t, err);
}

static void prepare(struct auth *a, struct attempt *t, const struct auth_request *request,
                    struct auth_outcome *outcome)
{
    *outcome = (struct auth_outcome){ .mechanism = request->mechanism, .provider = "" };
    *t = (struct attempt){ .request = request,
                           .outcome = outcome,
                           .begun_ms = clock_mono_ms(a->params.clock),
                           .label = STR(""),
                           .answer = { .groups = BUF_INIT } };
}

int attempt_begin(struct auth *a, struct attempt *t, const struct auth_request *request,
                  struct auth_outcome *outcome, struct err *err)
{
    prepare(a, t, request, outcome);
    return begin(a, t, request->authcid, err);
}

/* "anna/phone" is the app password "phone" of anna: no name has a '/', and SCRAM has one salt a name. */
int attempt_begin_labelled(struct auth *a, struct attempt *t, const struct auth_request *request,
                           struct auth_outcome *outcome, struct err *err)
{
    struct str name = request->authcid;
    ptrdiff_t at = str_find_char(name, '/');
    prepare(a, t, request, outcome);
    if (at >= 0) {
        t->label = str_skip(name, (size_t)at + 1);
        name = str_sub(name, 0, (size_t)at);
    }
    return begin(a, t, name, err);
}

int attempt_look(struct auth *a, struct attempt *t, struct err *err)
{
    struct guard_verdict verdict = guard_look(a->guard, t->request->peer, t->guess ? t->name : "",
                                              t->guess && t->exists ? t->user.account.n : 0, &t->subject);
    t->delay_ms = verdict.delay_ms;
    t->locked = verdict.answer == GUARD_LOCKED;
    if (verdict.answer != GUARD_TURN_AWAY)
        return 0;
    t->outcome->reason = AUTH_THROTTLED;
    return err_set(err, ERR_UNAVAILABLE, "too many failed sign-ins from this address: try again in %lld s",
                   (long long)(verdict.wait_ms + 999) / 1000);
}

int attempt_refuse_locked(struct attempt *t, struct err *err)
{
    t->outcome->reason = AUTH_LOCKED;
    return err_set(err, ERR_AUTH, "the account is locked for a while");
}

static int fail(struct auth *a, struct attempt *t, enum auth_reason otherwise, struct err *err)
{
    t->delay_ms = guard_failed(a->guard, &t->subject,
                               t->locked     ? GUARD_UNSEEN
                               : t->repeated ? GUARD_REPEATED
                                             : GUARD_GUESSED);
    if (t->outcome->reason == AUTH_OK)
        t->outcome->reason = t->answer.reason != AUTH_OK ? t->answer.reason : otherwise;
    return err_set(err, ERR_AUTH, "name or password is wrong");
}

int attempt_refuse_proved(struct attempt *t, enum auth_reason reason, int r)
{
    t->outcome->reason = reason;
    return r;
}

/* The credential is right. Whose mail is it, and may it be used? */
static int admit(struct auth *a, struct attempt *t, struct err *err)
{
    int r = attempt_open_account(a, t, err);
    if (r < 0)
        return r;
    if (t->user.disabled || t->answer.disabled)
        return attempt_refuse_proved(t, AUTH_DISABLED, err_set(err, ERR_DISABLED, "the account is disabled"));
    if (t->user.locked || t->answer.locked)
        return attempt_refuse_proved(t, AUTH_LOCKED, err_set(err, ERR_DISABLED, "the account is locked"));
    if (t->answer.expired)
        return attempt_refuse_proved(t, AUTH_EXPIRED, err_set(err, ERR_EXPIRED, "the password has expired"));
    return 0;
}

static int refuse_to_act(struct attempt *t, struct err *err)
{
    return attempt_refuse_proved(t, AUTH_NOT_AUTHORIZED,
                                 err_set(err, ERR_NOT_AUTHORIZED, "not allowed to act for that user"));
}

/* The user has signed in, and wants the mail of another one (`other`, normalised). From here on t->user is that one. Who has
 * no right hears nothing of who exists. An app password is for its user's own clients. */
static int act_for(struct auth *a, struct attempt *t, const char *other, struct err *err)
{
    if (t->answer.app_password_id || !other[0] ||
        !delegation_allows(a->delegation, str_c(t->name), str_c(other)))
        return refuse_to_act(t, err);
    memcpy(t->outcome->by, t->user.name, sizeof t->outcome->by);
    t->outcome->by_account = t->user.account;
    t->outcome->by_revision = t->user.revision;
    snprintf(t->name, sizeof t->name, "%s", other);
    int r = attempt_find_record(a, t, err);
    if (r < 0)
        return r;
    if (!t->exists)
        return refuse_to_act(t, err);
    if (t->user.disabled || t->user.locked)
        return attempt_refuse_proved(t, AUTH_DISABLED,
                                     err_set(err, ERR_DISABLED, "that user's account is disabled"));
    return 0;
}

static int authorise(struct auth *a, struct attempt *t, struct err *err)
{
    char other[USER_NAME_BYTES_MAX + 1];
    if (t->request->authzid.n == 0)
        return 0;
    int r = attempt_resolve(a, t, t->request->authzid, names_sign_in, other, err);
    return r < 0 || strcmp(other, t->name) == 0 ? r : act_for(a, t, other, err);
}

int attempt_conclude(struct auth *a, struct attempt *t, int r, struct err *err)
{
    /* An app password is ours, the user is not: who has left there has left here. */
    if (r == 0 && t->answer.app_password_id && t->user.provider[0])
        r = chain_vouch(a, t, err);
    if (r == -ERR_NOT_FOUND || r == -ERR_AUTH)
        return fail(a, t, r == -ERR_NOT_FOUND ? AUTH_UNKNOWN_USER : AUTH_WRONG, err);
    if (r < 0)
        return r;
    r = admit(a, t, err);
    if (r == -ERR_AUTH) /* a second factor is missing */
        return fail(a, t, AUTH_WRONG, err);
    if (r == 0 && !t->known_good)
        guard_succeeded(a->guard, &t->subject, t->user.account.n);
    if (r == 0)
        r = authorise(a, t, err);
    if (r < 0)
        return r;
    t->outcome->user = t->user;
    t->outcome->app_password_id = t->answer.app_password_id;
    t->outcome->scopes = t->answer.scopes;
    t->outcome->read_only = t->answer.read_only;
    t->outcome->second_factor |= t->answer.second_factor;
    t->outcome->expires_ms = t->answer.expires_ms;
    return 0;
}

static void record_refusal(struct auth *a, const struct attempt *t)
{
    const struct auth_request *q = t->request;
    struct str asker = t->name[0] ? str_c(t->name) : q->authcid;
    sign_in_event_record(a->params.audit,
                         &(struct sign_in_event){ .peer = q->peer,
                                                  .outcome = t->outcome,
                                                  .user = q->authzid.n ? q->authzid : asker,
                                                  .by = q->authzid.n ? asker : STR_NIL,
                                                  .reason = auth_reason_name(t->outcome->reason) });
}

int attempt_end(struct auth *a, struct attempt *t, int r)
{
    if (r < 0)
        record_refusal(a, t);
    int64_t elapsed = clock_mono_ms(a->params.clock) - t->begun_ms;
    t->outcome->delay_ms = elapsed < t->delay_ms ? (uint32_t)(t->delay_ms - elapsed) : 0;
    buf_deinit(&t->answer.groups);
    pthread_mutex_lock(&a->stats_lock);
    a->stats.ok_count += r == 0;
    a->stats.known_good_count += r == 0 && t->known_good;
    a->stats.failed_count += r < 0 && r != -ERR_UNAVAILABLE;
    a->stats.turned_away_count += r == -ERR_UNAVAILABLE;
    pthread_mutex_unlock(&a->stats_lock);
    return r;
}

/* ---- what others prove ---- */

int auth_sign_in_token(struct auth *a, const struct auth_request *request, struct str token,
                       struct auth_outcome *outcome, struct err *err)
{
    struct attempt t;
    int r = attempt_begin(a, &t, request, outcome, err);
    if (r < 0)
        return attempt_end(a, &t, r);
    t.by_token = true;
    r = attempt_look(a, &t, err);
    bool is_nobody = request->authcid.n > 0 && !t.name[0]; /* and not whoever the token says */
    if (r == 0 && is_nobody)
        r = -ERR_NOT_FOUND;
    if (r == 0)
        r = chain_token(a, &t, token, err);
    outcome->token_fault = t.answer.token_fault;
    if (r == -ERR_NOT_FOUND) {
        outcome->reason = AUTH_TOKEN_BAD;
        r = -ERR_AUTH;
    }
    return attempt_end(a, &t, attempt_conclude(a, &t, r, err));
}

int auth_sign_in_identity(struct auth *a, const struct auth_request *request, bool second_factor,
                          struct auth_outcome *outcome, struct err *err)
{
    struct attempt t;
    int r = attempt_begin(a, &t, request, outcome, err);
    if (r < 0)
        return attempt_end(a, &t, r);
    r = attempt_look(a, &t, err);
    if (r == 0)
        r = t.name[0] ? chain_find(a, &t, err) : -ERR_NOT_FOUND;
    t.answer.second_factor |= second_factor;
    if (r == 0)
        r = attempt_check_factor(a, &t, err);
    return attempt_end(a, &t, attempt_conclude(a, &t, r, err));
}

int auth_refuse(struct auth *a, const struct auth_request *request, enum auth_reason reason,
                struct auth_outcome *outcome, struct err *err)
{
    struct attempt t;
    int r = attempt_begin(a, &t, request, outcome, err);
    if (r < 0)
        return attempt_end(a, &t, r);
    r = attempt_look(a, &t, err);
    if (r == 0) {
        outcome->reason = reason;
        r = attempt_conclude(a, &t, -ERR_AUTH, err);
    }
    return attempt_end(a, &t, r);
}

/* ---- telling ---- */

void auth_log_failure(const struct logger *log, enum log_level level, const struct auth_request *request,
                      const struct auth_outcome *outcome, const struct err *err)
{
    /* With a token there may be no other name than that of the mail that is wanted: RFC 7628, 3.1. */
    struct str user = str_sub(request->authcid.n ? request->authcid : request->authzid, 0,
                              USER_NAME_BYTES_MAX);
    enum token_fault fault = outcome->token_fault;
    LOG_AT(log, level > LEVEL_WARN ? level : LEVEL_WARN, "login-failed",
           KV("address", (const char *)request->peer->address), KV("user", user),
           KV("protocol", request->peer->protocol), KV("mechanism", request->mechanism),
           KV("reason", auth_reason_name(outcome->reason)), KV("text", (const char *)err->text),
           fault == TOKEN_OK ? (struct log_field){ .key = NULL } : KV("token", token_fault_name(fault)));
}

void auth_stats(struct auth *a, struct auth_stats *out)
{
    pthread_mutex_lock(&a->stats_lock);
    *out = a->stats;
    pthread_mutex_unlock(&a->stats_lock);
}
