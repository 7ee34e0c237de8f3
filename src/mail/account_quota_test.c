/* Limits of accounts, trees and domains, in changes that are planned and committed.    RFC 9208 */
#include "mail/quota_domain.h"
#include "mail/testing_mail.h"

#include <pthread.h>
#include <unistd.h>

static int set_limit(struct bench *b, const char *mailbox, enum quota_resource resource, uint64_t limit)
{
    struct change c = { .kind = CHANGE_QUOTA,
                        .quota = { .mailbox = str_c(mailbox), .which = 1u << resource } };
    c.quota.limits.of[resource] = limit;
    return commit_one(b, &c);
}

/* Usage and limit of the innermost root of a mailbox. */
static struct quota_state state_of(struct bench *b, const char *mailbox)
{
    struct quota_state *states;
    size_t count = account_quota(b->account, str_c(mailbox), &b->arena, &states);
    return states[count - 1];
}

static uint64_t used(struct bench *b, const char *mailbox, enum quota_resource resource)
{
    return state_of(b, mailbox).used.of[resource];
}

static void test_storage_is_taken_up_to_the_limit_and_no_further(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, &(struct mail_options){ .quota.limits.of[QUOTA_STORAGE] = 10 });
    assert_int_equal(append_one(&b, "INBOX", "12345", 0), 1);
    assert_int_equal(append_one(&b, "INBOX", "123456", 0), -ERR_OVERQUOTA);
    assert_int_equal(append_one(&b, "Sent", "12345", 0), 1);
    assert_int_equal(append_one(&b, "INBOX", "1", 0), -ERR_OVERQUOTA);
    assert_int_equal(copy_to(&b, "INBOX", "1", "Trash", false), -ERR_OVERQUOTA);
    assert_int_equal(copy_to(&b, "INBOX", "1", "Trash", true), 0);
    assert_int_equal(store_flags(&b, "Trash", "1", STORE_ADD, FLAG_DELETED), 0);
    assert_int_equal(set_limit(&b, "", QUOTA_STORAGE, 2), 0); /* far over it now */
    assert_int_equal(copy_to(&b, "Trash", "1", "Archive", true), 0);
    assert_int_equal(expunge(&b, "Archive", "1"), 0);
    assert_int_equal(used(&b, "INBOX", QUOTA_STORAGE), 5);
    bench_deinit(&b);
}

static void test_a_multiappend_fits_whole_or_not_at_all(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, &(struct mail_options){ .quota.limits.of[QUOTA_MESSAGE] = 2 });
    struct new_message three[] = { message_of(&b, "a"), message_of(&b, "b"), message_of(&b, "c") };
    struct change c = append_change(&b, "INBOX", three, 3);
    assert_int_equal(commit_one(&b, &c), -ERR_OVERQUOTA);
    assert_int_equal(used(&b, "INBOX", QUOTA_MESSAGE), 0);
    c = append_change(&b, "INBOX", three, 2);
    assert_int_equal(commit_one(&b, &c), 0);
    c = append_change(&b, "INBOX", &three[2], 1);
    assert_int_equal(commit_one(&b, &c), -ERR_OVERQUOTA);
    c.ignore_quota = true;
    assert_int_equal(commit_one(&b, &c), 0);
    bench_deinit(&b);
}

static void test_the_last_message_may_pass_the_limit_by_the_grace(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b,
               &(struct mail_options){ .quota = { .limits.of[QUOTA_STORAGE] = 10, .grace_percent = 20 } });
    struct new_message m[] = { message_of(&b, "123456789"), message_of(&b, "1234"), message_of(&b, "123"),
                               message_of(&b, "1") };
    static const struct {
        int r;
        bool soft;
    } wanted[] = { { 0, false }, { -ERR_OVERQUOTA, false }, { 0, true }, { -ERR_OVERQUOTA, false } };
    for (size_t i = 0; i < ARRAY_COUNT(m); i++) {
        struct change c = append_change(&b, "INBOX", &m[i], 1);
        int r = commit_one(&b, &c);
        assert_row(r == wanted[i].r && c.soft_quota == wanted[i].soft, i, "append");
    }
    bench_deinit(&b);
}

