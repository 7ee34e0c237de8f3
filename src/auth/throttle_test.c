#include "auth/throttle.h"
#include "base/testing.h"

#include <sodium.h>

static const struct throttle_params params = { .delay_ms = 100, .delay_max_ms = 1500, .forget_ms = 10000 };

static void test_delay_doubles_up_to_its_limit(void **state)
{
    (void)state;
    static const uint32_t delays[] = { 100, 200, 400, 800, 1500, 1500, 1500 };
    struct throttle *t = throttle_new(&params);
    assert_int_equal(throttle_look(t, STR("a"), 0).delay_ms, 0);
    for (size_t i = 0; i < ARRAY_COUNT(delays); i++) {
        struct throttle_score score = throttle_add_failure(t, STR("a"), (int64_t)i);
        assert_row(score.delay_ms == delays[i] && score.failures == i + 1, i, "delay");
        assert_row(throttle_look(t, STR("a"), (int64_t)i).delay_ms == delays[i], i, "delay");
    }
    assert_int_equal(throttle_look(t, STR("b"), 0).failures, 0);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(throttle_add_failure(t, STR("a"), 100).delay_ms, 1500);
    assert_true(throttle_look(t, STR("a"), 100).failures < 100); /* and is forgotten in bounded time */
    throttle_free(&t);
    assert_null(t);
}

static void test_failures_are_forgotten_one_by_one(void **state)
{
    (void)state;
    static const struct {
        int64_t at_ms;
        uint32_t failures;
    } cases[] = {
        { 0, 3 }, { 9999, 3 }, { 10000, 2 }, { 19999, 2 }, { 20000, 1 }, { 29999, 1 }, { 30000, 0 }
    };
    struct throttle *t = throttle_new(&params);
    for (size_t i = 0; i < 3; i++)
        throttle_add_failure(t, STR("a"), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(throttle_look(t, STR("a"), cases[i].at_ms).failures == cases[i].failures, i, "failures");
    throttle_free(&t);
}

static void test_age_counts_from_the_last_failure(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(&params);
    throttle_add_failure(t, STR("a"), 1000);
    assert_int_equal(throttle_look(t, STR("a"), 1700).age_ms, 700);
    assert_int_equal(throttle_add_failure(t, STR("a"), 1800).age_ms, 0);
    throttle_free(&t);
}

static void test_forgiven_is_as_new_and_nil_keeps_no_score(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(&params);
    throttle_add_failure(t, STR("a"), 0);
    throttle_forgive(t, STR("a"));
    throttle_forgive(t, STR("never seen"));
    assert_int_equal(throttle_look(t, STR("a"), 0).failures, 0);
    assert_int_equal(throttle_add_failure(t, STR("a"), 0).failures, 1);
    assert_int_equal(throttle_add_failure(t, STR_NIL, 0).failures, 0);
    assert_int_equal(throttle_look(t, STR_NIL, 0).failures, 0);
    throttle_forgive(t, STR_NIL);
    throttle_free(&t);
}

/* A stranger with many addresses must not make us forget one with many failures. */
static void test_flood_of_keys_keeps_the_worst(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(&params);
    for (size_t i = 0; i < 10; i++)
        throttle_add_failure(t, STR("worst"), 0);
    for (uint32_t i = 0; i < 200000; i++)
        throttle_add_failure(t, str_make(&i, sizeof i), 0);
    assert_int_equal(throttle_look(t, STR("worst"), 0).failures, 10);
    throttle_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay_doubles_up_to_its_limit),
        cmocka_unit_test(test_failures_are_forgotten_one_by_one),
        cmocka_unit_test(test_age_counts_from_the_last_failure),
        cmocka_unit_test(test_forgiven_is_as_new_and_nil_keeps_no_score),
        cmocka_unit_test(test_flood_of_keys_keeps_the_worst),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
