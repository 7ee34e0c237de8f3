#include "auth/sasl.h"
#include "auth/users.h"
#include "base/testing.h"

static void test_plain_is_parsed_by_its_grammar(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        int r;
        const char *authzid, *authcid, *password;
    } cases[] = {
        { STR_INIT("\0tim\0tanstaaftanstaaf"), 0, "", "tim", "tanstaaftanstaaf" }, /* RFC 4616, 4 */
        { STR_INIT("Ursel\0Kurt\0xipj3plmq"), -ERR_DENIED, NULL, NULL, NULL }, /* the other example there */
        { STR_INIT("Kurt\0kurt\0xipj3plmq"), 0, "Kurt", "kurt", "xipj3plmq" },
        { STR_INIT("\0a\0b"), 0, "", "a", "b" },
        { STR_INIT("\0Jos\303\251\0p\303\244ss"), 0, "", "Jos\303\251", "p\303\244ss" },
        { STR_INIT(""), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0\0"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("a\0b"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0\0b"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0a\0"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0a\0b\0"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0a\0b\0c"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0\377\0b"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("\0a\0\300\200"), -ERR_SYNTAX, NULL, NULL, NULL }, /* NUL in an overlong form */
        { STR_INIT("../a\0../a\0b"), -ERR_DENIED, NULL, NULL, NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct sasl_plain plain;
        struct err err = { 0 };
        assert_row(sasl_plain_parse(cases[i].in, &plain, &err) == cases[i].r, i, err.text);
        if (cases[i].r < 0)
            continue;
        assert_str(plain.authzid, cases[i].authzid);
        assert_str(plain.authcid, cases[i].authcid);
        assert_str(plain.password, cases[i].password);
    }
}

static int parse_lengths(size_t authzid, size_t authcid, size_t password)
{
    struct buf message = BUF_INIT;
    struct sasl_plain plain;
    struct err err;
    size_t lengths[] = { authzid, authcid, password };
    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            buf_add_char(&message, '\0');
        memset(buf_reserve(&message, lengths[i]), 'x', lengths[i]);
        message.n += lengths[i];
    }
    int r = sasl_plain_parse(buf_str(&message), &plain, &err);
    sasl_wipe(&message);
    return r;
}

static void test_plain_parts_have_limits(void **state)
{
    (void)state;
    static const struct {
        size_t authzid, authcid, password;
        int r;
    } cases[] = {
        { 0, USER_NAME_BYTES_MAX - 1, 1, 0 },          { 0, USER_NAME_BYTES_MAX, 1, 0 },
        { 0, USER_NAME_BYTES_MAX + 1, 1, -ERR_LIMIT }, { USER_NAME_BYTES_MAX, USER_NAME_BYTES_MAX, 1, 0 },
        { USER_NAME_BYTES_MAX + 1, 1, 1, -ERR_LIMIT }, { 0, 1, USER_PASSWORD_BYTES_MAX - 1, 0 },
        { 0, 1, USER_PASSWORD_BYTES_MAX, 0 },          { 0, 1, USER_PASSWORD_BYTES_MAX + 1, -ERR_LIMIT },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(parse_lengths(cases[i].authzid, cases[i].authcid, cases[i].password) == cases[i].r, i,
                   "lengths");
}

static void test_response_is_strict_base64(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool initial;
        int r;
        const char *out;
    } cases[] = {
        { "YQ==", true, 0, "a" },
        { "YQ==", false, 0, "a" },
        { "", false, 0, "" },
        { "=", true, 0, "" },
        { "=", false, -ERR_SYNTAX, NULL },
        { "==", true, -ERR_SYNTAX, NULL },
        { "YQ", true, -ERR_SYNTAX, NULL },
        { "YQ=", true, -ERR_SYNTAX, NULL },
        { "Y Q=", true, -ERR_SYNTAX, NULL },
        { "*", true, -ERR_SYNTAX, NULL },
        { "YR==", true, -ERR_SYNTAX, NULL },
        { "YQ==YQ==", true, -ERR_SYNTAX, NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        struct err err = { 0 };
        buf_add_lit(&out, "left over");
        assert_row(sasl_decode(str_c(cases[i].in), cases[i].initial, &out, &err) == cases[i].r, i,
                   cases[i].in);
        if (cases[i].r == 0)
            assert_str(buf_str(&out), cases[i].out);
        sasl_wipe(&out);
        assert_null(out.p);
    }
}

static void test_response_has_a_limit(void **state)
{
    (void)state;
    for (size_t n = SASL_MESSAGE_BYTES_MAX - 1; n <= SASL_MESSAGE_BYTES_MAX + 1; n++) {
        struct buf text = BUF_INIT, out = BUF_INIT;
        struct err err = { 0 };
        for (size_t left = n; left >= 3; left -= 3)
            buf_add_lit(&text, "eHh4");
        buf_add(&text, n % 3 == 1 ? STR("eA==") : n % 3 == 2 ? STR("eHg=") : STR(""));
        assert_row(sasl_decode(buf_str(&text), true, &out, &err) ==
                       (n <= SASL_MESSAGE_BYTES_MAX ? 0 : -ERR_LIMIT),
                   n, err.text);
        buf_deinit(&text);
        sasl_wipe(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_is_parsed_by_its_grammar),
        cmocka_unit_test(test_plain_parts_have_limits),
        cmocka_unit_test(test_response_is_strict_base64),
        cmocka_unit_test(test_response_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
