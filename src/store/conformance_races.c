/* Many threads, and two instances. Every successful commit lands once; every scan is of one version. */
#include "store/conformance_impl.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { THREADS = 6, COMMITS = 25, WRITTEN_KEYS = 40, RACE_MS = 300 };

struct worker {
    pthread_t thread;
    struct store *store;
    struct account_id account;
    unsigned number;
    int r; /* first failure, or 0 */
    struct err err;
    const atomic_bool *stop;
    uint64_t version; /* that the writer reached */
};

static void start(struct worker *w, void *(*run)(void *))
{
    assert_int_equal(pthread_create(&w->thread, NULL, run, w), 0);
}

/* Join all before any assert: a failed one leaves the frame that the others work in. */
static void join_all(struct worker *w, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        failed += pthread_join(w[i].thread, NULL) != 0 || w[i].r != 0;
        if (w[i].r != 0)
            print_error("thread %u: %d %s\n", w[i].number, w[i].r, w[i].err.text);
    }
    assert_int_equal(failed, 0);
}

/* Deliver once: write a blob, then commit it with a key of its own,
 * again and again until no other thread was faster. */
static int deliver(struct worker *w, unsigned i)
{
    struct batch b = BATCH_INIT;
    char key[32], body[32];
    struct blob_id id;
    uint64_t version;

    snprintf(key, sizeof key, "%u-%u", w->number, i);
    snprintf(body, sizeof body, "body of %u-%u", w->number, i);
    int r = store_blob_write(w->store, w->account, str_c(body), str_c(key), STR(""), &id, &w->err);
    if (r < 0)
        return r;
    batch_put(&b, str_c(key), str_make(&id, sizeof id));
    batch_add_blob(&b, id);
    do {
        r = store_version(w->store, w->account, &version, &w->err);
        if (r == 0)
            r = store_commit(w->store, w->account, version, version + 1, &b, &w->err);
    } while (r == -ERR_CONFLICT);
    batch_deinit(&b);
    return r;
}

static void *deliver_many(void *arg)
{
    struct worker *w = arg;
    for (unsigned i = 0; w->r == 0 && i < COMMITS; i++)
        w->r = deliver(w, i);
    return NULL;
}

/* Every delivery of thread `number` is there once, with its bytes and its record. */
static void assert_delivered(struct fixture *f, struct account_id account, unsigned number)
{
    struct buf out = BUF_INIT;
    for (unsigned i = 0; i < COMMITS; i++) {
        char key[32], want[96];
        struct blob_id id;
        snprintf(key, sizeof key, "%u-%u", number, i);
        snprintf(want, sizeof want, "body of %s%s", key, key);
        buf_clear(&out);
        assert_ok(f, store_get(f->store, account, str_c(key), &out, &f->err));
        assert_int_equal(out.n, sizeof id);
        memcpy(&id, out.p, sizeof id);
        buf_clear(&out);
        assert_true(is_live(f, account, id));
        assert_ok(f, store_blob_read(f->store, account, id, 0, UINT64_MAX, &out, &f->err));
        assert_ok(f, store_blob_record(f->store, account, id, BLOB_META, &out, &f->err));
        assert_str(buf_str(&out), want);
    }
    buf_deinit(&out);
}

/* Threads deliver through `stores`, in turn; thread i to account i % accounts. */
static void race(struct fixture *f, struct store *const stores[2], unsigned accounts)
{
    struct worker w[THREADS] = { 0 };
    unsigned in_account[THREADS] = { 0 };

    for (unsigned i = 0; i < THREADS; i++) {
        w[i].store = stores[i % 2];
        w[i].account = account_of(1 + i % accounts);
        w[i].number = i;
        in_account[i % accounts]++;
        start(&w[i], deliver_many);
    }
    join_all(w, THREADS);
    for (unsigned round = 0; round == 0 || (round == 1 && !f->target->shares && restart(f)); round++) {
        for (unsigned i = 0; i < THREADS; i++)
            assert_delivered(f, w[i].account, i);
        for (unsigned i = 0; i < accounts; i++) {
            struct ids ids;
            scan_ids(f, account_of(1 + i), BLOB_FIRST, BLOB_LAST, &ids);
            assert_int_equal(ids.n, in_account[i] * COMMITS);
            assert_int_equal(version_of(f, account_of(1 + i)), in_account[i] * COMMITS);
        }
    }
}

static void test_threads_that_race_on_one_account_all_land_once(void **state)
{
    struct fixture *f = *state;
    race(f, (struct store *const[]){ f->store, f->store }, 1);
}

static void test_threads_on_accounts_of_their_own_all_land_once(void **state)
{
    struct fixture *f = *state;
    race(f, (struct store *const[]){ f->store, f->store }, THREADS);
}

static void test_two_instances_that_race_on_one_account_all_land_once(void **state)
{
    struct fixture *f = *state;
    struct store *other;
    if (!f->target->shares)
        return;
    assert_ok(f, f->target->open_again(f->target->ctx, &other, &f->err));
    race(f, (struct store *const[]){ f->store, other }, 1);
    store_close(&other);
}

/* ---- readers while a writer runs ---- */

static bool goes_on(const struct worker *w)
{
    return w->r == 0 && !atomic_load(w->stop);
}

/* Version v gives every key the value v, and drops and adds keys between, so that a mixture would show. */
static void *write_versions(void *arg)
{
    struct worker *w = arg;
    struct batch b = BATCH_INIT;
    for (uint64_t v = 1; goes_on(w); v++) {
        batch_clear(&b);
        batch_delete_range(&b, STR("k"), STR("l"));
        for (unsigned i = 0; i < WRITTEN_KEYS; i++) {
            char key[16];
            snprintf(key, sizeof key, "k%03u", (unsigned)((i + v) % (2 * WRITTEN_KEYS)));
            batch_put(&b, str_c(key), str_make(&v, sizeof v));
        }
        w->r = store_commit(w->store, w->account, v - 1, v, &b, &w->err);
        w->version = v;
    }
    batch_deinit(&b);
    return NULL;
}