static void test_mailboxes_are_limited_with_the_levels_above_them(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, &(struct mail_options){ .quota.limits.of[QUOTA_MAILBOX] = 3 }); /* a new account has six */
    assert_int_equal(create_box(&b, "a"), -ERR_OVERQUOTA);
    assert_int_equal(rename_box(&b, "Sent", "Mail"), 0);
    assert_int_equal(rename_box(&b, "Mail", "x/Mail"), -ERR_OVERQUOTA);
    assert_int_equal(rename_box(&b, "INBOX", "old"), -ERR_OVERQUOTA);
    assert_int_equal(set_limit(&b, "", QUOTA_MAILBOX, 8), 0);
    assert_int_equal(create_box(&b, "a/b/c"), -ERR_OVERQUOTA);
    assert_int_equal(create_box(&b, "a/b"), 0);
    struct new_message m = message_of(&b, "x");
    struct change c = append_change(&b, "new", &m, 1);
    c.append.create = true;
    assert_int_equal(commit_one(&b, &c), -ERR_OVERQUOTA);
    assert_int_equal(box_id(&b, "new"), 0);
    c.append.mailbox = STR("a");
    assert_int_equal(commit_one(&b, &c), 0);
    bench_deinit(&b);
}

static void test_limits_live_through_fold_and_restart(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, &(struct mail_options){ .quota.limits.of[QUOTA_STORAGE] = 10 });
    assert_int_equal(set_limit(&b, "", QUOTA_STORAGE, 7), 0);
    assert_int_equal(set_limit(&b, "Sent", QUOTA_MESSAGE, 0), 0);
    for (int i = 0; i < 3; i++) {
        bench_reopen(&b);
        struct quota_state own = state_of(&b, "INBOX"), sent = state_of(&b, "Sent/later");
        assert_int_equal(own.mailbox_id, 0);
        assert_int_equal(own.limits.of[QUOTA_STORAGE], 7);
        assert_int_equal(own.limits.of[QUOTA_MESSAGE], QUOTA_NONE);
        assert_int_equal(sent.mailbox_id, box_id(&b, "Sent"));
        assert_int_equal(sent.limits.of[QUOTA_MESSAGE], 0);
        assert_int_equal(account_fold(b.account, &b.err), 0);
    }
    assert_int_equal(set_limit(&b, "", QUOTA_STORAGE, QUOTA_DEFAULT), 0);
    assert_int_equal(set_limit(&b, "Sent", QUOTA_MESSAGE, QUOTA_NONE), 0);
    assert_int_equal(account_fold(b.account, &b.err), 0);
    bench_reopen(&b);
    assert_int_equal(state_of(&b, "Sent").mailbox_id, 0);
    assert_int_equal(state_of(&b, "Sent").limits.of[QUOTA_STORAGE], 10);
    bench_deinit(&b);
}

static void test_limits_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *mailbox;
        enum quota_resource resource;
        uint64_t limit;
        int r;
    } cases[] = {
        { "none", QUOTA_STORAGE, 1, -ERR_NOT_FOUND },
        { "a//b", QUOTA_STORAGE, 1, -ERR_NOT_FOUND },
        { "INBOX", QUOTA_ANNOTATION, 1, -ERR_CANNOT },
        { "INBOX", QUOTA_ANNOTATION, QUOTA_NONE, 0 },
        { "", QUOTA_STORAGE, QUOTA_LIMIT_MAX + 1, -ERR_CANNOT },
        { "", QUOTA_STORAGE, QUOTA_LIMIT_MAX, 0 },
        { "", QUOTA_ANNOTATION, 0, 0 },
        { "inbox", QUOTA_STORAGE, QUOTA_DEFAULT, 0 }, /* of a tree: none */
    };
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(set_limit(&b, cases[i].mailbox, cases[i].resource, cases[i].limit) == cases[i].r, i,
                   cases[i].mailbox);
    for (int i = 0; i <= QUOTA_TREES_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "box%d", i);
        assert_int_equal(create_box(&b, name), 0);
        assert_row(set_limit(&b, name, QUOTA_STORAGE, 5) == (i + 1 < QUOTA_TREES_MAX + 1 ? 0 : -ERR_LIMIT),
                   (size_t)i, name);
    }
    assert_int_equal(set_limit(&b, "box1", QUOTA_STORAGE, 6), 0); /* one that has a limit may get another */
    bench_deinit(&b);
}

