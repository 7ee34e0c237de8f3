#include "base/testing.h"
#include "base/utf8.h"

static void test_utf8_follows_rfc_3629(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        bool valid;
        int32_t first; /* -1: wrong byte */
        size_t used;
    } cases[] = {
        { STR_INIT("a"), true, 'a', 1 },
        { STR_INIT("\0"), true, 0, 1 },
        { STR_INIT("\x7f"), true, 0x7f, 1 },
        { STR_INIT("\xc2\x80"), true, 0x80, 2 },
        { STR_INIT("\xdf\xbf"), true, 0x7ff, 2 },
        { STR_INIT("\xe0\xa0\x80"), true, 0x800, 3 },
        { STR_INIT("\xed\x9f\xbf"), true, 0xd7ff, 3 },
        { STR_INIT("\xee\x80\x80"), true, 0xe000, 3 },
        { STR_INIT("\xef\xbf\xbf"), true, 0xffff, 3 },
        { STR_INIT("\xf0\x90\x80\x80"), true, 0x10000, 4 },
        { STR_INIT("\xf4\x8f\xbf\xbf"), true, 0x10ffff, 4 },
        { STR_INIT("\x80"), false, -1, 1 },
        { STR_INIT("\xbf"), false, -1, 1 },
        { STR_INIT("\xc0\x80"), false, -1, 1 }, /* overlong */
        { STR_INIT("\xc1\xbf"), false, -1, 1 },
        { STR_INIT("\xe0\x9f\xbf"), false, -1, 1 },
        { STR_INIT("\xf0\x8f\xbf\xbf"), false, -1, 1 },
        { STR_INIT("\xed\xa0\x80"), false, -1, 1 }, /* surrogates */
        { STR_INIT("\xed\xbf\xbf"), false, -1, 1 },
        { STR_INIT("\xf4\x90\x80\x80"), false, -1, 1 }, /* above U+10FFFF */
        { STR_INIT("\xf5\x80\x80\x80"), false, -1, 1 },
        { STR_INIT("\xff"), false, -1, 1 },
        { STR_INIT("\xc2"), false, -1, 1 }, /* cut off */
        { STR_INIT("\xe1\x80"), false, -1, 1 },
        { STR_INIT("\xf1\x80\x80"), false, -1, 1 },
        { STR_INIT("\xc2"
                   "a"),
          false, -1, 1 },
        { STR_INIT("\xe1\x80"
                   "a"),
          false, -1, 1 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const char *p = cases[i].in.p;
        assert_row(utf8_is_valid(cases[i].in) == cases[i].valid, i, "valid");
        assert_row(utf8_next(&p, cases[i].in.p + cases[i].in.n) == cases[i].first, i, "code point");
        assert_row((size_t)(p - cases[i].in.p) == cases[i].used, i, "moved by");
    }
    assert_true(utf8_is_valid(STR_NIL));
}

static void test_utf8_put_and_next_agree_on_every_code_point(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        if (c >= 0xd800 && c <= 0xdfff)
            continue;
        buf_clear(&b);
        utf8_put(&b, c);
        const char *p = b.p;
        assert_row(utf8_next(&p, b.p + b.n) == (int32_t)c && p == b.p + b.n, c, "code point");
    }
    buf_deinit(&b);
}

static void test_ascii_is_1_to_127(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        bool ascii;
    } cases[] = { { STR_INIT(""), true },
                  { STR_INIT("\x01\x7f"), true },
                  { STR_INIT("\x80"), false },
                  { STR_INIT("a\0"), false },
                  { { NULL, 0 }, true } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(utf8_is_ascii(cases[i].in) == cases[i].ascii, i, "ascii");
}

static void test_nfc_composes(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *out; /* NULL: refused */
    } cases[] = {
        { STR_INIT("abc"), "abc" },
        { STR_INIT(""), "" },
        { { NULL, 0 }, "" },
        { STR_INIT("e\xcc\x81"), "\xc3\xa9" },
        { STR_INIT("\xc3\xa9"), "\xc3\xa9" },
        { STR_INIT("\xe2\x84\xab"), "\xc3\x85" },     /* Angstrom sign */
        { STR_INIT("\xef\xac\x81"), "\xef\xac\x81" }, /* the fi ligature stays: NFC, not NFKC */
        { STR_INIT("a\xff"), NULL },
    };
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str out;
        bool ok = utf8_to_nfc(cases[i].in, &arena, &out);
        assert_row(ok == (cases[i].out != NULL), i, "valid");
        assert_row(!ok || (!str_is_nil(out) && str_eq(out, str_c(cases[i].out))), i, "NFC");
    }
    arena_deinit(&arena);
}

