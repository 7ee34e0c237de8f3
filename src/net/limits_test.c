#include "net/limits.h"

#include "base/testing.h"

#include <pthread.h>

static void test_limits_give_as_many_places_as_there_are(void **state)
{
    (void)state;
    struct limits *limits = limits_new();
    struct err err;
    static const struct {
        unsigned held;
        int r;
    } cases[] = {
        { 1, 0 },
        { 2, 0 },
        { 3, -ERR_LIMIT },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        for (unsigned k = 0; k < cases[i].held; k++)
            assert_int_equal(limit_acquire(limits, STR("account/anna"), 0, "places", &err), 0);
        int r = limit_acquire(limits, STR("account/anna"), 3, "connections per account", &err);
        assert_row(r == cases[i].r, i, "acquire");
        if (r != 0)
            assert_string_equal(err.text, "too many connections per account (limit 3)");
        for (unsigned k = 0; k < cases[i].held + (r == 0); k++)
            limit_release(limits, STR("account/anna"));
    }
    assert_int_equal(limit_keys(limits), 0);
    limits_free(&limits);
    assert_null(limits);
    limits_free(&limits);
}

static void test_limits_keep_keys_apart(void **state)
{
    (void)state;
    struct limits *limits = limits_new();
    assert_int_equal(limit_acquire(limits, STR("account/anna"), 1, "places", NULL), 0);
    assert_int_equal(limit_acquire(limits, STR("account/berta"), 1, "places", NULL), 0);
    assert_int_equal(limit_acquire(limits, str_make("client/\0\0", 9), 1, "places", NULL), 0);
    assert_int_equal(limit_acquire(limits, STR("account/anna"), 1, "places", NULL), -ERR_LIMIT);
    assert_int_equal(limit_count(limits, STR("account/anna")), 1);
    assert_int_equal(limit_count(limits, STR("account/carla")), 0);
    assert_int_equal(limit_keys(limits), 3);
    limit_release(limits, STR("account/anna"));
    limit_release(limits, STR("account/berta"));
    limit_release(limits, str_make("client/\0\0", 9));
    limits_free(&limits);
}

static void *take_and_give(void *arg)
{
    for (int i = 0; i < 20000; i++)
        if (limit_acquire(arg, STR("k"), 2, "places", NULL) == 0)
            limit_release(arg, STR("k"));
    return NULL;
}

static void test_limits_count_right_from_many_threads(void **state)
{
    (void)state;
    struct limits *limits = limits_new();
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        pthread_create(&threads[i], NULL, take_and_give, limits);
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(limit_count(limits, STR("k")), 0);
    limits_free(&limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_give_as_many_places_as_there_are),
        cmocka_unit_test(test_limits_keep_keys_apart),
        cmocka_unit_test(test_limits_count_right_from_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
