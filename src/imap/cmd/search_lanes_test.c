#include "imap/cmd/search_lanes.h"

#include "base/testing.h"

static void test_ranges_are_what_they_say_at_each_edge(void **state)
{
    static const uint32_t edges[] = { 0, 1, 62, 63, 64, 65, 127, 128, 191, 192, 254, 255 };
    (void)state;
    for (size_t a = 0; a < ARRAY_COUNT(edges); a++)
        for (size_t b = a; b < ARRAY_COUNT(edges); b++) {
            const struct lanes l = lanes_range(edges[a], edges[b]);
            for (uint32_t i = 0; i < CHUNK_MESSAGES_MAX; i++)
                assert_int_equal(lanes_has(&l, i), i >= edges[a] && i <= edges[b]);
            assert_int_equal(lanes_run(&l, edges[a]), edges[b] - edges[a] + 1);
            assert_int_equal(lanes_next(&l, 0), edges[a]);
            assert_int_equal(lanes_next_back(&l, CHUNK_MESSAGES_MAX - 1), edges[b]);
            if (edges[b] + 1 < CHUNK_MESSAGES_MAX)
                assert_int_equal(lanes_next(&l, edges[b] + 1), LANE_NONE);
            if (edges[a] > 0)
                assert_int_equal(lanes_next_back(&l, edges[a] - 1), LANE_NONE);
        }
}

static void test_lanes_are_walked_both_ways(void **state)
{
    static const uint32_t members[] = { 0, 3, 63, 64, 130, 255 };
    struct lanes l = { 0 };
    uint32_t lane = 0;
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(members); i++)
        lanes_put(&l, members[i], true);
    for (size_t i = 0; i < ARRAY_COUNT(members); i++) {
        lane = lanes_next(&l, i ? members[i - 1] + 1 : 0);
        assert_int_equal(lane, members[i]);
    }
    for (size_t i = ARRAY_COUNT(members); i-- > 0;)
        assert_int_equal(lanes_next_back(&l, i + 1 < ARRAY_COUNT(members) ? members[i + 1] - 1 : 255),
                         members[i]);
    assert_int_equal(lanes_run(&l, 63), 2);
    lanes_put(&l, 63, false);
    assert_false(lanes_has(&l, 63));
    assert_true(lanes_are_empty((struct lanes){ 0 }) && !lanes_are_empty(l));
}

static void test_sets_of_lanes_are_combined(void **state)
{
    const struct lanes low = lanes_range(0, 100), high = lanes_range(90, 255);
    const struct lanes both = lanes_and(low, high), all = lanes_or(low, high),
                       rest = lanes_and_not(low, high);
    (void)state;
    assert_int_equal(lanes_next(&both, 0), 90);
    assert_int_equal(lanes_run(&both, 90), 11);
    assert_int_equal(lanes_run(&all, 0), CHUNK_MESSAGES_MAX);
    assert_int_equal(lanes_run(&rest, 0), 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_are_what_they_say_at_each_edge),
        cmocka_unit_test(test_lanes_are_walked_both_ways),
        cmocka_unit_test(test_sets_of_lanes_are_combined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
