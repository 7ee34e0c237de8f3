/* provider.h: where people's credentials are kept: our own records, a file, LDAP, PAM, an OAuth issuer.
 *
 * auth.c asks the providers of `auth.providers` in their order. The first that knows the name decides:
 *   0                 it is that user's, and right
 *   -ERR_NOT_FOUND    no user of this provider: the next one is asked
 *   -ERR_AUTH         its user, and the credential is wrong: nobody else is asked
 *   -ERR_UNAVAILABLE  it cannot be asked now. Nobody else is asked either, or a weaker provider would decide for it;
 *                     no failure is counted, and the client is told UNAVAILABLE, never that its password is wrong
 * A function that is NULL is a kind of credential that the provider does not know: as -ERR_NOT_FOUND. But a provider with
 * verify decides over its users' passwords, so without scram nobody after it is asked for a verifier of a name that it finds.
 * Names come normalised (users_normalise_name) and may hold any other character: each provider escapes them for its own
 * filter, path, query. No provider caches a yes: auth.c does, and keyed by everything that went into the answer.
 * Threads: any number call at once; a call may block, auth.c bounds how many do. */
#ifndef LOFT_AUTH_PROVIDER_H
#define LOFT_AUTH_PROVIDER_H

#include "auth/bearer.h"
#include "auth/directory/users.h"
#include "auth/peer.h"
#include "auth/reason.h"
#include "base/buf.h"

enum {
    SCRAM_SALT_BYTES_MAX = 64,
    SCRAM_KEY_BYTES_MAX = 32, /* SHA-256 */
    PROVIDER_GROUPS_MAX = 256,
};

enum scram_hash { SCRAM_SHA_1, SCRAM_SHA_256 };

/* What a server keeps for SCRAM (RFC 5802, 3). A secret: wipe it. */
struct scram_verifier {
    enum scram_hash hash;
    uint32_t iterations;
    size_t salt_bytes;
    unsigned char salt[SCRAM_SALT_BYTES_MAX];
    unsigned char stored_key[SCRAM_KEY_BYTES_MAX], server_key[SCRAM_KEY_BYTES_MAX];
};

/* What is known of a user beside the yes. Zeroed by the caller; a provider fills what it knows. Of a user who is disabled, locked
 * or expired it says so and answers by the credential alone: 0 when that is right. */
struct provider_answer {
    char name
        [USER_NAME_BYTES_MAX +
         1]; /* as the provider spells the user; "": as asked. auth.c takes it through names_of_provider */
    bool disabled;      /* known, may not sign in */
    bool expired;       /* the password was right, but is too old (RFC 5530 EXPIRED) */
    bool locked;        /* for a while, by the provider (an LDAP policy, say) */
    bool second_factor; /* the provider itself asked for it (an OAuth issuer): ours is not asked again */
    bool groups_known;  /* `groups` is the whole truth: memberships that it lacks end */
    struct buf
        groups; /* names, each with a NUL behind it, at most PROVIDER_GROUPS_MAX; the caller frees it */
    /* Our own provider: the app password that it was; 0: none. See credential.h. */
    uint64_t app_password_id;
    uint32_t scopes; /* enum credential_scope, what it may do; 0: everything */
    bool read_only;
    int64_t
        expires_ms; /* wall clock: of a token or an app password: a yes holds no longer; 0: not known, or never */
    bool
        once; /* the credential was good this once (a one-time code was in it, or it holds for some addresses only): it is not remembered. CVE-2026-27855 */
    int64_t remember_until_ms; /* wall clock: it is remembered no longer; 0: as long as any other */
    enum auth_reason reason;   /* beside an error: AUTH_OK leaves it to the kind of the error */
    /* Of a token, also of one that is refused. */
    enum token_fault token_fault; /* why it is: for the log, and for the client (bearer.h) */
};

/* Was a client's proof made with the password of `verifier`? */
typedef bool scram_proves_fn(void *ctx, const struct scram_verifier *verifier);

struct provider_ops {
    const char
        *name; /* as in auth.providers and in the audit log: "own", "passwd-file", "ldap", "pam", "oauth" */
    /* Is there such a user? For deliveries, and for credentials that are proved elsewhere (certificates, SCRAM). */
    int (*find)(void *provider, struct str name, struct provider_answer *answer, struct err *err);
    /* `password` is not prepared: each provider has rules of its own (OpaqueString, bytes as they are). */
    int (*verify)(void *provider, struct str name, struct str password, const struct auth_peer *peer,
                  struct provider_answer *answer, struct err *err);
    int (*scram)(void *provider, struct str name, enum scram_hash hash, struct scram_verifier *verifier_out,
                 struct provider_answer *answer, struct err *err);
    /* A bearer token (RFC 7628), at most TOKEN_BYTES_MAX. `name`: whom the client claims to be, -ERR_AUTH when the token says
     * another; "": answer->name says it. */
    int (*token)(void *provider, struct str name, struct str token, const struct auth_peer *peer,
                 struct provider_answer *answer, struct err *err);
    /* An app password of ours opens an account whoever keeps its other credentials, so this is asked of every provider before
     * any is asked for verify, also while the account is locked: what it takes must be too long to guess, and the look cheap.
     * -ERR_NOT_FOUND: none of that user's. */
    int (*app_password)(void *provider, struct str name, struct str password, const struct auth_peer *peer,
                        struct provider_answer *answer, struct err *err);
    /* For SCRAM as user/label: what the app password of that label is checked against. As app_password. */
    int (*app_verifier)(void *provider, struct str name, struct str label, enum scram_hash hash,
                        const struct auth_peer *peer, struct scram_verifier *verifier_out,
                        struct provider_answer *answer, struct err *err);
    /* The proof was not made with the password whose verifier `scram` gave: with an app password of the same salt? `verifier` is
     * that one then, and `answer` what it may. As app_password; NULL: it has none. */
    int (*app_proof)(void *provider, struct str name, const struct auth_peer *peer, scram_proves_fn *proves,
                     void *proves_ctx, struct scram_verifier *verifier, struct provider_answer *answer,
                     struct err *err);
    /* Spend what a wrong password costs: for a name that nobody knows. Of the first provider that has it. 0; -ERR_UNAVAILABLE where a
     * user who exists would hear that. */
    int (*decoy)(void *provider, struct str password, struct err *err);
    /* A number that changes whenever an earlier yes for any user may no longer hold; NULL: answers are known good for
     * auth.known_good_s only. */
    uint64_t (*generation)(void *provider);
    void (*free)(void *provider);
};

struct provider {
    const struct provider_ops *ops;
    void *ctx;                 /* first argument of each; owned by whoever holds the struct provider */
    uint32_t calls_max;        /* of verify and token at once, and as many of find and scram; not 0 */
    uint32_t scram_iterations; /* that most verifiers of scram have; 0: auth.scram_iterations */
};

#endif
