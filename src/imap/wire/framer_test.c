#include "base/buf.h"
#include "base/testing.h"
#include "imap/wire/framer.h"

/* Small limits, so that every one can be met. */
static const struct framer_limits limits = {
    .line_max = 40,
    .literal_max = 20,
    .nonsync_max = 10,
    .command_max = 80,
    .literals_max = 2,
    .message_max = 30,
    .messages_max = 2,
    .swallow_max = 200,
};

/* Each case is a stream; its script is what a session would see:
 *   C(text) a command   + a continuation asked for   M(head|n[+~]) a message   R refused   S all of it swallowed   X closed
 *   | what is left unread */
/* clang-format off */
static const struct framer_case {
    const char *name, *in;
    size_t in_n; /* 0: strlen */
    const char *script;
} cases[] = {
    {"plain",                                        "a NOOP\r\n",                                                             0,  "C(a NOOP\r\n)"                              },
    { "two",                                         "a NOOP\r\nb NOOP\r\n",                                                   0,  "C(a NOOP\r\n)C(b NOOP\r\n)"                 },
    { "bare LF",                                     "a NOOP\nb NOOP\r\n",                                                     0,  "C(a NOOP\n)C(b NOOP\r\n)"                   },
    { "empty line",                                  "\r\n\na NOOP\r\n",                                                       0,  "C(\r\n)C(\n)C(a NOOP\r\n)"                  },
    { "half",                                        "a NOOP",                                                                 0,  "|a NOOP"                                    },
    { "bare CR is no end",                           "a NO\rOP\r\n",                                                           0,  "C(a NO\rOP\r\n)"                            },
    { "sync literal",                                "a LOGIN {3}\r\nfoo bar\r\n",                                             0,  "+C(a LOGIN {3}\r\nfoo bar\r\n)"             },
    { "nonsync literal",                             "a LOGIN {3+}\r\nfoo bar\r\n",                                            0,  "C(a LOGIN {3+}\r\nfoo bar\r\n)"             },
    { "literal with bare LF",                        "a LOGIN {3+}\nfoo bar\n",                                                0,  "C(a LOGIN {3+}\nfoo bar\n)"                 },
    { "literal holds line ends",                     "a LOGIN {4+}\r\n\r\n\r\n bar\r\n",                                       0,
     "C(a LOGIN {4+}\r\n\r\n\r\n bar\r\n)"                                                                                                                                      },
    { "literal holds announcements",                 "a LOGIN {5+}\r\n{9}\r\n bar\r\n",                                        0,
     "C(a LOGIN {5+}\r\n{9}\r\n bar\r\n)"                                                                                                                                       },
    { "empty literal",                               "a LOGIN {0+}\r\n {0}\r\n\r\n",                                           0,  "+C(a LOGIN {0+}\r\n {0}\r\n\r\n)"           },
    { "literal8",                                    "a X ~{3+}\r\n\0\0\0\r\n",                                                16, "C(a X ~{3+}\r\n...\r\n)"                    },
    { "NUL in a line",                               "a \0OP\r\n",                                                             7,  "C(a .OP\r\n)"                               },
    { "no literal: empty braces",                    "a X {}\r\n",                                                             0,  "C(a X {}\r\n)"                              },
    { "no literal: plus only",                       "a X {+}\r\n",                                                            0,  "C(a X {+}\r\n)"                             },
    { "no literal: letters",                         "a X {a}\r\n",                                                            0,  "C(a X {a}\r\n)"                             },
    { "no literal: negative",                        "a X {-1}\r\n",                                                           0,  "C(a X {-1}\r\n)"                            },
    { "no literal: two pluses",                      "a X {1++}\r\n",                                                          0,  "C(a X {1++}\r\n)"                           },
    { "no literal: not at the end",                  "a X {3}b\r\n",                                                           0,  "C(a X {3}b\r\n)"                            },
    { "no literal: brace alone",                     "}\r\n",                                                                  0,  "C(}\r\n)"                                   },
    { "no literal: no opening",                      "3}\r\n",                                                                 0,  "C(3}\r\n)"                                  },
    { "announcement is all",                         "{3+}\r\nabc\r\n",                                                        0,  "C({3+}\r\nabc\r\n)"                         },

 /* limits, at n and n + 1 */
    { "line of 40",                                  "a 34567890123456789012345678901234567\r\n",                              0,
     "C(a 34567890123456789012345678901234567\r\n)"                                                                                                                             },
    { "line of exactly 40",                          "a 345678901234567890123456789012345678\r\n",                             0,
     "C(a 345678901234567890123456789012345678\r\n)"                                                                                                                            },
    { "line of 41",                                  "a 3456789012345678901234567890123456789\r\nb NOOP\r\n",                  0,  "RSC(b NOOP\r\n)"                            },
    { "line without end",                            "a 34567890123456789012345678901234567890123456789012345678901234567890", 0,  "R"                                          },
    { "sync literal of 20",                          "a X {20}\r\n12345678901234567890\r\n",                                   0,
     "+C(a X {20}\r\n12345678901234567890\r\n)"                                                                                                                                 },
    { "sync literal of 21",                          "a X {21}\r\nb NOOP\r\n",                                                 0,  "RSC(b NOOP\r\n)"                            },
    { "nonsync literal of 10",                       "a X {10+}\r\n1234567890\r\n",                                            0,  "C(a X {10+}\r\n1234567890\r\n)"             },
    { "nonsync literal of 11 is swallowed",          "a X {11+}\r\nb DELETE x\n\r\nc NOOP\r\n",                                0,  "RSC(c NOOP\r\n)"                            },
    { "swallowing goes on behind a further literal",
     "a X {11+}\r\nb DELETE x\n {10+}\r\nc DELETE y\r\nd NOOP\r\n",                                                            0,  "RSC(d NOOP\r\n)"                            },
    { "a waiting client ends the swallowing",        "a X {11+}\r\nb DELETE x\n {10}\r\nd NOOP\r\n",                           0,
     "RSC(d NOOP\r\n)"                                                                                                                                                          },
    { "two literals",                                "a X {1+}\r\nb {1+}\r\nc\r\n",                                            0,  "C(a X {1+}\r\nb {1+}\r\nc\r\n)"             },
    { "three literals",                              "a X {1+}\r\nb {1+}\r\nc {7+}\r\nd NOOP\n\r\ne NOOP\r\n",                 0,  "RSC(e NOOP\r\n)"                            },
    { "command of 80",
     "a X {20}\r\n12345678901234567890 {20}\r\n12345678901234567890 23456789012345678901\r\n",                                 0,
     "++C(a X {20}\r\n12345678901234567890 {20}\r\n12345678901234567890 23456789012345678901\r\n)"                                                                              },
    { "command of 81",
     "a X {20}\r\n12345678901234567890 {20}\r\n12345678901234567890 234567890123456789012\r\nb NOOP\r\n",                      0,
     "++RSC(b NOOP\r\n)"                                                                                                                                                        },
    { "long line ends in a literal",
     "a 3456789012345678901234567890123456789 {8+}\r\nb NOOP\r\n\r\nc NOOP\r\n",                                               0,  "RSC(c NOOP\r\n)"                            },
    { "long line ends in a sync literal",            "a 3456789012345678901234567890123456789 {8}\r\nb NOOP\r\n",              0,
     "RSC(b NOOP\r\n)"                                                                                                                                                          },
    { "nonsync literal above the cap",               "a X {201+}\r\nb NOOP\r\n",                                               0,  "RX"                                         },
    { "sync literal of any size is just refused",    "a X {99999999999999999999}\r\nb NOOP\r\n",                               0,
     "RSC(b NOOP\r\n)"                                                                                                                                                          },
    { "overflowing number",                          "a X {18446744073709551616+}\r\nb NOOP\r\n",                              0,  "RX"                                         },
    { "63 bits",                                     "a X {9223372036854775807+}\r\nb NOOP\r\n",                               0,  "RX"                                         },
    { "more digits than a number has",               "a X {000000000000000000000003+}\r\nabc\r\n",                             0,  "RX"                                         },

 /* APPEND */
    { "append",                                      "a APPEND x {5}\r\n12345\r\nb NOOP\r\n",                                  0,  "M(a APPEND x {5}\r\n|5)C(\r\n)C(b NOOP\r\n)"},
    { "append, case",                                "a aPPend x {5+}\r\n12345\r\n",                                           0,  "M(a aPPend x {5+}\r\n|5+)C(\r\n)"           },
    { "append, literal8",                            "a APPEND x ~{5+}\r\n12345\r\n",                                          0,  "M(a APPEND x ~{5+}\r\n|5+~)C(\r\n)"         },
    { "append, mailbox is a literal",                "a APPEND {1+}\r\nx {5+}\r\n12345\r\n",                                   0,
     "M(a APPEND {1+}\r\nx {5+}\r\n|5+)C(\r\n)"                                                                                                                                 },
    { "multiappend",                                 "a APPEND x {3+}\r\n123 (\\Seen) {4}\r\n1234\r\n",                        0,
     "M(a APPEND x {3+}\r\n|3+)M( (\\Seen) {4}\r\n|4)C(\r\n)"                                                                                                                   },
    { "three messages",                              "a APPEND x {1+}\r\n1 {1+}\r\n1 {8+}\r\nb NOOP\r\n\r\nc NOOP\r\n",        0,
     "M(a APPEND x {1+}\r\n|1+)M( {1+}\r\n|1+)RSC(c NOOP\r\n)"                                                                                                                  },
    { "message of 30",                               "a APPEND x {30}\r\n123456789012345678901234567890\r\n",                  0,
     "M(a APPEND x {30}\r\n|30)C(\r\n)"                                                                                                                                         },
    { "message of 31",                               "a APPEND x {31}\r\nb NOOP\r\n",                                          0,  "RSC(b NOOP\r\n)"                            },
    { "nonsync message of 11",                       "a APPEND x {11+}\r\nb DELETE x\n\r\nc NOOP\r\n",                         0,  "RSC(c NOOP\r\n)"                            },
    { "append without literal",                      "a APPEND x\r\n",                                                         0,  "C(a APPEND x\r\n)"                          },
    { "append without anything",                     "a APPEND\r\n",                                                           0,  "C(a APPEND\r\n)"                            },
    { "append in place of a tag",                    "APPEND x {3+}\r\nabc\r\n",                                               0,  "C(APPEND x {3+}\r\nabc\r\n)"                },

 /* REPLACE, CATENATE */
    { "replace", "a REPLACE 4 x {5}\r\n12345\r\n", 0, "M(a REPLACE 4 x {5}\r\n|5)C(\r\n)" },
    { "uid replace", "a UID replace 4 x ~{5+}\r\n12345\r\n", 0, "M(a UID replace 4 x ~{5+}\r\n|5+~)C(\r\n)" },
    { "uid replace, mailbox is a literal", "a UID REPLACE 4 {1+}\r\nx {5+}\r\n12345\r\n", 0,
     "M(a UID REPLACE 4 {1+}\r\nx {5+}\r\n|5+)C(\r\n)" },
    { "uid append is no append", "a UID APPEND x {3+}\r\nabc\r\n", 0, "C(a UID APPEND x {3+}\r\nabc\r\n)" },
    { "replace without mailbox", "a REPLACE {3+}\r\nabc\r\n", 0, "C(a REPLACE {3+}\r\nabc\r\n)" },
    { "catenate, texts", "a APPEND x CATENATE (TEXT {3}\r\nabc TEXT {2+}\r\nde)\r\n", 0,
     "M(a APPEND x CATENATE (TEXT {3}\r\n|3)M( TEXT {2+}\r\n|2+)C()\r\n)" },
    { "catenate, URL is a literal", "a APPEND x CATENATE (URL {3+}\r\n/ab)\r\n", 0,
     "C(a APPEND x CATENATE (URL {3+}\r\n/ab)\r\n)" },
    { "catenate, literal URLs around a text", "a APPEND x (URL {2}\r\n/a TEXT {1+}\r\nb url {2+}\r\n/c)\r\n", 0,
     "+M(a APPEND x (URL {2}\r\n/a TEXT {1+}\r\n|1+)C( url {2+}\r\n/c)\r\n)" },
    { "append to a mailbox of the name URL", "a APPEND URL {3+}\r\nabc\r\n", 0, "M(a APPEND URL {3+}\r\n|3+)C(\r\n)" },
    { "append to a literal mailbox that ends in URL", "a APPEND {5+}\r\na URL {3+}\r\nabc\r\n", 0,
     "M(a APPEND {5+}\r\na URL {3+}\r\n|3+)C(\r\n)" },
};

