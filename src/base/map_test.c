#include "base/map.h"
#include "base/rand.h"
#include "base/testing.h"

static int values[4];

static void test_map_puts_gets_and_removes(void **state)
{
    (void)state;
    struct map m;
    map_init(&m);
    assert_null(map_get(&m, STR("a")));
    assert_null(map_remove(&m, STR("a")));
    assert_null(map_put(&m, STR("a"), &values[0]));
    assert_null(map_put(&m, STR("a\0b"), &values[1]));
    assert_null(map_put(&m, STR(""), &values[2]));
    assert_ptr_equal(map_put(&m, STR("a"), &values[3]), &values[0]);
    assert_ptr_equal(map_get(&m, STR("a")), &values[3]);
    assert_ptr_equal(map_get(&m, STR("a\0b")), &values[1]);
    assert_ptr_equal(map_get(&m, STR_NIL), &values[2]); /* NIL and "" are one key */
    assert_int_equal(m.count, 3);
    assert_ptr_equal(map_remove(&m, STR("a")), &values[3]);
    assert_null(map_get(&m, STR("a")));
    assert_int_equal(m.count, 2);
    map_deinit(&m);
    map_deinit(&m);
}

static void test_map_copies_its_keys(void **state)
{
    (void)state;
    struct map m;
    char key[] = "key";
    map_init(&m);
    map_put(&m, str_c(key), &values[0]);
    key[0] = 'x';
    assert_ptr_equal(map_get(&m, STR("key")), &values[0]);
    assert_null(map_get(&m, str_c(key)));
    map_deinit(&m);
}

enum { NUMBERS = 500, STEPS = 200000 };

/* Against an array that does the same: puts, removals and lookups in any order. */
static void test_map_agrees_with_an_array_over_many_random_steps(void **state)
{
    (void)state;
    struct map m;
    struct rand_seeded r;
    void *model[NUMBERS] = { NULL };
    size_t count = 0;
    map_init(&m);
    rand_seeded_init(&r, 42);
    for (size_t i = 0; i < STEPS; i++) {
        uint64_t n = rand_below(&r.source, NUMBERS);
        if (rand_below(&r.source, 2)) {
            void *value = &values[rand_below(&r.source, 4)];
            assert_row(map_put(&m, map_key_u64(&n), value) == model[n], i, "put");
            count += model[n] == NULL;
            model[n] = value;
        } else {
            assert_row(map_remove(&m, map_key_u64(&n)) == model[n], i, "remove");
            count -= model[n] != NULL;
            model[n] = NULL;
        }
        assert_row(m.count == count && m.cap <= 4096, i, "size"); /* removals do not make it grow */
    }
    for (uint64_t n = 0; n < NUMBERS; n++)
        assert_row(map_get(&m, map_key_u64(&n)) == model[n], n, "get");
    map_deinit(&m);
}

static void test_map_walk_meets_each_once_and_may_remove_it(void **state)
{
    (void)state;
    struct map m;
    bool met[NUMBERS] = { false };
    struct str key;
    void *value;
    map_init(&m);
    for (size_t i = 0; map_next(&m, &i, &key, &value);)
        fail();
    for (uint64_t n = 0; n < NUMBERS; n++)
        map_put(&m, map_key_u64(&n), &values[0]);
    for (size_t i = 0; map_next(&m, &i, &key, &value);) {
        uint64_t n;
        memcpy(&n, key.p, sizeof n);
        assert_row(!met[n], n, "met twice");
        met[n] = true;
        if (n % 2)
            assert_non_null(map_remove(&m, map_key_u64(&n)));
    }
    for (size_t n = 0; n < NUMBERS; n++)
        assert_row(met[n], n, "met");
    assert_int_equal(m.count, NUMBERS / 2);
    map_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_puts_gets_and_removes),
        cmocka_unit_test(test_map_copies_its_keys),
        cmocka_unit_test(test_map_agrees_with_an_array_over_many_random_steps),
        cmocka_unit_test(test_map_walk_meets_each_once_and_may_remove_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
