#include "mail/mark.h"

#include "mail/testing_mail.h"

static const char *keywords_of(struct bench *b, const struct message *row)
{
    struct snapshot *s = box_snapshot(b, "INBOX");
    struct buf out = BUF_INIT;
    for (unsigned i = 0; i < s->keywords->count; i++)
        if (keyword_set_has(&row->keywords, i))
            buf_printf(&out, "%s" STR_FMT, out.n ? " " : "", STR_ARG(s->keywords->names[i]));
    char *text = arena_c(&b->arena, buf_str(&out));
    buf_deinit(&out);
    snapshot_unref(&s);
    return text;
}

static struct message row_of(struct bench *b, uint32_t seq)
{
    struct snapshot *s = box_snapshot(b, "INBOX");
    struct message row;
    assert_int_equal(snapshot_message(s, seq, &row, &b->err), 0);
    snapshot_unref(&s);
    return row;
}

static void append(struct bench *b, struct new_message *message)
{
    struct new_message stored = message_of(b, "x");
    message->blob = stored.blob;
    message->size_bytes = stored.size_bytes;
    struct change c = append_change(b, "INBOX", message, 1);
    assert_int_equal(commit_one(b, &c), 0);
}

static void test_mail_that_arrives_is_marked(void **state)
{
    static const struct str own[] = { STR_INIT("work"), STR_INIT("$HasAttachment") };
    static const struct {
        enum mark_source source;
        bool has_attachment;
        size_t keyword_count;
        const char *expected; /* by the mailbox's table, which grows */
    } cases[] = {
        { MARK_DELIVERED, true, 0, "$hasattachment" },
        { MARK_DELIVERED, false, 0, "$hasnoattachment" },
        { MARK_IMPORTED, true, 0, "$hasattachment $imported" },
        { MARK_IMPORTED, false, 1, "$hasnoattachment $imported work" },
        { MARK_IMPORTED, false, 2, "$hasattachment $imported work" }, /* they exclude each other */
        { MARK_DELIVERED, false, 2, "$hasattachment work" },
    };
    struct bench b;
    (void)state;
    bench_init(&b, NULL);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct new_message m = { .has_attachment = cases[i].has_attachment,
                                 .keywords = own,
                                 .keyword_count = cases[i].keyword_count };
        mark_message(&m, cases[i].source);
        append(&b, &m);
        struct message row = row_of(&b, (uint32_t)i + 1);
        if (strcmp(keywords_of(&b, &row), cases[i].expected) != 0)
            print_error("got <%s>\n", keywords_of(&b, &row));
        assert_row(strcmp(keywords_of(&b, &row), cases[i].expected) == 0, i, cases[i].expected);
    }
    bench_deinit(&b);
}

static void test_a_full_table_of_keywords_keeps_no_mail_out(void **state)
{
    struct bench b;
    struct str names[KEYWORDS_MAX];
    (void)state;
    bench_init(&b, NULL);
    for (size_t i = 0; i < KEYWORDS_MAX; i++)
        names[i] = arena_printf(&b.arena, "k%zu", i);
    struct new_message full = { .keywords = names, .keyword_count = KEYWORDS_MAX }, marked = { 0 };
    append(&b, &full);
    mark_message(&marked, MARK_IMPORTED);
    append(&b, &marked);
    struct message row = row_of(&b, 2);
    assert_string_equal(keywords_of(&b, &row), "");
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mail_that_arrives_is_marked),
        cmocka_unit_test(test_a_full_table_of_keywords_keeps_no_mail_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
