/* scram.h: what a server keeps for SCRAM, made from a password.     RFC 5802, 3; RFC 7677
 *   SaltedPassword = PBKDF2(password, salt, iterations)
 *   StoredKey      = H(HMAC(SaltedPassword, "Client Key"))
 *   ServerKey      = HMAC(SaltedPassword, "Server Key")
 * Who calls prepares the password (SASLprep), or has its reasons not to.
 * Threads: any. */
#ifndef LOFT_AUTH_SCRAM_H
#define LOFT_AUTH_SCRAM_H

#include "auth/provider.h"

enum {
    SCRAM_MADE_SALT_BYTES = 16,
    SCRAM_ITERATIONS_MIN = 4096,     /* RFC 7677, 4, for what we make */
    SCRAM_ITERATIONS_MAX = 10000000, /* some seconds of work */
};

size_t scram_key_bytes(enum scram_hash hash); /* of StoredKey and ServerKey */

/* A secret: wipe it. -ERR_LIMIT for 0 or more than SCRAM_ITERATIONS_MAX iterations, or an empty salt or one above
 * SCRAM_SALT_BYTES_MAX. */
MUST_USE int scram_derive(enum scram_hash hash, struct str password, struct str salt, uint32_t iterations,
                          struct scram_verifier *verifier_out, struct err *err);

/* The salt of a name of which none is kept: of one that is nobody's, and of a user whose password is kept as it is. It depends on the
 * name and on `secret` (users_secret) alone, so that the two cannot be told apart, after a restart neither.     RFC 5802, 9 */
void scram_made_salt(const unsigned char secret[USERS_SECRET_BYTES], enum scram_hash hash, struct str name,
                     unsigned char salt_out[SCRAM_MADE_SALT_BYTES]);

/* Is `password` the one that it was made from? Takes the time of its iterations. */
bool scram_matches(const struct scram_verifier *verifier, struct str password);

#endif
