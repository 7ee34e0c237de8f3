#include "auth/oauth/jwt.h"

#include "auth/bearer.h"
#include "auth/openssl.h"
#include "base/codec.h"

/* RFC 7518, 3.1 and RFC 8037, 3.1. */
static const struct algorithm {
    const char *name;
    uint32_t bit;
    enum jwk_kind kind;
    const char *digest; /* NULL: part of the algorithm */
    bool pss;
    size_t half_bytes; /* ECDSA: length of R and of S */
} algorithms_known[] = {
    { "RS256", JWT_RS256, JWK_RSA, "SHA256", false, 0 },
    { "RS384", JWT_RS384, JWK_RSA, "SHA384", false, 0 },
    { "RS512", JWT_RS512, JWK_RSA, "SHA512", false, 0 },
    { "PS256", JWT_PS256, JWK_RSA, "SHA256", true, 0 },
    { "PS384", JWT_PS384, JWK_RSA, "SHA384", true, 0 },
    { "PS512", JWT_PS512, JWK_RSA, "SHA512", true, 0 },
    { "ES256", JWT_ES256, JWK_P256, "SHA256", false, 32 },
    { "ES384", JWT_ES384, JWK_P384, "SHA384", false, 48 },
    { "ES512", JWT_ES512, JWK_P521, "SHA512", false, 66 },
    { "EdDSA", JWT_EDDSA, JWK_ED25519, NULL, false, 0 },
    { "EdDSA", JWT_EDDSA, JWK_ED448, NULL, false, 0 },
    { "Ed25519", JWT_ED25519, JWK_ED25519, NULL, false, 0 },
    { "Ed448", JWT_ED448, JWK_ED448, NULL, false, 0 },
};

static const struct algorithm *algorithm_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_COUNT(algorithms_known); i++)
        if (str_eq(name, str_c(algorithms_known[i].name)))
            return &algorithms_known[i];
    return NULL;
}

int jwt_algorithms_parse(struct str list, uint32_t *algorithms_out, struct err *err)
{
    uint32_t set = 0;
    struct str word;
    while (!str_is_nil(word = str_next_word(&list))) {
        const struct algorithm *known = algorithm_find(word);
        if (!known)
            return err_set(err, ERR_INVALID,
                           "no algorithm " STR_FMT ": there are RS256, PS256, ES256 (and 384, 512), EdDSA, "
                           "Ed25519 and Ed448",
                           STR_ARG(str_sub(word, 0, 40)));
        set |= known->bit;
    }
    if (set == 0)
        return err_set(err, ERR_INVALID, "no algorithm is allowed");
    *algorithms_out = set;
    return 0;
}

/* ---- taking apart ---- */

static bool cut(struct str token, struct str part[3])
{
    struct str rest, more;
    part[0] = str_cut(token, '.', &rest);
    part[1] = str_cut(rest, '.', &more);
    part[2] = str_cut(more, '.', &rest);
    return !str_is_nil(more) && str_is_nil(rest);
}

bool jwt_looks_like_one(struct str token)
{
    struct str part[3];
    return cut(token, part) && part[0].n > 0 && part[1].n > 0;
}

static int parse_object(struct str encoded, const char *what, json_t **object_out, struct err *err)
{
    struct buf text = BUF_INIT;
    json_error_t where;
    json_t *object = NULL;
    if (base64url_decode(encoded, &text))
        object = json_loadb(buf_str(&text).p, text.n, JSON_REJECT_DUPLICATES, &where);
    buf_deinit(&text);
    if (!json_is_object(object)) {
        json_decref(object);
        return err_set(err, ERR_SYNTAX, "the %s of the token is no JSON object", what);
    }
    *object_out = object;
    return 0;
}

/* A member that must be a string when it is there. */
static bool member(const json_t *object, const char *name, struct str *value_out)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_string(value))
        *value_out = str_make(json_string_value(value), json_string_length(value));
    return !value || json_is_string(value);
}

