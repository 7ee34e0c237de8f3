/* Asking the providers, in their order.     The rules are those of provider.h. */
#include "auth/auth_private.h"

#include <assert.h>
#include <string.h>

static void forget_answer(struct attempt *t)
{
    buf_deinit(&t->answer.groups);
    t->answer = (struct provider_answer){ .groups = BUF_INIT };
}

struct proof {
    scram_proves_fn *proves;
    void *ctx;
};

/* One call of one provider, and what it asks with. */
struct call {
    bool (*knows)(const struct provider_ops *ops); /* does it know this kind of credential? */
    int (*make)(const struct provider *provider, struct attempt *t, struct call *call, struct err *err);
    bool dear;
    struct str credential;
    enum scram_hash hash;
    struct scram_verifier *verifier_out;
    const struct proof *proof;
};

/* -ERR_AUTH, -ERR_NOT_FOUND and -ERR_UNAVAILABLE are answers; whatever else a provider fails with, it could not be asked. */
static int as_answer(const struct auth *a, size_t i, int r, struct err *err)
{
    if (r == 0 || r == -ERR_NOT_FOUND || r == -ERR_AUTH || r == -ERR_UNAVAILABLE)
        return r;
    struct err why = { ERR_UNAVAILABLE, "no reason told" };
    if (err)
        why = *err;
    return err_set(err, ERR_UNAVAILABLE, "provider %s: %.180s", a->params.providers[i].ops->name, why.text);
}

/* Into the gate, when 0 is returned. */
static int enter(struct auth *a, struct attempt *t, size_t i, bool dear, struct err *err)
{
    struct gate *gate = dear ? &a->gates[i].dear : &a->gates[i].cheap;
    int r = gate_enter(gate, err);
    if (r < 0) {
        t->outcome->reason = AUTH_TOO_MANY;
        return r;
    }
    if (!dear || !t->guess)
        return 0;
    /* Of many guesses begun at once those that had to wait are bound by what has failed meanwhile. */
    r = attempt_look(a, t, err);
    if (r == 0 && t->locked)
        r = attempt_refuse_locked(t, err);
    if (r < 0)
        gate_leave(gate);
    return r;
}

static int ask_one(struct auth *a, struct attempt *t, size_t i, struct call *call, struct err *err)
{
    struct gate *gate = call->dear ? &a->gates[i].dear : &a->gates[i].cheap;
    int r = enter(a, t, i, call->dear, err);
    if (r < 0)
        return r;
    forget_answer(t);
    r = call->make(&a->params.providers[i], t, call, err);
    gate_leave(gate);
    return as_answer(a, i, r, err);
}

/* Until one knows the name. */
static int ask(struct auth *a, struct attempt *t, struct call *call, struct err *err)
{
    int r = -ERR_NOT_FOUND;
    if (call->dear)
        store_push(
            users_store(a->params.users)); /* what this thread has begun for others must not wait for it */
    for (size_t i = 0; r == -ERR_NOT_FOUND && i < a->params.provider_count; i++) {
        if (!call->knows(a->params.providers[i].ops)) /* nobody waits for one that has nothing to say */
            continue;
        r = ask_one(a, t, i, call, err);
        if (r != -ERR_NOT_FOUND) {
            t->provider = i;
            t->outcome->provider = a->params.providers[i].ops->name;
        }
    }
    if (r == -ERR_UNAVAILABLE && t->outcome->reason == AUTH_OK)
        t->outcome->reason = AUTH_PROVIDER_DOWN;
    return r;
}

/* ---- the calls ---- */

static bool knows_app_password(const struct provider_ops *ops)
{
    return ops->app_password;
}

static int make_app_password(const struct provider *p, struct attempt *t, struct call *call, struct err *err)
{
    return p->ops->app_password(p->ctx, str_c(t->name), call->credential, t->request->peer, &t->answer, err);
}

static bool knows_app_verifier(const struct provider_ops *ops)
{
    return ops->app_verifier;
}

static int make_app_verifier(const struct provider *p, struct attempt *t, struct call *call, struct err *err)
{
    return p->ops->app_verifier(p->ctx, str_c(t->name), t->label, call->hash, t->request->peer,
                                call->verifier_out, &t->answer, err);
}

static bool knows_app_proof(const struct provider_ops *ops)
{
    return ops->app_proof;
}

static int make_app_proof(const struct provider *p, struct attempt *t, struct call *call, struct err *err)
{
    return p->ops->app_proof(p->ctx, str_c(t->name), t->request->peer, call->proof->proves, call->proof->ctx,
                             call->verifier_out, &t->answer, err);
}

static bool knows_verify(const struct provider_ops *ops)
{
    return ops->verify;
}

static int make_verify(const struct provider *p, struct attempt *t, struct call *call, struct err *err)
{
    return p->ops->verify(p->ctx, str_c(t->name), call->credential, t->request->peer, &t->answer, err);
}

static bool knows_token(const struct provider_ops *ops)
{
    return ops->token;
}