static void test_folded_texts_are_equal_where_people_see_no_difference(void **state)
{
    (void)state;
    static const struct {
        struct str a, b;
        bool equal;
    } cases[] = {
        { STR_INIT("HELLO World"), STR_INIT("hello wORLD"), true },
        { STR_INIT("\xc3\x84"), STR_INIT("\xc3\xa4"), true },        /* A umlaut */
        { STR_INIT("caf\xc3\xa9"), STR_INIT("CAFE\xcc\x81"), true }, /* composed or not */
        { STR_INIT("stra\xc3\x9f"
                   "e"),
          STR_INIT("STRASSE"), true },
        { STR_INIT("\xe1\xba\x9e"), STR_INIT("ss"), true },       /* capital sharp s */
        { STR_INIT("\xef\xbc\xa1"), STR_INIT("a"), true },        /* full width A */
        { STR_INIT("\xef\xac\x81"), STR_INIT("fi"), true },       /* ligature */
        { STR_INIT("\xe2\x84\xaa"), STR_INIT("k"), true },        /* Kelvin sign */
        { STR_INIT("\xe2\x84\xab"), STR_INIT("\xc3\xa5"), true }, /* Angstrom sign */
        { STR_INIT("\xce\xa3"), STR_INIT("\xcf\x82"), true },     /* sigma, final sigma */
        { STR_INIT("\xd0\x9f"), STR_INIT("\xd0\xbf"), true },     /* Cyrillic */
        { STR_INIT("a\xff"), STR_INIT("A\xfe"), true },           /* both damaged */
        { STR_INIT("a\0b"), STR_INIT("A\0B"), true },
        { { NULL, 0 }, STR_INIT(""), true },
        { STR_INIT("e"), STR_INIT("\xc3\xa9"), false }, /* accents are kept */
        { STR_INIT("a"), STR_INIT("b"), false },
        { STR_INIT("\xef\xb7\xba"), STR_INIT("\xef\xb7\xbb"), false }, /* the longest decomposition, 18 */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf a = BUF_INIT, b = BUF_INIT;
        utf8_fold(cases[i].a, &a);
        utf8_fold(cases[i].b, &b);
        assert_row(str_eq(buf_str(&a), buf_str(&b)) == cases[i].equal, i, "fold");
        assert_row(utf8_is_valid(buf_str(&a)), i, "valid");
        buf_deinit(&a);
        buf_deinit(&b);
    }
}

static void test_sanitized_text_is_valid_and_has_no_nul(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *out;
    } cases[] = {
        { STR_INIT("plain \xc3\xa9"), "plain \xc3\xa9" },
        { STR_INIT("a\0b"), "ab" },
        { STR_INIT("a\xff"
                   "b"),
          "a\xef\xbf\xbd"
          "b" },
        { STR_INIT("\xe1\x80"), "\xef\xbf\xbd\xef\xbf\xbd" },
        { { NULL, 0 }, "" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        utf8_sanitize(cases[i].in, &out);
        assert_row(strcmp(buf_c(&out), cases[i].out) == 0, i, buf_c(&out));
        buf_deinit(&out);
    }
}

static void test_collation_compares_by_titlecase(void **state)
{
    (void)state;
    static const struct {
        const char *left, *right;
        int order;
    } cases[] = {
        { "a", "A", 0 },
        { "a", "_", -1 }, /* RFC 5051, 2: "A" comes before "_" */
        { "Z", "[", -1 },
        { "`", "a", 1 },
        { "", "a", -1 },
        { "zz", "\xc3\xa9", 1 }, /* decomposed: "e" and an accent */
        { "\xc3\x89", "\xc3\xa9", 0 },
        { "\xce\xb1", "\xce\x91", 0 },
        { "z", "\xce\x91", -1 },
        { "\xcf\x82", "\xcf\x83", 0 }, /* final sigma */
        { "\xff", "\xef\xbf\xbd", 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf folded = BUF_INIT, left = BUF_INIT, right = BUF_INIT;
        utf8_fold(str_c(cases[i].left), &folded);
        utf8_collate(buf_str(&folded), &left);
        buf_clear(&folded);
        utf8_fold(str_c(cases[i].right), &folded);
        utf8_collate(buf_str(&folded), &right);
        int d = str_cmp(buf_str(&left), buf_str(&right));
        assert_row((d > 0) - (d < 0) == cases[i].order, i, cases[i].left);
        buf_deinit(&folded);
        buf_deinit(&left);
        buf_deinit(&right);
    }
}

static void test_prefix_ends_at_a_code_point(void **state)
{
    (void)state;
    static const size_t lengths[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6 }; /* for n of 0, 1, 2 ... */
    struct str s = STR("a\xc3\xa9\xe2\x82\xac");
    for (size_t n = 0; n < ARRAY_COUNT(lengths); n++)
        assert_row(utf8_prefix(s, n).n == lengths[n], n, "prefix");
}

static void test_hidden_characters_are_controls_and_turners(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x3000; c++) {
        bool control = c < 0x20 || (c >= 0x7f && c < 0xa0), line = c == 0x2028 || c == 0x2029;
        bool turner = c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
                      (c >= 0x2066 && c <= 0x2069);
        struct buf text = BUF_INIT;
        utf8_put(&text, c);
        struct str s = buf_str(&text);
        assert_row(utf8_hidden(s.p, str_end(s)) == (control || line || turner ? s.n : 0), c, "character");
        for (size_t n = 1; n < s.n; n++)
            assert_row(utf8_hidden(s.p, s.p + n) == 0, c, "cut off");
        buf_deinit(&text);
    }
    static const char wrong[] = "\xc2 ";
    assert_int_equal(utf8_hidden(wrong, wrong + 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_follows_rfc_3629),
        cmocka_unit_test(test_utf8_put_and_next_agree_on_every_code_point),
        cmocka_unit_test(test_ascii_is_1_to_127),
        cmocka_unit_test(test_nfc_composes),
        cmocka_unit_test(test_folded_texts_are_equal_where_people_see_no_difference),
        cmocka_unit_test(test_sanitized_text_is_valid_and_has_no_nul),
        cmocka_unit_test(test_collation_compares_by_titlecase),
        cmocka_unit_test(test_hidden_characters_are_controls_and_turners),
        cmocka_unit_test(test_prefix_ends_at_a_code_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
