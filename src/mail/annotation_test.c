#include "mail/annotation.h"

#include "mail/testing_mail.h"

enum { ME = BENCH_ACCOUNT, YOU = 9 };

static uint64_t id_of(struct bench *b, const char *name)
{
    struct mailbox *mailbox;
    if (!*name)
        return ANNOTATION_ON_ACCOUNT;
    assert_int_equal(account_mailbox(b->account, str_c(name), &mailbox, &b->err), 0);
    uint64_t id = mailbox_id(mailbox);
    mailbox_unref(&mailbox);
    return id;
}

/* value NULL: delete */
static int annotate(struct bench *b, const char *name, uint64_t user, const char *entry, const char *value)
{
    struct annotation item = { user, str_c(entry), str_c(value) };
    struct change c = { .kind = CHANGE_ANNOTATE, .annotate = { id_of(b, name), &item, 1 } };
    return commit_one(b, &c);
}

static int add_to_text(void *ctx, struct str entry, struct str value, struct err *err)
{
    struct buf *out = ctx;
    (void)err;
    buf_printf(out, "%s" STR_FMT "=" STR_FMT, out->n ? " " : "", STR_ARG(entry), STR_ARG(value));
    return 0;
}

static void assert_values(struct bench *b, uint64_t mailbox_id, uint64_t user, const char *entry,
                          unsigned depth, const char *expected)
{
    struct buf out = BUF_INIT;
    assert_int_equal(
        account_annotations(b->account, mailbox_id, user, str_c(entry), depth, add_to_text, &out, &b->err),
        0);
    assert_string_equal(buf_c(&out), expected);
    buf_deinit(&out);
}

static void assert_all(struct bench *b, const char *name, uint64_t user, const char *expected)
{
    assert_values(b, id_of(b, name), user, "", ANNOTATION_DEPTH_ALL, expected);
}

static void assert_bytes(struct bench *b, uint64_t expected)
{
    struct account_totals totals;
    account_totals(b->account, &totals);
    assert_int_equal(totals.annotation_bytes, expected);
}

static void make(struct bench *b, const char *name)
{
    struct change c = { .kind = CHANGE_CREATE, .create = { .name = str_c(name) } };
    assert_int_equal(commit_one(b, &c), 0);
}

/* ---- values ---- */

static void test_values_are_set_replaced_and_deleted(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    assert_all(&b, "INBOX", ANNOTATION_SHARED, "");
    assert_int_equal(annotate(&b, "INBOX", ANNOTATION_SHARED, "/comment", "one"), 0);
    assert_int_equal(annotate(&b, "INBOX", ME, "/comment", "mine"), 0);
    assert_int_equal(annotate(&b, "INBOX", YOU, "/comment", ""), 0);
    assert_int_equal(annotate(&b, "", ME, "/comment", "account"), 0);
    assert_bytes(&b, 4 * 8 + 3 + 4 + 7);
    for (int i = 0; i < 3; i++) {
        assert_all(&b, "INBOX", ANNOTATION_SHARED, "/comment=one");
        assert_all(&b, "INBOX", ME, "/comment=mine");
        assert_all(&b, "INBOX", YOU, "/comment=");
        assert_all(&b, "", ME, "/comment=account");
        assert_all(&b, "", ANNOTATION_SHARED, "");
        assert_bytes(&b, 4 * 8 + 3 + 4 + 7);
        if (i == 0)
            assert_int_equal(account_fold(b.account, &b.err), 0);
        bench_reopen(&b);
    }
    assert_int_equal(annotate(&b, "INBOX", ANNOTATION_SHARED, "/comment", "a longer one"), 0);
    assert_int_equal(annotate(&b, "INBOX", YOU, "/comment", NULL), 0);
    assert_all(&b, "INBOX", ANNOTATION_SHARED, "/comment=a longer one");
    assert_all(&b, "INBOX", YOU, "");
    assert_bytes(&b, 3 * 8 + 12 + 4 + 7);
    struct change nothing = { .kind = CHANGE_ANNOTATE, .annotate = { .mailbox_id = id_of(&b, "INBOX") } };
    assert_int_equal(commit_one(&b, &nothing), 0);
    assert_int_equal(nothing.modseq, 0);
    bench_reopen(&b); /* the log holds a change that takes more than it gave */
    assert_bytes(&b, 3 * 8 + 12 + 4 + 7);
    bench_deinit(&b);
}

