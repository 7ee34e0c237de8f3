#include "auth/own/secret_code.h"
#include "base/testing.h"

static void test_secret_code_is_shown_in_groups_and_read_back(void **state)
{
    (void)state;
    static const size_t lengths[] = { 1, 4, 5, 16, 28 };
    for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
        char shown[SECRET_CODE_SHOWN_BYTES], code[SECRET_CODE_CHARS_MAX], again[SECRET_CODE_SHOWN_BYTES];
        secret_code_make(lengths[i], shown);
        assert_row(strlen(shown) == lengths[i] + (lengths[i] - 1) / 4, i, shown);
        assert_row(secret_code_read(str_c(shown), lengths[i], code), i, shown);
        secret_code_make(lengths[i], again);
        assert_row(lengths[i] < 16 || strcmp(shown, again) != 0, i, shown);
    }
}

static void test_secret_code_has_one_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *typed;
        bool is;
    } cases[] = {
        { "0123-4567", true },    { "01234567", true },   { "0123 4567 ", true }, { "o1234567", true },
        { "OI23-4567", true },    { "0L234567", true },   { "0123456", false },   { "012345678", false },
        { "0123-456u", false },   { "0123_4567", false }, { "", false },          { "0123-456\303", false },
        { "0123-456\n7", false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char code[SECRET_CODE_CHARS_MAX];
        bool is = secret_code_read(str_c(cases[i].typed), 8, code);
        assert_row(is == cases[i].is && (!is || memcmp(code, "01234567", 8) == 0), i, cases[i].typed);
    }
    char code[SECRET_CODE_CHARS_MAX];
    assert_false(secret_code_read(STR("0123456\0"), 8, code));
}

static void test_secret_code_hash_is_of_one_purpose_and_account(void **state)
{
    (void)state;
    unsigned char hash[4][SECRET_CODE_HASH_BYTES];
    secret_code_hash("a", (struct account_id){ 1 }, STR("0123"), hash[0]);
    secret_code_hash("b", (struct account_id){ 1 }, STR("0123"), hash[1]);
    secret_code_hash("a", (struct account_id){ 2 }, STR("0123"), hash[2]);
    secret_code_hash("a", (struct account_id){ 1 }, STR("0124"), hash[3]);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < i; j++)
            assert_row(memcmp(hash[i], hash[j], SECRET_CODE_HASH_BYTES) != 0, i * 4 + j, "equal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_code_is_shown_in_groups_and_read_back),
        cmocka_unit_test(test_secret_code_has_one_spelling),
        cmocka_unit_test(test_secret_code_hash_is_of_one_purpose_and_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
