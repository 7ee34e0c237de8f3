#include "base/buf.h"
#include "base/testing.h"
#include "imap/wire/parser.h"

/* Each row: bytes behind which the line ends, what reading them as one word gives, and the word as read. */
struct word_case {
    const char *in;
    int r;
    const char *want; /* NULL: NIL */
};

static const struct parser_limits limits = { .string_max = 20, .depth_max = 2, .items_max = 3 };

static int read_word(struct str in, bool utf8, bool (*parse)(struct parser *p, struct str *out),
                     struct arena *arena, struct buf *line, struct str *out)
{
    struct parser p;
    struct err err = { 0 };
    buf_clear(line);
    buf_add(line, in);
    buf_add_lit(line, "\r\n");
    parser_init(&p, buf_str(line), &limits, utf8, arena);
    if (parse(&p, out) && parse_end(&p))
        return 0;
    int r = parser_error(&p, &err);
    assert_true(r == -(int)err.kind && err.text[0]);
    return r;
}

static void check_words(const struct word_case *cases, size_t count, bool utf8,
                        bool (*parse)(struct parser *p, struct str *out))
{
    struct arena arena = ARENA_INIT;
    struct buf line = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        struct str got = STR("unset");
        int r = read_word(str_c(cases[i].in), utf8, parse, &arena, &line, &got);
        if (r != cases[i].r)
            print_error("r %d\n", r);
        assert_row(r == cases[i].r, i, cases[i].in);
        if (r == 0 && !(str_eq(got, str_c(cases[i].want)) && str_is_nil(got) == (cases[i].want == NULL)))
            print_error("got <" STR_FMT ">\n", STR_ARG(got));
        assert_row(r < 0 || str_eq(got, str_c(cases[i].want)), i, cases[i].in);
        assert_row(r < 0 || str_is_nil(got) == (cases[i].want == NULL), i, cases[i].in);
    }
    arena_deinit(&arena);
    buf_deinit(&line);
}

static void test_tags(void **state)
{
    (void)state;
    static const struct word_case cases[] = {
        { "a001", 0, "a001" },
        { "]", 0, "]" },
        { "", -ERR_SYNTAX, NULL },
        { "+", -ERR_SYNTAX, NULL },
        { "a+b", -ERR_SYNTAX, NULL },
        { "a*", -ERR_SYNTAX, NULL },
        { "\"a\"", -ERR_SYNTAX, NULL },
        { "{1}", -ERR_SYNTAX, NULL },
        { "\xc3\xa4", -ERR_SYNTAX, NULL },
    };
    check_words(cases, ARRAY_COUNT(cases), false, parse_tag);
}

