#include "base/rand.h"
#include "base/testing.h"
#include "index/set.h"

#include <string.h>

enum { UNIVERSE = 1000 };

/* A set beside the same as flags. */
struct twin {
    struct index_set set;
    bool has[UNIVERSE];
};

static void add(struct twin *t, uint32_t number)
{
    index_set_add(&t->set, number);
    t->has[number] = true;
}

static void check(const struct twin *t)
{
    uint32_t count = 0, at, from = 0;
    for (uint32_t i = 0; i < UNIVERSE; i++) {
        assert_int_equal(index_set_has(&t->set, i), t->has[i]);
        count += t->has[i];
    }
    assert_int_equal(t->set.count, count);
    for (; index_set_next(&t->set, from, &at); from = at + 1) {
        for (uint32_t i = from; i < at; i++)
            assert_false(t->has[i]);
        assert_true(t->has[at]);
    }
    for (uint32_t i = from; i < UNIVERSE; i++)
        assert_false(t->has[i]);
}

static void fill(struct twin *t, struct rand_source *source, uint32_t count)
{
    memset(t->has, 0, sizeof t->has);
    index_set_init(&t->set, UNIVERSE);
    for (uint32_t i = 0; i < count; i++)
        add(t, (uint32_t)rand_below(source, UNIVERSE));
}

static void test_set_does_as_flags_do(void **state)
{
    static const uint32_t counts[] = { 0, 1, 5, 16, 31, 40, 300, 2000 };
    struct rand_seeded source;
    (void)state;
    rand_seeded_init(&source, 7);
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++)
        for (size_t k = 0; k < ARRAY_COUNT(counts); k++)
            for (int what = 0; what < 3; what++) {
                struct twin a, b;
                fill(&a, &source.source, counts[i]);
                fill(&b, &source.source, counts[k]);
                check(&a);
                if (what == 0)
                    index_set_unite(&a.set, &b.set);
                else if (what == 1)
                    index_set_intersect(&a.set, &b.set);
                else
                    index_set_subtract(&a.set, &b.set);
                for (uint32_t n = 0; n < UNIVERSE; n++)
                    a.has[n] = what == 0   ? a.has[n] || b.has[n]
                               : what == 1 ? a.has[n] && b.has[n]
                                           : a.has[n] && !b.has[n];
                check(&a);
                check(&b);
                index_set_deinit(&a.set);
                index_set_deinit(&b.set);
            }
}

static void test_set_of_all_and_of_none(void **state)
{
    static const uint32_t universes[] = { 0, 1, 63, 64, 65 };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(universes); i++) {
        struct index_set set;
        uint32_t at;
        index_set_init(&set, universes[i]);
        assert_false(index_set_next(&set, 0, &at));
        index_set_add_all(&set);
        assert_int_equal(set.count, universes[i]);
        for (uint32_t n = 0; n < universes[i]; n++)
            assert_true(index_set_next(&set, n, &at) && at == n);
        assert_false(index_set_next(&set, universes[i], &at));
        index_set_clear(&set);
        assert_int_equal(set.count, 0);
        index_set_deinit(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_does_as_flags_do),
        cmocka_unit_test(test_set_of_all_and_of_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