static int make_token(const struct provider *p, struct attempt *t, struct call *call, struct err *err)
{
    return p->ops->token(p->ctx, str_c(t->name), call->credential, t->request->peer, &t->answer, err);
}

static bool knows_find(const struct provider_ops *ops)
{
    return ops->find;
}

static int make_find(const struct provider *p, struct attempt *t, struct call *call, struct err *err)
{
    (void)call;
    return p->ops->find ? p->ops->find(p->ctx, str_c(t->name), &t->answer, err) : -ERR_NOT_FOUND;
}

static bool knows_scram(const struct provider_ops *ops)
{
    return ops->scram || ops->verify;
}

/* Who decides over the passwords of a name decides over SCRAM, which proves one: if it keeps no verifiers, there is none, also
 * when a provider behind it has one of the same name. */
static int make_scram(const struct provider *p, struct attempt *t, struct call *call, struct err *err)
{
    if (p->ops->scram)
        return p->ops->scram(p->ctx, str_c(t->name), call->hash, call->verifier_out, &t->answer, err);
    int r = make_find(p, t, call, err);
    return r == 0 ? err_set(err, ERR_AUTH, "%s keeps no SCRAM verifiers", p->ops->name) : r;
}

int chain_app_password(struct auth *a, struct attempt *t, struct str password, struct err *err)
{
    struct call call = { .knows = knows_app_password, .make = make_app_password, .credential = password };
    return ask(a, t, &call, err);
}

int chain_app_verifier(struct auth *a, struct attempt *t, enum scram_hash hash,
                       struct scram_verifier *verifier_out, struct err *err)
{
    struct call call = {
        .knows = knows_app_verifier, .make = make_app_verifier, .hash = hash, .verifier_out = verifier_out
    };
    return ask(a, t, &call, err);
}

int chain_app_proof(struct auth *a, struct attempt *t, scram_proves_fn *proves, void *ctx,
                    struct scram_verifier *verifier, struct err *err)
{
    struct proof proof = { proves, ctx };
    struct call call = {
        .knows = knows_app_proof, .make = make_app_proof, .verifier_out = verifier, .proof = &proof
    };
    return ask(a, t, &call, err);
}

int chain_verify(struct auth *a, struct attempt *t, struct str password, struct err *err)
{
    struct call call = { .knows = knows_verify, .make = make_verify, .dear = true, .credential = password };
    return ask(a, t, &call, err);
}

int chain_token(struct auth *a, struct attempt *t, struct str token, struct err *err)
{
    struct call call = { .knows = knows_token, .make = make_token, .dear = true, .credential = token };
    return ask(a, t, &call, err);
}

int chain_find(struct auth *a, struct attempt *t, struct err *err)
{
    struct call call = { .knows = knows_find, .make = make_find };
    return ask(a, t, &call, err);
}

int chain_vouch(struct auth *a, struct attempt *t, struct err *err)
{
    struct call call = { .make = make_find };
    struct provider_answer kept = t->answer;
    size_t i = 0;
    while (i < a->params.provider_count && strcmp(a->params.providers[i].ops->name, t->user.provider) != 0)
        i++;
    if (i == a->params.provider_count)
        return err_set(err, ERR_NOT_FOUND, "%s keeps that user, and is not asked any more", t->user.provider);
    if (!a->params.providers[i].ops->find)
        return 0;
    t->answer = (struct provider_answer){ .groups = BUF_INIT };
    int r = ask_one(a, t, i, &call, err);
    kept.disabled |= t->answer.disabled;
    kept.locked |= t->answer.locked;
    forget_answer(t);
    t->answer = kept;
    if (r == -ERR_UNAVAILABLE && t->outcome->reason == AUTH_OK)
        t->outcome->reason = AUTH_PROVIDER_DOWN;
    return r;
}

int chain_scram(struct auth *a, struct attempt *t, enum scram_hash hash, struct scram_verifier *verifier_out,
                struct err *err)
{
    struct call call = {
        .knows = knows_scram, .make = make_scram, .hash = hash, .verifier_out = verifier_out
    };
    return ask(a, t, &call, err);
}

int chain_decoy(struct auth *a, struct attempt *t, struct str password, struct err *err)
{
    for (size_t i = 0; i < a->params.provider_count; i++) {
        const struct provider *p = &a->params.providers[i];
        if (!p->ops->decoy)
            continue;
        int r = enter(a, t, i, true, err);
        if (r < 0)
            return r;
        r = p->ops->decoy(p->ctx, password, err);
        gate_leave(&a->gates[i].dear);
        if (r == -ERR_UNAVAILABLE)
            t->outcome->reason = AUTH_PROVIDER_DOWN;
        return r < 0 ? r : -ERR_NOT_FOUND;
    }
    return -ERR_NOT_FOUND;
}

void chain_generations(struct auth *a, uint64_t out[static AUTH_PROVIDERS_MAX])
{
    for (size_t i = 0; i < a->params.provider_count; i++) {
        const struct provider *p = &a->params.providers[i];
        out[i] = p->ops->generation ? p->ops->generation(p->ctx) : 0;
    }
}
