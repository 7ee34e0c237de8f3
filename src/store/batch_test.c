#include "store/store.h"

#include "base/testing.h"

/* One of each kind, with the corners of each argument. */
static const struct batch_op ops[] = {
    { BATCH_PUT, STR_INIT("key"), STR_INIT("value"), { 0 } },
    { BATCH_PUT, STR_INIT("a\0b"), STR_INIT(""), { 0 } },
    { BATCH_DELETE, STR_INIT("key"), { NULL, 0 }, { 0 } },
    { BATCH_DELETE_RANGE, STR_INIT("a"), STR_INIT("b"), { 0 } },
    { BATCH_DELETE_RANGE, STR_INIT(""), { NULL, 0 }, { 0 } },
    { BATCH_ADD_BLOB, { NULL, 0 }, { NULL, 0 }, { 1 } },
    { BATCH_ADD_BLOB, { NULL, 0 }, { NULL, 0 }, { UINT64_MAX } },
    { BATCH_DROP_BLOB, { NULL, 0 }, { NULL, 0 }, { UINT64_C(1) << 32 } },
};

static void add(struct batch *b, const struct batch_op *op)
{
    switch (op->kind) {
    case BATCH_PUT:
        batch_put(b, op->key, op->value);
        break;
    case BATCH_DELETE:
        batch_delete(b, op->key);
        break;
    case BATCH_DELETE_RANGE:
        batch_delete_range(b, op->key, op->value);
        break;
    case BATCH_ADD_BLOB:
        batch_add_blob(b, op->blob);
        break;
    case BATCH_DROP_BLOB:
        batch_drop_blob(b, op->blob);
        break;
    }
}

static bool same_str(struct str a, struct str b)
{
    return str_is_nil(a) == str_is_nil(b) && str_eq(a, b);
}

static void test_batch_gives_back_its_operations_in_order(void **state)
{
    (void)state;
    struct batch b = BATCH_INIT;
    struct batch_op op;
    size_t at = 0, i = 0;

    for (i = 0; i < ARRAY_COUNT(ops); i++)
        add(&b, &ops[i]);
    assert_int_equal(b.op_count, ARRAY_COUNT(ops));
    assert_int_equal(b.add_blob_count, 2);
    for (i = 0; batch_next(&b, &at, &op); i++) {
        assert_true(i < ARRAY_COUNT(ops));
        assert_row(op.kind == ops[i].kind && op.blob.n == ops[i].blob.n, i, "kind or blob");
        assert_row(same_str(op.key, ops[i].key) && same_str(op.value, ops[i].value), i, "strings");
    }
    assert_int_equal(i, ARRAY_COUNT(ops));
    assert_int_equal(at, b.ops.n);

    batch_clear(&b);
    at = 0;
    assert_false(batch_next(&b, &at, &op));
    assert_int_equal(b.op_count + b.add_blob_count, 0);
    batch_deinit(&b);
}

static void test_batch_stores_a_nil_value_as_empty(void **state)
{
    (void)state;
    struct batch b = BATCH_INIT;
    struct batch_op op;
    size_t at = 0;

    batch_put(&b, STR("k"), STR_NIL);
    assert_true(batch_next(&b, &at, &op));
    assert_str(op.value, "");
    batch_deinit(&b);
}

static void test_batch_leaves_out_empty_ranges(void **state)
{
    (void)state;
    static const struct {
        struct str from, to;
        size_t ops;
    } cases[] = {
        { STR_INIT("b"), STR_INIT("a"), 0 }, { STR_INIT("a"), STR_INIT("a"), 0 },
        { STR_INIT("a"), STR_INIT(""), 0 },  { STR_INIT(""), STR_INIT(""), 0 },
        { STR_INIT(""), STR_INIT("a"), 1 },  { STR_INIT("a"), STR_INIT("a\0"), 1 },
        { STR_INIT("a"), { NULL, 0 }, 1 },   { { NULL, 0 }, { NULL, 0 }, 1 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct batch b = BATCH_INIT;
        batch_delete_range(&b, cases[i].from, cases[i].to);
        assert_row(b.op_count == cases[i].ops, i, "count of operations");
        batch_deinit(&b);
    }
}

/* Cut anywhere, the operations before the cut come back, and `at` tells that something is missing. */
static void test_batch_cut_short_is_noticed(void **state)
{
    (void)state;
    struct batch b = BATCH_INIT;
    size_t ends[ARRAY_COUNT(ops)];

    for (size_t i = 0; i < ARRAY_COUNT(ops); i++) {
        add(&b, &ops[i]);
        ends[i] = b.ops.n;
    }
    for (size_t cut = 0; cut < b.ops.n; cut++) {
        struct batch part = { .ops = { b.ops.p, cut, b.ops.cap } };
        struct batch_op op;
        size_t at = 0, count = 0, whole = 0;
        while (whole < ARRAY_COUNT(ops) && ends[whole] <= cut)
            whole++;
        while (batch_next(&part, &at, &op))
            count++;
        assert_row(count == whole, cut, "operations before the cut");
        assert_row(at == (whole ? ends[whole - 1] : 0), cut, "where it stopped");
    }
    batch_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_gives_back_its_operations_in_order),
        cmocka_unit_test(test_batch_stores_a_nil_value_as_empty),
        cmocka_unit_test(test_batch_leaves_out_empty_ranges),
        cmocka_unit_test(test_batch_cut_short_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
