/* Each store call of a workload fails once, in every way the contract allows. After that the account is
 * whole: what was acknowledged is there, no UID was given twice, the blobs that are live are those that
 * messages refer to, and the change that failed goes through when it is tried again. */
#include "mail/incoming.h"
#include "mail/record.h"
#include "mail/testing_mail.h"

#include <stdlib.h>

enum { UIDS_MAX = 64 };

struct run {
    struct bench b;
    uint32_t acknowledged[UIDS_MAX]; /* uids that APPEND to INBOX gave */
    size_t acknowledged_count;
    size_t failed_count;
    int round;                   /* of the workload: each has names of its own */
    uint64_t limit, limit_tried; /* of the account's messages: acknowledged, and maybe there */
};

static int note(struct run *run, int r)
{
    static const int allowed[] = { -ERR_IO, -ERR_FULL, -ERR_UNAVAILABLE, -ERR_NOT_FOUND };
    bool is_allowed = r >= 0;
    for (size_t i = 0; i < ARRAY_COUNT(allowed); i++)
        is_allowed |= r == allowed[i];
    if (!is_allowed)
        print_error("result %d: %s\n", r, run->b.err.text);
    assert_true(is_allowed);
    run->failed_count += r < 0;
    return r;
}

static void append(struct run *run)
{
    struct new_message m = message_of(&run->b, "bytes");
    if (m.blob.n == 0)
        return; /* the write of the blob failed */
    m.message_id_hash = run->acknowledged_count + 1;
    m.references[0] = 77;
    m.reference_count = 1;
    struct change c = append_change(&run->b, "INBOX", &m, 1);
    if (note(run, commit_one(&run->b, &c)) < 0) {
        incoming_abandon(run->b.account, &m);
        return;
    }
    uint32_t uid = seqset_first(&c.uids);
    assert_true(run->acknowledged_count == 0 || uid > run->acknowledged[run->acknowledged_count - 1]);
    run->acknowledged[run->acknowledged_count++] = uid;
}

static void limit(struct run *run, const char *mailbox, uint64_t messages)
{
    struct change c = { .kind = CHANGE_QUOTA,
                        .quota = { .mailbox = str_c(mailbox),
                                   .limits.of[QUOTA_MESSAGE] = messages,
                                   .which = 1u << QUOTA_MESSAGE } };
    int r = note(run, commit_one(&run->b, &c));
    if (*mailbox)
        return;
    run->limit_tried = messages;
    if (r == 0)
        run->limit = messages;
}

static void workload(struct run *run)
{
    struct bench *b = &run->b;
    int round = run->round++;
    const char *made = arena_printf(&b->arena, "x%d/y", round).p,
               *from = arena_printf(&b->arena, "x%d", round).p, *to = arena_printf(&b->arena, "z%d", round).p,
               *moved = arena_printf(&b->arena, "z%d/y", round).p;
    for (int i = 0; i < 3; i++)
        append(run);
    note(run, store_flags(b, "INBOX", "1:*", STORE_ADD, FLAG_SEEN));
    limit(run, "", 1000 + (uint64_t)round);
    note(run, copy_to(b, "INBOX", "1:*", "Sent", false));
    note(run, account_fold(b->account, &b->err));
    append(run);
    note(run, store_flags(b, "Sent", "2", STORE_ADD, FLAG_FLAGGED));
    note(run, copy_to(b, "Sent", "1:*", "Trash", true));
    note(run, create_box(b, made));
    limit(run, made, 5);
    note(run, rename_box(b, from, to));
    note(run, expunge(b, "Trash", "1:*"));
    note(run, delete_box(b, moved));
    note(run, account_fold(b->account, &b->err));
    append(run);
    note(run, account_refresh(b->account, &b->err));
}

struct live {
    uint64_t ids[256];
    size_t count;
};

static int take_live(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    struct live *live = ctx;
    (void)record;
    (void)err;
    live->ids[live->count++] = id.n;
    return 0;
}

/* Live blobs and blobs of messages are the same. */
static void check_blobs(struct bench *b)
{
    struct live live = { .count = 0 };
    bool used[256] = { false };
    struct tree *tree = account_tree(b->account);
    size_t used_count = 0;

    const struct blob_range all = { .slot = BLOB_META, .first = { 1 }, .last = { UINT64_MAX } };
    assert_int_equal(store_blob_scan(b->store, account_id(b->account), &all, take_live, &live, &b->err), 0);
    for (uint32_t i = 0; i < tree->count; i++) {
        struct snapshot *s = tree->entries[i].mailbox ? mailbox_snapshot(tree->entries[i].mailbox) : NULL;
        for (uint32_t seq = 1; s && seq <= s->exists; seq++) {
            struct message row;
            size_t k = 0;
            assert_int_equal(snapshot_message(s, seq, &row, &b->err), 0);
            while (k < live.count && live.ids[k] != row.blob)
                k++;
            assert_true(k < live.count);
            used_count += !used[k];
            used[k] = true;
        }
        snapshot_unref(&s);
    }
    assert_int_equal(used_count, live.count);
    tree_unref(&tree);
}

