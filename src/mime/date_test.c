#include "base/testing.h"
#include "mime/date.h"

static void test_date_fields_parse(void **state)
{
    static const struct {
        const char *in;
        int r;
        int64_t utc_s;
        int zone_minutes;
    } cases[] = {
        { "Wed, 17 Jul 1996 02:23:25 -0700 (PDT)", 0, 837595405, -420 },
        { "1 Jan 1970 00:00:00 +0000", 0, 0, 0 },
        { "Fri, 20 Nov 2026 11:17:00 +0530", 0, 1795153620, 330 },
        { "20 Nov 26 11:17 GMT", 0, 1795173420, 0 },
        { "20 Nov 96 11:17:01 EST", 0, 848506621, -300 },
        { "20 Nov 103 00:00:00 Z", 0, 1069286400, 0 },
        { "Tue Feb 20 16:01:33 2001", 0, 982684893, 0 },
        { "Tue Feb 20 16:01:33 PST 2001", 0, 982713693, -480 },
        { "2001-02-20T16:01:33+01:00", 0, 982681293, 60 },
        { "20-Feb-2001 16:01:33 -0000", 0, 982684893, 0 },
        { "Tue, 20 Feb 2001 16:01:33", 0, 982684893, 0 },
        { "Tue, 20 Feb 2001", 0, 982627200, 0 },
        { "Tue, 20 Feb 2001 25:99:00 +0100", 0, 982623600, 60 },
        { "Tue, 20 Feb 2001 16:01:33 +9999", 0, 982684893, 0 },
        { "Tue, 20 Feb 2001 16:01:33 XYZ", 0, 982684893, 0 },
        { "Tue, 20 Feb 2001 04:01:33 PM +0000", 0, 982684893, 0 },
        { "(c) Tue (x), 20 (y) Feb 2001 16:01:33 (", 0, 982684893, 0 },
        { "29 Feb 2000 00:00:00 +0000", 0, 951782400, 0 },
        { "31 Dec 2016 23:59:60 +0000", 0, 1483228800, 0 },
        { "1 Jan 1960 00:00:00 +0000", 0, -315619200, 0 },
        { "29 Feb 2001 00:00:00 +0000", -ERR_SYNTAX, 0, 0 },
        { "32 Jan 2001 00:00:00", -ERR_SYNTAX, 0, 0 },
        { "0 Jan 2001 00:00:00", -ERR_SYNTAX, 0, 0 },
        { "Jan 2001", -ERR_SYNTAX, 0, 0 },
        { "1 Jan 99999 00:00:00", -ERR_SYNTAX, 0, 0 },
        { "1 Jan 99999999999999999999", -ERR_SYNTAX, 0, 0 },
        { "", -ERR_SYNTAX, 0, 0 },
        { "yesterday", -ERR_SYNTAX, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct mail_date date = { 0, 0 };
        int r = date_parse_field(str_c(cases[i].in), &date, NULL);
        if (date.utc_s != cases[i].utc_s)
            print_error("got %lld\n", (long long)date.utc_s);
        assert_row(r == cases[i].r, i, cases[i].in);
        assert_row(date.utc_s == cases[i].utc_s, i, cases[i].in);
        assert_row(date.zone_minutes == cases[i].zone_minutes, i, cases[i].in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_date_fields_parse) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
