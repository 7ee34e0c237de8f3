/* commit.c: what one store_commit adds to its group. */
#include "store/rocks/engine.h"

#include <stdlib.h>

enum {
    /* A range tombstone is cheap to write and dear to read past;
     * so a range of few keys is deleted key by key. */
    RANGE_KEYS_MAX = 4096,
    RANGE_COMPARES_MAX = 1 << 20,
};

/* ---- delete_range, key by key, worked out by the caller's thread ---- */

struct expansion {
    struct engine *engine;
    struct account_id account;
    const rocksdb_snapshot_t *snapshot;
    const struct batch *in;
    struct batch out;
    size_t keys, compares;
};

static bool in_range(struct str key, struct str from, struct str to)
{
    return str_cmp(from, key) <= 0 && (str_is_nil(to) || str_cmp(key, to) < 0);
}

/* Keys that this batch itself put there before the range was deleted. */
static bool delete_own_puts(struct expansion *x, size_t upto, struct str from, struct str to)
{
    struct batch_op op;
    for (size_t at = 0; at < upto && batch_next(x->in, &at, &op) && at < upto;) {
        if (++x->compares > RANGE_COMPARES_MAX)
            return false;
        if (op.kind == BATCH_PUT && in_range(op.key, from, to))
            batch_delete(&x->out, op.key);
    }
    return true;
}

static bool delete_stored(struct expansion *x, struct str from, struct str to)
{
    struct db_key first = db_key_state(x->account, from);
    struct db_key last = str_is_nil(to) ? db_key_account_end(x->account) : db_key_state(x->account, to);
    struct db_iter it;
    struct str key, value;
    int r;
    db_iter_open(
        &it, &x->engine->db, DB_STATE,
        &(struct db_range){ .from = db_key_str(&first), .to = db_key_str(&last), .snapshot = x->snapshot });
    while ((r = db_iter_next(&it, &key, &value, NULL)) == 1 && ++x->keys <= RANGE_KEYS_MAX)
        batch_delete(&x->out, str_skip(key, 8));
    db_iter_close(&it);
    return r == 0;
}

/* True: x->out does what x->in does, without ranges. */
static bool expand_all(struct expansion *x)
{
    struct batch_op op;
    for (size_t at = 0; batch_next(x->in, &at, &op);) {
        switch (op.kind) {
        case BATCH_PUT:
            batch_put(&x->out, op.key, op.value);
            break;
        case BATCH_DELETE:
            batch_delete(&x->out, op.key);
            break;
        case BATCH_DELETE_RANGE:
            if (!delete_own_puts(x, at, op.key, op.value) || !delete_stored(x, op.key, op.value))
                return false;
            break;
        case BATCH_ADD_BLOB:
            batch_add_blob(&x->out, op.blob);
            break;
        case BATCH_DROP_BLOB:
            batch_drop_blob(&x->out, op.blob);
            break;
        }
    }
    return true;
}

static bool has_range(const struct batch *batch)
{
    struct batch_op op;
    for (size_t at = 0; batch_next(batch, &at, &op);)
        if (op.kind == BATCH_DELETE_RANGE)
            return true;
    return false;
}

/* The batch to write: `batch` itself, or *expanded. Only sound if the account is at `expected` when we look,
 * and then the commit's own check of the version makes sure that it still is. */
static const struct batch *without_ranges(struct engine *e, struct account_id account, uint64_t expected,
                                          const struct batch *batch, struct batch *expanded)
{
    if (!has_range(batch))
        return batch;
    struct expansion x = { .engine = e, .account = account, .in = batch, .out = BATCH_INIT };
    x.snapshot = rocksdb_create_snapshot(e->db.rocks);
    struct db_key key = db_key_account(account);
    uint64_t version;
    bool done = db_get_u64(&e->db, DB_ACCOUNT, x.snapshot, db_key_str(&key), &version, NULL) == 0 &&
                version == expected && expand_all(&x);
    rocksdb_release_snapshot(e->db.rocks, x.snapshot);
    *expanded = x.out;
    return done ? expanded : batch;
}

/* ---- commit ---- */

struct commit {
    struct request request; /* first */
    struct engine *engine;
    struct account_id account;
    uint64_t expected_version, new_version;
    const struct batch *batch;
    struct batch expanded;    /* BATCH_INIT, or what `batch` points to */
    struct store_commit *out; /* where a started one answers */
};

static void apply_range(struct group *g, struct account_id account, struct str from, struct str to)
{
    struct db_key first = db_key_state(account, from);
    struct db_key last = str_is_nil(to) ? db_key_account_end(account) : db_key_state(account, to);
    db_delete_range(&group_engine(g)->db, group_batch(g), DB_STATE, db_key_str(&first), db_key_str(&last));
}

