/* Accounts beside each other, watchers, restart, figures. */
#include "store/conformance_impl.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

static const struct account_id anna = { 7 };

static int count_account(void *ctx, struct account_id account, uint64_t version, struct err *err)
{
    (void)account, (void)version, (void)err;
    ++*(size_t *)ctx;
    return 0;
}

/* Neighbours, the least and the greatest, and some whose bytes sort otherwise than their numbers. */
static const uint64_t account_ids[] = {
    0, 1, 2, 254, 255, 256, 257, UINT32_MAX, UINT64_C(1) << 32, UINT64_MAX - 1, UINT64_MAX
};

struct expect_accounts {
    size_t next;
    bool wrong;
};

static int expect_account(void *ctx, struct account_id account, uint64_t version, struct err *err)
{
    struct expect_accounts *e = ctx;
    (void)err;
    e->wrong |= e->next >= ARRAY_COUNT(account_ids) || account.n != account_ids[e->next] ||
                version != e->next + 1;
    e->next++;
    return 0;
}

static int first_account(void *ctx, struct account_id account, uint64_t version, struct err *err)
{
    (void)account, (void)version, (void)err;
    ++*(size_t *)ctx;
    return 1;
}

static void test_accounts_are_listed_in_order_of_id(void **state)
{
    struct fixture *f = *state;
    const size_t n = ARRAY_COUNT(account_ids);
    struct batch b = BATCH_INIT;
    struct expect_accounts e = { 0, false };
    size_t count = 0;

    batch_put(&b, STR("k"), STR("v"));
    for (size_t i = 0; i < n; i++) {
        size_t k = i * 7 % n;
        assert_ok(f, store_commit(f->store, account_of(account_ids[k]), 0, k + 1, &b, &f->err));
    }
    assert_ok(f, store_accounts(f->store, expect_account, &e, &f->err));
    assert_true(e.next == n && !e.wrong);
    assert_ok(f, store_accounts(f->store, first_account, &count, &f->err));
    assert_int_equal(count, 1);
    batch_deinit(&b);
}

/* What is done to one account is not done to its neighbours. */
static void test_accounts_do_not_touch_each_other(void **state)
{
    struct fixture *f = *state;
    const size_t n = ARRAY_COUNT(account_ids);
    struct blob_id blob[ARRAY_COUNT(account_ids)];
    struct batch wipe = BATCH_INIT;

    batch_delete_range(&wipe, STR(""), STR_NIL);
    for (size_t i = 0; i < n; i++) {
        struct account_id account = account_of(account_ids[i]);
        struct batch b = BATCH_INIT;
        add_script(&b, "+a=1 +b=2");
        blob[i] = write_live(f, account, STR("body"), STR("meta"), STR("header"));
        commit(f, account, &b);
        batch_deinit(&b);
    }
    for (size_t i = 0; i < n; i++) {
        struct account_id account = account_of(account_ids[i]);
        commit(f, account, &wipe);
        assert_state(f, account, "");
        assert_true(is_live(f, account, blob[i]));
        assert_ok(f, store_drop_account(f->store, account, &f->err));
        assert_false(is_live(f, account, blob[i]) || is_readable(f, account, blob[i]));
        assert_int_equal(version_of(f, account), 0);
        if (i + 1 < n) {
            struct account_id next = account_of(account_ids[i + 1]);
            assert_false(is_readable(f, account, blob[i + 1]));
            assert_true(is_live(f, next, blob[i + 1]) && is_readable(f, next, blob[i + 1]));
            assert_state(f, next, "a=1;b=2;");
        }
    }
    batch_deinit(&wipe);
}

static void test_a_dropped_account_starts_again_at_zero(void **state)
{
    struct fixture *f = *state;
    struct batch b = BATCH_INIT;
    struct blob_id live = write_live(f, anna, STR("live"), STR(""), STR(""));
    struct blob_id pending = write_pending(f, anna, STR("pending"), STR(""), STR(""));
    size_t count = 0;

    put(f, anna, STR("old"), STR("1"));
    assert_ok(f, store_drop_account(f->store, anna, &f->err));
    assert_ok(f, store_accounts(f->store, count_account, &count, &f->err));
    assert_int_equal(count, 0);
    assert_false(is_readable(f, anna, live) || is_readable(f, anna, pending));
    batch_add_blob(&b, pending);
    assert_error(f, ERR_CONFLICT, store_commit(f->store, anna, 2, 3, &b, &f->err));
    assert_error(f, ERR_NOT_FOUND, store_commit(f->store, anna, 0, 1, &b, &f->err));
    put(f, anna, STR("new"), STR("2"));
    assert_state(f, anna, "new=2;");
    assert_true(write_live(f, anna, STR("x"), STR(""), STR("")).n > pending.n);
    batch_deinit(&b);
    if (restart(f))
        assert_state(f, anna, "new=2;");
}

