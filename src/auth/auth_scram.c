/* SCRAM: what a proof is checked against, and what came of it.     RFC 5802; RFC 7677 */
#include "auth/auth_private.h"

#include "auth/own/app_password.h"
#include "auth/scram.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct auth_scram {
    struct attempt attempt;
    struct auth_request request; /* copies of what the caller lent */
    struct auth_peer peer;
    char client_key[64], authcid[USER_NAME_BYTES_MAX + 1], authzid[USER_NAME_BYTES_MAX + 1];
    int found;            /* what the providers said: 0, -ERR_AUTH, -ERR_NOT_FOUND */
    const char *provider; /* that said it */
};

/* One of the counts that those have who exist: which one is the name's. */
static uint32_t made_up_iterations(const struct auth *a, struct str name)
{
    uint32_t counts[AUTH_PROVIDERS_MAX] = { a->params.scram_iterations };
    unsigned char choice[crypto_generichash_BYTES_MIN];
    size_t n = 0;
    for (size_t i = 0; i < a->params.provider_count; i++) {
        const struct provider *p = &a->params.providers[i];
        if (p->ops->scram)
            counts[n++] = p->scram_iterations ? p->scram_iterations : a->params.scram_iterations;
    }
    crypto_generichash(choice, sizeof choice, (const unsigned char *)name.p, name.n, a->decoy_key,
                       sizeof a->decoy_key);
    return counts[n ? choice[0] % n : 0];
}

/* RFC 5802, 9: who asks must not learn from the salt who exists. A name has one, whatever label stands behind it. */
static void make_up(const struct auth *a, struct str name, enum scram_hash hash, struct scram_verifier *out)
{
    *out = (struct scram_verifier){ .hash = hash,
                                    .iterations = made_up_iterations(a, name),
                                    .salt_bytes = SCRAM_MADE_SALT_BYTES };
    scram_made_salt(a->decoy_key, hash, name, out->salt);
}

static struct str keep(struct str s, char *room, size_t room_bytes)
{
    if (str_is_nil(s))
        return s;
    s = str_sub(s, 0, room_bytes);
    if (s.n > 0)
        memcpy(room, s.p, s.n);
    return str_make(room, s.n);
}

static void keep_request(struct auth_scram *s, const struct auth_request *request)
{
    s->peer = *request->peer;
    s->peer.client_key = keep(s->peer.client_key, s->client_key, sizeof s->client_key);
    s->request = (struct auth_request){ .peer = &s->peer,
                                        .mechanism = request->mechanism,
                                        .authcid = keep(request->authcid, s->authcid, sizeof s->authcid),
                                        .authzid = keep(request->authzid, s->authzid, sizeof s->authzid) };
}

/* Of the user, where the label opens nothing. What is known of the label stays in the attempt. */
static int find_salt(struct auth *a, struct attempt *t, enum scram_hash hash, struct scram_verifier *out,
                     struct err *err)
{
    struct provider_answer kept = t->answer;
    const char *provider = t->outcome->provider;
    t->answer = (struct provider_answer){ .groups = BUF_INIT };
    int r = chain_scram(a, t, hash, out, err);
    buf_deinit(&t->answer.groups);
    t->answer = kept;
    t->outcome->provider = provider;
    return r;
}

/* Also while the account is locked: that shows at the end, and as a wrong proof. Where there is none, what is told looks like
 * one, and matches nothing. */
static int find_verifier(struct auth *a, struct attempt *t, enum scram_hash hash, struct scram_verifier *out,
                         struct err *err)
{
    int r = -ERR_NOT_FOUND, told = -ERR_NOT_FOUND;
    if (t->name[0])
        r = t->label.n ? chain_app_verifier(a, t, hash, out, err) : chain_scram(a, t, hash, out, err);
    if (r == 0 || r == -ERR_UNAVAILABLE)
        return r;
    if (t->name[0] && t->label.n)
        told = find_salt(a, t, hash, out, err);
    if (told == -ERR_UNAVAILABLE)
        return told;
    if (told < 0)
        make_up(a, str_c(t->name), hash, out);
    randombytes_buf(out->stored_key, sizeof out->stored_key);
    randombytes_buf(out->server_key, sizeof out->server_key);
    return r;
}

