/* rand.h: randomness is handed in, so that tests can repeat it.
 * Threads: rand_system any; a seeded one has one owner. */
#ifndef LOFT_BASE_RAND_H
#define LOFT_BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

struct rand_source {
    void (*bytes)(struct rand_source *source, void *out, size_t n);
};

extern struct rand_source rand_system; /* getrandom(2): fit for keys */

/* Repeatable, for tests and jitter only: never for secrets. */
struct rand_seeded {
    struct rand_source source;
    uint64_t state;
};
void rand_seeded_init(struct rand_seeded *r, uint64_t seed);

uint64_t rand_u64(struct rand_source *source);
uint64_t rand_below(struct rand_source *source, uint64_t bound); /* 0 <= result < bound; bound > 0 */

#endif
