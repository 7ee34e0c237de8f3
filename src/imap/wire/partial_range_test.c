#include "imap/wire/partial_range.h"

#include "base/testing.h"

static const struct {
    const char *in; /* NULL out: refused */
    const char *out;
    size_t count, from, n; /* of so many results */
} cases[] = {
    { "1:500", "1:500", 23764, 0, 500 },
    { "23500:24000", "23500:24000", 23764, 23499, 265 },
    { "24000:24500", "24000:24500", 23764, 0, 0 },
    { "500:400", "500:400", 450, 399, 51 },
    { "-1:-100", "-1:-100", 23764, 23664, 100 },
    { "-100:-1", "-100:-1", 23764, 23664, 100 },
    { "-2:-3", "-2:-3", 10, 7, 2 },
    { "-5:-20", "-5:-20", 10, 0, 6 },
    { "-11:-20", "-11:-20", 10, 0, 0 },
    { "1:1", "1:1", 0, 0, 0 },
    { "1:4294967295", "1:4294967295", 3, 0, 3 },
    { "-1:-4294967295", "-1:-4294967295", 3, 0, 3 },
    { "2:2", "2:2", 2, 1, 1 },
    { "2:2", "2:2", 1, 0, 0 },
    { "0:5", NULL, 0, 0, 0 },
    { "1:0", NULL, 0, 0, 0 },
    { "1", NULL, 0, 0, 0 },
    { "1:*", NULL, 0, 0, 0 },
    { "*:1", NULL, 0, 0, 0 },
    { "-1:5", NULL, 0, 0, 0 },
    { "1:-5", NULL, 0, 0, 0 },
    { "--1:-5", NULL, 0, 0, 0 },
    { "1:4294967296", NULL, 0, 0, 0 },
    { "", NULL, 0, 0, 0 },
};

static void test_ranges_are_read_and_cut_to_what_there_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct buf line = BUF_INIT, out = BUF_INIT;
        struct parser p;
        struct partial_range range = { 0 };
        size_t from, n;
        buf_printf(&line, "%s\r\n", cases[i].in);
        parser_init(&p, buf_str(&line), &parser_limits_after_login, false, &arena);
        bool ok = parse_partial_range(&p, &range) && parse_end(&p);
        assert_row(ok == (cases[i].out != NULL), i, cases[i].in);
        if (ok) {
            partial_range_write(&range, &out);
            assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, cases[i].in);
            partial_range_window(&range, cases[i].count, &from, &n);
            assert_row(from == cases[i].from && n == cases[i].n, i, cases[i].in);
        }
        buf_deinit(&line);
        buf_deinit(&out);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_ranges_are_read_and_cut_to_what_there_is) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
