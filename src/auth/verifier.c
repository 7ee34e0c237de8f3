#include "auth/verifier.h"

#include "auth/users_private.h"
#include "base/rand.h"

#include <sodium.h>

static int add(struct str prepared, enum scram_hash hash, uint32_t iterations, struct verifiers *all,
               struct err *err)
{
    unsigned char salt[VERIFIER_SALT_BYTES];
    rand_system.bytes(&rand_system, salt, sizeof salt);
    return scram_derive(hash, prepared, str_make(salt, sizeof salt), iterations, &all->each[all->count++],
                        err);
}

int verifiers_make(struct str prepared, uint32_t iterations, bool sha_1, struct verifiers *verifiers_out,
                   struct err *err)
{
    *verifiers_out = (struct verifiers){ .count = 0 };
    int r = iterations ? add(prepared, SCRAM_SHA_256, iterations, verifiers_out, err) : 0;
    if (r == 0 && iterations && sha_1)
        r = add(prepared, SCRAM_SHA_1, iterations, verifiers_out, err);
    return r;
}

int users_make_verifiers(const struct users *users, struct str prepared, struct verifiers *verifiers_out,
                         struct err *err)
{
    return verifiers_make(prepared, users->params.scram_iterations, users->params.scram_sha_1, verifiers_out,
                          err);
}

void verifiers_wipe(struct verifiers *verifiers)
{
    sodium_memzero(verifiers, sizeof *verifiers);
}

const struct scram_verifier *verifiers_find(const struct verifiers *verifiers, enum scram_hash hash)
{
    for (size_t i = 0; i < verifiers->count; i++)
        if (verifiers->each[i].hash == hash)
            return &verifiers->each[i];
    return NULL;
}
