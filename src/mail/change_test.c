/* Every kind of change, and every error that change.h names for it. */
#include "mail/testing_mail.h"

/* The mailboxes with their subscriptions, "+name" for a mailbox, "-name" for a name only subscribed, "*"
 * behind a subscribed one. */
static const char *tree_text(struct bench *b)
{
    struct tree *tree = account_tree(b->account);
    struct buf out = BUF_INIT;
    for (uint32_t i = 0; i < tree->count; i++) {
        const struct tree_entry *e = &tree->entries[i];
        buf_printf(&out, "%s%s" STR_FMT "%s", i ? " " : "", e->mailbox ? "+" : "-", STR_ARG(e->name),
                   e->subscribed ? "*" : "");
    }
    tree_unref(&tree);
    char *text = arena_c(&b->arena, buf_str(&out));
    buf_deinit(&out);
    return text;
}

static const char *box_uids(struct bench *b, const char *name)
{
    struct snapshot *s = box_snapshot(b, name);
    struct seqset uids;
    assert_int_equal(snapshot_uids(s, &b->arena, &uids, &b->err), 0);
    snapshot_unref(&s);
    return uids_text(b, &uids);
}

static struct message row_of(struct bench *b, const char *name, uint32_t uid)
{
    struct snapshot *s = box_snapshot(b, name);
    struct message row;
    uint32_t seq;
    assert_int_equal(snapshot_seq_of_uid(s, uid, &seq, &b->err), 0);
    assert_int_equal(snapshot_message(s, seq, &row, &b->err), 0);
    snapshot_unref(&s);
    return row;
}

static bool blob_is_there(struct bench *b, uint64_t blob)
{
    struct buf out = BUF_INIT;
    int r = store_blob_read(b->store, account_id(b->account), (struct blob_id){ blob }, 0, UINT64_MAX, &out,
                            &b->err);
    buf_deinit(&out);
    assert_true(r == 0 || r == -ERR_NOT_FOUND);
    return r == 0;
}

static void test_new_account_has_its_mailboxes(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    in_all_states(&b, assert_string_equal(tree_text(&b), "+INBOX* +Archive* +Drafts* +Junk* +Sent* +Trash*"));
    assert_int_equal(mail_account_create(b.mail, (struct account_id){ BENCH_ACCOUNT }, &b.err), -ERR_EXISTS);
    struct tree *tree = account_tree(b.account);
    static const struct {
        enum special_use use;
        const char *name;
    } uses[] = { { USE_DRAFTS, "Drafts" },
                 { USE_SENT, "Sent" },
                 { USE_TRASH, "Trash" },
                 { USE_JUNK, "Junk" },
                 { USE_ARCHIVE, "Archive" } };
    for (size_t i = 0; i < ARRAY_COUNT(uses); i++)
        assert_str(tree_find_use(tree, uses[i].use)->name, uses[i].name);
    tree_unref(&tree);
    struct account *none;
    assert_int_equal(mail_account_open(b.mail, (struct account_id){ 99 }, &none, &b.err), -ERR_NOT_FOUND);
    bench_deinit(&b);
}

static void test_append_gives_uids_in_order(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    struct new_message m[3] = { message_of(&b, "a"), message_of(&b, "bb"), message_of(&b, "ccc") };
    struct str keywords[] = { STR("$Forwarded"), STR("work") };
    m[1].keywords = keywords;
    m[1].keyword_count = 2;
    m[2].flags = FLAG_SEEN;
    struct change c = append_change(&b, "inbox", m, 3);
    assert_int_equal(commit_one(&b, &c), 0);
    assert_string_equal(uids_text(&b, &c.uids), "1:3");
    assert_int_equal(c.mailbox_id, box_id(&b, "INBOX"));
    assert_int_equal(append_one(&b, "INBOX", "d", 0), 4);
    in_all_states(&b, {
        struct snapshot *s = box_snapshot(&b, "INBOX");
        struct account_totals totals;
        assert_int_equal(s->exists, 4);
        assert_int_equal(s->unseen, 3);
        assert_int_equal(s->uidnext, 5);
        assert_int_equal(s->size_bytes, 7);
        assert_int_equal(s->keywords->count, 2);
        snapshot_unref(&s);
        account_totals(b.account, &totals);
        assert_int_equal(totals.message_count, 4);
        assert_int_equal(totals.size_bytes, 7);
        assert_int_equal(row_of(&b, "INBOX", 2).keywords.words[0], 3);
        assert_int_equal(row_of(&b, "INBOX", 3).email_id, 3);
        assert_int_equal(row_of(&b, "INBOX", 3).save_date_s, BENCH_WALL_S);
        assert_true(blob_is_there(&b, m[0].blob.n));
    });
    bench_deinit(&b);
}

