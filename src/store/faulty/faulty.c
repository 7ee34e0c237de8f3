#include "store/faulty/faulty.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* A commit that was started and waits for a push. */
struct started {
    struct account_id account;
    uint64_t expected_version, new_version;
    const struct batch *batch;
    struct store_commit *out;
    struct started *next;
};

struct faulty_store {
    struct store store;
    struct store *inner;
    pthread_mutex_t lock; /* guards what is below */
    struct faulty_plan plan;
    uint64_t count;
    struct started *started_first, **started_last;
};

static struct faulty_store *faulty(struct store *store)
{
    return (struct faulty_store *)store;
}

/* Count a call. Its fate: whether it fails, and on which side of the inner engine. */
struct fate {
    bool before, after;
    enum err_kind error;
};

static struct fate count_call(struct store *store, enum faulty_op op)
{
    struct faulty_store *f = faulty(store);
    struct fate fate = { false, false, ERR_NONE };

    pthread_mutex_lock(&f->lock);
    if (f->plan.ops & op) {
        f->count++;
        bool fails = f->plan.nth > 0 && (f->plan.stay ? f->count >= f->plan.nth : f->count == f->plan.nth);
        fate.before = fails && f->plan.when == FAULTY_BEFORE;
        fate.after = fails && f->plan.when == FAULTY_AFTER;
        fate.error = f->plan.error;
    }
    pthread_mutex_unlock(&f->lock);
    return fate;
}

static int fail_before(struct fate fate, struct err *err)
{
    return err_set(err, fate.error, "failed on purpose, before the engine");
}

/* `r` is what the inner engine answered. */
static int finish(struct fate fate, int r, struct err *err)
{
    if (r < 0 || !fate.after)
        return r;
    return err_set(err, fate.error, "failed on purpose, after the engine");
}

