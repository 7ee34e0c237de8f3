#include "auth/sasl/gssapi.h"
#include "base/testing.h"

static void test_principals_of_our_realms_are_users(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        int r;
        const char *name;
    } cases[] = {
        { STR_INIT("anna@EXAMPLE.ORG"), 0, "anna@example.org" },
        { STR_INIT("Anna@EXAMPLE.ORG"), 0, "Anna@example.org" },
        { STR_INIT("anna@OTHER"), 0, "anna@other" },
        { STR_INIT("anna@example.org"), -ERR_AUTH, NULL }, /* realms have one case: RFC 4120, 6.1 */
        { STR_INIT("anna@ELSEWHERE"), -ERR_AUTH, NULL },
        { STR_INIT("anna@"), -ERR_AUTH, NULL },
        { STR_INIT("@EXAMPLE.ORG"), -ERR_AUTH, NULL },
        { STR_INIT("anna"), -ERR_AUTH, NULL },
        { STR_INIT(""), -ERR_AUTH, NULL },
        { STR_INIT("anna/admin@EXAMPLE.ORG"), -ERR_AUTH, NULL },
        { STR_INIT("imap/localhost@EXAMPLE.ORG"), -ERR_AUTH, NULL },
        { STR_INIT("anna\\@ELSEWHERE@EXAMPLE.ORG"), -ERR_AUTH, NULL },
        { STR_INIT("an\0na@EXAMPLE.ORG"), -ERR_AUTH, NULL },
        { STR_INIT("anna@ELSEWHERE@EXAMPLE.ORG"), 0, "anna@ELSEWHERE@example.org" }, /* a user of that name */
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char name[USER_NAME_BYTES_MAX + 1] = "";
        struct err err = { 0 };
        int r = gssapi_user_of(cases[i].in, STR("EXAMPLE.ORG, OTHER"), name, &err);
        assert_row(r == cases[i].r, i, err.text);
        if (r == 0)
            assert_row(strcmp(name, cases[i].name) == 0, i, name);
    }
}

static void test_principals_have_a_limit(void **state)
{
    (void)state;
    for (size_t n = USER_NAME_BYTES_MAX - 1; n <= USER_NAME_BYTES_MAX + 1; n++) {
        char in[USER_NAME_BYTES_MAX + 2], name[USER_NAME_BYTES_MAX + 1];
        memset(in, 'x', sizeof in);
        memcpy(in + n - 2, "@R", 2);
        assert_row(gssapi_user_of(str_make(in, n), STR("R"), name, NULL) ==
                       (n <= USER_NAME_BYTES_MAX ? 0 : -ERR_AUTH),
                   n, "length");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_principals_of_our_realms_are_users),
        cmocka_unit_test(test_principals_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