static void test_append_is_refused(void **state)
{
    struct bench b;
    struct str bad[] = { STR("a b") };
    (void)state;
    bench_init(&b, &(struct mail_options){ .mailboxes_max = 8 });
    struct new_message m = message_of(&b, "x"), with_bad = m;
    with_bad.keywords = bad;
    with_bad.keyword_count = 1;
    const struct {
        const char *mailbox;
        struct new_message *message;
        bool create;
        int result;
    } cases[] = {
        { "nothing", &m, false, -ERR_NOT_FOUND }, { "", &m, false, -ERR_NOT_FOUND },
        { "a/../b", &m, true, -ERR_INVALID },     { "INBOX", &with_bad, false, -ERR_INVALID },
        { "a/b/c/d", &m, true, -ERR_LIMIT },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct change c = append_change(&b, cases[i].mailbox, cases[i].message, 1);
        c.append.create = cases[i].create;
        assert_row(commit_one(&b, &c) == cases[i].result, i, cases[i].mailbox);
        assert_row(c.modseq == 0 && c.uids.count == 0, i, cases[i].mailbox);
    }
    struct change c = append_change(&b, "a/b", &m, 1);
    c.append.create = true;
    assert_int_equal(commit_one(&b, &c), 0);
    in_all_states(
        &b, assert_string_equal(tree_text(&b), "+INBOX* +Archive* +Drafts* +Junk* +Sent* +Trash* +a +a/b*"));
    bench_deinit(&b);
}

static void test_append_finds_threads(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    const struct {
        uint64_t id;
        uint64_t references[2];
        size_t count;
        uint64_t thread;
    } cases[] = {
        { 100, { 0 }, 0, 1 },      /* a new one */
        { 101, { 100 }, 1, 1 },    /* its answer */
        { 0, { 555, 101 }, 2, 1 }, /* the nearest is not known, the next is */
        { 102, { 666 }, 1, 4 },    /* an answer to what never came ... */
        { 103, { 666 }, 1, 4 },    /* ... and another */
        { 666, { 0 }, 0, 4 },      /* now it comes */
        { 555, { 0 }, 0, 1 },      /* 555 was learned with the third */
        { 0, { 0 }, 0, 8 },        /* no Message-ID at all */
        { 100, { 0 }, 0, 1 },      /* the same message again */
    };
    for (int together = 0; together < 2; together++) {
        struct new_message m[ARRAY_COUNT(cases)];
        uint64_t base = together * UINT64_C(1000000);
        for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
            m[i] = message_of(&b, "x");
            m[i].message_id_hash = cases[i].id ? cases[i].id + base : 0;
            m[i].reference_count = cases[i].count;
            for (size_t k = 0; k < cases[i].count; k++)
                m[i].references[k] = cases[i].references[k] + base;
        }
        const char *box = together ? "Sent" : "INBOX";
        for (size_t i = 0; i < ARRAY_COUNT(cases) && !together; i++) {
            struct change c = append_change(&b, box, &m[i], 1);
            assert_int_equal(commit_one(&b, &c), 0);
        }
        if (together) {
            struct change c = append_change(&b, box, m, ARRAY_COUNT(cases));
            assert_int_equal(commit_one(&b, &c), 0);
        }
        for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
            assert_row(row_of(&b, box, (uint32_t)i + 1).thread_id ==
                           cases[i].thread + (together ? ARRAY_COUNT(cases) : 0),
                       i, box);
    }
    bench_deinit(&b);
}

