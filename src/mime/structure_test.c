#include "base/testing.h"
#include "mime/bodystructure.h"
#include "mime/header.h"

#include <time.h>

/* What a tree looks like: type/subtype[body] with children in (). */
static void print_part(const struct structure *s, uint32_t i, struct buf *out)
{
    const struct part *part = &s->parts[i];
    buf_printf(out, STR_FMT "/" STR_FMT, STR_ARG(part->type), STR_ARG(part->subtype));
    if (!part->first_child) {
        buf_add_char(out, '[');
        buf_add(out, structure_body(s, part));
        buf_printf(out, "]%llu", (unsigned long long)part->lines);
        return;
    }
    buf_add_char(out, '(');
    for (uint32_t child = part->first_child; child; child = s->parts[child].next) {
        if (child != part->first_child)
            buf_add_char(out, ' ');
        print_part(s, child, out);
    }
    buf_add_char(out, ')');
}

#define MIXED "Content-Type: multipart/mixed; boundary=b\n\n"
#define INNER "Content-Type: multipart/mixed; boundary=c\n\n"

static const struct {
    const char *in, *tree;
} trees[] = {
    { "", "text/plain[]0" },
    { "A: b\n\nhello\n", "text/plain[hello\n]1" },
    { "A: b\n\nhello", "text/plain[hello]0" },
    { "Content-Type: text/html\n\nx", "text/html[x]0" },
    { "Content-Type: junk\n\nx", "text/plain[x]0" },
    { "Content-Type: text/\n\nx", "text/plain[x]0" },
    { "Content-Type: =?utf-8?Q?text/html?=\n\nx", "text/html[x]0" },
    { "Content-Type: text/html\nContent-Type: image/gif\n\nx", "text/html[x]0" },
    { MIXED "--b\n\none\n--b\n\ntwo\n\n--b--\n", "multipart/mixed(text/plain[one]0 text/plain[two\n]1)" },
    { MIXED "pre\n--b\n\none\n--b--\npost\n", "multipart/mixed(text/plain[one]0)" },
    { MIXED "--b  \t\r\n\r\none\r\n--b--", "multipart/mixed(text/plain[one]0)" },
    { MIXED "--b\n\none\n", "multipart/mixed(text/plain[one\n]1)" },
    { MIXED "--b\n\none\n--bc\n--b--x\n--b--\n", "multipart/mixed(text/plain[one\n--bc\n--b--x]2)" },
    { MIXED "--b\n--b--\n", "multipart/mixed(text/plain[]0)" },
    { MIXED "--b\nContent-Type: text/html\n--b--\n", "multipart/mixed(text/html[]0)" },
    { MIXED "--b\nno header\n--b--\n", "multipart/mixed(text/plain[no header]0)" },
    { MIXED "no part\n", "text/plain[no part\n]1" },
    { MIXED, "text/plain[]0" },
    { "Content-Type: multipart/mixed\n\n--b\n\nx", "text/plain[--b\n\nx]2" },
    { MIXED "--b--\n", "text/plain[--b--\n]1" },
    { MIXED "--b\n" INNER "--c\n\n1\n--c--\n\n--b\n\n2\n--b--\n",
      "multipart/mixed(multipart/mixed(text/plain[1]0) text/plain[2]0)" },
    { MIXED "--b\n" INNER "--c\n\n1\n--b\n\n2\n--b--\n",
      "multipart/mixed(multipart/mixed(text/plain[1]0) text/plain[2]0)" },
    { MIXED "--b\n" MIXED "--b\n\n1\n--b--\n--b\n\n2\n--b--\n",
      "multipart/mixed(multipart/mixed(text/plain[1]0) text/plain[2]0)" },
    { "Content-Type: message/rfc822\n\nSubject: x\n\nhi\n", "message/rfc822(text/plain[hi\n]1)" },
    { "Content-Type: message/global\n\nhi\n", "message/global(text/plain[hi\n]1)" },
    { "Content-Type: message/partial\n\nA: b\n\nhi\n", "message/partial[A: b\n\nhi\n]3" },
    { "Content-Type: multipart/digest; boundary=b\n\n--b\n\nA: b\n\nhi\n--b\nContent-Type: "
      "text/plain\n\nx\n--b--\n",
      "multipart/digest(message/rfc822(text/plain[hi]0) text/plain[x]0)" },
    { "Content-Type: message/rfc822\n\n" MIXED "--b\n\n1\n--b--\n",
      "message/rfc822(multipart/mixed(text/plain[1]0))" },
    { "Content-Type: multipart/mixed; boundary=\"a:b\"\n\n--a:b\n\n1\n--a:b\n\n2\n--a:b--\n",
      "multipart/mixed(text/plain[1]0 text/plain[2]0)" },
};

static void test_structure_finds_parts(void **state)
{
    struct charset_cache *cache = charset_cache_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(trees); i++) {
        struct arena arena = ARENA_INIT;
        struct structure s;
        struct buf out = BUF_INIT;
        assert_int_equal(structure_parse(str_c(trees[i].in), &arena, cache, &s, NULL), 0);
        print_part(&s, 1, &out);
        if (!str_eq(buf_str(&out), str_c(trees[i].tree)))
            print_error("got <%s>\n", buf_c(&out));
        assert_row(str_eq(buf_str(&out), str_c(trees[i].tree)), i, trees[i].in);
        buf_deinit(&out);
        arena_deinit(&arena);
    }
    charset_cache_free(&cache);
}

