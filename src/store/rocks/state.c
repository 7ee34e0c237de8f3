/* state.c: reading an account's state. */
#include "base/codec.h"
#include "store/rocks/engine.h"

#include <assert.h>

int rocks_version(struct store *store, struct account_id account, uint64_t *version_out, struct err *err)
{
    struct db_key key = db_key_account(account);
    uint64_t version = account.n == 0 ? atomic_load(&engine_of(store)->first_version) : VERSION_UNKNOWN;
    int r = version != VERSION_UNKNOWN
                ? 0
                : db_get_u64(&engine_of(store)->db, DB_ACCOUNT, NULL, db_key_str(&key), &version, err);
    if (r == 0)
        *version_out = version;
    return r;
}

int rocks_get(struct store *store, struct account_id account, struct str key, struct buf *value_out,
              struct err *err)
{
    struct db_key k = db_key_state(account, key);
    int r = db_get(&engine_of(store)->db, DB_STATE, NULL, db_key_str(&k), value_out, err);
    return r == -ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "account %llu has no such state key",
                                         (unsigned long long)account.n)
                               : r;
}

static int scan_pairs(struct db_iter *it, store_pair_fn *fn, void *ctx, struct err *err)
{
    struct str key, value;
    int r;
    while ((r = db_iter_next(it, &key, &value, err)) == 1) {
        assert(key.n > 8);
        r = fn(ctx, str_skip(key, 8), value, err);
        if (r != 0)
            break;
    }
    return r < 0 ? r : 0;
}

int rocks_scan(struct store *store, struct account_id account, struct str from, struct str to,
               uint64_t *version_out, store_pair_fn *fn, void *ctx, struct err *err)
{
    struct engine *e = engine_of(store);
    struct db_key first = db_key_state(account, from);
    struct db_key last = str_is_nil(to) ? db_key_account_end(account) : db_key_state(account, to);
    struct db_key account_key = db_key_account(account);
    const rocksdb_snapshot_t *snapshot = rocksdb_create_snapshot(e->db.rocks);
    uint64_t version;
    int r = db_get_u64(&e->db, DB_ACCOUNT, snapshot, db_key_str(&account_key), &version, err);
    if (r == 0 && version_out)
        *version_out = version;
    if (r == 0 && str_cmp(db_key_str(&first), db_key_str(&last)) < 0) {
        struct db_iter it;
        db_iter_open(
            &it, &e->db, DB_STATE,
            &(struct db_range){ .from = db_key_str(&first), .to = db_key_str(&last), .snapshot = snapshot });
        r = scan_pairs(&it, fn, ctx, err);
        db_iter_close(&it);
    }
    rocksdb_release_snapshot(e->db.rocks, snapshot);
    return r;
}

int rocks_accounts(struct store *store, store_account_fn *fn, void *ctx, struct err *err)
{
    struct db_iter it;
    struct str key, value;
    int r;
    db_iter_open(&it, &engine_of(store)->db, DB_ACCOUNT, &(struct db_range){ .from = STR("") });
    while ((r = db_iter_next(&it, &key, &value, err)) == 1) {
        if (key.n != 8 || value.n != 8) {
            r = err_set(err, ERR_CORRUPT, "family account: a pair of %zu and %zu bytes", key.n, value.n);
            break;
        }
        r = fn(ctx, (struct account_id){ load_be64(key.p) }, load_u64(value.p), err);
        if (r != 0)
            break;
    }
    db_iter_close(&it);
    return r < 0 ? r : 0;
}