/* Here the session refuses each message. */
static const struct framer_case refusing_cases[] = {
    {"refused message, sync",     "a APPEND x {5}\r\nb NOOP\r\n",                             0, "M(a APPEND x {5}\r\n|5)SC(b NOOP\r\n)"},
    { "refused message, nonsync", "a APPEND x {8+}\r\nb NOOP\r\n {4+}\r\n1234\r\nc NOOP\r\n", 0,
     "M(a APPEND x {8+}\r\n|8+)SC(c NOOP\r\n)"                                                                                          },
};
/* clang-format on */

struct session {
    struct framer framer;
    struct buf in, script;
    uint64_t message_left;
    bool refuse_messages, closed, skipping;
};

static void script_bytes(struct session *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add_char(&s->script, s->in.p[i] ? s->in.p[i] : '.');
}

static void on_message(struct session *s)
{
    struct framer *f = &s->framer;
    buf_add_lit(&s->script, "M(");
    script_bytes(s, f->n);
    buf_printf(&s->script, "|%llu%s%s)", (unsigned long long)f->literal_bytes, f->literal_sync ? "" : "+",
               f->literal8 ? "~" : "");
    if (s->refuse_messages) {
        framer_refuse_message(f);
        return;
    }
    s->message_left = f->literal_bytes;
    framer_resume(f);
}

