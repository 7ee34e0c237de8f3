/* jwk.h: public keys of those who sign tokens, from a JSON Web Key Set or from PEM.     RFC 7517, RFC 7518, 6, RFC 8037, 2
 *
 * Of a set only keys that can check a signature are kept: RSA of 2048 to 8192 bits, EC on P-256, P-384, P-521, Ed25519,
 * Ed448. Keys that are unknown, secret ("oct"), for encryption, too weak or not on their curve are left out, as RFC 7517, 5
 * demands, so that an issuer can add kinds. Private members are not looked at. A key that comes with a token is never used.
 * Threads: a set never changes; it is counted, and shared by all. */
#ifndef LOFT_AUTH_JWK_H
#define LOFT_AUTH_JWK_H

#include "base/arena.h"
#include "base/err.h"
#include "base/ref.h"

enum {
    JWK_SET_BYTES_MAX = 512 * 1024, /* of the text */
    JWK_SET_KEYS_MAX = 256,         /* that are kept */
    JWK_KID_BYTES_MAX = 512,
    JWK_RSA_BITS_MIN = 2048, /* RFC 7518, 3.3 */
    JWK_RSA_BITS_MAX = 8192, /* what checking costs grows with its square */
};

enum jwk_kind { JWK_RSA, JWK_P256, JWK_P384, JWK_P521, JWK_ED25519, JWK_ED448 };

struct jwk {
    struct str kid; /* NIL: has none, as keys from PEM */
    struct str alg; /* NIL: for any algorithm that fits its kind */
    enum jwk_kind kind;
    struct evp_pkey_st *key;
};

struct jwk_set {
    struct ref ref;
    struct arena arena;
    struct jwk keys[JWK_SET_KEYS_MAX];
    size_t count; /* may be 0 */
};

/* Read a set: JSON, or PEM with public keys and certificates, of which only the keys count.
 *   set_out  ref: jwk_set_unref()
 *   errors   -ERR_SYNTAX; -ERR_INVALID: PEM with a private key; -ERR_LIMIT */
MUST_USE int jwk_set_parse(struct str text, struct jwk_set **set_out, struct err *err);

struct jwk_set *jwk_set_ref(struct jwk_set *set);
void jwk_set_unref(struct jwk_set **set);

/* Is there a key of that name? Never for NIL. */
bool jwk_set_has(const struct jwk_set *set, struct str kid);

#endif
