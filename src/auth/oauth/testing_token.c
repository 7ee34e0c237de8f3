#include "auth/oauth/testing_token.h"

#include "auth/openssl.h"
#include "base/codec.h"

#include <assert.h>

static const struct kind {
    const char *algorithm, *kty, *crv, *group;
    const char *digest;
    size_t half_bytes;
} kinds[] = {
    { "RS256", "RSA", NULL, NULL, "SHA256", 0 },       { "RS384", "RSA", NULL, NULL, "SHA384", 0 },
    { "RS512", "RSA", NULL, NULL, "SHA512", 0 },       { "PS256", "RSA", NULL, NULL, "SHA256", 0 },
    { "PS384", "RSA", NULL, NULL, "SHA384", 0 },       { "PS512", "RSA", NULL, NULL, "SHA512", 0 },
    { "ES256", "EC", "P-256", "P-256", "SHA256", 32 }, { "ES384", "EC", "P-384", "P-384", "SHA384", 48 },
    { "ES512", "EC", "P-521", "P-521", "SHA512", 66 }, { "EdDSA", "OKP", "Ed25519", NULL, NULL, 0 },
    { "Ed25519", "OKP", "Ed25519", NULL, NULL, 0 },    { "Ed448", "OKP", "Ed448", NULL, NULL, 0 },
};

static const struct kind *kind_of(const char *algorithm)
{
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++)
        if (strcmp(kinds[i].algorithm, algorithm) == 0)
            return &kinds[i];
    assert(!"an algorithm");
    return NULL;
}

void signer_init(struct signer *signer, const char *algorithm, const char *kid)
{
    const struct kind *kind = kind_of(algorithm);
    EVP_PKEY *key = strcmp(kind->kty, "RSA") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                    : kind->group                 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind->group)
                                                  : EVP_PKEY_Q_keygen(NULL, NULL, kind->crv);
    assert(key);
    *signer = (struct signer){ key, algorithm, kid };
}

void signer_init_rsa(struct signer *signer, unsigned bits, const char *kid)
{
    *signer = (struct signer){ EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits), "RS256", kid };
    assert(signer->key);
}

void signer_deinit(struct signer *signer)
{
    EVP_PKEY_free(signer->key);
    *signer = (struct signer){ 0 };
}

static void add_number(EVP_PKEY *key, const char *param, const char *name, size_t bytes, struct buf *out)
{
    BIGNUM *n = NULL;
    unsigned char raw[1024];
    assert(EVP_PKEY_get_bn_param(key, param, &n) == 1);
    size_t length = bytes ? bytes : (size_t)BN_num_bytes(n);
    assert(BN_bn2binpad(n, raw, (int)length) == (int)length);
    BN_free(n);
    buf_printf(out, ",\"%s\":\"", name);
    base64url_encode(str_make(raw, length), out);
    buf_add_char(out, '"');
}

void signer_add_jwk(const struct signer *signer, struct buf *out)
{
    const struct kind *kind = kind_of(signer->algorithm);
    buf_printf(out, "{\"kty\":\"%s\"", kind->kty);
    if (signer->kid)
        buf_printf(out, ",\"kid\":\"%s\"", signer->kid);
    if (kind->crv)
        buf_printf(out, ",\"crv\":\"%s\"", kind->crv);
    if (strcmp(kind->kty, "RSA") == 0) {
        add_number(signer->key, OSSL_PKEY_PARAM_RSA_N, "n", 0, out);
        add_number(signer->key, OSSL_PKEY_PARAM_RSA_E, "e", 0, out);
    } else if (strcmp(kind->kty, "EC") == 0) {
        add_number(signer->key, OSSL_PKEY_PARAM_EC_PUB_X, "x", kind->half_bytes, out);
        add_number(signer->key, OSSL_PKEY_PARAM_EC_PUB_Y, "y", kind->half_bytes, out);
    } else {
        unsigned char raw[64];
        size_t n = sizeof raw;
        assert(EVP_PKEY_get_raw_public_key(signer->key, raw, &n) == 1);
        buf_add_lit(out, ",\"x\":\"");
        base64url_encode(str_make(raw, n), out);
        buf_add_char(out, '"');
    }
    buf_add_char(out, '}');
}

void signer_add_set(const struct signer *signers, size_t count, struct buf *out)
{
    buf_add_lit(out, "{\"keys\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_add_char(out, ',');
        signer_add_jwk(&signers[i], out);
    }
    buf_add_lit(out, "]}");
}

void signer_add_pem(const struct signer *signer, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    assert(bio && PEM_write_bio_PUBKEY(bio, signer->key) == 1);
    long n = BIO_get_mem_data(bio, &text);
    buf_add_bytes(out, text, (size_t)n);
    BIO_free(bio);
}

/* DER to R and S side by side. */
static size_t side_by_side(const unsigned char *der, size_t n, size_t half_bytes, unsigned char *out)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);
    assert(sig);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)half_bytes);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half_bytes, (int)half_bytes);
    ECDSA_SIG_free(sig);
    return 2 * half_bytes;
}

void signer_sign(const struct signer *signer, const char *header, const char *claims, struct buf *out)
{
    const struct kind *kind = kind_of(signer->algorithm);
    unsigned char signature[1024], plain[1024];
    size_t n = sizeof signature, from = out->n;
    base64url_encode(str_c(header), out);
    buf_add_char(out, '.');
    base64url_encode(str_c(claims), out);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx = NULL;
    assert(EVP_DigestSignInit_ex(ctx, &key_ctx, kind->digest, NULL, NULL, signer->key, NULL) == 1);
    if (kind->algorithm[0] == 'P') {
        assert(EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) == 1);
        assert(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
    }
    assert(EVP_DigestSign(ctx, signature, &n, (const unsigned char *)out->p + from, out->n - from) == 1);
    EVP_MD_CTX_free(ctx);
    buf_add_char(out, '.');
    if (kind->half_bytes)
        n = side_by_side(signature, n, kind->half_bytes, plain);
    else
        memcpy(plain, signature, n);
    base64url_encode(str_make(plain, n), out);
}

void signer_token(const struct signer *signer, const char *claims, struct buf *out)
{
    struct buf header = BUF_INIT;
    buf_printf(&header, "{\"alg\":\"%s\",\"typ\":\"JWT\"", signer->algorithm);
    if (signer->kid)
        buf_printf(&header, ",\"kid\":\"%s\"", signer->kid);
    buf_add_char(&header, '}');
    signer_sign(signer, buf_c(&header), claims, out);
    buf_deinit(&header);
}
