#include "auth/bearer.h"
#include "base/testing.h"

static void test_token_has_the_alphabet_of_b64token(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool ok;
    } cases[] = {
        { "a", true },      { "aB3-._~+/", true }, { "abc==", true }, { "", false },
        { "=", false },     { "a=b", false },      { "a b", false },  { "a\r\nb", false },
        { "a\x01", false }, { "\xc3\xa4", false }, { "a.b.c", true }, { "a,b", false },
        { "a\"b", false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(token_is_well_formed(str_c(cases[i].in)) == cases[i].ok, i, cases[i].in);
    assert_false(token_is_well_formed(STR("a\0b")));
    assert_false(token_is_well_formed(STR_NIL));
}

static void test_token_has_a_limit(void **state)
{
    (void)state;
    static char long_token[TOKEN_BYTES_MAX + 1];
    memset(long_token, 'a', sizeof long_token);
    assert_true(token_is_well_formed(str_make(long_token, TOKEN_BYTES_MAX - 1)));
    assert_true(token_is_well_formed(str_make(long_token, TOKEN_BYTES_MAX)));
    assert_false(token_is_well_formed(str_make(long_token, TOKEN_BYTES_MAX + 1)));
}

static void test_error_is_json_with_what_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *scope, *configuration;
        bool scope_missing;
        const char *json;
    } cases[] = {
        { "", "", false, "{\"status\":\"invalid_token\"}" },
        { NULL, NULL, true, "{\"status\":\"insufficient_scope\"}" },
        { "mail", "", true, "{\"status\":\"insufficient_scope\",\"scope\":\"mail\"}" },
        { "a b", "https://i/.well-known/openid-configuration", false,
          "{\"status\":\"invalid_token\",\"scope\":\"a "
          "b\",\"openid-configuration\":\"https://i/.well-known/openid-configuration\"}" },
        { "q\"\\\n", "", false, "{\"status\":\"invalid_token\",\"scope\":\"q\\u0022\\u005c\\u000a\"}" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct bearer_hint hint = { str_c(cases[i].scope), str_c(cases[i].configuration) };
        struct buf out = BUF_INIT;
        bearer_error(&hint, cases[i].scope_missing, &out);
        assert_str(buf_str(&out), cases[i].json);
        buf_deinit(&out);
    }
}

static void test_every_fault_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TOKEN_FAULT_COUNT; i++)
        assert_row(strcmp(token_fault_name((enum token_fault)i), "unknown") != 0, i, "name");
    assert_string_equal(token_fault_name(TOKEN_FAULT_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_has_the_alphabet_of_b64token),
        cmocka_unit_test(test_token_has_a_limit),
        cmocka_unit_test(test_error_is_json_with_what_is_known),
        cmocka_unit_test(test_every_fault_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