static void test_astrings(void **state)
{
    (void)state;
    static const struct word_case cases[] = {
        { "abc", 0, "abc" },
        { "a]b+c}", 0, "a]b+c}" },
        { "NIL", 0, "NIL" },
        { "abc ", 0, "abc" }, /* a space before the end of the line is forgiven */
        { "\"\"", 0, "" },
        { "\"a b\"", 0, "a b" },
        { "\"a\\\"b\\\\c\"", 0, "a\"b\\c" },
        { "\"a\tb\"", 0, "a\tb" },
        { "\"\xc3\xa4\"", 0, "\xc3\xa4" },
        { "{3}\r\na\nb", 0, "a\nb" },
        { "{3+}\r\na\"b", 0, "a\"b" },
        { "{2}\nab", 0, "ab" },
        { "{0}\r\n", 0, "" },
        { "{2}\r\n\xff\xfe", 0, "\xff\xfe" }, /* SEARCH CHARSET has other charsets */
        { "", -ERR_SYNTAX, NULL },
        { "(", -ERR_SYNTAX, NULL },
        { "a(b", -ERR_SYNTAX, NULL },
        { "a b", -ERR_SYNTAX, NULL },
        { "a\"b", -ERR_SYNTAX, NULL },
        { "a*", -ERR_SYNTAX, NULL },
        { "a\x01", -ERR_SYNTAX, NULL },
        { "a\xc3\xa4", -ERR_SYNTAX, NULL },
        { "\"abc", -ERR_SYNTAX, NULL },
        { "\"abc\\\"", -ERR_SYNTAX, NULL },
        { "\"a\\bc\"", -ERR_SYNTAX, NULL },
        { "\"a\rb\"", -ERR_SYNTAX, NULL },
        { "\"a\nb\"", -ERR_SYNTAX, NULL },
        { "\"\xff\"", -ERR_SYNTAX, NULL },
        { "\"\xc3\"", -ERR_SYNTAX, NULL },
        { "\"a\"b", -ERR_SYNTAX, NULL },
        { "{9}\r\nab", -ERR_SYNTAX, NULL },
        { "{}\r\n", -ERR_SYNTAX, NULL },
        { "{-1}\r\n", -ERR_SYNTAX, NULL },
        { "{1++}\r\na", -ERR_SYNTAX, NULL },
        { "{1} \r\na", -ERR_SYNTAX, NULL },
        { "{18446744073709551615}\r\na", -ERR_SYNTAX, NULL },
        { "{9223372036854775807}\r\na", -ERR_LIMIT, NULL },
        { "~{1}\r\na", -ERR_SYNTAX, NULL },
        { "1234567890123456789", 0, "1234567890123456789" },
        { "12345678901234567890", 0, "12345678901234567890" },
        { "123456789012345678901", -ERR_LIMIT, NULL },
        { "\"12345678901234567890\"", 0, "12345678901234567890" },
        { "\"123456789012345678901\"", -ERR_LIMIT, NULL },
        { "{20}\r\n12345678901234567890", 0, "12345678901234567890" },
        { "{21}\r\n123456789012345678901", -ERR_LIMIT, NULL },
    };
    check_words(cases, ARRAY_COUNT(cases), false, parse_astring);
}

static void test_nstrings(void **state)
{
    (void)state;
    static const struct word_case cases[] = {
        { "NIL", 0, NULL },
        { "nil", 0, NULL },
        { "\"NIL\"", 0, "NIL" },
        { "\"\"", 0, "" },
        { "NILS", -ERR_SYNTAX, NULL },
        { "abc", -ERR_SYNTAX, NULL },
    };
    check_words(cases, ARRAY_COUNT(cases), false, parse_nstring);
}

static void test_nul_is_refused_but_in_literal8(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct buf line = BUF_INIT;
    struct str out;
    assert_int_equal(read_word(str_make("\"a\0b\"", 5), false, parse_astring, &arena, &line, &out),
                     -ERR_SYNTAX);
    assert_int_equal(read_word(str_make("a\0b", 3), false, parse_astring, &arena, &line, &out), -ERR_SYNTAX);
    assert_int_equal(read_word(str_make("\0", 1), false, parse_tag, &arena, &line, &out), -ERR_SYNTAX);
    assert_int_equal(read_word(str_make("{1}\r\n\0", 6), false, parse_astring, &arena, &line, &out),
                     -ERR_SYNTAX);
    assert_int_equal(read_word(str_make("{1}\r\n\0", 6), false, parse_literal8, &arena, &line, &out),
                     -ERR_SYNTAX);
    assert_int_equal(read_word(str_make("~{1}\r\n\0", 7), false, parse_literal8, &arena, &line, &out), 0);
    assert_true(out.n == 1 && out.p[0] == '\0');
    arena_deinit(&arena);
    buf_deinit(&line);
}

static void test_mailbox_names_in_modified_utf7(void **state)
{
    (void)state;
    static const struct word_case cases[] = {
        { "INBOX", 0, "INBOX" },
        { "iNbOx", 0, "INBOX" },
        { "\"inbox\"", 0, "INBOX" },
        { "{5}\r\ninbox", 0, "INBOX" },
        { "inbox/a", 0, "INBOX/a" },
        { "inboxes", 0, "inboxes" },
        { "Inbox/", 0, "INBOX" },
        { "Sent/", 0, "Sent" }, /* Thunderbird */
        { "/", 0, "/" },
        { "\"\"", 0, "" },
        { "NIL", 0, "NIL" },
        { "Entw&APw-rfe", 0, "Entw\xc3\xbcrfe" },
        { "u&Awg-", 0, "\xc3\xbc" }, /* u and a combining diaeresis: NFC */
        { "R&-D", 0, "R&D" },
        { "\"\xc3\xbc\"", 0, "\xc3\xbc" },
        { "\"&\xc3\xbc\"", 0, "&\xc3\xbc" },
        { "R&D", -ERR_INVALID, NULL },
        { "&AGE-", -ERR_INVALID, NULL },
        { "\"a\tb\"", -ERR_INVALID, NULL },
        { "{1}\r\n\xff", -ERR_INVALID, NULL },
        { "a*", -ERR_SYNTAX, NULL },
        { "", -ERR_SYNTAX, NULL },
    };
    check_words(cases, ARRAY_COUNT(cases), false, parse_mailbox);
}

