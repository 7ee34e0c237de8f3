/* auth.h: may this one come in? The one place that decides, for every protocol, mechanism and kind of credential.
 *
 *   request -> name -> known good? -> app password? -> too many failures? -> providers, in their order -> account, its state
 *           -> may it act for the other (authzid)? -> outcome
 *
 *   one answer   Whoever has not proved a credential hears -ERR_AUTH, "name or password is wrong", whatever was the matter, and
 *                after the same time: an unknown name costs what a wrong password does, and answers are held back to a
 *                time counted from the beginning of the attempt. Why it was goes to the log (outcome.reason).
 *   one decider  The first provider that knows the name decides (provider.h). One that is down is -ERR_UNAVAILABLE.
 *   known good   A password that was right is remembered for that client, as a keyed digest and never itself, so that a
 *                client that signs in again and again costs microseconds and is never delayed. Any change to the
 *                user's record ends that.
 *   few at once  Each provider has so many calls under way at once, and at most waiters_max wait; others are turned away.
 *   delays       Each failure makes the next answers to that client, and for that name, wait longer, and after many an account is
 *                locked to strangers for a while (guard.h). The wait is not done here: the session is told it and sits it out on a
 *                timer. It holds for yes as for no, so that hanging up early tells a guesser nothing.
 * Threads: any. A call blocks its worker while a provider thinks. Nothing is logged here: protocols call
 * auth_log_failure(). */
#ifndef LOFT_AUTH_AUTH_H
#define LOFT_AUTH_AUTH_H

#include "auth/directory/names.h"
#include "auth/guard.h"
#include "auth/provider.h"

enum { AUTH_PROVIDERS_MAX = 8 };

struct auth;

struct auth_params {
    struct users *users;       /* borrows, until auth_free */
    const struct clock *clock; /* borrows */
    struct audit *audit;       /* borrows: who was refused; NULL: nothing is recorded */
    /* In the order in which they are asked; auth_new takes them: auth_free, or auth_new when it fails, calls their ops->free. */
    struct provider providers[AUTH_PROVIDERS_MAX];
    size_t provider_count;
    struct names *names; /* borrows; NULL: names are as they are typed (names.h) */
    /* Makes the mail account of a user whom a provider keeps, see foreign.h; NULL: nothing to do. */
    int (*make_account)(void *ctx, const struct user *user, struct err *err);
    void *make_account_ctx;
    struct guard *guard;     /* borrows */
    const char *may_act_for; /* rules of delegation.h; NULL for none */
    uint32_t known_good_max; /* sign-ins remembered; 0 remembers none */
    uint32_t known_good_s;   /* for how long */
    uint32_t waiters_max;    /* callers that wait for a provider that has its calls_max */
    uint32_t
        scram_iterations; /* what the made-up verifiers say, unless a provider says otherwise of its own */
};

/* -ERR_INVALID: may_act_for; errors of users_secret(). */
MUST_USE int auth_new(const struct auth_params *params, struct auth **auth_out, struct err *err);
void auth_free(struct auth **auth);

/* Can sign-ins of that kind work: SCRAM for all who have a password, tokens for somebody? */
bool auth_knows_scram(const struct auth *auth);
bool auth_knows_tokens(const struct auth *auth);

/* Who asks. All of it borrows for the call. */
struct auth_request {
    const struct auth_peer *peer;
    const char *mechanism; /* static, as it is logged: "PLAIN", "LOGIN", "SCRAM-SHA-256-PLUS" ... */
    /* Whose credential it is, as the client spells it; with a token it may be "" or NIL, with a password or SCRAM "name/label". */
    struct str authcid;
    struct str authzid; /* whose mail it wants; "" or NIL: its own */
};

/* Filled by each of the calls below, whatever they return. */
struct auth_outcome {
    /* When 0 was returned: whose mail it is; `hash` is empty. With a `referral` the user belongs to another server. */
    struct user user;
    char by[USER_NAME_BYTES_MAX +
            1]; /* another user signed in and acts for `user`: that one's name. "": nobody else */
    struct account_id by_account; /* of `by` */
    uint64_t by_revision;
    const char *mechanism; /* static */
    const char *provider;  /* static, such as "own"; "" when none knew the name */
    enum auth_reason reason;
    /* Hold the answer back for so long, be it yes or no, and read nothing meanwhile; also after errors. */
    uint32_t delay_ms;
    uint64_t app_password_id;     /* 0: none */
    uint32_t scopes;              /* of the app password; 0: everything */
    bool read_only;               /* of the app password */
    bool second_factor;           /* more than a password was proved */
    enum token_fault token_fault; /* of a token that was refused: bearer.h */
    int64_t expires_ms;           /* wall clock: the credential, a token, is good until then; 0: not known */
};

