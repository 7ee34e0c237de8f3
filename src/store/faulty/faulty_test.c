/* Without a plan the faulty engine keeps the whole contract;
 * with one it fails where the plan says and nowhere else. */
#include "store/faulty/faulty.h"

#include "base/testing.h"
#include "store/conformance.h"
#include "store/mem/mem.h"

static int open_over(struct mem_world *world, struct store **store_out, struct err *err)
{
    struct store *inner;
    int r = mem_store_open((struct mem_store_options){ world }, &inner, err);
    if (r < 0)
        return r;
    faulty_store_open(&inner, store_out);
    assert_null(inner);
    return 0;
}

static int open_new(void *ctx, struct store **store_out, struct err *err)
{
    struct mem_world **world = ctx;
    *world = mem_world_new();
    return open_over(*world, store_out, err);
}

static int open_again(void *ctx, struct store **store_out, struct err *err)
{
    struct mem_world **world = ctx;
    return open_over(*world, store_out, err);
}

static void clean(void *ctx)
{
    mem_world_free(ctx);
}

static const struct account_id anna = { 7 };

static int open_store(void **state)
{
    return open_over(NULL, (struct store **)state, NULL);
}

static int close_store(void **state)
{
    store_close((struct store **)state);
    return 0;
}

static int commit_next(struct store *store, struct err *err)
{
    struct batch b = BATCH_INIT;
    uint64_t version = 0;
    int r = store_version(store, anna, &version, err);
    if (r == 0)
        r = store_commit(store, anna, version, version + 1, &b, err);
    batch_deinit(&b);
    return r;
}

static void test_a_plan_fails_the_calls_it_names(void **state)
{
    struct store *store = *state;
    static const struct {
        struct faulty_plan plan;
        const char *results; /* of six times version and commit: '.' done, 'v' and 'c' where it failed */
        uint64_t count;
    } cases[] = {
        { { FAULTY_ALL, 0, ERR_NONE, FAULTY_BEFORE, false }, "......", 12 },
        { { FAULTY_ALL, 1, ERR_IO, FAULTY_BEFORE, false }, "v.....", 11 },
        { { FAULTY_ALL, 2, ERR_IO, FAULTY_BEFORE, false }, "c.....", 12 },
        { { FAULTY_ALL, 4, ERR_FULL, FAULTY_BEFORE, true }, ".cvvvv", 8 },
        { { FAULTY_COMMIT, 3, ERR_CONFLICT, FAULTY_BEFORE, false }, "..c...", 6 },
        { { FAULTY_COMMIT, 3, ERR_UNAVAILABLE, FAULTY_BEFORE, true }, "..cccc", 6 },
        { { FAULTY_VERSION, 6, ERR_IO, FAULTY_AFTER, false }, ".....v", 6 },
        { { FAULTY_VERSION | FAULTY_COMMIT, 12, ERR_IO, FAULTY_AFTER, false }, ".....c", 12 },
        { { FAULTY_GET, 1, ERR_IO, FAULTY_BEFORE, true }, "......", 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        faulty_store_plan(store, &cases[i].plan);
        for (size_t k = 0; cases[i].results[k]; k++) {
            struct err err = { 0 };
            int r = commit_next(store, &err);
            int want = cases[i].results[k] == '.' ? 0 : -(int)cases[i].plan.error;
            assert_row(r == want && err.kind == (enum err_kind)(-want), i, cases[i].results);
        }
        assert_row(faulty_store_count(store) == cases[i].count, i, cases[i].results);
    }
}

static void test_a_commit_whose_answer_is_lost_has_happened(void **state)
{
    struct store *store = *state;
    static const struct {
        enum faulty_when when;
        uint64_t version;
    } cases[] = { { FAULTY_BEFORE, 0 }, { FAULTY_AFTER, 1 } };
    struct err err;
    uint64_t version;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct faulty_plan plan = { FAULTY_COMMIT, 1, ERR_IO, cases[i].when, false };
        faulty_store_plan(store, &plan);
        assert_int_equal(commit_next(store, &err), -ERR_IO);
        assert_int_equal(store_version(store, anna, &version, &err), 0);
        assert_row(version == cases[i].version, i, "version");
    }
}

static void test_a_blob_whose_id_is_lost_is_not_pending(void **state)
{
    struct store *store = *state;
    const struct faulty_plan plan = { FAULTY_BLOB_WRITE, 2, ERR_IO, FAULTY_AFTER, false };
    struct blob_id id[3] = { { 0 }, { 99 }, { 0 } };
    struct buf out = BUF_INIT;
    struct err err;

    faulty_store_plan(store, &plan);
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_blob_write(store, anna, STR("b"), STR(""), STR(""), &id[i], &err),
                         i == 1 ? -ERR_IO : 0);
    assert_int_equal(id[1].n, 99);
    assert_int_equal(store_blob_read(store, anna, (struct blob_id){ id[0].n + 1 }, 0, 1, &out, &err),
                     -ERR_NOT_FOUND);
    assert_int_equal(store_blob_read(store, anna, id[2], 0, 1, &out, &err), 0);
    buf_deinit(&out);
}

static void test_a_read_whose_answer_is_lost_leaves_the_buffer(void **state)
{
    struct store *store = *state;
    const struct faulty_plan plan = { FAULTY_BLOB_READ, 1, ERR_IO, FAULTY_AFTER, false };
    struct blob_id id;
    struct buf out = BUF_INIT;

    assert_int_equal(store_blob_write(store, anna, STR("bytes"), STR(""), STR(""), &id, NULL), 0);
    faulty_store_plan(store, &plan);
    buf_add_lit(&out, "<");
    assert_int_equal(store_blob_read(store, anna, id, 0, 9, &out, NULL), -ERR_IO);
    assert_str(buf_str(&out), "<");
    assert_int_equal(store_blob_read(store, anna, id, 0, 9, &out, NULL), 0);
    assert_str(buf_str(&out), "<bytes");
    buf_deinit(&out);
}

#define faulty_test(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)

int main(void)
{
    struct mem_world *world = NULL;
    const struct conformance_target target = {
        .name = "faulty(mem)",
        .ctx = &world,
        .open = open_new,
        .open_again = open_again,
        .shares = true,
        .clean = clean,
    };
    const struct CMUnitTest tests[] = {
        faulty_test(test_a_plan_fails_the_calls_it_names),
        faulty_test(test_a_commit_whose_answer_is_lost_has_happened),
        faulty_test(test_a_blob_whose_id_is_lost_is_not_pending),
        faulty_test(test_a_read_whose_answer_is_lost_leaves_the_buffer),
    };
    int failed = conformance_run(&target);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
