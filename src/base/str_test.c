#include "base/str.h"
#include "base/testing.h"

static void test_str_compares_by_bytes(void **state)
{
    (void)state;
    static const struct {
        struct str a, b;
        int order, order_nocase;
    } cases[] = {
        { STR_INIT("a"), STR_INIT("a"), 0, 0 },
        { STR_INIT("a"), STR_INIT("A"), 1, 0 },
        { STR_INIT("a"), STR_INIT("B"), 1, -1 },
        { STR_INIT("a"), STR_INIT("ab"), -1, -1 },
        { STR_INIT(""), STR_INIT("a"), -1, -1 },
        { STR_INIT(""), { NULL, 0 }, 0, 0 },
        { STR_INIT("a\0b"), STR_INIT("a\0c"), -1, -1 },
        { STR_INIT("\xff"), STR_INIT("a"), 1, 1 }, /* unsigned */
        { STR_INIT("["), STR_INIT("{"), -1, -1 },  /* 0x20 apart, and no letters */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str a = cases[i].a, b = cases[i].b;
        int order = str_cmp(a, b), nocase = str_cmp_nocase(a, b);
        assert_row((order > 0) - (order < 0) == cases[i].order, i, "order");
        assert_row((nocase > 0) - (nocase < 0) == cases[i].order_nocase, i, "order without case");
        assert_row(str_eq(a, b) == (cases[i].order == 0), i, "equal");
        assert_row(str_eq_nocase(a, b) == (cases[i].order_nocase == 0), i, "equal without case");
    }
}

