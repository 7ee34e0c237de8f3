/* auth_private.h: what the files that decide share: auth.c (the decision), auth_account.c (whose mail), auth_chain.c (asking the
 * providers), auth_password.c, auth_scram.c. */
#ifndef LOFT_AUTH_AUTH_PRIVATE_H
#define LOFT_AUTH_AUTH_PRIVATE_H

#include "auth/auth.h"
#include "auth/delegation.h"
#include "auth/gate.h"
#include "auth/guard.h"
#include "auth/known_good.h"

enum { KNOWN_WRONG_MAX = 4096, KNOWN_WRONG_S = 24 * 60 * 60 };

struct auth {
    struct auth_params params;
    const char *order[AUTH_PROVIDERS_MAX]; /* their names */
    struct guard *guard;
    struct delegation *delegation;
    struct known_good *known_good;
    struct known_good *known_wrong; /* passwords that were wrong a while ago: repeating one is no guess */
    struct {
        struct gate dear, cheap; /* verify and token; find and scram */
    } gates[AUTH_PROVIDERS_MAX];
    unsigned char decoy_key[USERS_SECRET_BYTES]; /* of made-up SCRAM verifiers */
    pthread_mutex_t stats_lock;
    struct auth_stats stats;
};

/* One sign-in under way. It holds no credential. */
struct attempt {
    const struct auth_request *request;
    struct auth_outcome *outcome;
    int64_t begun_ms;
    struct guard_subject subject; /* once attempt_look was called */
    bool locked;                  /* the account, for this client */
    bool
        guess; /* of a password: failures count for the account, too. What cannot be guessed has to do with the address alone */
    uint32_t delay_ms;                  /* from begun_ms on */
    char name[USER_NAME_BYTES_MAX + 1]; /* normalised; "": it can be nobody's, or is not known yet */
    struct str label; /* of "name/label", an app password of that name; "": none. Borrows the request */
    struct user user; /* our record of `name`; hash empty */
    bool exists;      /* `user` is filled */
    bool by_token;    /* its issuer asks for second factors */
    bool repeated;    /* it was wrong before */
    bool known_good;  /* no provider was asked */
    size_t provider;  /* that answered, once one did */
    struct provider_answer answer; /* its */
};

/* ---- auth.c ---- */

/* Takes the name and its record. 0; -ERR_UNAVAILABLE: the store. attempt_end() in any case. */
MUST_USE int attempt_begin(struct auth *auth, struct attempt *t, const struct auth_request *request,
                           struct auth_outcome *outcome, struct err *err);
/* As above, of what may be "name/label": a password, or the proof of one. */
MUST_USE int attempt_begin_labelled(struct auth *auth, struct attempt *t, const struct auth_request *request,
                                    struct auth_outcome *outcome, struct err *err);
/* The account that a name means, by names_sign_in or names_of_provider; "" for what can be nobody's. -ERR_UNAVAILABLE. */
typedef int names_meaning_fn(struct names *names, struct str name, char out[USER_NAME_BYTES_MAX + 1],
                             struct err *err);
MUST_USE int attempt_resolve(struct auth *auth, struct attempt *t, struct str name, names_meaning_fn *meaning,
                             char out[USER_NAME_BYTES_MAX + 1], struct err *err);
/* Asks the guard; again where time has passed since, in which others may have failed. 0; -ERR_UNAVAILABLE: this client has failed so often that it is turned away without a look. */
MUST_USE int attempt_look(struct auth *auth, struct attempt *t, struct err *err);
/* -ERR_AUTH */
int attempt_refuse_locked(struct attempt *t, struct err *err);
/* Our record of t->name, without its hash; t->exists. -ERR_UNAVAILABLE. */
MUST_USE int attempt_find_record(struct auth *auth, struct attempt *t, struct err *err);
/* What is told to whom has proved a credential; the reason for the log. Returns `r`, what err_set said. */
int attempt_refuse_proved(struct attempt *t, enum auth_reason reason, int r);
/* auth_account.c: the account that the provider's yes opens, made when its user is here for the first time. 0: t->user, unless
 * the provider said that its user is disabled; -ERR_NOT_AUTHORIZED, -ERR_UNAVAILABLE, -ERR_AUTH (the second factor). */
MUST_USE int attempt_open_account(struct auth *auth, struct attempt *t, struct err *err);
/* auth_password.c: a password was right, or proved: is that enough for this user? 0; -ERR_AUTH: a second factor is missing; -ERR_UNAVAILABLE. */
MUST_USE int attempt_check_factor(struct auth *auth, struct attempt *t, struct err *err);
/* `r` is what the credential was worth: a yes becomes a user, a no a failure. The result of the sign-in. */
MUST_USE int attempt_conclude(struct auth *auth, struct attempt *t, int r, struct err *err);
/* Counts, fills what is left of the outcome, frees. Returns r. */
int attempt_end(struct auth *auth, struct attempt *t, int r);

/* ---- auth_chain.c: 0; -ERR_NOT_FOUND: nobody knows the name; -ERR_AUTH; -ERR_UNAVAILABLE ---- */

MUST_USE int chain_app_password(struct auth *auth, struct attempt *t, struct str password, struct err *err);
MUST_USE int chain_verify(struct auth *auth, struct attempt *t, struct str password, struct err *err);
MUST_USE int chain_token(struct auth *auth, struct attempt *t, struct str token, struct err *err);
MUST_USE int chain_find(struct auth *auth, struct attempt *t, struct err *err);
MUST_USE int chain_scram(struct auth *auth, struct attempt *t, enum scram_hash hash,
                         struct scram_verifier *verifier_out, struct err *err);
MUST_USE int chain_app_verifier(struct auth *auth, struct attempt *t, enum scram_hash hash,
                                struct scram_verifier *verifier_out, struct err *err);
MUST_USE int chain_app_proof(struct auth *auth, struct attempt *t, scram_proves_fn *proves, void *ctx,
                             struct scram_verifier *verifier, struct err *err);
/* t->user is of another provider than ours, and an app password was right: does that provider still know him? What it says of
 * holds is added to the answer. One that cannot be asked about a name knows everybody. */
MUST_USE int chain_vouch(struct auth *auth, struct attempt *t, struct err *err);
/* Spend what a wrong password costs. -ERR_NOT_FOUND; -ERR_UNAVAILABLE when too many are under way or memory is out, as a user who exists would hear. */
MUST_USE int chain_decoy(struct auth *auth, struct attempt *t, struct str password, struct err *err);
/* The generation of each provider that has one, else 0. */
void chain_generations(struct auth *auth, uint64_t out[static AUTH_PROVIDERS_MAX]);

#endif
