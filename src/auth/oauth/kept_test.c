#include "auth/oauth/kept.h"
#include "base/testing.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Values are numbers on the heap: which fetch made them. */
struct source {
    struct clock_fake clock;
    int fetches;
    bool down;
    int64_t takes_ms;
};

static int source_fetch(void *ctx, void **value_out, struct err *err)
{
    struct source *s = ctx;
    s->fetches++;
    clock_fake_advance(&s->clock, s->takes_ms);
    if (s->down)
        return err_set(err, ERR_UNAVAILABLE, "down at %d", s->fetches);
    int *value = malloc(2 * sizeof *value);
    value[0] = s->fetches;
    value[1] = 1;
    *value_out = value;
    return 0;
}

static void *source_ref(void *value)
{
    ((int *)value)[1]++;
    return value;
}

static void source_unref(void *value)
{
    if (--((int *)value)[1] == 0)
        free(value);
}

static const struct kept_ops source_ops = { source_fetch, source_ref, source_unref };

static struct kept *kept_of(struct source *s)
{
    *s = (struct source){ 0 };
    clock_fake_init(&s->clock, 0);
    const struct kept_params params = { .ops = &source_ops,
                                        .ctx = s,
                                        .clock = &s->clock.clock,
                                        .fresh_ms = 1000,
                                        .stale_ms = 5000,
                                        .retry_ms = 100 };
    return kept_new(&params);
}

/* Which fetch the value is of; or -ERR_x. */
static int get(struct kept *kept, const void *older)
{
    void *value;
    struct err err;
    int r = kept_get(kept, older, &value, &err);
    if (r == 0) {
        r = *(int *)value;
        source_unref(value);
    }
    return r;
}

static void test_kept_is_fetched_again_when_it_is_no_longer_fresh(void **state)
{
    (void)state;
    static const struct {
        int64_t after_ms;
        int value;
    } steps[] = { { 0, 1 }, { 999, 1 }, { 1, 2 }, { 500, 2 }, { 499, 2 }, { 1, 3 }, { 100000, 4 } };
    struct source s;
    struct kept *kept = kept_of(&s);
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        clock_fake_advance(&s.clock, steps[i].after_ms);
        assert_row(get(kept, NULL) == steps[i].value, i, "value");
    }
    assert_int_equal(s.fetches, 4);
    kept_free(&kept);
    assert_null(kept);
}

static void test_kept_serves_what_is_stale_while_the_other_side_is_down_but_not_for_ever(void **state)
{
    (void)state;
    static const struct {
        int64_t after_ms;
        int value, fetches;
    } steps[] = {
        { 0, 1, 1 },
        { 1000, 1, 2 }, /* tried, failed: the old one */
        { 99, 1, 2 },   /* and not tried again so soon */
        { 1, 1, 3 },
        { 4899, 1, 4 },
        { 1, -ERR_UNAVAILABLE, 4 }, /* 6000 ms old */
        { 100, -ERR_UNAVAILABLE, 5 },
    };
    struct source s;
    struct kept *kept = kept_of(&s);
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        clock_fake_advance(&s.clock, steps[i].after_ms);
        assert_row(get(kept, NULL) == steps[i].value && s.fetches == steps[i].fetches, i, "value");
        s.down = true;
    }
    s.down = false;
    clock_fake_advance(&s.clock, 100);
    assert_int_equal(get(kept, NULL), 6);
    kept_free(&kept);
}

static void test_kept_that_never_came_says_why(void **state)
{
    (void)state;
    struct source s;
    struct kept *kept = kept_of(&s);
    void *value;
    struct err err;
    s.down = true;
    for (size_t i = 0; i < 50; i++) { /* all within retry_ms: one fetch */
        assert_int_equal(kept_get(kept, NULL, &value, &err), -ERR_UNAVAILABLE);
        assert_string_equal(err.text, "down at 1");
    }
    assert_int_equal(s.fetches, 1);
    s.down = false;
    assert_int_equal(get(kept, NULL), -ERR_UNAVAILABLE);
    clock_fake_advance(&s.clock, 100);
    assert_int_equal(get(kept, NULL), 2);
    kept_free(&kept);
}

