/* Message sets of a command against a mailbox of UIDs 1, 3, 4, 7 (sequence numbers 1 to 4), with "$" = 3,7
 * and one UID that is gone. */
#include "imap/cmd/saved.h"

#include "mail/testing_mail.h"

static void fixture_init(struct bench *b, struct session *s)
{
    bench_init(b, NULL);
    for (int i = 0; i < 7; i++)
        assert_true(append_one(b, "INBOX", "Subject: x\r\n\r\n", 0) > 0);
    assert_int_equal(expunge(b, "INBOX", "2,5:6"), 0);
    *s = (struct session){ .account = b->account, .state = STATE_SELECTED };
    struct mailbox *inbox;
    assert_int_equal(account_mailbox(b->account, STR("INBOX"), &inbox, &b->err), 0);
    view_open(inbox, false, &s->view);
    mailbox_unref(&inbox);
    seqset_init(&s->saved, &s->saved_arena);
    seqset_add(&s->saved, 3);
    seqset_add(&s->saved, 6); /* expunged since */
    seqset_add(&s->saved, 7);
}

static void fixture_deinit(struct bench *b, struct session *s)
{
    view_close(&s->view);
    arena_deinit(&s->saved_arena);
    arena_deinit(&s->arena);
    bench_deinit(b);
}

/* clang-format off */
static const struct {
    const char *set;
    const char *seqs;     /* of a set of sequence numbers; NULL: -ERR_INVALID */
    const char *uid_seqs; /* of a set of UIDs, as sequence numbers */
    const char *uids;     /* of a set of UIDs; what is not there stays in, up to the last */
} cases[] = {
    /* set            seqs   of UIDs   UIDs */
    { "1",            "1",   "1",      "1"     },
    { "2",            "2",   "",       "2"     },
    { "4",            "4",   "3",      "4"     },
    { "5",            NULL,  "",       "5"     },
    { "1:4",          "1:4", "1:3",    "1:4"   },
    { "4:1",          "1:4", "1:3",    "1:4"   },
    { "1:5",          NULL,  "1:3",    "1:5"   },
    { "*",            "4",   "4",      "7"     },
    { "3:*",          "3:4", "2:4",    "3:7"   },
    { "9:*",          "4",   "4",      "7"     },
    { "1,3",          "1,3", "1:2",    "1,3"   },
    { "4294967295",   NULL,  "",       ""      },
    { "1:4294967295", NULL,  "1:4",    "1:7"   },
    { "$",            "2,4", "2,4",    "3,6:7" },
};
/* clang-format on */

static const char *text_of(struct bench *b, const struct seqset *set)
{
    return seqset_is_empty(set) ? "" : uids_text(b, set);
}

static void test_sets_are_resolved(void **state)
{
    (void)state;
    struct bench b;
    struct session s;
    fixture_init(&b, &s);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct seqset set, out;
        struct err err;
        assert_int_equal(seqset_parse(str_c(cases[i].set), &b.arena, &set, &err), 0);
        int r = message_set_seqs(&s, &set, false, &out, &err);
        assert_row(r == (cases[i].seqs ? 0 : -ERR_INVALID), i, cases[i].set);
        if (cases[i].seqs)
            assert_string_equal(text_of(&b, &out), cases[i].seqs);
        assert_row(message_set_seqs(&s, &set, true, &out, &err) == 0, i, cases[i].set);
        assert_string_equal(text_of(&b, &out), cases[i].uid_seqs);
        s.uid_form = true;
        assert_row(message_set_uids(&s, &set, &out, &err) == 0, i, cases[i].set);
        assert_string_equal(text_of(&b, &out), cases[i].uids);
        s.uid_form = false;
    }
    fixture_deinit(&b, &s);
}

static void test_an_empty_mailbox_has_no_last_message(void **state)
{
    (void)state;
    struct bench b;
    struct session s;
    fixture_init(&b, &s);
    assert_int_equal(expunge(&b, "INBOX", "1:*"), 0);
    struct view_update update;
    assert_int_equal(view_sync(&s.view, true, &b.arena, &update, &b.err), 0);
    static const struct {
        const char *set;
        int r; /* as sequence numbers */
    } rows[] = { { "*", -ERR_INVALID }, { "1:*", -ERR_INVALID }, { "1", -ERR_INVALID }, { "$", 0 } };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct seqset set, out;
        struct err err;
        assert_int_equal(seqset_parse(str_c(rows[i].set), &b.arena, &set, &err), 0);
        assert_row(message_set_seqs(&s, &set, false, &out, &err) == rows[i].r, i, rows[i].set);
        assert_row(message_set_seqs(&s, &set, true, &out, &err) == 0 && seqset_is_empty(&out), i,
                   rows[i].set);
        s.uid_form = true;
        assert_row(message_set_uids(&s, &set, &out, &err) == 0 && seqset_is_empty(&out), i, rows[i].set);
        s.uid_form = false;
    }
    fixture_deinit(&b, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sets_are_resolved),
        cmocka_unit_test(test_an_empty_mailbox_has_no_last_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