static void test_mailbox_names_in_utf8(void **state)
{
    (void)state;
    static const struct word_case cases[] = {
        { "R&D", 0, "R&D" }, /* Thunderbird sends a bare "&" */
        { "&APw-", 0, "&APw-" },
        { "\"\xc3\xbc\"", 0, "\xc3\xbc" },
        { "\"u\xcc\x88\"", 0, "\xc3\xbc" },
        { "{2}\r\n\xc3\xbc", 0, "\xc3\xbc" },
        { "inbox", 0, "INBOX" },
        { "{1}\r\n\xff", -ERR_INVALID, NULL },
        { "\"\xff\"", -ERR_SYNTAX, NULL },
    };
    check_words(cases, ARRAY_COUNT(cases), true, parse_mailbox);
}

static void test_list_patterns(void **state)
{
    (void)state;
    static const struct word_case cases[] = {
        { "*", 0, "*" },
        { "%", 0, "%" },
        { "a/%/b*", 0, "a/%/b*" },
        { "\"Sent/%\"", 0, "Sent/%" },
        { "\"\"", 0, "" },
        { "Entw&APw-r%", 0, "Entw\xc3\xbcr%" },
        { "Sent/", 0, "Sent/" },
        { "&", -ERR_INVALID, NULL },
        { "", -ERR_SYNTAX, NULL },
        { "(", -ERR_SYNTAX, NULL },
        { "***********************", -ERR_LIMIT, NULL },
    };
    check_words(cases, ARRAY_COUNT(cases), false, parse_list_mailbox);
}

/* ---- values, written back as text to compare them ---- */

static bool flags_as_text(struct parser *p, struct str *out)
{
    struct flag_list list;
    struct buf text = BUF_INIT;
    if (!parse_store_flags(p, &list))
        return false;
    buf_printf(&text, "%x", list.flags);
    for (size_t i = 0; i < list.keyword_count; i++)
        buf_printf(&text, " " STR_FMT, STR_ARG(list.keywords[i]));
    *out = arena_dup(p->arena, buf_str(&text));
    buf_deinit(&text);
    return true;
}

static void test_flags(void **state)
{
    (void)state;
    static const struct word_case cases[] = {
        { "()", 0, "0" },
        { "(\\Seen)", 0, "1" },
        { "(\\SEEN \\answered \\Draft)", 0, "13" },
        { "\\Deleted", 0, "8" },
        { "\\Flagged $Junk x", 0, "4 $Junk x" },
        { "\\Flagged ", 0, "4" },
        { "(a b A)", 0, "0 a b" },
        { "(Seen)", 0, "0 Seen" },
        { "(\\Recent)", -ERR_SYNTAX, NULL },
        { "(\\*)", -ERR_SYNTAX, NULL },
        { "(\\Foo)", -ERR_SYNTAX, NULL },
        { "(\\)", -ERR_SYNTAX, NULL },
        { "(\"a\")", -ERR_SYNTAX, NULL },
        { "(a  b)", -ERR_SYNTAX, NULL },
        { "(a b", -ERR_SYNTAX, NULL },
        { "(a b ", -ERR_SYNTAX, NULL },
        { "(a (b))", -ERR_SYNTAX, NULL },
        { "", -ERR_SYNTAX, NULL },
        { "(a b c)", 0, "0 a b c" },
        { "(a b c d)", -ERR_LIMIT, NULL },
        { "a b c d", -ERR_LIMIT, NULL },
    };
    check_words(cases, ARRAY_COUNT(cases), false, flags_as_text);
}

static bool date_as_text(struct parser *p, struct str *out)
{
    int32_t day;
    if (!parse_date(p, &day))
        return false;
    *out = arena_printf(p->arena, "%d", day);
    return true;
}

