#include "admin/maildir.h"

#include "base/testing.h"

static void test_maildir_reads_flags_of_names(void **state)
{
    static const struct {
        const char *name, *flags;
    } cases[] = {
        { "1.a.h", "" },
        { "1.a.h:2,", "" },
        { "1.a.h:2,DFPRST", "\\Draft \\Flagged $Forwarded \\Answered \\Seen \\Deleted" },
        { "1.a.h,S=1:2,Sac", "\\Seen one three" },
        { "1.a.h:2,bz", "" }, /* letters without a name */
        { "1.a.h:1,S", "" },  /* experimental: no flags */
        { "1.a.h;2,S", "\\Seen" },
        { "1.a.h:2,XS", "\\Seen" },
    };
    struct maildir_keywords keywords;
    (void)state;
    maildir_keywords_parse(STR("0 one\n2 three\nx y\n26 beyond\n1\n"), &keywords);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct mailfile_message message = { 0 };
        struct buf got = BUF_INIT;
        maildir_read_flags(str_c(cases[i].name), &keywords, &message);
        for (size_t k = 0; k < message.flag_count; k++)
            buf_printf(&got, "%s" STR_FMT, k ? " " : "", STR_ARG(message.flags[k]));
        assert_row(str_eq(buf_str(&got), str_c(cases[i].flags)), i, cases[i].name);
        buf_deinit(&got);
    }
}

static void test_maildir_names_tell_flags_and_sizes(void **state)
{
    struct mailfile_message message = { .date_s = 1600000000 };
    struct maildir_keywords keywords = { 0 };
    struct buf name = BUF_INIT, file = BUF_INIT;
    (void)state;
    mailfile_add_flag(&message, STR("\\Seen"));
    mailfile_add_flag(&message, STR("$Junk"));
    mailfile_add_flag(&message, STR("$forwarded"));
    mailfile_add_flag(&message, STR("\\Draft"));
    assert_int_equal(maildir_format_name(&message, 7, 10, 12, &keywords, &name), 0);
    assert_str(buf_str(&name), "1600000000.U7.loft,S=10,W=12:2,DPSa");
    maildir_keywords_format(&keywords, &file);
    assert_str(buf_str(&file), "0 $Junk\n");
    buf_deinit(&name);
    buf_deinit(&file);
}

static void test_maildir_counts_keywords_that_do_not_fit(void **state)
{
    struct maildir_keywords keywords = { 0 };
    struct mailfile_message message = { 0 };
    struct arena arena = ARENA_INIT;
    struct buf name = BUF_INIT;
    (void)state;
    for (int i = 0; i <= MAILDIR_KEYWORDS_MAX; i++)
        mailfile_add_flag(&message, arena_printf(&arena, "k%d", i));
    assert_int_equal(maildir_format_name(&message, 1, 1, 1, &keywords, &name), 1);
    assert_true(str_ends(buf_str(&name), STR(":2,abcdefghijklmnopqrstuvwxyz")));
    buf_deinit(&name);
    arena_deinit(&arena);
}

