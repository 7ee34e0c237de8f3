#include "base/testing.h"
#include "imap/wire/writer.h"

#include <stdlib.h>

static void assert_out(struct buf *out, size_t row, const char *want)
{
    if (!str_eq(buf_str(out), str_c(want)))
        print_error("got <%s>\n", buf_c(out));
    assert_row(str_eq(buf_str(out), str_c(want)), row, want);
    buf_clear(out);
}

static void test_strings_take_the_shortest_right_form(void **state)
{
    (void)state;
    static const struct {
        const char *in, *astring, *string, *nstring, *utf8;
    } cases[] = {
        { "abc", "abc", "\"abc\"", "\"abc\"", "\"abc\"" },
        { "a]", "a]", "\"a]\"", "\"a]\"", "\"a]\"" },
        { "NIL", "\"NIL\"", "\"NIL\"", "\"NIL\"", "\"NIL\"" },
        { "", "\"\"", "\"\"", "\"\"", "\"\"" },
        { NULL, "\"\"", "\"\"", "NIL", "NIL" },
        { "a b", "\"a b\"", "\"a b\"", "\"a b\"", "\"a b\"" },
        { "a\"\\", "\"a\\\"\\\\\"", "\"a\\\"\\\\\"", "\"a\\\"\\\\\"", "\"a\\\"\\\\\"" },
        { "a\r\nb", "{4}\r\na\r\nb", "{4}\r\na\r\nb", "{4}\r\na\r\nb", "{4}\r\na\r\nb" },
        { "\xc3\xbc", "{2}\r\n\xc3\xbc", "{2}\r\n\xc3\xbc", "{2}\r\n\xc3\xbc", "\"\xc3\xbc\"" },
        { "\xff", "{1}\r\n\xff", "{1}\r\n\xff", "{1}\r\n\xff", "{1}\r\n\xff" },
    };
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str s = str_c(cases[i].in);
        write_astring(&out, s, false);
        assert_out(&out, i, cases[i].astring);
        write_string(&out, s, false);
        assert_out(&out, i, cases[i].string);
        write_nstring(&out, s, false);
        assert_out(&out, i, cases[i].nstring);
        write_nstring(&out, s, true);
        assert_out(&out, i, cases[i].utf8);
    }
    buf_deinit(&out);
}

static void test_long_strings_and_nul_go_out_as_literals(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    char text[WRITE_QUOTED_MAX + 1];
    memset(text, 'a', sizeof text);
    write_string(&out, str_make(text, WRITE_QUOTED_MAX), false);
    assert_int_equal(out.p[0], '"');
    buf_clear(&out);
    write_string(&out, str_make(text, WRITE_QUOTED_MAX + 1), false);
    assert_true(str_starts(buf_str(&out), STR("{1025}\r\naaa")));
    buf_clear(&out);
    write_string(&out, str_make("a\0b", 3), false);
    assert_true(str_eq(buf_str(&out), str_make("{3}\r\na\0b", 8)));
    buf_clear(&out);
    write_literal8_head(&out, 5000000000);
    assert_str(buf_str(&out), "~{5000000000}\r\n");
    buf_deinit(&out);
}

static void test_mailbox_names_suit_the_client(void **state)
{
    (void)state;
    static const struct {
        const char *name, *rev1, *rev2;
    } cases[] = {
        { "INBOX", "INBOX", "INBOX" },   { "My mail", "\"My mail\"", "\"My mail\"" },
        { "R&D", "R&-D", "R&D" },        { "Entw\xc3\xbcrfe", "Entw&APw-rfe", "\"Entw\xc3\xbcrfe\"" },
        { "a%b", "\"a%b\"", "\"a%b\"" }, { "nil", "\"nil\"", "\"nil\"" },
    };
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        write_mailbox(&out, str_c(cases[i].name), false);
        assert_out(&out, i, cases[i].rev1);
        write_mailbox(&out, str_c(cases[i].name), true);
        assert_out(&out, i, cases[i].rev2);
    }
    buf_deinit(&out);
}

