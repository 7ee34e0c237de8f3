#include "base/testing.h"
#include "mime/param.h"

#include <time.h>

/* value;name=value;name*=value */
static void print_params(struct str in, struct charset_cache *cache, struct buf *out)
{
    struct arena arena = ARENA_INIT;
    struct param_list params;
    struct str value;
    param_parse(in, &arena, cache, &value, &params);
    buf_add(out, value);
    for (size_t i = 0; i < params.count; i++)
        buf_printf(out, ";" STR_FMT "%s=" STR_FMT, STR_ARG(params.items[i].name),
                   params.items[i].extended ? "*" : "", STR_ARG(params.items[i].value));
    arena_deinit(&arena);
}

static void test_params_parse(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "text/plain", "text/plain" },
        { "text/plain; charset=utf-8", "text/plain;charset=utf-8" },
        { "text/plain (c;x) ;charset = \"utf-8\" (y)", "text/plain;charset=utf-8" },
        { "a(;)bcdefghij; x=y", "abcdefghij;x=y" },
        { "attachment; filename=\"a; b\\\"c\"", "attachment;filename=a; b\"c" },
        { "attachment; filename=my file.txt; x=1", "attachment;filename=my file.txt;x=1" },
        { "text/plain; charset=utf-8 format=flowed", "text/plain;charset=utf-8;format=flowed" },
        { "text/plain;;; ;charset=a;", "text/plain;charset=a" },
        { "text/plain; junk; charset=a; =x; b=", "text/plain;charset=a;b=" },
        { "a; n=\"open", "a;n=open" },
        { "a; n*=utf-8''J%C3%B6rg", "a;n*=J\xc3\xb6rg" },
        { "a; n*=iso-8859-1'de'J%F6rg", "a;n*=J\xc3\xb6rg" },
        { "a; n*0=\"ab\"; n*1=\"cd\"", "a;n=abcd" },
        { "a; n*1=cd; n*0=ab", "a;n=abcd" },
        { "a; n*0*=utf-8''%C3; n*1*=%B6; n*2=%41", "a;n*=\xc3\xb6%41" },
        { "a; n*0=ab; n*2=ef", "a;n=ab" },
        { "a; n*1=cd", "a" },
        { "a; n=plain; n*=utf-8''x", "a;n=plain;n*=x" },
        { "a; n*=no-quotes", "a;n*=no-quotes" },
        { "a; n*=utf-8''%ZZ%", "a;n*=%ZZ%" },
        { "a; n*x=y", "a;n*x=y" },
        { "a;\r\n\tn=\"x\r\n y\"", "a;n=x y" },
        { "", "" },
        { ";", "" },
        { "(((", "" },
    };
    struct charset_cache *cache = charset_cache_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        print_params(str_c(cases[i].in), cache, &out);
        if (!str_eq(buf_str(&out), str_c(cases[i].out)))
            print_error("got <%s>\n", buf_c(&out));
        assert_row(str_eq(buf_str(&out), str_c(cases[i].out)), i, cases[i].in);
        buf_deinit(&out);
    }
    charset_cache_free(&cache);
}

static size_t count_params(size_t sent)
{
    struct arena arena = ARENA_INIT;
    struct buf in = BUF_INIT;
    struct param_list params;
    struct str value;
    buf_add_lit(&in, "text/plain");
    for (size_t i = 0; i < sent; i++)
        buf_printf(&in, ";p%zu=x", i);
    param_parse(buf_str(&in), &arena, NULL, &value, &params);
    buf_deinit(&in);
    arena_deinit(&arena);
    return params.count;
}

static void test_params_are_limited(void **state)
{
    (void)state;
    assert_int_equal(count_params(PARAM_SEGMENTS_MAX - 1), PARAM_SEGMENTS_MAX - 1);
    assert_int_equal(count_params(PARAM_SEGMENTS_MAX), PARAM_SEGMENTS_MAX);
    assert_int_equal(count_params(PARAM_SEGMENTS_MAX + 1), PARAM_SEGMENTS_MAX);
}

static size_t value_bytes(size_t sent)
{
    struct arena arena = ARENA_INIT;
    struct buf in = BUF_INIT;
    struct param_list params;
    struct str value;
    buf_add_lit(&in, "a;n=");
    memset(buf_reserve(&in, sent), 'x', sent);
    in.n += sent;
    param_parse(buf_str(&in), &arena, NULL, &value, &params);
    size_t n = params.items[0].value.n;
    buf_deinit(&in);
    arena_deinit(&arena);
    return n;
}

static void test_param_values_are_cut_at_their_limit(void **state)
{
    (void)state;
    assert_int_equal(value_bytes(PARAM_VALUE_BYTES_MAX - 1), PARAM_VALUE_BYTES_MAX - 1);
    assert_int_equal(value_bytes(PARAM_VALUE_BYTES_MAX), PARAM_VALUE_BYTES_MAX);
    assert_int_equal(value_bytes(PARAM_VALUE_BYTES_MAX + 1), PARAM_VALUE_BYTES_MAX);
}

static void test_param_floods_cost_linear_time(void **state)
{
    static const char *const units[] = { ";a*1=b", ";a*0*=b", ";", "(", "\"", ";a=\"", "=", ";a*0=b" };
    struct charset_cache *cache = charset_cache_new();
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        struct buf in = BUF_INIT, out = BUF_INIT;
        while (in.n < 1 << 20)
            buf_add(&in, str_c(units[i]));
        clock_t start = clock();
        print_params(buf_str(&in), cache, &out);
        assert_row(clock() - start < 2 * CLOCKS_PER_SEC, i, units[i]);
        buf_deinit(&in);
        buf_deinit(&out);
    }
    charset_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_params_parse),
        cmocka_unit_test(test_params_are_limited),
        cmocka_unit_test(test_param_values_are_cut_at_their_limit),
        cmocka_unit_test(test_param_floods_cost_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
