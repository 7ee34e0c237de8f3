#include "base/hash.h"

#if defined(__x86_64__)
#include <xxh_x86dispatch.h> /* makes XXH3_64bits choose by the processor */
#else
#include <xxhash.h>
#endif

uint64_t hash_xxh3(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}
