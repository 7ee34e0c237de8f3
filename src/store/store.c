/* What is the same for every engine: limits of arguments, and buffers that an error leaves as they were. */
#include "store/store.h"

static int check_key(struct str key, struct err *err)
{
    if (key.n == 0 || key.n > STORE_KEY_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "state key of %zu bytes, not 1 to %d", key.n, STORE_KEY_BYTES_MAX);
    return 0;
}

static int check_bound(struct str bound, struct err *err)
{
    if (bound.n > STORE_KEY_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "bound of a range has %zu bytes, above %d", bound.n,
                       STORE_KEY_BYTES_MAX);
    return 0;
}

static int check_range(struct str from, struct str to, struct err *err)
{
    int r = check_bound(from, err);
    return r < 0 ? r : check_bound(to, err);
}

static int check_value(const char *what, struct str value, struct err *err)
{
    if (value.n > STORE_VALUE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s of %zu bytes, above %d", what, value.n, STORE_VALUE_BYTES_MAX);
    return 0;
}

static int check_op(const struct batch_op *op, struct err *err)
{
    int r;
    switch (op->kind) {
    case BATCH_PUT:
        r = check_key(op->key, err);
        return r < 0 ? r : check_value("state value", op->value, err);
    case BATCH_DELETE:
        return check_key(op->key, err);
    case BATCH_DELETE_RANGE:
        return check_range(op->key, op->value, err);
    case BATCH_ADD_BLOB:
    case BATCH_DROP_BLOB:
        break;
    }
    return 0;
}

static int check_batch(const struct batch *batch, struct err *err)
{
    struct batch_op op;
    size_t at = 0;

    if (batch->ops.n > STORE_BATCH_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "batch of %zu bytes, above %d", batch->ops.n, STORE_BATCH_BYTES_MAX);
    while (batch_next(batch, &at, &op)) {
        int r = check_op(&op, err);
        if (r < 0)
            return r;
    }
    if (at != batch->ops.n)
        return err_set(err, ERR_INVALID, "batch is damaged at byte %zu", at);
    return 0;
}

/* What an engine appended before it failed is nobody's. */
static int undo_on_error(int r, struct buf *out, size_t before)
{
    if (r < 0)
        out->n = before;
    return r;
}

void store_close(struct store **store)
{
    if (*store)
        (*store)->ops->close(*store);
    *store = NULL;
}

int store_version(struct store *store, struct account_id account, uint64_t *version_out, struct err *err)
{
    return store->ops->version(store, account, version_out, err);
}

static int check_commit(uint64_t expected_version, uint64_t new_version, const struct batch *batch,
                        struct err *err)
{
    if (new_version <= expected_version || new_version > STORE_VERSION_MAX)
        return err_set(err, ERR_INVALID, "version %llu cannot follow %llu", (unsigned long long)new_version,
                       (unsigned long long)expected_version);
    return check_batch(batch, err);
}

int store_commit(struct store *store, struct account_id account, uint64_t expected_version,
                 uint64_t new_version, const struct batch *batch, struct err *err)
{
    int r = check_commit(expected_version, new_version, batch, err);
    if (r < 0)
        return r;
    return store->ops->commit(store, account, expected_version, new_version, batch, err);
}

void store_commit_start(struct store *store, struct account_id account, uint64_t expected_version,
                        uint64_t new_version, const struct batch *batch, struct store_commit *commit)
{
    int r = check_commit(expected_version, new_version, batch, &commit->err);
    if (r == 0 && store->ops->commit_start) {
        store->ops->commit_start(store, account, expected_version, new_version, batch, commit);
        return;
    }
    if (r == 0)
        r = store->ops->commit(store, account, expected_version, new_version, batch, &commit->err);
    commit->result = r;
    commit->done(commit);
}

void store_push(struct store *store)
{
    if (store->ops->push)
        store->ops->push(store);
}

int store_get(struct store *store, struct account_id account, struct str key, struct buf *value_out,
              struct err *err)
{
    size_t before = value_out->n;
    int r = check_key(key, err);
    if (r < 0)
        return r;
    return undo_on_error(store->ops->get(store, account, key, value_out, err), value_out, before);
}

int store_scan(struct store *store, struct account_id account, struct str from, struct str to,
               uint64_t *version_out, store_pair_fn *fn, void *ctx, struct err *err)
{
    int r = check_range(from, to, err);
    if (r < 0)
        return r;
    return store->ops->scan(store, account, from, to, version_out, fn, ctx, err);
}

static int blob_write(struct store *store, struct account_id account, struct str bytes, struct str meta,
                      struct str header, enum blob_reading reading, struct blob_id *id_out, struct err *err)
{
    if (bytes.n > STORE_BLOB_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "blob of %zu bytes, above %llu", bytes.n,
                       (unsigned long long)STORE_BLOB_BYTES_MAX);
    int r = check_value("meta of a blob", meta, err);
    if (r < 0)
        return r;
    r = check_value("header of a blob", header, err);
    if (r < 0)
        return r;
    return store->ops->blob_write(store, account, bytes, meta, header, reading, id_out, err);
}

int store_blob_write(struct store *store, struct account_id account, struct str bytes, struct str meta,
                     struct str header, struct blob_id *id_out, struct err *err)
{
    return blob_write(store, account, bytes, meta, header, BLOB_READ_WHOLE, id_out, err);
}

int store_blob_write_for(struct store *store, struct account_id account, struct str bytes,
                         enum blob_reading reading, struct blob_id *id_out, struct err *err)
{
    return blob_write(store, account, bytes, STR_NIL, STR_NIL, reading, id_out, err);
}

void store_blob_abandon(struct store *store, struct account_id account, struct blob_id id)
{
    store->ops->blob_abandon(store, account, id);
}

int store_blob_read(struct store *store, struct account_id account, struct blob_id id, uint64_t offset,
                    uint64_t length, struct buf *out, struct err *err)
{
    size_t before = out->n;
    return undo_on_error(store->ops->blob_read(store, account, id, offset, length, out, err), out, before);
}

int store_blob_open(struct store *store, struct account_id account, struct blob_id id,
                    struct open_blob **blob_out, struct err *err)
{
    return store->ops->blob_open(store, account, id, blob_out, err);
}

int store_blob_read_open(struct open_blob *blob, uint64_t offset, uint64_t length, struct buf *out,
                         struct err *err)
{
    size_t before = out->n;
    return undo_on_error(blob->store->ops->blob_read_open(blob, offset, length, out, err), out, before);
}

void store_blob_close(struct open_blob **blob)
{
    if (*blob)
        (*blob)->store->ops->blob_close(*blob);
    *blob = NULL;
}

int store_blob_record(struct store *store, struct account_id account, struct blob_id id, enum blob_slot slot,
                      struct buf *out, struct err *err)
{
    size_t before = out->n;
    return undo_on_error(store->ops->blob_record(store, account, id, slot, out, err), out, before);
}

int store_blob_scan(struct store *store, struct account_id account, const struct blob_range *range,
                    store_blob_fn *fn, void *ctx, struct err *err)
{
    if (range->first.n > range->last.n)
        return 0;
    return store->ops->blob_scan(store, account, range, fn, ctx, err);
}

int store_accounts(struct store *store, store_account_fn *fn, void *ctx, struct err *err)
{
    return store->ops->accounts(store, fn, ctx, err);
}

static int drop_if_there(struct store *store, struct account_id account, struct err *err)
{
    uint64_t version;
    int r = store->ops->version(store, account, &version, err);
    return r < 0 || version == 0 ? r : store->ops->drop_account(store, account, err);
}

int store_drop_account(struct store *store, struct account_id account, struct err *err)
{
    int r = store->ops->drop_account(store, account, err);
    if (r < 0 || account_id_is_index(account))
        return r;
    r = drop_if_there(store, account_id_of_index(account), err);
    return r < 0 ? r : drop_if_there(store, account_id_of_extracted(account), err);
}

int store_watch(struct store *store, store_watch_fn *fn, void *ctx, struct err *err)
{
    return store->ops->watch(store, fn, ctx, err);
}

int store_checkpoint(struct store *store, const char *folder, struct err *err)
{
    return store->ops->checkpoint(store, folder, err);
}

int store_scrub(struct store *store, store_damage_fn *fn, void *ctx, struct err *err)
{
    return store->ops->scrub(store, fn, ctx, err);
}

void store_stats(struct store *store, struct store_stats *out)
{
    *out = (struct store_stats){ 0 };
    store->ops->stats(store, out);
}
