/* A small mail store does its work through the faulty engine, and call number 1, 2, 3 ... of it fails. */
#include "store/conformance_impl.h"

#include "store/faulty/faulty.h"

/* What the work keeps, per account: key "m<n>" holds the id of a blob whose bytes are "body <key>" and whose
 * meta is the key. Whole means: keys and live blobs are one to one, whatever failed. */
enum { ROUNDS = 3, CALLS_MAX = 200 };

static int check_message(struct store *store, struct account_id account, struct str key, struct blob_id id,
                         struct err *err)
{
    struct buf out = BUF_INIT, want = BUF_INIT;
    buf_printf(&want, "body " STR_FMT STR_FMT, STR_ARG(key), STR_ARG(key));
    int r = store_blob_read(store, account, id, 0, UINT64_MAX, &out, err);
    if (r == 0)
        r = store_blob_record(store, account, id, BLOB_META, &out, err);
    if (r == 0 && !str_eq(buf_str(&out), buf_str(&want)))
        r = err_set(err, ERR_CORRUPT, "other bytes than were written");
    buf_deinit(&out);
    buf_deinit(&want);
    return r;
}

struct messages {
    struct store *store;
    struct account_id account;
    struct blob_id first;
    size_t keys, blobs;
    char first_key[32];
};

static int see_message(void *ctx, struct str key, struct str value, struct err *err)
{
    struct messages *m = ctx;
    struct blob_id id;
    if (value.n != sizeof id)
        return err_set(err, ERR_CORRUPT, "a value of %zu bytes", value.n);
    memcpy(&id, value.p, sizeof id);
    if (m->keys++ == 0) {
        m->first = id;
        snprintf(m->first_key, sizeof m->first_key, STR_FMT, STR_ARG(key));
    }
    return check_message(m->store, m->account, key, id, err);
}

static int see_blob(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    struct messages *m = ctx;
    (void)id, (void)record, (void)err;
    m->blobs++;
    return 0;
}

static int look(struct store *store, struct account_id account, struct messages *m, struct err *err)
{
    *m = (struct messages){ .store = store, .account = account };
    const struct blob_range all = { .slot = BLOB_META, .first = BLOB_FIRST, .last = BLOB_LAST };
    int r = store_scan(store, account, STR("m"), STR("n"), NULL, see_message, m, err);
    return r < 0 ? r : store_blob_scan(store, account, &all, see_blob, m, err);
}

/* Write one message and commit it, on the version as it stands. */
static int add_message(struct store *store, struct account_id account, unsigned n, struct err *err)
{
    struct batch b = BATCH_INIT;
    struct blob_id id;
    uint64_t version;
    char key[16], body[32];

    snprintf(key, sizeof key, "m%u", n);
    snprintf(body, sizeof body, "body %s", key);
    int r = store_version(store, account, &version, err);
    if (r < 0)
        return r;
    r = store_blob_write(store, account, str_c(body), str_c(key), STR(""), &id, err);
    if (r < 0)
        return r;
    batch_put(&b, str_c(key), str_make(&id, sizeof id));
    batch_add_blob(&b, id);
    r = store_commit(store, account, version, version + 1, &b, err);
    /* Right also when the commit is there and its answer was lost. */
    if (r < 0)
        store_blob_abandon(store, account, id);
    batch_deinit(&b);
    return r;
}

static int remove_first_message(struct store *store, struct account_id account, struct err *err)
{
    struct messages m;
    struct batch b = BATCH_INIT;
    struct buf value = BUF_INIT;
    uint64_t version;

    int r = store_version(store, account, &version, err);
    if (r == 0)
        r = look(store, account, &m, err);
    if (r == 0)
        r = store_get(store, account, str_c(m.first_key), &value, err);
    if (r == 0) {
        batch_delete(&b, str_c(m.first_key));
        batch_drop_blob(&b, m.first);
        r = store_commit(store, account, version, version + 1, &b, err);
    }
    batch_deinit(&b);
    buf_deinit(&value);
    return r;
}

