#include "base/testing.h"
#include "mail/ranking.h"

#include <stdlib.h>
#include <string.h>

enum { MESSAGES = 3000, ROUNDS = 12 };

static uint64_t random_state = 88172645463325252u;

static uint32_t next_random(void)
{
    random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16);
}

/* Few different keys, and some that share their first eight bytes. */
static struct mail_in_test {
    struct message row;
    struct meta_view view;
    char subject[24], from[24];
    bool has_record;
} mails[MESSAGES];

static void make_mails(void)
{
    for (uint32_t i = 0; i < MESSAGES; i++) {
        struct mail_in_test *m = &mails[i];
        snprintf(m->subject, sizeof m->subject, "%.*s%u", (int)(next_random() % 10), "prefixed-",
                 next_random() % 40);
        snprintf(m->from, sizeof m->from, "%u", next_random() % 7);
        m->row = (struct message){ .uid = 10 + 3 * i,
                                   .size_bytes = next_random() % 5,
                                   .internal_date_s = (int64_t)(next_random() % 100) - 50 };
        m->view = (struct meta_view){ .flags = next_random() % 4 ? META_HAS_DATE : 0,
                                      .sent_s = (int64_t)(next_random() % 1000) - 500,
                                      .subject = str_c(m->subject),
                                      .from = str_c(m->from) };
        m->has_record = next_random() % 50 > 0;
    }
}

static const struct {
    struct sort_criterion criteria[3];
    size_t count;
} cases[] = {
    { { { SORT_DATE, false } }, 1 },
    { { { SORT_SUBJECT, false } }, 1 },
    { { { SORT_SUBJECT, true }, { SORT_ARRIVAL, false } }, 2 },
    { { { SORT_FROM, false }, { SORT_DATE, true } }, 2 },
    { { { SORT_SIZE, true }, { SORT_FROM, false }, { SORT_SUBJECT, true } }, 3 },
};

/* Those of `chosen` in order, as the sorter has it, which keeps nothing. */
static void order_plainly(size_t row, const uint32_t *chosen, size_t count, uint32_t *order)
{
    struct sorter s;
    sorter_init(&s, cases[row].criteria, cases[row].count, COLLATION_UNICODE_CASEMAP);
    for (uint32_t i = 0; i < count; i++) {
        sorter_add(&s, &mails[chosen[i]].row);
        if (mails[chosen[i]].has_record)
            sorter_take_meta(&s, i, &mails[chosen[i]].view);
    }
    sorter_order(&s, order);
    sorter_deinit(&s);
}

/* How many were missing. */
static size_t order_by_ranks(struct key_cache *cache, size_t row, const uint32_t *chosen, size_t count,
                             bool keep, uint32_t *order)
{
    struct ranking r;
    ranking_init(&r, cache, 1, 2, MESSAGES, cases[row].criteria, cases[row].count, COLLATION_UNICODE_CASEMAP);
    for (uint32_t i = 0; i < count; i++)
        ranking_add(&r, &mails[chosen[i]].row, 0);
    size_t missing = r.missing_count;
    for (size_t i = missing; i-- > 0;) /* in any order */
        if (mails[chosen[r.missing[i]]].has_record)
            ranking_take_meta(&r, (uint32_t)i, &mails[chosen[r.missing[i]]].view);
    ranking_order(&r, keep, order);
    ranking_deinit(&r);
    return missing;
}

/* Mailboxes that grow, of which now these and now those are asked for. */
static void test_ranks_order_as_the_keys_do(void **state)
{
    (void)state;
    static uint32_t chosen[MESSAGES], want[MESSAGES], got[MESSAGES];
    struct key_cache *cache = key_cache_new(1 << 20);
    make_mails();
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t exists = MESSAGES / ROUNDS * (round + 1), one_in = 1 + next_random() % 3;
        for (size_t row = 0; row < ARRAY_COUNT(cases); row++) {
            size_t count = 0;
            for (uint32_t i = 0; i < exists; i++)
                if (next_random() % one_in == 0)
                    chosen[count++] = i;
            order_plainly(row, chosen, count, want);
            for (int again = 0; again < 2; again++) {
                size_t missing = order_by_ranks(cache, row, chosen, count, true, got);
                assert_row(memcmp(got, want, count * sizeof *got) == 0, row, "order");
                assert_row(again == 0 || missing == 0, row, "all is known now");
            }
        }
    }
    key_cache_free(&cache);
}

static void test_what_is_not_to_be_kept_is_not(void **state)
{
    (void)state;
    static const uint32_t chosen[] = { 0, 1, 2 };
    uint32_t order[3];
    struct key_cache *cache = key_cache_new(1 << 20);
    make_mails();
    assert_int_equal(order_by_ranks(cache, 1, chosen, 3, false, order), 3);
    assert_int_equal(order_by_ranks(cache, 1, chosen, 3, true, order), 3);
    assert_int_equal(order_by_ranks(cache, 1, chosen, 3, true, order), 0);
    key_cache_free(&cache);
}

static void test_a_column_of_messages_long_gone_is_not_used(void **state)
{
    (void)state;
    static uint32_t chosen[MESSAGES], order[MESSAGES];
    struct key_cache *cache = key_cache_new(1 << 20);
    struct ranking r;
    make_mails();
    for (uint32_t i = 0; i < MESSAGES; i++)
        chosen[i] = i;
    order_by_ranks(cache, 0, chosen, MESSAGES, true, order);
    for (uint32_t exists = 988; exists <= 989; exists++) { /* 2 * 988 + 1024 = 3000 */
        ranking_init(&r, cache, 1, 2, exists - 1, cases[0].criteria, 1, COLLATION_UNICODE_CASEMAP);
        ranking_add(&r, &mails[7].row, 0);
        assert_int_equal(r.missing_count, exists - 1 < 988);
        ranking_deinit(&r);
    }
    key_cache_free(&cache);
}

static void test_nothing_is_put_in_order(void **state)
{
    (void)state;
    uint32_t order[1] = { 7 };
    struct key_cache *cache = key_cache_new(1 << 20);
    assert_int_equal(order_by_ranks(cache, 3, NULL, 0, true, order), 0);
    assert_int_equal(order[0], 7);
    key_cache_free(&cache);
}

static void test_relevancy_comes_from_the_caller(void **state)
{
    (void)state;
    static const struct sort_criterion criterion = { SORT_RELEVANCY, false };
    struct key_cache *cache = key_cache_new(1 << 20);
    struct ranking r;
    uint32_t order[3];
    ranking_init(&r, cache, 1, 2, 3, &criterion, 1, COLLATION_UNICODE_CASEMAP);
    for (uint32_t i = 0; i < 3; i++) {
        struct message row = { .uid = i + 1 };
        ranking_add(&r, &row, i == 1 ? 100 : 50);
    }
    ranking_order(&r, true, order);
    assert_int_equal(order[0], 1);
    assert_int_equal(order[1], 0);
    assert_int_equal(order[2], 2);
    ranking_deinit(&r);
    key_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_order_as_the_keys_do),
        cmocka_unit_test(test_what_is_not_to_be_kept_is_not),
        cmocka_unit_test(test_a_column_of_messages_long_gone_is_not_used),
        cmocka_unit_test(test_nothing_is_put_in_order),
        cmocka_unit_test(test_relevancy_comes_from_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
