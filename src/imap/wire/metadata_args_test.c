#include "imap/wire/metadata_args.h"

#include "base/buf.h"
#include "base/testing.h"

#include <limits.h>

typedef int parse_fn(struct parser *p, const void **args_out, struct err *err);
typedef void print_fn(const void *args, struct buf *out);

struct line_case {
    const char *in;
    const char *want; /* NULL: -ERR_SYNTAX; "LIMIT", "INVALID" */
};

static int expected(const char *want)
{
    return want == NULL                   ? -ERR_SYNTAX
           : strcmp(want, "LIMIT") == 0   ? -ERR_LIMIT
           : strcmp(want, "INVALID") == 0 ? -ERR_INVALID
                                          : 0;
}

static int parse(const char *in, parse_fn *fn, struct arena *arena, const void **args_out)
{
    struct parser p;
    struct buf line = BUF_INIT;
    struct str name;
    struct err err = { 0 };
    buf_printf(&line, "%s\r\n", in);
    struct str copy = arena_dup(arena, buf_str(&line));
    buf_deinit(&line);
    parser_init(&p, copy, &parser_limits_after_login, false, arena);
    assert_true(parse_command_name(&p, &name));
    return fn(&p, args_out, &err);
}

static void check_lines(const struct line_case *cases, size_t count, parse_fn *fn, print_fn *print)
{
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        const void *args;
        buf_clear(&out);
        int r = parse(cases[i].in, fn, &arena, &args);
        assert_row(r == expected(cases[i].want), i, cases[i].in);
        if (r == 0) {
            print(args, &out);
            if (!str_eq(buf_str(&out), str_c(cases[i].want)))
                print_error("got <%s>\n", buf_c(&out));
            assert_row(str_eq(buf_str(&out), str_c(cases[i].want)), i, cases[i].in);
        }
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    buf_deinit(&out);
}

static void print_entry(const struct metadata_entry *entry, struct buf *out)
{
    buf_printf(out, " %s<" STR_FMT ">", entry->is_private ? "p" : "s", STR_ARG(entry->name));
}

static void print_get(const void *args, struct buf *out)
{
    const struct getmetadata_args *get = args;
    buf_printf(out, "<" STR_FMT ">", STR_ARG(get->mailbox));
    if (get->has_maxsize)
        buf_printf(out, " max=%llu", (unsigned long long)get->maxsize_bytes);
    if (get->depth)
        buf_printf(out, " depth=%s", get->depth == UINT_MAX ? "all" : "1");
    for (size_t i = 0; i < get->entries.count; i++)
        print_entry(&get->entries.items[i], out);
}

static void test_getmetadata(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "GETMETADATA \"\" /shared/comment", "<> s</comment>" },
        { "GETMETADATA \"INBOX\" /private/comment", "<INBOX> p</comment>" },
        { "GETMETADATA inbox (/Shared/Comment /PRIVATE/comment)", "<INBOX> s</comment> p</comment>" },
        { "GETMETADATA \"INBOX\" /private/comment /shared/comment", "<INBOX> p</comment> s</comment>" },
        { "GETMETADATA (MAXSIZE 1024) INBOX (/shared/comment)", "<INBOX> max=1024 s</comment>" },
        { "GETMETADATA \"INBOX\" (MAXSIZE 1024) (/shared/comment)", "<INBOX> max=1024 s</comment>" },
        { "GETMETADATA (depth 1 maxsize 0) INBOX /private/a", "<INBOX> max=0 depth=1 p</a>" },
        { "GETMETADATA \"INBOX\" (DEPTH infinity) (/private/filters/values)",
          "<INBOX> depth=all p</filters/values>" },
        { "GETMETADATA INBOX (DEPTH 0) /private", "<INBOX> p<>" },
        { "GETMETADATA INBOX \"/private/vendor/a b\"", "<INBOX> p</vendor/a b>" },
        { "GETMETADATA \"\" {15}\r\n/shared/comment", "<> s</comment>" },
        { "GETMETADATA INBOX", NULL },
        { "GETMETADATA INBOX ()", NULL },
        { "GETMETADATA INBOX (FOO 1) /private/a", NULL },
        { "GETMETADATA INBOX (DEPTH 2) /private/a", NULL },
        { "GETMETADATA INBOX (DEPTH) /private/a", NULL },
        { "GETMETADATA INBOX (MAXSIZE x) /private/a", NULL },
        { "GETMETADATA INBOX /private/", NULL },
        { "GETMETADATA INBOX /private//a", NULL },
        { "GETMETADATA INBOX \"/private/a*\"", NULL },
        { "GETMETADATA INBOX \"/private/%\"", NULL },
        { "GETMETADATA INBOX \"/private/\xc3\xa4\"", NULL },
        { "GETMETADATA INBOX \"/private/a\tb\"", NULL },
        { "GETMETADATA INBOX comment", NULL },
        { "GETMETADATA INBOX /comment", NULL },
        { "GETMETADATA INBOX /privates/a", NULL },
        { "GETMETADATA INBOX /", NULL },
        { "GETMETADATA \"&\" /private/a", "INVALID" },
    };
    check_lines(cases, ARRAY_COUNT(cases), getmetadata_args_parse, print_get);
}

