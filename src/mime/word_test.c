#include "base/testing.h"
#include "mime/word.h"

static void test_word_next_cuts_at_classes(void **state)
{
    static const struct {
        const char *in;
        const char *words[6];
    } cases[] = {
        { "", { NULL } },
        { " .,-", { NULL } },
        { "one two", { "one", "two" } },
        { "a1b2_c", { "a1b2", "c" } },
        { "stra\xc3\x9f"
          "e!",
          { "stra\xc3\x9f"
            "e" } },
        { "e\xcc\x81t\xc3\xa9", { "e\xcc\x81t\xc3\xa9" } }, /* a combining mark */
        { "a\xe2\x80\x94"
          "b\xc2\xa0"
          "c",
          { "a", "b", "c" } }, /* em dash, no-break space */
        { "ab\xe6\xbc\xa2\xe5\xad\x97"
          "cd",
          { "ab", "\xe6\xbc\xa2\xe5\xad\x97", "cd" } }, /* Han between Latin */
        { "x\xff\xe6"
          "y",
          { "x", "y" } },                               /* wrong bytes */
        { "\xf0\x9f\x8e\x89", { "\xf0\x9f\x8e\x89" } }, /* a symbol is a letter */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str word;
        enum word_class class;
        size_t at = 0, n = 0;
        for (; word_next(str_c(cases[i].in), &at, &word, &class); n++)
            assert_row(cases[i].words[n] && str_eq(word, str_c(cases[i].words[n])), i, cases[i].in);
        assert_row(cases[i].words[n] == NULL, i, cases[i].in);
    }
}

static void test_word_class_knows_scripts_without_spaces(void **state)
{
    static const struct {
        int32_t code_point;
        enum word_class class;
    } cases[] = {
        { -1, WORD_NONE },        { 0xa0, WORD_NONE },       { 0xaa, WORD_LETTER },
        { 0xd7, WORD_NONE },      { 0xe4, WORD_LETTER },     { 0x300, WORD_LETTER },
        { 0x416, WORD_LETTER },   { 0xe01, WORD_SCRIPT },    { 0x2014, WORD_NONE },
        { 0x3002, WORD_NONE },    { 0x304b, WORD_SCRIPT },   { 0x3099, WORD_SCRIPT },
        { 0x4e00, WORD_SCRIPT },  { 0x1100, WORD_LETTER },   { 0xac00, WORD_LETTER },
        { 0xfffd, WORD_LETTER },  { 0xff66, WORD_SCRIPT },   { 0x20000, WORD_SCRIPT },
        { 0x1f600, WORD_LETTER }, { 0x10ffff, WORD_LETTER },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(word_class_wide(cases[i].code_point) == cases[i].class, i, "class");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_word_next_cuts_at_classes),
        cmocka_unit_test(test_word_class_knows_scripts_without_spaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
