#include "lmtp/trace.h"

#include "base/testing.h"

#include <stdlib.h>
#include <time.h>

#define DATE "\r\n\tTue, 14 Nov 2023 22:13:20 +0000\r\n"

static void test_lines_stand_in_order(void **state)
{
    static const struct {
        struct trace trace;
        const char *out;
    } cases[] = {
        { { .sender = STR_INIT("s@example.com"),
            .from = STR_INIT("mx.example.com"),
            .by = STR_INIT("loft"),
            .id = STR_INIT("1.2") },
          "Return-Path: <s@example.com>\r\nDelivered-To: a@example.org\r\nDelivered-To: b@example.org\r\n"
          "Received: from mx.example.com\r\n\tby loft with LMTP id 1.2;" DATE },
        { { .sender = STR_INIT(""),
            .from = STR_INIT("[192.0.2.7]"),
            .from_ip = STR_INIT("192.0.2.1"),
            .by = STR_INIT("loft"),
            .id = STR_INIT("1"),
            .utf8 = true },
          "Return-Path: <>\r\nDelivered-To: a@example.org\r\nDelivered-To: b@example.org\r\n"
          "Received: from [192.0.2.7] ([192.0.2.1])\r\n\tby loft with UTF8LMTP id 1;" DATE },
        { { .sender = STR_INIT(""),
            .from = STR_INIT("mx"),
            .from_ip = STR_INIT("2001:db8::1"),
            .by = STR_INIT("loft"),
            .id = STR_INIT("1") },
          "Return-Path: <>\r\nDelivered-To: a@example.org\r\nDelivered-To: b@example.org\r\n"
          "Received: from mx ([IPv6:2001:db8::1])\r\n\tby loft with LMTP id 1;" DATE },
        { { .sender = STR_INIT(""), .by = STR_INIT("loft"), .id = STR_INIT("1") },
          "Return-Path: <>\r\nDelivered-To: a@example.org\r\nDelivered-To: b@example.org\r\nReceived: by "
          "loft id 1;" DATE },
        /* what a client may have said in order to write lines of its own */
        { { .sender = STR_INIT(""),
            .from = STR_INIT("a\r\nX: y (\0)\344;"),
            .by = STR_INIT("loft"),
            .id = STR_INIT("1") },
          "Return-Path: <>\r\nDelivered-To: a@example.org\r\nDelivered-To: b@example.org\r\n"
          "Received: from a??X:?y??????\r\n\tby loft with LMTP id 1;" DATE },
        { { .sender = STR_INIT(""), .from = STR_INIT(""), .by = STR_INIT(""), .id = STR_INIT("1") },
          "Return-Path: <>\r\nDelivered-To: a@example.org\r\nDelivered-To: b@example.org\r\n"
          "Received: from unknown\r\n\tby unknown with LMTP id 1;" DATE },
    };
    const struct str recipients[] = { STR("a@example.org"), STR("b@example.org") };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        struct trace trace = cases[i].trace;
        trace.wall_s = 1700000000;
        trace_write(&trace, recipients, 2, &out);
        assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, buf_c(&out));
        buf_deinit(&out);
    }
}

/* The largest that can be stays within what incoming_prepare takes. */
static void test_lines_are_bounded(void **state)
{
    char long_text[512];
    struct str recipients[TRACE_RECIPIENTS_MAX + 1];
    struct buf out = BUF_INIT;
    (void)state;
    memset(long_text, 'x', sizeof long_text);
    struct str text = str_make(long_text, sizeof long_text);
    for (size_t i = 0; i < ARRAY_COUNT(recipients); i++)
        recipients[i] = text;
    const struct trace trace = { text,
                                 text,
                                 STR("2001:db8:1111:2222:3333:4444:5555:6666"),
                                 text,
                                 STR("0123456789abcdef.0123456789abcdef"),
                                 true,
                                 INT64_MAX };
    trace_write(&trace, recipients, ARRAY_COUNT(recipients), &out);
    assert_true(out.n < TRACE_BYTES_MAX);
    size_t lines = 0;
    for (struct str left = buf_str(&out); left.n; lines++)
        str_cut(left, '\n', &left);
    assert_int_equal(lines, 1 + TRACE_RECIPIENTS_MAX + 3);
    buf_deinit(&out);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_stand_in_order),
        cmocka_unit_test(test_lines_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
