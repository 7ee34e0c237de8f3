#include "imap/wire/url.h"

#include "base/buf.h"
#include "base/testing.h"

static void print(const struct url_message *url, struct buf *out)
{
    buf_printf(out, "<" STR_FMT ">", STR_ARG(url->mailbox));
    if (url->uidvalidity)
        buf_printf(out, "@%u", url->uidvalidity);
    buf_printf(out, " %u [", url->uid);
    for (size_t i = 0; i < url->section.part_count; i++)
        buf_printf(out, "%u.", url->section.parts[i]);
    buf_printf(out, "t%d", url->section.text);
    for (size_t i = 0; i < url->section.field_count; i++)
        buf_printf(out, " " STR_FMT, STR_ARG(url->section.fields[i]));
    buf_add_char(out, ']');
    if (url->has_partial)
        buf_printf(out, "<%llu.%llu>", (unsigned long long)url->offset, (unsigned long long)url->length);
}

static void test_url(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want; /* NULL: refused */
    } cases[] = {
        /* RFC 4469, A; RFC 8508, 4.2 */
        { "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER", "<Drafts>@385759045 20 [t1]" },
        { "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME", "<Drafts>@385759045 20 [1.t5]" },
        { "/Drafts;UIDVALIDITY=385759045/;UID=20/;Section=2", "<Drafts>@385759045 20 [2.t0]" },
        { "/Drafts;UIDVALIDITY=385759045/;UID=30", "<Drafts>@385759045 30 [t0]" },
        { "/INBOX;UIDVALIDITY=785799047/;UID=113330/;section=1.5.9", "<INBOX>@785799047 113330 [1.5.9.t0]" },
        { "/Drafts/;UID=3002", "<Drafts> 3002 [t0]" },
        /* names: escaped UTF-8, INBOX in any case */
        { "/inbox/;uid=1", "<INBOX> 1 [t0]" },
        { "/a/b/c/;UID=1", "<a/b/c> 1 [t0]" },
        { "/a%20b%3bc/;UID=1", "<a b;c> 1 [t0]" },
        { "/Entw%C3%BCrfe/;UID=1", "<Entw\303\274rfe> 1 [t0]" },
        { "/Entwu%CC%88rfe/;UID=1", "<Entw\303\274rfe> 1 [t0]" }, /* NFC */
        { "/%2e%2e/;UID=1", "<..> 1 [t0]" },
        { "/%c3/;UID=1", NULL },
        { "/%00/;UID=1", NULL },
        { "/%zz/;UID=1", NULL },
        { "/a%2/;UID=1", NULL },
        { "/a b/;UID=1", NULL },
        { "/\303\274/;UID=1", NULL },
        { "/../a/;UID=1", NULL },
        { "/a/./b/;UID=1", NULL },
        /* sections and ranges */
        { "/a/;UID=1/;SECTION=TEXT/;PARTIAL=10.20", "<a> 1 [t4]<10.20>" },
        { "/a/;UID=1/;PARTIAL=7", "<a> 1 [t0]<7.18446744073709551615>" },
        { "/a/;UID=1/;PARTIAL=0.1", "<a> 1 [t0]<0.1>" },
        { "/a/;UID=1/;SECTION=HEADER.FIELDS%20(DATE%20%22To%22)", "<a> 1 [t2 DATE To]" },
        { "/a/;UID=1/;SECTION=1.2.HEADER.FIELDS.NOT%20(DATE)", "<a> 1 [1.2.t3 DATE]" },
        { "/a/;UID=1/;SECTION=", NULL },
        { "/a/;UID=1/;SECTION=/;PARTIAL=1", NULL },
        { "/a/;UID=1/;SECTION=MIME", NULL },
        { "/a/;UID=1/;SECTION=0", NULL },
        { "/a/;UID=1/;SECTION=1.", NULL },
        { "/a/;UID=1/;SECTION=HEADER.FIELDS%20()", NULL },
        { "/a/;UID=1/;SECTION=HEADERx", NULL },
        { "/a/;UID=1/;SECTION=1%0D%0A", NULL },
        { "/a/;UID=1/;PARTIAL=", NULL },
        { "/a/;UID=1/;PARTIAL=1.0", NULL },
        { "/a/;UID=1/;PARTIAL=1.", NULL },
        { "/a/;UID=1/;PARTIAL=9223372036854775808", NULL },
        { "/a/;UID=1/;PARTIAL=1/;SECTION=1", NULL },
        /* no message */
        { "/a/;UID=0", NULL },
        { "/a/;UID=4294967296", NULL },
        { "/a/;UID=1x", NULL },
        { "/a/;UID=", NULL },
        { "/a/;UID=1/", NULL },
        { "/a;UIDVALIDITY=0/;UID=1", NULL },
        { "/a;UIDVALIDITY=1;UID=1", NULL },
        { "/a;UIDVALIDITY=1", NULL },
        { "/a;UID=1", NULL },
        { "/a?SUBJECT%20x", NULL },
        { "/a", NULL },
        { "/;UID=1", NULL },
        { "//;UID=1", NULL },
        { "/", NULL },
        { "", NULL },
        /* not here: other servers, relative paths, URLAUTH */
        { "imap://host/a/;UID=1", NULL },
        { "imap://user@host/a/;UID=1", NULL },
        { "//host/a/;UID=1", NULL },
        { "a/;UID=1", NULL },
        { ";UID=1", NULL },
        { "/a/;UID=1;URLAUTH=anonymous", NULL },
        { "/a/;UID=1;EXPIRE=2026-01-01T00:00:00Z;URLAUTH=user+a:INTERNAL:00", NULL },
    };
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct url_message url;
        buf_clear(&out);
        int r = url_parse_message(str_c(cases[i].in), &arena, &url, NULL);
        assert_row(r == (cases[i].want ? 0 : -ERR_INVALID), i, cases[i].in);
        if (r < 0)
            continue;
        print(&url, &out);
        assert_row(str_eq(buf_str(&out), str_c(cases[i].want)), i, buf_c(&out));
    }
    arena_deinit(&arena);
    buf_deinit(&out);
}

static void test_bad_url_fits_into_a_response_code(void **state)
{
    (void)state;
    struct buf out = BUF_INIT, in = BUF_INIT;
    url_write_bad(STR("/a\"]\\ \r\n\303\274;UID=1"), &out);
    assert_string_equal(buf_c(&out), "/a%22%5D%5C%20%0D%0A%C3%BC;UID=1");
    buf_clear(&out);
    for (size_t i = 0; i < 1001; i++)
        buf_add_char(&in, 'x');
    url_write_bad(buf_str(&in), &out);
    assert_int_equal(out.n, 1000);
    buf_deinit(&out);
    buf_deinit(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url),
        cmocka_unit_test(test_bad_url_fits_into_a_response_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
