/* Access control lists in the model, and \Seen of readers: changes, inheritance, the log and the fold. */
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

/* ---- \Seen of readers ---- */

enum { READER = 9, OTHER = 8 };

static int store_for(struct bench *b, const char *name, uint64_t reader, const char *uids,
                     enum store_mode mode, uint8_t flags)
{
    struct seqset set = uids_of(b, uids);
    struct change c = { .kind = CHANGE_STORE,
                        .store = { .mailbox_id = box_id(b, name),
                                   .uids = &set,
                                   .mode = mode,
                                   .flags = flags,
                                   .reader = reader } };
    return commit_one(b, &c);
}

/* "1S 2F 3": UIDs with the flags that the reader sees (S seen, F flagged, D deleted), and how many are unseen. */
static const char *face_text(struct bench *b, const char *name, uint64_t reader)
{
    struct mailbox *box;
    struct snapshot *s;
    struct buf out = BUF_INIT;
    uint32_t unseen = 0;
    assert_int_equal(account_mailbox(b->account, str_c(name), &box, &b->err), 0);
    assert_int_equal(mailbox_snapshot_for(box, reader, &s, &b->err), 0);
    for (uint32_t seq = 1; seq <= s->exists; seq++) {
        struct message m;
        assert_int_equal(snapshot_message(s, seq, &m, &b->err), 0);
        buf_printf(&out, "%s%u%s%s%s", seq > 1 ? " " : "", m.uid, m.flags & FLAG_SEEN ? "S" : "",
                   m.flags & FLAG_FLAGGED ? "F" : "", m.flags & FLAG_DELETED ? "D" : "");
        unseen += !(m.flags & FLAG_SEEN);
        assert_true(m.modseq <= s->highest_modseq);
    }
    assert_int_equal(s->unseen, unseen);
    snapshot_unref(&s);
    mailbox_unref(&box);
    char *text = arena_c(&b->arena, buf_str(&out));
    buf_deinit(&out);
    return text;
}

static void append_some(struct bench *b, const char *name, int count, uint8_t flags)
{
    for (int i = 0; i < count; i++)
        assert_true(append_one(b, name, "x", flags) > 0);
}

static void test_what_a_reader_has_seen_calls_him_alone(void **state)
{
    struct bench b;
    const uint64_t readers[] = { 0, READER, OTHER };
    static const struct {
        uint64_t reader;
        uint8_t flags;
        bool heard[3];
    } cases[] = {
        { READER, FLAG_SEEN, { false, true, false } },
        { OTHER, FLAG_SEEN, { false, false, true } },
        { READER, FLAG_SEEN | FLAG_FLAGGED, { true, true, true } },
        { 0, FLAG_ANSWERED, { true, true, true } },
    };
    (void)state;
    bench_init(&b, NULL);
    append_some(&b, "INBOX", 2, 0);
    assert_int_equal(set_acl(&b, "INBOX", READER, ACL_REPLACE, "lrsw"), 0);
    assert_int_equal(set_acl(&b, "INBOX", OTHER, ACL_REPLACE, "lrsw"), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct watcher watchers[3];
        for (size_t k = 0; k < 3; k++) {
            watchers[k] = (struct watcher){ .fn = on_change,
                                            .mailbox_id = box_id(&b, "INBOX"),
                                            .reader = readers[k],
                                            .events = WATCH_MAILBOX };
            account_watch(b.account, &watchers[k]);
        }
        assert_int_equal(
            store_for(&b, "INBOX", cases[i].reader, i == 2 ? "2" : "1", STORE_ADD, cases[i].flags), 0);
        for (size_t k = 0; k < 3; k++) {
            account_unwatch(b.account, &watchers[k]);
            if ((watchers[k].mailbox_id == 0) != cases[i].heard[k])
                fail_msg("case %zu: watcher %zu", i, k);
        }
    }
    bench_deinit(&b);
}

