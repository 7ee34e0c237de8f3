#include "base/buf.h"
#include "base/testing.h"

static void test_buf_adds_in_order(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    assert_str(buf_str(&b), "");
    buf_add(&b, STR("one"));
    buf_add(&b, STR_NIL);
    buf_add_bytes(&b, NULL, 0);
    buf_add_char(&b, ' ');
    buf_add_lit(&b, "two ");
    buf_printf(&b, "%03d", 7);
    assert_str(buf_str(&b), "one two 007");
    assert_string_equal(buf_c(&b), "one two 007");
    assert_int_equal(b.n, 11);
    buf_clear(&b);
    assert_str(buf_str(&b), "");
    assert_true(b.cap > 0);
    buf_deinit(&b);
    assert_null(b.p);
    assert_string_equal(buf_c(&b), "");
    buf_deinit(&b);
}

static void test_buf_numbers_are_decimal(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        const char *text;
    } cases[] = { { 0, "0" },
                  { 9, "9" },
                  { 10, "10" },
                  { 4294967296, "4294967296" },
                  { UINT64_MAX, "18446744073709551615" } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf b = BUF_INIT;
        buf_add_u64(&b, cases[i].n);
        assert_row(strcmp(buf_c(&b), cases[i].text) == 0, i, cases[i].text);
        buf_deinit(&b);
    }
}

static void test_buf_printf_fits_any_length(void **state)
{
    (void)state;
    for (int n = 60; n <= 300; n++) { /* around the room that it tries first, and around a growth */
        struct buf b = BUF_INIT;
        buf_add_lit(&b, "x");
        buf_printf(&b, "%*d", n, 1);
        assert_row(b.n == (size_t)n + 1 && b.p[n] == '1' && b.p[0] == 'x', n, "length");
        buf_deinit(&b);
    }
}

static void test_buf_drops_from_the_front(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        const char *left;
    } cases[] = { { 0, "abcdef" }, { 1, "bcdef" }, { 5, "f" }, { 6, "" }, { 7, "" }, { SIZE_MAX, "" } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf b = BUF_INIT;
        buf_add_lit(&b, "abcdef");
        buf_drop(&b, cases[i].n);
        assert_row(strcmp(buf_c(&b), cases[i].left) == 0, i, cases[i].left);
        buf_deinit(&b);
    }
    struct buf empty = BUF_INIT;
    buf_drop(&empty, 3);
    assert_int_equal(empty.n, 0);
}

static void test_buf_reserve_keeps_content_and_is_never_null(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    assert_non_null(buf_reserve(&b, 0));
    buf_add_lit(&b, "keep");
    memset(buf_reserve(&b, 100000), 'x', 100000);
    b.n += 100000;
    assert_true(str_starts(buf_str(&b), STR("keepxxx")));
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_adds_in_order),
        cmocka_unit_test(test_buf_numbers_are_decimal),
        cmocka_unit_test(test_buf_printf_fits_any_length),
        cmocka_unit_test(test_buf_drops_from_the_front),
        cmocka_unit_test(test_buf_reserve_keeps_content_and_is_never_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