static void test_dates(void **state)
{
    (void)state;
    static const struct word_case cases[] = {
        { "1-Jan-1970", 0, "0" },
        { "01-jan-1970", 0, "0" },
        { "\"1-Jan-1970\"", 0, "0" },
        { "31-Dec-1969", 0, "-1" },
        { "29-Feb-2000", 0, "11016" },
        { "1-Mar-2000", 0, "11017" },
        { "17-Jul-1996", 0, "9694" },
        { "31-Dec-9999", 0, "2932896" },
        { "1-Jan-0000", 0, "-719528" },
        { "29-Feb-1900", -ERR_SYNTAX, NULL },
        { "31-Apr-2020", -ERR_SYNTAX, NULL },
        { "0-Jan-2020", -ERR_SYNTAX, NULL },
        { "32-Jan-2020", -ERR_SYNTAX, NULL },
        { "1-Foo-2020", -ERR_SYNTAX, NULL },
        { "1-Jan-20", -ERR_SYNTAX, NULL },
        { "1-Jan-20201", -ERR_SYNTAX, NULL },
        { "\"1-Jan-2020", -ERR_SYNTAX, NULL },
        { "1 Jan 2020", -ERR_SYNTAX, NULL },
        { "", -ERR_SYNTAX, NULL },
    };
    check_words(cases, ARRAY_COUNT(cases), false, date_as_text);
}

static bool date_time_as_text(struct parser *p, struct str *out)
{
    struct date_time time;
    if (!parse_date_time(p, &time))
        return false;
    *out = arena_printf(p->arena, "%lld %d", (long long)time.unix_s, time.zone_min);
    return true;
}

static void test_date_times(void **state)
{
    (void)state;
    static const struct word_case cases[] = {
        { "\"17-Jul-1996 02:44:25 -0700\"", 0, "837596665 -420" },
        { "\" 1-Jan-1970 00:00:00 +0000\"", 0, "0 0" },
        { "\"01-Jan-1970 00:00:00 +0000\"", 0, "0 0" },
        { "\"1-Jan-1970 01:00:00 +0100\"", 0, "0 60" },
        { "\"31-Dec-2016 23:59:60 +0000\"", 0, "1483228800 0" },
        { "\"31-Dec-2016 23:59:61 +0000\"", -ERR_SYNTAX, NULL },
        { "\"31-Dec-2016 24:00:00 +0000\"", -ERR_SYNTAX, NULL },
        { "\"31-Dec-2016 23:60:00 +0000\"", -ERR_SYNTAX, NULL },
        { "\"31-Dec-2016 23:00:00 0000\"", -ERR_SYNTAX, NULL },
        { "\"31-Dec-2016 23:00:00 +2400\"", -ERR_SYNTAX, NULL },
        { "\"31-Dec-2016 23:00:00 +0060\"", -ERR_SYNTAX, NULL },
        { "\"31-Dec-2016 23:00:00 GMT\"", -ERR_SYNTAX, NULL },
        { "\"31-Dec-2016\"", -ERR_SYNTAX, NULL },
        { "31-Dec-2016 23:00:00 +0000", -ERR_SYNTAX, NULL },
        { "\"\"", -ERR_SYNTAX, NULL },
    };
    check_words(cases, ARRAY_COUNT(cases), false, date_time_as_text);
}

static bool numbers_as_text(struct parser *p, struct str *out)
{
    uint32_t number, nz;
    uint64_t number64, nz64;
    if (!parse_number(p, &number) || !parse_sp(p) || !parse_nz_number(p, &nz) || !parse_sp(p) ||
        !parse_number64(p, &number64) || !parse_sp(p) || !parse_nz_number64(p, &nz64))
        return false;
    *out = arena_printf(p->arena, "%u %u %llu %llu", number, nz, (unsigned long long)number64,
                        (unsigned long long)nz64);
    return true;
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct word_case cases[] = {
        { "0 1 0 1", 0, "0 1 0 1" },
        { "4294967295 4294967295 9223372036854775807 9223372036854775807", 0,
          "4294967295 4294967295 9223372036854775807 9223372036854775807" },
        { "4294967296 1 0 1", -ERR_SYNTAX, NULL },
        { "0 0 0 1", -ERR_SYNTAX, NULL },
        { "0 4294967296 0 1", -ERR_SYNTAX, NULL },
        { "0 1 9223372036854775808 1", -ERR_SYNTAX, NULL },
        { "0 1 0 0", -ERR_SYNTAX, NULL },
        { "0 1 0 9223372036854775808", -ERR_SYNTAX, NULL },
        { "-1 1 0 1", -ERR_SYNTAX, NULL },
        { " 1 0 1", -ERR_SYNTAX, NULL },
        { "99999999999999999999999 1 0 1", -ERR_SYNTAX, NULL },
    };
    check_words(cases, ARRAY_COUNT(cases), false, numbers_as_text);
}