static void test_store_changes_flags(void **state)
{
    struct bench b;
    struct str keywords[] = { STR("Work"), STR("$Junk") };
    (void)state;
    bench_init(&b, NULL);
    for (int i = 0; i < 5; i++)
        append_one(&b, "INBOX", "x", FLAG_SEEN);
    uint64_t id = box_id(&b, "INBOX");
    const struct {
        const char *uids;
        enum store_mode mode;
        uint8_t flags;
        size_t keyword_count;
        const char *changed, *missing;
    } cases[] = {
        { "1:3", STORE_ADD, FLAG_FLAGGED, 0, "1:3", "" },
        { "1:4", STORE_ADD, FLAG_FLAGGED, 0, "4", "" },
        { "2:9", STORE_ADD, FLAG_FLAGGED, 1, "2:5", "6:9" },
        { "2", STORE_REMOVE, FLAG_FLAGGED, 2, "2", "" },
        { "2", STORE_REMOVE, FLAG_FLAGGED, 2, "", "" },
        { "3", STORE_REPLACE, FLAG_DELETED | 0x80, 2, "3", "" },
        { "3", STORE_REPLACE, FLAG_DELETED, 2, "", "" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct seqset uids = uids_of(&b, cases[i].uids);
        struct change c = { .kind = CHANGE_STORE,
                            .store = { .mailbox_id = id,
                                       .uids = &uids,
                                       .mode = cases[i].mode,
                                       .flags = cases[i].flags,
                                       .keywords = keywords,
                                       .keyword_count = cases[i].keyword_count } };
        assert_int_equal(commit_one(&b, &c), 0);
        assert_row(strcmp(uids_text(&b, &c.uids), cases[i].changed) == 0, i, uids_text(&b, &c.uids));
        assert_row(strcmp(uids_text(&b, &c.missing), cases[i].missing) == 0, i, uids_text(&b, &c.missing));
        assert_row((c.modseq == 0) == (cases[i].changed[0] == 0), i, cases[i].uids);
    }
    in_all_states(&b, {
        assert_int_equal(row_of(&b, "INBOX", 1).flags, FLAG_SEEN | FLAG_FLAGGED);
        assert_int_equal(row_of(&b, "INBOX", 2).flags, FLAG_SEEN);
        assert_int_equal(row_of(&b, "INBOX", 2).keywords.words[0], 0);
        assert_int_equal(row_of(&b, "INBOX", 3).flags, FLAG_DELETED);
        assert_int_equal(row_of(&b, "INBOX", 3).keywords.words[0], 3);
        assert_int_equal(row_of(&b, "INBOX", 4).keywords.words[0], 1);
    });
    bench_deinit(&b);
}

/* RFC 7162, 3.1.3 */
static void test_store_unchangedsince_tells_what_was_modified(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    for (int i = 0; i < 3; i++)
        append_one(&b, "INBOX", "x", 0);
    uint64_t since = row_of(&b, "INBOX", 3).modseq;
    assert_int_equal(store_flags(&b, "INBOX", "2", STORE_ADD, FLAG_SEEN), 0);
    struct seqset uids = uids_of(&b, "1:3");
    struct change c = { .kind = CHANGE_STORE,
                        .store = { .mailbox_id = box_id(&b, "INBOX"),
                                   .uids = &uids,
                                   .mode = STORE_ADD,
                                   .flags = FLAG_ANSWERED,
                                   .conditional = true,
                                   .unchanged_since = since } };
    assert_int_equal(commit_one(&b, &c), 0);
    assert_string_equal(uids_text(&b, &c.uids), "1,3");
    assert_string_equal(uids_text(&b, &c.modified), "2");
    c.store.unchanged_since = 0; /* RFC 7162, 3.1.3: fails for every message */
    assert_int_equal(commit_one(&b, &c), 0);
    assert_string_equal(uids_text(&b, &c.modified), "1:3");
    assert_int_equal(c.modseq, 0);
    bench_deinit(&b);
}

static void test_keywords_have_a_limit(void **state)
{
    struct bench b;
    char names[KEYWORDS_MAX + 1][12];
    struct str keywords[KEYWORDS_MAX + 1];
    (void)state;
    bench_init(&b, NULL);
    for (size_t i = 0; i <= KEYWORDS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "k%zu", i);
        keywords[i] = str_c(names[i]);
    }
    append_one(&b, "INBOX", "x", 0);
    struct seqset uids = uids_of(&b, "1");
    struct change c = { .kind = CHANGE_STORE,
                        .store = { .mailbox_id = box_id(&b, "INBOX"),
                                   .uids = &uids,
                                   .mode = STORE_ADD,
                                   .keywords = keywords,
                                   .keyword_count = KEYWORDS_MAX - 1 } };
    assert_int_equal(commit_one(&b, &c), 0);
    c.store.keyword_count = KEYWORDS_MAX;
    assert_int_equal(commit_one(&b, &c), 0);
    c.store.keyword_count = KEYWORDS_MAX + 1;
    assert_int_equal(commit_one(&b, &c), -ERR_LIMIT);
    in_all_states(&b, {
        struct snapshot *s = box_snapshot(&b, "INBOX");
        assert_int_equal(s->keywords->count, KEYWORDS_MAX);
        snapshot_unref(&s);
    });
    /* A copy into a mailbox with names of its own finds no room; one into an empty mailbox does. */
    struct new_message m = message_of(&b, "y");
    struct str own = STR("own");
    m.keywords = &own;
    m.keyword_count = 1;
    struct change append = append_change(&b, "Sent", &m, 1);
    assert_int_equal(commit_one(&b, &append), 0);
    assert_int_equal(copy_to(&b, "INBOX", "1", "Sent", false), -ERR_LIMIT);
    assert_int_equal(copy_to(&b, "INBOX", "1", "Drafts", false), 0);
    assert_int_equal(row_of(&b, "Drafts", 1).keywords.words[3], UINT64_MAX);
    bench_deinit(&b);
}

