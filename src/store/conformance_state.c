/* State: versions, conflicts, batches, scans. */
#include "store/conformance_impl.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static const struct account_id anna = { 7 }, bert = { 8 };

static int count_pair(void *ctx, struct str key, struct str value, struct err *err)
{
    (void)key, (void)value, (void)err;
    ++*(size_t *)ctx;
    return 0;
}

static int count_account(void *ctx, struct account_id account, uint64_t version, struct err *err)
{
    (void)account, (void)version, (void)err;
    ++*(size_t *)ctx;
    return 0;
}

static void test_an_account_never_committed_to_is_empty(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT;
    uint64_t version = 99;
    size_t count = 0;

    assert_int_equal(version_of(f, anna), 0);
    assert_ok(f, store_scan(f->store, anna, STR(""), STR_NIL, &version, count_pair, &count, &f->err));
    assert_int_equal(version, 0);
    assert_error(f, ERR_NOT_FOUND, store_get(f->store, anna, STR("k"), &out, &f->err));
    assert_false(is_readable(f, anna, (struct blob_id){ 1 }));
    assert_false(is_live(f, anna, (struct blob_id){ 1 }));
    assert_ok(f, store_accounts(f->store, count_account, &count, &f->err));
    assert_ok(f, store_drop_account(f->store, anna, &f->err));
    assert_int_equal(count, 0);
    buf_deinit(&out);
}

static void test_a_commit_sets_version_and_state(void **state)
{
    struct fixture *f = *state;
    struct batch b = BATCH_INIT;
    struct buf out = BUF_INIT;

    batch_put(&b, STR("name"), STR("anna"));
    batch_put(&b, STR("empty"), STR(""));
    assert_ok(f, store_commit(f->store, anna, 0, 41, &b, &f->err)); /* versions may skip */
    assert_int_equal(version_of(f, anna), 41);
    buf_add_lit(&out, "<");
    assert_ok(f, store_get(f->store, anna, STR("name"), &out, &f->err));
    assert_ok(f, store_get(f->store, anna, STR("empty"), &out, &f->err));
    assert_str(buf_str(&out), "<anna");
    assert_error(f, ERR_NOT_FOUND, store_get(f->store, anna, STR("nam"), &out, &f->err));
    assert_error(f, ERR_NOT_FOUND, store_get(f->store, anna, STR("name "), &out, &f->err));
    assert_str(buf_str(&out), "<anna");

    batch_clear(&b);
    /* Nothing but the version. */
    assert_ok(f, store_commit(f->store, anna, 41, STORE_VERSION_MAX, &b, &f->err));
    assert_int_equal(version_of(f, anna), STORE_VERSION_MAX);
    assert_state(f, anna, "empty=;name=anna;");
    batch_deinit(&b);
    buf_deinit(&out);
}

static void test_a_conflict_writes_nothing(void **state)
{
    struct fixture *f = *state;
    static const uint64_t wrong[] = { 0, 1, 4, 6, UINT32_MAX };
    struct batch start = BATCH_INIT, b = BATCH_INIT;
    struct blob_id live = write_live(f, anna, STR("live"), STR(""), STR(""));
    struct blob_id pending = write_pending(f, anna, STR("pending"), STR(""), STR(""));

    batch_put(&start, STR("k"), STR("old"));
    assert_ok(f, store_commit(f->store, anna, 1, 5, &start, &f->err));
    batch_put(&b, STR("k"), STR("new"));
    batch_delete_range(&b, STR("a"), STR_NIL);
    batch_add_blob(&b, pending);
    batch_drop_blob(&b, live);
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        assert_error(f, ERR_CONFLICT, store_commit(f->store, anna, wrong[i], wrong[i] + 100, &b, &f->err));
        assert_int_equal(version_of(f, anna), 5);
        assert_state(f, anna, "k=old;");
        assert_true(is_live(f, anna, live) && !is_live(f, anna, pending) && is_readable(f, anna, pending));
    }
    /* The same batch, once it is planned right. */
    assert_ok(f, store_commit(f->store, anna, 5, 6, &b, &f->err));
    assert_true(!is_live(f, anna, live) && is_live(f, anna, pending));

    /* Who lost a race often names blobs that the winner dropped: that is a conflict, not a missing blob. */
    assert_error(f, ERR_CONFLICT, store_commit(f->store, anna, 5, 7, &b, &f->err));
    batch_deinit(&start);
    batch_deinit(&b);
}

