#include "base/arena.h"
#include "base/testing.h"

static void test_arena_memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 4095, 4096, 4097, 300000, 1 };
    struct arena a = ARENA_INIT;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
            unsigned char *p = arena_alloc(&a, sizes[i]);
            assert_row((uintptr_t)p % _Alignof(max_align_t) == 0, i, "alignment");
            for (size_t k = 0; k < sizes[i]; k++)
                assert_row(p[k] == 0, i, "zero");
            memset(p, 0xff, sizes[i]); /* the next round gets this memory again */
        }
        arena_reset(&a);
    }
    arena_deinit(&a);
    assert_null(a.head);
}

static void test_arena_pieces_do_not_overlap(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    unsigned char *pieces[500];
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++) {
        pieces[i] = arena_alloc(&a, i);
        memset(pieces[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < ARRAY_COUNT(pieces); i++)
        for (size_t k = 0; k < i; k++)
            assert_row(pieces[i][k] == (i & 0xff), i, "overwritten");
    arena_deinit(&a);
}

static void test_arena_reset_keeps_one_small_block(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    assert_int_equal(a.total_bytes, 0);
    arena_alloc(&a, 100);
    size_t small = a.total_bytes;
    arena_alloc(&a, 1000000);
    assert_true(a.total_bytes >= 1000000);
    arena_reset(&a);
    assert_int_equal(a.total_bytes, small);
    arena_reset(&a);
    arena_deinit(&a);
    arena_alloc(&a, 1000000); /* the first block is a large one: that goes */
    arena_reset(&a);
    assert_int_equal(a.total_bytes, 0);
    arena_deinit(&a);
}

static void test_arena_copies_strings(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *c;
    } cases[] = {
        { STR_INIT(""), "" }, { STR_INIT("a"), "a" }, { STR_INIT("a\0b"), "a" }, { { NULL, 0 }, "" }
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str copy = arena_dup(&a, cases[i].in);
        assert_row(str_eq(copy, cases[i].in) && str_is_nil(copy) == str_is_nil(cases[i].in), i, "copy");
        assert_row(str_is_nil(copy) || (copy.p != cases[i].in.p && copy.p[copy.n] == '\0'), i, "terminated");
        assert_row(strcmp(arena_c(&a, cases[i].in), cases[i].c) == 0, i, "C string");
    }
    assert_str(arena_printf(&a, "%s-%d", "x", 42), "x-42");
    for (int n = 250; n < 260; n++) { /* around the room for what is short */
        struct str text = arena_printf(&a, "%*d", n, 7);
        assert_int_equal(text.n, n);
        assert_int_equal(text.p[n - 1], '7');
        assert_int_equal(text.p[n], '\0');
    }
    assert_str(arena_printf(&a, "%5000d", 1).n == 5000 ? STR("long") : STR("short"), "long");
    arena_deinit(&a);
}

static void test_arena_array_grows_with_its_content(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    uint64_t *numbers = NULL;
    size_t cap = 0;
    for (size_t i = 0; i < 10000; i++) {
        numbers = arena_grow(&a, numbers, i, &cap, sizeof *numbers);
        assert_true(cap > i);
        numbers[i] = i;
    }
    for (size_t i = 0; i < 10000; i++)
        assert_int_equal(numbers[i], i);
    arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_memory_is_zeroed_and_aligned),
        cmocka_unit_test(test_arena_pieces_do_not_overlap),
        cmocka_unit_test(test_arena_reset_keeps_one_small_block),
        cmocka_unit_test(test_arena_copies_strings),
        cmocka_unit_test(test_arena_array_grows_with_its_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
