#include "base/testing.h"
#include "store/rocks/places.h"

static const struct account_id anna = { 7 }, bert = { 8 };

static struct place place_at(uint64_t offset)
{
    return (struct place){ .segment = 3, .offset = offset, .stored_bytes = 100, .raw_bytes = 200 };
}

static void keep(struct places *p, struct account_id account, uint64_t id, uint64_t offset)
{
    const struct place place = place_at(offset);
    places_keep(p, places_moment(p), account, (struct blob_id){ id }, &place);
}

/* Its offset; 0: not there. */
static uint64_t find(struct places *p, struct account_id account, uint64_t id)
{
    struct place place;
    return places_find(p, account, (struct blob_id){ id }, &place) ? place.offset : 0;
}

static void test_what_was_kept_is_found_by_its_account_alone(void **state)
{
    struct places *p = places_new();
    (void)state;
    assert_int_equal(find(p, anna, 0), 0);
    for (uint64_t id = 1; id <= PLACES_MAX; id++)
        keep(p, anna, id, 8 * id);
    for (uint64_t id = 1; id <= PLACES_MAX; id++) {
        assert_int_equal(find(p, anna, id), 8 * id);
        assert_int_equal(find(p, bert, id), 0);
        assert_int_equal(find(p, anna, id + PLACES_MAX), 0);
    }
    keep(p, anna, 1 + PLACES_MAX, 5);
    assert_int_equal(find(p, anna, 1 + PLACES_MAX), 5);
    assert_int_equal(find(p, anna, 1), 0);
    places_free(&p);
}

static void test_what_is_forgotten_is_not_found(void **state)
{
    struct places *p = places_new();
    (void)state;
    keep(p, anna, 1, 8);
    keep(p, anna, 2, 16);
    places_forget(p, anna, (struct blob_id){ 1 });
    places_forget(p, bert, (struct blob_id){ 2 });
    assert_int_equal(find(p, anna, 1), 0);
    assert_int_equal(find(p, anna, 2), 16);
    places_forget_all(p);
    assert_int_equal(find(p, anna, 2), 0);
    keep(p, anna, 2, 24);
    assert_int_equal(find(p, anna, 2), 24);
    places_free(&p);
}

/* Read from the database, moved by another thread, kept: the old place would be found for good. */
static void test_a_place_from_before_a_change_is_not_kept(void **state)
{
    struct places *p = places_new();
    const struct place old = place_at(8);
    (void)state;
    uint64_t moment = places_moment(p);
    places_forget(p, anna, (struct blob_id){ 1 });
    places_keep(p, moment, anna, (struct blob_id){ 1 }, &old);
    assert_int_equal(find(p, anna, 1), 0);
    moment = places_moment(p);
    places_forget_all(p);
    places_keep(p, moment, anna, (struct blob_id){ 1 }, &old);
    assert_int_equal(find(p, anna, 1), 0);
    places_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_kept_is_found_by_its_account_alone),
        cmocka_unit_test(test_what_is_forgotten_is_not_found),
        cmocka_unit_test(test_a_place_from_before_a_change_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
