#include "mail/quota_domain.h"

#include "base/testing.h"

static const struct account_id anna = { 1 }, bert = { 2 }, carl = { 3 }, dora = { 4 };

static struct quota_domains *some_domains(void)
{
    struct quota_domains *d = quota_domains_new();
    assert_false(quota_domains_any(d));
    quota_domains_limit(d, STR(""), &(struct quota_amounts){ { 0, 10, 0, 0 } });
    quota_domains_limit(d, STR("a.example"), &(struct quota_amounts){ { 100, 0, 0, 0 } });
    assert_true(quota_domains_any(d));
    quota_domains_enter(d, STR("a.example"), anna, &(struct quota_amounts){ { 30, 1, 6, 0 } });
    quota_domains_enter(d, STR("a.example"), bert, &(struct quota_amounts){ { 40, 2, 6, 0 } });
    quota_domains_enter(d, STR("a.example"), bert, &(struct quota_amounts){ { 40, 2, 6, 0 } });
    quota_domains_enter(d, STR("c.example"), carl, &(struct quota_amounts){ { 40, 9, 6, 0 } });
    return d;
}

static void assert_used(struct quota_domains *d, const char *name, uint64_t bytes, uint64_t messages)
{
    struct quota_amounts used, limits;
    struct err err;
    assert_int_equal(quota_domains_state(d, str_c(name), &used, &limits, &err), 0);
    assert_int_equal(used.of[QUOTA_STORAGE], bytes);
    assert_int_equal(used.of[QUOTA_MESSAGE], messages);
}

static void test_members_share_a_limit(void **state)
{
    struct quota_domains *d = some_domains();
    struct quota_member *a = quota_domains_member(d, anna), *b = quota_domains_member(d, bert);
    const struct quota_amounts fits = { { 30, 1 } }, over = { { 31, 1 } }, one = { { 1 } };
    struct err err;

    (void)state;
    assert_null(quota_domains_member(d, dora));
    assert_null(quota_domains_member(NULL, anna));
    assert_used(d, "a.example", 70, 3);
    assert_int_equal(quota_member_reserve(a, &over, &err), -ERR_OVERQUOTA);
    assert_int_equal(quota_member_reserve(a, &fits, &err), 0);
    assert_int_equal(quota_member_reserve(b, &one, &err), -ERR_OVERQUOTA); /* though nothing is committed */
    quota_member_settle(a, NULL, &fits);
    assert_used(d, "a.example", 70, 3);
    assert_int_equal(quota_member_reserve(b, &fits, &err), 0);
    quota_member_settle(b, &(struct quota_amounts){ { 60, 3, 6 } },
                        &fits); /* something went at the same time */
    assert_used(d, "a.example", 90, 4);
    quota_member_settle(a, &(struct quota_amounts){ { 0 } }, &(struct quota_amounts){ { 0 } }); /* deleted */
    assert_used(d, "a.example", 60, 3);
    quota_domains_free(&d);
}

static void test_a_domain_without_limits_of_its_own_has_the_common_ones(void **state)
{
    struct quota_domains *d = some_domains();
    struct quota_member *c = quota_domains_member(d, carl);
    struct quota_amounts used, limits;
    struct err err;

    (void)state;
    assert_int_equal(quota_domains_state(d, STR("c.example"), &used, &limits, &err), 0);
    assert_int_equal(limits.of[QUOTA_STORAGE], QUOTA_NONE);
    assert_int_equal(limits.of[QUOTA_MESSAGE], 10);
    assert_int_equal(quota_member_reserve(c, &(struct quota_amounts){ { 1, 1 } }, &err), 0);
    assert_int_equal(quota_member_reserve(c, &(struct quota_amounts){ { 1, 1 } }, &err), -ERR_OVERQUOTA);
    assert_int_equal(quota_domains_state(d, STR("z.example"), &used, &limits, &err), -ERR_NOT_FOUND);
    quota_domains_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_share_a_limit),
        cmocka_unit_test(test_a_domain_without_limits_of_its_own_has_the_common_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
