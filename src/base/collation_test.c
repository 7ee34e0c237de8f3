#include "base/collation.h"

#include "base/testing.h"

static void test_collation_matches_names_and_wildcards(void **state)
{
    (void)state;
    static const struct {
        const char *wild;
        unsigned matches; /* bit a collation */
    } cases[] = {
        { "i;unicode-casemap", 1u << COLLATION_UNICODE_CASEMAP },
        { "I;ASCII-Casemap", 1u << COLLATION_ASCII_CASEMAP },
        { "i;octet", 1u << COLLATION_OCTET },
        { "i;ascii-numeric", 1u << COLLATION_ASCII_NUMERIC },
        { "*", 15 },
        { "i;*", 15 },
        { "i;*-casemap", 1u << COLLATION_UNICODE_CASEMAP | 1u << COLLATION_ASCII_CASEMAP },
        { "i;ascii-*", 1u << COLLATION_ASCII_CASEMAP | 1u << COLLATION_ASCII_NUMERIC },
        { "*c*e*", 15 },
        { "*octet*", 1u << COLLATION_OCTET },
        { "i;octe", 0 },
        { "i;octets", 0 },
        { "cz;*", 0 },
        { "", 0 },
        { "*x", 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        unsigned matches = 0;
        for (enum collation c = 0; c < COLLATION_COUNT; c++)
            matches |= collation_matches(c, str_c(cases[i].wild)) ? 1u << c : 0;
        if (matches != cases[i].matches)
            fail_msg("row %zu: %u", i, matches);
    }
}

static int compare(enum collation c, const char *a, const char *b)
{
    struct buf x = BUF_INIT, y = BUF_INIT;
    collation_key(c, str_c(a), &x);
    collation_key(c, str_c(b), &y);
    int d = str_cmp(buf_str(&x), buf_str(&y));
    buf_deinit(&x);
    buf_deinit(&y);
    return (d > 0) - (d < 0);
}

static void test_collation_orders(void **state)
{
    (void)state;
    static const struct {
        enum collation c;
        const char *a, *b;
        int d;
    } cases[] = {
        /* the examples of RFC 4790, 9.1.1 */
        { COLLATION_ASCII_NUMERIC, "0", "1", -1 },
        { COLLATION_ASCII_NUMERIC, "1", "4294967298", -1 },
        { COLLATION_ASCII_NUMERIC, "4294967298", "04294967298", 0 },
        { COLLATION_ASCII_NUMERIC, "4294967298", "4294967298b", 0 },
        { COLLATION_ASCII_NUMERIC, "04294967298", "", -1 },
        { COLLATION_ASCII_NUMERIC, "", "x", 0 },
        { COLLATION_ASCII_NUMERIC, "9", "10", -1 },
        { COLLATION_ASCII_NUMERIC, "000", "0", 0 },
        { COLLATION_OCTET, "a", "B", 1 },
        { COLLATION_OCTET, "a", "a", 0 },
        { COLLATION_OCTET, "", "a", -1 },
        { COLLATION_OCTET, "a", "aa", -1 },
        { COLLATION_ASCII_CASEMAP, "a", "B", -1 },
        { COLLATION_ASCII_CASEMAP, "a", "A", 0 },
        { COLLATION_ASCII_CASEMAP, "\xc3\xa4", "\xc3\x84", 1 },
        { COLLATION_UNICODE_CASEMAP, "\xc3\xa4", "\xc3\x84", 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        if (compare(cases[i].c, cases[i].a, cases[i].b) != cases[i].d ||
            compare(cases[i].c, cases[i].b, cases[i].a) != -cases[i].d)
            fail_msg("row %zu", i);
}

static void test_collation_finds_substrings(void **state)
{
    (void)state;
    static const struct {
        const char *text, *needle;
        unsigned matches;
    } cases[] = {
        { "Gr\xc3\xbc\xc3\x9f"
          "e",
          "gr\xc3\xbc", 1u << COLLATION_UNICODE_CASEMAP | 1u << COLLATION_ASCII_CASEMAP },
        { "GR\xc3\x9c", "gr\xc3\xbc", 1u << COLLATION_UNICODE_CASEMAP },
        { "abc", "b", 15 },
        { "abc", "", 15 },
        { "ABC", "b", 1u << COLLATION_UNICODE_CASEMAP | 1u << COLLATION_ASCII_CASEMAP },
        { "abc", "d", 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        unsigned matches = 0;
        for (enum collation c = 0; c < COLLATION_COUNT; c++) {
            struct buf text = BUF_INIT, needle = BUF_INIT;
            collation_fold(c, str_c(cases[i].text), &text);
            collation_fold(c, str_c(cases[i].needle), &needle);
            matches |= str_find(buf_str(&text), buf_str(&needle)) >= 0 ? 1u << c : 0;
            buf_deinit(&text);
            buf_deinit(&needle);
        }
        if (matches != cases[i].matches)
            fail_msg("row %zu: %u", i, matches);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collation_matches_names_and_wildcards),
        cmocka_unit_test(test_collation_orders),
        cmocka_unit_test(test_collation_finds_substrings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
