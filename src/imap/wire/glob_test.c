#include "base/buf.h"
#include "base/testing.h"
#include "imap/wire/glob.h"

#include <stdlib.h>

static const struct {
    const char *pattern, *name;
    bool matches, below;
} cases[] = {
    { "*", "a", true, true },
    { "*", "a/b/c", true, true },
    { "%", "a", true, false },
    { "%", "a/b", false, false },
    { "%/%", "a/b", true, false },
    { "%/%", "a", false, true },
    { "a/%", "a/b", true, false },
    { "a/%", "a", false, true },
    { "a/*", "a/b/c", true, true },
    { "a", "a", true, false },
    { "a", "A", false, false },
    { "", "", true, false },
    { "", "a", false, false },
    { "*", "", true, true },
    { "%a%", "xay", true, false },
    { "%a%", "x/ay", false, false },
    { "*a%", "x/ay", true, true },
    { "*b", "a/b/ab", true, true },
    { "*/Sent", "x/y/Sent", true, true },
    { "S%/2%", "Sent", false, true },
    { "S%/2%", "Sent/2024", true, false },
    { "S%/2%", "Drafts", false, false },
    { "**", "a/b", true, true },
    { "%%", "ab", true, false },
    { "%*%*", "a/b", true, true },
    { "a*b*c", "a/xb/yc", true, true },
    { "a*b*c", "a/xb/yd", false, true },
    { "Sent/", "Sent", false, false },
    { "inbox", "INBOX", true, false },
    { "InBoX/%", "INBOX/a", true, false },
    { "INBOX", "inbox", true, false },
    { "inb*", "INBOX", true, true },
    { "%NBOX", "INBOX", true, false },
    { "inboxes", "INBOXES", false, false },
    { "INBOX/A", "INBOX/a", false, false },
    { "Entw%rfe", "Entwürfe", true, false },
};

static void test_glob_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str pattern = str_c(cases[i].pattern), name = str_c(cases[i].name);
        assert_row(glob_match(pattern, name, '/') == cases[i].matches, i, cases[i].pattern);
        assert_row(glob_match_below(pattern, name, '/') == cases[i].below, i, cases[i].pattern);
    }
}

/* The plain definition, exponential, for short texts. */
static bool slow_match(struct str p, struct str s)
{
    if (p.n == 0)
        return s.n == 0;
    if (p.p[0] != '*' && p.p[0] != '%')
        return s.n && p.p[0] == s.p[0] && slow_match(str_skip(p, 1), str_skip(s, 1));
    if (slow_match(str_skip(p, 1), s))
        return true;
    return s.n && (p.p[0] == '*' || s.p[0] != '/') && slow_match(p, str_skip(s, 1));
}

static void test_glob_agrees_with_its_definition(void **state)
{
    (void)state;
    static const char letters[] = "ab/*%";
    unsigned seed = 3;
    for (int round = 0; round < 200000; round++) {
        char pattern[10], name[10];
        size_t pattern_n = (size_t)rand_r(&seed) % 10, name_n = (size_t)rand_r(&seed) % 10;
        for (size_t i = 0; i < pattern_n; i++)
            pattern[i] = letters[rand_r(&seed) % 5];
        for (size_t i = 0; i < name_n; i++)
            name[i] = letters[rand_r(&seed) % 3];
        struct str p = str_make(pattern, pattern_n), s = str_make(name, name_n);
        if (glob_match(p, s, '/') != slow_match(p, s)) {
            print_error("pattern <" STR_FMT "> name <" STR_FMT ">\n", STR_ARG(p), STR_ARG(s));
            fail();
        }
    }
}

static void test_glob_does_not_blow_up(void **state)
{
    (void)state;
    struct buf pattern = BUF_INIT, name = BUF_INIT;
    for (int i = 0; i < 500; i++)
        buf_add_lit(&pattern, "*%a%");
    buf_add_lit(&pattern, "b");
    for (int i = 0; i < 1000; i++)
        buf_add_char(&name, 'a');
    assert_false(glob_match(buf_str(&pattern), buf_str(&name), '/'));
    buf_deinit(&pattern);
    buf_deinit(&name);
}

static void test_longest_pattern(void **state)
{
    (void)state;
    struct buf text = BUF_INIT;
    for (int i = 0; i < GLOB_PATTERN_BYTES_MAX; i++)
        buf_add_char(&text, 'a');
    assert_true(glob_match(buf_str(&text), buf_str(&text), '/'));
    buf_add_char(&text, 'a');
    assert_false(glob_match(buf_str(&text), buf_str(&text), '/'));
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob_matches),
        cmocka_unit_test(test_glob_agrees_with_its_definition),
        cmocka_unit_test(test_glob_does_not_blow_up),
        cmocka_unit_test(test_longest_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
