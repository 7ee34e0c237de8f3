/* crypt3.h: passwords as crypt(3) keeps them, with a bound on the work that a stored text can ask for: who may write the
 * text (users of a directory, their own) must not keep a processor busy for hours.     crypt(5)
 * Threads: any. */
#ifndef LOFT_AUTH_CRYPT3_H
#define LOFT_AUTH_CRYPT3_H

#include "base/err.h"
#include "base/str.h"

enum {
    CRYPT3_BYTES_MAX = 384,
    CRYPT3_BCRYPT_COST_MAX = 16, /* as many as 2^16 rounds: some seconds, as all of these */
    CRYPT3_SHA_ROUNDS_MAX = 5000000,
    CRYPT3_YESCRYPT_MEMORY_MAX = 256, /* MiB */
};

/* Can `text` be verified?
 *   weak_out  it is guessed by the million a second (MD5, DES)
 *   errors    -ERR_CANNOT: no form that we know ("$y$", "$gy$", "$2a$", "$2b$", "$2y$", "$6$", "$5$", "$1$", traditional
 *             DES); -ERR_LIMIT: it asks for more work or memory than above; -ERR_SYNTAX */
MUST_USE int crypt3_check(struct str text, bool *weak_out, struct err *err);

/* `text` passed crypt3_check. Compares in constant time. */
bool crypt3_matches(struct str text, struct str password);

#endif
