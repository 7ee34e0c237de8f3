#include "auth/passwd/passwd_file.h"
#include "base/testing.h"

#include <sodium.h>

static const struct passwd_file_params standard = { .scheme = "CRYPT", .domain = "", .allow_weak = true };

struct told {
    struct buf lines; /* "3: text\n" each */
};

static void on_problem(void *ctx, size_t line, const char *text)
{
    struct told *told = ctx;
    buf_printf(&told->lines, "%zu: %s\n", line, text);
}

static struct passwd_file *read_with(const struct passwd_file_params *params, const char *text,
                                     struct passwd_file_facts *facts, struct told *told)
{
    struct buf bytes = BUF_INIT;
    struct passwd_file *file = NULL;
    struct err err = { 0 };
    buf_add(&bytes, str_c(text));
    assert_int_equal(passwd_file_parse(&bytes, params, on_problem, told, &file, facts, &err), 0);
    assert_int_equal(bytes.n, 0);
    for (size_t i = 0; i < strlen(text); i++)
        assert_int_equal(bytes.p[i], 0); /* wiped */
    buf_deinit(&bytes);
    return file;
}

static void test_passwd_file_reads_what_dovecot_reads(void **state)
{
    (void)state;
    struct told told = { BUF_INIT };
    struct passwd_file_facts facts;
    struct passwd_file *file = read_with(
        &standard,
        "# comment\n"
        "\n"
        ":ignored\n"
        "anna@example.org:{PLAIN}a b\n"
        "Bert:{SSHA}s5Ot9o6Qcx1Rl2hOVRUHOd00+CmoIfS7:1000:1000:Bert B.:/home/bert:/bin/sh\r\n"
        "carl:{PLAIN}x:::::: user=carl@Example.org  allow_nets=192.0.2.0/24,2001:db8::/32,local "
        "userdb_quota_rule=*:storage=1G nologin=y proxy\n"
        "dora:$1$kQqXJwTT$CTfjGLtZ3HylnobOCv856.\n"
        "emil:{PLAIN}y::::::nologin\n"
        "fred:!:0:0\n"
        "gisa:{PLAIN}last line without an end",
        &facts, &told);
    assert_str(buf_str(&told.lines), "");
    assert_true(facts.users == 7 && facts.damaged == 0 && facts.weak == 6 && facts.ignored_extras == 2);
    const struct passwd_entry *e = passwd_file_find(file, STR("anna@example.org"));
    assert_non_null(e);
    assert_str(e->stored, "{PLAIN}a b");
    assert_true(!e->nologin && e->account == NULL && str_is_nil(e->nets));
    assert_non_null(passwd_file_find(file, STR("bert")));
    e = passwd_file_find(file, STR("carl"));
    assert_string_equal(e->account, "carl@example.org");
    assert_str(e->nets, "192.0.2.0/24,2001:db8::/32,local");
    assert_true(e->nologin);
    assert_true(passwd_file_find(file, STR("emil"))->nologin);
    assert_true(passwd_file_find(file, STR("fred"))->facts.never);
    assert_str(passwd_file_find(file, STR("gisa"))->stored, "{PLAIN}last line without an end");
    assert_null(passwd_file_find(file, STR("ignored")));
    assert_null(passwd_file_find(file, STR("")));
    passwd_file_free(&file);
    assert_null(file);
    buf_deinit(&told.lines);
}