static void test_expunge_removes_and_remembers(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    struct new_message m[6];
    for (size_t i = 0; i < 6; i++) {
        m[i] = message_of(&b, "xx");
        m[i].flags = i % 2 ? FLAG_DELETED : 0;
    }
    struct change append = append_change(&b, "INBOX", m, 6);
    assert_int_equal(commit_one(&b, &append), 0);
    struct seqset uids = uids_of(&b, "1:3");
    struct change c = { .kind = CHANGE_EXPUNGE,
                        .expunge = {
                            .mailbox_id = box_id(&b, "INBOX"), .uids = &uids, .only_deleted = true } };
    assert_int_equal(commit_one(&b, &c), 0);
    assert_string_equal(uids_text(&b, &c.uids), "2");
    uint64_t first = c.modseq;
    c.expunge.uids = NULL;
    assert_int_equal(commit_one(&b, &c), 0);
    assert_string_equal(uids_text(&b, &c.uids), "4,6");
    assert_int_equal(commit_one(&b, &c), 0);
    assert_int_equal(c.modseq, 0);
    in_all_states(&b, {
        struct mailbox *box;
        struct seqset gone;
        bool complete;
        assert_string_equal(box_uids(&b, "INBOX"), "1,3,5");
        assert_false(blob_is_there(&b, m[1].blob.n));
        assert_true(blob_is_there(&b, m[2].blob.n));
        assert_int_equal(account_mailbox(b.account, STR("INBOX"), &box, &b.err), 0);
        struct snapshot *s = mailbox_snapshot(box);
        assert_int_equal(mailbox_vanished_since(box, s, first - 1, NULL, &b.arena, &gone, &complete, &b.err),
                         0);
        assert_string_equal(uids_text(&b, &gone), "2,4,6");
        assert_true(complete);
        assert_int_equal(mailbox_vanished_since(box, s, first, &uids, &b.arena, &gone, &complete, &b.err), 0);
        assert_string_equal(uids_text(&b, &gone), "");
        assert_int_equal(mailbox_vanished_since(box, s, UINT64_MAX, NULL, &b.arena, &gone, &complete, &b.err),
                         0);
        assert_string_equal(uids_text(&b, &gone), "");
        snapshot_unref(&s);
        mailbox_unref(&box);
    });
    bench_deinit(&b);
}

static void test_copies_share_their_blob(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    struct new_message m = message_of(&b, "xyz");
    struct str keyword = STR("Work");
    m.keywords = &keyword;
    m.keyword_count = 1;
    m.flags = FLAG_FLAGGED;
    m.internal_date_s = 12345;
    m.internal_zone_min = -90;
    struct change c = append_change(&b, "INBOX", &m, 1);
    assert_int_equal(commit_one(&b, &c), 0);
    clock_fake_advance(b.clock, 60000);
    struct seqset uids = uids_of(&b, "1,5");
    struct change copy = { .kind = CHANGE_COPY,
                           .copy = {
                               .mailbox_id = box_id(&b, "INBOX"), .uids = &uids, .target = STR("Sent") } };
    assert_int_equal(commit_one(&b, &copy), 0);
    assert_string_equal(uids_text(&b, &copy.uids), "1");
    assert_string_equal(uids_text(&b, &copy.source_uids), "1");
    assert_string_equal(uids_text(&b, &copy.missing), "5");
    assert_int_equal(copy.mailbox_id, box_id(&b, "Sent"));
    assert_int_equal(copy_to(&b, "INBOX", "1", "INBOX", false), 0);
    in_all_states(&b, {
        struct message row = row_of(&b, "Sent", 1);
        assert_int_equal(row.email_id, 1);
        assert_int_equal(row.thread_id, 1);
        assert_int_equal(row.flags, FLAG_FLAGGED);
        assert_int_equal(row.keywords.words[0], 1);
        assert_int_equal(row.internal_date_s, 12345);
        assert_int_equal(row.internal_zone_min, -90);
        assert_int_equal(row.save_date_s, BENCH_WALL_S + 60);
    });
    /* The bytes go with the last of three. */
    assert_int_equal(expunge(&b, "INBOX", "1"), 0);
    in_all_states(&b, assert_true(blob_is_there(&b, m.blob.n)));
    assert_int_equal(expunge(&b, "INBOX", "2"), 0);
    in_all_states(&b, assert_true(blob_is_there(&b, m.blob.n)));
    assert_int_equal(delete_box(&b, "Sent"), 0);
    in_all_states(&b, assert_false(blob_is_there(&b, m.blob.n)));
    bench_deinit(&b);
}

