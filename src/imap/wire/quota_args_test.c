#include "imap/wire/quota_args.h"

#include "base/testing.h"

#define NONE QUOTA_NONE

static int parse(const char *text, bool utf8, bool set, struct arena *arena, const void **args_out)
{
    char line[300];
    struct parser p;
    struct str tag, name;
    struct err err;
    snprintf(line, sizeof line, "a %s\r\n", text);
    parser_init(&p, arena_dup(arena, str_c(line)), &parser_limits_after_login, utf8, arena);
    assert_true(parse_tag(&p, &tag) && parse_sp(&p) && parse_command_name(&p, &name));
    return set ? setquota_args_parse(&p, args_out, &err) : quota_args_parse(&p, args_out, &err);
}

static void test_getquota_takes_one_root(void **state)
{
    static const struct {
        const char *in;
        bool utf8;
        const char *root; /* NULL: -ERR_SYNTAX */
    } cases[] = {
        { "GETQUOTA \"!partition/sda4\"", false, "!partition/sda4" }, /* RFC 9208, 4.1.1 */
        { "GETQUOTA \"\"", false, "" },
        { "GETQUOTA user/anna@example.org", false, "user/anna@example.org" },
        { "GETQUOTA {4}\r\nuser", false, "user" },
        { "GETQUOTA user/a/&AOk-", false, "user/a/\xc3\xa9" },
        { "GETQUOTA user/a/&AOk-", true, "user/a/&AOk-" },
        { "GETQUOTA user/R&D", false, "user/R&D" }, /* no UTF-7: as it stands */
        { "GETQUOTA \"user/\xc3\xa9\"", true, "user/\xc3\xa9" },
        { "GETQUOTA", false, NULL },
        { "GETQUOTA a b", false, NULL },
        { "GETQUOTA (a)", false, NULL },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        const void *args = NULL;
        int r = parse(cases[i].in, cases[i].utf8, false, &arena, &args);
        assert_row(r == (cases[i].root ? 0 : -ERR_SYNTAX), i, cases[i].in);
        if (r == 0)
            assert_row(str_eq(((const struct quota_args *)args)->root, str_c(cases[i].root)), i, cases[i].in);
        arena_deinit(&arena);
    }
}

static void test_setquota_takes_limits(void **state)
{
    static const struct {
        const char *in;
        int r;
        struct quota_amounts limits;
        const char *unknown;
    } cases[] = {
        { "SETQUOTA \"#user/alice\" (STORAGE 510)",
          0,
          { { 510, NONE, NONE, NONE } },
          NULL }, /* RFC 9208, 4.1.3 */
        { "SETQUOTA r ()", 0, { { NONE, NONE, NONE, NONE } }, NULL },
        { "SETQUOTA r (message 0 Mailbox 7 annotation-storage 9 STORAGE 1)", 0, { { 1, 0, 7, 9 } }, NULL },
        { "SETQUOTA r (STORAGE 9223372036854775807)", 0, { { QUOTA_LIMIT_MAX, NONE, NONE, NONE } }, NULL },
        { "SETQUOTA r (STORAGE 9223372036854775808)", -ERR_SYNTAX, { { 0 } }, NULL },
        { "SETQUOTA r (X-DOORS 4 MESSAGE 2)", 0, { { NONE, 2, NONE, NONE } }, "X-DOORS" },
        { "SETQUOTA r (STORAGE 1 storage 2)", -ERR_SYNTAX, { { 0 } }, NULL },
        { "SETQUOTA r (STORAGE)", -ERR_SYNTAX, { { 0 } }, NULL },
        { "SETQUOTA r (STORAGE -1)", -ERR_SYNTAX, { { 0 } }, NULL },
        { "SETQUOTA r (STORAGE 1", -ERR_SYNTAX, { { 0 } }, NULL },
        { "SETQUOTA r (STORAGE 1  MESSAGE 2)", -ERR_SYNTAX, { { 0 } }, NULL },
        { "SETQUOTA r STORAGE 1", -ERR_SYNTAX, { { 0 } }, NULL },
        { "SETQUOTA r", -ERR_SYNTAX, { { 0 } }, NULL },
        { "SETQUOTA r () x", -ERR_SYNTAX, { { 0 } }, NULL },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct arena arena = ARENA_INIT;
        const void *args = NULL;
        int r = parse(cases[i].in, false, true, &arena, &args);
        assert_row(r == cases[i].r, i, cases[i].in);
        if (r == 0) {
            const struct setquota_args *a = args;
            assert_row(memcmp(&a->limits, &cases[i].limits, sizeof a->limits) == 0, i, cases[i].in);
            assert_row(str_eq(a->unknown, str_c(cases[i].unknown)), i, cases[i].in);
        }
        arena_deinit(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_getquota_takes_one_root),
        cmocka_unit_test(test_setquota_takes_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