static void test_a_tree_counts_what_lies_in_it_and_below(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    assert_int_equal(create_box(&b, "work/a/b"), 0);
    assert_int_equal(create_box(&b, "worker"), 0);
    assert_int_equal(set_limit(&b, "work", QUOTA_STORAGE, 10), 0);
    assert_int_equal(set_limit(&b, "work/a", QUOTA_MESSAGE, 2), 0);
    assert_int_equal(append_one(&b, "work", "1234", 0), 1);
    assert_int_equal(append_one(&b, "work/a/b", "1234", 0), 1);
    assert_int_equal(append_one(&b, "work/a", "123", 0), -ERR_OVERQUOTA);
    assert_int_equal(append_one(&b, "worker", "12345678901234567890", 0), 1); /* no part of it */
    assert_int_equal(append_one(&b, "work/a", "1", 0), 1);
    assert_int_equal(append_one(&b, "work/a", "1", 0), -ERR_OVERQUOTA); /* a third message in work/a */
    assert_int_equal(used(&b, "work", QUOTA_STORAGE), 9);
    assert_int_equal(used(&b, "work/a/b", QUOTA_MESSAGE), 2);
    assert_int_equal(used(&b, "work/a/b", QUOTA_MAILBOX), 2);
    /* into it: refused; inside, and out of it: not */
    assert_int_equal(copy_to(&b, "worker", "1", "work", true), -ERR_OVERQUOTA);
    assert_int_equal(copy_to(&b, "work/a/b", "1", "work/a", true), 0);
    assert_int_equal(copy_to(&b, "work/a", "2", "work", true), 0);
    assert_int_equal(copy_to(&b, "work", "1", "work/a", true), 0);
    assert_int_equal(copy_to(&b, "work", "2", "work/a", true),
                     -ERR_OVERQUOTA); /* in work, but new to work/a */
    assert_int_equal(copy_to(&b, "work/a", "*", "worker", true), 0);
    bench_deinit(&b);
}

/* RFC 8508, 3.4: only the difference counts, where the old message counted. */
static void test_a_replaced_message_does_not_count(void **state)
{
    static const struct {
        const char *target, *body;
        int r;
    } cases[] = {
        { "INBOX", "12345678901", -ERR_OVERQUOTA }, /* the account holds 10 */
        { "INBOX", "1234567890", 0 },
        { "work", "12345", -ERR_OVERQUOTA }, /* the tree holds 4, and has lost nothing */
        { "work", "1234", 0 },
    };
    struct bench b;
    (void)state;
    bench_init(&b,
               &(struct mail_options){ .quota.limits.of = { [QUOTA_STORAGE] = 10, [QUOTA_MESSAGE] = 1 } });
    assert_int_equal(create_box(&b, "work"), 0);
    assert_int_equal(set_limit(&b, "work", QUOTA_STORAGE, 4), 0);
    uint64_t inbox = box_id(&b, "INBOX");
    uint32_t uid = (uint32_t)append_one(&b, "INBOX", "123456789", 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct new_message m = message_of(&b, cases[i].body);
        struct change c = append_change(&b, cases[i].target, &m, 1);
        c.append.replaced_mailbox_id = inbox;
        c.append.replaced_uid = uid;
        assert_row(commit_one(&b, &c) == cases[i].r, i, cases[i].body);
        if (cases[i].r == 0)
            uid = seqset_first(&c.uids);
    }
    assert_int_equal(used(&b, "work", QUOTA_STORAGE), 4);
    bench_deinit(&b);
}