static void faulty_close(struct store *store)
{
    struct faulty_store *f = faulty(store);
    assert(!f->started_first);
    store_close(&f->inner);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static int faulty_version(struct store *store, struct account_id account, uint64_t *version_out,
                          struct err *err)
{
    struct fate fate = count_call(store, FAULTY_VERSION);
    uint64_t version;
    if (fate.before)
        return fail_before(fate, err);
    int r = finish(fate, store_version(faulty(store)->inner, account, &version, err), err);
    if (r == 0)
        *version_out = version;
    return r;
}

static int faulty_commit(struct store *store, struct account_id account, uint64_t expected_version,
                         uint64_t new_version, const struct batch *batch, struct err *err)
{
    struct fate fate = count_call(store, FAULTY_COMMIT);
    if (fate.before)
        return fail_before(fate, err);
    return finish(
        fate, store_commit(faulty(store)->inner, account, expected_version, new_version, batch, err), err);
}

/* Nothing happens before somebody pushes: so a test sees what a commit under way leaves open. */
static void faulty_commit_start(struct store *store, struct account_id account, uint64_t expected_version,
                                uint64_t new_version, const struct batch *batch, struct store_commit *commit)
{
    struct faulty_store *f = faulty(store);
    struct started *s = malloc(sizeof *s);
    if (!s)
        abort();
    *s = (struct started){ account, expected_version, new_version, batch, commit, NULL };
    pthread_mutex_lock(&f->lock);
    *f->started_last = s;
    f->started_last = &s->next;
    pthread_mutex_unlock(&f->lock);
}

static void faulty_push(struct store *store)
{
    struct faulty_store *f = faulty(store);
    pthread_mutex_lock(&f->lock);
    struct started *list = f->started_first;
    f->started_first = NULL;
    f->started_last = &f->started_first;
    pthread_mutex_unlock(&f->lock);
    for (struct started *s = list, *next; s; s = next) {
        next = s->next;
        s->out->result = faulty_commit(store, s->account, s->expected_version, s->new_version, s->batch,
                                       &s->out->err);
        s->out->done(s->out);
        free(s);
    }
}

/* What get and the blob reads appended before they "failed" is cut off in store.c. */
static int faulty_get(struct store *store, struct account_id account, struct str key, struct buf *value_out,
                      struct err *err)
{
    struct fate fate = count_call(store, FAULTY_GET);
    if (fate.before)
        return fail_before(fate, err);
    return finish(fate, store_get(faulty(store)->inner, account, key, value_out, err), err);
}

static int faulty_scan(struct store *store, struct account_id account, struct str from, struct str to,
                       uint64_t *version_out, store_pair_fn *fn, void *ctx, struct err *err)
{
    struct fate fate = count_call(store, FAULTY_SCAN);
    if (fate.before)
        return fail_before(fate, err);
    return finish(fate, store_scan(faulty(store)->inner, account, from, to, version_out, fn, ctx, err), err);
}

static int faulty_blob_write(struct store *store, struct account_id account, struct str bytes,
                             struct str meta, struct str header, enum blob_reading reading,
                             struct blob_id *id_out, struct err *err)
{
    struct store *inner = faulty(store)->inner;
    struct fate fate = count_call(store, FAULTY_BLOB_WRITE);
    struct blob_id id;
    if (fate.before)
        return fail_before(fate, err);
    int r = inner->ops->blob_write(inner, account, bytes, meta, header, reading, &id, err);
    if (r < 0)
        return r;
    r = finish(fate, r, err);
    if (r < 0)
        store_blob_abandon(faulty(store)->inner, account, id);
    else
        *id_out = id;
    return r;
}

static void faulty_blob_abandon(struct store *store, struct account_id account, struct blob_id id)
{
    store_blob_abandon(faulty(store)->inner, account, id);
}

static int faulty_blob_read(struct store *store, struct account_id account, struct blob_id id,
                            uint64_t offset, uint64_t length, struct buf *out, struct err *err)
{
    struct fate fate = count_call(store, FAULTY_BLOB_READ);
    if (fate.before)
        return fail_before(fate, err);
    return finish(fate, store_blob_read(faulty(store)->inner, account, id, offset, length, out, err), err);
}

struct faulty_open_blob {
    struct open_blob open;
    struct open_blob *inner;
};

static int faulty_blob_open(struct store *store, struct account_id account, struct blob_id id,
                            struct open_blob **blob_out, struct err *err)
{
    struct fate fate = count_call(store, FAULTY_BLOB_READ);
    struct open_blob *inner;
    if (fate.before)
        return fail_before(fate, err);
    int r = store_blob_open(faulty(store)->inner, account, id, &inner, err);
    if (r == 0 && (r = finish(fate, r, err)) < 0)
        store_blob_close(&inner);
    if (r < 0)
        return r;
    struct faulty_open_blob *open = malloc(sizeof *open);
    if (!open)
        abort();
    *open = (struct faulty_open_blob){ { store }, inner };
    *blob_out = &open->open;
    return 0;
}

static int faulty_blob_read_open(struct open_blob *blob, uint64_t offset, uint64_t length, struct buf *out,
                                 struct err *err)
{
    struct fate fate = count_call(blob->store, FAULTY_BLOB_READ);
    if (fate.before)
        return fail_before(fate, err);
    return finish(
        fate, store_blob_read_open(((struct faulty_open_blob *)blob)->inner, offset, length, out, err), err);
}

static void faulty_blob_close(struct open_blob *blob)
{
    struct faulty_open_blob *open = (struct faulty_open_blob *)blob;
    store_blob_close(&open->inner);
    free(open);
}

static int faulty_blob_record(struct store *store, struct account_id account, struct blob_id id,
                              enum blob_slot slot, struct buf *out, struct err *err)
{
    struct fate fate = count_call(store, FAULTY_BLOB_RECORD);
    if (fate.before)
        return fail_before(fate, err);
    return finish(fate, store_blob_record(faulty(store)->inner, account, id, slot, out, err), err);
}

static int faulty_blob_scan(struct store *store, struct account_id account, const struct blob_range *range,
                            store_blob_fn *fn, void *ctx, struct err *err)
{
    struct fate fate = count_call(store, FAULTY_BLOB_SCAN);
    if (fate.before)
        return fail_before(fate, err);
    return finish(fate, store_blob_scan(faulty(store)->inner, account, range, fn, ctx, err), err);
}

static int faulty_accounts(struct store *store, store_account_fn *fn, void *ctx, struct err *err)
{
    struct fate fate = count_call(store, FAULTY_ACCOUNTS);
    if (fate.before)
        return fail_before(fate, err);
    return finish(fate, store_accounts(faulty(store)->inner, fn, ctx, err), err);
}

static int faulty_drop_account(struct store *store, struct account_id account, struct err *err)
{
    struct fate fate = count_call(store, FAULTY_DROP_ACCOUNT);
    if (fate.before)
        return fail_before(fate, err);
    return finish(fate, store_drop_account(faulty(store)->inner, account, err), err);
}

static int faulty_watch(struct store *store, store_watch_fn *fn, void *ctx, struct err *err)
{
    struct fate fate = count_call(store, FAULTY_WATCH);
    if (fate.before)
        return fail_before(fate, err);
    return finish(fate, store_watch(faulty(store)->inner, fn, ctx, err), err);
}

static int faulty_checkpoint(struct store *store, const char *folder, struct err *err)
{
    struct fate fate = count_call(store, FAULTY_CHECKPOINT);
    if (fate.before)
        return fail_before(fate, err);
    return finish(fate, store_checkpoint(faulty(store)->inner, folder, err), err);
}

static int faulty_scrub(struct store *store, store_damage_fn *fn, void *ctx, struct err *err)
{
    struct fate fate = count_call(store, FAULTY_SCRUB);
    if (fate.before)
        return fail_before(fate, err);
    return finish(fate, store_scrub(faulty(store)->inner, fn, ctx, err), err);
}

static void faulty_stats(struct store *store, struct store_stats *out)
{
    store_stats(faulty(store)->inner, out);
}

static const struct store_ops faulty_ops = {
    .name = "faulty",
    .close = faulty_close,
    .version = faulty_version,
    .commit = faulty_commit,
    .commit_start = faulty_commit_start,
    .push = faulty_push,
    .get = faulty_get,
    .scan = faulty_scan,
    .blob_write = faulty_blob_write,
    .blob_abandon = faulty_blob_abandon,
    .blob_read = faulty_blob_read,
    .blob_open = faulty_blob_open,
    .blob_read_open = faulty_blob_read_open,
    .blob_close = faulty_blob_close,
    .blob_record = faulty_blob_record,
    .blob_scan = faulty_blob_scan,
    .accounts = faulty_accounts,
    .drop_account = faulty_drop_account,
    .watch = faulty_watch,
    .checkpoint = faulty_checkpoint,
    .scrub = faulty_scrub,
    .stats = faulty_stats,
};

void faulty_store_open(struct store **inner, struct store **store_out)
{
    struct faulty_store *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->store.ops = &faulty_ops;
    f->inner = *inner;
    f->plan.ops = FAULTY_ALL;
    f->started_last = &f->started_first;
    pthread_mutex_init(&f->lock, NULL);
    *inner = NULL;
    *store_out = &f->store;
}

void faulty_store_plan(struct store *store, const struct faulty_plan *plan)
{
    struct faulty_store *f = faulty(store);
    bool changes = plan->ops & (FAULTY_COMMIT | FAULTY_DROP_ACCOUNT);

    assert(store->ops == &faulty_ops);
    assert(plan->nth == 0 || plan->error != ERR_NONE);
    assert(plan->nth == 0 || plan->when == FAULTY_BEFORE || !changes || plan->error == ERR_IO);
    pthread_mutex_lock(&f->lock);
    f->plan = *plan;
    f->count = 0;
    pthread_mutex_unlock(&f->lock);
}

uint64_t faulty_store_count(struct store *store)
{
    struct faulty_store *f = faulty(store);
    assert(store->ops == &faulty_ops);
    pthread_mutex_lock(&f->lock);
    uint64_t count = f->count;
    pthread_mutex_unlock(&f->lock);
    return count;
}
