/* Several threads on one account, in one instance and in two over one world: every acknowledged change is
 * there exactly once, and both ends see the same. */
#include "mail/annotation.h"
#include "mail/testing_mail.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 60 };

struct worker {
    struct bench b; /* shares store, mail and account with its instance */
    pthread_t thread;
    int number, rounds;
    uint32_t inbox_uids[ROUNDS], appended; /* acknowledged */
    uint64_t expunged, moved;
    char name[32];
};

static void must(int r, const struct bench *b)
{
    if (r < 0) {
        fprintf(stderr, "race: %s\n", b->err.text);
        abort();
    }
}

/* Not cmocka's asserts: it jumps, and only its own thread may. */
static void check(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "race: %s\n", what);
        abort();
    }
}

static uint32_t append(struct worker *w, const char *mailbox)
{
    struct new_message m = message_of(&w->b, "race");
    struct change c = append_change(&w->b, mailbox, &m, 1);
    c.arena = &w->b.arena;
    must(account_commit(w->b.account, &c, 1, &w->b.err), &w->b);
    check(seqset_count(&c.uids) == 1, "one uid");
    return seqset_first(&c.uids);
}

static struct seqset one(struct worker *w, uint32_t uid)
{
    struct seqset set;
    seqset_init(&set, &w->b.arena);
    seqset_add(&set, uid);
    return set;
}

static uint64_t inbox_id(struct worker *w)
{
    struct mailbox *box;
    must(account_mailbox(w->b.account, STR("INBOX"), &box, &w->b.err), &w->b);
    uint64_t id = mailbox_id(box);
    mailbox_unref(&box);
    return id;
}

static void no_wake(void *ctx)
{
    (void)ctx;
}

/* Now and then in steps, as sessions do. */
static void commit(struct worker *w, struct change *c)
{
    c->arena = &w->b.arena;
    if (c->kind == CHANGE_STORE) {
        struct pending_commit *commit = account_commit_begin(w->b.account, c, 1, no_wake, NULL);
        while (!account_commit_is_done(commit) && w->number % 2)
            store_push(w->b.store);
        store_push(w->b.store); /* asking may have set others going */
        must(account_commit_end(&commit, &w->b.err), &w->b);
        return;
    }
    must(account_commit(w->b.account, c, 1, &w->b.err), &w->b);
}

/* A value of one's own; what others changed is read meanwhile. */
static void annotate(struct worker *w, int i, uint64_t id)
{
    struct annotation_change *changes;
    size_t count;
    uint64_t since = account_annotation_modseq(w->b.account);
    struct annotation item = { .entry = arena_printf(&w->b.arena, "/race/%d", w->number),
                               .value = arena_printf(&w->b.arena, "%*d", i % 7 + 1, i) };
    struct change c = { .kind = CHANGE_ANNOTATE, .annotate = { id, &item, 1 } };
    commit(w, &c);
    check(c.modseq > 0, "annotation changed");
    bool found = !account_annotation_changes(w->b.account, since, &w->b.arena, &changes, &count);
    for (size_t k = 0; k < count; k++)
        found = found || (changes[k].modseq == c.modseq && str_eq(changes[k].entry, item.entry));
    check(found, "one's own change is told");
    check(account_annotation_modseq(w->b.account) >= c.modseq, "the last change is this or later");
}

/* One message in, flagged; every third is moved, every fifth expunged;
 * now and then a mailbox is made and renamed. */
static void one_round(struct worker *w, int i, uint64_t id)
{
    uint32_t uid = append(w, "INBOX");
    struct seqset set = one(w, uid);
    struct change flag = { .kind = CHANGE_STORE,
                           .store = {
                               .mailbox_id = id, .uids = &set, .mode = STORE_ADD, .flags = FLAG_SEEN } };
    commit(w, &flag);
    check(seqset_count(&flag.uids) == 1, "flag changed once");
    if (i % 3 == 0) {
        struct change move = { .kind = CHANGE_COPY,
                               .copy = {
                                   .mailbox_id = id, .uids = &set, .target = STR("Archive"), .move = true } };
        commit(w, &move);
        check(seqset_count(&move.uids) == 1, "moved once");
        w->moved++;
    } else if (i % 5 == 0) {
        struct change expunge = { .kind = CHANGE_EXPUNGE, .expunge = { .mailbox_id = id, .uids = &set } };
        commit(w, &expunge);
        check(seqset_count(&expunge.uids) == 1, "expunged once");
        w->expunged++;
    } else {
        w->inbox_uids[w->appended++] = uid;
    }
    if (i % 4 == 0)
        annotate(w, i, id);
    if (i % 10 == 0) {
        char from[32];
        snprintf(from, sizeof from, "%s", w->name);
        snprintf(w->name, sizeof w->name, "box-%d-%d", w->number, i);
        struct change create = { .kind = CHANGE_CREATE, .create = { .name = str_c(w->name) } };
        struct change rename = { .kind = CHANGE_RENAME, .rename = { str_c(from), str_c(w->name) } };
        commit(w, from[0] ? &rename : &create);
    }
    if (i % 17 == 0)
        must(account_fold(w->b.account, &w->b.err), &w->b);
}