static int apply_op(struct group *g, struct account_id account, const struct batch_op *op, struct err *err)
{
    const struct db *db = &group_engine(g)->db;
    struct db_key key;
    switch (op->kind) {
    case BATCH_PUT:
        key = db_key_state(account, op->key);
        db_put(db, group_batch(g), DB_STATE, db_key_str(&key), op->value);
        return 0;
    case BATCH_DELETE:
        key = db_key_state(account, op->key);
        db_delete(db, group_batch(g), DB_STATE, db_key_str(&key));
        return 0;
    case BATCH_DELETE_RANGE:
        apply_range(g, account, op->key, op->value);
        return 0;
    case BATCH_ADD_BLOB:
        return group_add_blob(g, account, op->blob, err);
    case BATCH_DROP_BLOB:
        break; /* drop_run */
    }
    return 0;
}

/* The blob of a DROP_BLOB and those of the operations behind it, as long as they are drops of ever greater ids. */
static int drop_run(struct group *g, const struct commit *c, struct blob_id first, size_t *at,
                    struct err *err)
{
    struct buf ids = BUF_INIT;
    struct batch_op op;
    buf_add_bytes(&ids, &first, sizeof first);
    for (size_t next = *at, last = first.n;
         batch_next(c->batch, &next, &op) && op.kind == BATCH_DROP_BLOB && op.blob.n > last;
         last = op.blob.n) {
        buf_add_bytes(&ids, &op.blob, sizeof op.blob);
        *at = next;
    }
    int r = group_drop_blobs(g, c->account, (const struct blob_id *)(const void *)ids.p, ids.n / sizeof first,
                             err);
    buf_deinit(&ids);
    return r;
}

static int commit_apply(struct group *g, struct request *request, struct err *err)
{
    struct commit *c = (struct commit *)request;
    uint64_t version;
    int r = group_version(g, c->account, &version, err);
    if (r < 0)
        return r;
    if (version != c->expected_version)
        return err_set(err, ERR_CONFLICT, "account %llu is at version %llu, not %llu",
                       (unsigned long long)c->account.n, (unsigned long long)version,
                       (unsigned long long)c->expected_version);
    struct batch_op op;
    for (size_t at = 0; r == 0 && batch_next(c->batch, &at, &op);)
        r = op.kind == BATCH_DROP_BLOB ? drop_run(g, c, op.blob, &at, err)
                                       : apply_op(g, c->account, &op, err);
    if (r == 0)
        group_set_version(g, c->account, c->new_version);
    return r;
}

static void commit_init(struct commit *c, struct engine *e, struct account_id account,
                        uint64_t expected_version, uint64_t new_version, const struct batch *batch)
{
    *c = (struct commit){
        .request = { .apply = commit_apply,
                     .bytes = batch->ops.n,
                     .use = batch->add_blob_count > 0 ? SPACE_NEW_MAIL : SPACE_CHANGE },
        .engine = e,
        .account = account,
        .expected_version = expected_version,
        .new_version = new_version,
        .expanded = BATCH_INIT,
    };
    c->batch = without_ranges(e, account, expected_version, batch, &c->expanded);
}

static void commit_deinit(struct commit *c)
{
    if (c->request.result == 0)
        atomic_fetch_add(&c->engine->committer.commit_count, 1);
    batch_deinit(&c->expanded);
}

int rocks_commit(struct store *store, struct account_id account, uint64_t expected_version,
                 uint64_t new_version, const struct batch *batch, struct err *err)
{
    struct engine *e = engine_of(store);
    struct commit c;
    commit_init(&c, e, account, expected_version, new_version, batch);
    int r = committer_run(e, &c.request, err);
    commit_deinit(&c);
    return r;
}

static void answer_started(struct request *request)
{
    struct commit *c = (struct commit *)request;
    struct store_commit *out = c->out;
    out->result = request->result;
    commit_deinit(c);
    free(c);
    out->done(out);
}

void rocks_commit_start(struct store *store, struct account_id account, uint64_t expected_version,
                        uint64_t new_version, const struct batch *batch, struct store_commit *out)
{
    struct engine *e = engine_of(store);
    struct commit *c = malloc(sizeof *c);
    if (!c)
        abort();
    commit_init(c, e, account, expected_version, new_version, batch);
    c->out = out;
    c->request.answer = answer_started;
    c->request.err = &out->err;
    committer_queue(e, &c->request);
}

void rocks_push(struct store *store)
{
    committer_push(engine_of(store));
}