static void test_each_reader_has_a_seen_of_his_own(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    append_some(&b, "INBOX", 3, 0);
    append_some(&b, "INBOX", 1, FLAG_SEEN);
    assert_int_equal(store_for(&b, "INBOX", READER, "1:2", STORE_ADD, FLAG_SEEN | FLAG_FLAGGED), 0);
    assert_int_equal(store_for(&b, "INBOX", OTHER, "3:4", STORE_REPLACE, FLAG_SEEN | FLAG_DELETED), 0);
    assert_int_equal(store_for(&b, "INBOX", READER, "2", STORE_REMOVE, FLAG_SEEN), 0);
    assert_int_equal(store_for(&b, "INBOX", 0, "1", STORE_REPLACE, FLAG_SEEN | FLAG_DELETED), 0);
    in_all_states(&b, {
        assert_string_equal(face_text(&b, "INBOX", 0), "1SD 2F 3D 4SD");
        assert_string_equal(face_text(&b, "INBOX", READER), "1SD 2F 3D 4D");
        assert_string_equal(face_text(&b, "INBOX", OTHER), "1D 2F 3SD 4SD");
        assert_string_equal(face_text(&b, "INBOX", 77), "1D 2F 3D 4D");
    });
    assert_int_equal(expunge(&b, "INBOX", "1,3"), 0);
    assert_int_equal(rename_box(&b, "INBOX", "Old"), 0); /* what was seen goes along */
    append_some(&b, "INBOX", 1, 0);
    in_all_states(&b, {
        assert_string_equal(face_text(&b, "Old", OTHER), "1F 2SD");
        assert_string_equal(face_text(&b, "Old", READER), "1F 2D");
        assert_string_equal(face_text(&b, "INBOX", OTHER), "5");
    });
    assert_int_equal(store_for(&b, "Old", OTHER, "1", STORE_ADD, FLAG_SEEN), 0);
    assert_int_equal(expunge(&b, "Old", "2"), 0); /* a fold keeps nothing of it */
    in_all_states(&b, assert_string_equal(face_text(&b, "Old", OTHER), "1SF"));
    bench_deinit(&b);
}

static void test_shared_seen_is_one_for_all(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    append_some(&b, "INBOX", 2, 0);
    assert_int_equal(store_for(&b, "INBOX", READER, "1", STORE_ADD, FLAG_SEEN), 0);
    struct change c = { .kind = CHANGE_SET_ACL,
                        .acl = {
                            .mailbox_id = box_id(&b, "INBOX"), .sets_seen = true, .seen_shared = true } };
    assert_int_equal(commit_one(&b, &c), 0);
    in_all_states(&b, assert_string_equal(face_text(&b, "INBOX", READER), "1 2"));
    assert_int_equal(store_for(&b, "INBOX", READER, "2", STORE_ADD, FLAG_SEEN), 0);
    in_all_states(&b, {
        assert_string_equal(face_text(&b, "INBOX", 0), "1 2S");
        assert_string_equal(face_text(&b, "INBOX", OTHER), "1 2S");
    });
    c.acl.seen_shared = false;
    assert_int_equal(commit_one(&b, &c), 0);
    in_all_states(&b, assert_string_equal(face_text(&b, "INBOX", READER), "1S 2"));
    bench_deinit(&b);
}

static void test_messages_of_a_reader_are_seen_by_him_alone(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    struct new_message m[2] = { message_of(&b, "x"), message_of(&b, "y") };
    m[0].flags = FLAG_SEEN | FLAG_FLAGGED;
    struct change c = append_change(&b, "INBOX", m, 2);
    c.append.reader = READER;
    assert_int_equal(commit_one(&b, &c), 0);
    assert_int_equal(copy_to(&b, "INBOX", "1", "Archive", false), 0);
    assert_int_equal(copy_to(&b, "INBOX", "1:2", "Trash", true), 0);
    in_all_states(&b, {
        assert_string_equal(face_text(&b, "Archive", 0), "1F");
        assert_string_equal(face_text(&b, "Archive", READER), "1SF");
        assert_string_equal(face_text(&b, "Trash", READER), "1SF 2");
        assert_string_equal(face_text(&b, "Trash", OTHER), "1F 2");
        assert_string_equal(face_text(&b, "INBOX", READER), "");
    });
    bench_deinit(&b);
}

