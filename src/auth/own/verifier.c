#include "auth/own/verifier.h"

#include "auth/directory/users_private.h"
#include "base/rand.h"

#include <sodium.h>

static int add(struct str prepared, enum scram_hash hash, const struct verifiers *like, uint32_t iterations,
               struct verifiers *all, struct err *err)
{
    const struct scram_verifier *other = like ? verifiers_find(like, hash) : NULL;
    struct scram_verifier *v = &all->each[all->count++];
    unsigned char fresh[VERIFIER_SALT_BYTES];
    if (other)
        return scram_derive(hash, prepared, str_make(other->salt, other->salt_bytes), other->iterations, v,
                            err);
    rand_system.bytes(&rand_system, fresh, sizeof fresh);
    return scram_derive(hash, prepared, str_make(fresh, sizeof fresh), iterations, v, err);
}

int verifiers_make(struct str prepared, const struct verifiers *like, uint32_t iterations, bool sha_1,
                   struct verifiers *verifiers_out, struct err *err)
{
    *verifiers_out = (struct verifiers){ .count = 0 };
    int r = iterations ? add(prepared, SCRAM_SHA_256, like, iterations, verifiers_out, err) : 0;
    if (r == 0 && iterations && sha_1)
        r = add(prepared, SCRAM_SHA_1, like, iterations, verifiers_out, err);
    return r;
}

int users_make_verifiers(const struct users *users, struct str prepared, const struct verifiers *like,
                         struct verifiers *verifiers_out, struct err *err)
{
    return verifiers_make(prepared, like, users->params.scram_iterations, users->params.scram_sha_1,
                          verifiers_out, err);
}

bool verifiers_alike(const struct scram_verifier *a, const struct scram_verifier *b)
{
    return a->hash == b->hash && a->iterations == b->iterations && a->salt_bytes == b->salt_bytes &&
           memcmp(a->salt, b->salt, a->salt_bytes) == 0;
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
