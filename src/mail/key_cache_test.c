#include "base/testing.h"
#include "mail/key_cache.h"

#include <stdlib.h>

static unsigned freed;

static void keys_free(struct cached_keys *keys)
{
    freed++;
    free(keys);
}

/* Put keys of a size under an id; the cache alone has a reference. */
static void put(struct key_cache *cache, uint64_t kind, size_t bytes)
{
    struct cached_keys *keys = calloc(1, sizeof *keys);
    assert_non_null(keys);
    ref_init(&keys->ref);
    keys->bytes = bytes;
    keys->free = keys_free;
    key_cache_put(cache, &(struct key_cache_id){ 1, 2, kind }, keys);
    cached_keys_unref(&keys);
}

static bool has(struct key_cache *cache, uint64_t kind)
{
    struct cached_keys *keys = key_cache_get(cache, &(struct key_cache_id){ 1, 2, kind });
    bool there = keys != NULL;
    cached_keys_unref(&keys);
    return there;
}

static void test_those_used_longest_ago_go(void **state)
{
    (void)state;
    freed = 0;
    struct key_cache *cache = key_cache_new(100);
    put(cache, 1, 40);
    put(cache, 2, 40);
    assert_true(has(cache, 1)); /* 2 is older now */
    put(cache, 3, 20);          /* just fits */
    assert_true(has(cache, 2) && has(cache, 3) && has(cache, 1));
    put(cache, 4, 41); /* 2 and 3 must go */
    assert_true(!has(cache, 2) && !has(cache, 3) && has(cache, 1) && has(cache, 4));
    assert_int_equal(freed, 2);
    key_cache_free(&cache);
    assert_int_equal(freed, 4);
}

static void test_what_is_too_large_is_not_kept(void **state)
{
    (void)state;
    freed = 0;
    struct key_cache *cache = key_cache_new(100);
    put(cache, 1, 10);
    put(cache, 2, 100); /* the limit itself */
    assert_true(has(cache, 2) && !has(cache, 1));
    put(cache, 2, 101); /* in its place there is nothing */
    assert_true(!has(cache, 2));
    assert_int_equal(freed, 3);
    key_cache_free(&cache);
}

static void test_a_reference_outlives_its_place(void **state)
{
    (void)state;
    freed = 0;
    struct key_cache *cache = key_cache_new(100);
    put(cache, 1, 60);
    struct cached_keys *keys = key_cache_get(cache, &(struct key_cache_id){ 1, 2, 1 });
    put(cache, 1, 70);
    put(cache, 2, 70);
    assert_int_equal(freed, 1);
    assert_int_equal(keys->bytes, 60);
    cached_keys_unref(&keys);
    assert_int_equal(freed, 2);
    key_cache_free(&cache);
}

static void test_accounts_and_mailboxes_are_told_apart(void **state)
{
    (void)state;
    struct key_cache *cache = key_cache_new(100);
    put(cache, 1, 1);
    assert_null(key_cache_get(cache, &(struct key_cache_id){ 2, 2, 1 }));
    assert_null(key_cache_get(cache, &(struct key_cache_id){ 1, 1, 1 }));
    assert_true(has(cache, 1));
    key_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_those_used_longest_ago_go),
        cmocka_unit_test(test_what_is_too_large_is_not_kept),
        cmocka_unit_test(test_a_reference_outlives_its_place),
        cmocka_unit_test(test_accounts_and_mailboxes_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