static void *work(void *ctx)
{
    struct worker *w = ctx;
    uint64_t id = inbox_id(w);
    for (int i = 0; i < w->rounds; i++) {
        one_round(w, i, id);
        arena_reset(&w->b.arena);
    }
    return NULL;
}

static void start(struct worker *w, const struct bench *b, int number, int rounds)
{
    *w = (struct worker){ .b = *b, .number = number, .rounds = rounds };
    w->b.arena = ARENA_INIT;
    assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
}

static void compare_row(struct bench *a, struct bench *b, const char *name)
{
    assert_int_equal(account_refresh(a->account, &a->err), 0);
    assert_int_equal(account_refresh(b->account, &b->err), 0);
    struct snapshot *x = box_snapshot(a, name), *y = box_snapshot(b, name);
    assert_int_equal(x->exists, y->exists);
    assert_int_equal(x->uidnext, y->uidnext);
    assert_int_equal(x->highest_modseq, y->highest_modseq);
    for (uint32_t seq = 1; seq <= x->exists; seq++) {
        struct message p, q;
        assert_int_equal(snapshot_message(x, seq, &p, &a->err), 0);
        assert_int_equal(snapshot_message(y, seq, &q, &b->err), 0);
        assert_int_equal(p.uid, q.uid);
        assert_int_equal(p.modseq, q.modseq);
        assert_int_equal(p.flags, q.flags);
        assert_int_equal(p.blob, q.blob);
        assert_int_equal(p.email_id, q.email_id);
    }
    snapshot_unref(&x);
    snapshot_unref(&y);
}

struct annotations {
    const struct worker *workers;
    size_t found;
    uint64_t bytes;
};

static int check_annotation(void *ctx, struct str entry, struct str value, struct err *err)
{
    struct annotations *a = ctx;
    uint64_t number, last;
    (void)err;
    assert_true(str_to_u64(str_skip(entry, strlen("/race/")), 100, &number));
    assert_true(str_to_u64(str_trim(value), 1000, &last));
    assert_int_equal(last, (a->workers[number].rounds - 1) / 4 * 4);
    a->found++;
    a->bytes += entry.n + value.n;
    return 0;
}

/* All that was acknowledged, once. */
static void check_all(struct bench *b, struct worker *workers, size_t count)
{
    uint64_t kept = 0, moved = 0, expunged = 0;
    struct snapshot *inbox = box_snapshot(b, "INBOX"), *archive = box_snapshot(b, "Archive");

    for (size_t i = 0; i < count; i++) {
        kept += workers[i].appended;
        moved += workers[i].moved;
        expunged += workers[i].expunged;
        for (uint32_t k = 0; k < workers[i].appended; k++) {
            uint32_t seq;
            assert_int_equal(snapshot_seq_of_uid(inbox, workers[i].inbox_uids[k], &seq, &b->err), 0);
            assert_int_not_equal(seq, 0);
        }
        struct mailbox *box;
        assert_int_equal(account_mailbox(b->account, str_c(workers[i].name), &box, &b->err), 0);
        mailbox_unref(&box);
    }
    assert_int_equal(inbox->exists, kept);
    assert_int_equal(inbox->unseen, 0);
    assert_int_equal(inbox->uidnext - 1, kept + moved + expunged);
    assert_int_equal(archive->exists, moved);
    struct account_totals totals;
    account_totals(b->account, &totals);
    assert_int_equal(totals.message_count, kept + moved);
    assert_int_equal(totals.mailbox_count, 6 + count);
    struct annotations annotations = { .workers = workers };
    assert_int_equal(account_annotations(b->account, box_id(b, "INBOX"), ANNOTATION_SHARED, STR("/race"),
                                         ANNOTATION_DEPTH_ALL, check_annotation, &annotations, &b->err),
                     0);
    assert_int_equal(annotations.found, count);
    assert_int_equal(totals.annotation_bytes, annotations.bytes);
    snapshot_unref(&inbox);
    snapshot_unref(&archive);
}

static void finish(struct worker *workers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        arena_deinit(&workers[i].b.arena);
    }
}

static void test_threads_of_one_instance_share_commits(void **state)
{
    struct worker workers[16];
    struct bench b;
    (void)state;
    bench_init(&b, &(struct mail_options){ .fold_log_records = 50 });
    for (int i = 0; i < 16; i++)
        start(&workers[i], &b, i, ROUNDS);
    finish(workers, 16);
    check_all(&b, workers, 16);
    bench_reopen(&b);
    check_all(&b, workers, 16);
    bench_deinit(&b);
}

