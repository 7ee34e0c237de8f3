#include "auth/password.h"
#include "auth/sasl/sasl.h"
#include "auth/testing_memory.h"

#include <sodium.h>

static void test_password_has_one_spelling(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        int r;
        const char *out;
    } cases[] = {
        { STR_INIT("correct horse"), 0, "correct horse" },
        { STR_INIT(" "), 0, " " },
        { STR_INIT("A"), 0, "A" },                           /* case counts */
        { STR_INIT("e\314\201"), 0, "\303\251" },            /* NFC */
        { STR_INIT("\357\274\241"), 0, "\357\274\241" },     /* full width stays: RFC 8265, 4.2.2 */
        { STR_INIT("a\302\240b\343\200\200c"), 0, "a b c" }, /* other spaces */
        { STR_INIT("\344"), 0, "\344" },                     /* Latin-1, as it came */
        { STR_INIT("\001\177"), 0, "\001\177" },
        { STR_INIT(""), -ERR_INVALID, NULL },
        { STR_INIT("a\0b"), -ERR_INVALID, NULL },
    };
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err = { 0 };
        assert_row(password_prepare(cases[i].in, &out, &err) == cases[i].r, i, err.text);
        if (cases[i].r == 0)
            assert_str(buf_str(&out), cases[i].out);
    }
    sasl_wipe(&out);
}

static void test_password_has_a_limit(void **state)
{
    (void)state;
    char long_one[USER_PASSWORD_BYTES_MAX + 1];
    struct buf out = BUF_INIT;
    memset(long_one, 'x', sizeof long_one);
    for (size_t n = USER_PASSWORD_BYTES_MAX - 1; n <= USER_PASSWORD_BYTES_MAX + 1; n++)
        assert_row(password_prepare(str_make(long_one, n), &out, NULL) ==
                       (n <= USER_PASSWORD_BYTES_MAX ? 0 : -ERR_LIMIT),
                   n, "length");
    sasl_wipe(&out);
}

static void test_hash_is_salted_argon2id_and_matches_its_password_only(void **state)
{
    (void)state;
    char one[USER_HASH_BYTES_MAX], two[USER_HASH_BYTES_MAX];
    struct err err;
    assert_int_equal(password_hash(STR("secret"), 1, 8192, one, &err), 0);
    assert_int_equal(password_hash(STR("secret"), 1, 8192, two, &err), 0);
    assert_true(str_starts(str_c(one), STR("$argon2id$v=19$m=8,t=1,p=1$")));
    assert_string_not_equal(one, two);
    assert_int_equal(password_verify(STR("secret"), one, &err), 0);
    assert_int_equal(password_verify(STR("secret"), two, &err), 0);
    assert_int_equal(password_verify(STR("Secret"), one, &err), -ERR_AUTH);
    assert_int_equal(password_verify(STR(""), one, &err), -ERR_AUTH);
    assert_int_equal(password_verify(STR("secret"), "not a hash", &err), -ERR_AUTH);
    /* Below argon2's least. */
    assert_int_equal(password_hash(STR("secret"), 1, 4096, one, &err), -ERR_UNAVAILABLE);
}

static void test_password_is_not_wrong_for_want_of_memory(void **state)
{
    (void)state;
    static const char *const hashes[] = {
        "$argon2id$v=19$m=65536,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$0000000000000000000000000000000000000000000",
        "$argon2i$v=19$m=65536,t=3,p=1$c2FsdHNhbHRzYWx0c2FsdA$0000000000000000000000000000000000000000000",
    };
    for (size_t i = 0; i < ARRAY_COUNT(hashes); i++) {
        struct err err;
        assert_row(password_verify(STR("secret"), hashes[i], &err) == -ERR_AUTH, i, hashes[i]);
        struct rlimit before = testing_memory_low();
        int r = password_verify(STR("secret"), hashes[i], &err);
        testing_memory_back(before);
        assert_row(r == -ERR_UNAVAILABLE, i, hashes[i]);
        assert_row(password_verify(STR("secret"), hashes[i], &err) == -ERR_AUTH, i, hashes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_password_has_one_spelling),
        cmocka_unit_test(test_password_has_a_limit),
        cmocka_unit_test(test_hash_is_salted_argon2id_and_matches_its_password_only),
        cmocka_unit_test(test_password_is_not_wrong_for_want_of_memory),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
