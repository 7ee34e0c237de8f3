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

/* SHA-256, and SHA-1 where the setting says so; none when `iterations` is 0. Takes as long as the iterations of each.
 *   like  salts and iterations are those of this set, where it has them: SCRAM tells a client one of each, and so all passwords of
 *         a user can be tried. Otherwise, or NULL: a fresh salt, and `iterations`
 *   errors  -ERR_LIMIT */
MUST_USE int verifiers_make(struct str prepared, const struct verifiers *like, uint32_t iterations,
                            bool sha_1, struct verifiers *verifiers_out, struct err *err);
void verifiers_wipe(struct verifiers *verifiers);

/* Does what a client makes for the one do for the other? */
bool verifiers_alike(const struct scram_verifier *a, const struct scram_verifier *b);

const struct scram_verifier *verifiers_find(const struct verifiers *verifiers,
                                            enum scram_hash hash); /* NULL */

#endif
