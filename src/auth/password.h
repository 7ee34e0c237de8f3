/* password.h: passwords to hashes, and yes or no.     RFC 9106 (argon2id); RFC 8265, 4.2 (OpaqueString)
 * Threads: any. */
#ifndef LOFT_AUTH_PASSWORD_H
#define LOFT_AUTH_PASSWORD_H

#include "auth/directory/users.h"

/* The one spelling of a password, as OpaqueString has it (RFC 8265, 4.2.2): other spaces to U+0020, NFC, so that it does not
 * depend on the keyboard. Which characters it may have is asked when it is set (policy.h), not here: those that are there
 * must go on to open. Bytes that are no UTF-8 (LOGIN may bring them) stay as they are. Into `out`, cleared first; wipe it.
 * -ERR_INVALID: empty, or with a NUL; -ERR_LIMIT above USER_PASSWORD_BYTES_MAX. */
MUST_USE int password_prepare(struct str password, struct buf *out, struct err *err);

/* `prepared` as an argon2id string with a fresh salt. -ERR_UNAVAILABLE when there is no memory for it. */
MUST_USE int password_hash(struct str prepared, uint64_t passes, uint64_t memory_bytes,
                           char hash_out[USER_HASH_BYTES_MAX], struct err *err);

/* 0; -ERR_AUTH; -ERR_UNAVAILABLE when there is no memory to find out (of a hash as libsodium writes them; of others that is -ERR_AUTH). As slow as `hash` asks for, whether it is right or wrong. */
MUST_USE int password_verify(struct str prepared, const char *hash, struct err *err);

#endif
