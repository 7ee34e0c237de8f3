#include "auth/throttle.h"
#include "base/codec.h"
#include "base/testing.h"

#include <sodium.h>

static const struct throttle_params params = { .delay_ms = 100, .delay_max_ms = 1500, .forget_ms = 10000 };

static void test_delay_doubles_up_to_its_limit(void **state)
{
    (void)state;
    static const uint32_t delays[] = { 100, 200, 400, 800, 1500, 1500, 1500 };
    struct throttle *t = throttle_new(&params);
    assert_int_equal(throttle_look(t, THROTTLE_ACCOUNT, STR("a"), 0).delay_ms, 0);
    for (size_t i = 0; i < ARRAY_COUNT(delays); i++) {
        struct throttle_score score = throttle_add_failure(t, THROTTLE_ACCOUNT, STR("a"), (int64_t)i);
        assert_row(score.delay_ms == delays[i] && score.failures == i + 1, i, "delay");
        assert_row(throttle_look(t, THROTTLE_ACCOUNT, STR("a"), (int64_t)i).delay_ms == delays[i], i,
                   "delay");
    }
    assert_int_equal(throttle_look(t, THROTTLE_ACCOUNT, STR("b"), 0).failures, 0);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(throttle_add_failure(t, THROTTLE_ACCOUNT, STR("a"), 100).delay_ms, 1500);
    assert_true(throttle_look(t, THROTTLE_ACCOUNT, STR("a"), 100).failures <=
                THROTTLE_FAILURES_MAX); /* and is forgotten in bounded time */
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
        throttle_add_failure(t, THROTTLE_ACCOUNT, STR("a"), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(throttle_look(t, THROTTLE_ACCOUNT, STR("a"), cases[i].at_ms).failures == cases[i].failures,
                   i, "failures");
    throttle_free(&t);
}

static void test_age_counts_from_the_last_failure(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(&params);
    throttle_add_failure(t, THROTTLE_ACCOUNT, STR("a"), 1000);
    assert_int_equal(throttle_look(t, THROTTLE_ACCOUNT, STR("a"), 1700).age_ms, 700);
    assert_int_equal(throttle_add_failure(t, THROTTLE_ACCOUNT, STR("a"), 1800).age_ms, 0);
    throttle_free(&t);
}

static void test_forgiven_is_as_new_and_nil_keeps_no_score(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(&params);
    throttle_add_failure(t, THROTTLE_ACCOUNT, STR("a"), 0);
    throttle_forgive(t, THROTTLE_ACCOUNT, STR("a"));
    throttle_forgive(t, THROTTLE_ACCOUNT, STR("never seen"));
    assert_int_equal(throttle_look(t, THROTTLE_ACCOUNT, STR("a"), 0).failures, 0);
    assert_int_equal(throttle_add_failure(t, THROTTLE_ACCOUNT, STR("a"), 0).failures, 1);
    assert_int_equal(throttle_add_failure(t, THROTTLE_ACCOUNT, STR_NIL, 0).failures, 0);
    assert_int_equal(throttle_look(t, THROTTLE_ACCOUNT, STR_NIL, 0).failures, 0);
    throttle_forgive(t, THROTTLE_ACCOUNT, STR_NIL);
    throttle_free(&t);
}

/* A stranger with many addresses must not make us forget one with many failures. */
static void test_flood_of_keys_keeps_the_worst(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(&params);
    for (size_t i = 0; i < 10; i++)
        throttle_add_failure(t, THROTTLE_ACCOUNT, STR("worst"), 0);
    for (uint32_t i = 0; i < 200000; i++)
        throttle_add_failure(t, THROTTLE_ACCOUNT, str_make(&i, sizeof i), 0);
    assert_int_equal(throttle_look(t, THROTTLE_ACCOUNT, STR("worst"), 0).failures, 10);
    throttle_free(&t);
}

static void test_kinds_never_meet(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(&params);
    throttle_add_failure(t, THROTTLE_ADDRESS, STR("192.0.2.1"), 0);
    for (int kind = 0; kind < THROTTLE_KIND_COUNT; kind++)
        assert_int_equal(throttle_look(t, (enum throttle_kind)kind, STR("192.0.2.1"), 0).failures,
                         kind == THROTTLE_ADDRESS);
    throttle_free(&t);
}

static const struct throttle_params locking = { .delay_ms = 100,
                                                .delay_max_ms = 1500,
                                                .forget_ms = 10000,
                                                .lock_failures = { [THROTTLE_ACCOUNT] = 3 },
                                                .lock_ms = 60000 };

static void test_lock_closes_after_n_and_ends_by_itself(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(&locking);
    for (int i = 0; i < 10; i++)
        assert_int_equal(throttle_add_failure(t, THROTTLE_ADDRESS, STR("a"), 0).locked_for_ms, 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(throttle_add_failure(t, THROTTLE_ACCOUNT, STR("a"), 0).locked_for_ms, 0);
    assert_int_equal(throttle_add_failure(t, THROTTLE_ACCOUNT, STR("a"), 0).locked_for_ms, 60000);
    assert_int_equal(throttle_look(t, THROTTLE_ACCOUNT, STR("a"), 59999).locked_for_ms, 1);
    assert_int_equal(throttle_look(t, THROTTLE_ACCOUNT, STR("a"), 60000).locked_for_ms, 0);
    throttle_add_failure(t, THROTTLE_ACCOUNT, STR("b"), 0);
    throttle_add_failure(t, THROTTLE_ACCOUNT, STR("b"), 0);
    throttle_add_failure(t, THROTTLE_ACCOUNT, STR("b"), 0);
    throttle_forgive(t, THROTTLE_ACCOUNT, STR("b"));
    assert_int_equal(throttle_look(t, THROTTLE_ACCOUNT, STR("b"), 1).locked_for_ms, 0);
    throttle_free(&t);
}

static void count_entry(void *ctx, const struct throttle_entry *entry)
{
    size_t *counts = ctx;
    counts[entry->kind] += entry->score.failures;
}

static void test_administrators_see_and_clear(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(&params);
    size_t counts[THROTTLE_KIND_COUNT] = { 0 };
    throttle_add_failure(t, THROTTLE_ACCOUNT, STR("anna"), 0);
    throttle_add_failure(t, THROTTLE_ACCOUNT, STR("anna"), 0);
    throttle_add_failure(t, THROTTLE_ACCOUNT, STR("annabel"), 0);
    throttle_add_failure(t, THROTTLE_DEVICE, STR("anna 192.0.2.1"), 0);
    throttle_add_failure(t, THROTTLE_ADDRESS, STR("192.0.2.1"), 0);
    throttle_each(t, 0, count_entry, counts);
    assert_int_equal(counts[THROTTLE_ACCOUNT], 3);
    assert_int_equal(counts[THROTTLE_DEVICE], 1);
    assert_int_equal(throttle_clear(t, STR("nobody")), 0);
    assert_int_equal(throttle_clear(t, STR("anna")), 2); /* with its device, without its neighbour */
    assert_int_equal(throttle_look(t, THROTTLE_ACCOUNT, STR("anna"), 0).failures, 0);
    assert_int_equal(throttle_look(t, THROTTLE_ACCOUNT, STR("annabel"), 0).failures, 1);
    assert_int_equal(throttle_clear(t, STR_NIL), 2);
    throttle_free(&t);
}

/* ---- over a restart ---- */

static int decode(struct throttle *t, struct str bytes, int64_t now, int64_t away_ms)
{
    struct reader in = reader_make(bytes);
    return throttle_decode(t, &in, now, away_ms, NULL);
}

static void test_a_table_survives_a_restart(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(&locking), *next = throttle_new(&locking);
    struct buf bytes = BUF_INIT;
    for (int i = 0; i < 4; i++)
        throttle_add_failure(t, THROTTLE_ACCOUNT, STR("anna"), 100000);
    throttle_add_failure(t, THROTTLE_ADDRESS, STR("192.0.2.1"), 100000);
    throttle_encode(t, 101000, &bytes);
    assert_int_equal(decode(next, buf_str(&bytes), 5, 12000), 0); /* another clock; 13 s since the failures */
    struct throttle_score anna = throttle_look(next, THROTTLE_ACCOUNT, STR("anna"), 5);
    assert_int_equal(anna.failures, 3); /* one is forgotten */
    assert_int_equal(anna.locked_for_ms, 47000);
    assert_int_equal(anna.age_ms, 13000);
    assert_int_equal(throttle_look(next, THROTTLE_ADDRESS, STR("192.0.2.1"), 5).failures, 0);
    buf_deinit(&bytes);
    throttle_free(&t);
    throttle_free(&next);
}

static void test_a_damaged_table_is_refused_whole(void **state)
{
    (void)state;
    struct throttle *t = throttle_new(&locking), *next = throttle_new(&locking);
    struct buf bytes = BUF_INIT;
    throttle_add_failure(t, THROTTLE_ACCOUNT, STR("anna"), 0);
    throttle_encode(t, 0, &bytes);
    for (size_t n = 0; n < bytes.n; n++)
        assert_row(decode(next, str_make(bytes.p, n), 0, 0) == -ERR_CORRUPT, n, "cut");
    bytes.p[28] = 9; /* the kind */
    assert_int_equal(decode(next, buf_str(&bytes), 0, 0), -ERR_CORRUPT);
    assert_int_equal(throttle_clear(next, STR_NIL), 0);
    buf_deinit(&bytes);
    throttle_free(&t);
    throttle_free(&next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay_doubles_up_to_its_limit),
        cmocka_unit_test(test_failures_are_forgotten_one_by_one),
        cmocka_unit_test(test_age_counts_from_the_last_failure),
        cmocka_unit_test(test_forgiven_is_as_new_and_nil_keeps_no_score),
        cmocka_unit_test(test_flood_of_keys_keeps_the_worst),
        cmocka_unit_test(test_kinds_never_meet),
        cmocka_unit_test(test_lock_closes_after_n_and_ends_by_itself),
        cmocka_unit_test(test_administrators_see_and_clear),
        cmocka_unit_test(test_a_table_survives_a_restart),
        cmocka_unit_test(test_a_damaged_table_is_refused_whole),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