static void test_operations_of_a_batch_apply_in_order(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *before, *script, *after;
    } cases[] = {
        { "", "+a=1 +a=2", "a=2;" },
        { "", "+a=1 -a", "" },
        { "", "-a +a=1", "a=1;" },
        { "+a=0", "-a +a=1 -a", "" },
        { "+a=0 +b=0 +c=0", "a..c", "c=0;" },
        { "+a=0 +b=0 +c=0", "a..c +b=1", "b=1;c=0;" },
        { "+a=0 +b=0 +c=0", "+b=1 a..c", "c=0;" },
        { "+a=0 +b=0 +c=0", "+b=1 a..c +b=2 +ab=3", "ab=3;b=2;c=0;" },
        { "+a=0 +b=0 +c=0", "+b=1 a..b b..c +a=4", "a=4;c=0;" },
        { "+a=0 +b=0 +c=0", "b..", "a=0;" },
        { "+a=0 +b=0 +c=0", ".. +z=1", "z=1;" },
        { "+a=0 +b=0 +c=0", "..b", "b=0;c=0;" },
        { "+a=0 +aa=0 +ab=0 +b=0", "aa..b", "a=0;b=0;" },
        { "+a=0 +b=0", "c..a b..b", "a=0;b=0;" },
        { "", "-nothing x..y", "" },
        { "+a=0", "+b=1 ..b", "b=1;" },
        { "+a=0 +b=0 +c=0 +d=0", "b..c c..d +c=1 a..b", "c=1;d=0;" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct account_id account = account_of(100 + i);
        struct batch b = BATCH_INIT;
        add_script(&b, cases[i].before);
        commit(f, account, &b);
        batch_clear(&b);
        add_script(&b, cases[i].script);
        commit(f, account, &b);
        print_message("%s | %s\n", cases[i].before, cases[i].script);
        assert_state(f, account, cases[i].after);
        batch_deinit(&b);
    }
}

/* Keys in the order of their bytes: NUL and 0xff count, and what is shorter comes first. */
static const struct str ordered[] = {
    STR_INIT("\0"),
    STR_INIT("\0\0"),
    STR_INIT("\0\xff"),
    STR_INIT("\x01"),
    STR_INIT("L/"),
    STR_INIT("L/\0"),
    STR_INIT("L/1"),
    STR_INIT("L/10"),
    STR_INIT("L/9"),
    STR_INIT("L0"),
    STR_INIT("l"),
    STR_INIT("\x7f"),
    STR_INIT("\x80"),
    STR_INIT("\xc3"
             "a"),
    STR_INIT("\xff"),
    STR_INIT("\xff\0"),
    STR_INIT("\xff\xff"),
};

struct expect_keys {
    size_t next, end; /* of `ordered` */
};

static int expect_key(void *ctx, struct str key, struct str value, struct err *err)
{
    struct expect_keys *e = ctx;
    if (e->next >= e->end || !str_eq(key, ordered[e->next]) || !str_eq(value, key))
        return err_set(err, ERR_INVALID, "key %zu is not the expected one", e->next);
    e->next++;
    return 0;
}

static void test_scan_gives_keys_in_order_within_bounds(void **state)
{
    struct fixture *f = *state;
    const size_t n = ARRAY_COUNT(ordered);
    struct batch b = BATCH_INIT;

    for (size_t i = 0; i < n; i++) /* every 5th, so in no order; 5 and 17 have no common divisor */
        batch_put(&b, ordered[i * 5 % n], ordered[i * 5 % n]);
    commit(f, anna, &b);
    put(f, account_of(6), STR("before"), STR("another's"));
    put(f, bert, STR("after"), STR("another's"));
    for (size_t from = 0; from <= n; from++) {
        for (size_t to = 0; to <= n; to++) {
            struct expect_keys e = { from, to > from ? to : from };
            struct str first = from < n ? ordered[from] : STR("\xff\xff\0");
            struct str end = to < n ? ordered[to] : STR_NIL;
            uint64_t version = 0;
            assert_ok(f, store_scan(f->store, anna, first, end, &version, expect_key, &e, &f->err));
            assert_row(e.next == e.end, from * 100 + to, "count of keys");
            assert_int_equal(version, 1);
        }
    }
    struct expect_keys all = { 0, n };
    assert_ok(f, store_scan(f->store, anna, STR_NIL, STR_NIL, NULL, expect_key, &all, &f->err));
    assert_int_equal(all.next, n);
    batch_deinit(&b);
}

