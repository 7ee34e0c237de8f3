#include "base/radix.h"
#include "base/testing.h"

#include <stdlib.h>

enum { COUNT_MAX = 20000 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return *state;
}

/* By key, then by index: what a stable sort of items with ascending indexes makes. */
static int compare(const void *x, const void *y)
{
    const struct radix_item *a = x, *b = y;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

static void test_radix_sorts_as_qsort_does(void **state)
{
    (void)state;
    static struct radix_item items[COUNT_MAX], want[COUNT_MAX], room[COUNT_MAX];
    static const struct {
        size_t count;
        uint64_t mask; /* of the keys */
    } cases[] = {
        { 0, 0 },
        { 1, UINT64_MAX },
        { 2, UINT64_MAX },
        { 32, 7 },
        { 33, 7 },
        { 33, UINT64_MAX },
        { 4095, UINT64_MAX },
        { 4096, UINT64_MAX },
        { 5000, 0 },
        { 5000, 1 },
        { 20000, 0x7ff },
        { 20000, 0x800 },
        { 20000, UINT64_C(0xff00000000000001) },
        { 20000, UINT64_MAX },
    };
    uint64_t random = 88172645463325252u;
    for (size_t row = 0; row < ARRAY_COUNT(cases); row++) {
        for (uint32_t i = 0; i < cases[row].count; i++)
            items[i] = want[i] = (struct radix_item){ next_random(&random) & cases[row].mask, i };
        radix_sort(items, room, cases[row].count);
        qsort(want, cases[row].count, sizeof *want, compare);
        for (size_t i = 0; i < cases[row].count; i++)
            assert_row(items[i].key == want[i].key && items[i].index == want[i].index, row, "order");
    }
}

static void test_radix_leaves_what_is_in_order(void **state)
{
    (void)state;
    static struct radix_item items[1000], room[1000];
    for (uint32_t i = 0; i < 1000; i++)
        items[i] = (struct radix_item){ i / 3, i };
    radix_sort(items, room, 1000);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(items[i].index, i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_radix_sorts_as_qsort_does),
        cmocka_unit_test(test_radix_leaves_what_is_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
