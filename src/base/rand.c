#include "base/rand.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void system_bytes(struct rand_source *source, void *out, size_t n)
{
    (void)source;
    unsigned char *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0)
            continue; /* EINTR is all that can happen with these flags */
        p += got;
        n -= (size_t)got;
    }
}

struct rand_source rand_system = { system_bytes };

/* splitmix64: small, and good enough for tests. */
static uint64_t seeded_next(struct rand_seeded *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void seeded_bytes(struct rand_source *source, void *out, size_t n)
{
    struct rand_seeded *r = (struct rand_seeded *)source;
    unsigned char *p = out;
    while (n > 0) {
        uint64_t v = seeded_next(r);
        size_t part = n < sizeof v ? n : sizeof v;
        memcpy(p, &v, part);
        p += part;
        n -= part;
    }
}

void rand_seeded_init(struct rand_seeded *r, uint64_t seed)
{
    r->source.bytes = seeded_bytes;
    r->state = seed;
}

uint64_t rand_u64(struct rand_source *source)
{
    uint64_t v;
    source->bytes(source, &v, sizeof v);
    return v;
}

uint64_t rand_below(struct rand_source *source, uint64_t bound)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound; /* no bias: values above are drawn again */
    uint64_t v;
    do
        v = rand_u64(source);
    while (v >= limit);
    return v % bound;
}