static int read_header(struct jwt *jwt, struct err *err)
{
    struct str alg = STR_NIL, cty = STR_NIL;
    if (!member(jwt->header, "alg", &alg) || !member(jwt->header, "kid", &jwt->kid) ||
        !member(jwt->header, "typ", &jwt->typ) || !member(jwt->header, "cty", &cty))
        return err_set(err, ERR_SYNTAX, "a member of the token's header is no string");
    if (jwt->kid.n > JWK_KID_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the token's key has a name of more than %d bytes", JWK_KID_BYTES_MAX);
    /* RFC 7515, 4.1.11: what must be understood, and is not, makes it invalid. Nothing is understood here. */
    if (json_object_get(jwt->header, "crit"))
        return err_set(err, ERR_SYNTAX, "the token has extensions (crit) that are not known here");
    if (!str_is_nil(cty))
        return err_set(err, ERR_SYNTAX, "the token holds something else than claims");
    const struct algorithm *known = algorithm_find(alg);
    if (!known)
        return err_set(err, ERR_CANNOT, "the token's algorithm is none that is taken here");
    jwt->algorithm = known->bit;
    return 0;
}

int jwt_parse(struct str token, struct jwt *jwt_out, struct err *err)
{
    struct str part[3];
    if (token.n > TOKEN_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a token of more than %d bytes", TOKEN_BYTES_MAX);
    if (!cut(token, part))
        return err_set(err, ERR_SYNTAX, "the token has not three parts");
    if (part[0].n > JWT_HEADER_BYTES_MAX || part[2].n > JWT_SIGNATURE_BYTES_MAX / 3 * 4 + 4)
        return err_set(err, ERR_LIMIT, "the token's header or signature is too long");
    struct jwt jwt = { .signed_part = str_make(token.p, part[0].n + 1 + part[1].n) };
    int r = parse_object(part[0], "header", &jwt.header, err);
    if (r == 0)
        r = read_header(&jwt, err);
    if (r == 0)
        r = parse_object(part[1], "body", &jwt.claims, err);
    if (r == 0 && !base64url_decode(part[2], &jwt.signature))
        r = err_set(err, ERR_SYNTAX, "the signature of the token is no base64url");
    if (r < 0)
        jwt_deinit(&jwt);
    else
        *jwt_out = jwt;
    return r;
}

void jwt_deinit(struct jwt *jwt)
{
    json_decref(jwt->header);
    json_decref(jwt->claims);
    buf_deinit(&jwt->signature);
    *jwt = (struct jwt){ 0 };
}

/* ---- the signature ---- */

/* R and S side by side (RFC 7518, 3.4), as OpenSSL wants them: DER. False: not of that length. */
static bool to_der(struct str signature, size_t half_bytes, unsigned char **der_out, size_t *n_out)
{
    if (signature.n != 2 * half_bytes)
        return false;
    const unsigned char *p = (const unsigned char *)signature.p;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(p, (int)half_bytes, NULL), *s = BN_bin2bn(p + half_bytes, (int)half_bytes, NULL);
    int n = -1;
    if (sig && r && s && ECDSA_SIG_set0(sig, r, s))
        n = i2d_ECDSA_SIG(sig, der_out);
    else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(sig);
    *n_out = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static bool is_signed_by(const struct jwt *jwt, const struct algorithm *algorithm, EVP_PKEY *key)
{
    struct str signature = buf_str(&jwt->signature);
    unsigned char *der = NULL;
    size_t der_bytes = 0;
    if (algorithm->half_bytes && !to_der(signature, algorithm->half_bytes, &der, &der_bytes))
        return false;
    const unsigned char *p = der ? der : (const unsigned char *)signature.p;
    size_t n = der ? der_bytes : signature.n;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx = NULL;
    bool ok = ctx && EVP_DigestVerifyInit_ex(ctx, &key_ctx, algorithm->digest, NULL, NULL, key, NULL) == 1;
    if (ok && algorithm->pss) /* RFC 7518, 3.5: the salt is as long as the digest, and MGF1 takes the same */
        ok = EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    ok = ok &&
         EVP_DigestVerify(ctx, p, n, (const unsigned char *)jwt->signed_part.p, jwt->signed_part.n) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    ERR_clear_error(); /* or TLS of this thread would take it for its own */
    return ok;
}

/* The row by which `key` may check this token; NULL: it may not. */
static const struct algorithm *fit(const struct jwt *jwt, const struct jwk *key)
{
    if (!str_is_nil(jwt->kid) && !str_is_nil(key->kid) && !str_eq(jwt->kid, key->kid))
        return NULL;
    for (size_t i = 0; i < ARRAY_COUNT(algorithms_known); i++) {
        const struct algorithm *a = &algorithms_known[i];
        if (a->bit == jwt->algorithm && a->kind == key->kind &&
            (str_is_nil(key->alg) || str_eq(key->alg, str_c(a->name))))
            return a;
    }
    return NULL;
}

int jwt_verify(const struct jwt *jwt, const struct jwk_set *set, uint32_t algorithms, struct err *err)
{
    if (!(jwt->algorithm & algorithms))
        return err_set(err, ERR_DENIED, "the token's algorithm is not among those of oauth.algorithms");
    size_t tried = 0;
    for (size_t i = 0; i < set->count && tried < JWT_KEYS_TRIED_MAX; i++) {
        const struct algorithm *algorithm = fit(jwt, &set->keys[i]);
        if (!algorithm)
            continue;
        tried++;
        if (is_signed_by(jwt, algorithm, set->keys[i].key))
            return 0;
    }
    return tried ? err_set(err, ERR_AUTH, "the token's signature is wrong")
                 : err_set(err, ERR_NOT_FOUND, "the issuer has no key that fits the token");
}
