#include "base/testing.h"
#include "mime/address.h"
#include "mime/envelope.h"

#define FROM_ONLY "((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\"))"

static void test_envelope_is_written_as_clients_read_it(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "\r\n", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)" },
        { "From: a@b\r\nSubject:\r\nDate: \r\n\r\n", "(\"\" \"\" " FROM_ONLY " NIL NIL NIL NIL NIL)" },
        { "From: a@b\nSender: \nReply-To: r@s\n\n", "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" "
                                                    "\"b\")) ((NIL NIL \"r\" \"s\")) NIL NIL NIL NIL NIL)" },
        { "To: G: a@b, \"C, D\" <@r:c@d>;, e\nTo: f@g\nCc:\nBcc: x:;\n\n",
          "(NIL NIL NIL NIL NIL ((NIL NIL \"G\" NIL)(NIL NIL \"a\" \"b\")(\"C, D\" \"@r\" \"c\" \"d\")(NIL "
          "NIL NIL NIL)"
          "(NIL NIL \"e\" \"\")(NIL NIL \"f\" \"g\")) NIL ((NIL NIL \"x\" NIL)(NIL NIL NIL NIL)) NIL NIL)" },
        { "Subject: a\r\n \"b\\\r\nIn-Reply-To: <x@y>\r\nMessage-ID: <i@j>\r\nSubject: second\r\n\r\n",
          "(NIL \"a \\\"b\\\\\" NIL NIL NIL NIL NIL NIL \"<x@y>\" \"<i@j>\")" },
        { "Subject: =?utf-8?Q?x?= \xc3\xb6\r\n\r\n",
          "(NIL {16}\r\n=?utf-8?Q?x?= \xc3\xb6 NIL NIL NIL NIL NIL NIL NIL NIL)" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct buf out = BUF_INIT;
        envelope_write(str_c(cases[i].in), &arena, &out);
        if (!str_eq(buf_str(&out), str_c(cases[i].out)))
            print_error("got <%s>\n", buf_c(&out));
        assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, cases[i].in);
        buf_deinit(&out);
        arena_deinit(&arena);
    }
}

static void test_wire_strings_are_quoted_or_literal(void **state)
{
    static const struct {
        struct str in;
        const char *out;
    } cases[] = {
        { { NULL, 0 }, "NIL" },
        { STR_INIT(""), "\"\"" },
        { STR_INIT("a\"\\"), "\"a\\\"\\\\\"" },
        { STR_INIT("a\r\nb"), "{4}\r\na\r\nb" },
        { STR_INIT("a\0b"), "\"ab\"" },
        { STR_INIT("\xc3\xb6\0"), "{2}\r\n\xc3\xb6" },
        { STR_INIT("\0"), "\"\"" },
        { STR_INIT("a\tb"), "\"a\tb\"" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        wire_add_nstring(&out, cases[i].in);
        assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, cases[i].out);
        buf_deinit(&out);
    }
    for (size_t n = WIRE_QUOTED_BYTES_MAX - 1; n <= WIRE_QUOTED_BYTES_MAX + 1; n++) {
        struct buf in = BUF_INIT, out = BUF_INIT;
        memset(buf_reserve(&in, n), 'x', n);
        in.n = n;
        wire_add_nstring(&out, buf_str(&in));
        assert_int_equal(out.p[0], n <= WIRE_QUOTED_BYTES_MAX ? '"' : '{');
        buf_deinit(&in);
        buf_deinit(&out);
    }
}

static void test_envelope_stays_below_its_limit(void **state)
{
    struct arena arena = ARENA_INIT;
    struct buf in = BUF_INIT, out = BUF_INIT;
    static const char *const names[] = { "From: ", "To: ", "Cc: ", "Bcc: ", "Reply-To: " };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        buf_add(&in, str_c(names[i]));
        for (size_t k = 0; k < 2 * ADDRESSES_MAX; k++)
            buf_printf(&in,
                       "group %zu: a name that is rather long and goes on <someone-%zu@a.host.example.org>;,",
                       k, k);
        buf_add_lit(&in, "\n");
    }
    buf_add_lit(&in, "\n");
    envelope_write(buf_str(&in), &arena, &out);
    assert_true(out.n < ENVELOPE_BYTES_MAX + 5 * ENVELOPE_TEXT_BYTES_MAX);
    long depth = 0;
    for (size_t i = 0; i < out.n; i++)
        depth += (out.p[i] == '(') - (out.p[i] == ')');
    assert_int_equal(depth, 0);
    buf_deinit(&in);
    buf_deinit(&out);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envelope_is_written_as_clients_read_it),
        cmocka_unit_test(test_wire_strings_are_quoted_or_literal),
        cmocka_unit_test(test_envelope_stays_below_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
