/* What a view tells and holds back; \Recent; watchers. */
#include "mail/testing_mail.h"

static struct mailbox *open_box(struct bench *b, const char *name)
{
    struct mailbox *box;
    assert_int_equal(account_mailbox(b->account, str_c(name), &box, &b->err), 0);
    return box;
}

static struct view_update sync_view(struct bench *b, struct view *view, bool may_expunge)
{
    struct view_update update;
    assert_int_equal(view_sync(view, may_expunge, &b->arena, &update, &b->err), 0);
    return update;
}

static void test_view_tells_what_changed(void **state)
{
    struct bench b;
    struct view view;
    (void)state;
    bench_init(&b, NULL);
    for (int i = 0; i < 5; i++)
        append_one(&b, "INBOX", "x", 0);
    struct mailbox *box = open_box(&b, "INBOX");
    view_open(box, false, &view);
    assert_false(view_is_stale(&view));
    assert_int_equal(store_flags(&b, "INBOX", "2,4", STORE_ADD, FLAG_SEEN), 0);
    assert_int_equal(expunge(&b, "INBOX", "1,3"), 0);
    append_one(&b, "INBOX", "y", 0);
    assert_true(view_is_stale(&view));
    struct view_update update = sync_view(&b, &view, true);
    assert_int_equal(update.diff.expunged_count, 2);
    assert_int_equal(update.diff.expunged_seqs[1], 3);
    assert_string_equal(uids_text(&b, &update.diff.vanished), "1,3");
    assert_int_equal(update.diff.changed_count, 2);
    assert_int_equal(update.diff.changed_seqs[0], 1);
    assert_int_equal(update.diff.added_count, 1);
    assert_true(update.exists_changed);
    assert_false(update.mailbox_deleted);
    assert_false(view_is_stale(&view));
    update = sync_view(&b, &view, true);
    assert_int_equal(update.diff.expunged_count + update.diff.changed_count + update.diff.added_count, 0);
    assert_false(update.exists_changed);
    assert_int_equal(delete_box(&b, "Sent"), 0);
    view_close(&view);
    mailbox_unref(&box);
    bench_deinit(&b);
}

/* RFC 9051, 7.5.1: no EXPUNGE while FETCH, STORE or SEARCH is answered */
static void test_view_holds_expunge_back(void **state)
{
    struct bench b;
    struct view view;
    struct message row;
    (void)state;
    bench_init(&b, NULL);
    for (int i = 0; i < 4; i++)
        append_one(&b, "INBOX", "x", 0);
    struct mailbox *box = open_box(&b, "INBOX");
    view_open(box, false, &view);
    assert_int_equal(expunge(&b, "INBOX", "2"), 0);
    struct view_update update = sync_view(&b, &view, false);
    assert_int_equal(update.diff.expunged_count, 0);
    assert_int_equal(view.snapshot->exists, 4);
    assert_true(view_is_stale(&view)); /* there is something to tell yet */
    append_one(&b, "INBOX", "y", 0);
    assert_int_equal(store_flags(&b, "INBOX", "3", STORE_ADD, FLAG_SEEN), 0);
    assert_int_equal(expunge(&b, "INBOX", "4"), 0);
    update = sync_view(&b, &view, false);
    assert_int_equal(update.diff.expunged_count, 0);
    assert_int_equal(update.diff.added_count, 1);
    assert_int_equal(update.diff.changed_count, 1);
    assert_int_equal(view.snapshot->exists, 5);
    assert_int_equal(snapshot_message(view.snapshot, 2, &row, &b.err), 0);
    assert_int_equal(row.uid, 2); /* its number still means it */
    update = sync_view(&b, &view, true);
    assert_string_equal(uids_text(&b, &update.diff.vanished), "2,4");
    assert_int_equal(view.snapshot->exists, 3);
    assert_false(view_is_stale(&view));
    view_close(&view);
    mailbox_unref(&box);
    bench_deinit(&b);
}

/* RFC 3501, 2.3.2 */
static void test_recent_goes_to_the_first_session_told(void **state)
{
    struct bench b;
    struct view first, second, examine;
    (void)state;
    bench_init(&b, NULL);
    for (int i = 0; i < 3; i++)
        append_one(&b, "INBOX", "x", 0);
    struct mailbox *box = open_box(&b, "INBOX");
    assert_int_equal(mailbox_recent_count(box), 3);
    view_open(box, true, &examine); /* EXAMINE takes none away */
    assert_int_equal(view_recent_count(&examine), 3);
    assert_int_equal(mailbox_recent_count(box), 3);
    view_open(box, false, &first);
    view_open(box, false, &second);
    assert_int_equal(view_recent_count(&first), 3);
    assert_int_equal(view_recent_count(&second), 0);
    assert_int_equal(mailbox_recent_count(box), 0);
    append_one(&b, "INBOX", "y", 0);
    append_one(&b, "INBOX", "y", 0);
    sync_view(&b, &second, true);
    append_one(&b, "INBOX", "z", 0);
    sync_view(&b, &first, true);
    sync_view(&b, &second, true);
    sync_view(&b, &examine, true);
    assert_int_equal(view_recent_count(&first), 4);
    assert_int_equal(view_recent_count(&second), 2);
    assert_int_equal(view_recent_count(&examine), 3); /* others were told first of the rest */
    static const bool of_first[] = { true, true, true, false, false, true };
    for (uint32_t uid = 1; uid <= 6; uid++) {
        assert_int_equal(view_is_recent(&first, uid), of_first[uid - 1]);
        assert_int_equal(view_is_recent(&second, uid), uid == 4 || uid == 5);
    }
    assert_int_equal(expunge(&b, "INBOX", "2"), 0);
    sync_view(&b, &first, true);
    assert_int_equal(view_recent_count(&first), 3);
    view_close(&first);
    view_close(&second);
    view_close(&examine);
    mailbox_unref(&box);
    /* The fold remembers whom was told; without it the next session is told again. */
    assert_int_equal(account_fold(b.account, &b.err), 0);
    bench_reopen(&b);
    box = open_box(&b, "INBOX");
    assert_int_equal(mailbox_recent_count(box), 0);
    mailbox_unref(&box);
    bench_deinit(&b);
}

