#include "base/seqset.h"
#include "base/testing.h"

#include <stdlib.h>

static const struct parse_case {
    const char *in;
    int r;
    const char *canonical;
} parse_cases[] = {
    { "1", 0, "1" },
    { "1:3", 0, "1:3" },
    { "4:2", 0, "2:4" },
    { "5:*", 0, "5:*" },
    { "*:5", 0, "5:*" },
    { "*", 0, "*" },
    { "*:*", 0, "*" },
    { "9:*,4:*", 0, "4:*" },
    { "7,5:*", 0, "7,5:*" },
    { "$", 0, "$" },
    { "2,$", 0, "2,$" },
    { "2,4:7,9,12:*", 0, "2,4:7,9,12:*" },
    { "3,1,2", 0, "1:3" },
    { "1:2,3:4", 0, "1:4" },
    { "1:10,2:3,11", 0, "1:11" },
    { "9,7,5,3,1", 0, "1,3,5,7,9" },
    { "5,5,5", 0, "5" },
    { "4294967295", 0, "4294967295" },
    { "4294967294:4294967295,1", 0, "1,4294967294:4294967295" },
    { "1:4294967295,4294967295", 0, "1:4294967295" },
    { "4294967295:*", 0, "*" },
    { "", -ERR_SYNTAX, NULL },
    { "0", -ERR_SYNTAX, NULL },
    { "01", -ERR_SYNTAX, NULL },
    { "0:5", -ERR_SYNTAX, NULL },
    { "1,,2", -ERR_SYNTAX, NULL },
    { "1,", -ERR_SYNTAX, NULL },
    { ",1", -ERR_SYNTAX, NULL },
    { "1:", -ERR_SYNTAX, NULL },
    { ":1", -ERR_SYNTAX, NULL },
    { "1:2:3", -ERR_SYNTAX, NULL },
    { "1:$", -ERR_SYNTAX, NULL },
    { "-1", -ERR_SYNTAX, NULL },
    { "1 ", -ERR_SYNTAX, NULL },
    { "a", -ERR_SYNTAX, NULL },
    { "**", -ERR_SYNTAX, NULL },
    { "4294967296", -ERR_SYNTAX, NULL },
    { "99999999999999999999999", -ERR_SYNTAX, NULL },
};

static void test_seqset_parses_and_writes_the_canonical_form(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(parse_cases); i++) {
        const struct parse_case *c = &parse_cases[i];
        struct err err = { 0 };
        struct seqset set;
        int r = seqset_parse(str_c(c->in), &arena, &set, &err);
        assert_row(r == c->r && (int)err.kind == -r, i, c->in);
        if (r == 0) {
            buf_clear(&out);
            seqset_write(&set, &out);
            assert_row(str_eq(buf_str(&out), str_c(c->canonical)), i, c->in);
        }
    }
    buf_deinit(&out);
    arena_deinit(&arena);
}

static struct seqset make(const char *text, struct arena *arena)
{
    struct seqset set;
    seqset_init(&set, arena);
    if (*text)
        assert_int_equal(seqset_parse(str_c(text), arena, &set, NULL), 0);
    return set;
}

static void assert_set(const struct seqset *set, size_t row, const char *want)
{
    struct buf out = BUF_INIT;
    seqset_write(set, &out);
    if (!str_eq(buf_str(&out), str_c(want)))
        print_error("got <%s>\n", buf_c(&out));
    assert_row(str_eq(buf_str(&out), str_c(want)), row, want);
    buf_deinit(&out);
}

static void test_star_is_the_largest_number_in_use(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        uint32_t max;
        const char *want;
    } cases[] = {
        { "5:*", 9, "5:9" },
        { "5:*", 5, "5" },
        { "3291:*", 7, "7" },
        { "*", 7, "7" },
        { "*", 0, "" },
        { "5:*", 0, "" },
        { "2,*", 1, "1:2" },
        { "7,5:*", 6, "5:7" },
        { "1:3", 2, "1:3" },
        { "9,*:4", 6, "4:6,9" },
        { "*", UINT32_MAX, "4294967295" },
    };
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct seqset set = make(cases[i].in, &arena);
        seqset_resolve(&set, cases[i].max);
        assert_set(&set, i, cases[i].want);
    }
    arena_deinit(&arena);
}

