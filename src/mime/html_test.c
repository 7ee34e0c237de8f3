#include "base/testing.h"
#include "mime/html.h"

static void test_html_becomes_what_a_person_reads(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "<p>Hello <b>wor</b>ld</p><p>x", "Hello world x" },
        { "a<br>b", "a b" },
        { "a &amp; b &lt;c&gt; &eacute;&#233;&#xe9;", "a & b <c> \xc3\xa9\xc3\xa9\xc3\xa9" },
        { "a&nbsp;&nbsp;b", "a b" },
        { "a &unknown; b &#0; &#99999999; &", "a &unknown b &#0 &#99999999 &" },
        { "<style>p { x: y }</style>t<script>a<b</script>u", "t u" },
        { "<!-- a > b -->t<!DOCTYPE html>u<!-->v", "tuv" },
        { "<a href=\"x>y\" title='<'>t</a>", "t" },
        { "1 < 2 and 3 <4", "1 < 2 and 3 <4" },
        { "a\r\n  b", "a b" },
        { "<p class=it's>x</p>", "x " },
        { "x<", "x<" },
        { "x</", "x<" },
        { "x<p", "x" },
        { "", "" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str in = str_c(cases[i].in);
        for (size_t step = 1; step <= in.n; step++) {
            struct html_stripper h = { 0 };
            struct buf out = BUF_INIT;
            for (size_t at = 0; at < in.n; at += step)
                html_strip(&h, str_sub(in, at, step), at + step >= in.n, &out);
            if (!str_eq(buf_str(&out), str_c(cases[i].out)))
                print_error("step %zu got <%s>\n", step, buf_c(&out));
            assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, cases[i].in);
            buf_deinit(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_html_becomes_what_a_person_reads) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
