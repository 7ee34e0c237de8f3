#include "base/testing.h"
#include "mime/header.h"

static bool stop_at_cut(void *ctx, size_t offset, struct str line)
{
    (void)ctx;
    (void)offset;
    return str_starts(line, STR("--cut"));
}

static void test_header_ends_where_it_should(void **state)
{
    static const struct {
        const char *in;
        bool is_message;
        size_t length;
        bool has_blank;
    } cases[] = {
        { "A: b\r\n\r\nbody", true, 8, true },
        { "A: b\n\nbody", true, 6, true },
        { "A: b\n", true, 5, false },
        { "A: b", true, 4, false },
        { "", true, 0, false },
        { "\r\nbody", true, 2, true },
        { "body only\r\n", true, 0, false },
        { "From x Mon\r\nA: b\r\n\r\nc", true, 20, true },
        { "From x Mon\r\nA: b\r\n\r\nc", false, 0, false },
        { ">From x\nA: b\n\n", true, 14, true },
        { "A : b\r\n\r\n", true, 9, true },
        { "A: b\r\nhello\r\n\r\n", true, 6, false },
        { "A: b\r\nhello\r\nC: d\r\n\r\n", true, 21, true },
        { "A: b\r\n \r\nC: d\r\n\r\nx", true, 17, true },
        { " A: b\r\n\r\n", true, 0, false },
        { "A: b\r\n--cut\r\nC: d\r\n\r\n", true, 6, false },
        { "A: b\r\njunk\r\n--cut\r\n\r\n", true, 6, false },
        { "A: b\r\n--cut:x\r\n\r\n", true, 6, false },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        bool has_blank;
        size_t n = header_length(str_c(cases[i].in), cases[i].is_message, stop_at_cut, NULL, &has_blank);
        assert_row(n == cases[i].length, i, cases[i].in);
        assert_row(has_blank == cases[i].has_blank, i, cases[i].in);
    }
}

static void test_header_fields_are_found_in_odd_shapes(void **state)
{
    static const struct str header = STR_INIT(
        "From x\r\nSubject : one\r\n two\r\njunk\r\n : none\r\nA:\nb\x80"
        "c:d\0e\r\nEnd:last");
    static const struct {
        struct str name, value;
    } want[] = {
        { STR_INIT("Subject"), STR_INIT(" one\r\n two") },
        { STR_INIT("A"), STR_INIT("") },
        { STR_INIT("b\x80"
                   "c"),
          STR_INIT("d\0e") },
        { STR_INIT("End"), STR_INIT("last") },
    };
    struct header_field field;
    struct header_reader r = header_each(header);
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(want); i++) {
        assert_true(header_next(&r, &field));
        assert_row(str_eq(field.name, want[i].name), i, want[i].name.p);
        assert_row(str_eq(field.value, want[i].value), i, want[i].name.p);
    }
    assert_false(header_next(&r, &field));
    assert_str(header_find(header, STR("SUBJECT")), " one\r\n two");
    assert_true(str_is_nil(header_find(header, STR("junk"))));
}

static void test_header_unfolds(void **state)
{
    static const struct {
        struct str in;
        const char *out;
    } cases[] = {
        { STR_INIT(" a\r\n b "), "a b" }, { STR_INIT("a\n\tb"), "a\tb" }, { STR_INIT("a\rb"), "a b" },
        { STR_INIT("a\0b"), "ab" },       { STR_INIT(""), "" },           { STR_INIT("a\r\n\r\n b"), "a b" },
        { STR_INIT("\r\n a"), "a" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        header_unfold(cases[i].in, &out);
        assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, cases[i].in.p);
        buf_deinit(&out);
    }
}

static void test_header_filter_keeps_and_leaves_out(void **state)
{
    static const struct str names[] = { STR_INIT("to"), STR_INIT("SUBJECT") };
    static const struct {
        const char *in;
        size_t count;
        bool all_but;
        const char *out;
    } cases[] = {
        { "To: a\r\nX: b\r\nSubject: c\r\n d\r\n\r\n", 2, false, "To: a\r\nSubject: c\r\n d\r\n\r\n" },
        { "To: a\r\nX: b\r\nSubject: c\r\n\r\n", 2, true, "X: b\r\n\r\n" },
        { "To: a\r\nX: b\r\n", 2, false, "To: a\r\n" },
        { "To: a\r\nX: b\r\n\r\n", 0, false, "\r\n" },
        { "To: a\r\nX: b\r\n\r\n", 0, true, "To: a\r\nX: b\r\n\r\n" },
        { "Tone: a\r\n\r\n", 2, false, "\r\n" },
        { "", 2, false, "" },
    };
    struct arena arena = ARENA_INIT;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        const struct header_names set = header_names_make(names, cases[i].count, &arena);
        header_filter(str_c(cases[i].in), &set, cases[i].all_but, &out);
        assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, cases[i].in);
        buf_deinit(&out);
    }
    arena_deinit(&arena);
}