static void test_the_index_of_an_account_goes_with_it(void **state)
{
    struct fixture *f = *state;
    struct account_id index = account_id_of_index(anna), other = account_id_of_index(account_of(anna.n + 1));
    struct blob_id blob = write_live(f, index, STR("segment"), STR(""), STR(""));

    put(f, anna, STR("a"), STR("1"));
    put(f, other, STR("a"), STR("1"));
    assert_true(is_live(f, index, blob));
    assert_ok(f, store_drop_account(f->store, anna, &f->err));
    assert_false(is_live(f, index, blob) || is_readable(f, index, blob));
    assert_int_equal(version_of(f, index), 0);
    put(f, anna, STR("a"), STR("1"));
    put(f, index, STR("a"), STR("1"));
    assert_ok(f, store_drop_account(f->store, index, &f->err));
    assert_state(f, anna, "a=1;");
    assert_state(f, other, "a=1;");
}

/* ---- watchers ---- */

struct watcher {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct store *store;
    uint64_t told[3]; /* last version told of accounts 0 to 2 */
    size_t calls, wrong;
};

static void on_change(void *ctx, struct account_id account, uint64_t version)
{
    struct watcher *w = ctx;
    uint64_t stored = 0;
    int r = store_version(w->store, account, &stored, NULL); /* reading is allowed here */

    pthread_mutex_lock(&w->lock);
    w->calls++;
    w->wrong += r != 0 || account.n >= 3;
    if (account.n < 3)
        w->told[account.n] = version;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static bool wait_told(struct watcher *w, uint64_t account, uint64_t version)
{
    struct timespec end;
    int r = 0;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 10;
    pthread_mutex_lock(&w->lock);
    while (r == 0 && w->told[account] != version)
        r = pthread_cond_timedwait(&w->changed, &w->lock, &end);
    bool told = w->told[account] == version;
    pthread_mutex_unlock(&w->lock);
    return told;
}

#define WATCHER_INIT(s)                                                                                      \
    {                                                                                                        \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, (s), { 0 }, 0, 0                                \
    }

static void test_watchers_hear_of_every_account(void **state)
{
    struct fixture *f = *state;
    struct watcher first = WATCHER_INIT(f->store), w = WATCHER_INIT(f->store);
    struct batch b = BATCH_INIT;

    assert_ok(f, store_watch(f->store, on_change, &first, &f->err));
    assert_ok(f, store_watch(f->store, on_change, &w, &f->err)); /* replaces the first */
    for (uint64_t version = 1; version <= 20; version++)
        for (uint64_t i = 0; i < 3; i++)
            assert_ok(f, store_commit(f->store, account_of(i), version - 1, version, &b, &f->err));
    for (uint64_t i = 0; i < 3; i++)
        assert_true(wait_told(&w, i, 20));
    assert_error(f, ERR_CONFLICT, store_commit(f->store, account_of(1), 7, 8, &b, &f->err));
    assert_ok(f, store_drop_account(f->store, account_of(1), &f->err));
    assert_true(wait_told(&w, 1, 0));

    assert_ok(f, store_watch(f->store, NULL, NULL, &f->err));
    size_t calls = w.calls; /* from here on nobody calls */
    assert_ok(f, store_commit(f->store, account_of(2), 20, 21, &b, &f->err));
    assert_int_equal(version_of(f, account_of(2)), 21);
    assert_int_equal(w.calls, calls);
    assert_int_equal(w.wrong + first.calls, 0);
    batch_deinit(&b);
}

static void test_watchers_hear_of_commits_of_other_instances(void **state)
{
    struct fixture *f = *state;
    struct store *other;
    struct batch b = BATCH_INIT;

    if (!f->target->shares)
        return;
    assert_ok(f, f->target->open_again(f->target->ctx, &other, &f->err));
    struct watcher here = WATCHER_INIT(f->store), there = WATCHER_INIT(other);
    assert_ok(f, store_watch(f->store, on_change, &here, &f->err));
    assert_ok(f, store_watch(other, on_change, &there, &f->err));
    assert_ok(f, store_commit(f->store, account_of(1), 0, 5, &b, &f->err));
    assert_true(wait_told(&here, 1, 5) && wait_told(&there, 1, 5));
    assert_ok(f, store_commit(other, account_of(1), 5, 6, &b, &f->err));
    assert_true(wait_told(&here, 1, 6) && wait_told(&there, 1, 6));
    store_close(&other);
    assert_ok(f, store_commit(f->store, account_of(1), 6, 7, &b, &f->err));
    assert_true(wait_told(&here, 1, 7));
    assert_ok(f, store_watch(f->store, NULL, NULL, &f->err));
    batch_deinit(&b);
}

/* ---- restart, scrub, figures ---- */

static void count_damage(void *ctx, const char *what, const char *file, uint64_t offset)
{
    print_error("damage: %s in %s at %llu\n", what, file, (unsigned long long)offset);
    ++*(size_t *)ctx;
}

static void test_a_restart_keeps_all_that_was_committed_and_nothing_pending(void **state)
{
    struct fixture *f = *state;
    struct batch b = BATCH_INIT;
    struct buf out = BUF_INIT;
    struct ids ids;
    struct blob_id live = write_live(f, anna, STR("bytes"), STR("meta"), STR("header"));
    struct blob_id dropped = write_live(f, anna, STR("dropped"), STR(""), STR(""));
    struct blob_id pending = write_pending(f, anna, STR("pending"), STR(""), STR(""));

    add_script(&b, "+a=1 +b=2 +c=3");
    commit(f, anna, &b);
    batch_clear(&b);
    add_script(&b, "a..c +d=4");
    batch_drop_blob(&b, dropped);
    commit(f, anna, &b);
    for (int round = 0; round < 3 && restart(f); round++) {
        size_t damage = 0;
        assert_int_equal(version_of(f, anna), 4 + round);
        assert_state(f, anna, "c=3;d=4;");
        scan_ids(f, anna, BLOB_FIRST, BLOB_LAST, &ids);
        assert_true(ids.n == 1 && ids.id[0].n == live.n);
        assert_false(is_readable(f, anna, pending) || is_readable(f, anna, dropped));
        buf_clear(&out);
        assert_ok(f, store_blob_read(f->store, anna, live, 0, 99, &out, &f->err));
        assert_ok(f, store_blob_record(f->store, anna, live, BLOB_META, &out, &f->err));
        assert_ok(f, store_blob_record(f->store, anna, live, BLOB_HEADER, &out, &f->err));
        assert_str(buf_str(&out), "bytesmetaheader");
        assert_ok(f, store_scrub(f->store, count_damage, &damage, &f->err));
        assert_int_equal(damage, 0);

        struct blob_id next = write_pending(f, anna, STR("next"), STR(""), STR(""));
        assert_true(next.n > pending.n);
        pending = next;
        batch_clear(&b);
        commit(f, anna, &b);
    }
    buf_deinit(&out);
    batch_deinit(&b);
}

static void test_a_healthy_store_scrubs_clean_and_counts_what_it_holds(void **state)
{
    struct fixture *f = *state;
    enum { BLOB_BYTES = 100 * 1000, BLOBS = 9 };
    char *text = malloc(BLOB_BYTES);
    struct store_stats stats, before;
    struct batch b = BATCH_INIT;
    size_t damage = 0;

    assert_non_null(text);
    store_stats(f->store, &before);
    assert_false(before.failed);
    for (uint64_t i = 0; i < BLOBS; i++) {
        fill_text(text, BLOB_BYTES, i);
        struct blob_id id = write_live(f, anna, str_make(text, BLOB_BYTES), STR("meta"), STR("header"));
        if (i % 3 == 0)
            batch_drop_blob(&b, id);
    }
    commit(f, anna, &b);
    store_stats(f->store, &stats);
    assert_int_equal(stats.commit_count - before.commit_count, BLOBS + 1);
    assert_true(stats.group_count >= 1 && stats.group_count <= stats.commit_count);
    assert_int_equal(stats.blob_bytes_raw, BLOB_BYTES * 6);
    assert_true(stats.blob_bytes_stored > 0 && stats.blob_bytes_stored <= BLOB_BYTES * 6 + 6 * 4096);
    assert_false(stats.failed);
    assert_ok(f, store_scrub(f->store, count_damage, &damage, &f->err));
    assert_int_equal(damage, 0);
    batch_deinit(&b);
    free(text);
}

int conformance_run_accounts(const struct conformance_target *target)
{
    const struct CMUnitTest tests[] = {
        conformance_test(test_accounts_are_listed_in_order_of_id),
        conformance_test(test_accounts_do_not_touch_each_other),
        conformance_test(test_a_dropped_account_starts_again_at_zero),
        conformance_test(test_the_index_of_an_account_goes_with_it),
        conformance_test(test_watchers_hear_of_every_account),
        conformance_test(test_watchers_hear_of_commits_of_other_instances),
        conformance_test(test_a_restart_keeps_all_that_was_committed_and_nothing_pending),
        conformance_test(test_a_healthy_store_scrubs_clean_and_counts_what_it_holds),
    };
    return run_group(target, "accounts", tests, ARRAY_COUNT(tests));
}