static void print_set(const void *args, struct buf *out)
{
    const struct setmetadata_args *set = args;
    buf_printf(out, "<" STR_FMT ">", STR_ARG(set->mailbox));
    for (size_t i = 0; i < set->entries.count; i++) {
        print_entry(&set->entries.items[i], out);
        if (str_is_nil(set->values[i]))
            buf_add_lit(out, "=NIL");
        else
            buf_printf(out, "=<" STR_FMT ">", STR_ARG(set->values[i]));
    }
}

static void test_setmetadata(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "SETMETADATA INBOX (/private/comment {33}\r\nMy new comment across\r\ntwo lines.)",
          "<INBOX> p</comment>=<My new comment across\r\ntwo lines.>" },
        { "SETMETADATA INBOX (/private/comment NIL)", "<INBOX> p</comment>=NIL" },
        { "SETMETADATA INBOX (/private/comment \"NIL\" /shared/comment \"\")",
          "<INBOX> p</comment>=<NIL> s</comment>=<>" },
        { "SETMETADATA \"\" (/private/filters/values/on-the-road \"OR SMALLER 5000 FROM \\\"boss\\\"\")",
          "<> p</filters/values/on-the-road>=<OR SMALLER 5000 FROM \"boss\">" },
        { "SETMETADATA a (/shared/vendor/v/x ~{3+}\r\na\tb)", "<a> s</vendor/v/x>=<a\tb>" },
        { "SETMETADATA a (/shared/vendor/v \"x\")", NULL },
        { "SETMETADATA a (/shared/vendor \"x\")", NULL },
        { "SETMETADATA a (/shared \"x\")", NULL },
        { "SETMETADATA a (/shared/vendors \"x\")", "<a> s</vendors>=<x>" },
        { "SETMETADATA a (/private/comment x)", NULL },
        { "SETMETADATA a (/private/comment)", NULL },
        { "SETMETADATA a ()", NULL },
        { "SETMETADATA a /private/comment \"x\"", NULL },
        { "SETMETADATA a (/private/comment \"x\"", NULL },
        { "SETMETADATA a (/private/comment \"x\") b", NULL },
        { "SETMETADATA a (/private/a* \"x\")", NULL },
    };
    check_lines(cases, ARRAY_COUNT(cases), setmetadata_args_parse, print_set);
}

/* Any byte in a literal8, also NUL. RFC 5464, 5 */
static void test_a_literal8_may_hold_nul(void **state)
{
    struct arena arena = ARENA_INIT;
    struct parser p;
    struct err err;
    const void *args;
    static const char plain[] = " a (/private/b {3}\r\na\0b)\r\n",
                      eight[] = " a (/private/b ~{3}\r\na\0b)\r\n";
    (void)state;
    parser_init(&p, str_make(plain, sizeof plain - 1), &parser_limits_after_login, false, &arena);
    assert_int_equal(setmetadata_args_parse(&p, &args, &err), -ERR_SYNTAX);
    parser_init(&p, str_make(eight, sizeof eight - 1), &parser_limits_after_login, false, &arena);
    assert_int_equal(setmetadata_args_parse(&p, &args, &err), 0);
    assert_int_equal(((const struct setmetadata_args *)args)->values[0].n, 3);
    arena_deinit(&arena);
}

static void test_limits_on_what_is_named(void **state)
{
    struct arena arena = ARENA_INIT;
    (void)state;
    for (int n = METADATA_ENTRIES_MAX - 1; n <= METADATA_ENTRIES_MAX + 1; n++) {
        struct buf get = BUF_INIT, set = BUF_INIT;
        const void *args;
        buf_add_lit(&get, "GETMETADATA a (/private/a");
        buf_add_lit(&set, "SETMETADATA a (/private/a NIL");
        for (int i = 1; i < n; i++) {
            buf_add_lit(&get, " /private/a");
            buf_add_lit(&set, " /private/a NIL");
        }
        buf_add_lit(&get, ")");
        buf_add_lit(&set, ")");
        int want = n <= METADATA_ENTRIES_MAX ? 0 : -ERR_LIMIT;
        assert_int_equal(parse(buf_c(&get), getmetadata_args_parse, &arena, &args), want);
        assert_int_equal(parse(buf_c(&set), setmetadata_args_parse, &arena, &args), want);
        buf_clear(&get);
        buf_add_lit(&get, "GETMETADATA a /private/");
        for (int i = 1; i < n; i++) /* the name counts from its "/" on */
            buf_add_char(&get, 'x');
        want = n <= METADATA_NAME_BYTES_MAX ? 0 : -ERR_LIMIT;
        assert_int_equal(parse(buf_c(&get), getmetadata_args_parse, &arena, &args), want);
        buf_deinit(&get);
        buf_deinit(&set);
    }
    /* A value may be as long as the framer lets it: the command says how long it may be. */
    struct buf set = BUF_INIT;
    const void *args;
    buf_add_lit(&set, "SETMETADATA a (/private/a \"");
    for (size_t i = 0; i <= parser_limits_after_login.string_max; i++)
        buf_add_char(&set, 'x');
    buf_add_lit(&set, "\")");
    assert_int_equal(parse(buf_c(&set), setmetadata_args_parse, &arena, &args), 0);
    buf_deinit(&set);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_getmetadata),
        cmocka_unit_test(test_setmetadata),
        cmocka_unit_test(test_a_literal8_may_hold_nul),
        cmocka_unit_test(test_limits_on_what_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
