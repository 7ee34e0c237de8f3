#include "auth/bearer.h"
#include "auth/oauth/jwt.h"
#include "auth/oauth/testing_jose.h"
#include "auth/oauth/testing_token.h"
#include "auth/openssl.h"
#include "base/codec.h"
#include "base/testing.h"

static const uint32_t every_algorithm = (1u << 12) - 1;

static struct jwk_set *set_of(const char *text)
{
    struct jwk_set *set;
    struct err err;
    assert_int_equal(jwk_set_parse(str_c(text), &set, &err), 0);
    return set;
}

/* The examples sign texts of all kinds, not only claims: so they are taken apart here. */
static void split(const struct jose_example *e, struct jwt *jwt_out)
{
    struct str token = str_c(e->token);
    size_t dot = (size_t)str_rfind_char(token, '.');
    *jwt_out = (struct jwt){ .algorithm = e->algorithm, .signed_part = str_sub(token, 0, dot) };
    assert_true(base64url_decode(str_skip(token, dot + 1), &jwt_out->signature));
}

static void test_jwt_agrees_with_the_examples_of_the_rfcs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(jose_examples); i++) {
        const struct jose_example *e = &jose_examples[i];
        struct jwk_set *set = set_of(e->set);
        struct jwt jwt;
        struct err err;
        split(e, &jwt);
        assert_row(jwt_verify(&jwt, set, e->algorithm, &err) == 0, i, e->where);
        assert_row(jwt_verify(&jwt, set, every_algorithm & ~e->algorithm, &err) == -ERR_DENIED, i, e->where);
        for (size_t at = 0; at < jwt.signature.n; at += 9) {
            jwt.signature.p[at] ^= 1;
            assert_row(jwt_verify(&jwt, set, e->algorithm, &err) == -ERR_AUTH, i, e->where);
            jwt.signature.p[at] ^= 1;
        }
        buf_add_char(&jwt.signature, 0);
        assert_row(jwt_verify(&jwt, set, e->algorithm, &err) == -ERR_AUTH, i, e->where);
        jwt_deinit(&jwt);
        jwk_set_unref(&set);
    }
}

static void test_jwt_reads_the_claims_of_rfc_7515(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) { /* A.2 and A.3 */
        struct jwk_set *set = set_of(jose_examples[i].set);
        struct jwt jwt;
        struct err err;
        assert_int_equal(jwt_parse(str_c(jose_examples[i].token), &jwt, &err), 0);
        assert_int_equal(jwt.algorithm, jose_examples[i].algorithm);
        assert_true(str_is_nil(jwt.kid) && str_is_nil(jwt.typ));
        assert_int_equal(jwt_verify(&jwt, set, every_algorithm, &err), 0);
        assert_int_equal(json_integer_value(json_object_get(jwt.claims, "exp")), 1300819380);
        assert_string_equal(json_string_value(json_object_get(jwt.claims, "iss")), "joe");
        jwt_deinit(&jwt);
        jwk_set_unref(&set);
    }
}

static void test_jwt_of_each_algorithm_is_checked_with_its_kind_of_key_only(void **state)
{
    (void)state;
    static const char *const names[] = { "RS256", "RS384", "RS512", "PS256", "PS384",   "PS512",
                                         "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448" };
    struct signer signers[ARRAY_COUNT(names)];
    struct jwk_set *sets[ARRAY_COUNT(names)];
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct buf text = BUF_INIT;
        signer_init(&signers[i], names[i], NULL);
        signer_add_set(&signers[i], 1, &text);
        sets[i] = set_of(buf_c(&text));
        buf_deinit(&text);
    }
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct buf token = BUF_INIT;
        struct jwt jwt;
        struct err err;
        uint32_t algorithm;
        signer_token(&signers[i], "{}", &token);
        assert_int_equal(jwt_algorithms_parse(str_c(names[i]), &algorithm, &err), 0);
        assert_row(jwt_parse(buf_str(&token), &jwt, &err) == 0 && jwt.algorithm == algorithm, i, names[i]);
        for (size_t k = 0; k < ARRAY_COUNT(names); k++) {
            int r = jwt_verify(&jwt, sets[k], algorithm, &err);
            assert_row(i == k ? r == 0 : r == -ERR_AUTH || r == -ERR_NOT_FOUND, i, names[k]);
        }
        jwt_deinit(&jwt);
        buf_deinit(&token);
    }
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        signer_deinit(&signers[i]);
        jwk_set_unref(&sets[i]);
    }
}

