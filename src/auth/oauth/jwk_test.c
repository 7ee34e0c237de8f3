#include "auth/oauth/jwk.h"
#include "auth/oauth/testing_token.h"
#include "base/testing.h"

static int parse(const char *text, struct jwk_set **set_out)
{
    struct err err;
    return jwk_set_parse(str_c(text), set_out, &err);
}

static void test_jwk_set_keeps_each_kind_that_checks_signatures(void **state)
{
    (void)state;
    static const struct {
        const char *algorithm;
        enum jwk_kind kind;
    } cases[] = { { "RS256", JWK_RSA },  { "ES256", JWK_P256 },    { "ES384", JWK_P384 },
                  { "ES512", JWK_P521 }, { "EdDSA", JWK_ED25519 }, { "Ed448", JWK_ED448 } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        for (int pem = 0; pem < 2; pem++) {
            struct signer signer;
            struct buf text = BUF_INIT;
            struct jwk_set *set;
            signer_init(&signer, cases[i].algorithm, "k1");
            if (pem)
                signer_add_pem(&signer, &text);
            else
                signer_add_set(&signer, 1, &text);
            assert_row(parse(buf_c(&text), &set) == 0 && set->count == 1, i, cases[i].algorithm);
            assert_row(set->keys[0].kind == cases[i].kind, i, cases[i].algorithm);
            assert_row(jwk_set_has(set, STR("k1")) == !pem, i, cases[i].algorithm);
            assert_false(jwk_set_has(set, STR("k2")));
            assert_false(jwk_set_has(set, STR_NIL));
            jwk_set_unref(&set);
            assert_null(set);
            buf_deinit(&text);
            signer_deinit(&signer);
        }
}

/* The public key of RFC 8037, A.2. */
#define ED "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""

static void test_jwk_set_leaves_out_what_it_cannot_use(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        size_t count;
    } cases[] = {
        { "", 0 },
        { "{" ED "}", 1 },
        { "{" ED ",\"use\":\"sig\"}", 1 },
        { "{" ED ",\"use\":\"enc\"}", 0 },
        { "{" ED ",\"key_ops\":[\"verify\"]}", 1 },
        { "{" ED ",\"key_ops\":[\"sign\"]}", 0 },
        { "{" ED ",\"key_ops\":7}", 0 },
        { "{" ED "},{" ED ",\"kid\":\"b\"}", 2 },
        { "7,null,\"x\",[],{" ED "}", 1 },
        { "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75\"}", 0 },
        { "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", 0 },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR\"}", 0 },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qY\"}", 0 },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":7}", 0 },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}", 0 },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
          "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
          1 },
        /* not on the curve; a coordinate too short; another curve than the coordinates are of; one that is not taken */
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
          "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5aw\"}",
          0 },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
          "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
          0 },
        { "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
          "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
          0 },
        { "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":"
          "\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
          0 },
        { "{\"kty\":\"RSA\",\"n\":\"AQ\",\"e\":\"AQAB\"}", 0 },
        { "{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"\"}", 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf text = BUF_INIT;
        struct jwk_set *set;
        buf_printf(&text, "{\"keys\":[%s]}", cases[i].keys);
        assert_row(parse(buf_c(&text), &set) == 0 && set->count == cases[i].count, i, cases[i].keys);
        jwk_set_unref(&set);
        buf_deinit(&text);
    }
}

static void test_jwk_set_leaves_out_rsa_keys_that_are_too_weak_or_too_slow(void **state)
{
    (void)state;
    static const struct {
        unsigned bits;
        size_t count;
    } cases[] = { { 1024, 0 }, { 2047, 0 }, { 2048, 1 }, { 3072, 1 } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct signer signer;
        struct buf text = BUF_INIT;
        struct jwk_set *set;
        signer_init_rsa(&signer, cases[i].bits, "k");
        signer_add_set(&signer, 1, &text);
        assert_row(parse(buf_c(&text), &set) == 0 && set->count == cases[i].count, i, "RSA");
        jwk_set_unref(&set);
        buf_deinit(&text);
        signer_deinit(&signer);
    }
    /* Whatever n is: an exponent of 1 makes any text its own signature; one that is huge makes checking dear. */
    static const char *const exponents[] = { "AQ", "Ag", "AQAAAAE" };
    for (size_t i = 0; i < ARRAY_COUNT(exponents); i++) {
        struct buf text = BUF_INIT;
        struct jwk_set *set;
        buf_add_lit(&text, "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"");
        for (size_t k = 0; k < 342; k++)
            buf_add_char(&text, '_');
        text.p[text.n - 1] = 'w';
        buf_printf(&text, "\",\"e\":\"%s\"}]}", exponents[i]);
        assert_row(parse(buf_c(&text), &set) == 0 && set->count == 0, i, exponents[i]);
        jwk_set_unref(&set);
        buf_deinit(&text);
    }
}

static void test_jwk_set_refuses_what_is_no_set(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int r;
    } cases[] = {
        { "", -ERR_SYNTAX },
        { "[]", -ERR_SYNTAX },
        { "{}", -ERR_SYNTAX },
        { "{\"keys\":{}}", -ERR_SYNTAX },
        { "{\"keys\":[]", -ERR_SYNTAX },
        { "{\"keys\":[],\"keys\":[]}", -ERR_SYNTAX },
        { "{\"keys\":[{" ED ",\"kid\":\"a\\u0000b\"}]}", -ERR_SYNTAX },
        { "<html>", -ERR_SYNTAX },
        { "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", -ERR_SYNTAX },
        { "-----BEGIN NOTHING-----\nAAAA\n-----END NOTHING-----\n", -ERR_SYNTAX },
        { "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", -ERR_INVALID },
        { "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", -ERR_INVALID },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct jwk_set *set = NULL;
        assert_row(parse(cases[i].text, &set) == cases[i].r && !set, i, cases[i].text);
    }
}

static void test_jwk_set_has_limits(void **state)
{
    (void)state;
    for (size_t count = JWK_SET_KEYS_MAX - 1; count <= JWK_SET_KEYS_MAX + 1; count++) {
        struct buf text = BUF_INIT;
        struct jwk_set *set;
        buf_add_lit(&text, "{\"keys\":[{" ED "}");
        for (size_t i = 1; i < count; i++)
            buf_add_lit(&text, ",{" ED "}");
        buf_add_lit(&text, "]}");
        int r = parse(buf_c(&text), &set);
        assert_row(count <= JWK_SET_KEYS_MAX ? r == 0 && set->count == count : r == -ERR_LIMIT, count,
                   "keys");
        if (r == 0)
            jwk_set_unref(&set);
        buf_deinit(&text);
    }
    struct buf text = BUF_INIT;
    struct jwk_set *set;
    struct err err;
    buf_add_lit(&text, "{\"keys\":[]}");
    while (text.n < JWK_SET_BYTES_MAX)
        buf_add_char(&text, ' ');
    assert_int_equal(jwk_set_parse(buf_str(&text), &set, &err), 0);
    jwk_set_unref(&set);
    buf_add_char(&text, ' ');
    assert_int_equal(jwk_set_parse(buf_str(&text), &set, &err), -ERR_LIMIT);
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jwk_set_keeps_each_kind_that_checks_signatures),
        cmocka_unit_test(test_jwk_set_leaves_out_what_it_cannot_use),
        cmocka_unit_test(test_jwk_set_leaves_out_rsa_keys_that_are_too_weak_or_too_slow),
        cmocka_unit_test(test_jwk_set_refuses_what_is_no_set),
        cmocka_unit_test(test_jwk_set_has_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
