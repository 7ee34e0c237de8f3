/* Commits in steps. The faulty store writes nothing before somebody pushes: so each test sees what a commit under
 * way leaves open. */
#include "mail/testing_mail.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

struct session {
    struct bench *b;
    struct new_message message;
    struct change change;
    struct pending_commit *commit;
    int wakes;
};

static void wake(void *ctx)
{
    ((struct session *)ctx)->wakes++;
}

/* An APPEND to INBOX. */
static void begin(struct session *s, struct bench *b)
{
    *s = (struct session){ .b = b, .message = message_of(b, "bytes") };
    s->change = append_change(b, "INBOX", &s->message, 1);
    s->commit = account_commit_begin(b->account, &s->change, 1, wake, s);
}

static bool is_done(struct session *s)
{
    return account_commit_is_done(s->commit);
}

static int end(struct session *s)
{
    return account_commit_end(&s->commit, &s->b->err);
}

static uint32_t exists(struct bench *b)
{
    struct snapshot *s = box_snapshot(b, "INBOX");
    uint32_t count = s->exists;
    snapshot_unref(&s);
    return count;
}

/* One that waits. */
static int append(struct bench *b)
{
    struct new_message m = message_of(b, "bytes");
    struct change c = append_change(b, "INBOX", &m, 1);
    return commit_one(b, &c);
}

static uint64_t commits(struct bench *b)
{
    return faulty_store_count(b->store);
}

static void count_commits(struct bench *b)
{
    faulty_store_plan(b->store, &(struct faulty_plan){ .ops = FAULTY_COMMIT });
}

static void test_what_is_not_durable_is_shown_to_nobody(void **state)
{
    struct bench b;
    struct session s;
    (void)state;
    bench_init(&b, NULL);
    begin(&s, &b);
    assert_false(is_done(&s));
    assert_int_equal(exists(&b), 0);
    assert_int_equal(s.wakes, 0);
    store_push(b.store);
    assert_int_equal(exists(&b), 0); /* durable, and not published yet */
    assert_int_equal(s.wakes, 1);
    assert_true(is_done(&s));
    assert_int_equal(exists(&b), 1);
    assert_int_equal(end(&s), 0);
    assert_int_equal(seqset_first(&s.change.uids), 1);
    bench_deinit(&b);
}

static void test_those_that_come_meanwhile_share_the_next_commit(void **state)
{
    struct bench b;
    struct session s[4];
    (void)state;
    bench_init(&b, NULL);
    count_commits(&b);
    begin(&s[0], &b);
    assert_false(is_done(&s[0]));
    for (int i = 1; i < 4; i++) {
        begin(&s[i], &b);
        assert_false(is_done(&s[i]));
    }
    store_push(b.store);
    assert_int_equal(s[0].wakes, 1);
    assert_true(is_done(&s[0])); /* and sets the others going */
    assert_int_equal(exists(&b), 1);
    store_push(b.store);
    assert_int_equal(commits(&b), 2);
    int called = 0;
    for (int i = 1; i < 4; i++)
        called += s[i].wakes;
    assert_int_equal(called, 1); /* one is enough to publish for all */
    assert_true(is_done(&s[3]));
    for (int i = 0; i < 4; i++) {
        assert_true(is_done(&s[i]));
        assert_true(s[i].wakes > 0);
        assert_int_equal(end(&s[i]), 0);
        assert_int_equal(seqset_first(&s[i].change.uids), i + 1);
    }
    bench_deinit(&b);
}

static void test_who_ends_leaves_nobody_behind(void **state)
{
    struct bench b;
    struct session s[2];
    (void)state;
    bench_init(&b, NULL);
    begin(&s[0], &b);
    assert_false(is_done(&s[0]));
    begin(&s[1], &b); /* queued behind it */
    store_push(b.store);
    assert_int_equal(end(&s[0]), 0); /* publishes, sets the next going, and pushes it */
    assert_true(is_done(&s[1]));
    assert_int_equal(end(&s[1]), 0);
    bench_deinit(&b);
}

static void test_who_waits_needs_no_session_to_go_on(void **state)
{
    struct bench b;
    struct session s[2];
    (void)state;
    bench_init(&b, NULL);
    begin(&s[0], &b);
    assert_false(is_done(&s[0])); /* under way, and nobody has pushed */
    begin(&s[1], &b);             /* queued, and nobody has asked */
    assert_int_equal(append(&b), 0);
    assert_int_equal(exists(&b), 3);
    assert_int_equal(end(&s[1]), 0);
    assert_int_equal(end(&s[0]), 0);
    assert_int_equal(seqset_first(&s[0].change.uids), 1);
    bench_deinit(&b);
}

