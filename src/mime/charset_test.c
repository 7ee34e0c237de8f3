#include "base/testing.h"
#include "mime/charset.h"

static void test_charset_names_are_found(void **state)
{
    static const struct {
        const char *in, *canonical;
    } cases[] = {
        { "utf-8", "utf-8" },
        { "UTF8", "utf-8" },
        { "US-ASCII", "us-ascii" },
        { "iso-8859-1", "windows-1252" },
        { "ISO_8859-1", "windows-1252" },
        { "latin1", "windows-1252" },
        { "cp1252", "windows-1252" },
        { "iso8859-2", "iso-8859-2" },
        { "ISO_8859-2:1987", "iso-8859-2" },
        { "iso8859-9", "windows-1254" },
        { "cp1251", "windows-1251" },
        { "win-1250", "windows-1250" },
        { "ibm850", "cp850" },
        { "gb2312", "gb18030" },
        { "x-gbk", "gb18030" },
        { "ks_c_5601-1987", "cp949" },
        { "euc-kr", "cp949" },
        { "x-sjis", "cp932" },
        { "Shift_JIS", "cp932" },
        { "unicode-1-1-utf-7", "utf-7" },
        { "utf-8*en", "utf-8" },
        { "\"utf-8\"", "utf-8" },
        { " utf-8 ", "utf-8" },
        { "", "" },
        { "no-such", "" },
        { "utf-8//IGNORE", "" },
        { "../../evil", "" },
        { "cp99999999999999", "" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(str_eq(charset_name(charset_find(str_c(cases[i].in))), str_c(cases[i].canonical)), i,
                   cases[i].in);
    assert_str(charset_name(255), "");
}

static const struct {
    const char *charset;
    struct str in;
    const char *out;
} conversions[] = {
    { "utf-8", STR_INIT("a\xc3\xb6"), "a\xc3\xb6" },
    { "utf-8", STR_INIT("a\xff\xc3"), "a\xef\xbf\xbd\xef\xbf\xbd" },
    { "utf-8", STR_INIT("\xe4\xb8\xad\xf0\x9f\x90\xa6"), "\xe4\xb8\xad\xf0\x9f\x90\xa6" },
    { "iso-8859-1", STR_INIT("\x80\xe9\x81"), "\xe2\x82\xac\xc3\xa9\xef\xbf\xbd" },
    { "us-ascii", STR_INIT("a\xe9\xc3\xb6"), "a\xc3\xa9\xc3\xb6" },
    { "", STR_INIT("a\xe9\xc3\xb6"), "a\xc3\xa9\xc3\xb6" },
    { "koi8-r", STR_INIT("\xf0\xf2"), "\xd0\x9f\xd0\xa0" },
    { "gb2312", STR_INIT("\xd6\xd0\xff\xce\xc4"), "\xe4\xb8\xad\xef\xbf\xbd\xe6\x96\x87" },
    { "gb2312", STR_INIT("\xd6\xd0\xce"), "\xe4\xb8\xad\xef\xbf\xbd" },
    { "iso-2022-jp", STR_INIT("\x1b$B\x46\x7c\x1b(B x"), "\xe6\x97\xa5 x" },
    { "utf-7", STR_INIT("a+APY-b"),
      "a\xc3\xb6"
      "b" },
    { "utf-16be", STR_INIT("\0a\0b"), "ab" },
    { "utf-16",
      STR_INIT("\xff\xfe"
               "a\0"),
      "a" },
    { "big5", STR_INIT("\xa4\xa4"), "\xe4\xb8\xad" },
    { "windows-1254", STR_INIT("\xf0"), "\xc4\x9f" },
};

static void test_charset_converts_the_same_whole_or_cut(void **state)
{
    struct charset_cache *cache = charset_cache_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(conversions); i++) {
        struct str in = conversions[i].in;
        uint8_t id = charset_find(str_c(conversions[i].charset));
        for (size_t step = 1; step <= in.n; step++) {
            struct buf out = BUF_INIT;
            struct charset_stream s;
            charset_stream_init(&s, cache, id);
            for (size_t at = 0; at < in.n; at += step)
                assert_int_equal(
                    charset_stream_feed(&s, str_sub(in, at, step), at + step >= in.n, &out, NULL), 0);
            assert_row(str_eq(buf_str(&out), str_c(conversions[i].out)), i, conversions[i].charset);
            buf_deinit(&out);
        }
    }
    charset_cache_free(&cache);
}

static void test_every_charset_of_the_table_is_installed(void **state)
{
    struct charset_cache *cache = charset_cache_new();
    struct buf out = BUF_INIT;
    (void)state;
    for (uint8_t id = 1; charset_name(id).n; id++) {
        assert_row(charset_to_utf8(cache, id, STR("abcd"), &out, NULL) == 0, id, charset_name(id).p);
        assert_row(charset_find(charset_name(id)) == id, id, charset_name(id).p);
    }
    assert_int_equal(charset_to_utf8(cache, 255, STR("a"), &out, NULL), -ERR_CHARSET);
    buf_deinit(&out);
    charset_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_charset_names_are_found),
        cmocka_unit_test(test_charset_converts_the_same_whole_or_cut),
        cmocka_unit_test(test_every_charset_of_the_table_is_installed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