static void test_str_starts_and_ends(void **state)
{
    (void)state;
    static const struct {
        struct str s, part;
        bool starts, starts_nocase, ends;
    } cases[] = {
        { STR_INIT("mailbox"), STR_INIT("mail"), true, true, false },
        { STR_INIT("mailbox"), STR_INIT("MAIL"), false, true, false },
        { STR_INIT("mailbox"), STR_INIT("box"), false, false, true },
        { STR_INIT("mailbox"), STR_INIT("mailbox"), true, true, true },
        { STR_INIT("mail"), STR_INIT("mailbox"), false, false, false },
        { STR_INIT("mail"), STR_INIT(""), true, true, true },
        { { NULL, 0 }, STR_INIT(""), true, true, true },
        { { NULL, 0 }, STR_INIT("a"), false, false, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_row(str_starts(cases[i].s, cases[i].part) == cases[i].starts, i, "starts");
        assert_row(str_starts_nocase(cases[i].s, cases[i].part) == cases[i].starts_nocase, i,
                   "starts_nocase");
        assert_row(str_ends(cases[i].s, cases[i].part) == cases[i].ends, i, "ends");
    }
}

static void test_str_finds(void **state)
{
    (void)state;
    static const struct {
        struct str s, needle;
        ptrdiff_t at, first, last; /* of the needle; of its first character, from either end */
    } cases[] = {
        { STR_INIT("abcabc"), STR_INIT("bc"), 1, 1, 4 }, { STR_INIT("abc"), STR_INIT("cd"), -1, 2, 2 },
        { STR_INIT("a\0b"), STR_INIT("\0b"), 1, 1, 1 },  { STR_INIT(""), STR_INIT("a"), -1, -1, -1 },
        { { NULL, 0 }, STR_INIT("a"), -1, -1, -1 },      { STR_INIT("a"), STR_INIT("aa"), -1, 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_row(str_find(cases[i].s, cases[i].needle) == cases[i].at, i, "find");
        assert_row(str_find_char(cases[i].s, cases[i].needle.p[0]) == cases[i].first, i, "find_char");
        assert_row(str_rfind_char(cases[i].s, cases[i].needle.p[0]) == cases[i].last, i, "rfind_char");
    }
    assert_int_equal(str_find(STR("a"), STR("")), 0);
}

static void test_str_parts_are_clipped(void **state)
{
    (void)state;
    static const struct {
        size_t from, n;
        const char *part;
    } cases[] = { { 0, 3, "abc" }, { 0, 9, "abc" }, { 1, 1, "b" },         { 3, 1, "" },
                  { 4, 1, "" },    { 1, 0, "" },    { 1, SIZE_MAX, "bc" }, { SIZE_MAX, SIZE_MAX, "" } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(str_eq(str_sub(STR("abc"), cases[i].from, cases[i].n), str_c(cases[i].part)), i,
                   cases[i].part);
    assert_str(str_skip(STR("abc"), 2), "c");
    assert_true(str_is_nil(str_sub(STR_NIL, 1, 1)));
    assert_true(str_is_nil(str_c(NULL)));
}

static void test_str_trims_white_space_at_both_ends(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "  a b\t\r\n", "a b" }, { " \t\r\n", "" }, { "", "" }, { "a", "a" }, { "\va\f", "\va\f" }
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(str_eq(str_trim(str_c(cases[i].in)), str_c(cases[i].out)), i, cases[i].in);
    assert_true(str_is_nil(str_trim(STR_NIL)));
}

static void test_str_cut_tells_no_rest_from_an_empty_one(void **state)
{
    (void)state;
    static const struct {
        const char *in, *before, *rest;
    } cases[] = { { "a=b", "a", "b" }, { "a=b=c", "a", "b=c" }, { "a=", "a", "" },   { "=b", "", "b" },
                  { "a", "a", NULL },  { "", "", NULL },        { NULL, NULL, NULL } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str rest, before = str_cut(str_c(cases[i].in), '=', &rest);
        assert_str(before, cases[i].before);
        assert_str(rest, cases[i].rest);
    }
}

static void test_str_to_u64_takes_digits_up_to_a_limit(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        uint64_t max;
        bool ok;
        uint64_t value;
    } cases[] = {
        { "0", 10, true, 0 },
        { "007", 10, true, 7 },
        { "9", 10, true, 9 },
        { "10", 10, true, 10 },
        { "11", 10, false, 0 },
        { "4294967295", UINT32_MAX, true, UINT32_MAX },
        { "4294967296", UINT32_MAX, false, 0 },
        { "18446744073709551614", UINT64_MAX, true, UINT64_MAX - 1 },
        { "18446744073709551615", UINT64_MAX, true, UINT64_MAX },
        { "18446744073709551616", UINT64_MAX, false, 0 },
        { "99999999999999999999999", UINT64_MAX, false, 0 },
        { "", 10, false, 0 },
        { "-1", 10, false, 0 },
        { "+1", 10, false, 0 },
        { " 1", 10, false, 0 },
        { "1 ", 10, false, 0 },
        { "1a", 10, false, 0 },
        { NULL, 10, false, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        uint64_t value = 77;
        assert_row(str_to_u64(str_c(cases[i].in), cases[i].max, &value) == cases[i].ok, i, "ok");
        assert_row(value == (cases[i].ok ? cases[i].value : 77), i, "value");
    }
}

static void test_str_edit_distance_counts_letters_inserted_left_out_or_changed(void **state)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = { { "", "", 0 },         { "a", "", 1 },         { "", "abc", 3 },
                  { "list", "lsit", 2 }, { "user", "users", 1 }, { "KICK", "kick", 0 } };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(str_edit_distance(str_c(cases[i].a), str_c(cases[i].b)) == cases[i].distance, i,
                   cases[i].a);
}

static void test_str_next_word_passes_over_spaces_and_commas(void **state)
{
    struct str rest = STR(" ,a  b,, c ,");
    (void)state;
    for (const char *word = "abc"; *word; word++)
        assert_true(str_eq(str_next_word(&rest), str_make(word, 1)));
    assert_true(str_is_nil(str_next_word(&rest)));
    assert_true(str_is_nil(str_next_word(&rest)));
}

/* Every place and length, with near misses around. */
static void test_str_finds_wherever_it_is(void **state)
{
    char text[120];
    (void)state;
    for (size_t n = 0; n <= sizeof text; n += 1 + n / 9)
        for (size_t length = 1; length <= 40 && length <= n; length++)
            for (size_t at = 0; at + length <= n; at++) {
                char needle[40];
                memset(needle, 'a', sizeof needle);
                needle[length / 2] = 'b';
                memset(text, 'a', sizeof text);
                assert_int_equal(str_find(str_make(text, n), str_make(needle, length)), -1);
                text[at + length / 2] = 'b';
                ptrdiff_t found = str_find(str_make(text, n), str_make(needle, length));
                assert_int_equal(found, at);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str_compares_by_bytes),
        cmocka_unit_test(test_str_starts_and_ends),
        cmocka_unit_test(test_str_finds),
        cmocka_unit_test(test_str_finds_wherever_it_is),
        cmocka_unit_test(test_str_parts_are_clipped),
        cmocka_unit_test(test_str_trims_white_space_at_both_ends),
        cmocka_unit_test(test_str_cut_tells_no_rest_from_an_empty_one),
        cmocka_unit_test(test_str_to_u64_takes_digits_up_to_a_limit),
        cmocka_unit_test(test_str_edit_distance_counts_letters_inserted_left_out_or_changed),
        cmocka_unit_test(test_str_next_word_passes_over_spaces_and_commas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
