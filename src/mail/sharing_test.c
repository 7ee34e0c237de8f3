/* Access control lists in the model: changes, inheritance, the log and the fold. */
#include "mail/testing_mail.h"

static int set_acl(struct bench *b, const char *name, uint64_t user, enum acl_mode mode, const char *letters)
{
    struct acl_entry entry = { ACL_USER, false, user, 0, STR("somebody") };
    struct change c = { .kind = CHANGE_SET_ACL,
                        .acl = { .mailbox_id = box_id(b, name), .entry = &entry, .mode = mode } };
    assert_true(rights_parse(str_c(letters), &entry.rights));
    return commit_one(b, &c);
}

static const char *rights_of(struct bench *b, const char *name, uint64_t user)
{
    struct acl_identity who = { .user = user };
    struct mailbox *box;
    struct buf out = BUF_INIT;
    assert_int_equal(account_mailbox(b->account, str_c(name), &box, &b->err), 0);
    rights_write(mailbox_rights(box, &who), &out);
    mailbox_unref(&box);
    char *text = arena_c(&b->arena, buf_str(&out));
    buf_deinit(&out);
    return text;
}

/* Run a check on the account as it is, after a restart from the log, and after a fold and a restart. */
#define in_all_states(b, check)                                                                              \
    do {                                                                                                     \
        check;                                                                                               \
        bench_reopen(b);                                                                                     \
        check;                                                                                               \
        assert_int_equal(account_fold((b)->account, &(b)->err), 0);                                          \
        check;                                                                                               \
        bench_reopen(b);                                                                                     \
        check;                                                                                               \
    } while (0)

static void test_rights_last(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    assert_int_equal(set_acl(&b, "Archive", 9, ACL_REPLACE, "lrs"), 0);
    in_all_states(&b, {
        assert_string_equal(rights_of(&b, "Archive", 9), "lrs");
        assert_string_equal(rights_of(&b, "Archive", 8), "");
        assert_string_equal(rights_of(&b, "INBOX", 9), "");
        assert_string_equal(rights_of(&b, "Archive", BENCH_ACCOUNT), "lrswipkxtecda");
    });
    assert_int_equal(rename_box(&b, "Archive", "Old/Archive"), 0);
    in_all_states(&b, assert_string_equal(rights_of(&b, "Old/Archive", 9), "lrs"));
    assert_int_equal(set_acl(&b, "Old/Archive", 9, ACL_DELETE, ""), 0);
    in_all_states(&b, assert_string_equal(rights_of(&b, "Old/Archive", 9), ""));
    bench_deinit(&b);
}

static void test_a_list_that_stays_as_it_is_costs_no_commit(void **state)
{
    struct bench b;
    struct account_totals before, after;
    (void)state;
    bench_init(&b, NULL);
    assert_int_equal(set_acl(&b, "Archive", 9, ACL_REPLACE, "lrs"), 0);
    account_totals(b.account, &before);
    assert_int_equal(set_acl(&b, "Archive", 9, ACL_ADD, "lr"), 0);
    assert_int_equal(set_acl(&b, "Archive", 8, ACL_DELETE, ""), 0);
    account_totals(b.account, &after);
    assert_int_equal(before.version, after.version);
    bench_deinit(&b);
}

/* RFC 4314, 4 (CREATE) */
static void test_a_new_mailbox_inherits_the_rights_above(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    assert_int_equal(create_box(&b, "Team"), 0);
    assert_int_equal(set_acl(&b, "Team", 9, ACL_REPLACE, "lrk"), 0);
    assert_int_equal(create_box(&b, "Team/a/b"), 0); /* and what is made above it */
    assert_int_equal(set_acl(&b, "Team", 9, ACL_REPLACE, "l"), 0);
    assert_int_equal(create_box(&b, "Teamwork"), 0);
    in_all_states(&b, {
        assert_string_equal(rights_of(&b, "Team", 9), "l");
        assert_string_equal(rights_of(&b, "Team/a", 9), "lrkc");
        assert_string_equal(rights_of(&b, "Team/a/b", 9), "lrkc");
        assert_string_equal(rights_of(&b, "Teamwork", 9), "");
    });
    bench_deinit(&b);
}

static void test_a_deleted_mailbox_takes_its_rights_along(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    assert_int_equal(create_box(&b, "Team"), 0);
    assert_int_equal(set_acl(&b, "Team", 9, ACL_REPLACE, "lr"), 0);
    assert_int_equal(account_fold(b.account, &b.err), 0);
    assert_int_equal(delete_box(&b, "Team"), 0);
    assert_int_equal(create_box(&b, "Team"), 0);
    in_all_states(&b, assert_string_equal(rights_of(&b, "Team", 9), ""));
    bench_deinit(&b);
}

static void on_change(struct watcher *watcher, unsigned events)
{
    (void)events;
    watcher->mailbox_id = 0; /* heard */
}

static void test_who_watches_a_mailbox_hears_of_its_rights(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    struct watcher watcher = { .fn = on_change,
                               .mailbox_id = box_id(&b, "Archive"),
                               .events = WATCH_MAILBOX };
    account_watch(b.account, &watcher);
    assert_int_equal(set_acl(&b, "INBOX", 9, ACL_REPLACE, "lr"), 0);
    assert_int_not_equal(watcher.mailbox_id, 0);
    assert_int_equal(set_acl(&b, "Archive", 9, ACL_REPLACE, "lr"), 0);
    assert_int_equal(watcher.mailbox_id, 0);
    account_unwatch(b.account, &watcher);
    bench_deinit(&b);
}

static void test_rights_of_a_mailbox_that_is_gone_are_refused(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    struct change c = { .kind = CHANGE_SET_ACL, .acl = { .mailbox_id = 999, .sets_seen = true } };
    assert_int_equal(commit_one(&b, &c), -ERR_NOT_FOUND);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rights_last),
        cmocka_unit_test(test_a_list_that_stays_as_it_is_costs_no_commit),
        cmocka_unit_test(test_a_new_mailbox_inherits_the_rights_above),
        cmocka_unit_test(test_a_deleted_mailbox_takes_its_rights_along),
        cmocka_unit_test(test_who_watches_a_mailbox_hears_of_its_rights),
        cmocka_unit_test(test_rights_of_a_mailbox_that_is_gone_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
