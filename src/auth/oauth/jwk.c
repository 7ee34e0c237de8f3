#include "auth/oauth/jwk.h"

#include "auth/openssl.h"
#include "base/codec.h"

#include <jansson.h>
#include <stdlib.h>

enum { RSA_EXPONENT_BYTES_MAX = 4, KEY_MEMBER_BYTES_MAX = JWK_RSA_BITS_MAX / 8 + 1 };

static const struct curve {
    const char *crv, *group; /* RFC 7518, 6.2.1.1 and the name that OpenSSL gives it */
    size_t coordinate_bytes;
    enum jwk_kind kind;
} curves[] = {
    { "P-256", "prime256v1", 32, JWK_P256 },
    { "P-384", "secp384r1", 48, JWK_P384 },
    { "P-521", "secp521r1", 66, JWK_P521 },
};

/* ---- a key from its numbers ---- */

/* NULL where the library finds fault with them. */
static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

static bool is_sound(EVP_PKEY *key)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool sound = ctx && EVP_PKEY_public_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return sound;
}

static EVP_PKEY *rsa_key(struct str n, struct str e)
{
    if (e.n > RSA_EXPONENT_BYTES_MAX)
        return NULL;
    BIGNUM *modulus = BN_bin2bn((const unsigned char *)n.p, (int)n.n, NULL);
    BIGNUM *exponent = BN_bin2bn((const unsigned char *)e.p, (int)e.n, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (modulus && exponent && build && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent))
        key = key_from("RSA", build);
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

/* Coordinates have the length of their field, with leading zeros: RFC 7518, 6.2.1.2. */
static EVP_PKEY *ec_key(const struct curve *curve, struct str x, struct str y)
{
    if (x.n != curve->coordinate_bytes || y.n != curve->coordinate_bytes)
        return NULL;
    unsigned char point[1 + 2 * 66] = { POINT_CONVERSION_UNCOMPRESSED };
    memcpy(point + 1, x.p, x.n);
    memcpy(point + 1 + x.n, y.p, y.n);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY *key = NULL;
    if (build && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x.n + y.n))
        key = key_from("EC", build);
    OSSL_PARAM_BLD_free(build);
    return key;
}

/* ---- which keys are taken ---- */

static bool exponent_is_sound(EVP_PKEY *key)
{
    BIGNUM *e = NULL;
    bool sound = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
                 !BN_is_one(e) && BN_num_bytes(e) <= RSA_EXPONENT_BYTES_MAX;
    BN_free(e);
    return sound;
}

static bool kind_of(EVP_PKEY *key, enum jwk_kind *kind_out)
{
    char group[64];
    if (EVP_PKEY_is_a(key, "RSA")) {
        int bits = EVP_PKEY_get_bits(key);
        *kind_out = JWK_RSA;
        return bits >= JWK_RSA_BITS_MIN && bits <= JWK_RSA_BITS_MAX && exponent_is_sound(key);
    }
    if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448")) {
        *kind_out = EVP_PKEY_is_a(key, "ED448") ? JWK_ED448 : JWK_ED25519;
        return true;
    }
    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1)
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(curves); i++)
        if (strcmp(group, curves[i].group) == 0) {
            *kind_out = curves[i].kind;
            return is_sound(key);
        }
    return false;
}

/* Takes `key`, also NULL. One of no use here is no error. */
static int keep(struct jwk_set *set, struct str kid, struct str alg, EVP_PKEY *key, struct err *err)
{
    enum jwk_kind kind;
    int r = 0;
    if (key && kind_of(key, &kind)) {
        if (set->count == JWK_SET_KEYS_MAX) {
            r = err_set(err, ERR_LIMIT, "more than %d keys", JWK_SET_KEYS_MAX);
        } else {
            set->keys[set->count++] = (struct jwk){ arena_dup(&set->arena, kid), arena_dup(&set->arena, alg),
                                                    kind, key };
            key = NULL;
        }
    }
    EVP_PKEY_free(key);
    ERR_clear_error(); /* or TLS of this thread would take it for its own */
    return r;
}

/* ---- JSON ---- */

static struct str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? str_make(json_string_value(value), json_string_length(value)) : STR_NIL;
}

static bool bytes_of(const json_t *object, const char *name, struct buf *out)
{
    struct str text = text_of(object, name);
    return text.n > 0 && text.n <= KEY_MEMBER_BYTES_MAX / 3 * 4 + 4 && base64url_decode(text, out) &&
           out->n <= KEY_MEMBER_BYTES_MAX;
}

static EVP_PKEY *okp_key(const char *type, struct str x)
{
    return EVP_PKEY_new_raw_public_key_ex(NULL, type, NULL, (const unsigned char *)x.p, x.n);
}