static void test_set_arithmetic(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *both, *all, *only_a;
    } cases[] = {
        { "", "", "", "", "" },
        { "1:5", "", "", "1:5", "1:5" },
        { "", "1:5", "", "1:5", "" },
        { "1:5", "3:8", "3:5", "1:8", "1:2" },
        { "1:10", "2,4,6", "2,4,6", "1:10", "1,3,5,7:10" },
        { "2,4,6", "1:10", "2,4,6", "1:10", "" },
        { "1:3,5:7,9:11", "3:9", "3,5:7,9", "1:11", "1:2,10:11" },
        { "1:2", "3:4", "", "1:4", "1:2" },
        { "1:4294967295", "4294967295", "4294967295", "1:4294967295", "1:4294967294" },
        { "1:4294967295", "1", "1", "1:4294967295", "2:4294967295" },
        { "1,3,5", "2,4", "", "1:5", "1,3,5" },
    };
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct seqset a = make(cases[i].a, &arena), b = make(cases[i].b, &arena), out;
        seqset_intersection(&a, &b, &arena, &out);
        assert_set(&out, i, cases[i].both);
        seqset_union(&a, &b, &arena, &out);
        assert_set(&out, i, cases[i].all);
        seqset_difference(&a, &b, &arena, &out);
        assert_set(&out, i, cases[i].only_a);
    }
    arena_deinit(&arena);
}

static void test_slices_count_members_not_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        uint64_t from, count;
        const char *slice;
    } cases[] = {
        { "", 0, 5, "" },
        { "1:5", 0, 5, "1:5" },
        { "1:5", 0, 0, "" },
        { "1:5", 4, 9, "5" },
        { "1:5", 5, 1, "" },
        { "2:4,7,9:12", 2, 3, "4,7,9" },
        { "2:4,7,9:12", 3, 1, "7" },
        { "2:4,7,9:12", 4, UINT64_MAX, "9:12" },
        { "1:4294967295", 4294967294, 2, "4294967295" },
    };
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct seqset set = make(cases[i].set, &arena), out;
        seqset_slice(&set, cases[i].from, cases[i].count, &arena, &out);
        assert_set(&out, i, cases[i].slice);
    }
    arena_deinit(&arena);
}

static void test_adding_in_any_order_gives_the_same_as_a_bitmap(void **state)
{
    (void)state;
    enum { NUMBERS = 200, ROUNDS = 300 };
    struct arena arena = ARENA_INIT;
    unsigned seed = 7;
    for (int round = 0; round < ROUNDS; round++) {
        bool in[NUMBERS + 2] = { false };
        struct seqset set;
        seqset_init(&set, &arena);
        for (int k = 0; k < round % 60; k++) {
            uint32_t first = (uint32_t)rand_r(&seed) % NUMBERS + 1,
                     last = first + (uint32_t)rand_r(&seed) % 5;
            if (last > NUMBERS)
                last = NUMBERS;
            seqset_add_range(&set, first, last);
            for (uint32_t n = first; n <= last; n++)
                in[n] = true;
        }
        uint64_t count = 0;
        struct seqset_iter it = seqset_each(&set);
        for (uint32_t n = 1; n <= NUMBERS; n++) {
            uint32_t walked;
            assert_true(seqset_contains(&set, n) == in[n]);
            if (in[n]) {
                count++;
                assert_true(seqset_next(&it, &walked) && walked == n);
            }
        }
        assert_true(seqset_count(&set) == count);
        it = seqset_each_back(&set);
        for (uint32_t n = NUMBERS, walked; n >= 1; n--)
            if (in[n])
                assert_true(seqset_next(&it, &walked) && walked == n);
        uint32_t none;
        assert_false(seqset_next(&it, &none));
        for (size_t i = 1; i < set.count; i++)
            assert_true(set.ranges[i - 1].last + 1 < set.ranges[i].first);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
}

static void test_a_zeroed_set_is_empty(void **state)
{
    (void)state;
    struct seqset set = { 0 };
    uint32_t n;
    struct seqset_iter it = seqset_each(&set);
    assert_true(seqset_is_empty(&set) && !seqset_contains(&set, 1) && !seqset_next(&it, &n));
    it = seqset_each_back(&set);
    assert_false(seqset_next(&it, &n));
    assert_int_equal(seqset_first(&set), 0);
    assert_int_equal(seqset_last(&set), 0);
}

static void test_seqset_refuses_one_range_too_many(void **state)
{
    (void)state;
    for (size_t count = SEQSET_RANGES_MAX - 1; count <= SEQSET_RANGES_MAX + 1; count++) {
        struct arena arena = ARENA_INIT;
        struct buf text = BUF_INIT;
        struct seqset set;
        for (size_t i = 1; i <= count; i++)
            buf_printf(&text, "%s%zu", i > 1 ? "," : "", 2 * i);
        int want = count <= SEQSET_RANGES_MAX ? 0 : -ERR_LIMIT;
        assert_int_equal(seqset_parse(buf_str(&text), &arena, &set, NULL), want);
        if (want == 0)
            assert_true(set.count == count && seqset_last(&set) == 2 * count);
        buf_deinit(&text);
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seqset_parses_and_writes_the_canonical_form),
        cmocka_unit_test(test_star_is_the_largest_number_in_use),
        cmocka_unit_test(test_set_arithmetic),
        cmocka_unit_test(test_slices_count_members_not_ranges),
        cmocka_unit_test(test_adding_in_any_order_gives_the_same_as_a_bitmap),
        cmocka_unit_test(test_a_zeroed_set_is_empty),
        cmocka_unit_test(test_seqset_refuses_one_range_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
