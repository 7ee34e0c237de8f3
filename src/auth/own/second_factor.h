/* second_factor.h: a code of an authenticator program beside the password.     RFC 6238
 *
 *   none --begin--> pending --activate, with a first code--> active --disable--> none
 *
 * While it is active no password alone opens anything, whichever provider keeps the password. App passwords do, and tokens, and,
 * where the setting totp.with_password allows it, the password with a code directly behind it: "correct horse492039".
 * In place of the code a recovery code may stand.
 *
 * A code opens once. The step that it is of is committed to the store before anybody hears yes, and that one and all steps
 * before it are used up: so a code that was overheard is worth nothing a moment later, not in another process either, nor
 * after a restart. A recovery code is taken out of the record in the same way.
 *
 * No oracle: a right password without the code, a code with a wrong password, and both wrong get one answer, after the same
 * work. A code behind a wrong password is not used up, or guessers could lock its owner out.
 * Threads: any; calls block on the store. */
#ifndef LOFT_AUTH_SECOND_FACTOR_H
#define LOFT_AUTH_SECOND_FACTOR_H

#include "auth/own/credential.h"
#include "auth/own/secret_code.h"

enum { RECOVERY_CODE_CHARS = 16 };

/* All that are new, as they are shown, once. */
struct recovery_codes {
    char shown[RECOVERY_CODES_MAX][SECRET_CODE_SHOWN_BYTES];
};

/* Make a secret; one that was pending goes.
 *   secret_out, uri_out  appended: base32, and what the QR code says (totp.h); secrets, to be shown once
 *   errors               -ERR_EXISTS: it is active */
MUST_USE int second_factor_begin(struct users *users, const struct user *user, struct buf *secret_out,
                                 struct buf *uri_out, struct err *err);

/* The user's program works: `code` is one of its codes. -ERR_AUTH: it is none; -ERR_STATE: nothing is pending. */
MUST_USE int second_factor_activate(struct users *users, const struct user *user, struct str code,
                                    struct recovery_codes *codes_out, struct err *err);

/* Fresh recovery codes; those before are good no more. -ERR_STATE: it is not active. */
MUST_USE int second_factor_renew_recovery(struct users *users, const struct user *user,
                                          struct recovery_codes *codes_out, struct err *err);

/* Neither active nor pending any more. -ERR_STATE: it was neither. */
MUST_USE int second_factor_disable(struct users *users, const struct user *user, struct err *err);

/* ---- signing in ---- */

struct second_factor {
    bool needed;         /* a password alone does not open this account */
    bool shown;          /* a code stood behind the password, and is right */
    struct str password; /* what is left for the provider to look at; borrows `typed` */
    bool is_recovery;
    uint64_t step;                                      /* of the code */
    unsigned char recovery_hash[CREDENTIAL_HASH_BYTES]; /* of the recovery code */
};

/* Take apart what a client sent as a password. Uses nothing up yet. Without a code that is right `password` is all of `typed`, so
 * that the provider has its work in any case. */
MUST_USE int second_factor_look(struct users *users, const struct user *user, struct str typed,
                                struct second_factor *factor_out, struct err *err);

/* The password was right: use the code up, durably. -ERR_AUTH: somebody else has, meanwhile. */
MUST_USE int second_factor_use(struct users *users, const struct user *user,
                               const struct second_factor *factor, struct err *err);

#endif
