/* app_password.h: passwords for one program each, made by the server and shown once.
 *
 * 28 characters, 140 random bits (secret_code.h): a fast hash keeps them as well as a slow one would. It is of the account
 * and the password alone, so one computation and some comparisons tell which of a user's it is, or none: a sign-in costs no
 * argon2id, and what does not look like an app password costs nothing at all.
 * In SCRAM a name has one salt, so all passwords of a user share theirs, and a proof is tried against each. Where they cannot,
 * since the password is of another provider, an app password has a name of its own: user/label.
 *
 * Each may be bound to scopes (protocols), to reading alone, to networks, to a time, which ends the sessions that it opened, too. What is refused for those is told only to
 * the log: who holds a stolen one learns nothing from where it fails.
 *
 * Deleting one is one commit, and from then on no sign-in succeeds with it: the user's record has a new revision, at which a
 * session looks once others can see it (auth_look_again), so that none slips in between the commit and those that are cut for it.
 * When and from where it was last used is kept in memory and written at most once in APP_PASSWORD_USES_MS for all together.
 * Threads: any; calls block on the store. */
#ifndef LOFT_AUTH_APP_PASSWORD_H
#define LOFT_AUTH_APP_PASSWORD_H

#include "auth/own/credential.h"
#include "auth/own/secret_code.h"

enum {
    APP_PASSWORD_CHARS = 28,
    APP_PASSWORD_USES_MS = 60 * 1000,
    APP_PASSWORD_USES_MAX = 1024, /* not written yet: then they are written at once */
};

struct app_password_wish {
    struct str label;    /* what its owner calls it: "phone" */
    struct str networks; /* addresses and networks, with commas or spaces between; "": from anywhere */
    uint32_t scopes;     /* enum credential_scope; 0: everything */
    bool read_only;
    int64_t expires_ms; /* wall; 0: never */
};

/* Make one.
 *   shown_out  a secret
 *   made_out   without hash and verifiers
 *   errors     -ERR_EXISTS: the user has one of that label; -ERR_INVALID: label, networks, or a past `expires_ms`;
 *              -ERR_LIMIT above APP_PASSWORDS_MAX, or for a label or list too long */
MUST_USE int app_password_add(struct users *users, const struct user *user,
                              const struct app_password_wish *wish, char shown_out[SECRET_CODE_SHOWN_BYTES],
                              struct app_password *made_out, struct err *err);

/* Durable when it returns. -ERR_NOT_FOUND */
MUST_USE int app_password_delete(struct users *users, const struct user *user, struct str label,
                                 uint64_t *id_out, struct err *err);

struct app_password_use {
    int64_t at_ms; /* wall; 0: never used */
    char address[PEER_ADDRESS_BYTES];
};

/* Each of a user's, in the order in which they were made; `password` has no hash. As users_fn. */
typedef int app_password_fn(void *ctx, const struct app_password *password,
                            const struct app_password_use *use, struct err *err);
MUST_USE int app_password_each(struct users *users, const struct user *user, app_password_fn *fn, void *ctx,
                               struct err *err);

/* Is it one of this user's, and good here and now? As provider_ops.app_password: 0 with `answer` filled; -ERR_NOT_FOUND: none of
 * them; -ERR_AUTH with a reason. Notes the use. */
MUST_USE int app_password_check(struct users *users, const struct user *user, struct str typed,
                                const struct auth_peer *peer, struct provider_answer *answer,
                                struct err *err);

/* For SCRAM: the verifier of the one that is called so. Errors as above; a hash that it has no verifier of is -ERR_NOT_FOUND.
 * Notes no use: nothing is proved yet. */
MUST_USE int app_password_verifier(struct users *users, const struct user *user, struct str label,
                                   enum scram_hash hash, const struct auth_peer *peer,
                                   struct scram_verifier *verifier_out, struct provider_answer *answer,
                                   struct err *err);

/* For SCRAM under the user's name: was the proof, which the password did not make, made by one of them?
 *   proves    looks at one of them
 *   verifier  in: what the client was told; out: that of the app password
 *   errors    as app_password_check */
MUST_USE int app_password_prove(struct users *users, const struct user *user, const struct auth_peer *peer,
                                scram_proves_fn *proves, void *ctx, struct scram_verifier *verifier,
                                struct provider_answer *answer, struct err *err);

/* It was used, at this moment. */
void app_password_note_use(struct users *users, const struct user *user, uint64_t id,
                           const struct auth_peer *peer);

#endif
