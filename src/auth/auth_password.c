/* Signing in with a password: is it known good, an app password, or what a provider says; and the second factor behind it. */
#include "auth/auth_private.h"

#include "auth/own/second_factor.h"
#include "base/audit.h"

#include <string.h>

static void digest_of(struct auth *a, const struct attempt *t, struct str password,
                      unsigned char out[KNOWN_GOOD_DIGEST_BYTES])
{
    uint64_t generations[AUTH_PROVIDERS_MAX];
    chain_generations(a, generations);
    const struct known_good_facts facts = { .account = t->user.account.n,
                                            .revision = t->user.revision,
                                            .generations = generations,
                                            .generation_count = a->params.provider_count,
                                            .client = t->request->peer->client_key,
                                            .mechanism = str_c(t->request->mechanism),
                                            .password = password };
    known_good_digest(a->known_good, &facts, out);
}

/* The value that is remembered: which provider said yes. */
static bool is_known_good(struct auth *a, struct attempt *t, const unsigned char *digest)
{
    int provider = known_good_look(a->known_good, digest, t->begun_ms);
    if (provider < 0)
        return false;
    t->known_good = true;
    t->provider = (size_t)provider;
    t->outcome->provider = a->params.providers[provider].ops->name;
    return true;
}

/* What is kept of a sign-in until it is known how it ended. */
struct memory {
    bool good;        /* to be remembered, if an account opens to it */
    size_t provider;  /* that said so */
    int64_t until_ms; /* wall clock; 0: as long as any */
    unsigned char digest[KNOWN_GOOD_DIGEST_BYTES];
};

/* Before the attempt takes the name that the provider has for the user. */
static bool is_worth_remembering(const struct attempt *t)
{
    const struct provider_answer *answer = &t->answer;
    bool other_name = answer->name[0] && strcmp(answer->name, t->name) != 0;
    return !answer->once && !answer->app_password_id && !answer->disabled && !answer->expired &&
           !answer->locked && !other_name;
}

static void remember(struct auth *a, const struct memory *memory)
{
    int64_t for_ms = (int64_t)a->params.known_good_s * 1000;
    int64_t left_ms = memory->until_ms - clock_wall_ms(a->params.clock);
    if (memory->until_ms && left_ms < for_ms)
        for_ms = left_ms;
    known_good_put(a->known_good, memory->digest, clock_mono_ms(a->params.clock) + for_ms,
                   (int)memory->provider);
}

/* Was this password wrong here before? Names that do not exist are kept apart by themselves. */
static void note_wrong(struct auth *a, struct attempt *t, struct str password)
{
    unsigned char digest[KNOWN_GOOD_DIGEST_BYTES];
    const struct known_good_facts facts = { .client = t->request->peer->client_key,
                                            .mechanism = str_c(t->name),
                                            .password = password };
    known_good_digest(a->known_wrong, &facts, digest);
    t->repeated = known_good_look(a->known_wrong, digest, t->begun_ms) >= 0;
    known_good_put(a->known_wrong, digest, t->begun_ms + (int64_t)KNOWN_WRONG_S * 1000, 0);
}

static int look_at_factor(struct auth *a, struct attempt *t, struct str typed, struct second_factor *factor,
                          struct err *err)
{
    *factor = (struct second_factor){ .password = typed };
    if (!t->exists || second_factor_look(a->params.users, &t->user, typed, factor, err) == 0)
        return 0;
    t->outcome->reason = AUTH_PROVIDER_DOWN;
    return err_set(err, ERR_UNAVAILABLE, "the second factor of the user cannot be read");
}

static int miss_factor(struct attempt *t, struct err *err)
{
    t->outcome->reason = AUTH_SECOND_FACTOR_MISSING;
    return err_set(err, ERR_AUTH, "a second factor is missing");
}

int attempt_check_factor(struct auth *a, struct attempt *t, struct err *err)
{
    struct second_factor factor;
    if (t->answer.app_password_id || t->answer.second_factor)
        return 0;
    int r = look_at_factor(a, t, STR(""), &factor, err);
    return r == 0 && factor.needed ? miss_factor(t, err) : r;
}

/* The password, and the code behind it where there is one: second_factor.h. */
static int verify_with_factor(struct auth *a, struct attempt *t, struct str typed, struct err *err)
{
    struct second_factor factor;
    int r = look_at_factor(a, t, typed, &factor, err);
    if (r == 0)
        r = chain_verify(a, t, factor.password, err);
    if (r < 0 || !factor.needed || t->answer.second_factor)
        return r;
    t->answer.once = true;
    if (!factor.shown)
        return miss_factor(t, err);
    r = second_factor_use(a->params.users, &t->user, &factor, err);
    if (r < 0 && r != -ERR_AUTH) {
        t->outcome->reason = AUTH_PROVIDER_DOWN;
        return err_set(err, ERR_UNAVAILABLE, "the use of a code cannot be written down");
    }
    t->answer.second_factor = r == 0;
    if (r == 0 && factor.is_recovery)
        AUDIT(a->params.audit, AUDIT_SECOND_FACTOR, AUDIT_BOOL("ok", true), KV("user", (const char *)t->name),
              KV("change", "recovery-code"), KV("address", (const char *)t->request->peer->address));
    return r;
}

/* The credential itself, once the guard lets it through. */
static int check_password(struct auth *a, struct attempt *t, struct str password, struct err *err)
{
    int r = -ERR_NOT_FOUND;
    bool possible = t->name[0] && password.n > 0 && password.n <= USER_PASSWORD_BYTES_MAX;
    if (possible)
        r = chain_app_password(a, t, password, err);
    if (r != -ERR_NOT_FOUND)
        return r;
    if (t->locked)
        return attempt_refuse_locked(t, err);
    if (possible && t->label.n == 0)
        r = verify_with_factor(a, t, password, err);
    if (r == -ERR_NOT_FOUND)
        r = chain_decoy(a, t, password, err);
    if (!t->locked && (r == -ERR_NOT_FOUND || r == -ERR_AUTH)) /* else nobody has looked at it */
        note_wrong(a, t, password);
    return r;
}

static int try_password(struct auth *a, struct attempt *t, struct str password, struct memory *memory,
                        struct err *err)
{
    bool may_know = t->exists && !t->user.disabled && !t->user.locked && t->label.n == 0;
    t->guess = true;
    if (may_know)
        digest_of(a, t, password, memory->digest);
    if (may_know && is_known_good(a, t, memory->digest))
        return 0;
    int r = attempt_look(a, t, err);
    if (r == 0)
        r = check_password(a, t, password, err);
    memory->good = r == 0 && may_know && is_worth_remembering(t);
    memory->provider = t->provider;
    memory->until_ms = t->answer.remember_until_ms;
    return r;
}

/* A password is known good once it has opened an account: the provider's yes alone may be for another one's. */
int auth_sign_in_password(struct auth *a, const struct auth_request *request, struct str password,
                          struct auth_outcome *outcome, struct err *err)
{
    struct memory memory = { .good = false };
    struct attempt t;
    int r = attempt_begin_labelled(a, &t, request, outcome, err);
    if (r == 0)
        r = attempt_conclude(a, &t, try_password(a, &t, password, &memory, err), err);
    if (r == 0 && memory.good)
        remember(a, &memory);
    return attempt_end(a, &t, r);
}