static int see_account(void *ctx, struct account_id account, uint64_t version, struct err *err)
{
    (void)ctx, (void)account, (void)version, (void)err;
    return 0;
}

static void ignore_damage(void *ctx, const char *what, const char *file, uint64_t offset)
{
    (void)ctx, (void)what, (void)file, (void)offset;
}

static void ignore_change(void *ctx, struct account_id account, uint64_t version)
{
    (void)ctx, (void)account, (void)version;
}

/* Every call of the contract that can fail; stops at the first failure.
 * Starts over from whatever is there. */
static int work(struct store *store, struct account_id account, struct err *err)
{
    int r = store_watch(store, ignore_change, NULL, err);
    for (unsigned i = 0; r == 0 && i < ROUNDS; i++)
        r = add_message(store, account, i, err);
    if (r == 0)
        r = remove_first_message(store, account, err);
    if (r == 0)
        r = store_accounts(store, see_account, NULL, err);
    if (r == 0)
        r = store_scrub(store, ignore_damage, NULL, err);
    if (r == 0)
        r = store_drop_account(store, account, err);
    for (unsigned i = 0; r == 0 && i < ROUNDS; i++)
        r = add_message(store, account, i, err);
    return r;
}

/* A message may be replaced by a retry under the same key;
 * then its old blob is dropped by nobody. So start empty. */
static void start_again(struct fixture *f, struct account_id account)
{
    faulty_store_plan(f->store, &(struct faulty_plan){ .ops = FAULTY_ALL });
    assert_ok(f, store_drop_account(f->store, account, &f->err));
}

static void assert_whole(struct fixture *f, struct account_id account)
{
    struct messages m;
    assert_ok(f, look(f->store, account, &m, &f->err));
    assert_int_equal(m.keys, m.blobs);
}

static void break_each_call(struct fixture *f, struct faulty_plan plan)
{
    struct account_id account = account_of(7);

    faulty_store_open(&f->store, &f->store);
    for (plan.nth = 1;; plan.nth++) {
        start_again(f, account);
        faulty_store_plan(f->store, &plan);
        int r = work(f->store, account, &f->err);
        if (faulty_store_count(f->store) < plan.nth) {
            assert_ok(f, r); /* it has no call number n: all were broken once */
            break;
        }
        assert_true(plan.nth < CALLS_MAX);
        assert_row(r == -(int)plan.error && f->err.kind == plan.error, plan.nth, "the error is reported");
        faulty_store_plan(f->store, &(struct faulty_plan){ .ops = FAULTY_ALL });
        assert_whole(f, account);
        start_again(f, account);
        assert_ok(f, work(f->store, account, &f->err));
        assert_whole(f, account);
    }
    assert_true(plan.nth > 30); /* the work is as large as we think */
}

static void test_each_call_fails_once(void **state)
{
    break_each_call(*state, (struct faulty_plan){ .ops = FAULTY_ALL, .error = ERR_IO });
}

static void test_each_answer_is_lost_once(void **state)
{
    break_each_call(*state, (struct faulty_plan){ .ops = FAULTY_ALL, .error = ERR_IO, .when = FAULTY_AFTER });
}

static void test_each_call_and_all_after_it_find_the_disk_full(void **state)
{
    break_each_call(*state, (struct faulty_plan){ .ops = FAULTY_ALL, .error = ERR_FULL, .stay = true });
}

static void test_each_call_and_all_after_it_find_the_engine_away(void **state)
{
    break_each_call(*state,
                    (struct faulty_plan){ .ops = FAULTY_ALL, .error = ERR_UNAVAILABLE, .stay = true });
}

int conformance_run_faults(const struct conformance_target *target)
{
    const struct CMUnitTest tests[] = {
        conformance_test(test_each_call_fails_once),
        conformance_test(test_each_answer_is_lost_once),
        conformance_test(test_each_call_and_all_after_it_find_the_disk_full),
        conformance_test(test_each_call_and_all_after_it_find_the_engine_away),
    };
    return run_group(target, "faults", tests, ARRAY_COUNT(tests));
}