static void test_move_takes_messages_along(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    for (int i = 0; i < 4; i++)
        append_one(&b, "INBOX", "xy", 0);
    uint64_t blob = row_of(&b, "INBOX", 2).blob;
    assert_int_equal(copy_to(&b, "INBOX", "2:3", "Trash", true), 0);
    assert_int_equal(copy_to(&b, "INBOX", "1", "INBOX", true), 0); /* new uids within one mailbox */
    in_all_states(&b, {
        struct account_totals totals;
        assert_string_equal(box_uids(&b, "INBOX"), "4:5");
        assert_string_equal(box_uids(&b, "Trash"), "1:2");
        assert_int_equal(row_of(&b, "Trash", 1).blob, blob);
        account_totals(b.account, &totals);
        assert_int_equal(totals.message_count, 4);
        assert_int_equal(totals.size_bytes, 8);
    });
    assert_int_equal(copy_to(&b, "INBOX", "4", "nowhere", true), -ERR_NOT_FOUND);
    assert_int_equal(copy_to(&b, "INBOX", "99", "Trash", true), 0); /* nothing there: nothing done */
    struct seqset uids = uids_of(&b, "1");
    struct change gone = { .kind = CHANGE_COPY,
                           .copy = { .mailbox_id = 999, .uids = &uids, .target = STR("Trash") } };
    assert_int_equal(commit_one(&b, &gone), -ERR_NOT_FOUND);
    gone = (struct change){ .kind = CHANGE_STORE, .store = { .mailbox_id = 999, .uids = &uids } };
    assert_int_equal(commit_one(&b, &gone), -ERR_NOT_FOUND);
    gone = (struct change){ .kind = CHANGE_EXPUNGE, .expunge = { .mailbox_id = 999 } };
    assert_int_equal(commit_one(&b, &gone), -ERR_NOT_FOUND);
    bench_deinit(&b);
}

static int replace(struct bench *b, const char *target, uint64_t mailbox_id, uint32_t uid,
                   struct change *c_out)
{
    struct new_message m = message_of(b, "new text");
    *c_out = append_change(b, target, &m, 1);
    c_out->append.replaced_mailbox_id = mailbox_id;
    c_out->append.replaced_uid = uid;
    return commit_one(b, c_out);
}

/* RFC 8508: append and expunge are one change. */
static void test_replace_takes_the_old_message_away(void **state)
{
    struct bench b;
    struct change c;
    (void)state;
    bench_init(&b, NULL);
    for (int i = 0; i < 3; i++)
        append_one(&b, "INBOX", "xy", 0);
    uint64_t blob = row_of(&b, "INBOX", 2).blob, inbox = box_id(&b, "INBOX");
    assert_int_equal(replace(&b, "INBOX", inbox, 2, &c), 0);
    assert_string_equal(uids_text(&b, &c.uids), "4");
    assert_string_equal(uids_text(&b, &c.source_uids), "2");
    assert_int_equal(row_of(&b, "INBOX", 4).modseq, c.modseq);
    assert_int_equal(replace(&b, "Sent", inbox, 1, &c), 0);
    assert_int_equal(c.mailbox_id, box_id(&b, "Sent"));
    assert_int_equal(replace(&b, "INBOX", inbox, 2, &c), -ERR_EXPUNGED);
    assert_int_equal(replace(&b, "nowhere", inbox, 3, &c), -ERR_NOT_FOUND);
    assert_int_equal(replace(&b, "INBOX", 999, 3, &c), -ERR_EXPUNGED);
    in_all_states(&b, {
        struct account_totals totals;
        assert_string_equal(box_uids(&b, "INBOX"), "3:4");
        assert_string_equal(box_uids(&b, "Sent"), "1");
        assert_false(blob_is_there(&b, blob));
        account_totals(b.account, &totals);
        assert_int_equal(totals.message_count, 3);
        assert_int_equal(totals.size_bytes, 18);
    });
    bench_deinit(&b);
}

