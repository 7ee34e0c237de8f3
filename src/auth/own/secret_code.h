/* secret_code.h: secrets that the server makes and a person copies: app passwords and recovery codes.
 *
 * Each character is one of 32 that are not taken for one another (Crockford's base32), five random bits: "k3mh-7xq2-...". What is
 * read back may lack the hyphens, have spaces, capitals, or O, I and L for 0 and 1.
 * Such a secret is kept as one BLAKE2b. A slow hash makes up for secrets that people choose, of which an attacker tries the
 * likely ones first; of 2^140 or 2^80 that are all alike he tries none, and a sign-in costs a microsecond.
 * Threads: any. */
#ifndef LOFT_AUTH_SECRET_CODE_H
#define LOFT_AUTH_SECRET_CODE_H

#include "store/store.h"

enum {
    SECRET_CODE_CHARS_MAX = 28,
    SECRET_CODE_GROUP = 4,
    SECRET_CODE_SHOWN_BYTES = SECRET_CODE_CHARS_MAX +
                              SECRET_CODE_CHARS_MAX / SECRET_CODE_GROUP, /* with a NUL */
    SECRET_CODE_HASH_BYTES = 32,
};

/* `chars` random characters, as they are shown: in groups with hyphens between, and a NUL. */
void secret_code_make(size_t chars, char shown_out[SECRET_CODE_SHOWN_BYTES]);

/* What somebody typed, in its one spelling, without hyphens and NUL. False: it is none of so many characters. */
bool secret_code_read(struct str typed, size_t chars, char out[SECRET_CODE_CHARS_MAX]);

/* `purpose` and account are hashed, too: a code is good for one thing of one account.
 *   code  as secret_code_read wrote it */
void secret_code_hash(const char *purpose, struct account_id account, struct str code,
                      unsigned char out[SECRET_CODE_HASH_BYTES]);

#endif
