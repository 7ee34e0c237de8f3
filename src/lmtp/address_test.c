#include "lmtp/address.h"

#include "base/testing.h"

#include <stdlib.h>

#define BYTES_50  "12345678901234567890123456789012345678901234567890"
#define BYTES_500 BYTES_50 BYTES_50 BYTES_50 BYTES_50 BYTES_50 BYTES_50 BYTES_50 BYTES_50 BYTES_50 BYTES_50

static void test_path_is_read_as_it_is_written(void **state)
{
    static const struct {
        struct str in;
        int r;
        const char *text, *address, *rest;
    } cases[] = {
        { STR_INIT("<anna@example.org>"), 0, "anna@example.org", "anna@example.org", "" },
        { STR_INIT(" <anna@example.org> SIZE=1  BODY=7BIT "), 0, "anna@example.org", "anna@example.org",
          "SIZE=1  BODY=7BIT" },
        { STR_INIT("<>"), 0, "", "", "" },
        { STR_INIT("<> SIZE=1"), 0, "", "", "SIZE=1" },
        { STR_INIT("<anna>"), 0, "anna", "anna", "" },
        { STR_INIT("<anna..b.@example.org>"), 0, "anna..b.@example.org", "anna..b.@example.org", "" },
        { STR_INIT("<anna@[192.0.2.1]>"), 0, "anna@[192.0.2.1]", "anna@[192.0.2.1]", "" },
        { STR_INIT("<\303\244nna@example.org>"), 0, "\303\244nna@example.org", "\303\244nna@example.org",
          "" },
        /* quoted local parts */
        { STR_INIT("<\"anna\"@example.org>"), 0, "\"anna\"@example.org", "anna@example.org", "" },
        { STR_INIT("<\"a b>\\\"\\c\"@example.org> X"), 0, "\"a b>\\\"\\c\"@example.org",
          "a b>\"c@example.org", "X" },
        { STR_INIT("<\"@\"@example.org>"), 0, "\"@\"@example.org", "@@example.org", "" },
        { STR_INIT("<\"a\".\"b\"@example.org>"), 0, "\"a\".\"b\"@example.org", "a.b@example.org", "" },
        { STR_INIT("<\"\"@example.org>"), -ERR_SYNTAX, NULL, NULL, NULL }, /* CVE-2020-10967 */
        { STR_INIT("<\"\">"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<\"anna@example.org>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<\"anna\\"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<\"an\rna\"@example.org>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<\"an\\\nna\"@example.org>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<anna@\"example\".org>"), -ERR_SYNTAX, NULL, NULL, NULL },
        /* source routes */
        { STR_INIT("<@a.example,@b.example:anna@example.org> X"), 0, "anna@example.org", "anna@example.org",
          "X" },
        { STR_INIT("<@a.example:>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<@a.example>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<@a.example> X=:anna>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<@"), -ERR_SYNTAX, NULL, NULL, NULL },
        /* no path */
        { STR_INIT(""), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("anna@example.org"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<anna@example.org"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<anna@example.org>SIZE=1"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<anna@>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<a@b@example.org>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<an na@example.org>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<an<na@example.org>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<an\0na@example.org>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<an\177na@example.org>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<anna@example.org\r\nX: y>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<\344nna@example.org>"), -ERR_SYNTAX, NULL, NULL, NULL },
        { STR_INIT("<anna@\303>"), -ERR_SYNTAX, NULL, NULL, NULL }, /* CVE-2020-7046: cut in a character */
        /* 511, 512 and 513 bytes */
        { STR_INIT("<" BYTES_500 "@1234567890>"), 0, BYTES_500 "@1234567890", BYTES_500 "@1234567890", "" },
        { STR_INIT("<" BYTES_500 "@12345678901>"), 0, BYTES_500 "@12345678901", BYTES_500 "@12345678901",
          "" },
        { STR_INIT("<" BYTES_500 "@123456789012>"), -ERR_LIMIT, NULL, NULL, NULL },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct lmtp_path path;
        struct str rest;
        struct err err = { 0 };
        char *exact = malloc(cases[i].in.n + 1); /* a block of its own: a sanitizer sees a byte too far */
        memcpy(exact, cases[i].in.p, cases[i].in.n);
        exact = realloc(exact, cases[i].in.n ? cases[i].in.n : 1);
        int r = lmtp_path_parse(str_make(exact, cases[i].in.n), &arena, &path, &rest, &err);
        assert_row(r == cases[i].r, i, err.text);
        if (r == 0) {
            assert_row(str_eq(path.text, str_c(cases[i].text)), i, cases[i].in.p);
            assert_row(str_eq(path.address, str_c(cases[i].address)), i, cases[i].in.p);
            assert_row(str_eq(rest, str_c(cases[i].rest)), i, cases[i].in.p);
        }
        free(exact);
        arena_deinit(&arena);
    }
}

static void test_parameters_come_one_by_one(void **state)
{
    static const struct {
        const char *key, *value;
    } expected[] = { { "SIZE", "1" }, { "SMTPUTF8", NULL }, { "BODY", "" }, { "X", "a=b" } };
    struct str rest = STR("  SIZE=1 SMTPUTF8   BODY= X=a=b "), key, value;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        assert_true(lmtp_parameter_next(&rest, &key, &value));
        assert_str(key, expected[i].key);
        assert_str(value, expected[i].value);
    }
    assert_false(lmtp_parameter_next(&rest, &key, &value));
    assert_false(lmtp_parameter_next(&rest, &key, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path_is_read_as_it_is_written),
        cmocka_unit_test(test_parameters_come_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