/* ---- limits, hostile input ---- */

static void nest(struct buf *out, size_t levels)
{
    for (size_t i = 0; i < levels; i++)
        buf_printf(out, "Content-Type: multipart/mixed; boundary=b%zu\n\n--b%zu\n", i, i);
    buf_add_lit(out, "\nx");
}

static void nest_messages(struct buf *out, size_t levels)
{
    for (size_t i = 0; i < levels; i++)
        buf_add_lit(out, "Content-Type: message/rfc822\n\n");
    buf_add_lit(out, "\nx");
}

static void many_parts(struct buf *out, size_t count)
{
    buf_add_lit(out, MIXED);
    for (size_t i = 0; i < count; i++)
        buf_add_lit(out, "--b\n\nx\n");
}

static void test_structure_is_opaque_beyond_its_limits(void **state)
{
    static const struct {
        const char *name;
        void (*make)(struct buf *out, size_t n);
        size_t n;
        bool truncated;
        size_t parts;
    } cases[] = {
        /* n multiparts and the leaf inside; the message itself is a part too */
        { "multipart", nest, STRUCTURE_DEPTH_MAX - 2, false, STRUCTURE_DEPTH_MAX },
        { "multipart", nest, STRUCTURE_DEPTH_MAX - 1, false, STRUCTURE_DEPTH_MAX + 1 },
        { "multipart", nest, STRUCTURE_DEPTH_MAX, true, STRUCTURE_DEPTH_MAX + 1 },
        { "multipart", nest, 10000, true, STRUCTURE_DEPTH_MAX + 1 },
        { "message", nest_messages, STRUCTURE_DEPTH_MAX - 1, false, STRUCTURE_DEPTH_MAX + 1 },
        { "message", nest_messages, STRUCTURE_DEPTH_MAX, true, STRUCTURE_DEPTH_MAX + 1 },
        { "message", nest_messages, 100000, true, STRUCTURE_DEPTH_MAX + 1 },
        { "parts", many_parts, STRUCTURE_PARTS_MAX - 3, false, STRUCTURE_PARTS_MAX - 1 },
        { "parts", many_parts, STRUCTURE_PARTS_MAX - 2, true, STRUCTURE_PARTS_MAX },
        { "parts", many_parts, STRUCTURE_PARTS_MAX - 1, true, STRUCTURE_PARTS_MAX },
        { "parts", many_parts, 200000, true, STRUCTURE_PARTS_MAX },
    };
    struct charset_cache *cache = charset_cache_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct structure s;
        struct buf in = BUF_INIT, out = BUF_INIT;
        cases[i].make(&in, cases[i].n);
        clock_t start = clock();
        assert_int_equal(structure_parse(buf_str(&in), &arena, cache, &s, NULL), 0);
        assert_int_equal(bodystructure_write(&s, true, &arena, &out, NULL), 0);
        assert_row(clock() - start < 2 * CLOCKS_PER_SEC, i, cases[i].name);
        if (s.count != cases[i].parts)
            print_error("%zu parts\n", s.count);
        assert_row(s.count == cases[i].parts, i, cases[i].name);
        assert_row(s.truncated == cases[i].truncated, i, cases[i].name);
        const struct part *last = &s.parts[s.count - 1];
        assert_row(last->body_offset + last->body_bytes <= in.n, i, cases[i].name);
        buf_deinit(&in);
        buf_deinit(&out);
        arena_deinit(&arena);
    }
    charset_cache_free(&cache);
}

static void test_structure_of_hostile_bytes_costs_linear_time(void **state)
{
    static const struct {
        const char *before, *unit;
    } cases[] = {
        { MIXED, "--\n" },
        { MIXED, "--b\n" },
        { MIXED, "--b--\n" },
        { MIXED "--b\n", "junk\n" },
        { MIXED "--b\nA: b\n", "junk\n" },
        { MIXED, "--b\nA: b\njunk\n" },
        { "", "A: b\njunk\n" },
        { "", "\r" },
        { "", "Content-Type: text/plain; a*0=b;\n c*1=d\n" },
        { "Content-Type: multipart/mixed; x", ";a*0*=utf-8''x" },
    };
    struct charset_cache *cache = charset_cache_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct structure s;
        struct buf in = BUF_INIT;
        buf_add(&in, str_c(cases[i].before));
        while (in.n < 4 << 20)
            buf_add(&in, str_c(cases[i].unit));
        clock_t start = clock();
        assert_int_equal(structure_parse(buf_str(&in), &arena, cache, &s, NULL), 0);
        assert_row(clock() - start < 2 * CLOCKS_PER_SEC, i, cases[i].unit);
        buf_deinit(&in);
        arena_deinit(&arena);
    }
    charset_cache_free(&cache);
}

/* ---- the text that clients get ---- */

