/* The table of replies: every error has one, and none tells a client what is not its business. */
#include "imap/reply.h"

#include "base/testing.h"

static bool is_code(const char *code)
{
    for (; *code; code++)
        if (!(*code >= 'A' && *code <= 'Z') && *code != '-')
            return false;
    return true;
}

static void test_every_error_has_a_reply(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < ERR_KIND_COUNT; kind++) {
        const struct reply_rule *rule = reply_rule((enum err_kind)kind);
        const char *name = err_kind_name((enum err_kind)kind);
        assert_row(str_eq(str_c(rule->kind), STR("NO")) || str_eq(str_c(rule->kind), STR("BAD")), kind, name);
        assert_row(is_code(rule->code), kind, name);
        /* RFC 9051, 7.1.3: BAD is for what the client should not have sent;
         * the codes of RFC 5530 go with NO. */
        assert_row(str_eq(str_c(rule->kind), STR("NO")) || rule->code[0] == '\0', kind, name);
    }
}

static void test_an_unknown_kind_is_a_server_bug(void **state)
{
    (void)state;
    assert_string_equal(reply_rule(ERR_KIND_COUNT)->code, "SERVERBUG");
    assert_string_equal(reply_rule(ERR_NONE)->code, "SERVERBUG");
}

static void test_replies_follow_the_standards(void **state)
{
    (void)state;
    static const struct {
        enum err_kind kind;
        const char *reply, *code;
    } cases[] = {
        { ERR_SYNTAX, "BAD", "" },
        { ERR_INVALID, "BAD", "" },
        { ERR_STATE, "BAD", "" },
        { ERR_LIMIT, "NO", "LIMIT" },
        { ERR_NOT_FOUND, "NO", "NONEXISTENT" },
        { ERR_EXISTS, "NO", "ALREADYEXISTS" },
        { ERR_HAS_CHILDREN, "NO", "HASCHILDREN" },
        { ERR_CANNOT, "NO", "CANNOT" },
        { ERR_DENIED, "NO", "NOPERM" },
        { ERR_AUTH, "NO", "AUTHENTICATIONFAILED" },
        { ERR_EXPIRED, "NO", "EXPIRED" },
        { ERR_DISABLED, "NO", "CONTACTADMIN" },
        { ERR_NOT_AUTHORIZED, "NO", "AUTHORIZATIONFAILED" },
        { ERR_PRIVACY, "NO", "PRIVACYREQUIRED" },
        { ERR_OVERQUOTA, "NO", "OVERQUOTA" },
        { ERR_UNKNOWN_CTE, "NO", "UNKNOWN-CTE" },
        { ERR_EXPUNGED, "NO", "EXPUNGEISSUED" },
        { ERR_CORRUPT, "NO", "CORRUPTION" },
        { ERR_UNAVAILABLE, "NO", "UNAVAILABLE" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct reply_rule *rule = reply_rule(cases[i].kind);
        assert_row(str_eq(str_c(rule->kind), str_c(cases[i].reply)), i, cases[i].code);
        assert_row(str_eq(str_c(rule->code), str_c(cases[i].code)), i, cases[i].code);
    }
}

/* Paths, names of files and who exists stay in the log. */
static void test_details_of_trouble_stay_inside(void **state)
{
    (void)state;
    static const enum err_kind inside[] = { ERR_NONE, ERR_AGAIN,   ERR_AUTH,        ERR_FULL,   ERR_CONFLICT,
                                            ERR_IO,   ERR_CORRUPT, ERR_UNAVAILABLE, ERR_CLOSED, ERR_TIMEOUT };
    for (size_t i = 0; i < ARRAY_COUNT(inside); i++)
        assert_row(reply_rule(inside[i])->text != NULL, i, err_kind_name(inside[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_error_has_a_reply),
        cmocka_unit_test(test_an_unknown_kind_is_a_server_bug),
        cmocka_unit_test(test_replies_follow_the_standards),
        cmocka_unit_test(test_details_of_trouble_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
