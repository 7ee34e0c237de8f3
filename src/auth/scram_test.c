#include "auth/openssl.h"
#include "auth/scram.h"
#include "base/codec.h"
#include "base/testing.h"

#include <sodium.h>

/* Salts and keys of the examples in RFC 5802, 5 and RFC 7677, 3 (user "user", password "pencil"). The keys are checked
 * through what the RFCs show: ServerSignature = HMAC(ServerKey, AuthMessage). */
static const struct {
    enum scram_hash hash;
    struct str salt, auth_message, signature;
} examples[] = {
    { SCRAM_SHA_1, STR_INIT("QSXCR+Q6sek8bf92"),
      STR_INIT("n=user,r=fyko+d2lbbFgONRv9qkxdawL,"
               "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
               "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j"),
      STR_INIT("rmF9pqV8S7suAoZWja4dJRkFsKQ=") },
    { SCRAM_SHA_256, STR_INIT("W22ZaJ0SNY7soEsUEjb6gQ=="),
      STR_INIT("n=user,r=rOprNGfwEbeRWgbNEkqO,"
               "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
               "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"),
      STR_INIT("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=") },
};

static void test_scram_keys_are_those_of_the_rfcs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(examples); i++) {
        struct buf salt = BUF_INIT, shown = BUF_INIT;
        struct scram_verifier v;
        unsigned char signature[SCRAM_KEY_BYTES_MAX];
        size_t n = scram_key_bytes(examples[i].hash);
        assert_true(base64_decode(examples[i].salt, &salt));
        assert_row(scram_derive(examples[i].hash, STR("pencil"), buf_str(&salt), 4096, &v, NULL) == 0, i, "");
        assert_non_null(HMAC(examples[i].hash == SCRAM_SHA_1 ? EVP_sha1() : EVP_sha256(), v.server_key,
                             (int)n, (const unsigned char *)examples[i].auth_message.p,
                             examples[i].auth_message.n, signature, NULL));
        base64_encode(str_make(signature, n), &shown);
        assert_str(buf_str(&shown), examples[i].signature.p);
        assert_row(scram_matches(&v, STR("pencil")), i, "right");
        assert_row(!scram_matches(&v, STR("pencil2")), i, "wrong");
        assert_row(!scram_matches(&v, STR("")), i, "empty");
        buf_deinit(&salt);
        buf_deinit(&shown);
    }
}

static void test_scram_has_limits(void **state)
{
    (void)state;
    char salt[SCRAM_SALT_BYTES_MAX + 1] = { 0 };
    struct scram_verifier v;
    static const struct {
        size_t salt_bytes;
        uint32_t iterations;
        int r;
    } cases[] = {
        { 0, 1, -ERR_LIMIT },
        { 1, 1, 0 },
        { SCRAM_SALT_BYTES_MAX - 1, 1, 0 },
        { SCRAM_SALT_BYTES_MAX, 1, 0 },
        { SCRAM_SALT_BYTES_MAX + 1, 1, -ERR_LIMIT },
        { 8, 0, -ERR_LIMIT },
        { 8, SCRAM_ITERATIONS_MAX + 1u, -ERR_LIMIT },
        { 8, UINT32_MAX, -ERR_LIMIT },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(scram_derive(SCRAM_SHA_256, STR("x"), str_make(salt, cases[i].salt_bytes),
                                cases[i].iterations, &v, NULL) == cases[i].r,
                   i, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scram_keys_are_those_of_the_rfcs),
        cmocka_unit_test(test_scram_has_limits),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