struct stop_at {
    size_t seen, stop;
    int result;
};

static int stop_pair(void *ctx, struct str key, struct str value, struct err *err)
{
    struct stop_at *s = ctx;
    (void)key, (void)value;
    if (++s->seen < s->stop)
        return 0;
    return s->result < 0 ? err_set(err, (enum err_kind)(-s->result), "enough") : s->result;
}

static void test_a_callback_can_stop_and_fail_a_scan(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int callback, scan;
    } cases[] = { { 1, 0 }, { -ERR_INVALID, -ERR_INVALID }, { -ERR_AGAIN, -ERR_AGAIN } };

    struct batch b = BATCH_INIT;
    add_script(&b, "+a=1 +b=2 +c=3");
    commit(f, anna, &b);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct stop_at s = { 0, 2, cases[i].callback };
        int r = store_scan(f->store, anna, STR(""), STR_NIL, NULL, stop_pair, &s, &f->err);
        assert_row(r == cases[i].scan && s.seen == 2, i, "scan");
    }
    batch_deinit(&b);
}

/* Writes while it is called back: allowed, and not seen by the scan that runs. */
static int write_meanwhile(void *ctx, struct str key, struct str value, struct err *err)
{
    struct fixture *f = ctx;
    struct batch b = BATCH_INIT;
    uint64_t version;
    (void)value;

    int r = store_version(f->store, anna, &version, err);
    batch_put(&b, STR("b"), STR("changed"));
    batch_put(&b, STR("z"), STR("new"));
    if (r == 0 && str_eq(key, STR("a")))
        r = store_commit(f->store, anna, version, version + 1, &b, err);
    if (r == 0 && (str_eq(value, STR("changed")) || str_eq(key, STR("z"))))
        r = err_set(err, ERR_INVALID, "the scan sees a later version");
    batch_deinit(&b);
    return r;
}

static void test_a_scan_does_not_see_what_its_callback_writes(void **state)
{
    struct fixture *f = *state;
    uint64_t version = 0;
    struct batch b = BATCH_INIT;

    add_script(&b, "+a=1 +b=2 +c=3");
    commit(f, anna, &b);
    assert_ok(f, store_scan(f->store, anna, STR(""), STR_NIL, &version, write_meanwhile, f, &f->err));
    assert_int_equal(version, 1);
    assert_state(f, anna, "a=1;b=changed;c=3;z=new;");
    batch_deinit(&b);
}

static void test_keys_and_values_of_the_largest_size_come_back(void **state)
{
    struct fixture *f = *state;
    static const size_t value_bytes[] = {
        0, 1, 4095, 65536, STORE_VALUE_BYTES_MAX - 1, STORE_VALUE_BYTES_MAX
    };
    char *big = malloc(STORE_VALUE_BYTES_MAX + 1), key[STORE_KEY_BYTES_MAX + 1];
    struct buf out = BUF_INIT;
    struct batch b = BATCH_INIT;

    assert_non_null(big);
    fill_noise(big, STORE_VALUE_BYTES_MAX + 1, 1);
    memset(key, 'k', sizeof key);
    for (size_t i = 0; i < ARRAY_COUNT(value_bytes); i++) {
        struct str value = str_make(big, value_bytes[i]);
        struct str k = str_make(key, STORE_KEY_BYTES_MAX - (i & 1));
        put(f, anna, k, value);
        buf_clear(&out);
        assert_ok(f, store_get(f->store, anna, k, &out, &f->err));
        assert_row(str_eq(buf_str(&out), value), i, "value");
    }
    uint64_t version = version_of(f, anna);
    batch_put(&b, STR("small"), STR("x"));
    batch_put(&b, str_make(key, sizeof key), STR("x"));
    assert_error(f, ERR_LIMIT, store_commit(f->store, anna, version, version + 1, &b, &f->err));
    batch_clear(&b);
    batch_put(&b, STR("small"), STR("x"));
    batch_put(&b, STR("big"), str_make(big, STORE_VALUE_BYTES_MAX + 1));
    assert_error(f, ERR_LIMIT, store_commit(f->store, anna, version, version + 1, &b, &f->err));
    assert_error(f, ERR_NOT_FOUND, store_get(f->store, anna, STR("small"), &out, &f->err));
    assert_int_equal(version_of(f, anna), version);
    batch_deinit(&b);
    buf_deinit(&out);
    free(big);
}