static void test_maildir_knows_files_in_wire_form(void **state)
{
    static const struct {
        const char *name;
        uint64_t size;
        bool is;
    } cases[] = {
        { "1.a.h", 5, false },
        { "1.a.h,S=5:2,S", 5, false },
        { "1.a.h,S=5,W=5:2,S", 5, true },
        { "1.a.h,S=5,W=6:2,S", 5, false },
        { "1.a.h,W=5", 5, true },
        { "1.a.h:2,W=5", 5, false },
        { "1.a.h,W=x:2,", 5, false },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(maildir_is_wire_form(str_c(cases[i].name), cases[i].size) == cases[i].is, i,
                   cases[i].name);
}

static void test_maildir_folder_names_come_back(void **state)
{
    static const struct {
        const char *folder, *mailbox;
        bool one_way; /* read only: not what we would write */
    } cases[] = {
        { ".Work", "Work", false },
        { ".Work.Reports", "Work/Reports", false },
        { ".Re&AOQ-l", "Re\xc3\xa4l", false },
        { ".a\\2eb.c\\5cd", "a.b/c\\d", false },
        { ".\\2e\\2e", "..", false }, /* the server refuses it; as a file it is harmless */
        { ".Re\xc3\xa4l", "Re\xc3\xa4l", true },
        { ".bad&name", "bad&name", true },
        { ".bad\xff", "bad\xef\xbf\xbd", true },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf mailbox = BUF_INIT, folder = BUF_INIT;
        maildir_read_folder(str_c(cases[i].folder), &mailbox);
        assert_row(str_eq(buf_str(&mailbox), str_c(cases[i].mailbox)), i, cases[i].folder);
        maildir_format_folder(str_c(cases[i].mailbox), &folder);
        assert_row(cases[i].one_way || str_eq(buf_str(&folder), str_c(cases[i].folder)), i, cases[i].folder);
        buf_deinit(&mailbox);
        buf_deinit(&folder);
    }
}

static void test_mailfile_level_names_are_harmless_and_come_back(void **state)
{
    static const struct {
        const char *level, *name;
    } cases[] = {
        { "Work", "Work" },          { "a.b", "a.b" },
        { ".hidden", "\\2ehidden" }, { "..", "\\2e." },
        { "x.mbox", "x\\2embox" },   { "x.sbd", "x\\2esbd" },
        { "a\\b", "a\\5cb" },        { ".mbox", "\\2embox" },
        { "\\2e", "\\5c2e" },        { "Re\xc3\xa4l", "Re\xc3\xa4l" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf name = BUF_INIT, level = BUF_INIT;
        mailfile_format_level(str_c(cases[i].level), &name);
        assert_row(str_eq(buf_str(&name), str_c(cases[i].name)), i, cases[i].level);
        mailfile_unescape(buf_str(&name), &level);
        assert_row(str_eq(buf_str(&level), str_c(cases[i].level)), i, cases[i].level);
        buf_deinit(&name);
        buf_deinit(&level);
    }
}

static void test_mailfile_line_ends_come_back_or_are_left_alone(void **state)
{
    static const struct {
        const char *wire, *file; /* NULL: cannot be told from another one */
    } cases[] = {
        { "", "" },           { "a", "a" },           { "a\r\nb\r\n", "a\nb\n" },
        { "a\r\nb", "a\nb" }, { "\r\n\r\n", "\n\n" }, { "a\rb\r\n", "a\rb\n" },
        { "a\nb\r\n", NULL }, { "a\r\r\n", NULL },    { "\n", NULL },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf file = BUF_INIT, wire = BUF_INIT;
        bool ok = mailfile_to_lf(str_c(cases[i].wire), &file);
        assert_row(ok == (cases[i].file != NULL) && (!ok || str_eq(buf_str(&file), str_c(cases[i].file))), i,
                   cases[i].wire);
        mailfile_to_crlf(buf_str(&file), &wire);
        assert_row(!ok || str_eq(buf_str(&wire), str_c(cases[i].wire)), i, cases[i].wire);
        buf_deinit(&file);
        buf_deinit(&wire);
    }
}

static void test_mailfile_leaves_wire_form_as_it_is(void **state)
{
    struct buf out = BUF_INIT;
    (void)state;
    mailfile_to_crlf(STR("A: b\r\nlone\nend\r\n"), &out);
    assert_str(buf_str(&out), "A: b\r\nlone\nend\r\n");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maildir_reads_flags_of_names),
        cmocka_unit_test(test_maildir_names_tell_flags_and_sizes),
        cmocka_unit_test(test_maildir_counts_keywords_that_do_not_fit),
        cmocka_unit_test(test_maildir_knows_files_in_wire_form),
        cmocka_unit_test(test_maildir_folder_names_come_back),
        cmocka_unit_test(test_mailfile_level_names_are_harmless_and_come_back),
        cmocka_unit_test(test_mailfile_line_ends_come_back_or_are_left_alone),
        cmocka_unit_test(test_mailfile_leaves_wire_form_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
