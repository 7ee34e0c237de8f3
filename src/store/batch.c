/* Encoded in memory, op after op: kind u8, then
 *   PUT, DELETE_RANGE    two strings (codec.h: NIL is told apart from "")
 *   DELETE               one string
 *   ADD_BLOB, DROP_BLOB  varint id */
#include "store/store.h"

#include "base/codec.h"

void batch_deinit(struct batch *b)
{
    buf_deinit(&b->ops);
    *b = BATCH_INIT;
}

void batch_clear(struct batch *b)
{
    buf_clear(&b->ops);
    b->op_count = 0;
    b->add_blob_count = 0;
}

static void begin_op(struct batch *b, enum batch_op_kind kind)
{
    buf_put_u8(&b->ops, (uint8_t)kind);
    b->op_count++;
}

void batch_put(struct batch *b, struct str key, struct str value)
{
    begin_op(b, BATCH_PUT);
    buf_put_str(&b->ops, key);
    buf_put_str(&b->ops, str_is_nil(value) ? STR("") : value);
}

void batch_delete(struct batch *b, struct str key)
{
    begin_op(b, BATCH_DELETE);
    buf_put_str(&b->ops, key);
}

void batch_delete_range(struct batch *b, struct str from, struct str to)
{
    if (!str_is_nil(to) && str_cmp(from, to) >= 0)
        return;
    begin_op(b, BATCH_DELETE_RANGE);
    buf_put_str(&b->ops, str_is_nil(from) ? STR("") : from);
    buf_put_str(&b->ops, to);
}

void batch_add_blob(struct batch *b, struct blob_id id)
{
    begin_op(b, BATCH_ADD_BLOB);
    buf_put_varint(&b->ops, id.n);
    b->add_blob_count++;
}

void batch_drop_blob(struct batch *b, struct blob_id id)
{
    begin_op(b, BATCH_DROP_BLOB);
    buf_put_varint(&b->ops, id.n);
}

bool batch_next(const struct batch *b, size_t *at, struct batch_op *op)
{
    struct reader r = reader_make(str_skip(buf_str(&b->ops), *at));
    struct batch_op next = { .kind = (enum batch_op_kind)reader_u8(&r) };

    switch (next.kind) {
    case BATCH_PUT:
    case BATCH_DELETE_RANGE:
        next.key = reader_str(&r);
        next.value = reader_str(&r);
        break;
    case BATCH_DELETE:
        next.key = reader_str(&r);
        break;
    case BATCH_ADD_BLOB:
    case BATCH_DROP_BLOB:
        next.blob.n = reader_varint(&r);
        break;
    default:
        return false;
    }
    if (r.bad)
        return false;
    *at = b->ops.n - reader_left(&r);
    *op = next;
    return true;
}