/* One step; false when there is nothing to do before more is read. */
static bool session_step(struct session *s)
{
    struct framer *f = &s->framer;
    struct err err = { 0 };
    if (s->message_left) {
        size_t n = s->message_left < s->in.n ? (size_t)s->message_left : s->in.n;
        buf_drop(&s->in, n);
        s->message_left -= n;
        return n > 0;
    }
    enum framer_event event = framer_next(f, buf_str(&s->in), &err);
    assert_true(f->n <= s->in.n);
    assert_true((event == FRAMER_REFUSE) == (err.kind == ERR_LIMIT));
    switch (event) {
    case FRAMER_MORE:
        return false;
    case FRAMER_CONTINUE:
        buf_add_char(&s->script, '+');
        break;
    case FRAMER_COMMAND:
        buf_add_lit(&s->script, "C(");
        script_bytes(s, f->n);
        buf_add_char(&s->script, ')');
        break;
    case FRAMER_MESSAGE:
        on_message(s);
        break;
    case FRAMER_REFUSE:
        buf_add_char(&s->script, 'R');
        break;
    case FRAMER_SKIP:
        break;
    case FRAMER_SKIPPED:
        buf_add_char(&s->script, 'S');
        break;
    case FRAMER_CLOSE:
        buf_add_char(&s->script, 'X');
        s->closed = true;
        return false;
    }
    s->skipping = event == FRAMER_REFUSE || event == FRAMER_SKIP;
    buf_drop(&s->in, f->n);
    if (event == FRAMER_COMMAND || event == FRAMER_SKIPPED)
        framer_start(f, f->limits);
    return true;
}