static void test_jwt_of_the_wrong_form_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *claims;
        int r;
    } cases[] = {
        { "{\"alg\":\"EdDSA\"}", "{}", 0 },
        { "{\"alg\":\"EdDSA\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"},\"jku\":\"https://evil.example/"
          "\",\"x5u\":"
          "\"https://evil.example/\",\"x5c\":[\"AA\"]}",
          "{}", 0 }, /* not looked at */
        { "{}", "{}", -ERR_CANNOT },
        { "{\"alg\":\"none\"}", "{}", -ERR_CANNOT },
        { "{\"alg\":\"None\"}", "{}", -ERR_CANNOT },
        { "{\"alg\":\"HS256\"}", "{}", -ERR_CANNOT },
        { "{\"alg\":\"eddsa\"}", "{}", -ERR_CANNOT },
        { "{\"alg\":\"\"}", "{}", -ERR_CANNOT },
        { "{\"alg\":\"ES256K\"}", "{}", -ERR_CANNOT },
        { "{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\"}", "{}", -ERR_CANNOT },
        { "{\"alg\":7}", "{}", -ERR_SYNTAX },
        { "{\"alg\":[\"EdDSA\"]}", "{}", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\",\"alg\":\"none\"}", "{}", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\",\"kid\":7}", "{}", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\",\"kid\":\"a\\u0000b\"}", "{}", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\",\"crit\":[]}", "{}", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\",\"b64\":false,\"crit\":[\"b64\"]}", "{}", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\",\"cty\":\"JWT\"}", "{}", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\"}", "[]", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\"}", "7", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\"}", "", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\"}", "{\"a\":1,\"a\":1}", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\"}", "{\"a\":{\"b\":1,\"b\":2}}", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\"}", "{\"exp\":99999999999999999999}", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\"}", "{} ", 0 },
        { "{\"alg\":\"EdDSA\"}", "{}x", -ERR_SYNTAX },
        { "{\"alg\":\"EdDSA\"}", "{\"a\":\"\xff\"}", -ERR_SYNTAX },
    };
    struct signer signer;
    signer_init(&signer, "EdDSA", NULL);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf token = BUF_INIT;
        struct jwt jwt = { 0 };
        struct err err;
        signer_sign(&signer, cases[i].header, cases[i].claims, &token);
        assert_row(jwt_parse(buf_str(&token), &jwt, &err) == cases[i].r, i, cases[i].header);
        assert_row((jwt.claims != NULL) == (cases[i].r == 0), i, cases[i].header);
        jwt_deinit(&jwt);
        buf_deinit(&token);
    }
    signer_deinit(&signer);
    static const struct {
        const char *token;
        bool looks_like_one;
    } others[] = { { "", false },        { ".", false },
                   { "..", false },      { "a.b", false },
                   { "a.b.c", true },    { "a.b.c.d", false },
                   { "e30.e30.", true }, { "e30.e30.e30.e30.e30", false },
                   { "opaque", false },  { ".e30.e30", false } };
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        struct jwt jwt;
        struct err err;
        int r = jwt_parse(str_c(others[i].token), &jwt, &err);
        assert_row(r == -ERR_SYNTAX || r == -ERR_CANNOT, i, others[i].token);
        assert_row(jwt_looks_like_one(str_c(others[i].token)) == others[i].looks_like_one, i,
                   others[i].token);
    }
}

