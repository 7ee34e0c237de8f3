#include "base/testing.h"
#include "base/utf8.h"
#include "mime/subject.h"

static void test_subject_is_reduced_to_its_base(void **state)
{
    static const struct {
        const char *in, *base;
        bool is_reply;
    } cases[] = {
        { "Hello", "hello", false },
        { "Re: Hello", "hello", true },
        { "RE:  re: Fwd: fw : Hello  (fwd) (FWD)", "hello", true },
        { "Re [x]: Hello", "hello", true },
        { "[list] Re: Hello", "hello", true },
        { "[list] Hello", "hello", false },
        { "[list] [b] Re: [c] Hello", "hello", true },
        { "[only]", "[only]", false },
        { "Re: [only]", "[only]", true },
        { "[fwd: Re: Hello]", "hello", true },
        { "Fwd: [fwd: Hello (fwd)]", "hello", true },
        { "=?utf-8?Q?Re:_H=C3=84llo?=", "h\xc3\xa4llo", true },
        { "a\r\n\t  b   c", "a b c", false },
        { "Re Hello", "re hello", false },
        { "Re:", "", true },
        { "", "", false },
        { "[fwd:]", "", true },
        { "[", "[", false },
    };
    struct charset_cache *cache = charset_cache_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT, want = BUF_INIT;
        bool is_reply;
        utf8_fold(str_c(cases[i].base), &want);
        subject_base(str_c(cases[i].in), cache, &out, &is_reply);
        if (!str_eq(buf_str(&out), buf_str(&want)))
            print_error("got <%s>\n", buf_c(&out));
        assert_row(str_eq(buf_str(&out), buf_str(&want)), i, cases[i].in);
        assert_row(is_reply == cases[i].is_reply, i, cases[i].in);
        buf_deinit(&out);
        buf_deinit(&want);
    }
    charset_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_subject_is_reduced_to_its_base) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