static void test_the_end_waits(void **state)
{
    struct bench b;
    struct session s[2];
    (void)state;
    bench_init(&b, NULL);
    begin(&s[0], &b);
    begin(&s[1], &b);
    assert_int_equal(end(&s[1]), 0);
    assert_int_equal(end(&s[0]), 0);
    assert_int_equal(exists(&b), 2);
    bench_deinit(&b);
}

static void test_a_change_of_nothing_needs_no_disk(void **state)
{
    struct bench b;
    struct session s = { .b = &b };
    (void)state;
    bench_init(&b, NULL);
    count_commits(&b);
    struct seqset none = uids_of(&b, "1:9");
    s.change = (struct change){ .kind = CHANGE_EXPUNGE, .arena = &b.arena };
    s.change.expunge.mailbox_id = box_id(&b, "INBOX");
    s.change.expunge.uids = &none;
    s.commit = account_commit_begin(b.account, &s.change, 1, wake, &s);
    assert_true(is_done(&s));
    assert_int_equal(end(&s), 0);
    assert_int_equal(commits(&b), 0);
    bench_deinit(&b);
}

static void test_a_commit_that_fails_is_told_or_planned_again(void **state)
{
    static const struct {
        enum err_kind error;
        int results[2];
        uint32_t exists;
    } cases[] = {
        { ERR_IO, { -ERR_IO, -ERR_IO }, 0 },
        { ERR_UNAVAILABLE, { -ERR_UNAVAILABLE, -ERR_UNAVAILABLE }, 0 },
        { ERR_FULL, { 0, 0 }, 2 }, /* the one may be too much where the other is not: each has its try */
        { ERR_CONFLICT, { 0, 0 }, 2 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct bench b;
        struct session s[2];
        bench_init(&b, NULL);
        faulty_store_plan(b.store,
                          &(struct faulty_plan){ .ops = FAULTY_COMMIT, .nth = 1, .error = cases[i].error });
        begin(&s[0], &b);
        begin(&s[1], &b);
        assert_false(is_done(&s[0])); /* both are in the group */
        store_push(b.store);
        for (int k = 0; k < 2; k++)
            assert_int_equal(end(&s[k]), cases[i].results[k]);
        assert_int_equal(exists(&b), cases[i].exists);
        assert_int_equal(append(&b), 0); /* and life goes on */
        assert_int_equal(exists(&b), cases[i].exists + 1);
        for (int k = 0; k < 2; k++)
            if (cases[i].results[k] < 0)
                store_blob_abandon(b.store, account_id(b.account), s[k].message.blob);
        bench_deinit(&b);
    }
}

struct folder {
    struct bench *b;
    pthread_t thread;
    atomic_bool stop;
    int folds;
};

static void *fold_again_and_again(void *ctx)
{
    struct folder *f = ctx;
    struct err err;
    for (; f->folds == 0 || !atomic_load(&f->stop); f->folds++)
        assert_int_equal(account_fold(f->b->account, &err), 0);
    return NULL;
}

/* The thread that folds is all who may be called for it: sessions only ever ask. */
static void test_sessions_go_on_while_a_thread_folds(void **state)
{
    struct bench b;
    struct session s[3];
    struct folder f = { .b = &b };
    (void)state;
    bench_init(&b, NULL);
    assert_int_equal(pthread_create(&f.thread, NULL, fold_again_and_again, &f), 0);
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 3; i++)
            begin(&s[i], &b);
        for (int i = 0; i < 3; i++) {
            while (!is_done(&s[i])) {
                store_push(b.store);
                sched_yield();
            }
            assert_int_equal(end(&s[i]), 0);
        }
    }
    atomic_store(&f.stop, true);
    assert_int_equal(pthread_join(f.thread, NULL), 0);
    assert_int_equal(exists(&b), 300);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_durable_is_shown_to_nobody),
        cmocka_unit_test(test_those_that_come_meanwhile_share_the_next_commit),
        cmocka_unit_test(test_who_waits_needs_no_session_to_go_on),
        cmocka_unit_test(test_the_end_waits),
        cmocka_unit_test(test_who_ends_leaves_nobody_behind),
        cmocka_unit_test(test_a_change_of_nothing_needs_no_disk),
        cmocka_unit_test(test_sessions_go_on_while_a_thread_folds),
        cmocka_unit_test(test_a_commit_that_fails_is_told_or_planned_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