static void test_jwt_has_limits(void **state)
{
    (void)state;
    static const struct {
        size_t pad;
        int r;
    } kids[] = { { JWK_KID_BYTES_MAX - 1, 0 },
                 { JWK_KID_BYTES_MAX, 0 },
                 { JWK_KID_BYTES_MAX + 1, -ERR_LIMIT } };
    for (size_t i = 0; i < ARRAY_COUNT(kids); i++) {
        struct buf header = BUF_INIT, token = BUF_INIT;
        struct jwt jwt = { 0 };
        struct err err;
        buf_printf(&header, "{\"alg\":\"RS256\",\"kid\":\"%0*d\"}", (int)kids[i].pad, 0);
        base64url_encode(buf_str(&header), &token);
        buf_add_lit(&token, ".e30.AAAA");
        assert_row(jwt_parse(buf_str(&token), &jwt, &err) == kids[i].r, i, "kid");
        jwt_deinit(&jwt);
        buf_deinit(&header);
        buf_deinit(&token);
    }
    struct buf token = BUF_INIT;
    struct jwt jwt = { 0 };
    struct err err;
    buf_add_lit(&token, "e30.");
    while (token.n < TOKEN_BYTES_MAX + 1)
        buf_add_char(&token, 'A');
    assert_int_equal(jwt_parse(buf_str(&token), &jwt, &err), -ERR_LIMIT);
    buf_deinit(&token);
}

/* RFC 8725, 2.1: the oldest trick. The public key, which all know, as the secret of an HMAC. */
static void test_jwt_with_a_public_key_as_secret_is_refused(void **state)
{
    (void)state;
    struct signer signer;
    struct buf pem = BUF_INIT, token = BUF_INIT;
    unsigned char mac[32];
    unsigned n = sizeof mac;
    signer_init(&signer, "RS256", NULL);
    signer_add_pem(&signer, &pem);
    static const char *const headers[] = { "{\"alg\":\"HS256\"}", "{\"alg\":\"RS256\"}" };
    for (size_t i = 0; i < ARRAY_COUNT(headers); i++) {
        struct jwk_set *set = set_of(buf_c(&pem));
        struct jwt jwt = { 0 };
        struct err err;
        buf_clear(&token);
        base64url_encode(str_c(headers[i]), &token);
        buf_add_lit(&token, ".e30");
        assert_non_null(HMAC(EVP_sha256(), pem.p, (int)pem.n, (unsigned char *)token.p, token.n, mac, &n));
        buf_add_char(&token, '.');
        base64url_encode(str_make(mac, n), &token);
        int r = jwt_parse(buf_str(&token), &jwt, &err);
        if (r == 0)
            r = jwt_verify(&jwt, set, every_algorithm, &err);
        assert_row(r == (i == 0 ? -ERR_CANNOT : -ERR_AUTH), i, headers[i]);
        jwt_deinit(&jwt);
        jwk_set_unref(&set);
    }
    buf_deinit(&pem);
    buf_deinit(&token);
    signer_deinit(&signer);
}

static void test_jwt_chooses_its_key_by_name(void **state)
{
    (void)state;
    struct signer signers[3];
    struct buf text = BUF_INIT;
    signer_init(&signers[0], "ES256", "a");
    signer_init(&signers[1], "ES256", "b");
    signer_init(&signers[2], "ES256", NULL);
    signer_add_set(signers, 3, &text);
    struct jwk_set *set = set_of(buf_c(&text));
    static const struct {
        size_t signer;
        const char *kid; /* that the token names */
        int r;
    } cases[] = {
        { 0, "a", 0 },         { 1, "b", 0 },
        { 0, "b", -ERR_AUTH }, { 0, NULL, 0 },
        { 1, NULL, 0 },        { 2, NULL, 0 },
        { 2, "c", 0 }, /* the key has no name: it is tried */
        { 0, "c", -ERR_AUTH }, { 0, "../../a", -ERR_AUTH },
        { 0, "", -ERR_AUTH },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf token = BUF_INIT;
        struct signer as = signers[cases[i].signer];
        struct jwt jwt = { 0 };
        struct err err;
        as.kid = cases[i].kid;
        signer_token(&as, "{}", &token);
        assert_int_equal(jwt_parse(buf_str(&token), &jwt, &err), 0);
        assert_row(jwt_verify(&jwt, set, JWT_ES256, &err) == cases[i].r, i,
                   cases[i].kid ? cases[i].kid : "NIL");
        jwt_deinit(&jwt);
        buf_deinit(&token);
    }
    jwk_set_unref(&set);
    buf_clear(&text);
    signer_add_set(signers, 1, &text);
    set = set_of(buf_c(&text));
    struct jwt jwt = { .algorithm = JWT_ES256, .kid = STR("b"), .signed_part = STR("a.b") };
    assert_int_equal(jwt_verify(&jwt, set, JWT_ES256, NULL), -ERR_NOT_FOUND);
    jwk_set_unref(&set);
    buf_deinit(&text);
    for (size_t i = 0; i < 3; i++)
        signer_deinit(&signers[i]);
}