/* All return 0, or
 *   -ERR_AUTH            which says no more than that. Also of an account that is locked after many failures
 *   -ERR_EXPIRED, -ERR_DISABLED, -ERR_NOT_AUTHORIZED
 *                        told only to whom has proved its credential
 *   -ERR_UNAVAILABLE     a provider or the store is down, too many failures of this client or too many sign-ins at once (the
 *                        text says which). This was no failed sign-in: never tell the client that the password is wrong */
MUST_USE int auth_sign_in_password(struct auth *auth, const struct auth_request *request, struct str password,
                                   struct auth_outcome *outcome, struct err *err);
/* A bearer token: RFC 7628, XOAUTH2. */
MUST_USE int auth_sign_in_token(struct auth *auth, const struct auth_request *request, struct str token,
                                struct auth_outcome *outcome, struct err *err);
/* The name was proved by somebody else: a client certificate (EXTERNAL), a Kerberos ticket (GSSAPI). A name that is empty is
 * nobody, also for a certificate that is valid otherwise (CVE-2019-3814).
 *   second_factor  that proof counts as more than a password */
MUST_USE int auth_sign_in_identity(struct auth *auth, const struct auth_request *request, bool second_factor,
                                   struct auth_outcome *outcome, struct err *err);
/* The client did not get as far as a credential that could be looked at: a token or certificate or proof that is malformed. A
 * failure like any other. Returns -ERR_AUTH. */
int auth_refuse(struct auth *auth, const struct auth_request *request, enum auth_reason reason,
                struct auth_outcome *outcome, struct err *err);

/* SCRAM (RFC 5802): the exchange itself is the mechanism's. begin: what to check the client's proof against; for a name that
 * nobody knows a verifier that is made up, always with the same salt for a name, and matches nothing. A label that opens nothing has the
 * salt of its name; an account that is locked keeps its verifier, and no proof is right. Then end, exactly once, with what came of it: also when the client hung up or cancelled (proved false, AUTH_MALFORMED: a failure of the address
 * then, which has had the salt, and none of the account: nothing was guessed).
 *   attempt_out   set when 0 is returned
 *   verifier_out  a secret: wipe it
 *   proved        the client's proof, nonces and channel binding were right */
struct auth_scram;
MUST_USE int auth_scram_begin(struct auth *auth, const struct auth_request *request, enum scram_hash hash,
                              struct auth_scram **attempt_out, struct scram_verifier *verifier_out,
                              struct auth_outcome *outcome, struct err *err);
/* The proof was not made with the password of `verifier`: with an app password of the user? Then `verifier` is that one from now
 * on, for the server's signature, and the attempt is the app password's: end it with `proved`.
 *   proves  checks the client's proof against a verifier; called inside */
bool auth_scram_is_app_password(struct auth *auth, struct auth_scram *attempt, scram_proves_fn *proves,
                                void *ctx, struct scram_verifier *verifier);
MUST_USE int auth_scram_end(struct auth *auth, struct auth_scram **attempt, bool proved,
                            enum auth_reason reason, struct auth_outcome *outcome, struct err *err);

/* A session begins after its sign-in was decided: a client may take its time for the last word, an answer may be held. So, once
 * others can see the session (presence.h), look again: who revokes something afterwards finds the session, and what was revoked
 * before is found here. From memory while the directory has not changed. 0 while the users of the outcome are what they were;
 * -ERR_DISABLED, -ERR_AUTH, -ERR_UNAVAILABLE with outcome->reason */
MUST_USE int auth_look_again(struct auth *auth, struct auth_outcome *outcome, struct err *err);

/* Is there a user of that name, here or with a provider? For deliveries, as names_find_fn; the account is made when there is
 * none yet, but not for whom the provider has disabled. -ERR_NOT_FOUND; -ERR_UNAVAILABLE: a provider is down, try later. */
MUST_USE int auth_find_recipient(struct auth *auth, struct str name, struct user *user_out, struct err *err);

/* The one line that a failed sign-in leaves, in a fixed form that fail2ban can use, at warn or, where the error says so, above:
 *   login-failed session=17 address=192.0.2.1 user=anna protocol=imap mechanism=PLAIN reason=wrong text="..." */
void auth_log_failure(const struct logger *log, enum log_level level, const struct auth_request *request,
                      const struct auth_outcome *outcome, const struct err *err);

/* May a password come over this connection?     RFC 9051, 6.2.3 (LOGINDISABLED) and 11.1
 *   loopback  the other end of the socket itself is on this machine; what a proxy says of its client does not
 *             count: that one is elsewhere */
static inline bool auth_plaintext_allowed(bool tls, bool loopback, bool plaintext_on_loopback)
{
    return tls || (loopback && plaintext_on_loopback);
}

struct auth_stats {
    uint64_t ok_count, failed_count;
    uint64_t known_good_count;  /* of ok_count: without asking a provider */
    uint64_t turned_away_count; /* -ERR_UNAVAILABLE */
};
void auth_stats(struct auth *auth, struct auth_stats *out);

#endif