static void race_two(size_t fold_batch_bytes)
{
    struct worker workers[2 * THREADS];
    struct bench a, b;
    bench_init(&a, &(struct mail_options){ .fold_log_records = 30 });
    bench_init_with(&b, a.world, &a.options);
    bench_open_account(&b);
    a.mail->fold_batch_bytes = a.fold_batch_bytes = fold_batch_bytes;
    b.mail->fold_batch_bytes = b.fold_batch_bytes = fold_batch_bytes;
    for (int i = 0; i < THREADS; i++) {
        start(&workers[2 * i], &a, 2 * i, ROUNDS);
        start(&workers[2 * i + 1], &b, 2 * i + 1, ROUNDS);
    }
    finish(workers, ARRAY_COUNT(workers));
    static const char *const boxes[] = { "INBOX", "Archive" };
    for (size_t i = 0; i < ARRAY_COUNT(boxes); i++)
        compare_row(&a, &b, boxes[i]);
    check_all(&a, workers, ARRAY_COUNT(workers));
    check_all(&b, workers, ARRAY_COUNT(workers));
    bench_reopen(&a);
    check_all(&a, workers, ARRAY_COUNT(workers));
    bench_detach(&b);
    bench_free(&b);
    bench_deinit(&a);
}

static void test_two_instances_race_on_one_account(void **state)
{
    (void)state;
    race_two(FOLD_BATCH_BYTES);
}

static void test_two_instances_race_with_folds_of_several_commits(void **state)
{
    (void)state;
    race_two(300);
}

/* ---- views and watchers beside writers ---- */

struct viewer {
    struct bench b;
    pthread_t thread;
    struct watcher watcher;
    atomic_uint calls;
    atomic_bool watches, stop;
    uint32_t shown; /* by following the updates alone */
    bool several_instances;
};

static void called(struct watcher *watcher, unsigned events)
{
    struct viewer *v = (struct viewer *)((char *)watcher - offsetof(struct viewer, watcher));
    check(events == WATCH_MAILBOX, "only what was asked for");
    atomic_fetch_add(&v->calls, 1);
}

/* As a client whose server has lost track of what it knew: select anew. */
static void reopen(struct viewer *v, struct view *view)
{
    struct mailbox *box = mailbox_ref(view->mailbox);
    view_close(view);
    view_open(box, false, view);
    mailbox_unref(&box);
    v->shown = view->snapshot->exists;
}

static void follow(struct viewer *v, struct view *view, bool may_expunge)
{
    struct view_update update;
    int r = view_sync(view, may_expunge, &v->b.arena, &update, &v->b.err);
    if (r == -ERR_NOT_FOUND && v->several_instances) {
        reopen(v, view);
        return;
    }
    must(r, &v->b);
    check(may_expunge || update.diff.expunged_count == 0, "EXPUNGE waits");
    v->shown = v->shown - update.diff.expunged_count + update.diff.added_count;
    check(v->shown == view->snapshot->exists, "updates add up to what is there");
    arena_reset(&v->b.arena);
}

static void *look(void *ctx)
{
    struct viewer *v = ctx;
    struct mailbox *box;
    struct view view;

    must(account_mailbox(v->b.account, STR("INBOX"), &box, &v->b.err), &v->b);
    v->watcher = (struct watcher){ .fn = called, .mailbox_id = mailbox_id(box), .events = WATCH_MAILBOX };
    account_watch(v->b.account, &v->watcher);
    atomic_store(&v->watches, true);
    view_open(box, false, &view);
    v->shown = view.snapshot->exists;
    for (int i = 0; !atomic_load(&v->stop); i++) {
        if (view_is_stale(&view))
            follow(v, &view, i % 3 == 0);
        usleep(200);
    }
    account_unwatch(v->b.account, &v->watcher);
    follow(v, &view, true);
    check(!view_is_stale(&view), "synced");
    view_close(&view);
    mailbox_unref(&box);
    return NULL;
}

static void run_viewers(struct bench *instances[], size_t instance_count)
{
    struct viewer viewers[4] = { 0 };
    struct worker workers[4];

    for (size_t i = 0; i < 4; i++) {
        viewers[i].b = *instances[i % instance_count];
        viewers[i].b.arena = ARENA_INIT;
        viewers[i].several_instances = instance_count > 1;
        assert_int_equal(pthread_create(&viewers[i].thread, NULL, look, &viewers[i]), 0);
        /* On a busy machine the writers could be done before it begins. */
        while (!atomic_load(&viewers[i].watches))
            usleep(1000);
    }
    for (int i = 0; i < 4; i++)
        start(&workers[i], instances[0], i, ROUNDS);
    finish(workers, 4);
    for (size_t i = 0; i < 4; i++) {
        struct snapshot *s = box_snapshot(instances[0], "INBOX");
        for (int wait = 0; wait < 5000 && atomic_load(&viewers[i].calls) == 0; wait++)
            usleep(1000);
        atomic_store(&viewers[i].stop, true);
        assert_int_equal(pthread_join(viewers[i].thread, NULL), 0);
        assert_true(atomic_load(&viewers[i].calls) > 0);
        assert_int_equal(viewers[i].shown, s->exists);
        arena_deinit(&viewers[i].b.arena);
        snapshot_unref(&s);
    }
}