static void test_jwt_with_an_algorithm_of_another_kind_of_key_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key, *header;
    } cases[] = {
        { "Ed448", "{\"alg\":\"Ed25519\"}" }, { "EdDSA", "{\"alg\":\"Ed448\"}" },
        { "ES384", "{\"alg\":\"ES256\"}" },   { "ES256", "{\"alg\":\"RS256\"}" },
        { "RS256", "{\"alg\":\"ES256\"}" },   { "RS256", "{\"alg\":\"EdDSA\"}" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct signer signer;
        struct buf text = BUF_INIT, token = BUF_INIT;
        struct jwt jwt;
        signer_init(&signer, cases[i].key, NULL);
        signer_add_set(&signer, 1, &text);
        struct jwk_set *set = set_of(buf_c(&text));
        signer_sign(&signer, cases[i].header, "{}", &token);
        assert_int_equal(jwt_parse(buf_str(&token), &jwt, NULL), 0);
        assert_row(jwt_verify(&jwt, set, every_algorithm, NULL) == -ERR_NOT_FOUND, i, cases[i].header);
        jwt_deinit(&jwt);
        jwk_set_unref(&set);
        buf_deinit(&text);
        buf_deinit(&token);
        signer_deinit(&signer);
    }
}

static void test_jwt_is_held_to_the_algorithm_of_its_key(void **state)
{
    (void)state;
    struct signer signer;
    struct buf text = BUF_INIT, token = BUF_INIT;
    struct jwt jwt;
    struct err err;
    signer_init(&signer, "RS256", NULL);
    signer_add_set(&signer, 1, &text);
    text.n -= 3; /* ]}} */
    buf_add_lit(&text, ",\"alg\":\"PS256\"}]}");
    struct jwk_set *set = set_of(buf_c(&text));
    signer_token(&signer, "{}", &token);
    assert_int_equal(jwt_parse(buf_str(&token), &jwt, &err), 0);
    assert_int_equal(jwt_verify(&jwt, set, every_algorithm, &err), -ERR_NOT_FOUND);
    jwt_deinit(&jwt);
    jwk_set_unref(&set);
    buf_deinit(&text);
    buf_deinit(&token);
    signer_deinit(&signer);
}

static void test_jwt_algorithms_are_known_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        int r;
        uint32_t set;
    } cases[] = {
        { "RS256", 0, JWT_RS256 },
        { "RS256, ES256 EdDSA", 0, JWT_RS256 | JWT_ES256 | JWT_EDDSA },
        { "", -ERR_INVALID, 0 },
        { "none", -ERR_INVALID, 0 },
        { "RS256 HS256", -ERR_INVALID, 0 },
        { "rs256", -ERR_INVALID, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint32_t set = 0;
        struct err err;
        assert_row(jwt_algorithms_parse(str_c(cases[i].list), &set, &err) == cases[i].r, i, cases[i].list);
        assert_row(set == cases[i].set, i, cases[i].list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jwt_agrees_with_the_examples_of_the_rfcs),
        cmocka_unit_test(test_jwt_reads_the_claims_of_rfc_7515),
        cmocka_unit_test(test_jwt_of_each_algorithm_is_checked_with_its_kind_of_key_only),
        cmocka_unit_test(test_jwt_of_the_wrong_form_is_refused),
        cmocka_unit_test(test_jwt_has_limits),
        cmocka_unit_test(test_jwt_with_a_public_key_as_secret_is_refused),
        cmocka_unit_test(test_jwt_chooses_its_key_by_name),
        cmocka_unit_test(test_jwt_with_an_algorithm_of_another_kind_of_key_is_refused),
        cmocka_unit_test(test_jwt_is_held_to_the_algorithm_of_its_key),
        cmocka_unit_test(test_jwt_algorithms_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
