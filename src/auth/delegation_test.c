#include "auth/delegation.h"
#include "base/testing.h"

static void test_delegation_refuses_what_is_no_rule(void **state)
{
    (void)state;
    static const struct {
        const char *rules;
        int r;
    } cases[] = {
        { "", 0 },
        { " ; ; ", 0 },
        { "help: *", 0 },
        { "help: anna, bob;root:*", 0 },
        { "help", -ERR_INVALID },
        { "help:", -ERR_INVALID },
        { "help: ,", -ERR_INVALID },
        { ": anna", -ERR_INVALID },
        { "*: anna", -ERR_INVALID },
        { "*@example.org: anna", -ERR_INVALID },
        { "he lp: anna", -ERR_INVALID },
        { "help: an*", -ERR_INVALID },
        { "help: *@", -ERR_INVALID },
        { "help: *@*", -ERR_INVALID },
        { "help: **", -ERR_INVALID },
        { "help: a/b", -ERR_INVALID },
        { "help: anna; root", -ERR_INVALID },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct delegation *d = NULL;
        struct err err;
        assert_row(delegation_parse(str_c(cases[i].rules), &d, &err) == cases[i].r, i, cases[i].rules);
        assert_row((d != NULL) == (cases[i].r == 0), i, cases[i].rules);
        delegation_free(&d);
    }
}

static void test_delegation_allows_what_is_written(void **state)
{
    (void)state;
    static const char rules[] = "help@Example.org: *@example.org, carl@other.net;"
                                " root: *, help@example.org; backup: *";
    static const struct {
        const char *who, *whom;
        bool allowed;
    } cases[] = {
        { "help@example.org", "anna@example.org", true },
        { "help@example.org", "anna@sub.example.org", false },
        { "help@example.org", "anna@badexample.org", false },
        { "help@example.org", "anna@other.net", false },
        { "help@example.org", "carl@other.net", true },
        { "help@example.org", "anna", false },
        { "help@example.org", "root", false },
        { "anna@example.org", "help@example.org", false },
        { "anna@example.org", "bob@example.org", false },
        { "help", "anna@example.org", false },
        { "root", "anna@example.org", true },
        { "root", "bob", true },
        { "root", "help@example.org", true }, /* named */
        { "root", "backup", false },          /* an administrator, and "*" names nobody */
        { "backup", "root", false },
        { "backup", "help@example.org", false },
        { "", "anna", false },
        { "root", "", true }, /* nobody: whoever asks finds no such user */
    };
    struct delegation *d = NULL;
    assert_int_equal(delegation_parse(str_c(rules), &d, NULL), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
        assert_row(delegation_allows(d, str_c(cases[i].who), str_c(cases[i].whom)) == cases[i].allowed, i,
                   cases[i].whom);
    delegation_free(&d);
    delegation_free(&d);
}

static void test_delegation_of_nothing_allows_nothing(void **state)
{
    (void)state;
    struct delegation *d = NULL;
    assert_int_equal(delegation_parse(STR_NIL, &d, NULL), 0);
    assert_false(delegation_allows(d, STR("root"), STR("anna")));
    delegation_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delegation_refuses_what_is_no_rule),
        cmocka_unit_test(test_delegation_allows_what_is_written),
        cmocka_unit_test(test_delegation_of_nothing_allows_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