static void test_a_batch_of_the_largest_size_is_committed(void **state)
{
    struct fixture *f = *state;
    const size_t part = STORE_VALUE_BYTES_MAX - 64;
    char *big = malloc(part);
    struct batch b = BATCH_INIT;
    struct buf out = BUF_INIT;

    assert_non_null(big);
    fill_noise(big, part, 2);
    for (char i = '0'; i < '4'; i++)
        batch_put(&b, str_make(&i, 1), str_make(big, part));
    batch_put(&b, STR("rest"), str_make(big, STORE_BATCH_BYTES_MAX - b.ops.n - 8));
    assert_true(b.ops.n <= STORE_BATCH_BYTES_MAX && b.ops.n > STORE_BATCH_BYTES_MAX - 8);
    commit(f, anna, &b);
    assert_ok(f, store_get(f->store, anna, STR("3"), &out, &f->err));
    assert_true(str_eq(buf_str(&out), str_make(big, part)));
    batch_put(&b, STR("one more"), STR("12345678"));
    assert_error(f, ERR_LIMIT, store_commit(f->store, anna, 1, 2, &b, &f->err));
    buf_deinit(&out);
    batch_deinit(&b);
    free(big);
}

struct started {
    struct store_commit commit; /* first */
    struct batch batch;
    atomic_bool done;
};

static void note_done(struct store_commit *commit)
{
    atomic_store(&((struct started *)commit)->done, true);
}

static void start(struct fixture *f, struct started *s, struct account_id account, uint64_t expected_version,
                  const char *script)
{
    s->commit = (struct store_commit){ .done = note_done };
    s->batch = BATCH_INIT;
    atomic_init(&s->done, false);
    add_script(&s->batch, script);
    store_commit_start(f->store, account, expected_version, expected_version + 1, &s->batch, &s->commit);
}

static int finish(struct fixture *f, struct started *s)
{
    while (!atomic_load(&s->done))
        usleep(100);
    batch_deinit(&s->batch);
    f->err = s->commit.err;
    return s->commit.result;
}

static void test_commits_that_were_started_are_there_when_pushed(void **state)
{
    struct fixture *f = *state;
    struct started first, second, other, late, wrong;

    store_push(f->store); /* nothing */
    start(f, &first, anna, 0, "+a=1 +b=1");
    start(f, &second, anna, 1, "+b=2"); /* on what is not there yet */
    start(f, &other, bert, 0, "+c=3");
    start(f, &late, anna, 1, "+b=no"); /* the second was before it */
    start(f, &wrong, anna, STORE_VERSION_MAX, "+b=no");
    store_push(f->store);
    assert_ok(f, finish(f, &first));
    assert_ok(f, finish(f, &second));
    assert_ok(f, finish(f, &other));
    assert_error(f, ERR_CONFLICT, finish(f, &late));
    assert_error(f, ERR_INVALID, finish(f, &wrong));
    assert_int_equal(version_of(f, anna), 2);
    assert_state(f, anna, "a=1;b=2;");
    assert_state(f, bert, "c=3;");
    start(f, &first, anna, 2, "-a"); /* a lone one */
    store_push(f->store);
    assert_ok(f, finish(f, &first));
    assert_state(f, anna, "b=2;");
}

int conformance_run_state(const struct conformance_target *target)
{
    const struct CMUnitTest tests[] = {
        conformance_test(test_an_account_never_committed_to_is_empty),
        conformance_test(test_a_commit_sets_version_and_state),
        conformance_test(test_a_conflict_writes_nothing),
        conformance_test(test_operations_of_a_batch_apply_in_order),
        conformance_test(test_scan_gives_keys_in_order_within_bounds),
        conformance_test(test_a_callback_can_stop_and_fail_a_scan),
        conformance_test(test_a_scan_does_not_see_what_its_callback_writes),
        conformance_test(test_keys_and_values_of_the_largest_size_come_back),
        conformance_test(test_a_batch_of_the_largest_size_is_committed),
        conformance_test(test_commits_that_were_started_are_there_when_pushed),
    };
    return run_group(target, "state", tests, ARRAY_COUNT(tests));
}