/* A line of operations on an account with INBOX alone, and the tree afterwards. */
static void test_tree_changes(void **state)
{
    enum op { CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE };
    static const struct {
        enum op op;
        const char *name, *to;
        int result;
        const char *tree;
    } steps[] = {
        { CREATE, "a/b/c", NULL, 0, "+INBOX* +a +a/b +a/b/c" },
        { CREATE, "a/b/", NULL, -ERR_EXISTS, NULL },
        { CREATE, "inbox", NULL, -ERR_EXISTS, NULL },
        { CREATE, "a//b", NULL, -ERR_INVALID, NULL },
        { CREATE, "", NULL, -ERR_INVALID, NULL },
        { CREATE, "inbox/x", NULL, 0, "+INBOX* +INBOX/x +a +a/b +a/b/c" },
        { SUBSCRIBE, "a/b", NULL, 0, "+INBOX* +INBOX/x +a +a/b* +a/b/c" },
        { SUBSCRIBE, "a/b", NULL, 0, NULL },
        { SUBSCRIBE, "none", NULL, 0, "+INBOX* +INBOX/x +a +a/b* +a/b/c -none*" },
        { SUBSCRIBE, "a/../b", NULL, -ERR_INVALID, NULL },
        { UNSUBSCRIBE, "nobody", NULL, 0, NULL },
        { DELETE, "a/b", NULL, 0, "+INBOX* +INBOX/x +a -a/b* +a/b/c -none*" },
        { DELETE, "a/b", NULL, -ERR_HAS_CHILDREN, NULL },
        { DELETE, "none", NULL, -ERR_NOT_FOUND, NULL },
        { DELETE, "inbox", NULL, -ERR_CANNOT, NULL },
        { DELETE, "x//y", NULL, -ERR_NOT_FOUND, NULL },
        { UNSUBSCRIBE, "none", NULL, 0, "+INBOX* +INBOX/x +a -a/b* +a/b/c" },
        { CREATE, "a/b", NULL, 0, "+INBOX* +INBOX/x +a +a/b* +a/b/c" },
        { RENAME, "a", "z/y", 0, "+INBOX* +INBOX/x +z +z/y +z/y/b* +z/y/b/c" },
        { RENAME, "z", "z/q", -ERR_INVALID, NULL },
        { RENAME, "z", "z", -ERR_EXISTS, NULL },
        { RENAME, "z", "INBOX", -ERR_EXISTS, NULL },
        { RENAME, "a", "b", -ERR_NOT_FOUND, NULL },
        { RENAME, "z", "//", -ERR_INVALID, NULL },
        { RENAME, "z/y/b", "b", 0, "+INBOX* +INBOX/x +b* +b/c +z +z/y" },
        { DELETE, "b", NULL, 0, "+INBOX* +INBOX/x -b* +b/c +z +z/y" },
        { RENAME, "b", "d", 0, "+INBOX* +INBOX/x -b* +d/c +z +z/y" }, /* only a level above others */
        { CREATE, "e/c", NULL, 0, "+INBOX* +INBOX/x -b* +d/c +e +e/c +z +z/y" },
        { DELETE, "e", NULL, 0, "+INBOX* +INBOX/x -b* +d/c +e/c +z +z/y" },
        { RENAME, "d", "e", -ERR_EXISTS, NULL }, /* the child's new name is taken */
        { RENAME, "z", "b", 0, "+INBOX* +INBOX/x +b* +b/y +d/c +e/c" },
        { RENAME, "INBOX", "old", 0, "+INBOX* +INBOX/x +b* +b/y +d/c +e/c +old" },
        { RENAME, "inbox", "INBOX/old", 0, "+INBOX* +INBOX/old +INBOX/x +b* +b/y +d/c +e/c +old" },
        { RENAME, "INBOX/x", "x", 0, "+INBOX* +INBOX/old +b* +b/y +d/c +e/c +old +x" },
    };
    struct bench b;
    const char *tree = "+INBOX*";
    (void)state;
    bench_init(&b, NULL);
    static const char *const extra[] = { "Archive", "Drafts", "Junk", "Sent", "Trash" };
    for (size_t i = 0; i < ARRAY_COUNT(extra); i++) {
        assert_int_equal(delete_box(&b, extra[i]), 0);
        assert_int_equal(subscribe_box(&b, extra[i], false), 0);
    }
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
        int r = steps[i].op == CREATE   ? create_box(&b, steps[i].name)
                : steps[i].op == DELETE ? delete_box(&b, steps[i].name)
                : steps[i].op == RENAME ? rename_box(&b, steps[i].name, steps[i].to)
                                        : subscribe_box(&b, steps[i].name, steps[i].op == SUBSCRIBE);
        assert_row(r == steps[i].result, i, b.err.text);
        tree = steps[i].tree ? steps[i].tree : tree;
        in_all_states(&b, assert_row(strcmp(tree_text(&b), tree) == 0, i, tree_text(&b)));
    }
    bench_deinit(&b);
}