static void test_seen_of_a_deleted_mailbox_does_not_come_back(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    append_some(&b, "Archive", 2, 0);
    assert_int_equal(store_for(&b, "Archive", READER, "1:2", STORE_ADD, FLAG_SEEN), 0);
    assert_int_equal(account_fold(b.account, &b.err), 0);
    assert_int_equal(delete_box(&b, "Archive"), 0);
    assert_int_equal(create_box(&b, "Archive"), 0);
    append_some(&b, "Archive", 2, 0);
    in_all_states(&b, assert_string_equal(face_text(&b, "Archive", READER), "1 2"));
    bench_deinit(&b);
}

static void test_a_view_is_told_of_its_readers_seen_and_modseq(void **state)
{
    struct bench b;
    struct view mine, owners;
    struct view_update update;
    struct mailbox *box;
    struct seqset uids;
    (void)state;
    bench_init(&b, NULL);
    append_some(&b, "INBOX", 3, 0);
    uids = uids_of(&b, "2:3");
    assert_int_equal(account_mailbox(b.account, STR("INBOX"), &box, &b.err), 0);
    assert_int_equal(view_open_for(box, READER, false, &mine, &b.err), 0);
    view_open(box, false, &owners);
    uint64_t before = mine.snapshot->highest_modseq;
    assert_false(view_is_stale(&mine));
    assert_int_equal(store_for(&b, "INBOX", READER, "2", STORE_ADD, FLAG_SEEN), 0);
    assert_true(view_is_stale(&mine));
    assert_false(view_is_stale(&owners));
    assert_int_equal(view_sync(&mine, true, &b.arena, &update, &b.err), 0);
    assert_int_equal(update.diff.changed_count, 1);
    assert_int_equal(update.diff.changed_seqs[0], 2);
    struct message m;
    assert_int_equal(snapshot_message(mine.snapshot, 2, &m, &b.err), 0);
    assert_true((m.flags & FLAG_SEEN) && m.modseq > before && m.modseq == mine.snapshot->highest_modseq);
    assert_false(view_is_stale(&mine));
    /* UNCHANGEDSINCE counts the reader's own modseq */
    struct change c = { .kind = CHANGE_STORE,
                        .store = { .mailbox_id = mailbox_id(box),
                                   .uids = &uids,
                                   .mode = STORE_ADD,
                                   .flags = FLAG_FLAGGED,
                                   .conditional = true,
                                   .unchanged_since = before,
                                   .reader = READER } };
    assert_int_equal(commit_one(&b, &c), 0);
    assert_string_equal(uids_text(&b, &c.modified), "2");
    c.store.reader = OTHER;
    c.store.uids = &uids;
    uids = uids_of(&b, "2");
    assert_int_equal(commit_one(&b, &c), 0);
    assert_string_equal(uids_text(&b, &c.uids), "2");
    assert_int_equal(view_sync(&mine, true, &b.arena, &update, &b.err), 0);
    assert_int_equal(update.diff.changed_count, 2);
    view_close(&mine);
    view_close(&owners);
    mailbox_unref(&box);
    bench_deinit(&b);
}

static struct snapshot *face_of(struct bench *b, uint64_t reader)
{
    struct mailbox *box;
    struct snapshot *s;
    assert_int_equal(account_mailbox(b->account, STR("INBOX"), &box, &b->err), 0);
    assert_int_equal(mailbox_snapshot_for(box, reader, &s, &b->err), 0);
    mailbox_unref(&box);
    return s;
}