static void test_view_outlives_its_mailbox(void **state)
{
    struct bench b;
    struct view view;
    (void)state;
    bench_init(&b, NULL);
    append_one(&b, "Sent", "x", 0);
    struct mailbox *box = open_box(&b, "Sent");
    view_open(box, false, &view);
    mailbox_unref(&box);
    assert_int_equal(delete_box(&b, "Sent"), 0);
    assert_int_equal(account_fold(b.account, &b.err), 0);
    struct view_update update = sync_view(&b, &view, true);
    assert_true(update.mailbox_deleted);
    assert_int_equal(view.snapshot->exists, 1);
    view_close(&view);
    bench_deinit(&b);
}

/* RFC 5465, 3.1: one who wants to hear of nothing is told what he does himself, and all the rest when he asks again. */
static void test_view_can_follow_some_messages_only(void **state)
{
    struct bench b;
    struct view view;
    struct view_update update;
    struct seqset own;
    struct message row;
    (void)state;
    bench_init(&b, NULL);
    for (int i = 0; i < 6; i++)
        append_one(&b, "INBOX", "x", 0);
    struct mailbox *box = open_box(&b, "INBOX");
    view_open(box, false, &view);
    assert_int_equal(store_flags(&b, "INBOX", "1,4", STORE_ADD, FLAG_SEEN), 0);
    assert_int_equal(expunge(&b, "INBOX", "2,5"), 0);
    append_one(&b, "INBOX", "y", 0);
    seqset_init(&own, &b.arena);
    seqset_add_range(&own, 4, 5);
    assert_int_equal(view_sync_only(&view, &own, false, &b.arena, &update, &b.err), 0);
    assert_int_equal(update.diff.changed_count, 1);
    assert_int_equal(update.diff.changed_seqs[0], 4);
    assert_int_equal(update.diff.expunged_count + update.diff.added_count, 0);
    assert_int_equal(view.snapshot->exists, 6);
    assert_int_equal(view_sync_only(&view, &own, true, &b.arena, &update, &b.err), 0);
    assert_int_equal(update.diff.expunged_count, 1);
    assert_string_equal(uids_text(&b, &update.diff.vanished), "5");
    assert_int_equal(view.snapshot->exists, 5);
    assert_int_equal(snapshot_message(view.snapshot, 1, &row, &b.err), 0);
    assert_int_equal(row.flags, 0); /* not followed */
    assert_true(view_is_stale(&view));
    update = sync_view(&b, &view, true);
    assert_string_equal(uids_text(&b, &update.diff.vanished), "2");
    assert_int_equal(update.diff.changed_count, 1); /* message 1; message 4 has been told */
    assert_int_equal(update.diff.changed_seqs[0], 1);
    assert_int_equal(update.diff.added_count, 1);
    assert_false(view_is_stale(&view));
    view_close(&view);
    mailbox_unref(&box);
    bench_deinit(&b);
}

/* ---- watchers ---- */

struct counter {
    struct watcher watcher;
    unsigned calls, events;
};

static void count(struct watcher *watcher, unsigned events)
{
    struct counter *c = (struct counter *)watcher;
    c->calls++;
    c->events |= events;
}

