#include "base/clock.h"
#include "base/rand.h"
#include "base/ref.h"
#include "base/testing.h"

static void test_seeded_source_repeats_itself(void **state)
{
    (void)state;
    struct rand_seeded a, b, c;
    rand_seeded_init(&a, 1);
    rand_seeded_init(&b, 1);
    rand_seeded_init(&c, 2);
    bool differs = false;
    for (int i = 0; i < 100; i++) {
        uint64_t x = rand_u64(&a.source);
        assert_true(x == rand_u64(&b.source));
        differs = differs || x != rand_u64(&c.source);
    }
    assert_true(differs);
}

static void test_below_stays_below_and_reaches_all(void **state)
{
    (void)state;
    static const uint64_t bounds[] = { 1, 2, 3, 10, UINT64_C(1) << 63, UINT64_MAX };
    struct rand_seeded r;
    rand_seeded_init(&r, 7);
    for (size_t i = 0; i < ARRAY_COUNT(bounds); i++)
        for (int k = 0; k < 1000; k++)
            assert_row(rand_below(&r.source, bounds[i]) < bounds[i], i, "bound");
    unsigned seen = 0;
    for (int k = 0; k < 1000; k++)
        seen |= 1u << rand_below(&r.source, 10);
    assert_int_equal(seen, 0x3ff);
}

static void test_system_source_fills_every_length(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 64; n++) {
        unsigned char bytes[66] = { 0 }, touched = 0;
        for (int round = 0; round < 100; round++) {
            unsigned char fresh[66] = { 0 };
            rand_system.bytes(&rand_system, fresh, n);
            touched |= fresh[n];
            for (size_t i = 0; i < n; i++)
                bytes[i] |= fresh[i];
        }
        assert_row(touched == 0, n, "one byte too many");
        for (size_t i = 0; i < n; i++)
            assert_row(bytes[i] != 0, n, "a byte stays zero");
    }
}

static void test_fake_clock_moves_only_when_told(void **state)
{
    (void)state;
    struct clock_fake fake;
    clock_fake_init(&fake, 1000);
    assert_int_equal(clock_wall_ms(&fake.clock), 1000);
    assert_int_equal(clock_mono_ms(&fake.clock), 0);
    clock_fake_advance(&fake, 5);
    assert_int_equal(clock_wall_ms(&fake.clock), 1005);
    assert_int_equal(clock_mono_ms(&fake.clock), 5);
}

static void test_system_clock_goes_forward(void **state)
{
    (void)state;
    int64_t before = clock_mono_ms(&clock_system);
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_mono_ms(&clock_system);
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_wall_ms(&clock_system) > INT64_C(1600000000000));
}

static void test_last_reference_is_told(void **state)
{
    (void)state;
    struct ref ref;
    ref_init(&ref);
    ref_get(&ref);
    assert_false(ref_put(&ref));
    assert_true(ref_put(&ref));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seeded_source_repeats_itself),
        cmocka_unit_test(test_below_stays_below_and_reaches_all),
        cmocka_unit_test(test_system_source_fills_every_length),
        cmocka_unit_test(test_fake_clock_moves_only_when_told),
        cmocka_unit_test(test_system_clock_goes_forward),
        cmocka_unit_test(test_last_reference_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