static void feed(struct session *s, struct str bytes)
{
    buf_add(&s->in, bytes);
    while (!s->closed && session_step(s))
        ;
}

static void session_start(struct session *s, bool refuse_messages)
{
    *s = (struct session){ .refuse_messages = refuse_messages };
    framer_start(&s->framer, &limits);
}

static void session_end(struct session *s, size_t row, const struct framer_case *c)
{
    if (!s->closed && s->in.n && !s->skipping && s->framer.state == FRAMER_IN_LINE) {
        buf_add_char(&s->script, '|');
        script_bytes(s, s->in.n);
    }
    bool same = str_eq(buf_str(&s->script), str_c(c->script));
    if (!same)
        print_error("got  <%s>\nwant <%s>\n", buf_c(&s->script), c->script);
    assert_row(same, row, c->name);
    buf_deinit(&s->in);
    buf_deinit(&s->script);
}

static void check_case(const struct framer_case *c, size_t row, bool refuse_messages)
{
    struct str in = str_make(c->in, c->in_n ? c->in_n : strlen(c->in));
    struct session s;
    session_start(&s, refuse_messages); /* byte by byte */
    for (size_t at = 0; at < in.n; at++)
        feed(&s, str_sub(in, at, 1));
    session_end(&s, row, c);
    for (size_t cut = 0; cut <= in.n; cut++) { /* 0: whole */
        session_start(&s, refuse_messages);
        feed(&s, str_sub(in, 0, cut));
        feed(&s, str_skip(in, cut));
        session_end(&s, row, c);
    }
}

static void test_a_stream_cut_anywhere_gives_the_same_commands(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        check_case(&cases[i], i, false);
}

static void test_a_message_that_the_session_refuses_is_swallowed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(refusing_cases); i++)
        check_case(&refusing_cases[i], i, true);
}

static void test_a_single_line_has_no_literals(void **state)
{
    (void)state;
    struct framer f;
    framer_start_line(&f, &limits);
    assert_int_equal(framer_next(&f, STR("DONE {5}"), NULL), FRAMER_MORE);
    assert_int_equal(framer_next(&f, STR("DONE {5}\r\nabc"), NULL), FRAMER_COMMAND);
    assert_int_equal(f.n, 10);
    framer_start_line(&f, &limits);
    assert_int_equal(
        framer_next(&f, STR("01234567890123456789012345678901234567890123456789{9+}\r\nx"), NULL),
        FRAMER_REFUSE);
    assert_int_equal(
        framer_next(&f, STR("01234567890123456789012345678901234567890123456789{9+}\r\nx"), NULL),
        FRAMER_SKIPPED);
}

