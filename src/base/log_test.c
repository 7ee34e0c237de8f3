#include "base/log.h"
#include "base/testing.h"

#include <sys/mman.h>
#include <unistd.h>

/* ---- a sink whose text the test reads ---- */

struct capture {
    struct clock_fake clock;
    struct log_sink sink;
    struct logger log;
    char text[8192];
};

static void begin(struct capture *c, enum log_level level, enum log_format format)
{
    clock_fake_init(&c->clock, 1700000000123);
    c->sink = (struct log_sink){ memfd_create("log", MFD_CLOEXEC), level, format, &c->clock.clock };
    assert_true(c->sink.fd >= 0);
    c->log = logger_make(&c->sink);
}

static const char *end(struct capture *c)
{
    ssize_t n = pread(c->sink.fd, c->text, sizeof c->text - 1, 0);
    assert_true(n >= 0);
    c->text[n] = '\0';
    close(c->sink.fd);
    return c->text;
}

static void test_event_is_one_line_of_text(void **state)
{
    (void)state;
    struct capture c;
    begin(&c, LEVEL_DEBUG, LOG_TEXT);
    struct logger session = logger_with(c.log, KV("session", 17));
    log_info(&session, "login", KV("account", "anna"), KV_MS("took_ms", 3));
    log_error(&c.log, "bare");
    log_info(&c.log, "said", log_field_bool("yes", true), log_field_bool("no", false));
    log_warn(&c.log, "numbers", KV("big", UINT64_MAX), KV("small", INT64_MIN),
             KV("nothing", (const char *)NULL));
    assert_string_equal(end(&c), "2023-11-14T22:13:20.123Z info  login session=17 account=anna took_ms=3\n"
                                 "2023-11-14T22:13:20.123Z error bare\n"
                                 "2023-11-14T22:13:20.123Z info  said yes=yes no=no\n"
                                 "2023-11-14T22:13:20.123Z warn  numbers big=18446744073709551615 "
                                 "small=-9223372036854775808 nothing=\"\"\n");
}

static void test_event_is_one_json_object(void **state)
{
    (void)state;
    struct capture c;
    begin(&c, LEVEL_DEBUG, LOG_JSON);
    struct logger session = logger_with(c.log, KV("session", 17));
    log_info(&session, "login", KV("account", "anna"), KV_MS("took_ms", -3), KV("tls", (bool)true));
    assert_string_equal(end(&c),
                        "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"info\",\"event\":\"login\","
                        "\"session\":17,\"account\":\"anna\",\"took_ms\":-3,\"tls\":true}\n");
}

static void test_values_cannot_start_a_line_or_a_field(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *text, *json;
    } cases[] = {
        { STR_INIT("plain"), "plain", "\"plain\"" },
        { STR_INIT(""), "\"\"", "\"\"" },
        { STR_INIT("a b"), "\"a b\"", "\"a b\"" },
        { STR_INIT("a=b"), "\"a=b\"", "\"a=b\"" },
        { STR_INIT("a\nb"), "\"a\\u000ab\"", "\"a\\u000ab\"" },
        { STR_INIT("a\r\x1b[2J"), "\"a\\u000d\\u001b[2J\"", "\"a\\u000d\\u001b[2J\"" },
        { STR_INIT("\"\\"), "\"\\\"\\\\\"", "\"\\\"\\\\\"" },
        { STR_INIT("\x7f"), "\"\\u007f\"", "\"\\u007f\"" },
        { STR_INIT("a\342\200\256b"), "\"a\\u202eb\"", "\"a\\u202eb\"" }, /* turns what follows */
        { STR_INIT("\xc2\x9b"
                   "2J"),
          "\"\\u009b2J\"", "\"\\u009b2J\"" }, /* CSI, in UTF-8 */
        { STR_INIT("\xc2\xa9"), "\xc2\xa9", "\"\xc2\xa9\"" },
        { STR_INIT("\xff"), "\xef\xbf\xbd", "\"\xef\xbf\xbd\"" },
        { STR_INIT("a\0b"), "ab", "\"ab\"" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct capture c;
        struct str line;
        begin(&c, LEVEL_DEBUG, LOG_TEXT);
        log_info(&c.log, "x", KV("k", cases[i].in));
        line = str_c(strstr(end(&c), " k=") + 3);
        assert_row(str_eq(str_trim(line), str_c(cases[i].text)), i, c.text);
        begin(&c, LEVEL_DEBUG, LOG_JSON);
        log_info(&c.log, "x", KV("k", cases[i].in));
        line = str_c(strstr(end(&c), "\"k\":") + 4);
        assert_row(str_eq(str_sub(line, 0, line.n - 2), str_c(cases[i].json)), i, c.text);
    }
}

static void test_long_value_is_cut_at_a_code_point(void **state)
{
    (void)state;
    char value[3000];
    struct capture c;
    for (size_t i = 0; i < sizeof value; i += 3)
        memcpy(value + i, "\xe2\x82\xac", 3);
    begin(&c, LEVEL_DEBUG, LOG_TEXT);
    log_info(&c.log, "x", KV("k", str_make(value, sizeof value)));
    assert_int_equal(strlen(strstr(end(&c), " k=") + 3), 1023 + 1); /* 341 euros and the newline */
}

static void test_events_below_the_level_are_not_written(void **state)
{
    (void)state;
    for (int level = LEVEL_DEBUG; level <= LEVEL_ERROR; level++) {
        struct capture c;
        begin(&c, (enum log_level)level, LOG_TEXT);
        log_debug(&c.log, "x");
        log_info(&c.log, "x");
        log_warn(&c.log, "x");
        log_error(&c.log, "x");
        size_t lines = 0;
        for (const char *p = end(&c); *p; p++)
            lines += *p == '\n';
        assert_row(lines == (size_t)(LEVEL_ERROR - level + 1), level, c.text);
    }
    struct logger silent = logger_make(NULL);
    log_error(&silent, "nobody listens");
}

static void test_logger_carries_three_fields_and_no_more(void **state)
{
    (void)state;
    struct capture c;
    begin(&c, LEVEL_DEBUG, LOG_TEXT);
    struct logger log = c.log;
    for (int i = 0; i < 5; i++)
        log = logger_with(log, KV("n", i));
    log_info(&log, "x");
    log_info(&c.log, "parent");
    assert_non_null(strstr(end(&c), "x n=0 n=1 n=2\n"));
    assert_non_null(strstr(c.text, "parent\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_is_one_line_of_text),
        cmocka_unit_test(test_event_is_one_json_object),
        cmocka_unit_test(test_values_cannot_start_a_line_or_a_field),
        cmocka_unit_test(test_long_value_is_cut_at_a_code_point),
        cmocka_unit_test(test_events_below_the_level_are_not_written),
        cmocka_unit_test(test_logger_carries_three_fields_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
