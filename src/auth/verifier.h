/* verifier.h: the SCRAM verifiers (scram.h) that we keep of a password: one for each hash that is on.
 * Whoever steals them can try passwords against them at the price of their iterations, so these should be many; but each
 * client pays them with each connection.
 * Threads: any. */
#ifndef LOFT_AUTH_VERIFIER_H
#define LOFT_AUTH_VERIFIER_H

#include "auth/scram.h"

enum {
    VERIFIER_SALT_BYTES = 16,
    VERIFIERS_MAX = 2, /* one for each hash */
};

struct verifiers {
    struct scram_verifier each[VERIFIERS_MAX];
    size_t count;
};

/* SHA-256, and SHA-1 where the setting says so, each with a fresh salt; none when `iterations` is 0. Takes as long as the
 * iterations of each. -ERR_LIMIT */
MUST_USE int verifiers_make(struct str prepared, uint32_t iterations, bool sha_1,
                            struct verifiers *verifiers_out, struct err *err);
void verifiers_wipe(struct verifiers *verifiers);

const struct scram_verifier *verifiers_find(const struct verifiers *verifiers,
                                            enum scram_hash hash); /* NULL */

#endif