static void test_views_follow_writers(void **state)
{
    struct bench a;
    (void)state;
    bench_init(&a, &(struct mail_options){ .fold_log_records = 30 });
    run_viewers((struct bench *[]){ &a }, 1);
    bench_deinit(&a);
}

/* The other instance's log is never folded away under them here: that case reads chunks which may be gone. */
static void test_views_follow_another_instance(void **state)
{
    struct bench a, b;
    (void)state;
    bench_init(&a, &(struct mail_options){ .fold_log_records = 1000000 });
    bench_init_with(&b, a.world, &a.options);
    bench_open_account(&b);
    run_viewers((struct bench *[]){ &a, &b }, 2);
    bench_detach(&b);
    bench_free(&b);
    bench_deinit(&a);
}

/* More accounts than are kept, opened and changed by several threads at once. */
static void *hop(void *ctx)
{
    struct worker *w = ctx;
    for (uint64_t i = 0; i < 150; i++) {
        struct account_id id = { 1000 + (i * 7 + (uint64_t)w->number) % 12 };
        must(mail_account_open(w->b.mail, id, &w->b.account, &w->b.err), &w->b);
        append(w, "INBOX");
        account_unref(&w->b.account);
        arena_reset(&w->b.arena);
    }
    return NULL;
}

static void test_accounts_come_and_go(void **state)
{
    struct worker workers[4];
    struct bench b;
    uint64_t total = 0;
    (void)state;
    bench_init(&b, &(struct mail_options){ .fold_log_records = 16, .accounts_cached_max = 3 });
    for (uint64_t i = 0; i < 12; i++)
        assert_int_equal(mail_account_create(b.mail, (struct account_id){ 1000 + i }, &b.err), 0);
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){ .b = b, .number = i };
        workers[i].b.arena = ARENA_INIT;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, hop, &workers[i]), 0);
    }
    finish(workers, 4);
    for (uint64_t i = 0; i < 12; i++) {
        struct account *account;
        struct account_totals totals;
        assert_int_equal(mail_account_open(b.mail, (struct account_id){ 1000 + i }, &account, &b.err), 0);
        account_totals(account, &totals);
        total += totals.message_count;
        account_unref(&account);
    }
    assert_int_equal(total, 4 * 150);
    bench_deinit(&b);
}

/* What an account has read of its mailboxes counts while nobody uses it, and it goes when that is too much. */
static void test_idle_accounts_that_have_read_much_go(void **state)
{
    (void)state;
    static const struct {
        uint64_t limit;
        bool stays;
    } cases[] = { { 1, false }, { 1 << 20, true } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct worker w = { .number = 0 };
        struct bench *b = &w.b;
        struct mailbox *box;
        struct message row;
        bench_init(b, &(struct mail_options){ .idle_bytes_max = cases[i].limit });
        append(&w, "INBOX");
        append(&w, "INBOX");
        assert_int_equal(account_fold(b->account, &b->err), 0);
        bench_reopen(b);
        assert_int_equal(atomic_load(&b->account->loaded_bytes), 0);
        assert_int_equal(account_mailbox(b->account, STR("INBOX"), &box, &b->err), 0);
        struct snapshot *snapshot = mailbox_snapshot(box);
        assert_int_equal(snapshot_message(snapshot, 2, &row, &b->err), 0);
        assert_true(atomic_load(&b->account->loaded_bytes) > 2 * 50);
        snapshot_unref(&snapshot);
        mailbox_unref(&box);
        account_unref(&b->account);
        assert_row(b->mail->idle_count == cases[i].stays && (b->mail->idle_bytes > 0) == cases[i].stays, i,
                   "idle");
        bench_open_account(b);
        assert_int_equal(b->mail->idle_bytes, 0);
        assert_row((atomic_load(&b->account->loaded_bytes) > 0) == cases[i].stays, i, "read");
        bench_deinit(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_of_one_instance_share_commits),
        cmocka_unit_test(test_two_instances_race_on_one_account),
        cmocka_unit_test(test_two_instances_race_with_folds_of_several_commits),
        cmocka_unit_test(test_views_follow_writers),
        cmocka_unit_test(test_views_follow_another_instance),
        cmocka_unit_test(test_accounts_come_and_go),
        cmocka_unit_test(test_idle_accounts_that_have_read_much_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