static void test_a_tree_follows_its_mailbox(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    assert_int_equal(create_box(&b, "work/a"), 0);
    assert_int_equal(create_box(&b, "big/one"), 0);
    assert_int_equal(append_one(&b, "big/one", "1234567", 0), 1);
    assert_int_equal(set_limit(&b, "work", QUOTA_STORAGE, 5), 0);
    assert_int_equal(rename_box(&b, "big", "work/big"), -ERR_OVERQUOTA);
    assert_int_equal(rename_box(&b, "work", "job"), 0);
    assert_int_equal(rename_box(&b, "big", "job/big"), -ERR_OVERQUOTA);
    assert_int_equal(rename_box(&b, "big", "work/big"), 0); /* another "work" */
    bench_reopen(&b);
    assert_int_equal(append_one(&b, "job/a", "123456", 0), -ERR_OVERQUOTA);
    assert_int_equal(append_one(&b, "job/a", "12345", 0), 1);
    assert_int_equal(rename_box(&b, "job/a", "job/z"), 0);
    assert_int_equal(delete_box(&b, "job"), 0); /* its children stay, free of it */
    assert_int_equal(append_one(&b, "job/z", "123456", 0), 2);
    assert_int_equal(account_fold(b.account, &b.err), 0);
    bench_reopen(&b);
    assert_int_equal(state_of(&b, "job/z").mailbox_id, 0);
    /* INBOX renamed: its messages go where there is a limit, INBOX stays */
    assert_int_equal(set_limit(&b, "work", QUOTA_MESSAGE, 1), 0);
    assert_int_equal(append_one(&b, "INBOX", "x", 0), 1);
    assert_int_equal(rename_box(&b, "INBOX", "work/in"), -ERR_OVERQUOTA);
    assert_int_equal(rename_box(&b, "INBOX", "in"), 0);
    bench_deinit(&b);
}

static uint64_t calls_of_an_append(const struct mail_options *options, bool trees)
{
    struct bench b;
    bench_init(&b, options);
    assert_int_equal(create_box(&b, "a/b"), 0);
    if (trees) {
        assert_int_equal(set_limit(&b, "a", QUOTA_STORAGE, 1000), 0);
        assert_int_equal(set_limit(&b, "a/b", QUOTA_MESSAGE, 1000), 0);
    }
    faulty_store_plan(b.store, &(struct faulty_plan){ .ops = FAULTY_ALL });
    assert_int_equal(append_one(&b, "a/b", "1", 0), 1);
    assert_int_equal(copy_to(&b, "a/b", "1", "INBOX", false), 0);
    uint64_t calls = faulty_store_count(b.store);
    bench_deinit(&b);
    return calls;
}

static void test_checks_add_no_call_to_the_store(void **state)
{
    const struct mail_options limited = {
        .quota = { .limits.of = { 1000, 1000, 1000, 1000 }, .warnings = { 80 }, .warning_count = 1 }
    };
    (void)state;
    assert_int_equal(calls_of_an_append(&limited, true), calls_of_an_append(NULL, false));
}

/* ---- races ---- */

enum { RACERS = 4, RACE_TRIES = 30, RACE_FITS = 37 };

struct racer {
    struct bench b;
    pthread_t thread;
    unsigned taken, refused;
};

static void *race(void *arg)
{
    struct racer *r = arg;
    for (int i = 0; i < RACE_TRIES; i++) {
        struct new_message m = message_of(&r->b, "1234");
        struct change c = append_change(&r->b, i % 3 ? "INBOX" : "Sent", &m, 1);
        c.arena = &r->b.arena;
        int result = account_commit(r->b.account, &c, 1, &r->b.err);
        if (result == 0)
            r->taken++;
        else if (result == -ERR_OVERQUOTA)
            r->refused++;
        else
            abort();
        if (result < 0)
            store_blob_abandon(r->b.store, account_id(r->b.account), m.blob);
    }
    return NULL;
}