static const struct {
    const char *in, *body, *bodystructure;
} texts[] = {
    { "A: b\r\n\r\nhi\r\n", "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 4 1)",
      "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 4 1 NIL NIL NIL NIL)" },
    { "Content-Type: TEXT/HTML; Charset=UTF-8\nContent-Transfer-Encoding: Base64\nContent-ID: <a@b>\n"
      "Content-Description: a\n \"b\"\nContent-MD5: xyz\nContent-Disposition: inline; filename=f\n"
      "Content-Language: de, en\nContent-Location: http://x\n\naGk=\n",
      "(\"TEXT\" \"HTML\" (\"Charset\" \"UTF-8\") \"<a@b>\" \"a \\\"b\\\"\" \"Base64\" 5 1)",
      "(\"TEXT\" \"HTML\" (\"Charset\" \"UTF-8\") \"<a@b>\" \"a \\\"b\\\"\" \"Base64\" 5 1 \"xyz\" "
      "(\"inline\" (\"filename\" \"f\")) (\"de\" \"en\") \"http://x\")" },
    { "Content-Type: image/gif; name*=utf-8''J%C3%B6\n\nx",
      "(\"image\" \"gif\" (\"name*\" \"utf-8''J%C3%B6\") NIL NIL \"7BIT\" 1)",
      "(\"image\" \"gif\" (\"name*\" \"utf-8''J%C3%B6\") NIL NIL \"7BIT\" 1 NIL NIL NIL NIL)" },
    { MIXED "--b\n\n1\n--b\nContent-Type: message/rfc822\n\nSubject: s\n\nx\n--b--\n",
      "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 1 0)(\"message\" \"rfc822\" NIL NIL "
      "NIL \"7BIT\" 13 "
      "(NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL "
      "\"7BIT\" 1 0) 2) \"mixed\")",
      "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 1 0 NIL NIL NIL NIL)(\"message\" "
      "\"rfc822\" NIL NIL NIL "
      "\"7BIT\" 13 (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) (\"text\" \"plain\" (\"charset\" "
      "\"us-ascii\") NIL NIL \"7BIT\" 1 0 "
      "NIL NIL NIL NIL) 2 NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)" },
    { "Content-Type: multipart/alternative; boundary=b\n\nnothing",
      "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 7 0)",
      "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 7 0 NIL NIL NIL NIL)" },
    { "Content-Type: image/gif; name=\"\xf6\"\nContent-Transfer-Encoding:\n\n",
      "(\"image\" \"gif\" (\"name\" {1}\r\n\xf6) NIL NIL \"7BIT\" 0)",
      "(\"image\" \"gif\" (\"name\" {1}\r\n\xf6) NIL NIL \"7BIT\" 0 NIL NIL NIL NIL)" },
};

static void test_bodystructure_is_written_as_clients_read_it(void **state)
{
    struct charset_cache *cache = charset_cache_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct arena arena = ARENA_INIT;
        struct structure s;
        for (int extended = 0; extended <= 1; extended++) {
            struct buf out = BUF_INIT;
            assert_int_equal(structure_parse(str_c(texts[i].in), &arena, cache, &s, NULL), 0);
            assert_int_equal(bodystructure_write(&s, extended, &arena, &out, NULL), 0);
            struct str want = str_c(extended ? texts[i].bodystructure : texts[i].body);
            if (!str_eq(buf_str(&out), want))
                print_error("got <%s>\n", buf_c(&out));
            assert_row(str_eq(buf_str(&out), want), i, texts[i].in);
            buf_deinit(&out);
        }
        arena_deinit(&arena);
    }
    charset_cache_free(&cache);
}

static void test_bodystructure_too_large_is_refused(void **state)
{
    struct charset_cache *cache = charset_cache_new();
    struct arena arena = ARENA_INIT;
    struct structure s;
    struct buf in = BUF_INIT, out = BUF_INIT;
    (void)state;
    buf_add_lit(&in, MIXED);
    for (size_t i = 0; i < 5000; i++) {
        buf_add_lit(&in, "--b\nContent-Type: image/gif; name=\"");
        memset(buf_reserve(&in, 2000), 'x', 2000);
        in.n += 2000;
        buf_add_lit(&in, "\"\n\n");
    }
    assert_int_equal(structure_parse(buf_str(&in), &arena, cache, &s, NULL), 0);
    assert_int_equal(bodystructure_write(&s, false, &arena, &out, NULL), -ERR_LIMIT);
    assert_int_equal(out.n, 0);
    structure_collapse(&s);
    assert_int_equal(bodystructure_write(&s, false, &arena, &out, NULL), 0);
    assert_true(str_starts(buf_str(&out), STR("(\"application\" \"octet-stream\" NIL NIL NIL \"7BIT\" ")));
    buf_deinit(&in);
    buf_deinit(&out);
    arena_deinit(&arena);
    charset_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure_finds_parts),
        cmocka_unit_test(test_structure_is_opaque_beyond_its_limits),
        cmocka_unit_test(test_structure_of_hostile_bytes_costs_linear_time),
        cmocka_unit_test(test_bodystructure_is_written_as_clients_read_it),
        cmocka_unit_test(test_bodystructure_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
