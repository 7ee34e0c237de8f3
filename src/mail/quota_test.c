#include "mail/quota.h"

#include "base/testing.h"
#include "mail/record.h"

#include <stdlib.h>

#define NONE QUOTA_NONE

static void test_quota_check_knows_limit_and_grace(void **state)
{
    static const struct {
        const char *what;
        struct quota_amounts used, add, limits;
        unsigned grace;
        int r;
    } cases[] = {
        { "nothing is limited",
          { { 1, 1, 1, 1 } },
          { { 1u << 30, 9, 9, 9 } },
          { { NONE, NONE, NONE, NONE } },
          0,
          0 },
        { "storage just fits", { { 90, 5 } }, { { 10, 1 } }, { { 100, NONE, NONE, NONE } }, 0, 0 },
        { "storage by one too much",
          { { 91, 5 } },
          { { 10, 1 } },
          { { 100, NONE, NONE, NONE } },
          0,
          -ERR_OVERQUOTA },
        { "within the grace", { { 99, 5 } }, { { 11, 1 } }, { { 100, NONE, NONE, NONE } }, 10, 1 },
        { "past the grace", { { 99, 5 } }, { { 12, 1 } }, { { 100, NONE, NONE, NONE } }, 10, -ERR_OVERQUOTA },
        { "full already", { { 100, 5 } }, { { 1, 1 } }, { { 100, NONE, NONE, NONE } }, 10, -ERR_OVERQUOTA },
        { "over, but nothing added", { { 200, 5 } }, { { 0, 1 } }, { { 100, NONE, NONE, NONE } }, 10, 0 },
        { "the last message", { { 0, 9 } }, { { 1, 1 } }, { { NONE, 10, NONE, NONE } }, 0, 0 },
        { "no grace for messages",
          { { 0, 9 } },
          { { 1, 2 } },
          { { NONE, 10, NONE, NONE } },
          100,
          -ERR_OVERQUOTA },
        { "limit 0 forbids", { { 0, 0 } }, { { 1, 1 } }, { { 0, NONE, NONE, NONE } }, 100, -ERR_OVERQUOTA },
        { "mailboxes", { { 0, 0, 6 } }, { { 0, 0, 2 } }, { { 0, 0, 7, 0 } }, 0, -ERR_OVERQUOTA },
        { "annotations", { { 0, 0, 6, 1 } }, { { 0, 0, 0, 9 } }, { { 0, 0, 7, 10 } }, 0, 0 },
        { "the largest limit", { { 5 } }, { { 5 } }, { { QUOTA_LIMIT_MAX } }, 100, 0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err = { 0 };
        int r = quota_check(&cases[i].used, &cases[i].add, &cases[i].limits, cases[i].grace, "account", &err);
        if (r != cases[i].r)
            print_error("row %zu: %s\n", i, cases[i].what);
        assert_int_equal(r, cases[i].r);
    }
}

static void test_quota_levels_are_told_and_forgotten_with_some_distance(void **state)
{
    static const struct quota_settings settings = { .warnings = { 80, 95 }, .warning_count = 2 };
    static const struct {
        unsigned percent, level, told, kept;
    } cases[] = {
        { 79, 0, 0, 0 },   { 80, 80, 0, 0 }, { 94, 80, 95, 95 }, { 90, 80, 95, 95 },  { 89, 80, 95, 80 },
        { 75, 0, 80, 80 }, { 74, 0, 80, 0 }, { 74, 0, 95, 0 },   { 100, 95, 95, 95 }, { 100, 95, 80, 80 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        if (quota_level(&settings, cases[i].percent) != cases[i].level ||
            quota_level_kept(&settings, cases[i].percent, cases[i].told) != cases[i].kept)
            print_error("row %zu\n", i);
        assert_int_equal(quota_level(&settings, cases[i].percent), cases[i].level);
        assert_int_equal(quota_level_kept(&settings, cases[i].percent, cases[i].told), cases[i].kept);
    }
}

static void test_quota_percent_takes_the_fuller_one(void **state)
{
    static const struct {
        struct quota_amounts used, limits;
        unsigned percent;
    } cases[] = {
        { { { 50, 1 } }, { { 100, NONE } }, 50 },
        { { { 50, 9 } }, { { 100, 10 } }, 90 },
        { { { 0, 0 } }, { { 0, 0 } }, 0 },
        { { { 1, 0 } }, { { 0, 0 } }, 100 },
        { { { 999, 0 } }, { { 100, NONE } }, 100 },
        { { { UINT64_MAX / 4, 0 } }, { { QUOTA_LIMIT_MAX, NONE } }, 50 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        if (quota_percent(&cases[i].used, &cases[i].limits) != cases[i].percent)
            print_error("row %zu\n", i);
        assert_int_equal(quota_percent(&cases[i].used, &cases[i].limits), cases[i].percent);
    }
}

static void test_quota_keeps_roots_in_order_and_none_that_say_nothing(void **state)
{
    const struct quota_root tree = { .mailbox_id = 9, .limits = { { 10, NONE, NONE, NONE } } };
    const struct quota_root other = { .mailbox_id = 3, .limits = { { NONE, 0, NONE, NONE } } };
    const struct quota_root own = { .limits = { { QUOTA_DEFAULT, NONE, QUOTA_DEFAULT, QUOTA_DEFAULT } } };
    const struct quota_root told = {
        .limits = { { QUOTA_DEFAULT, QUOTA_DEFAULT, QUOTA_DEFAULT, QUOTA_DEFAULT } }, .told = 80
    };
    const struct quota_root silent_tree = { .mailbox_id = 9, .limits = { { NONE, NONE, NONE, NONE } } };
    const struct quota_root *puts[] = { &tree, &other, &own, &told, &silent_tree };
    static const size_t counts[] = { 1, 2, 3, 3, 2 };
    struct quota *q = quota_new_empty();

    (void)state;
    assert_int_equal(quota_find(q, 0).limits.of[QUOTA_STORAGE], QUOTA_DEFAULT);
    assert_int_equal(quota_find(q, 9).limits.of[QUOTA_STORAGE], QUOTA_NONE);
    for (size_t i = 0; i < ARRAY_COUNT(puts); i++) {
        struct quota *next = quota_put(q, puts[i]);
        quota_unref(&q);
        q = next;
        assert_int_equal(q->count, counts[i]);
        for (size_t k = 1; k < q->count; k++)
            assert_true(q->roots[k - 1].mailbox_id < q->roots[k].mailbox_id);
        struct quota_root found = quota_find(q, puts[i]->mailbox_id);
        assert_memory_equal(&found.limits, &puts[i]->limits, sizeof found.limits);
    }
    assert_int_equal(quota_find(q, 0).told, 80);
    quota_unref(&q);
}

static void test_quota_records_come_back_and_damage_is_seen(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        bool good;
    } cases[] = {
        { "\0\1\2\3\0", 5, true },
        { "\0\1\2\3\144", 5, true },
        { "\0\1\2\3\145", 5, false }, /* warned of 101 percent */
        { "\0\1\2\3", 4, false },
        { "\377\377\377\377\377\377\377\377\377\1\0\0\0\0", 14, false }, /* a limit above 63 bits */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct reader r = reader_make(str_make(cases[i].bytes, cases[i].n));
        struct buf again = BUF_INIT;
        struct quota_root root = { 0 };
        quota_root_decode(&r, &root);
        if (r.bad == cases[i].good)
            print_error("row %zu\n", i);
        assert_int_equal(!r.bad, cases[i].good);
        quota_root_encode(&root, &again);
        if (cases[i].good)
            assert_memory_equal(buf_str(&again).p, cases[i].bytes, cases[i].n);
        buf_deinit(&again);
    }
}

static void test_an_account_record_of_format_1_is_understood(void **state)
{
    struct account_record record = {
        .version = 7, .next_mailbox_id = 1, .next_email_id = 1, .next_chunk_id = 1
    };
    struct account_record read;
    struct buf bytes = BUF_INIT;
    struct err err;

    (void)state;
    record.annotation_bytes = 5;
    account_record_encode(&record, &bytes);
    assert_int_equal(account_record_decode(buf_str(&bytes), &read, &err), 0);
    assert_int_equal(read.annotation_bytes, 5);
    struct str whole = buf_str(&bytes);
    char *old = malloc(whole.n);
    assert_non_null(old);
    memcpy(old, whole.p, whole.n);
    old[0] = 1;
    assert_int_equal(account_record_decode(str_make(old, whole.n - 2), &read, &err), 0);
    assert_int_equal(read.annotation_bytes, 0);
    assert_int_equal(read.version, 7);
    assert_int_equal(account_record_decode(str_make(old, whole.n), &read, &err), -ERR_CORRUPT);
    old[0] = 3;
    assert_int_equal(account_record_decode(str_make(old, whole.n), &read, &err), -ERR_CANNOT);
    free(old);
    buf_deinit(&bytes);
}

static void test_quota_effective_takes_own_limits_before_the_settings(void **state)
{
    const struct quota_settings settings = { .limits = { { 1000, 0, 50, 0 } } };
    const struct quota_root own = { .limits = { { QUOTA_DEFAULT, 7, NONE, 0 } } };
    const struct quota_amounts ten = { { NONE, NONE, 10, NONE } }, hundred = { { NONE, NONE, 100, 5 } };
    struct quota *none = quota_new_empty(), *some = quota_put(none, &own);
    struct quota_amounts a = quota_effective(&settings, none, &ten),
                         b = quota_effective(&settings, some, &hundred);

    (void)state;
    assert_memory_equal(&a, &((struct quota_amounts){ { 1000, NONE, 10, NONE } }), sizeof a);
    assert_memory_equal(&b, &((struct quota_amounts){ { 1000, 7, 100, 0 } }), sizeof b);
    quota_unref(&none);
    quota_unref(&some);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quota_check_knows_limit_and_grace),
        cmocka_unit_test(test_quota_levels_are_told_and_forgotten_with_some_distance),
        cmocka_unit_test(test_quota_percent_takes_the_fuller_one),
        cmocka_unit_test(test_quota_keeps_roots_in_order_and_none_that_say_nothing),
        cmocka_unit_test(test_quota_records_come_back_and_damage_is_seen),
        cmocka_unit_test(test_an_account_record_of_format_1_is_understood),
        cmocka_unit_test(test_quota_effective_takes_own_limits_before_the_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