/* The account's figures are the sum of its mailboxes, and its limit is one that was set. */
static void check_quota(struct run *run)
{
    struct bench *b = &run->b;
    struct quota_amounts sum = { 0 };
    struct quota_state *states;
    struct tree *tree = account_tree(b->account);

    for (uint32_t i = 0; i < tree->count; i++) {
        struct snapshot *s = tree->entries[i].mailbox ? mailbox_snapshot(tree->entries[i].mailbox) : NULL;
        sum.of[QUOTA_MAILBOX] += s != NULL;
        sum.of[QUOTA_MESSAGE] += s ? s->exists : 0;
        sum.of[QUOTA_STORAGE] += s ? s->size_bytes : 0;
        snapshot_unref(&s);
    }
    tree_unref(&tree);
    account_quota(b->account, STR_NIL, &b->arena, &states);
    assert_memory_equal(&states[0].used, &sum, sizeof sum);
    assert_true(states[0].limits.of[QUOTA_MESSAGE] == run->limit ||
                states[0].limits.of[QUOTA_MESSAGE] == run->limit_tried);
}

static void check(struct run *run)
{
    struct bench *b = &run->b;

    faulty_store_plan(b->store, &(struct faulty_plan){ .nth = 0 });
    /* Reads again when it must. */
    assert_int_equal(store_flags(b, "INBOX", "1:*", STORE_REMOVE, FLAG_ALL), 0);
    struct snapshot *s = box_snapshot(b, "INBOX");
    for (size_t i = 0; i < run->acknowledged_count; i++) {
        uint32_t seq;
        assert_int_equal(snapshot_seq_of_uid(s, run->acknowledged[i], &seq, &b->err), 0);
        assert_int_not_equal(seq, 0);
    }
    snapshot_unref(&s);
    check_blobs(b);
    check_quota(run);
    append(run);
    size_t failed = run->failed_count;
    workload(run);
    assert_int_equal(run->failed_count - failed, 0);
}

static bool break_call(unsigned ops, uint64_t nth, enum err_kind error, enum faulty_when when, bool stay)
{
    struct run run = { .limit = QUOTA_NONE, .limit_tried = QUOTA_NONE };

    bench_init(&run.b, &(struct mail_options){ .fold_log_records = 5 });
    run.b.mail->fold_batch_bytes = run.b.fold_batch_bytes = 20; /* every fold takes several commits */
    faulty_store_plan(run.b.store, &(struct faulty_plan){
                                       .ops = ops, .nth = nth, .error = error, .when = when, .stay = stay });
    workload(&run);
    bool reached = faulty_store_count(run.b.store) >= nth;
    if (stay) { /* as after a lost disk: only a restart helps */
        faulty_store_plan(run.b.store, &(struct faulty_plan){ .nth = 0 });
        bench_reopen(&run.b);
    }
    check(&run);
    bench_reopen(&run.b);
    check(&run);
    bench_deinit(&run.b);
    return reached;
}

static const struct {
    const char *name;
    unsigned ops;
    enum err_kind error;
    enum faulty_when when;
    bool stay;
} faults[] = {
    { "commit not written", FAULTY_COMMIT, ERR_IO, FAULTY_BEFORE, false },
    { "commit written, answer lost", FAULTY_COMMIT, ERR_IO, FAULTY_AFTER, false },
    { "disk full", FAULTY_COMMIT | FAULTY_BLOB_WRITE, ERR_FULL, FAULTY_BEFORE, false },
    { "conflict out of nowhere", FAULTY_COMMIT, ERR_CONFLICT, FAULTY_BEFORE, false },
    { "engine refuses", FAULTY_COMMIT, ERR_UNAVAILABLE, FAULTY_BEFORE, true },
    { "reads fail", FAULTY_SCAN | FAULTY_GET | FAULTY_VERSION | FAULTY_BLOB_READ, ERR_IO, FAULTY_BEFORE,
      false },
    { "anything fails", FAULTY_ALL, ERR_IO, FAULTY_BEFORE, false },
    { "disk lost", FAULTY_ALL, ERR_IO, FAULTY_BEFORE, true },
    { "disk lost, answers too", FAULTY_ALL, ERR_IO, FAULTY_AFTER, true },
};

static void test_the_account_is_whole_after_any_failure(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(faults); i++) {
        uint64_t n = 1;
        while (break_call(faults[i].ops, n, faults[i].error, faults[i].when, faults[i].stay))
            n++;
        print_message("%s: %llu calls\n", faults[i].name, (unsigned long long)n - 1);
        assert_true(n > 2);
    }
}

/* Opening reads: each of its calls fails once; the next try finds the account. */
static void test_open_can_be_tried_again(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    append_one(&b, "INBOX", "x", 0);
    for (uint64_t n = 1;; n++) {
        struct account *account = NULL;
        bench_detach(&b);
        bench_attach(&b);
        faulty_store_plan(b.store, &(struct faulty_plan){ .ops = FAULTY_ALL, .nth = n, .error = ERR_IO });
        int r = mail_account_open(b.mail, (struct account_id){ BENCH_ACCOUNT }, &account, &b.err);
        uint64_t calls = faulty_store_count(b.store);
        assert_int_equal(r, calls < n ? 0 : -ERR_IO);
        account_unref(&account);
        faulty_store_plan(b.store, &(struct faulty_plan){ .nth = 0 });
        bench_open_account(&b);
        if (calls < n)
            break;
    }
    bench_deinit(&b);
}