static void test_watchers_hear_of_what_they_asked_for(void **state)
{
    static const struct {
        const char *what;
        unsigned all, inbox, tree;
    } steps[] = {
        { "append", WATCH_MAILBOX, WATCH_MAILBOX, 0 },
        { "flags", WATCH_MAILBOX, WATCH_MAILBOX, 0 },
        { "nothing", 0, 0, 0 },
        { "other mailbox", WATCH_MAILBOX, 0, 0 },
        { "create", WATCH_TREE, 0, WATCH_TREE },
        { "subscribe", WATCH_TREE, 0, WATCH_TREE },
        { "fold", 0, 0, 0 },
        { "delete account", WATCH_ACCOUNT_GONE, WATCH_ACCOUNT_GONE, 0 },
    };
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    struct counter all = { .watcher = { .fn = count, .events = ~0u } };
    struct counter inbox = { .watcher = { .fn = count,
                                          .mailbox_id = box_id(&b, "INBOX"),
                                          .events = WATCH_MAILBOX | WATCH_ACCOUNT_GONE } };
    struct counter tree = { .watcher = { .fn = count, .events = WATCH_TREE } };
    account_watch(b.account, &all.watcher);
    account_watch(b.account, &inbox.watcher);
    account_watch(b.account, &tree.watcher);
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        all.events = inbox.events = tree.events = 0;
        switch (i) {
        case 0:
            append_one(&b, "INBOX", "x", 0);
            break;
        case 1:
        case 2:
            assert_int_equal(store_flags(&b, "INBOX", "1", STORE_ADD, FLAG_SEEN), 0);
            break;
        case 3:
            append_one(&b, "Sent", "x", 0);
            break;
        case 4:
            assert_int_equal(create_box(&b, "new"), 0);
            break;
        case 5:
            assert_int_equal(subscribe_box(&b, "new", true), 0);
            break;
        case 6:
            assert_int_equal(account_fold(b.account, &b.err), 0);
            break;
        default:
            assert_int_equal(mail_account_delete(b.mail, account_id(b.account), &b.err), 0);
        }
        assert_row(all.events == steps[i].all, i, steps[i].what);
        assert_row(inbox.events == steps[i].inbox, i, steps[i].what);
        assert_row(tree.events == steps[i].tree, i, steps[i].what);
    }
    account_unwatch(b.account, &inbox.watcher);
    account_unwatch(b.account, &tree.watcher);
    account_unwatch(b.account, &all.watcher);
    bench_deinit(&b);
}

/* A commit on a mailbox that nobody watches wakes nobody. */
static void test_watchers_may_name_their_mailboxes(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    struct watched named[] = { { .mailbox_id = box_id(&b, "INBOX") }, { .mailbox_id = box_id(&b, "Sent") } };
    assert_true(named[0].mailbox_id < named[1].mailbox_id);
    struct counter some = { .watcher = { .fn = count,
                                         .mailboxes = named,
                                         .mailbox_count = ARRAY_COUNT(named),
                                         .events = WATCH_MAILBOX } };
    account_watch(b.account, &some.watcher);
    append_one(&b, "Trash", "x", 0);
    append_one(&b, "Drafts", "x", 0);
    assert_int_equal(create_box(&b, "new"), 0);
    assert_int_equal(some.events, 0);
    append_one(&b, "Sent", "x", 0);
    assert_int_equal(some.events, WATCH_MAILBOX);
    assert_false(atomic_load(&named[0].changed));
    assert_true(atomic_load(&named[1].changed));
    append_one(&b, "INBOX", "x", 0);
    assert_true(atomic_load(&named[0].changed));
    account_unwatch(b.account, &some.watcher);
    bench_deinit(&b);
}

/* ---- another machine folds under a view ---- */

static void test_view_follows_folds_of_another_instance(void **state)
{
    struct bench a, b;
    struct view view;
    (void)state;
    bench_init(&a, NULL);
    for (int i = 0; i < 10; i++)
        append_one(&a, "INBOX", "x", 0);
    bench_init_with(&b, a.world, &a.options);
    bench_open_account(&b);
    struct mailbox *box = open_box(&b, "INBOX");
    view_open(box, false, &view);
    assert_int_equal(store_flags(&a, "INBOX", "3", STORE_ADD, FLAG_SEEN), 0);
    assert_int_equal(account_fold(a.account, &a.err), 0);
    append_one(&a, "INBOX", "y", 0);
    assert_int_equal(rename_box(&a, "Sent", "Gesendet"), 0);
    assert_int_equal(delete_box(&a, "Trash"), 0);
    assert_int_equal(account_fold(a.account, &a.err), 0);
    assert_int_equal(expunge(&a, "INBOX", "1"), 0);
    struct view_update update = sync_view(&b, &view, true);
    assert_string_equal(uids_text(&b, &update.diff.vanished), "1");
    assert_int_equal(update.diff.changed_count, 1);
    assert_int_equal(update.diff.added_count, 1);
    assert_int_equal(box_id(&b, "Trash"), 0);
    assert_int_not_equal(box_id(&b, "Gesendet"), 0);
    struct mailbox *same = open_box(&b, "INBOX");
    assert_ptr_equal(same, box); /* sessions hold on to it */
    mailbox_unref(&same);
    view_close(&view);
    mailbox_unref(&box);
    bench_detach(&b);
    bench_free(&b);
    bench_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_view_tells_what_changed),
        cmocka_unit_test(test_view_holds_expunge_back),
        cmocka_unit_test(test_recent_goes_to_the_first_session_told),
        cmocka_unit_test(test_view_outlives_its_mailbox),
        cmocka_unit_test(test_view_can_follow_some_messages_only),
        cmocka_unit_test(test_watchers_hear_of_what_they_asked_for),
        cmocka_unit_test(test_watchers_may_name_their_mailboxes),
        cmocka_unit_test(test_view_follows_folds_of_another_instance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