static void test_kept_that_does_not_do_is_renewed_once_in_a_while(void **state)
{
    (void)state;
    struct source s;
    struct kept *kept = kept_of(&s);
    void *first, *second, *third;
    struct err err;
    assert_int_equal(kept_get(kept, NULL, &first, &err), 0);
    for (size_t i = 0; i < 1000; i++) /* a flood */
        assert_int_equal(get(kept, first), -ERR_NOT_FOUND);
    assert_int_equal(s.fetches, 1);
    clock_fake_advance(&s.clock, 100);
    assert_int_equal(kept_get(kept, first, &second, &err), 0);
    assert_int_equal(*(int *)second, 2);
    assert_int_equal(get(kept, first), 2); /* somebody else has renewed it */
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(get(kept, second), -ERR_NOT_FOUND);
    assert_int_equal(s.fetches, 2);
    s.down = true;
    clock_fake_advance(&s.clock, 100);
    assert_int_equal(get(kept, second), -ERR_UNAVAILABLE); /* nobody knows whether there is a newer one */
    assert_int_equal(get(kept, NULL), 2);
    assert_int_equal(s.fetches, 3);
    s.down = false;
    clock_fake_advance(&s.clock, 100);
    assert_int_equal(kept_get(kept, second, &third, &err), 0);
    assert_int_equal(*(int *)first, 1); /* ours as long as we hold it */
    source_unref(first);
    source_unref(second);
    source_unref(third);
    kept_free(&kept);
}

static void test_kept_is_fetched_once_a_call_however_long_that_takes(void **state)
{
    (void)state;
    struct source s;
    struct kept *kept = kept_of(&s);
    s.down = true;
    s.takes_ms = 5000;
    assert_int_equal(get(kept, NULL), -ERR_UNAVAILABLE);
    assert_int_equal(s.fetches, 1);
    assert_int_equal(get(kept, NULL), -ERR_UNAVAILABLE); /* who waited meanwhile does not try at once */
    assert_int_equal(s.fetches, 1);
    kept_free(&kept);
    const struct kept_params eager = { .ops = &source_ops, .ctx = &s, .clock = &s.clock.clock };
    kept = kept_new(&eager);
    assert_int_equal(get(kept, NULL), -ERR_UNAVAILABLE);
    assert_int_equal(s.fetches, 2);
    kept_free(&kept);
}

/* ---- threads ---- */

enum { THREADS = 8, ROUNDS = 2000 };

struct crowd {
    struct kept *kept;
    atomic_int fetching, fetches;
};

static int slow_fetch(void *ctx, void **value_out, struct err *err)
{
    struct crowd *c = ctx;
    (void)err;
    assert_int_equal(atomic_fetch_add(&c->fetching, 1), 0); /* one at a time */
    struct timespec pause = { 0, 1000000 };
    nanosleep(&pause, NULL);
    atomic_int *value = malloc(sizeof *value);
    atomic_init(value, 1);
    *value_out = value;
    atomic_fetch_add(&c->fetches, 1);
    atomic_fetch_sub(&c->fetching, 1);
    return 0;
}

static void *crowd_ref(void *value)
{
    atomic_fetch_add((atomic_int *)value, 1);
    return value;
}

static void crowd_unref(void *value)
{
    if (atomic_fetch_sub((atomic_int *)value, 1) == 1)
        free(value);
}

static void *one_of_many(void *ctx)
{
    struct crowd *c = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        void *value, *newer;
        assert_int_equal(kept_get(c->kept, NULL, &value, NULL), 0);
        if (kept_get(c->kept, value, &newer, NULL) == 0)
            crowd_unref(newer);
        crowd_unref(value);
    }
    return NULL;
}

static void test_kept_is_fetched_by_one_at_a_time(void **state)
{
    (void)state;
    static const struct kept_ops crowd_ops = { slow_fetch, crowd_ref, crowd_unref };
    struct crowd c = { 0 };
    const struct kept_params params = {
        .ops = &crowd_ops, .ctx = &c, .clock = &clock_system, .fresh_ms = 3, .stale_ms = 600000, .retry_ms = 1
    };
    pthread_t threads[THREADS];
    c.kept = kept_new(&params);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, one_of_many, &c), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&c.fetches) > 0);
    kept_free(&c.kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_is_fetched_again_when_it_is_no_longer_fresh),
        cmocka_unit_test(test_kept_serves_what_is_stale_while_the_other_side_is_down_but_not_for_ever),
        cmocka_unit_test(test_kept_that_never_came_says_why),
        cmocka_unit_test(test_kept_that_does_not_do_is_renewed_once_in_a_while),
        cmocka_unit_test(test_kept_is_fetched_once_a_call_however_long_that_takes),
        cmocka_unit_test(test_kept_is_fetched_by_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