static void test_depth_chooses_levels(void **state)
{
    static const char *const entries[] = { "/a", "/a-b", "/a/b", "/a/b/c", "/a/d", "/aa", "/b" };
    static const struct {
        const char *entry;
        unsigned depth;
        const char *expected;
    } cases[] = {
        { "/a", 0, "/a=" },
        { "/a", 1, "/a= /a/b= /a/d=" },
        { "/a", 2, "/a= /a/b= /a/b/c= /a/d=" },
        { "/a", ANNOTATION_DEPTH_ALL, "/a= /a/b= /a/b/c= /a/d=" },
        { "/a/b", 1, "/a/b= /a/b/c=" },
        { "/x", 0, "" },
        { "/x", ANNOTATION_DEPTH_ALL, "" },
        { "", 1, "/a= /a-b= /aa= /b=" },
        { "", ANNOTATION_DEPTH_ALL, "/a= /a-b= /a/b= /a/b/c= /a/d= /aa= /b=" },
    };
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    for (size_t i = 0; i < ARRAY_COUNT(entries); i++)
        assert_int_equal(annotate(&b, "INBOX", ME, entries[i], ""), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_values(&b, id_of(&b, "INBOX"), ME, cases[i].entry, cases[i].depth, cases[i].expected);
    bench_deinit(&b);
}

static void test_a_change_is_whole_or_not_at_all(void **state)
{
    const struct mail_options options = { .annotation_bytes_max = 10,
                                          .annotations_max = 3,
                                          .annotations_bytes_max = 100 };
    static const struct annotation items[] = {
        { ME, STR_INIT("/a"), STR_INIT("1") },
        { ANNOTATION_SHARED, STR_INIT("/a"), STR_INIT("2") },
        { ME, STR_INIT("/b"), STR_INIT("3") },
        { ME, STR_INIT("/a"), STR_INIT("4") },
        { ME, STR_INIT("/none"), { 0 } },
        { ME, STR_INIT("/c"), STR_INIT("0123456789") },
        { ME, STR_INIT("/d"), STR_INIT("too many") },
        { ME, STR_INIT("/e"), STR_INIT("0123456789x") },
    };
    struct bench b;
    (void)state;
    bench_init(&b, &options);
    struct change c = { .kind = CHANGE_ANNOTATE, .annotate = { id_of(&b, "INBOX"), items, 7 } };
    assert_int_equal(commit_one(&b, &c), -ERR_LIMIT); /* too many */
    c.annotate.count = 8;
    assert_int_equal(commit_one(&b, &c), -ERR_LIMIT); /* too long */
    assert_all(&b, "INBOX", ME, "");
    assert_bytes(&b, 0);
    c.annotate.count = 6;
    assert_int_equal(commit_one(&b, &c), 0);
    assert_all(&b, "INBOX", ME, "/a=4 /b=3 /c=0123456789");
    assert_all(&b, "INBOX", ANNOTATION_SHARED, "/a=2");
    assert_int_equal(annotate(&b, "INBOX", ME, "/d", ""), -ERR_LIMIT);
    assert_int_equal(annotate(&b, "INBOX", ME, "/b", "again"), 0); /* replacing adds none */
    assert_int_equal(annotate(&b, "INBOX", YOU, "/d", ""), 0);     /* each user has a number of their own */
    c.annotate.mailbox_id = 12345;
    assert_int_equal(commit_one(&b, &c), -ERR_NOT_FOUND);
    bench_deinit(&b);
}

static void test_bytes_of_an_account_have_a_limit(void **state)
{
    const struct mail_options options = { .annotations_bytes_max = 20 };
    struct bench b;
    (void)state;
    bench_init(&b, &options);
    assert_int_equal(annotate(&b, "INBOX", ME, "/a", "1234567890"), 0);
    assert_int_equal(annotate(&b, "INBOX", ME, "/b", "1234567"), -ERR_OVERQUOTA);
    assert_int_equal(annotate(&b, "INBOX", ME, "/b", "123456"), 0);
    assert_int_equal(annotate(&b, "INBOX", ME, "/b", NULL), 0);
    assert_int_equal(annotate(&b, "", ME, "/b", "123456"), 0);
    bench_deinit(&b);
}

/* Several changes of one commit see what those before them did. */
static void test_changes_of_one_group_follow_each_other(void **state)
{
    const struct mail_options options = { .annotations_max = 2 };
    struct bench b;
    (void)state;
    bench_init(&b, &options);
    uint64_t inbox = id_of(&b, "INBOX");
    const struct annotation set[] = { { ME, STR("/a"), STR("12345") },
                                      { ME, STR("/b"), STR("") },
                                      { ME, STR("/c"), STR("") },
                                      { ME, STR("/a"), STR_NIL } };
    struct change c[5] = { 0 };
    for (size_t i = 0; i < 4; i++)
        c[i] =
            (struct change){ .kind = CHANGE_ANNOTATE, .arena = &b.arena, .annotate = { inbox, &set[i], 1 } };
    c[4] = (struct change){ .kind = CHANGE_ANNOTATE, .arena = &b.arena, .annotate = { inbox, &set[2], 1 } };
    assert_int_equal(account_commit(b.account, c, 5, &b.err), -ERR_LIMIT);
    assert_int_equal(c[2].result, -ERR_LIMIT);
    assert_int_equal(c[4].result, 0);
    assert_all(&b, "INBOX", ME, "/b= /c=");
    assert_bytes(&b, 4);
    bench_deinit(&b);
}

/* ---- mailboxes ---- */

static void test_annotations_follow_their_mailbox(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    make(&b, "a");
    make(&b, "a/b");
    assert_int_equal(annotate(&b, "a", ANNOTATION_SHARED, "/comment", "A"), 0);
    assert_int_equal(annotate(&b, "a/b", YOU, "/comment", "B"), 0);
    struct change rename = { .kind = CHANGE_RENAME, .rename = { STR("a"), STR("c") } };
    assert_int_equal(commit_one(&b, &rename), 0);
    assert_all(&b, "c", ANNOTATION_SHARED, "/comment=A");
    assert_all(&b, "c/b", YOU, "/comment=B");
    uint64_t id = id_of(&b, "c/b");
    struct change delete = { .kind = CHANGE_DELETE, .delete = { STR("c/b") } };
    assert_int_equal(commit_one(&b, &delete), 0);
    assert_values(&b, id, YOU, "", ANNOTATION_DEPTH_ALL, "");
    assert_bytes(&b, 9);
    make(&b, "c/b");
    assert_all(&b, "c/b", YOU, "");
    bench_reopen(&b);
    assert_bytes(&b, 9);
    bench_deinit(&b);
}

/* RFC 5464, 4.1 */
static void test_inbox_keeps_its_annotations_when_renamed(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    assert_int_equal(annotate(&b, "INBOX", ANNOTATION_SHARED, "/comment", "all"), 0);
    const struct annotation mine = { ME, STR("/comment"), STR("me") };
    struct change c[] = {
        { .kind = CHANGE_ANNOTATE, .arena = &b.arena, .annotate = { id_of(&b, "INBOX"), &mine, 1 } },
        { .kind = CHANGE_RENAME, .arena = &b.arena, .rename = { STR("INBOX"), STR("old") } },
    };
    assert_int_equal(account_commit(b.account, c, 2, &b.err), 0);
    for (int i = 0; i < 2; i++) {
        assert_all(&b, "INBOX", ANNOTATION_SHARED, "/comment=all");
        assert_all(&b, "INBOX", ME, "/comment=me");
        assert_all(&b, "old", ANNOTATION_SHARED, "/comment=all");
        assert_all(&b, "old", ME, "/comment=me");
        assert_bytes(&b, 4 * 8 + 6 + 4);
        bench_reopen(&b);
    }
    bench_deinit(&b);
}

static unsigned use_of(struct bench *b, const char *name)
{
    struct tree *tree = account_tree(b->account);
    unsigned use = tree_find(tree, str_c(name))->use;
    tree_unref(&tree);
    return use;
}

static void test_a_special_use_moves_to_another_mailbox(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    make(&b, "Saved");
    const struct annotation comment = { ME, STR("/comment"), STR("x") };
    struct change c = { .kind = CHANGE_ANNOTATE,
                        .annotate = { id_of(&b, "Saved"), &comment, 1, true, USE_DRAFTS | USE_MEMOS } };
    assert_int_equal(commit_one(&b, &c), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(use_of(&b, "Saved"), USE_DRAFTS | USE_MEMOS);
        assert_int_equal(use_of(&b, "Drafts"), 0);
        assert_int_equal(use_of(&b, "Sent"), USE_SENT);
        assert_all(&b, "Saved", ME, "/comment=x"); /* the use is no value of its own */
        if (i == 0)
            assert_int_equal(account_fold(b.account, &b.err), 0);
        bench_reopen(&b);
    }
    c.annotate.use = 0;
    c.annotate.count = 0;
    assert_int_equal(commit_one(&b, &c), 0);
    assert_int_equal(use_of(&b, "Saved"), 0);
    assert_int_equal(commit_one(&b, &c), 0);
    assert_int_equal(c.modseq, 0);
    bench_deinit(&b);
}

/* ---- what changed ---- */

static const char *changes_text(struct bench *b, uint64_t since, bool *complete_out)
{
    struct annotation_change *changes;
    size_t count;
    struct buf out = BUF_INIT;
    *complete_out = account_annotation_changes(b->account, since, &b->arena, &changes, &count);
    for (size_t i = 0; i < count; i++)
        buf_printf(&out, "%s%llu:%llu" STR_FMT, i ? " " : "", (unsigned long long)changes[i].mailbox_id,
                   (unsigned long long)changes[i].user, STR_ARG(changes[i].entry));
    char *text = arena_c(&b->arena, buf_str(&out));
    buf_deinit(&out);
    return text;
}

static void count_events(struct watcher *watcher, unsigned events)
{
    if (events & WATCH_ANNOTATIONS)
        watcher->mailbox_id++;
}

static void test_changes_are_told_by_name(void **state)
{
    struct bench b;
    bool complete;
    (void)state;
    bench_init(&b, NULL);
    struct watcher watcher = { .fn = count_events, .mailbox_id = 1000, .events = WATCH_ANNOTATIONS };
    account_watch(b.account, &watcher);
    uint64_t start = account_annotation_modseq(b.account);
    assert_int_equal(start, 0);
    assert_int_equal(annotate(&b, "INBOX", ME, "/a", "1"), 0);
    uint64_t first = account_annotation_modseq(b.account);
    assert_int_equal(annotate(&b, "INBOX", ANNOTATION_SHARED, "/b", "1"), 0);
    assert_int_equal(annotate(&b, "INBOX", ME, "/a", NULL), 0);
    assert_int_equal(annotate(&b, "INBOX", ME, "/a", NULL), 0); /* nothing happens */
    make(&b, "x");
    assert_string_equal(changes_text(&b, start, &complete), "1:0/b 1:7/a");
    assert_true(complete);
    assert_string_equal(changes_text(&b, first, &complete), "1:0/b 1:7/a");
    assert_string_equal(changes_text(&b, account_annotation_modseq(b.account), &complete), "");
    assert_int_equal(watcher.mailbox_id, 1003);
    account_unwatch(b.account, &watcher);
    for (int i = 0; i < ANNOTATION_CHANGES_KEPT; i++) {
        char entry[32];
        snprintf(entry, sizeof entry, "/n%d", i);
        assert_int_equal(annotate(&b, "INBOX", ME, entry, ""), i < 100 ? 0 : -ERR_LIMIT);
        assert_int_equal(annotate(&b, "INBOX", 1000 + (uint64_t)i, "/n", ""), 0);
    }
    (void)changes_text(&b, first, &complete);
    assert_false(complete);
    uint64_t now = account_annotation_modseq(b.account);
    assert_string_equal(changes_text(&b, now, &complete), "");
    assert_true(complete);
    bench_deinit(&b);
}

static void test_two_instances_see_each_others_annotations(void **state)
{
    struct bench b, other;
    bool complete;
    (void)state;
    bench_init(&b, NULL);
    bench_init_with(&other, b.world, NULL);
    bench_open_account(&other);
    assert_int_equal(annotate(&b, "INBOX", ME, "/a", "1"), 0);
    assert_int_equal(annotate(&other, "INBOX", ANNOTATION_SHARED, "/a", "22"), 0);
    assert_int_equal(account_refresh(b.account, &b.err), 0);
    assert_all(&b, "INBOX", ANNOTATION_SHARED, "/a=22");
    assert_all(&other, "INBOX", ME, "/a=1");
    assert_bytes(&b, 7);
    assert_bytes(&other, 7);
    assert_string_equal(changes_text(&b, 0, &complete), "1:7/a 1:0/a");
    assert_true(complete);
    uint64_t before = 0;
    /* After a fold it reads all afresh and cannot know which ones; in the background it may have read them in between. */
    for (int tries = 0; tries < 1000 && complete; tries++) {
        before = account_annotation_modseq(b.account);
        assert_int_equal(annotate(&other, "INBOX", ANNOTATION_SHARED, "/b", "3"), 0);
        assert_int_equal(account_fold(other.account, &other.err), 0);
        assert_int_equal(account_refresh(b.account, &b.err), 0);
        assert_int_equal(account_annotation_modseq(b.account), account_annotation_modseq(other.account));
        (void)changes_text(&b, before, &complete);
    }
    assert_false(complete);
    assert_bytes(&b, 10);
    before = account_annotation_modseq(b.account);
    make(&other, "x");
    assert_int_equal(account_fold(other.account, &other.err), 0);
    assert_int_equal(account_refresh(b.account, &b.err), 0);
    (void)changes_text(&b, before, &complete);
    assert_true(complete); /* of annotations there was nothing to miss */
    bench_detach(&other);
    bench_free(&other);
    bench_deinit(&b);
}

static void test_an_account_of_the_first_format_is_read(void **state)
{
    static const char record[] = "\1\5\4\3\2\1\7\1\0\0\1\30";
    struct account_record a;
    struct err err;
    struct buf out = BUF_INIT;
    (void)state;
    assert_int_equal(account_record_decode(str_make(record, sizeof record - 1), &a, &err), 0);
    assert_true(a.version == 5 && a.log_bytes == 24 && a.annotation_bytes == 0 && a.annotation_modseq == 0);
    a.annotation_bytes = 300;
    a.annotation_modseq = 4;
    account_record_encode(&a, &out);
    assert_int_equal(out.p[0], ACCOUNT_FORMAT);
    assert_int_equal(account_record_decode(buf_str(&out), &a, &err), 0);
    assert_true(a.annotation_bytes == 300 && a.annotation_modseq == 4);
    out.p[0] = ACCOUNT_FORMAT + 1;
    assert_int_equal(account_record_decode(buf_str(&out), &a, &err), -ERR_CANNOT);
    out.p[0] = 0;
    assert_int_equal(account_record_decode(buf_str(&out), &a, &err), -ERR_CANNOT);
    buf_deinit(&out);
}

/* Call number 1, 2, 3 ... of the store fails: the change is there whole or not at all, and totals agree. */
static void test_a_failing_store_leaves_nothing_by_halves(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 12; n++) {
        struct bench b;
        bench_init(&b, NULL);
        assert_int_equal(annotate(&b, "INBOX", ME, "/a", "1"), 0);
        uint64_t inbox = id_of(&b, "INBOX");
        const struct annotation items[] = { { ME, STR("/a"), STR_NIL },
                                            { ANNOTATION_SHARED, STR("/b"), STR("22") } };
        struct change c = { .kind = CHANGE_ANNOTATE, .annotate = { inbox, items, 2 } };
        const struct faulty_plan plan = {
            .ops = FAULTY_ALL, .nth = 1 + n / 2, .error = ERR_IO, .when = n % 2 ? FAULTY_BEFORE : FAULTY_AFTER
        };
        faulty_store_plan(b.store, &plan);
        int r = commit_one(&b, &c);
        faulty_store_plan(b.store, &(const struct faulty_plan){ 0 });
        bench_reopen(&b);
        struct account_totals totals;
        account_totals(b.account, &totals);
        if (r == 0 || totals.annotation_bytes == 4) {
            assert_all(&b, "INBOX", ANNOTATION_SHARED, "/b=22");
            assert_all(&b, "INBOX", ME, "");
        } else {
            assert_int_equal(totals.annotation_bytes, 3);
            assert_all(&b, "INBOX", ANNOTATION_SHARED, "");
            assert_all(&b, "INBOX", ME, "/a=1");
        }
        bench_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_set_replaced_and_deleted),
        cmocka_unit_test(test_depth_chooses_levels),
        cmocka_unit_test(test_a_change_is_whole_or_not_at_all),
        cmocka_unit_test(test_bytes_of_an_account_have_a_limit),
        cmocka_unit_test(test_changes_of_one_group_follow_each_other),
        cmocka_unit_test(test_annotations_follow_their_mailbox),
        cmocka_unit_test(test_inbox_keeps_its_annotations_when_renamed),
        cmocka_unit_test(test_a_special_use_moves_to_another_mailbox),
        cmocka_unit_test(test_changes_are_told_by_name),
        cmocka_unit_test(test_two_instances_see_each_others_annotations),
        cmocka_unit_test(test_an_account_of_the_first_format_is_read),
        cmocka_unit_test(test_a_failing_store_leaves_nothing_by_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