static void test_readers_share_what_they_have_not_looked_at(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    append_some(&b, "INBOX", 600, FLAG_SEEN);
    struct snapshot *one = face_of(&b, READER), *other = face_of(&b, OTHER);
    assert_ptr_equal(one->nodes[0], other->nodes[0]);
    assert_int_equal(store_for(&b, "INBOX", READER, "1", STORE_ADD, FLAG_SEEN), 0);
    struct snapshot *later = face_of(&b, READER), *same = face_of(&b, READER);
    assert_ptr_equal(later, same);
    assert_ptr_not_equal(later->nodes[0]->chunks[0], other->nodes[0]->chunks[0]);
    assert_ptr_equal(later->nodes[0]->chunks[1], other->nodes[0]->chunks[1]);
    for (uint64_t reader = 100; reader < 200; reader++) {
        struct snapshot *s = face_of(&b, reader);
        snapshot_unref(&s);
    }
    same = (snapshot_unref(&same), face_of(&b, READER)); /* somebody looks at it: it was kept */
    assert_ptr_equal(later, same);
    snapshot_unref(&one);
    snapshot_unref(&other);
    snapshot_unref(&later);
    snapshot_unref(&same);
    bench_deinit(&b);
}

/* Many random changes: a face must always be what a plain walk over the messages gives. */
static void test_faces_agree_with_a_plain_model(void **state)
{
    enum { MESSAGES = 700, STEPS = 400, READERS = 3 };
    static bool seen[READERS][MESSAGES + 1], gone[MESSAGES + 1];
    struct bench b;
    uint64_t random = 12345;
    (void)state;
    bench_init(&b, NULL);
    append_some(&b, "INBOX", MESSAGES, 0);
    for (int step = 0; step < STEPS; step++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint32_t reader = (uint32_t)(random >> 33) % READERS, first = 1 + (uint32_t)(random >> 40) % MESSAGES,
                 last = first + (uint32_t)(random >> 20) % 40;
        bool on = random >> 63;
        char uids[32];
        last = last > MESSAGES ? MESSAGES : last;
        snprintf(uids, sizeof uids, "%u:%u", first, last);
        if (step % 10 == 9) {
            snprintf(uids, sizeof uids, "%u", first);
            assert_int_equal(expunge(&b, "INBOX", uids), 0);
            gone[first] = true;
            continue;
        }
        assert_int_equal(store_for(&b, "INBOX", reader, uids, on ? STORE_ADD : STORE_REMOVE, FLAG_SEEN), 0);
        for (uint32_t uid = first; uid <= last; uid++)
            seen[reader][uid] = gone[uid] ? seen[reader][uid] : on;
        if (step % 100 == 50)
            assert_int_equal(account_fold(b.account, &b.err), 0);
        if (step % 100 == 70)
            bench_reopen(&b);
        if (step % 7)
            continue;
        for (uint32_t r = 0; r < READERS; r++) {
            struct buf want = BUF_INIT;
            for (uint32_t uid = 1; uid <= MESSAGES; uid++)
                if (!gone[uid])
                    buf_printf(&want, "%s%u%s", want.n ? " " : "", uid, seen[r][uid] ? "S" : "");
            assert_string_equal(face_text(&b, "INBOX", r), buf_c(&want));
            buf_deinit(&want);
        }
        arena_reset(&b.arena);
    }
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
        cmocka_unit_test(test_each_reader_has_a_seen_of_his_own),
        cmocka_unit_test(test_shared_seen_is_one_for_all),
        cmocka_unit_test(test_what_a_reader_has_seen_calls_him_alone),
        cmocka_unit_test(test_messages_of_a_reader_are_seen_by_him_alone),
        cmocka_unit_test(test_seen_of_a_deleted_mailbox_does_not_come_back),
        cmocka_unit_test(test_a_view_is_told_of_its_readers_seen_and_modseq),
        cmocka_unit_test(test_readers_share_what_they_have_not_looked_at),
        cmocka_unit_test(test_faces_agree_with_a_plain_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