/* Cut at each place, with and without what was not consumed before: the same as whole. */
static void test_a_sieve_gives_the_same_in_pieces(void **state)
{
    (void)state;
    enum { LONG = 300 * 1000, STEP = 1013 };
    static const char head[] = "junk\r\n folded junk\r\nTo: a\r\nX : b\r\n c\r\nSubject: ",
                      tail[] = "\r\n d\r\nTo: e\r\n\r\nTo: f\r\n";
    static const struct str names[] = { STR_INIT("to"), STR_INIT("SUBJECT") };
    struct arena arena = ARENA_INIT;
    struct buf in = BUF_INIT;
    const struct header_names set = header_names_make(names, 2, &arena);
    buf_add(&in, str_c(head));
    memset(buf_reserve(&in, LONG), 'x', LONG);
    in.n += LONG;
    buf_add(&in, str_c(tail));
    for (int all_but = 0; all_but < 2; all_but++) {
        struct buf want = BUF_INIT;
        header_filter(buf_str(&in), &set, all_but, &want);
        for (size_t piece = HEADER_SIEVE_BYTES; piece < in.n + STEP; piece += STEP) {
            struct buf got = BUF_INIT;
            struct header_sieve sieve = { .names = &set, .all_but = all_but };
            for (size_t at = 0; at < in.n && !sieve.ended;) {
                struct str part = str_sub(buf_str(&in), at, piece);
                size_t consumed = header_sieve_feed(&sieve, part, at + part.n == in.n, &got);
                assert_true(consumed > 0 && consumed <= part.n);
                at += consumed;
            }
            assert_true(sieve.ended);
            assert_true(str_eq(buf_str(&got), buf_str(&want)));
            buf_deinit(&got);
        }
        buf_deinit(&want);
    }
    buf_deinit(&in);
    arena_deinit(&arena);
}

static void test_header_names_of_any_length_are_found(void **state)
{
    struct arena arena = ARENA_INIT;
    char text[100];
    struct str names[ARRAY_COUNT(text)];
    (void)state;
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        names[i] = str_make(text, i + 1);
    for (size_t i = 0; i + 1 < ARRAY_COUNT(names); i++) {
        const struct header_names set = header_names_make(&names[i], 1, &arena);
        char upper[sizeof text];
        memset(upper, 'X', sizeof upper);
        assert_row(header_names_has(&set, str_make(upper, i + 1)), i, "itself");
        assert_row(!header_names_has(&set, str_make(upper, i + 2)) &&
                       !header_names_has(&set, str_make(upper, i)),
                   i, "not others");
    }
    arena_deinit(&arena);
}

static void test_header_fields_of_one_name_are_those_that_a_look_at_all_finds(void **state)
{
    static const char *const headers[] = {
        "",
        "To: a\r\n",
        "From: x\nto: a\n b\nT: c\nTOO: d\nTo : e\n\nTo: body\n",
        "junk\n To: a\nTo: b\n",
        "X: a\r\n to: b\r\n\tto: c\r\nTo: d\r\n\r\nTo: e",
        "\rTo: a\nTo: b\n\r\r\nTo: c\n",
        ": a\nTo\nTo: b\nto:\n",
        "From me to you\nTo: a",
    };
    static const struct str names[] = { STR_INIT("to"), STR_INIT("X"), STR_INIT(""), STR_INIT(" to"),
                                        STR_INIT("t") };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(headers); i++) {
        for (size_t k = 0; k < ARRAY_COUNT(names); k++) {
            struct header_reader all = header_each(str_c(headers[i])), named = all;
            struct header_field want, got;
            while (header_next(&all, &want)) {
                if (!str_eq_nocase(want.name, names[k]))
                    continue;
                assert_row(header_next_named(&named, names[k], &got), i, headers[i]);
                assert_row(got.whole.p == want.whole.p && got.whole.n == want.whole.n, i, headers[i]);
            }
            assert_row(!header_next_named(&named, names[k], &got), i, headers[i]);
        }
    }
}

static size_t count_interpreted(size_t fields)
{
    struct buf header = BUF_INIT;
    struct header_field field;
    size_t count = 0;
    for (size_t i = 0; i < fields; i++)
        buf_add_lit(&header, "A: b\n");
    for (struct header_reader r = header_each(buf_str(&header)); header_next_interpreted(&r, &field);)
        count++;
    buf_deinit(&header);
    return count;
}

static void test_header_interprets_up_to_its_limit(void **state)
{
    (void)state;
    assert_int_equal(count_interpreted(HEADER_FIELDS_MAX - 1), HEADER_FIELDS_MAX - 1);
    assert_int_equal(count_interpreted(HEADER_FIELDS_MAX), HEADER_FIELDS_MAX);
    assert_int_equal(count_interpreted(HEADER_FIELDS_MAX + 1), HEADER_FIELDS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_ends_where_it_should),
        cmocka_unit_test(test_header_fields_are_found_in_odd_shapes),
        cmocka_unit_test(test_header_unfolds),
        cmocka_unit_test(test_header_filter_keeps_and_leaves_out),
        cmocka_unit_test(test_a_sieve_gives_the_same_in_pieces),
        cmocka_unit_test(test_header_names_of_any_length_are_found),
        cmocka_unit_test(test_header_fields_of_one_name_are_those_that_a_look_at_all_finds),
        cmocka_unit_test(test_header_interprets_up_to_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
