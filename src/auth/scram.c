#include "auth/scram.h"

#include "auth/openssl.h"

#include <assert.h>
#include <sodium.h>

static const EVP_MD *digest_of(enum scram_hash hash)
{
    return hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256();
}

size_t scram_key_bytes(enum scram_hash hash)
{
    return hash == SCRAM_SHA_1 ? 20 : 32;
}

/* Both keys from a salted password, which is wiped. */
static bool keys_of(struct scram_verifier *v, unsigned char *salted, size_t n)
{
    unsigned char client_key[SCRAM_KEY_BYTES_MAX];
    const EVP_MD *md = digest_of(v->hash);
    bool done = HMAC(md, salted, (int)n, (const unsigned char *)"Client Key", 10, client_key, NULL) &&
                HMAC(md, salted, (int)n, (const unsigned char *)"Server Key", 10, v->server_key, NULL) &&
                EVP_Digest(client_key, n, v->stored_key, NULL, md, NULL) == 1;
    sodium_memzero(client_key, sizeof client_key);
    sodium_memzero(salted, n);
    return done;
}

int scram_derive(enum scram_hash hash, struct str password, struct str salt, uint32_t iterations,
                 struct scram_verifier *verifier_out, struct err *err)
{
    unsigned char salted[SCRAM_KEY_BYTES_MAX];
    struct scram_verifier v = { .hash = hash, .iterations = iterations, .salt_bytes = salt.n };
    if (iterations == 0 || iterations > SCRAM_ITERATIONS_MAX)
        return err_set(err, ERR_LIMIT, "SCRAM with %u iterations: 1 to %d", iterations, SCRAM_ITERATIONS_MAX);
    if (salt.n == 0 || salt.n > SCRAM_SALT_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "SCRAM with a salt of %zu bytes: 1 to %d", salt.n,
                       SCRAM_SALT_BYTES_MAX);
    memcpy(v.salt, salt.p, salt.n);
    size_t n = scram_key_bytes(hash);
    bool done = PKCS5_PBKDF2_HMAC(password.n ? password.p : "", (int)password.n, v.salt, (int)salt.n,
                                  (int)iterations, digest_of(hash), (int)n, salted) == 1 &&
                keys_of(&v, salted, n);
    assert(done); /* these calls fail for parameters only */
    *verifier_out = v;
    sodium_memzero(&v, sizeof v);
    return 0;
}

bool scram_matches(const struct scram_verifier *verifier, struct str password)
{
    struct scram_verifier own = { .iterations = 0 };
    bool same = scram_derive(verifier->hash, password, str_make(verifier->salt, verifier->salt_bytes),
                             verifier->iterations, &own, NULL) == 0 &&
                sodium_memcmp(own.stored_key, verifier->stored_key, scram_key_bytes(verifier->hash)) == 0;
    sodium_memzero(&own, sizeof own);
    return same;
}

void scram_made_salt(const unsigned char secret[USERS_SECRET_BYTES], enum scram_hash hash, struct str name,
                     unsigned char salt_out[SCRAM_MADE_SALT_BYTES])
{
    crypto_generichash_state state;
    unsigned char which = hash == SCRAM_SHA_1 ? '1' : '2';
    crypto_generichash_init(&state, secret, USERS_SECRET_BYTES, SCRAM_MADE_SALT_BYTES);
    crypto_generichash_update(&state, &which, 1);
    crypto_generichash_update(&state, (const unsigned char *)name.p, name.n);
    crypto_generichash_final(&state, salt_out, SCRAM_MADE_SALT_BYTES);
}