static void run_race(const struct mail_options *options, unsigned instances)
{
    struct bench b[2];
    struct racer racers[RACERS];
    unsigned taken = 0;

    bench_init(&b[0], options);
    if (instances == 2) {
        bench_init_with(&b[1], b[0].world, options);
        bench_open_account(&b[1]);
    }
    for (unsigned i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){ .b = b[i % instances] };
        racers[i].b.arena = (struct arena)ARENA_INIT;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < RACERS; i++) {
        pthread_join(racers[i].thread, NULL);
        arena_deinit(&racers[i].b.arena);
        assert_int_equal(racers[i].taken + racers[i].refused, RACE_TRIES);
        taken += racers[i].taken;
    }
    assert_int_equal(taken, RACE_FITS);
    assert_int_equal(account_refresh(b[0].account, &b[0].err), 0);
    assert_int_equal(used(&b[0], "INBOX", QUOTA_STORAGE), RACE_FITS * 4);
    if (instances == 2) {
        bench_detach(&b[1]);
        bench_free(&b[1]);
    }
    bench_deinit(&b[0]);
}

static void test_a_race_at_the_limit_lets_exactly_so_many_through(void **state)
{
    const struct mail_options by_size = { .quota.limits.of[QUOTA_STORAGE] = RACE_FITS * 4 + 3 };
    const struct mail_options by_count = { .quota.limits.of[QUOTA_MESSAGE] = RACE_FITS };
    (void)state;
    run_race(&by_size, 1);
    run_race(&by_count, 1);
    run_race(&by_size, 2);
    run_race(&by_count, 2);
}

