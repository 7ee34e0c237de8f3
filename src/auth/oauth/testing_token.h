/* testing_token.h: an issuer of tokens for tests: makes keys, shows them as JWK and PEM, signs what it is told. */
#ifndef LOFT_AUTH_TESTING_TOKEN_H
#define LOFT_AUTH_TESTING_TOKEN_H

#include "base/buf.h"

struct signer {
    struct evp_pkey_st *key;
    const char *algorithm, *kid; /* borrows; kid may be NULL */
};

/* A fresh key for `algorithm`: "RS256", "PS384", "ES256", "ES512", "EdDSA", "Ed448" ... */
void signer_init(struct signer *signer, const char *algorithm, const char *kid);
void signer_init_rsa(struct signer *signer, unsigned bits, const char *kid);
void signer_deinit(struct signer *signer);

void signer_add_jwk(const struct signer *signer, struct buf *out); /* a JSON object */
void signer_add_set(const struct signer *signers, size_t count, struct buf *out);
void signer_add_pem(const struct signer *signer, struct buf *out);

/* Append a token with this header and these claims, signed as signer->algorithm says, whatever the header does. */
void signer_sign(const struct signer *signer, const char *header, const char *claims, struct buf *out);
/* With the header of its kind: alg, kid. */
void signer_token(const struct signer *signer, const char *claims, struct buf *out);

#endif
