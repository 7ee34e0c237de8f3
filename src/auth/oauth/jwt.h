/* jwt.h: JSON Web Tokens with a signature, in their compact form.     RFC 7515, 3.1; RFC 7519; RFC 8725
 *
 *   base64url(header) "." base64url(claims) "." base64url(signature)
 * Who reads a token does what it says only in this: its algorithm and the name of its key (`kid`) choose among keys and
 * algorithms that were allowed before. `kid` is compared and never a path; `jku`, `jwk`, `x5u`, `x5c` are not looked at, what
 * they hold is the word of who made the token. Algorithms with a shared secret, and "none", are not known here at all; so
 * a public key is never taken for a secret (RFC 8725, 2.1). What is encrypted (five parts) is not spoken.
 * Threads: none; a token belongs to one call. */
#ifndef LOFT_AUTH_JWT_H
#define LOFT_AUTH_JWT_H

#include "auth/oauth/jwk.h"
#include "base/buf.h"

#include <jansson.h>

enum {
    JWT_HEADER_BYTES_MAX = 8 * 1024, /* encoded */
    JWT_SIGNATURE_BYTES_MAX = JWK_RSA_BITS_MAX / 8,
    JWT_KEYS_TRIED_MAX = 8, /* for a token that does not name its key */
};

/* A set of algorithms is a sum of these. */
enum jwt_algorithm {
    JWT_RS256 = 1u << 0,
    JWT_RS384 = 1u << 1,
    JWT_RS512 = 1u << 2,
    JWT_PS256 = 1u << 3,
    JWT_PS384 = 1u << 4,
    JWT_PS512 = 1u << 5,
    JWT_ES256 = 1u << 6,
    JWT_ES384 = 1u << 7,
    JWT_ES512 = 1u << 8,
    JWT_EDDSA = 1u << 9,    /* Ed25519 and Ed448: RFC 8037, 3.1 */
    JWT_ED25519 = 1u << 10, /* the same two under names of their own: RFC 9864, 2.2 */
    JWT_ED448 = 1u << 11,
};

/* "RS256, ES256 EdDSA" to a set. -ERR_INVALID with the name that is not known, or when there is none. */
MUST_USE int jwt_algorithms_parse(struct str list, uint32_t *algorithms_out, struct err *err);

struct jwt {
    uint32_t algorithm;
    struct str kid; /* NIL: none; lies in `header` */
    struct str typ; /* NIL: none; lies in `header` */
    json_t *header, *claims;
    struct str signed_part; /* borrows the token */
    struct buf signature;
};

/* Has it the form of a JWT: three parts with dots between? What has not may be another kind of token. */
bool jwt_looks_like_one(struct str token);

/* Take a token apart. Nothing in `claims` may be believed before jwt_verify().
 *   jwt_out  borrows `token`; jwt_deinit() it
 *   errors   -ERR_SYNTAX: not of this form, a member twice, extensions that must be understood ("crit"), a token in a
 *            token; -ERR_LIMIT; -ERR_CANNOT: an algorithm that is not known here */
MUST_USE int jwt_parse(struct str token, struct jwt *jwt_out, struct err *err);
void jwt_deinit(struct jwt *jwt);

/* Was it signed by a key of `set`, with one of `algorithms`? A key fits when its kind is that of the algorithm, its "alg"
 * is the same or missing, and its name is the token's, or one of both has none.
 *   errors  -ERR_NOT_FOUND: no key fits; -ERR_DENIED: the algorithm is not allowed; -ERR_AUTH: the signature is wrong */
MUST_USE int jwt_verify(const struct jwt *jwt, const struct jwk_set *set, uint32_t algorithms,
                        struct err *err);

#endif
