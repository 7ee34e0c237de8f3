/* drop.c: removing a whole account. The version, state and records go at once, in one group, with a marker
 * that names the greatest blob id; the blobs' places, which segments are counted by, follow in steps so that
 * nobody waits long. A crash in between is finished when the store is opened. */
#include "base/codec.h"
#include "store/rocks/engine.h"

enum { STEP_BLOBS = 512 };

struct drop {
    struct request request; /* first */
    struct account_id account;
    uint64_t last_blob;
    struct buf ids; /* of this step, u64 each */
};

static void delete_all(struct group *g, enum db_family family, struct account_id account)
{
    struct db_key from = db_key_account(account), to = db_key_account_end(account);
    db_delete_range(&group_engine(g)->db, group_batch(g), family, db_key_str(&from), db_key_str(&to));
}

static int begin_apply(struct group *g, struct request *request, struct err *err)
{
    const struct drop *d = (const struct drop *)request;
    struct db_key marker = db_key_engine("drop/", d->account.n);
    (void)err;
    delete_all(g, DB_STATE, d->account);
    delete_all(g, DB_META, d->account);
    delete_all(g, DB_HEADER, d->account);
    db_put_u64(&group_engine(g)->db, group_batch(g), DB_ENGINE, db_key_str(&marker), d->last_blob);
    group_set_version(g, d->account, 0);
    return 0;
}

static int step_apply(struct group *g, struct request *request, struct err *err)
{
    const struct drop *d = (const struct drop *)request;
    for (size_t at = 0; at < d->ids.n; at += 8) {
        int r = group_drop_blob(g, d->account, (struct blob_id){ load_u64(d->ids.p + at) }, err);
        if (r < 0 && r != -ERR_NOT_FOUND)
            return r;
    }
    return 0;
}

static int end_apply(struct group *g, struct request *request, struct err *err)
{
    const struct drop *d = (const struct drop *)request;
    struct db_key marker = db_key_engine("drop/", d->account.n);
    (void)err;
    db_delete(&group_engine(g)->db, group_batch(g), DB_ENGINE, db_key_str(&marker));
    return 0;
}

/* Up to STEP_BLOBS ids that still have a place. */
static int collect_ids(struct engine *e, struct drop *d, struct err *err)
{
    struct db_key from = db_key_account(d->account);
    struct db_key to = db_key_blob(d->account, (struct blob_id){ d->last_blob + 1 });
    struct db_iter it;
    struct str key, value;
    int r;
    buf_clear(&d->ids);
    db_iter_open(&it, &e->db, DB_PLACE,
                 &(struct db_range){ .from = db_key_str(&from), .to = db_key_str(&to) });
    while ((r = db_iter_next(&it, &key, &value, err)) == 1 && d->ids.n < STEP_BLOBS * 8)
        buf_put_u64(&d->ids, load_be64(key.p + 8));
    db_iter_close(&it);
    return r < 0 ? r : 0;
}

static int finish(struct engine *e, struct drop *d, struct err *err)
{
    int r;
    while ((r = collect_ids(e, d, err)) == 0 && d->ids.n > 0) {
        d->request.apply = step_apply;
        r = committer_run(e, &d->request, err);
        if (r < 0)
            break;
    }
    buf_deinit(&d->ids);
    if (r < 0)
        return r;
    d->request.apply = end_apply;
    return committer_run(e, &d->request, err);
}

int rocks_drop_account(struct store *store, struct account_id account, struct err *err)
{
    struct engine *e = engine_of(store);
    struct drop d = {
        .request.apply = begin_apply, .account = account, .last_blob = blob_ids_last(e), .ids = BUF_INIT
    };
    pending_drop_account(e, account);
    int r = committer_run(e, &d.request, err);
    return r < 0 ? r : finish(e, &d, err);
}

int rocks_finish_drops(struct engine *e, struct err *err)
{
    struct buf found = BUF_INIT; /* account, last blob */
    struct db_iter it;
    struct str key, value;
    int r;
    db_iter_open(&it, &e->db, DB_ENGINE, &(struct db_range){ .from = STR("drop/"), .to = STR("drop0") });
    while ((r = db_iter_next(&it, &key, &value, err)) == 1) {
        if (key.n != 5 + 8 || value.n != 8) {
            r = err_set(err, ERR_CORRUPT,
                        "family default: a mark of a dropped account that cannot be decoded");
            break;
        }
        buf_put_u64(&found, load_be64(key.p + 5));
        buf_put_u64(&found, load_u64(value.p));
    }
    db_iter_close(&it);
    for (size_t at = 0; r == 0 && at < found.n; at += 16) {
        struct drop d = { .account = { load_u64(found.p + at) },
                          .last_blob = load_u64(found.p + at + 8),
                          .ids = BUF_INIT };
        r = finish(e, &d, err);
    }
    buf_deinit(&found);
    return r;
}
