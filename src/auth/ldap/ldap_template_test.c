#include "auth/ldap/ldap_template.h"
#include "base/testing.h"

static void test_ldap_escapes_leave_a_name_a_name(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *filter, *dn;
    } cases[] = {
        { STR_INIT("anna@example.org"), "anna@example.org", "anna@example.org" },
        { STR_INIT("*"), "\\2a", "*" },
        { STR_INIT("a)(uid=*"), "a\\29\\28uid=\\2a", "a)(uid\\3d*" },
        { STR_INIT("*)(|(cn=*"), "\\2a\\29\\28|\\28cn=\\2a", "*)(|(cn\\3d*" },
        { STR_INIT("a\\2a"), "a\\5c2a", "a\\5c2a" },
        { STR_INIT("a\0b"), "a\\00b", "a\\00b" },
        { STR_INIT("a,ou=admins"), "a,ou=admins", "a\\2cou\\3dadmins" },
        { STR_INIT("a+b=c;d\"<>"), "a+b=c;d\"<>", "a\\2bb\\3dc\\3bd\\22\\3c\\3e" },
        { STR_INIT("#a"), "#a", "\\23a" },
        { STR_INIT(" a "), " a ", "\\20a\\20" },
        { STR_INIT("a#b c"), "a#b c", "a#b c" },
        { STR_INIT("M\303\274ller\r\n"), "M\\c3\\bcller\\0d\\0a", "M\\c3\\bcller\\0d\\0a" },
        { STR_INIT(""), "", "" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf filter = BUF_INIT, dn = BUF_INIT;
        ldap_escape_filter(cases[i].in, &filter);
        ldap_escape_dn(cases[i].in, &dn);
        assert_row(str_eq(buf_str(&filter), str_c(cases[i].filter)), i, buf_c(&filter));
        assert_row(str_eq(buf_str(&dn), str_c(cases[i].dn)), i, buf_c(&dn));
        buf_deinit(&filter);
        buf_deinit(&dn);
    }
}

static void test_ldap_templates_are_filled(void **state)
{
    (void)state;
    static const struct {
        enum ldap_template_kind kind;
        const char *text, *name, *filled; /* NULL: refused */
    } cases[] = {
        { LDAP_FILTER, "(mail=%u)", "anna@example.org", "(mail=anna@example.org)" },
        { LDAP_FILTER, "(&(uid=%n)(o=%d)(c=%%))", "a@b@c", "(&(uid=a@b)(o=c)(c=%))" },
        { LDAP_FILTER, "(uid=%n%d)", "an*na", "(uid=an\\2ana)" },
        { LDAP_GROUP_FILTER, "(member=%D)", "x", "(member=cn=x \\28y\\29,dc=z)" },
        { LDAP_DN, "uid=%n,ou=people,dc=%d", "a,b@example.org", "uid=a\\2cb,ou=people,dc=example.org" },
        { LDAP_DN, "uid=%u", "a", "uid=a" },
        { LDAP_FILTER, "(member=%D)", "x", NULL },
        { LDAP_FILTER, "(uid=%)", "x", NULL },
        { LDAP_FILTER, "(uid=%s)", "x", NULL },
        { LDAP_DN, "uid=x%", "x", NULL },
        { LDAP_FILTER, "uid=%u", "x", NULL },
        { LDAP_FILTER, "", "x", NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        const struct ldap_names names = { str_c(cases[i].name), STR("cn=x (y),dc=z") };
        int r = ldap_template_check(cases[i].kind, str_c(cases[i].text), NULL);
        assert_row(r == (cases[i].filled ? 0 : -ERR_INVALID), i, cases[i].text);
        if (r == 0)
            ldap_template_fill(cases[i].kind, str_c(cases[i].text), &names, &out);
        assert_row(r < 0 || str_eq(buf_str(&out), str_c(cases[i].filled)), i, buf_c(&out));
        buf_deinit(&out);
    }
}

static void test_ldap_rules_say_who_is_disabled(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *value;
        int holds; /* -1: the rule is refused */
    } cases[] = {
        { "userAccountControl&2", "514", 1 },
        { "userAccountControl&2", "512", 0 },
        { "userAccountControl&2", "x", 0 },
        { "userAccountControl&2", "", 0 },
        { "nsAccountLock=TRUE", "true", 1 },
        { "nsAccountLock=TRUE", "false", 0 },
        { "a=", "", 1 },
        { "userAccountControl&", "", -1 },
        { "userAccountControl&0", "", -1 },
        { "userAccountControl", "", -1 },
        { "=x", "", -1 },
        { "a b=x", "", -1 },
        { "&2", "", -1 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct ldap_rule rule;
        int r = ldap_rule_parse(str_c(cases[i].rule), &rule, NULL);
        assert_row(r == (cases[i].holds < 0 ? -ERR_INVALID : 0), i, cases[i].rule);
        assert_row(r < 0 || ldap_rule_holds(&rule, str_c(cases[i].value)) == (cases[i].holds == 1), i,
                   cases[i].rule);
    }
    struct ldap_rule never;
    assert_int_equal(ldap_rule_parse(STR(""), &never, NULL), 0);
    assert_true(str_is_nil(never.attribute));
}

static void test_ldap_first_value_is_the_name_of_a_group(void **state)
{
    (void)state;
    static const struct {
        const char *dn, *value; /* NULL: refused */
    } cases[] = {
        { "cn=staff,ou=groups,dc=example,dc=org", "staff" },
        { "CN=a\\,b,dc=x", "a,b" },
        { "CN=a\\2cb,dc=x", "a,b" },
        { "cn=M\\c3\\bcller", "M\303\274ller" },
        { "cn=a+sn=b,dc=x", "a" },
        { "2.5.4.3=x", "x" },
        { "cn=", NULL },
        { "=x", NULL },
        { "staff", NULL },
        { "", NULL },
        { "cn=\\", NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf out = BUF_INIT;
        int r = ldap_first_value(str_c(cases[i].dn), &out, NULL);
        assert_row(r == (cases[i].value ? 0 : -ERR_INVALID), i, cases[i].dn);
        assert_row(r < 0 || str_eq(buf_str(&out), str_c(cases[i].value)), i, buf_c(&out));
        buf_deinit(&out);
    }
}

static void test_ldap_reads_why_active_directory_refused(void **state)
{
    (void)state;
    assert_int_equal(ldap_ad_reason(STR("80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext "
                                        "error, data 532, v4563")),
                     0x532);
    assert_int_equal(ldap_ad_reason(STR("AcceptSecurityContext error, data 52e, v4563")), 0x52e);
    assert_int_equal(ldap_ad_reason(STR("data 532")), 0);
    assert_int_equal(ldap_ad_reason(STR("")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ldap_escapes_leave_a_name_a_name),
        cmocka_unit_test(test_ldap_templates_are_filled),
        cmocka_unit_test(test_ldap_rules_say_who_is_disabled),
        cmocka_unit_test(test_ldap_first_value_is_the_name_of_a_group),
        cmocka_unit_test(test_ldap_reads_why_active_directory_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
