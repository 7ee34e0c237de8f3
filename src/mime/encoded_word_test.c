#include "base/testing.h"
#include "mime/encoded_word.h"

#include <time.h>

static void test_encoded_words_decode(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "plain", "plain" },
        { "=?utf-8?Q?J=C3=B6rg?=", "J\xc3\xb6rg" },
        { "=?UTF-8?b?SsO2cmc=?= x", "J\xc3\xb6rg x" },
        { "=?iso-8859-1?q?a_b=E9?=", "a b\xc3\xa9" },
        { "=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab" },
        { "=?utf-8?Q?a?=\r\n =?utf-8?Q?b?= c", "ab c" },
        { "=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c" },
        { "=?utf-8?Q?=C3?= =?utf-8?Q?=B6?=", "\xc3\xb6" },
        { "=?utf-8?B?w7Y?= =?iso-8859-1?Q?=F6?=", "\xc3\xb6\xc3\xb6" },
        { "=?utf-8*en?Q?a?=", "a" },
        { "=?no-such?Q?a?= b", "=?no-such?Q?a?= b" },
        { "=?utf-8?X?a?=", "=?utf-8?X?a?=" },
        { "=?utf-8?Q?open", "=?utf-8?Q?open" },
        { "=?utf-8?Q?a b c?=", "a b c" },
        { "\"=?utf-8?Q?a?=\"", "\"a\"" },
        { "x=?utf-8?Q?a?=y", "xay" },
        { "=?utf-8?Q?=FF?=", "\xef\xbf\xbd" },
        { "=?utf-8?Q?a=00b?=", "ab" },
        { "=?utf-8?Q?"
          "?=",
          "" },
        { "=?utf-8?Q?a=?=", "a=" },
        { "=?=?utf-8?Q?a?=", "=?a" },
        { "raw \xc3\xb6", "raw \xc3\xb6" },
        { "raw \xf6", "raw \xc3\xb6" },
        { "a\r\n b", "a b" },
        { "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "\xe6\x97\xa5\xe6\x9c\xac" },
        { "=?gb2312?B?1tDOxA==?=", "\xe4\xb8\xad\xe6\x96\x87" },
        { "=?ks_c_5601-1987?B?x9GxuQ==?=", "\xed\x95\x9c\xea\xb5\xad" },
        { "", "" },
    };
    struct charset_cache *cache = charset_cache_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        encoded_word_decode(str_c(cases[i].in), cache, &out);
        if (!str_eq(buf_str(&out), str_c(cases[i].out)))
            print_error("got <%s>\n", buf_c(&out));
        assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, cases[i].in);
        buf_deinit(&out);
    }
    charset_cache_free(&cache);
}

static void test_encoded_words_of_hostile_bytes_cost_linear_time(void **state)
{
    static const char *const units[] = { "=?",
                                         "=?utf-8?Q?",
                                         "=?a?q?=?",
                                         "=?utf-8?q?a?= ",
                                         "?=",
                                         "=?utf-8?b?"
                                         "?"
                                         "?"
                                         "?=" };
    struct charset_cache *cache = charset_cache_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        struct buf in = BUF_INIT, out = BUF_INIT;
        while (in.n < 1 << 20)
            buf_add(&in, str_c(units[i]));
        buf_add_lit(&in, "?=");
        clock_t start = clock();
        encoded_word_decode(buf_str(&in), cache, &out);
        assert_row(clock() - start < 2 * CLOCKS_PER_SEC, i, units[i]);
        buf_deinit(&in);
        buf_deinit(&out);
    }
    charset_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoded_words_decode),
        cmocka_unit_test(test_encoded_words_of_hostile_bytes_cost_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
