/* Any bytes as the encoded operations of a batch: whatever is read back, written and read again,
 * is the same. */
#include "store/store.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_again(struct batch *again, const struct batch_op *op)
{
    switch (op->kind) {
    case BATCH_PUT:
        batch_put(again, op->key, op->value);
        break;
    case BATCH_DELETE:
        batch_delete(again, op->key);
        break;
    case BATCH_DELETE_RANGE:
        batch_delete_range(again, op->key, op->value);
        break;
    case BATCH_ADD_BLOB:
        batch_add_blob(again, op->blob);
        break;
    case BATCH_DROP_BLOB:
        batch_drop_blob(again, op->blob);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct batch in = BATCH_INIT, again = BATCH_INIT;
    struct batch_op a, b;
    size_t at = 0, at_again = 0;

    buf_add_bytes(&in.ops, data, size);
    while (batch_next(&in, &at, &a)) {
        size_t before = again.op_count;
        add_again(&again, &a);
        if (again.op_count == before) { /* an empty range */
            assert(a.kind == BATCH_DELETE_RANGE && str_cmp(a.key, a.value) >= 0);
            continue;
        }
        assert(batch_next(&again, &at_again, &b));
        assert(a.kind == b.kind && a.blob.n == b.blob.n && str_eq(a.key, b.key) && str_eq(a.value, b.value));
    }
    assert(at <= size && at_again == again.ops.n);
    batch_deinit(&in);
    batch_deinit(&again);
    return 0;
}