static void test_flags(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    const struct str keywords[] = { STR("$Junk"), STR("x") };
    write_flags(&out, 0, false, NULL, NULL);
    assert_out(&out, 0, "()");
    write_flags(&out, FLAG_SEEN | FLAG_DRAFT, true, NULL, NULL);
    assert_out(&out, 1, "(\\Seen \\Draft \\Recent)");
    write_flag_names(&out, FLAG_ALL, keywords, 2, true);
    assert_out(&out, 2, "(\\Seen \\Answered \\Flagged \\Deleted \\Draft $Junk x \\*)");
    write_flag_names(&out, 0, keywords, 1, false);
    assert_out(&out, 3, "($Junk)");
    buf_deinit(&out);
}

static void test_keywords_are_named_by_their_table(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct keyword_set set = { { 0 } };
    struct keyword_table *table = calloc(1, sizeof *table + 2 * sizeof table->names[0]);
    assert_non_null(table);
    table->count = 2;
    table->names[0] = STR("$Junk");
    table->names[1] = STR("x");
    keyword_set_add(&set, 1);
    write_flags(&out, FLAG_SEEN, false, &set, table);
    assert_out(&out, 0, "(\\Seen x)");
    keyword_set_add(&set, 0);
    keyword_set_add(&set, 200); /* not in the table: a damaged set shows nothing */
    write_flags(&out, 0, false, &set, table);
    assert_out(&out, 1, "($Junk x)");
    free(table);
    buf_deinit(&out);
}

static void test_dates(void **state)
{
    (void)state;
    static const struct {
        int64_t unix_s;
        int16_t zone;
        const char *want;
    } cases[] = {
        { 837596665, -420, "\"17-Jul-1996 02:44:25 -0700\"" },
        { 0, 0, "\"01-Jan-1970 00:00:00 +0000\"" },
        { -1, 0, "\"31-Dec-1969 23:59:59 +0000\"" },
        { 951782399, 330, "\"29-Feb-2000 05:29:59 +0530\"" },
        { 253402300799, 0, "\"31-Dec-9999 23:59:59 +0000\"" },
        { 253402300799, 60, "\"31-Dec-9999 23:59:59 +0100\"" },
        { -62167219200, -60, "\"01-Jan-0000 00:00:00 -0100\"" },
        { INT64_MAX, 0, "\"31-Dec-9999 23:59:59 +0000\"" },
        { INT64_MIN, 0, "\"01-Jan-0000 00:00:00 +0000\"" },
        { 0, 32767, "\"01-Jan-1970 00:00:00 +0000\"" },
    };
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        write_date_time(&out, cases[i].unix_s, cases[i].zone);
        assert_out(&out, i, cases[i].want);
    }
    buf_deinit(&out);
}

static void test_status_lines_cannot_be_broken_up(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    write_status(&out, STR("a1"), "OK", STR("READ-WRITE"), STR("done"), false);
    assert_out(&out, 0, "a1 OK [READ-WRITE] done\r\n");
    write_status(&out, STR_NIL, "BYE", STR_NIL, STR("a\r\nb OK x"), false);
    assert_out(&out, 1, "* BYE a  b OK x\r\n");
    write_status(&out, STR("a"), "NO", STR("ALERT"), STR(""), false); /* text must follow a code */
    assert_out(&out, 2, "a NO [ALERT] .\r\n");
    write_status(&out, STR("a"), "NO", STR(""), STR("\xc3\xbc"), false);
    assert_out(&out, 3, "a NO ??\r\n");
    write_status(&out, STR("a"), "NO", STR(""), STR("\xc3\xbc"), true);
    assert_out(&out, 4, "a NO \xc3\xbc\r\n");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings_take_the_shortest_right_form),
        cmocka_unit_test(test_long_strings_and_nul_go_out_as_literals),
        cmocka_unit_test(test_mailbox_names_suit_the_client),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_keywords_are_named_by_their_table),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_status_lines_cannot_be_broken_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
