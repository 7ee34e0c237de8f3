#include "net/tls_policy.h"

#include "base/testing.h"
#include "net/openssl.h"

static void test_tls_policy_knows_every_word_or_names_it(void **state)
{
    (void)state;
    static const struct {
        struct tls_policy policy;
        const char *problem; /* NULL: none */
    } cases[] = {
        { { .ciphers = NULL }, NULL },
        { { .ciphers = TLS_CIPHERS_DEFAULT,
            .ciphersuites = TLS_CIPHERSUITES_DEFAULT,
            .groups = TLS_GROUPS_DEFAULT },
          NULL },
        { { .min_version = TLS_1_3, .client_chooses = true }, NULL },
        { { .ciphers = "HIGH:!aNULL:!kRSA:@STRENGTH" }, NULL },
        { { .ciphers = "ECDHE-RSA-AES128-GCM-SHA256" }, NULL },
        { { .ciphers = "ECDHE+AESGCM:ECDHE-RSA-AES128-GCM-SHA257" },
          "ciphers: \"ECDHE-RSA-AES128-GCM-SHA257\" is not known" },
        { { .ciphers = "!ALL" }, "ciphers: nothing is left" },
        { { .ciphers = "AESGCM:!AESGCM" }, "ciphers: nothing is left" },
        { { .ciphers = " : " }, "ciphers: nothing is left" },
        { { .ciphers = "eNULL:@SECLEVEL=0" }, "protects nothing" },
        { { .ciphers = "aNULL:@SECLEVEL=0" }, "protects nothing" },
        { { .ciphersuites = "TLS_AES_128_GCM_SHA256:TLS_AES_127_GCM_SHA256" },
          "ciphersuites: \"TLS_AES_127_GCM_SHA256\"" },
        { { .ciphersuites = "" }, "ciphersuites: nothing is left" },
        { { .groups = "P-521" }, NULL },
        { { .groups = "X25519:P-255" }, "groups: \"P-255\" is not known" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
        struct err err = { .text = "" };
        int r = tls_policy_apply(&cases[i].policy, ctx, &err);
        assert_row(r == (cases[i].problem ? -ERR_INVALID : 0), i, err.text);
        assert_row(!cases[i].problem || strstr(err.text, cases[i].problem), i, err.text);
        assert_row(ERR_peek_error() == 0, i, "left behind in OpenSSL's queue");
        SSL_CTX_free(ctx);
    }
}

static void test_tls_policy_sets_what_it_says(void **state)
{
    (void)state;
    static const struct tls_policy policy = { .min_version = TLS_1_3,
                                              .ciphersuites = "TLS_AES_256_GCM_SHA384" };
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(tls_policy_apply(&policy, ctx, NULL), 0);
    assert_int_equal(SSL_CTX_get_min_proto_version(ctx), TLS1_3_VERSION);
    assert_string_equal(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(SSL_CTX_get_ciphers(ctx), 0)),
                        "TLS_AES_256_GCM_SHA384");
    assert_true(SSL_CTX_get_options(ctx) & SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_free(ctx);
    ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(tls_policy_apply(&(struct tls_policy){ .client_chooses = true }, ctx, NULL), 0);
    assert_int_equal(SSL_CTX_get_min_proto_version(ctx), TLS1_2_VERSION);
    assert_false(SSL_CTX_get_options(ctx) & SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_policy_knows_every_word_or_names_it),
        cmocka_unit_test(test_tls_policy_sets_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
