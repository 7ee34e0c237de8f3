/* known_good.h: passwords that were right, as keyed digests, in a table of fixed size: so that clients that come back cost
 * microseconds. The key is made at random, lives in memory only, and so does the table.
 *
 * Everything that a yes depended on goes into the digest, so that no answer is ever another's (CVE-2025-30189), and what
 * changes ends it: user, revision of the record, generation of each provider, client, mechanism, password. What is good only once
 * is never put in (CVE-2026-27855): who calls sees to that.     Threads: any. */
#ifndef LOFT_AUTH_KNOWN_GOOD_H
#define LOFT_AUTH_KNOWN_GOOD_H

#include "base/str.h"

enum { KNOWN_GOOD_DIGEST_BYTES = 32 };

struct known_good;

struct known_good *known_good_new(uint32_t max); /* 0: remembers nothing */
void known_good_free(struct known_good **known);

struct known_good_facts {
    uint64_t account, revision;
    const uint64_t *generations; /* of the providers that may be asked */
    size_t generation_count;
    struct str client, mechanism;
    struct str password;
};
void known_good_digest(const struct known_good *known, const struct known_good_facts *facts,
                       unsigned char out[static KNOWN_GOOD_DIGEST_BYTES]);

/* What was put in for the digest with a later until_ms, or -1.
 *   until_ms, now  of one clock, never 0 */
int known_good_look(struct known_good *known, const unsigned char *digest, int64_t now);
void known_good_put(struct known_good *known, const unsigned char *digest, int64_t until_ms, int value);

#endif
