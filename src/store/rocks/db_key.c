/* db_key.c: the part of db.h that turns our ids into keys that sort, and places into bytes. */
#include "base/codec.h"
#include "store/rocks/db.h"

#include <assert.h>

struct db_key db_key_account(struct account_id account)
{
    struct db_key k;
    store_be64(k.p, account.n);
    k.n = 8;
    return k;
}

struct db_key db_key_account_end(struct account_id account)
{
    if (account.n < UINT64_MAX)
        return db_key_account((struct account_id){ account.n + 1 });
    struct db_key k;
    k.n = DB_KEY_BYTES_MAX + 1; /* longer than any key */
    memset(k.p, 0xff, k.n);
    return k;
}

struct db_key db_key_state(struct account_id account, struct str key)
{
    struct db_key k = db_key_account(account);
    assert(key.n <= STORE_KEY_BYTES_MAX);
    if (key.n > 0)
        memcpy(k.p + k.n, key.p, key.n);
    k.n += key.n;
    return k;
}

struct db_key db_key_blob(struct account_id account, struct blob_id blob)
{
    struct db_key k = db_key_account(account);
    store_be64(k.p + k.n, blob.n);
    k.n += 8;
    return k;
}

struct db_key db_key_engine(const char *prefix, uint64_t n)
{
    struct db_key k;
    k.n = strlen(prefix);
    assert(k.n + 8 <= sizeof k.p);
    memcpy(k.p, prefix, k.n);
    store_be64(k.p + k.n, n);
    k.n += 8;
    return k;
}

void place_encode(const struct place *place, struct buf *out)
{
    buf_put_varint(out, place->segment);
    buf_put_varint(out, place->offset);
    buf_put_varint(out, place->stored_bytes);
    buf_put_varint(out, place->raw_bytes);
    buf_put_u64(out, place->check);
}

bool place_decode(struct str value, struct place *place_out)
{
    struct reader r = reader_make(value);
    struct place p;
    p.segment = reader_varint(&r);
    p.offset = reader_varint(&r);
    p.stored_bytes = reader_varint(&r);
    p.raw_bytes = reader_varint(&r);
    p.check = reader_u64(&r);
    if (r.bad || reader_left(&r) != 0)
        return false;
    *place_out = p;
    return true;
}

int db_get_place(const struct db *db, struct account_id account, struct blob_id blob, struct place *place_out,
                 struct err *err)
{
    struct db_key key = db_key_blob(account, blob);
    struct buf value = BUF_INIT;
    int r = db_get(db, DB_PLACE, NULL, db_key_str(&key), &value, err);
    if (r == 0 && !place_decode(buf_str(&value), place_out))
        r = err_set(err, ERR_CORRUPT, "family place: a place that cannot be decoded");
    if (r == -ERR_NOT_FOUND)
        r = err_set(err, ERR_NOT_FOUND, "account %llu has no blob %llu", (unsigned long long)account.n,
                    (unsigned long long)blob.n);
    buf_deinit(&value);
    return r;
}