static void test_special_use_has_one_holder(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    struct change c = { .kind = CHANGE_CREATE, .create = { .name = STR("Sent 2"), .use = USE_SENT } };
    assert_int_equal(commit_one(&b, &c), -ERR_CANNOT);
    c.create.use = USE_FLAGGED | USE_TRASH;
    assert_int_equal(commit_one(&b, &c), -ERR_CANNOT);
    assert_int_equal(rename_box(&b, "Sent", "Gesendet"), 0);
    assert_int_equal(delete_box(&b, "Trash"), 0);
    c.create.subscribe = true;
    assert_int_equal(commit_one(&b, &c), 0);
    in_all_states(&b, {
        struct tree *tree = account_tree(b.account);
        assert_str(tree_find_use(tree, USE_SENT)->name, "Gesendet");
        assert_str(tree_find_use(tree, USE_TRASH)->name, "Sent 2");
        assert_true(tree_find_use(tree, USE_SENT)->subscribed);
        tree_unref(&tree);
    });
    bench_deinit(&b);
}

/* RFC 9051, 2.3.1.1 and 6.3.6 */
static void test_identity_of_mailboxes(void **state)
{
    struct bench b;
    struct mailbox *inbox, *old, *again;
    (void)state;
    bench_init(&b, NULL);
    append_one(&b, "INBOX", "x", FLAG_SEEN);
    append_one(&b, "INBOX", "y", 0);
    expunge(&b, "INBOX", "1");
    assert_int_equal(account_mailbox(b.account, STR("INBOX"), &inbox, &b.err), 0);
    uint64_t inbox_id = mailbox_id(inbox);
    uint32_t inbox_validity = mailbox_uidvalidity(inbox);
    assert_int_equal(rename_box(&b, "INBOX", "old"), 0);
    assert_int_equal(account_mailbox(b.account, STR("old"), &old, &b.err), 0);
    assert_int_not_equal(mailbox_id(old), inbox_id);
    assert_true(mailbox_uidvalidity(old) > inbox_validity);
    assert_string_equal(box_uids(&b, "INBOX"), "");
    assert_string_equal(box_uids(&b, "old"), "1");
    assert_int_equal(append_one(&b, "INBOX", "z", 0), 3);
    /* A mailbox keeps its id under a new name; one made again under an old name does not. */
    uint64_t id = mailbox_id(old);
    uint32_t validity = mailbox_uidvalidity(old);
    assert_int_equal(rename_box(&b, "old", "new"), 0);
    assert_str(mailbox_name(old, &b.arena), "new");
    assert_int_equal(box_id(&b, "new"), id);
    assert_int_equal(delete_box(&b, "new"), 0);
    assert_true(mailbox_is_deleted(old));
    assert_int_equal(create_box(&b, "new"), 0);
    assert_int_equal(account_mailbox(b.account, STR("new"), &again, &b.err), 0);
    assert_true(mailbox_id(again) > id);
    assert_true(mailbox_uidvalidity(again) > validity);
    assert_int_equal(account_mailbox_by_id(b.account, id, &again, &b.err), -ERR_NOT_FOUND);
    mailbox_unref(&again);
    mailbox_unref(&old);
    mailbox_unref(&inbox);
    bench_deinit(&b);
}

static void test_mailboxes_have_a_limit(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, &(struct mail_options){ .mailboxes_max = 8 });
    assert_int_equal(create_box(&b, "a/b/c"), -ERR_LIMIT);
    assert_int_equal(create_box(&b, "a/b"), 0);
    assert_int_equal(create_box(&b, "c"), -ERR_LIMIT);
    assert_int_equal(rename_box(&b, "INBOX", "c"), -ERR_LIMIT);
    assert_int_equal(rename_box(&b, "a", "c/d"), -ERR_LIMIT); /* needs a level above */
    assert_int_equal(rename_box(&b, "a", "c"), 0);
    assert_int_equal(delete_box(&b, "c/b"), 0);
    assert_int_equal(create_box(&b, "d"), 0);
    bench_deinit(&b);
}