struct one_version {
    uint64_t version; /* of the first value */
    size_t count;
};

static int expect_one_version(void *ctx, struct str key, struct str value, struct err *err)
{
    struct one_version *o = ctx;
    uint64_t v;
    (void)key;
    if (value.n != sizeof v)
        return err_set(err, ERR_INVALID, "a value of %zu bytes", value.n);
    memcpy(&v, value.p, sizeof v);
    if (o->count++ == 0)
        o->version = v;
    return v == o->version ? 0 : err_set(err, ERR_INVALID, "versions are mixed");
}

static void *scan_versions(void *arg)
{
    struct worker *w = arg;
    uint64_t last = 0;
    while (goes_on(w)) {
        struct one_version o = { 0, 0 };
        uint64_t version;
        w->r = store_scan(w->store, w->account, STR("k"), STR("l"), &version, expect_one_version, &o,
                          &w->err);
        if (w->r == 0 && (o.version != version || o.count != (version ? WRITTEN_KEYS : 0) || version < last))
            w->r = err_set(&w->err, ERR_INVALID,
                           "%zu keys of version %llu in a scan of version %llu after %llu", o.count,
                           (unsigned long long)o.version, (unsigned long long)version,
                           (unsigned long long)last);
        last = version;
    }
    return NULL;
}

/* One writer and two readers at once, for RACE_MS. */
static void run_readers(struct fixture *f, void *(*writer)(void *), void *(*reader)(void *))
{
    struct worker w[3] = { 0 };
    atomic_bool stop = false;

    for (unsigned i = 0; i < ARRAY_COUNT(w); i++) {
        w[i].store = f->store;
        w[i].account = account_of(7);
        w[i].number = i;
        w[i].stop = &stop;
        start(&w[i], i == 0 ? writer : reader);
    }
    nanosleep(&(struct timespec){ .tv_nsec = RACE_MS * 1000L * 1000L }, NULL);
    atomic_store(&stop, true);
    join_all(w, ARRAY_COUNT(w));
    assert_int_equal(version_of(f, account_of(7)), w[0].version);
}

static void test_a_scan_is_of_one_version_while_writers_run(void **state)
{
    run_readers(*state, write_versions, scan_versions);
}

/* Replaces the one live blob again and again. Its id is in state, so that readers find it. */
static void *replace_blob(void *arg)
{
    struct worker *w = arg;
    struct batch b = BATCH_INIT;
    struct blob_id id = { 0 }, old;
    char body[3000];

    for (uint64_t v = 1; goes_on(w); v++) {
        memset(body, 'a' + (int)(v % 26), sizeof body);
        old = id;
        w->r = store_blob_write(w->store, w->account, str_make(body, sizeof body), str_make(body, 1), STR(""),
                                &id, &w->err);
        batch_clear(&b);
        batch_put(&b, STR("id"), str_make(&id, sizeof id));
        batch_add_blob(&b, id);
        if (old.n)
            batch_drop_blob(&b, old);
        if (w->r == 0)
            w->r = store_commit(w->store, w->account, v - 1, v, &b, &w->err);
        w->version = v;
    }
    batch_deinit(&b);
    return NULL;
}

/* Whole, or not there: never something between. */
static int read_current(struct worker *w, struct buf *out)
{
    struct blob_id id;
    int r = store_get(w->store, w->account, STR("id"), out, &w->err);
    if (r < 0)
        return r;
    memcpy(&id, out->p, sizeof id);
    buf_clear(out);
    r = store_blob_read(w->store, w->account, id, 0, UINT64_MAX, out, &w->err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < out->n; i++)
        if (out->p[i] != out->p[0])
            return err_set(&w->err, ERR_INVALID, "bytes of two blobs");
    return out->n == 3000 ? 0 : err_set(&w->err, ERR_INVALID, "%zu bytes", out->n);
}

static int count_record(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    (void)id, (void)record, (void)err;
    ++*(size_t *)ctx;
    return 0;
}

static void *read_blobs(void *arg)
{
    struct worker *w = arg;
    struct buf out = BUF_INIT;
    const struct blob_range all = { .slot = BLOB_META, .first = BLOB_FIRST, .last = BLOB_LAST };
    while (goes_on(w)) {
        size_t count = 0;
        buf_clear(&out);
        w->r = read_current(w, &out);
        if (w->r == -ERR_NOT_FOUND)
            w->r = 0;
        if (w->r == 0)
            w->r = store_blob_scan(w->store, w->account, &all, count_record, &count, &w->err);
        if (w->r == 0 && count > 1)
            w->r = err_set(&w->err, ERR_INVALID, "%zu live blobs in one version", count);
    }
    buf_deinit(&out);
    return NULL;
}

static void test_a_blob_that_is_replaced_is_read_whole_or_not_at_all(void **state)
{
    run_readers(*state, replace_blob, read_blobs);
}

int conformance_run_races(const struct conformance_target *target)
{
    const struct CMUnitTest tests[] = {
        conformance_test(test_threads_that_race_on_one_account_all_land_once),
        conformance_test(test_threads_on_accounts_of_their_own_all_land_once),
        conformance_test(test_two_instances_that_race_on_one_account_all_land_once),
        conformance_test(test_a_scan_is_of_one_version_while_writers_run),
        conformance_test(test_a_blob_that_is_replaced_is_read_whole_or_not_at_all),
    };
    return run_group(target, "races", tests, ARRAY_COUNT(tests));
}