/* NULL: of no use here. */
static EVP_PKEY *key_of(const json_t *object)
{
    struct buf a = BUF_INIT, b = BUF_INIT;
    EVP_PKEY *key = NULL;
    struct str kty = text_of(object, "kty"), crv = text_of(object, "crv");
    if (str_eq(kty, STR("RSA")) && bytes_of(object, "n", &a) && bytes_of(object, "e", &b))
        key = rsa_key(buf_str(&a), buf_str(&b));
    else if (str_eq(kty, STR("OKP")) && bytes_of(object, "x", &a) &&
             (str_eq(crv, STR("Ed25519")) || str_eq(crv, STR("Ed448"))))
        key = okp_key(crv.p, buf_str(&a));
    else if (str_eq(kty, STR("EC")) && bytes_of(object, "x", &a) && bytes_of(object, "y", &b))
        for (size_t i = 0; i < ARRAY_COUNT(curves); i++)
            if (str_eq(crv, str_c(curves[i].crv)))
                key = ec_key(&curves[i], buf_str(&a), buf_str(&b));
    buf_deinit(&a);
    buf_deinit(&b);
    return key;
}

/* RFC 7517, 4.2 and 4.3: "use" and "key_ops" say what a key is for; without them it is for all. */
static bool is_for_signatures(const json_t *object)
{
    struct str use = text_of(object, "use");
    if (use.n > 0 && !str_eq(use, STR("sig")))
        return false;
    const json_t *operations = json_object_get(object, "key_ops"), *operation;
    if (!operations)
        return true;
    size_t i;
    json_array_foreach(operations, i,
                       operation) if (json_is_string(operation) &&
                                      strcmp(json_string_value(operation), "verify") == 0) return true;
    return false;
}

static int parse_json(struct jwk_set *set, struct str text, struct err *err)
{
    json_error_t where;
    json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &where);
    const json_t *keys = json_object_get(root, "keys"), *object;
    int r = 0;
    size_t i;
    if (!root)
        r = err_set(err, ERR_SYNTAX, "a key set is JSON or PEM, and this is neither: line %d: %s", where.line,
                    where.text);
    else if (!json_is_array(keys))
        r = err_set(err, ERR_SYNTAX, "a key set has an array \"keys\""); /* RFC 7517, 5.1 */
    json_array_foreach(keys, i, object)
    {
        struct str kid = text_of(object, "kid");
        if (r == 0 && is_for_signatures(object) && kid.n <= JWK_KID_BYTES_MAX)
            r = keep(set, kid, text_of(object, "alg"), key_of(object), err);
    }
    json_decref(root);
    return r;
}

/* ---- PEM ---- */

static int keep_block(struct jwk_set *set, struct str name, const unsigned char *data, long n,
                      struct err *err)
{
    if (str_ends(name, STR("PRIVATE KEY")))
        return err_set(err, ERR_INVALID, "a private key does not belong here: public keys only");
    EVP_PKEY *key = NULL;
    if (str_eq(name, STR("PUBLIC KEY"))) {
        key = d2i_PUBKEY(NULL, &data, n);
    } else if (str_eq(name, STR("RSA PUBLIC KEY"))) {
        key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &data, n);
    } else if (str_eq(name, STR("CERTIFICATE"))) {
        X509 *certificate = d2i_X509(NULL, &data, n);
        key = certificate ? X509_get_pubkey(certificate) : NULL;
        X509_free(certificate);
    }
    return keep(set, STR_NIL, STR_NIL, key, err);
}

static int parse_pem(struct jwk_set *set, struct str text, struct err *err)
{
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
    int r = 0;
    char *name, *header;
    unsigned char *data;
    long n;
    while (r == 0 && bio && PEM_read_bio(bio, &name, &header, &data, &n) == 1) {
        r = keep_block(set, str_c(name), data, n, err);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)n);
    }
    BIO_free(bio);
    ERR_clear_error();
    if (r == 0 && set->count == 0)
        r = err_set(err, ERR_SYNTAX, "no public key in the PEM text that could check a token");
    return r;
}

/* ---- sets ---- */

int jwk_set_parse(struct str text, struct jwk_set **set_out, struct err *err)
{
    if (text.n > JWK_SET_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a key set of more than %d bytes", JWK_SET_BYTES_MAX);
    struct jwk_set *set = calloc(1, sizeof *set);
    if (!set)
        abort();
    ref_init(&set->ref);
    bool pem = str_find(text, STR("-----BEGIN ")) >= 0 && !str_starts(str_trim(text), STR("{"));
    int r = pem ? parse_pem(set, text, err) : parse_json(set, text, err);
    if (r < 0)
        jwk_set_unref(&set);
    else
        *set_out = set;
    return r;
}

struct jwk_set *jwk_set_ref(struct jwk_set *set)
{
    ref_get(&set->ref);
    return set;
}

void jwk_set_unref(struct jwk_set **set)
{
    struct jwk_set *s = *set;
    *set = NULL;
    if (!s || !ref_put(&s->ref))
        return;
    for (size_t i = 0; i < s->count; i++)
        EVP_PKEY_free(s->keys[i].key);
    arena_deinit(&s->arena);
    free(s);
}

bool jwk_set_has(const struct jwk_set *set, struct str kid)
{
    for (size_t i = 0; i < set->count && !str_is_nil(kid); i++)
        if (!str_is_nil(set->keys[i].kid) && str_eq(set->keys[i].kid, kid))
            return true;
    return false;
}