static void test_accounts_of_a_domain_cannot_pass_its_limit_together(void **state)
{
    struct quota_domains *domains = quota_domains_new();
    struct bench b;
    struct racer racers[RACERS];
    struct quota_amounts sum, limits, nothing = { 0 };
    unsigned taken = 0;

    (void)state;
    quota_domains_limit(domains, STR("d.example"), &(struct quota_amounts){ { RACE_FITS * 4 + 3 } });
    for (uint64_t i = 0; i < RACERS; i++)
        quota_domains_enter(domains, STR("d.example"), (struct account_id){ BENCH_ACCOUNT + i }, &nothing);
    bench_init(&b, &(struct mail_options){ .quota.domains = domains });
    for (unsigned i = 0; i < RACERS; i++) {
        struct account_id id = { BENCH_ACCOUNT + i };
        racers[i] = (struct racer){ .b = b };
        racers[i].b.arena = (struct arena)ARENA_INIT;
        if (i > 0) {
            assert_int_equal(mail_account_create(b.mail, id, &b.err), 0);
            assert_int_equal(mail_account_open(b.mail, id, &racers[i].b.account, &b.err), 0);
        }
    }
    for (unsigned i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    for (unsigned i = 0; i < RACERS; i++) {
        pthread_join(racers[i].thread, NULL);
        taken += racers[i].taken;
    }
    assert_int_equal(taken, RACE_FITS);
    assert_int_equal(quota_domains_state(domains, STR("d.example"), &sum, &limits, &b.err), 0);
    assert_int_equal(sum.of[QUOTA_STORAGE], RACE_FITS * 4);
    assert_int_equal(sum.of[QUOTA_MAILBOX], RACERS * 6);
    /* deleting makes room; a commit that fails gives back what it had reserved */
    for (unsigned i = 1; i < RACERS; i++) {
        account_unref(&racers[i].b.account);
        assert_int_equal(mail_account_delete(b.mail, (struct account_id){ BENCH_ACCOUNT + i }, &b.err), 0);
        arena_deinit(&racers[i].b.arena);
    }
    arena_deinit(&racers[0].b.arena);
    uint64_t bytes = racers[0].taken * 4;
    for (int i = 0; i < 2; i++) { /* the second one is there, though its answer is lost */
        faulty_store_plan(b.store, &(struct faulty_plan){ .ops = FAULTY_COMMIT,
                                                          .nth = 1,
                                                          .error = ERR_IO,
                                                          .when = i ? FAULTY_AFTER : FAULTY_BEFORE });
        assert_true(append_one(&b, "INBOX", "1234", 0) < 0);
        faulty_store_plan(b.store, &(struct faulty_plan){ .nth = 0 });
        assert_int_equal(append_one(&b, "INBOX", "1", 0) > 0, true); /* reads the account again first */
        bytes += i ? 5 : 1;
        assert_int_equal(quota_domains_state(domains, STR("d.example"), &sum, &limits, &b.err), 0);
        assert_int_equal(sum.of[QUOTA_STORAGE], bytes);
    }
    bench_deinit(&b);
    quota_domains_free(&domains);
}

/* ---- warnings ---- */

struct warned {
    pthread_mutex_t mutex;
    unsigned count, last;
    bool fails;
};

static void warn(void *ctx, struct account *account, unsigned percent)
{
    struct warned *w = ctx;
    struct arena arena = ARENA_INIT;
    struct new_message m = { .size_bytes = 4 };
    struct change c = { .kind = CHANGE_APPEND,
                        .arena = &arena,
                        .ignore_quota = true,
                        .append = {
                            .mailbox = STR("INBOX"), .messages = &m, .count = 1, .warning = percent } };
    struct err err;
    pthread_mutex_lock(&w->mutex);
    bool fails = w->fails;
    pthread_mutex_unlock(&w->mutex);
    int r = store_blob_write(mail_options(account_mail(account))->store, account_id(account), STR("warn"),
                             STR("meta"), STR("header"), &m.blob, &err);
    if (r == 0 && !fails)
        r = account_commit(account, &c, 1, &err);
    pthread_mutex_lock(&w->mutex);
    if (r == 0 && !fails) {
        w->count++;
        w->last = percent;
    }
    pthread_mutex_unlock(&w->mutex);
    arena_deinit(&arena);
}

static void assert_warned(struct warned *w, unsigned count, unsigned last)
{
    for (int tries = 0; tries < 200; tries++) {
        pthread_mutex_lock(&w->mutex);
        bool there = w->count >= count;
        pthread_mutex_unlock(&w->mutex);
        if (there)
            break;
        usleep(5000);
    }
    usleep(20000); /* no more than that */
    assert_int_equal(w->count, count);
    assert_int_equal(w->last, last);
}

static void test_each_crossing_is_told_once(void **state)
{
    struct warned w = { .mutex = PTHREAD_MUTEX_INITIALIZER };
    struct bench b;
    (void)state;
    bench_init(&b, &(struct mail_options){ .quota = { .limits.of[QUOTA_STORAGE] = 100,
                                                      .warnings = { 50, 80 },
                                                      .warning_count = 2,
                                                      .warn = warn,
                                                      .warn_ctx = &w } });
    char fifty[51], twenty_five[26];
    memset(fifty, 'x', sizeof fifty - 1), fifty[50] = 0;
    memset(twenty_five, 'x', sizeof twenty_five - 1), twenty_five[25] = 0;
    assert_int_equal(append_one(&b, "Sent", fifty, 0), 1);
    assert_warned(&w, 1, 50); /* 54 with the warning */
    bench_reopen(&b);
    assert_int_equal(append_one(&b, "Sent", "x", 0), 2);
    assert_warned(&w, 1, 50); /* not again, nor after a restart */
    assert_int_equal(append_one(&b, "Sent", twenty_five, 0), 3);
    assert_warned(&w, 2, 80); /* 84 */
    assert_int_equal(expunge(&b, "Sent", "2"), 0);
    assert_int_equal(append_one(&b, "Sent", "x", 0), 4);
    assert_warned(&w, 2, 80);                      /* 84 to 83 and back: no crossing */
    assert_int_equal(expunge(&b, "Sent", "1"), 0); /* 34: far below both */
    assert_int_equal(account_fold(b.account, &b.err), 0);
    bench_reopen(&b);
    assert_int_equal(append_one(&b, "Sent", fifty, 0), 5);
    assert_warned(&w, 3, 80); /* past both at once: the higher one */
    assert_int_equal(append_one(&b, "Sent", "1234567890123", 0), -ERR_OVERQUOTA);
    bench_deinit(&b);
}

static void test_a_warning_that_could_not_be_given_comes_after_the_restart(void **state)
{
    struct warned w = { .mutex = PTHREAD_MUTEX_INITIALIZER, .fails = true };
    struct bench b;
    (void)state;
    bench_init(&b, &(struct mail_options){ .quota = { .limits.of[QUOTA_MESSAGE] = 2,
                                                      .warnings = { 100 },
                                                      .warning_count = 1,
                                                      .warn = warn,
                                                      .warn_ctx = &w } });
    assert_int_equal(append_one(&b, "Sent", "a", 0), 1);
    assert_int_equal(append_one(&b, "Sent", "b", 0), 2);
    assert_warned(&w, 0, 0);
    pthread_mutex_lock(&w.mutex);
    w.fails = false;
    pthread_mutex_unlock(&w.mutex);
    bench_reopen(&b);
    assert_warned(&w, 1, 100); /* though the mailbox is full */
    assert_int_equal(used(&b, "INBOX", QUOTA_MESSAGE), 3);
    bench_deinit(&b);
}

static void test_a_warning_can_be_told_without_a_message(void **state)
{
    struct bench b;
    struct change c = { .kind = CHANGE_QUOTA, .quota.warning = 50 };
    (void)state;
    bench_init(&b, &(struct mail_options){
                       .quota = { .limits.of[QUOTA_MESSAGE] = 2, .warnings = { 50 }, .warning_count = 1 } });
    assert_int_equal(append_one(&b, "Sent", "a", 0), 1);
    assert_int_equal(commit_one(&b, &c), 0);
    assert_int_equal(commit_one(&b, &c), -ERR_EXISTS);
    bench_reopen(&b);
    assert_int_equal(commit_one(&b, &c), -ERR_EXISTS);
    assert_int_equal(expunge(&b, "Sent", "1"), 0); /* which forgets it */
    assert_int_equal(append_one(&b, "Sent", "b", 0), 2);
    assert_int_equal(commit_one(&b, &c), 0);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storage_is_taken_up_to_the_limit_and_no_further),
        cmocka_unit_test(test_a_multiappend_fits_whole_or_not_at_all),
        cmocka_unit_test(test_the_last_message_may_pass_the_limit_by_the_grace),
        cmocka_unit_test(test_mailboxes_are_limited_with_the_levels_above_them),
        cmocka_unit_test(test_limits_live_through_fold_and_restart),
        cmocka_unit_test(test_limits_that_cannot_be_are_refused),
        cmocka_unit_test(test_a_tree_counts_what_lies_in_it_and_below),
        cmocka_unit_test(test_a_replaced_message_does_not_count),
        cmocka_unit_test(test_a_tree_follows_its_mailbox),
        cmocka_unit_test(test_checks_add_no_call_to_the_store),
        cmocka_unit_test(test_a_race_at_the_limit_lets_exactly_so_many_through),
        cmocka_unit_test(test_accounts_of_a_domain_cannot_pass_its_limit_together),
        cmocka_unit_test(test_each_crossing_is_told_once),
        cmocka_unit_test(test_a_warning_that_could_not_be_given_comes_after_the_restart),
        cmocka_unit_test(test_a_warning_can_be_told_without_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
