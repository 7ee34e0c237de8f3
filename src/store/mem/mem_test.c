/* The memory engine keeps the contract; and what only it can do: several instances over one world. */
#include "store/mem/mem.h"

#include "base/testing.h"
#include "store/conformance.h"

static int open_new(void *ctx, struct store **store_out, struct err *err)
{
    struct mem_world **world = ctx;
    *world = mem_world_new();
    return mem_store_open((struct mem_store_options){ *world }, store_out, err);
}

static int open_again(void *ctx, struct store **store_out, struct err *err)
{
    struct mem_world **world = ctx;
    return mem_store_open((struct mem_store_options){ *world }, store_out, err);
}

static void clean(void *ctx)
{
    mem_world_free(ctx);
}

static const struct account_id anna = { 7 };

static void test_a_world_outlives_its_owner_while_a_store_is_open(void **state)
{
    (void)state;
    struct mem_world *world = mem_world_new();
    struct store *store;
    struct batch b = BATCH_INIT;
    struct buf out = BUF_INIT;

    assert_int_equal(mem_store_open((struct mem_store_options){ world }, &store, NULL), 0);
    mem_world_free(&world);
    assert_null(world);
    batch_put(&b, STR("k"), STR("v"));
    assert_int_equal(store_commit(store, anna, 0, 1, &b, NULL), 0);
    assert_int_equal(store_get(store, anna, STR("k"), &out, NULL), 0);
    assert_str(buf_str(&out), "v");
    store_close(&store);
    batch_deinit(&b);
    buf_deinit(&out);
}

static void test_stores_without_a_world_share_nothing(void **state)
{
    (void)state;
    struct store *one, *two;
    struct batch b = BATCH_INIT;
    uint64_t version;

    assert_int_equal(mem_store_open((struct mem_store_options){ NULL }, &one, NULL), 0);
    assert_int_equal(mem_store_open((struct mem_store_options){ NULL }, &two, NULL), 0);
    assert_int_equal(store_commit(one, anna, 0, 1, &b, NULL), 0);
    assert_int_equal(store_version(two, anna, &version, NULL), 0);
    assert_int_equal(version, 0);
    store_close(&one);
    store_close(&two);
}

static void test_memory_has_no_files_to_copy(void **state)
{
    (void)state;
    struct store *store;
    struct err err;
    assert_int_equal(mem_store_open((struct mem_store_options){ NULL }, &store, &err), 0);
    assert_int_equal(store_checkpoint(store, "anywhere", &err), -ERR_CANNOT);
    store_close(&store);
}

int main(void)
{
    struct mem_world *world = NULL;
    const struct conformance_target target = {
        .name = "mem",
        .ctx = &world,
        .open = open_new,
        .open_again = open_again,
        .shares = true,
        .clean = clean,
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_world_outlives_its_owner_while_a_store_is_open),
        cmocka_unit_test(test_stores_without_a_world_share_nothing),
        cmocka_unit_test(test_memory_has_no_files_to_copy),
    };
    int failed = conformance_run(&target) + conformance_run_faults(&target);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
