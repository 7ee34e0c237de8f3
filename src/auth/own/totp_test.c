#include "auth/own/totp.h"
#include "base/testing.h"

/* RFC 6238, appendix B, the rows of SHA-1. */
static void test_totp_follows_the_vectors(void **state)
{
    (void)state;
    static const struct {
        int64_t at_s;
        const char *code;
    } cases[] = {
        { 59, "94287082" },         { 1111111109, "07081804" }, { 1111111111, "14050471" },
        { 1234567890, "89005924" }, { 2000000000, "69279037" }, { 20000000000, "65353130" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char code[TOTP_DIGITS_MAX + 1];
        totp_code(STR("12345678901234567890"), totp_step(cases[i].at_s * 1000), 8, code);
        assert_row(strcmp(code, cases[i].code) == 0, i, cases[i].code);
    }
}

/* RFC 4226, appendix D */
static void test_totp_is_hotp_of_the_step(void **state)
{
    (void)state;
    static const char *const codes[] = { "755224", "287082", "359152", "969429", "338314",
                                         "254676", "287922", "162583", "399871", "520489" };
    for (size_t i = 0; i < ARRAY_COUNT(codes); i++) {
        char code[TOTP_DIGITS_MAX + 1];
        totp_code(STR("12345678901234567890"), i, TOTP_DIGITS, code);
        assert_row(strcmp(code, codes[i]) == 0, i, codes[i]);
    }
}

static void test_totp_takes_codes_near_now_that_are_not_used(void **state)
{
    (void)state;
    static const struct {
        uint64_t of, now, used;
        unsigned skew;
        bool yes;
    } cases[] = {
        { 5, 5, 4, 1, true },  { 5, 6, 4, 1, true },  { 5, 4, 4, 1, true }, /* a clock that is ahead */
        { 5, 7, 4, 1, false }, { 5, 3, 2, 1, false }, { 5, 5, 5, 1, false }, { 5, 6, 5, 1, false },
        { 5, 5, 9, 1, false }, { 5, 6, 4, 0, false }, { 5, 5, 4, 0, true },  { 0, 0, 0, 1, false },
        { 1, 0, 0, 1, true },  { 5, 7, 4, 2, true },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char code[TOTP_DIGITS_MAX + 1];
        uint64_t step = 0;
        totp_code(STR("12345678901234567890"), cases[i].of, TOTP_DIGITS, code);
        bool yes = totp_matches(STR("12345678901234567890"), str_c(code), cases[i].now, cases[i].skew,
                                cases[i].used, &step);
        assert_row(yes == cases[i].yes && (!yes || step == cases[i].of), i, code);
    }
    uint64_t step;
    assert_false(totp_matches(STR("12345678901234567890"), STR("75522"), 0, 10, 0, &step));
    assert_false(totp_matches(STR("12345678901234567890"), STR("2870820"), 1, 10, 0, &step));
    assert_int_equal(totp_step(-1), 0);
}

static void test_totp_uri_escapes_what_a_name_may_hold(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    totp_uri(STR("12345678901234567890"), STR("Loft & Co"), STR("an/na:x?@example.org\303\251"), &out);
    assert_str(buf_str(&out), "otpauth://totp/Loft%20%26%20Co:an%2Fna%3Ax%3F%40example.org%C3%A9"
                              "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Loft%20%26%20Co");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totp_follows_the_vectors),
        cmocka_unit_test(test_totp_is_hotp_of_the_step),
        cmocka_unit_test(test_totp_takes_codes_near_now_that_are_not_used),
        cmocka_unit_test(test_totp_uri_escapes_what_a_name_may_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