static void test_passwd_file_tells_of_damaged_lines_and_skips_them(void **state)
{
    (void)state;
    static const struct {
        const char *line, *problem;
    } cases[] = {
        { "anna", "1: there is no \":\" behind the name\n" },
        { "an na:{PLAIN}x", NULL },
        { "../anna:{PLAIN}x", NULL },
        { "\377:{PLAIN}x", NULL },
        { "anna:{ROT13}x", "1: scheme {ROT13} is not known here\n" },
        { "anna:{SSHA}secret!", "1: {SSHA} is not encoded as it should be\n" },
        { "anna:secret", "1: a hash of crypt(3) in a form that is not known here\n" },
        { "anna:{CRYPT}$2y$31$x", "1: bcrypt of cost 31: at most 16\n" },
        { "anna:{PLAIN}x::::::nopassword=y", "1: nopassword: nobody signs in without a password\n" },
        { "anna:{PLAIN}x::::::user=", NULL },
        { "anna:{PLAIN}x::::::user=a/b", NULL },
        { "anna:{PLAIN}x::::::allow_nets=", "1: allow_nets names no network\n" },
        { "anna:{PLAIN}x::::::allow_nets=example.org", NULL },
        { "anna:{PLAIN}x::::::allow_nets=192.0.2.0/33", NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct told told = { BUF_INIT };
        struct passwd_file_facts facts;
        char text[256];
        snprintf(text, sizeof text, "%s\nbert:{PLAIN}y\n", cases[i].line);
        struct passwd_file *file = read_with(&standard, text, &facts, &told);
        assert_row(facts.users == 1 && facts.damaged == 1, i, cases[i].line);
        const struct passwd_entry *entry = passwd_file_find(file, STR("anna"));
        assert_row(!passwd_file_find(file, STR("bert"))->damaged, i, "the next line");
        assert_row((entry != NULL) == str_starts(str_c(cases[i].line), STR("anna")), i, "its name is known");
        assert_row(!entry || (entry->damaged && entry->stored.n == 0), i, "and lets nobody in");
        assert_row(str_starts(buf_str(&told.lines), STR("1: ")), i, buf_c(&told.lines));
        if (cases[i].problem)
            assert_str(buf_str(&told.lines), cases[i].problem);
        assert_row(str_find(buf_str(&told.lines), STR("secret")) < 0, i, "a secret");
        passwd_file_free(&file);
        buf_deinit(&told.lines);
    }
}

static void test_passwd_file_takes_the_last_line_of_a_name(void **state)
{
    (void)state;
    struct told told = { BUF_INIT };
    struct passwd_file_facts facts;
    struct passwd_file *file = read_with(
        &standard, "anna:{PLAIN}x\nANNA:{PLAIN}y\nbert:{PLAIN}x\nbert:{NTLM}x\ncarl\ncarl:{PLAIN}x\n", &facts,
        &told);
    assert_str(passwd_file_find(file, STR("anna"))->stored, "{PLAIN}y");
    assert_str(buf_str(&told.lines), "2: the name has a line before this one: this one holds\n"
                                     "4: scheme {NTLM} is not known here\n"
                                     "5: there is no \":\" behind the name\n"
                                     "6: the name has a line before this one: this one holds\n");
    assert_true(passwd_file_find(file, STR("bert"))->damaged); /* the older line does not come back */
    assert_false(passwd_file_find(file, STR("carl"))->damaged);
    assert_int_equal(facts.users, 2);
    passwd_file_free(&file);
    buf_deinit(&told.lines);
}

static void test_passwd_file_follows_its_settings(void **state)
{
    (void)state;
    struct told told = { BUF_INIT };
    struct passwd_file_facts facts;
    struct passwd_file_params params = { .scheme = "PLAIN", .domain = "example.org", .allow_weak = false };
    struct passwd_file *file = read_with(
        &params,
        "anna:secret\n"
        "bert:{CRYPT}$6$14R0qL2XD74U1yRU$0reKEuc4hIQ2QnVvKzswur/"
        ".138GBXeSWAlISSDV9S620FLB.gIyYKGzcR9k7ba3g7CN.UUWoIjrPyu812t3s1::::::"
        "user=b\n",
        &facts, &told);
    assert_true(facts.users == 1 && facts.damaged == 1 && facts.weak == 1);
    assert_str(buf_str(&told.lines), "1: passwords with {PLAIN} are not allowed (passwd_file.allow_weak)\n");
    assert_string_equal(passwd_file_find(file, STR("bert@example.org"))->account, "b@example.org");
    assert_null(passwd_file_find(file, STR("bert")));
    assert_true(passwd_file_find(file, STR("anna@example.org"))->damaged);
    passwd_file_free(&file);
    buf_deinit(&told.lines);
}

static void test_passwd_file_has_limits(void **state)
{
    (void)state;
    struct told told = { BUF_INIT };
    struct passwd_file_facts facts;
    struct buf text = BUF_INIT;
    for (size_t n = PASSWD_FILE_LINE_BYTES_MAX - 1; n <= PASSWD_FILE_LINE_BYTES_MAX + 1; n++) {
        buf_clear(&text);
        buf_printf(&text, "anna:{PLAIN}x::::::");
        while (text.n < n)
            buf_add_char(&text, 'x');
        struct passwd_file *file = read_with(&standard, buf_c(&text), &facts, &told);
        assert_row(passwd_file_find(file, STR("anna"))->damaged == (n > PASSWD_FILE_LINE_BYTES_MAX), n, "");
        passwd_file_free(&file);
    }
    buf_clear(&text);
    buf_clear(&told.lines);
    for (int i = 0; i < PASSWD_FILE_PROBLEMS_MAX + 5; i++)
        buf_add_lit(&text, "?\n");
    struct passwd_file *file = read_with(&standard, buf_c(&text), &facts, &told);
    size_t lines = 0;
    for (size_t i = 0; i < told.lines.n; i++)
        lines += told.lines.p[i] == '\n';
    assert_int_equal(lines, PASSWD_FILE_PROBLEMS_MAX);
    assert_int_equal(facts.damaged, PASSWD_FILE_PROBLEMS_MAX + 5);
    passwd_file_free(&file);
    buf_deinit(&text);
    buf_deinit(&told.lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passwd_file_reads_what_dovecot_reads),
        cmocka_unit_test(test_passwd_file_tells_of_damaged_lines_and_skips_them),
        cmocka_unit_test(test_passwd_file_takes_the_last_line_of_a_name),
        cmocka_unit_test(test_passwd_file_follows_its_settings),
        cmocka_unit_test(test_passwd_file_has_limits),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
