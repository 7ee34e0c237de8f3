/* provider_own.h: our own records (users.h) as a provider.     Threads: as provider.h */
#ifndef LOFT_AUTH_PROVIDER_OWN_H
#define LOFT_AUTH_PROVIDER_OWN_H

#include "auth/directory/policy.h"
#include "auth/provider.h"

struct provider_own_params {
    struct users *users;                     /* borrows */
    uint64_t hash_passes, hash_memory_bytes; /* as in users_params: what a decoy costs */
    uint32_t hashes_max;                     /* argon2id computations at once; not 0 */
    const struct policy *policy;             /* borrows; NULL: passwords hold for ever */
    const struct clock *clock;               /* borrows; wanted with a policy */
};

/* Takes as long as one argon2id. -ERR_UNAVAILABLE when there is no memory for it. */
MUST_USE int provider_own_new(const struct provider_own_params *params, struct provider *provider_out,
                              struct err *err);

#endif
