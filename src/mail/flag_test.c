#include "base/testing.h"
#include "mail/flag.h"

static void test_a_keyword_is_an_atom(void **state)
{
    (void)state;
    char longest[KEYWORD_BYTES_MAX + 1];
    memset(longest, 'k', sizeof longest);
    const struct {
        struct str name;
        bool valid;
    } cases[] = {
        { STR("$Forwarded"), true },
        { STR("NonJunk"), true },
        { STR("a.b-c_d/e+f#1&2"), true },
        { STR("["), true },
        { str_make(longest, KEYWORD_BYTES_MAX - 1), true },
        { str_make(longest, KEYWORD_BYTES_MAX), true },
        { str_make(longest, KEYWORD_BYTES_MAX + 1), false },
        { STR(""), false },
        { STR("two words"), false },
        { STR("a\r\nb"), false },
        { STR("nul\0"), false },
        { STR("caf\xc3\xa9"), false },
        { STR("\\Seen"), false },
        { STR("a]"), false },
        { STR("a*"), false },
        { STR("(a)"), false },
        { STR("\x7f"), false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(keyword_name_is_valid(cases[i].name) == cases[i].valid, i, "keyword");
}

static void test_interning_known_names_keeps_the_table(void **state)
{
    (void)state;
    const struct str names[] = { STR_INIT("$Junk"), STR_INIT("work") },
                     ask[] = { STR_INIT("WORK"), STR_INIT("Work") };
    struct keyword_table *table = keyword_table_new(names, 2), *same;
    struct keyword_set set;
    assert_int_equal(keyword_table_intern(table, ask, 2, &same, &set, NULL), 0);
    assert_ptr_equal(same, table);
    assert_true(keyword_set_has(&set, 1) && !keyword_set_has(&set, 0));
    assert_int_equal(keyword_table_find(table, STR("$jUNK")), 0);
    assert_int_equal(keyword_table_find(table, STR("$jun")), -1);
    keyword_table_unref(&same);
    keyword_table_unref(&table);
    assert_null(table);
    keyword_table_unref(&table);
}

static void test_interning_new_names_appends_them_as_spelled(void **state)
{
    (void)state;
    const struct str first[] = { STR_INIT("one") },
                     ask[] = { STR_INIT("Two"), STR_INIT("ONE"), STR_INIT("two") };
    struct keyword_table *table = keyword_table_new(first, 1), *next;
    struct keyword_set set;
    assert_int_equal(keyword_table_intern(table, ask, 3, &next, &set, NULL), 0);
    assert_int_equal(table->count, 1);
    assert_int_equal(next->count, 2);
    assert_str(next->names[0], "one");
    assert_str(next->names[1], "Two");
    assert_int_equal(set.words[0], 3);
    keyword_table_unref(&next);
    keyword_table_unref(&table);
}

static void test_the_table_holds_its_limit_and_no_more(void **state)
{
    (void)state;
    struct keyword_table *table = keyword_table_new(NULL, 0);
    for (int i = 0; i < KEYWORDS_MAX; i++) {
        char text[16];
        struct keyword_table *next;
        struct keyword_set set;
        snprintf(text, sizeof text, "k%d", i);
        struct str name = str_c(text);
        assert_int_equal(keyword_table_intern(table, &name, 1, &next, &set, NULL), 0);
        assert_true(keyword_set_has(&set, (unsigned)i));
        keyword_table_unref(&table);
        table = next;
    }
    struct keyword_table *next = NULL;
    struct keyword_set set;
    struct err err = { 0 };
    const struct str more = STR("more"), known = STR("k255");
    assert_int_equal(keyword_table_intern(table, &more, 1, &next, &set, &err), -ERR_LIMIT);
    assert_non_null(strstr(err.text, "256"));
    assert_null(next);
    assert_int_equal(keyword_table_intern(table, &known, 1, &next, &set, &err), 0);
    assert_true(keyword_set_has(&set, 255));
    keyword_table_unref(&next);
    keyword_table_unref(&table);
}

static void test_interning_refuses_what_is_no_keyword(void **state)
{
    (void)state;
    struct keyword_table *table = keyword_table_new(NULL, 0), *next = NULL;
    struct keyword_set set;
    char bytes[KEYWORD_BYTES_MAX + 1];
    memset(bytes, 'x', sizeof bytes);
    struct str names[] = { STR_INIT("fine"), { bytes, sizeof bytes } };
    assert_int_equal(keyword_table_intern(table, names, 2, &next, &set, NULL), -ERR_LIMIT);
    names[1] = STR("not fine");
    assert_int_equal(keyword_table_intern(table, names, 2, &next, &set, NULL), -ERR_INVALID);
    assert_null(next);
    keyword_table_unref(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_keyword_is_an_atom),
        cmocka_unit_test(test_interning_known_names_keeps_the_table),
        cmocka_unit_test(test_interning_new_names_appends_them_as_spelled),
        cmocka_unit_test(test_the_table_holds_its_limit_and_no_more),
        cmocka_unit_test(test_interning_refuses_what_is_no_keyword),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
