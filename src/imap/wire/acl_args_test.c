#include "imap/wire/acl_args.h"

#include "base/testing.h"

static struct parser parser_of(const char *text, struct arena *arena)
{
    struct parser p;
    parser_init(&p, str_c(text), &parser_limits_after_login, true, arena);
    return p;
}

static void test_setacl_reads_what_it_changes(void **state)
{
    static const struct {
        const char *in;
        int r;
        const char *mailbox, *identifier;
        char sign;
        const char *rights;
    } cases[] = {
        { " INBOX fred lr\r\n", 0, "INBOX", "fred", '=', "lr" },
        { " \"a b\" \"-fred\" \"+w\"\r\n", 0, "a b", "-fred", '+', "w" },
        { " INBOX anyone -s\r\n", 0, "INBOX", "anyone", '-', "s" },
        { " INBOX fred \"\"\r\n", 0, "INBOX", "fred", '=', "" },
        { " INBOX fred +\r\n", 0, "INBOX", "fred", '+', "" },
        { " INBOX {4}\r\nfred d\r\n", 0, "INBOX", "fred", '=', "d" },
        { " INBOX group:team@a.example c\r\n", 0, "INBOX", "group:team@a.example", '=', "c" },
        { " INBOX fred lrQswicda\r\n", -ERR_SYNTAX, NULL, NULL, 0, NULL }, /* RFC 4314, 3.1 */
        { " INBOX fred lrqswicda\r\n", -ERR_SYNTAX, NULL, NULL, 0, NULL },
        { " INBOX fred l+r\r\n", -ERR_SYNTAX, NULL, NULL, 0, NULL },
        { " INBOX fred +-r\r\n", -ERR_SYNTAX, NULL, NULL, 0, NULL },
        { " INBOX \"\" lr\r\n", -ERR_SYNTAX, NULL, NULL, 0, NULL },
        { " INBOX - lr\r\n", -ERR_SYNTAX, NULL, NULL, 0, NULL },
        { " INBOX fred\r\n", -ERR_SYNTAX, NULL, NULL, 0, NULL },
        { " INBOX\r\n", -ERR_SYNTAX, NULL, NULL, 0, NULL },
        { " INBOX fred lr x\r\n", -ERR_SYNTAX, NULL, NULL, 0, NULL },
        { "\r\n", -ERR_SYNTAX, NULL, NULL, 0, NULL },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct parser p = parser_of(cases[i].in, &arena);
        const void *args;
        struct err err;
        int r = setacl_args_parse(&p, &args, &err);
        assert_row(r == cases[i].r, i, cases[i].in);
        if (r == 0) {
            const struct setacl_args *a = args;
            assert_str(a->mailbox, cases[i].mailbox);
            assert_str(a->identifier, cases[i].identifier);
            assert_str(a->rights, cases[i].rights);
            assert_row(a->sign == cases[i].sign, i, cases[i].in);
        }
        arena_deinit(&arena);
    }
}

static void test_deleteacl_and_listrights_read_two_names(void **state)
{
    static const struct {
        const char *in;
        int r;
        const char *mailbox, *identifier;
    } cases[] = {
        { " INBOX fred\r\n", 0, "INBOX", "fred" },      { " inbox \"-group:x\"\r\n", 0, "INBOX", "-group:x" },
        { " INBOX \"\"\r\n", -ERR_SYNTAX, NULL, NULL }, { " INBOX fred lr\r\n", -ERR_SYNTAX, NULL, NULL },
        { " INBOX\r\n", -ERR_SYNTAX, NULL, NULL },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct parser p = parser_of(cases[i].in, &arena);
        const void *args;
        struct err err;
        int r = acl_args_parse(&p, &args, &err);
        assert_row(r == cases[i].r, i, cases[i].in);
        if (r == 0) {
            assert_str(((const struct acl_args *)args)->mailbox, cases[i].mailbox);
            assert_str(((const struct acl_args *)args)->identifier, cases[i].identifier);
        }
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_setacl_reads_what_it_changes),
        cmocka_unit_test(test_deleteacl_and_listrights_read_two_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