static void test_a_refused_change_leaves_the_others_of_its_group(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    struct new_message m[2] = { message_of(&b, "a"), message_of(&b, "b") };
    struct new_message lost = { .blob = { 987654 },
                                .size_bytes = 1 }; /* a blob that the store does not have */
    struct change c[] = {
        append_change(&b, "INBOX", &m[0], 1),
        append_change(&b, "nowhere", &m[1], 1),
        append_change(&b, "INBOX", &lost, 1),
        { .kind = CHANGE_CREATE, .arena = &b.arena, .create = { .name = STR("x") } },
        append_change(&b, "x", &m[1], 1),
        { .kind = CHANGE_DELETE, .arena = &b.arena, .delete = { .name = STR("INBOX") } },
    };
    static const int results[] = { 0, -ERR_NOT_FOUND, -ERR_NOT_FOUND, 0, 0, -ERR_CANNOT };
    assert_int_equal(account_commit(b.account, c, ARRAY_COUNT(c), &b.err), -ERR_NOT_FOUND);
    for (size_t i = 0; i < ARRAY_COUNT(c); i++)
        assert_row(c[i].result == results[i], i, c[i].err.text);
    in_all_states(&b, {
        assert_string_equal(box_uids(&b, "INBOX"), "1");
        assert_string_equal(box_uids(&b, "x"), "1");
    });
    bench_deinit(&b);
}

static void test_vanished_uids_are_cut(void **state)
{
    struct bench b;
    struct mailbox *box;
    struct seqset gone;
    bool complete;
    (void)state;
    bench_init(&b, &(struct mail_options){ .vanished_ranges_max = 8 });
    for (int i = 0; i < 40; i++)
        append_one(&b, "INBOX", "x", 0);
    uint64_t before = row_of(&b, "INBOX", 40).modseq;
    for (int i = 1; i <= 39; i += 2) {
        char uid[8];
        snprintf(uid, sizeof uid, "%d", i);
        assert_int_equal(expunge(&b, "INBOX", uid), 0);
    }
    for (int round = 0; round < 3; round++) {
        assert_int_equal(account_mailbox(b.account, STR("INBOX"), &box, &b.err), 0);
        struct snapshot *s = mailbox_snapshot(box);
        assert_int_equal(mailbox_vanished_since(box, s, before, NULL, &b.arena, &gone, &complete, &b.err), 0);
        assert_int_equal(seqset_count(&gone), 20);
        assert_true(complete == (round == 0));
        assert_int_equal(
            mailbox_vanished_since(box, s, before + 18, NULL, &b.arena, &gone, &complete, &b.err), 0);
        assert_string_equal(uids_text(&b, &gone), "37,39");
        assert_true(complete);
        snapshot_unref(&s);
        mailbox_unref(&box);
        assert_int_equal(account_fold(b.account, &b.err), 0);
        if (round == 1)
            bench_reopen(&b);
    }
    bench_deinit(&b);
}

static void test_deleted_account_is_unavailable(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    assert_int_equal(mail_account_delete(b.mail, account_id(b.account), &b.err), 0);
    assert_int_equal(append_one(&b, "INBOX", "x", 0), -ERR_UNAVAILABLE);
    assert_int_equal(account_refresh(b.account, &b.err), -ERR_UNAVAILABLE);
    assert_int_equal(mail_account_delete(b.mail, account_id(b.account), &b.err), -ERR_NOT_FOUND);
    struct account *again;
    assert_int_equal(mail_account_open(b.mail, account_id(b.account), &again, &b.err), -ERR_NOT_FOUND);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_account_has_its_mailboxes),
        cmocka_unit_test(test_append_gives_uids_in_order),
        cmocka_unit_test(test_append_is_refused),
        cmocka_unit_test(test_append_finds_threads),
        cmocka_unit_test(test_store_changes_flags),
        cmocka_unit_test(test_store_unchangedsince_tells_what_was_modified),
        cmocka_unit_test(test_keywords_have_a_limit),
        cmocka_unit_test(test_expunge_removes_and_remembers),
        cmocka_unit_test(test_copies_share_their_blob),
        cmocka_unit_test(test_move_takes_messages_along),
        cmocka_unit_test(test_replace_takes_the_old_message_away),
        cmocka_unit_test(test_tree_changes),
        cmocka_unit_test(test_special_use_has_one_holder),
        cmocka_unit_test(test_identity_of_mailboxes),
        cmocka_unit_test(test_mailboxes_have_a_limit),
        cmocka_unit_test(test_a_refused_change_leaves_the_others_of_its_group),
        cmocka_unit_test(test_vanished_uids_are_cut),
        cmocka_unit_test(test_deleted_account_is_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
