/* Search programs that outlive the snapshot they were made for: RFC 5267, 4.3. Messages of 1000, 1050 and 1100 s, UIDs 1 to 3. */
#include "imap/cmd/search_match.h"

#include "mail/testing_mail.h"

struct fixture {
    struct bench b;
    struct snapshot *snapshot;
    struct search_program *program;
};

static void append_at(struct bench *b, int64_t internal_date_s)
{
    struct new_message m = message_of(b, "Subject: x\r\n\r\n");
    m.internal_date_s = internal_date_s;
    struct change c = append_change(b, "INBOX", &m, 1);
    assert_int_equal(commit_one(b, &c), 0);
}

static void fixture_init(struct fixture *f, const char *keys, int64_t now_s)
{
    struct parser p;
    struct err err;
    const void *args;
    *f = (struct fixture){ 0 };
    bench_init(&f->b, NULL);
    for (int i = 0; i < 3; i++)
        append_at(&f->b, 1000 + 50 * i);
    f->snapshot = box_snapshot(&f->b, "INBOX");
    parser_init(&p, arena_printf(&f->b.arena, " %s\r\n", keys), &parser_limits_after_login, false,
                &f->b.arena);
    assert_int_equal(search_args_parse(&p, &args, &err), 0);
    const struct search_place place = {
        .account = f->b.account, .snapshot = f->snapshot, .now_s = now_s, .lasting = true
    };
    assert_int_equal(search_program_new(&place, args, &f->b.arena, &f->program, &err), 0);
}

static void fixture_deinit(struct fixture *f)
{
    search_program_free(&f->program);
    snapshot_unref(&f->snapshot);
    bench_deinit(&f->b);
}

static const char *text_of(struct fixture *f, const struct seqset *set)
{
    return seqset_is_empty(set) ? "" : uids_text(&f->b, set);
}

/* UIDs that match in the snapshot of now. */
static const char *matches(struct fixture *f)
{
    struct seqset uids;
    seqset_init(&uids, &f->b.arena);
    for (uint32_t seq = 1; seq <= f->snapshot->exists; seq++) {
        struct message m;
        assert_int_equal(snapshot_message(f->snapshot, seq, &m, &f->b.err), 0);
        int r = search_program_match(f->program, seq, &m, &f->b.err);
        assert_true(r >= 0);
        if (r == 1)
            seqset_add(&uids, m.uid);
    }
    return text_of(f, &uids);
}

/* Move on; the UIDs that nothing but time or "*" concerns. */
static const char *follow(struct fixture *f, int64_t since_s, int64_t now_s)
{
    struct snapshot *now = box_snapshot(&f->b, "INBOX");
    struct seqset aged;
    assert_int_equal(search_program_follow(f->program, now, now_s, &f->b.err), 0);
    assert_int_equal(
        search_program_aged(f->program, f->snapshot, now, since_s, &f->b.arena, &aged, &f->b.err), 0);
    snapshot_unref(&f->snapshot);
    f->snapshot = now;
    return text_of(f, &aged);
}

static const struct {
    const char *keys;
    bool ages;
    const char *at_1120;                    /* what matches */
    const char *aged_at_1160, *at_1160;     /* and later */
    const char *aged_of_change, *of_change; /* message 1 is expunged, 4 comes (of 1000 s) */
} cases[] = {
    { "OLDER 100", true, "1", "2", "1:2", "", "2,4" },
    { "YOUNGER 100", true, "2:3", "2", "3", "", "3" },
    { "NOT YOUNGER 40", true, "1:2", "3", "1:3", "", "2:4" },
    { "OLDER 1000", true, "", "", "", "", "" },
    { "2:3", false, "2:3", "", "2:3", "", "2:3" },
    { "3:*", false, "3", "", "3", "", "3" },
    { "2,7:9", false, "2", "", "2", "", "2" },
    { "UID 2:*", false, "2:3", "", "2:3", "3:4", "2:4" },
    { "UID *", false, "3", "", "3", "3:4", "4" },
    { "UID 9:*", false, "3", "", "3", "3:4", "4" },
    { "UID 1:2", false, "1:2", "", "1:2", "", "2" },
};

static void test_a_lasting_program_follows_the_mailbox(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct fixture f;
        fixture_init(&f, cases[i].keys, 1120);
        assert_row(search_program_ages(f.program) == cases[i].ages, i, cases[i].keys);
        assert_string_equal(matches(&f), cases[i].at_1120);
        assert_string_equal(follow(&f, 1120, 1160), cases[i].aged_at_1160);
        assert_string_equal(matches(&f), cases[i].at_1160);
        assert_int_equal(expunge(&f.b, "INBOX", "1"), 0);
        append_at(&f.b, 1000);
        assert_string_equal(follow(&f, 1160, 1160), cases[i].aged_of_change);
        assert_string_equal(matches(&f), cases[i].of_change);
        assert_string_equal(follow(&f, 1160, 1160), ""); /* what it began with is gone */
        assert_string_equal(matches(&f), cases[i].of_change);
        fixture_deinit(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_a_lasting_program_follows_the_mailbox) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