int auth_scram_begin(struct auth *a, const struct auth_request *request, enum scram_hash hash,
                     struct auth_scram **attempt_out, struct scram_verifier *verifier_out,
                     struct auth_outcome *outcome, struct err *err)
{
    struct auth_scram *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    keep_request(s, request);
    struct attempt *t = &s->attempt;
    int r = attempt_begin_labelled(a, t, &s->request, outcome, err);
    t->guess = true;
    if (r == 0)
        r = attempt_look(a, t, err);
    if (r == 0)
        s->found = find_verifier(a, t, hash, verifier_out, err);
    if (r == 0 && s->found == -ERR_UNAVAILABLE)
        r = s->found;
    if (r < 0) {
        attempt_end(a, t, r);
        free(s);
        return r;
    }
    s->provider = outcome->provider; /* the outcome may be gone when it ends */
    *attempt_out = s;
    return 0;
}

bool auth_scram_is_app_password(struct auth *a, struct auth_scram *s, scram_proves_fn *proves, void *ctx,
                                struct scram_verifier *verifier)
{
    struct attempt *t = &s->attempt;
    struct auth_outcome ours = { .provider = s->provider }; /* the caller's may be gone */
    if (s->found < 0 || t->label.n > 0)
        return false;
    t->outcome = &ours;
    int r = chain_app_proof(a, t, proves, ctx, verifier, NULL);
    s->provider = ours.provider;
    if (r == -ERR_UNAVAILABLE || (r == -ERR_AUTH && t->answer.app_password_id))
        s->found = r; /* it is one, and may not be used here */
    return r == 0;
}

/* What the proof is worth, if it is right. Of many exchanges begun at once those that end later are bound by what has failed
 * meanwhile. */
static int look_again(struct auth *a, struct auth_scram *s, struct err *err)
{
    struct attempt *t = &s->attempt;
    if (attempt_look(a, t, err) < 0) {
        t->locked = true; /* the proof counts for nothing, wrong or right */
        return -ERR_AUTH;
    }
    return t->locked && !t->answer.app_password_id ? attempt_refuse_locked(t, err) : s->found;
}

int auth_scram_end(struct auth *a, struct auth_scram **attempt, bool proved, enum auth_reason reason,
                   struct auth_outcome *outcome, struct err *err)
{
    struct auth_scram *s = *attempt;
    struct attempt *t = &s->attempt;
    *outcome = (struct auth_outcome){ .mechanism = s->request.mechanism, .provider = s->provider };
    t->outcome = outcome;
    int r = look_again(a, s, err);
    if (r == -ERR_UNAVAILABLE) {
        outcome->reason = AUTH_PROVIDER_DOWN;
        r = err_set(err, ERR_UNAVAILABLE, "the app passwords of the user cannot be read");
    }
    if (r == 0 && !proved) {
        outcome->reason = reason;
        r = -ERR_AUTH;
    }
    if (!proved && reason == AUTH_MALFORMED) {
        outcome->reason = reason;
        t->delay_ms = guard_failed(a->guard, &t->subject, GUARD_UNSEEN);
        r = err_set(err, ERR_AUTH, "the exchange was broken off");
    } else {
        if (r == 0)
            r = attempt_check_factor(a, t, err);
        r = attempt_conclude(a, t, r, err);
    }
    if (r == 0 && t->answer.app_password_id)
        app_password_note_use(a->params.users, &t->user, t->answer.app_password_id, t->request->peer);
    attempt_end(a, t, r);
    sodium_memzero(s, sizeof *s);
    free(s);
    *attempt = NULL;
    return r;
}
