#include "base/err.h"
#include "base/testing.h"

#include <errno.h>

static void test_err_set_keeps_kind_and_one_line_of_text(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(err_set(&err, ERR_LIMIT, "at most %d", 5), -ERR_LIMIT);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_string_equal(err.text, "at most 5");
    err_set(&err, ERR_IO, "a\r\nb\tc\x7f");
    assert_string_equal(err.text, "a  b c ");
    assert_int_equal(err_set(NULL, ERR_IO, "nobody listens"), -ERR_IO);
}

static void test_err_text_is_cut_never_overrun(void **state)
{
    (void)state;
    for (int n = ERR_TEXT_BYTES - 2; n <= ERR_TEXT_BYTES + 1; n++) {
        struct err err;
        err_set(&err, ERR_IO, "%0*d", n, 1);
        assert_row(strlen(err.text) == (size_t)(n < ERR_TEXT_BYTES ? n : ERR_TEXT_BYTES - 1), n, "length");
    }
}

static void test_errno_tells_full_from_broken(void **state)
{
    (void)state;
    static const struct {
        int errnum;
        enum err_kind kind;
    } cases[] = {
        { ENOSPC, ERR_FULL }, { EDQUOT, ERR_FULL }, { EIO, ERR_IO }, { EACCES, ERR_IO }, { ENOENT, ERR_IO }
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err;
        assert_row(err_set_errno(&err, cases[i].errnum, "cannot open %s", "x") == -(int)cases[i].kind, i,
                   "kind");
        assert_row(err.kind == cases[i].kind, i, err.text);
        assert_row(strncmp(err.text, "cannot open x: ", 15) == 0 && strlen(err.text) > 16, i, err.text);
    }
    assert_int_equal(err_set_errno(NULL, EDQUOT, "x"), -ERR_FULL);
}

static void test_context_goes_in_front(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, ERR_CORRUPT, "bad checksum");
    assert_int_equal(err_context(&err, "segment %d", 3), -ERR_CORRUPT);
    assert_string_equal(err.text, "segment 3: bad checksum");
    for (int i = 0; i < 100; i++)
        err_context(&err, "deeper");
    assert_true(strlen(err.text) < ERR_TEXT_BYTES);
    assert_int_equal(err.kind, ERR_CORRUPT);
    assert_true(err_context(NULL, "nobody") < 0);
}

static void test_every_kind_has_its_own_name(void **state)
{
    (void)state;
    for (int i = 0; i < ERR_KIND_COUNT; i++) {
        assert_non_null(err_kind_name((enum err_kind)i));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(err_kind_name((enum err_kind)i), err_kind_name((enum err_kind)k));
    }
    assert_string_equal(err_kind_name(ERR_KIND_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err_set_keeps_kind_and_one_line_of_text),
        cmocka_unit_test(test_err_text_is_cut_never_overrun),
        cmocka_unit_test(test_errno_tells_full_from_broken),
        cmocka_unit_test(test_context_goes_in_front),
        cmocka_unit_test(test_every_kind_has_its_own_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