static void test_create_can_be_tried_again(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    static const enum faulty_when when[] = { FAULTY_BEFORE, FAULTY_AFTER };
    for (size_t i = 0; i < ARRAY_COUNT(when); i++) {
        struct account_id id = { 100 + i };
        struct account *account;
        faulty_store_plan(b.store, &(struct faulty_plan){
                                       .ops = FAULTY_COMMIT, .nth = 1, .error = ERR_IO, .when = when[i] });
        assert_int_equal(mail_account_create(b.mail, id, &b.err), -ERR_IO);
        assert_int_equal(mail_account_create(b.mail, id, &b.err), when[i] == FAULTY_AFTER ? -ERR_EXISTS : 0);
        assert_int_equal(mail_account_open(b.mail, id, &account, &b.err), 0);
        account_unref(&account);
    }
    bench_deinit(&b);
}

/* As a commit after the first would write it. */
static uint64_t put_next_account_record(struct bench *b, struct batch *batch)
{
    struct buf value = BUF_INIT;
    struct account_record record;

    assert_int_equal(store_get(b->store, (struct account_id){ BENCH_ACCOUNT }, STR("A"), &value, &b->err), 0);
    assert_int_equal(account_record_decode(buf_str(&value), &record, &b->err), 0);
    record.version++;
    record.log_count++;
    buf_clear(&value);
    account_record_encode(&record, &value);
    batch_put(batch, STR("A"), buf_str(&value));
    buf_deinit(&value);
    return record.version - 1;
}

/* What is damaged in the store is told, never served. */
static void test_damaged_records_are_refused(void **state)
{
    static const struct {
        const char *what, *key, *value;
        size_t key_bytes, value_bytes;
        int result;
    } cases[] = {
        { "account record cut", "A", "\1\2", 1, 2, -ERR_CORRUPT },
        { "account record of a later format", "A", "\377\2", 1, 2, -ERR_CANNOT },
        { "log record of a later format", "L\0\0\0\0\0\0\0\6\0", "\377", 10, 1, -ERR_CANNOT },
        { "log record cut", "L\0\0\0\0\0\0\0\6\0", "\1", 10, 1, -ERR_CORRUPT },
        { "log record of nobody", "L\0\0\0\0\0\0\0\7\0", "\1\6\2\1\1", 10, 5, -ERR_CORRUPT },
        { "log key too long", "L\0\0\0\0\0\0\0\7\0\0", "\1\6", 11, 2, -ERR_CORRUPT },
        { "a part without its first", "L\0\0\0\0\0\0\0\7\1", "\1\6", 10, 2, -ERR_CORRUPT },
        { "mailbox record cut", "M\0\0\0\0\0\0\0\11", "\1a", 9, 2, -ERR_CORRUPT },
        { "quota record cut", "Q\0\0\0\0\0\0\0\0", "\0\1", 9, 2, -ERR_CORRUPT },
        { "quota record too long", "Q\0\0\0\0\0\0\0\0", "\0\0\0\0\0\0", 9, 6, -ERR_CORRUPT },
        { "count of one", "R\0\0\0\0\0\0\0\11", "\1", 9, 1, -ERR_CORRUPT },
        { "nothing in the log for this version", "T", "", 1, 0, -ERR_CORRUPT },
        { "totals wrong", "L\0\0\0\0\0\0\0\7\0", "\1\6\6\1\11\1\0\0\1q", 10, 10, -ERR_CORRUPT },
        { "unknown key", "N", "", 1, 0, -ERR_CORRUPT },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct bench b;
        struct batch batch = BATCH_INIT;
        struct account *account = NULL;
        bench_init(&b, NULL);
        account_unref(&b.account);
        mail_close(&b.mail);
        uint64_t version = put_next_account_record(&b, &batch);
        struct account_id id = { BENCH_ACCOUNT };
        batch_put(&batch, str_make(cases[i].key, cases[i].key_bytes),
                  str_make(cases[i].value, cases[i].value_bytes));
        assert_int_equal(store_commit(b.store, id, version, version + 1, &batch, &b.err), 0);
        batch_deinit(&batch);
        assert_int_equal(mail_open(&b.options, &b.mail, &b.err), 0);
        int r = mail_account_open(b.mail, id, &account, &b.err);
        assert_row(r == cases[i].result, i, b.err.text);
        assert_int_equal(mail_account_delete(b.mail, id, &b.err), 0);
        bench_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_account_is_whole_after_any_failure),
        cmocka_unit_test(test_open_can_be_tried_again),
        cmocka_unit_test(test_create_can_be_tried_again),
        cmocka_unit_test(test_damaged_records_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