static bool nested_as_text(struct parser *p, struct str *out)
{
    unsigned depth = 0;
    while (try_list_open(p))
        depth++;
    for (unsigned i = 0; i < depth; i++)
        if (!parse_list_close(p))
            return false;
    *out = arena_printf(p->arena, "%u", depth);
    return !parser_failed(p);
}

static void test_nesting_has_a_limit(void **state)
{
    (void)state;
    static const struct word_case cases[] = {
        { "()", 0, "1" },
        { "(())", 0, "2" },
        { "((()))", -ERR_LIMIT, NULL },
        { "((((((((((((((((", -ERR_LIMIT, NULL },
        { "(", -ERR_SYNTAX, NULL },
    };
    check_words(cases, ARRAY_COUNT(cases), false, nested_as_text);
}

static bool name_as_text(struct parser *p, struct str *out)
{
    struct str name;
    if (!parse_command_name(p, &name))
        return false;
    *out = arena_printf(p->arena, "%s" STR_FMT, p->uid ? "uid:" : "", STR_ARG(name));
    return true;
}

static void test_command_names(void **state)
{
    (void)state;
    static const struct word_case cases[] = {
        { "NOOP", 0, "NOOP" },        { "UID FETCH", 0, "uid:FETCH" },   { "uid fetch", 0, "uid:fetch" },
        { "UID", -ERR_SYNTAX, NULL }, { "", -ERR_SYNTAX, NULL },         { "UID  FETCH", -ERR_SYNTAX, NULL },
        { "(", -ERR_SYNTAX, NULL },   { "\"NOOP\"", -ERR_SYNTAX, NULL },
    };
    check_words(cases, ARRAY_COUNT(cases), false, name_as_text);
}

static void test_the_end_of_a_command(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        bool end;
    } cases[] = {
        { "\r\n", true },   { "\n", true },        { " \r\n", true },   { "", false },       { "\r", false },
        { "x\r\n", false }, { "\r\n\r\n", false }, { "\r\r\n", false }, { "\t\r\n", false },
    };
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct parser p;
        parser_init(&p, str_c(cases[i].in), &limits, false, &arena);
        assert_row(parser_at_end(&p) == cases[i].end, i, cases[i].in);
        assert_row(parse_end(&p) == cases[i].end, i, cases[i].in);
    }
    arena_deinit(&arena);
}

static void test_the_first_error_is_kept_with_its_byte(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct parser p;
    struct err err;
    uint32_t n;
    parser_init(&p, STR("12 x\r\n"), &limits, false, &arena);
    assert_true(parse_number(&p, &n) && parse_sp(&p));
    assert_false(parse_number(&p, &n));
    assert_false(parse_sp(&p));
    assert_false(parse_end(&p));
    assert_int_equal(parser_error(&p, &err), -ERR_SYNTAX);
    assert_string_equal(err.text, "expected a number at byte 3");
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_astrings),
        cmocka_unit_test(test_nstrings),
        cmocka_unit_test(test_nul_is_refused_but_in_literal8),
        cmocka_unit_test(test_mailbox_names_in_modified_utf7),
        cmocka_unit_test(test_mailbox_names_in_utf8),
        cmocka_unit_test(test_list_patterns),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_date_times),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_nesting_has_a_limit),
        cmocka_unit_test(test_command_names),
        cmocka_unit_test(test_the_end_of_a_command),
        cmocka_unit_test(test_the_first_error_is_kept_with_its_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
