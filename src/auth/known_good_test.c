#include "auth/known_good.h"
#include "base/testing.h"

#include <sodium.h>

static const uint64_t generations[] = { 1, 1 };
static const struct known_good_facts anna = { .account = 7,
                                              .revision = 3,
                                              .generations = generations,
                                              .generation_count = 2,
                                              .client = STR_INIT("client"),
                                              .mechanism = STR_INIT("PLAIN"),
                                              .password = STR_INIT("secret") };

static int look(struct known_good *k, const struct known_good_facts *facts, int64_t now)
{
    unsigned char digest[KNOWN_GOOD_DIGEST_BYTES];
    known_good_digest(k, facts, digest);
    return known_good_look(k, digest, now);
}

static void put(struct known_good *k, const struct known_good_facts *facts, int64_t until_ms, int value)
{
    unsigned char digest[KNOWN_GOOD_DIGEST_BYTES];
    known_good_digest(k, facts, digest);
    known_good_put(k, digest, until_ms, value);
}

/* CVE-2025-30189: an answer that was another's. */
static void test_known_good_is_for_exactly_what_it_was(void **state)
{
    (void)state;
    static const uint64_t other_generations[] = { 1, 2 };
    struct known_good_facts others[9];
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        others[i] = anna;
    others[0].account = 8;
    others[1].revision = 4;
    others[2].generations = other_generations;
    others[3].generation_count = 1;
    others[4].client = STR("client2");
    others[5].mechanism = STR("LOGIN");
    others[6].password = STR("Secret");
    others[7].client = STR("clientPLAIN"), others[7].mechanism = STR(""); /* the same bytes in all */
    others[8].mechanism = STR("PLAINs"), others[8].password = STR("ecret");
    struct known_good *k = known_good_new(1000);
    put(k, &anna, 100, 1);
    assert_int_equal(look(k, &anna, 99), 1);
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        assert_row(look(k, &others[i], 99) == -1, i, "row");
    known_good_free(&k);
    assert_null(k);
    known_good_free(&k);
}

static void test_known_good_ends(void **state)
{
    (void)state;
    struct known_good *k = known_good_new(1);
    struct known_good_facts bob = anna;
    bob.account = 9;
    put(k, &anna, 100, 0);
    assert_int_equal(look(k, &anna, 99), 0);
    assert_int_equal(look(k, &anna, 100), -1);
    put(k, &bob, 100, 5); /* there is one place */
    assert_int_equal(look(k, &bob, 1), 5);
    assert_int_equal(look(k, &anna, 1), -1);
    known_good_free(&k);
}

static void test_nothing_is_remembered_where_nothing_shall_be(void **state)
{
    (void)state;
    struct known_good *k = known_good_new(0);
    put(k, &anna, 100, 0);
    assert_int_equal(look(k, &anna, 1), -1);
    known_good_free(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_good_is_for_exactly_what_it_was),
        cmocka_unit_test(test_known_good_ends),
        cmocka_unit_test(test_nothing_is_remembered_where_nothing_shall_be),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