static void test_a_command_that_fails_while_its_message_comes_is_swallowed(void **state)
{
    (void)state;
    struct framer f;
    framer_start(&f, &limits);
    assert_int_equal(framer_next(&f, STR("a APPEND x {9}\r\n"), NULL), FRAMER_MESSAGE);
    framer_resume(&f);
    framer_drop_rest(&f, 5); /* four bytes were taken */
    assert_int_equal(framer_next(&f, STR(""), NULL), FRAMER_MORE);
    assert_int_equal(framer_next(&f, STR("12"), NULL), FRAMER_SKIP);
    assert_int_equal(f.n, 2);
    assert_int_equal(framer_next(&f, STR("345\r\nb NOOP\r\n"), NULL), FRAMER_SKIP);
    assert_int_equal(f.n, 3);
    assert_int_equal(framer_next(&f, STR("\r\nb NOOP\r\n"), NULL), FRAMER_SKIPPED);
    assert_int_equal(f.n, 2);
}

static void test_swallowing_a_line_without_end_has_a_cap(void **state)
{
    (void)state;
    struct framer f;
    char flood[64];
    size_t sent = 0;
    enum framer_event event;
    memset(flood, 'x', sizeof flood);
    framer_start(&f, &limits);
    do {
        event = framer_next(&f, str_make(flood, sizeof flood), NULL);
        sent += f.n;
        assert_true(sent < 400);
    } while (event != FRAMER_CLOSE);
}

static void test_a_big_literal_is_told_as_too_big(void **state)
{
    (void)state;
    struct framer f;
    framer_start(&f, &limits);
    assert_int_equal(framer_next(&f, STR("a APPEND x {31}\r\n"), NULL), FRAMER_REFUSE);
    assert_true(f.too_big);
    framer_start(&f, &limits);
    assert_int_equal(framer_next(&f, STR("a X {1+}\r\nb {1+}\r\nb {1+}\r\n"), NULL), FRAMER_REFUSE);
    assert_false(f.too_big);
}

static void test_without_login_nothing_is_streamed(void **state)
{
    (void)state;
    struct framer f;
    framer_start(&f, &framer_limits_before_login);
    assert_int_equal(framer_next(&f, STR("a APPEND x {5}\r\n"), NULL), FRAMER_CONTINUE);
    framer_start(&f, &framer_limits_before_login);
    assert_int_equal(framer_next(&f, STR("a LOGIN {4096+}\r\n"), NULL), FRAMER_MORE);
    framer_start(&f, &framer_limits_before_login);
    assert_int_equal(framer_next(&f, STR("a LOGIN {4097+}\r\n"), NULL), FRAMER_REFUSE);
}

static void test_the_tag_of_a_refused_command_is_found(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct {
        const char *in, *tag;
    } tags[] = {
        {"a1 NOOP",     "a1" },
        { "a1\r\n",     "a1" },
        { "a1",         NULL },
        { "",           NULL },
        { " x",         NULL },
        { "+ x",        NULL },
        { "a+b x",      NULL },
        { "a]b x",      "a]b"},
        { "a*b x",      NULL },
        { "\"a\" x",    NULL },
        { "a\rb",       "a"  },
        { "GET / HTTP", "GET"},
        { "{3}",        NULL },
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_COUNT(tags); i++)
        assert_row(str_eq(framer_tag(str_c(tags[i].in)), str_c(tags[i].tag)), i, tags[i].in);
    char longest[140];
    memset(longest, 'a', sizeof longest);
    longest[128] = ' ';
    assert_int_equal(framer_tag(str_make(longest, 140)).n, 128);
    longest[128] = 'a';
    longest[129] = ' ';
    assert_true(str_is_nil(framer_tag(str_make(longest, 140))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_cut_anywhere_gives_the_same_commands),
        cmocka_unit_test(test_a_message_that_the_session_refuses_is_swallowed),
        cmocka_unit_test(test_a_single_line_has_no_literals),
        cmocka_unit_test(test_a_command_that_fails_while_its_message_comes_is_swallowed),
        cmocka_unit_test(test_swallowing_a_line_without_end_has_a_cap),
        cmocka_unit_test(test_a_big_literal_is_told_as_too_big),
        cmocka_unit_test(test_without_login_nothing_is_streamed),
        cmocka_unit_test(test_the_tag_of_a_refused_command_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
