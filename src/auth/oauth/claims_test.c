#include "auth/oauth/claims.h"
#include "base/testing.h"

enum { NOW_S = 1000000, LEEWAY_S = 30 };

static const struct claims_rules rules = { .issuer = STR_INIT("https://issuer.example"),
                                           .audience = STR_INIT("imap, mail.example.org"),
                                           .scope = STR_INIT("mail read"),
                                           .user = STR_INIT("email"),
                                           .groups = STR_INIT("realm.groups"),
                                           .leeway_s = LEEWAY_S };

static int check(const struct claims_rules *by, const char *text, bool self_contained,
                 struct token_facts *facts)
{
    struct err err;
    json_t *claims = json_loads(text, 0, NULL);
    assert_non_null(claims);
    int r = claims_check(claims, by, self_contained, (int64_t)NOW_S * 1000, facts, &err);
    json_decref(claims);
    return r;
}

#define ISS   "\"iss\":\"https://issuer.example\""
#define AUD   "\"aud\":\"imap\""
#define EXP   "\"exp\":1000060"
#define SCOPE "\"scope\":\"openid read mail\""
#define EMAIL "\"email\":\"Anna@Example.ORG\",\"email_verified\":true"
#define GOOD  ISS "," AUD "," EXP "," SCOPE "," EMAIL

static void test_claims_that_are_right_name_the_user(void **state)
{
    (void)state;
    struct token_facts facts;
    assert_int_equal(check(&rules, "{" GOOD "}", true, &facts), 0);
    assert_int_equal(facts.fault, TOKEN_OK);
    assert_string_equal(facts.name, "anna@example.org");
    assert_true(facts.expires_ms == (int64_t)(1000060 + LEEWAY_S) * 1000);
    assert_false(facts.groups_known);
    token_facts_deinit(&facts);
}

static void test_claims_that_are_wrong_are_told_by_class(void **state)
{
    (void)state;
    static const struct {
        const char *claims;
        enum token_fault fault;
    } cases[] = {
        { "{}", TOKEN_ISSUER },
        { "{\"iss\":\"https://issuer.example/\"," AUD "," EXP "," SCOPE "," EMAIL "}", TOKEN_ISSUER },
        { "{\"iss\":\"HTTPS://issuer.example\"," AUD "," EXP "," SCOPE "," EMAIL "}", TOKEN_ISSUER },
        { "{\"iss\":[\"https://issuer.example\"]," AUD "," EXP "," SCOPE "," EMAIL "}", TOKEN_ISSUER },
        { "{\"iss\":null," AUD "," EXP "," SCOPE "," EMAIL "}", TOKEN_ISSUER },
        { "{" ISS "," EXP "," SCOPE "," EMAIL "}", TOKEN_AUDIENCE },
        { "{" ISS ",\"aud\":\"other\"," EXP "," SCOPE "," EMAIL "}", TOKEN_AUDIENCE },
        { "{" ISS ",\"aud\":\"imap,\"," EXP "," SCOPE "," EMAIL "}", TOKEN_AUDIENCE },
        { "{" ISS ",\"aud\":\"imap other\"," EXP "," SCOPE "," EMAIL "}", TOKEN_AUDIENCE },
        { "{" ISS ",\"aud\":[]," EXP "," SCOPE "," EMAIL "}", TOKEN_AUDIENCE },
        { "{" ISS ",\"aud\":[\"other\",7,null]," EXP "," SCOPE "," EMAIL "}", TOKEN_AUDIENCE },
        { "{" ISS ",\"aud\":{\"imap\":1}," EXP "," SCOPE "," EMAIL "}", TOKEN_AUDIENCE },
        { "{" ISS ",\"aud\":[\"other\",\"imap\"]," EXP "," SCOPE "," EMAIL "}", TOKEN_OK },
        { "{" ISS ",\"aud\":\"mail.example.org\"," EXP "," SCOPE "," EMAIL "}", TOKEN_OK },
        { "{" ISS "," AUD "," SCOPE "," EMAIL "}", TOKEN_MALFORMED },
        { "{" ISS "," AUD ",\"exp\":\"1000060\"," SCOPE "," EMAIL "}", TOKEN_MALFORMED },
        { "{" ISS "," AUD ",\"exp\":-1," SCOPE "," EMAIL "}", TOKEN_MALFORMED },
        { "{" ISS "," AUD ",\"exp\":1e300," SCOPE "," EMAIL "}", TOKEN_MALFORMED },
        { "{" ISS "," AUD ",\"exp\":9223372036854775807," SCOPE "," EMAIL "}", TOKEN_MALFORMED },
        { "{" ISS "," AUD ",\"exp\":0," SCOPE "," EMAIL "}", TOKEN_EXPIRED },
        { "{" ISS "," AUD ",\"exp\":999970," SCOPE "," EMAIL "}", TOKEN_EXPIRED },
        { "{" ISS "," AUD ",\"exp\":999970.5," SCOPE "," EMAIL "}", TOKEN_OK },
        { "{" ISS "," AUD ",\"exp\":999971," SCOPE "," EMAIL "}", TOKEN_OK },
        { "{" GOOD ",\"nbf\":1000030}", TOKEN_OK },
        { "{" GOOD ",\"nbf\":1000031}", TOKEN_NOT_YET },
        { "{" GOOD ",\"nbf\":0}", TOKEN_OK },
        { "{" GOOD ",\"nbf\":\"now\"}", TOKEN_MALFORMED },
        { "{" GOOD ",\"cnf\":{\"jkt\":\"x\"}}", TOKEN_BOUND },
        { "{" ISS "," AUD "," EXP "," EMAIL "}", TOKEN_SCOPE },
        { "{" ISS "," AUD "," EXP ",\"scope\":\"mail\"," EMAIL "}", TOKEN_SCOPE },
        { "{" ISS "," AUD "," EXP ",\"scope\":\"mail,read\"," EMAIL "}", TOKEN_SCOPE },
        { "{" ISS "," AUD "," EXP ",\"scope\":\"mailread\"," EMAIL "}", TOKEN_SCOPE },
        { "{" ISS "," AUD "," EXP ",\"scope\":7," EMAIL "}", TOKEN_SCOPE },
        { "{" ISS "," AUD "," EXP ",\"scope\":[\"read\",\"mail\"]," EMAIL "}", TOKEN_OK },
        { "{" ISS "," AUD "," EXP ",\"scp\":\"read mail\"," EMAIL "}", TOKEN_OK },
        { "{" ISS "," AUD "," EXP ",\"scp\":[\"read\",\"mail\"]," EMAIL "}", TOKEN_OK },
        { "{" ISS "," AUD "," EXP "," SCOPE "}", TOKEN_USER },
        { "{" ISS "," AUD "," EXP "," SCOPE ",\"email\":7,\"email_verified\":true}", TOKEN_USER },
        { "{" ISS "," AUD "," EXP "," SCOPE ",\"email\":\"\",\"email_verified\":true}", TOKEN_USER },
        { "{" ISS "," AUD "," EXP "," SCOPE ",\"email\":\"../anna\",\"email_verified\":true}", TOKEN_USER },
        { "{" ISS "," AUD "," EXP "," SCOPE ",\"email\":\"a b\",\"email_verified\":true}", TOKEN_USER },
        { "{" ISS "," AUD "," EXP "," SCOPE ",\"email\":[\"anna@example.org\"],\"email_verified\":true}",
          TOKEN_USER },
        { "{" ISS "," AUD "," EXP "," SCOPE ",\"email\":\"anna@example.org\"}", TOKEN_USER },
        { "{" ISS "," AUD "," EXP "," SCOPE ",\"email\":\"anna@example.org\",\"email_verified\":false}",
          TOKEN_USER },
        { "{" ISS "," AUD "," EXP "," SCOPE ",\"email\":\"anna@example.org\",\"email_verified\":1}",
          TOKEN_USER },
        { "{" ISS "," AUD "," EXP "," SCOPE ",\"email\":\"anna@example.org\",\"email_verified\":\"false\"}",
          TOKEN_USER },
        { "{" ISS "," AUD "," EXP "," SCOPE ",\"email\":\"anna@example.org\",\"email_verified\":\"true\"}",
          TOKEN_OK },
        { "{" GOOD ",\"realm\":{\"groups\":7}}", TOKEN_MALFORMED },
        { "{" GOOD ",\"realm\":{\"groups\":[7]}}", TOKEN_MALFORMED },
        { "{" GOOD ",\"realm\":{\"groups\":[\"\"]}}", TOKEN_MALFORMED },
        { "{" GOOD ",\"realm\":7}", TOKEN_OK },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct token_facts facts;
        int r = check(&rules, cases[i].claims, true, &facts);
        assert_row(facts.fault == cases[i].fault, i, cases[i].claims);
        assert_row(r == (cases[i].fault == TOKEN_OK ? 0 : -ERR_AUTH), i, cases[i].claims);
        token_facts_deinit(&facts);
    }
}

static void test_issuer_that_is_asked_may_leave_out_what_it_need_not_say(void **state)
{
    (void)state;
    static const struct {
        const char *claims;
        enum token_fault fault;
    } cases[] = {
        { "{" AUD "," SCOPE "," EMAIL "}", TOKEN_OK },
        { "{" SCOPE "," EMAIL "}", TOKEN_AUDIENCE },
        { "{" AUD "," EMAIL "}", TOKEN_SCOPE },
        { "{" AUD "," SCOPE "," EMAIL ",\"iss\":\"https://other.example\"}", TOKEN_ISSUER },
        { "{" AUD "," SCOPE "," EMAIL ",\"exp\":1}", TOKEN_EXPIRED },
        { "{" AUD "," SCOPE "," EMAIL ",\"exp\":null}", TOKEN_MALFORMED },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct token_facts facts;
        (void)!check(&rules, cases[i].claims, false, &facts);
        assert_row(facts.fault == cases[i].fault, i, cases[i].claims);
        assert_row(facts.fault != TOKEN_OK || facts.expires_ms == 0, i, cases[i].claims);
        token_facts_deinit(&facts);
    }
}

static void test_user_may_be_in_another_claim(void **state)
{
    (void)state;
    static const struct {
        const char *claim, *claims, *name;
    } cases[] = {
        { "sub", "{\"sub\":\"248289761001\"}", "248289761001" },
        { "preferred_username", "{\"preferred_username\":\"Jane\"}", "jane" },
        { "a.b", "{\"a\":{\"b\":\"anna\"}}", "anna" },
        { "a.b", "{\"a.b\":\"bert\",\"a\":{\"b\":\"anna\"}}", "bert" },
        { "https://example.org/mail", "{\"https://example.org/mail\":\"anna\"}", "anna" },
        { "a.b.c", "{\"a\":{\"b\":\"anna\"}}", NULL },
        { "a.", "{\"a\":\"anna\"}", NULL },
        { ".a", "{\"a\":\"anna\"}", NULL },
        { "a", "{\"a\":{\"b\":\"anna\"}}", NULL },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct claims_rules by = { .user = str_c(cases[i].claim) };
        struct token_facts facts;
        int r = check(&by, cases[i].claims, false, &facts);
        assert_row(cases[i].name ? r == 0 && strcmp(facts.name, cases[i].name) == 0
                                 : facts.fault == TOKEN_USER,
                   i, cases[i].claim);
        token_facts_deinit(&facts);
    }
    struct claims_rules unverified = rules;
    struct token_facts facts;
    unverified.unverified_email = true;
    assert_int_equal(check(&unverified, "{" ISS "," AUD "," EXP "," SCOPE ",\"email\":\"anna@example.org\"}",
                           true, &facts),
                     0);
    token_facts_deinit(&facts);
}

static void test_groups_are_names_in_a_row(void **state)
{
    (void)state;
    static const struct {
        const char *groups;
        struct str names;
    } cases[] = {
        { "[]", STR_INIT("") },
        { "[\"staff\",\"/board\"]", STR_INIT("staff\0board\0") },
        { "\"staff\"", STR_INIT("staff\0") },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf text = BUF_INIT;
        struct token_facts facts;
        buf_printf(&text, "{" GOOD ",\"realm\":{\"groups\":%s}}", cases[i].groups);
        assert_row(check(&rules, buf_c(&text), true, &facts) == 0 && facts.groups_known, i, cases[i].groups);
        assert_row(str_eq(buf_str(&facts.groups), cases[i].names), i, cases[i].groups);
        token_facts_deinit(&facts);
        buf_deinit(&text);
    }
    for (size_t count = CLAIMS_GROUPS_MAX - 1; count <= CLAIMS_GROUPS_MAX + 1; count++) {
        struct buf text = BUF_INIT;
        struct token_facts facts;
        buf_add_lit(&text, "{" GOOD ",\"realm\":{\"groups\":[\"g\"");
        for (size_t i = 1; i < count; i++)
            buf_add_lit(&text, ",\"g\"");
        buf_add_lit(&text, "]}}");
        assert_int_equal(check(&rules, buf_c(&text), true, &facts),
                         count <= CLAIMS_GROUPS_MAX ? 0 : -ERR_AUTH);
        token_facts_deinit(&facts);
        buf_deinit(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims_that_are_right_name_the_user),
        cmocka_unit_test(test_claims_that_are_wrong_are_told_by_class),
        cmocka_unit_test(test_issuer_that_is_asked_may_leave_out_what_it_need_not_say),
        cmocka_unit_test(test_user_may_be_in_another_claim),
        cmocka_unit_test(test_groups_are_names_in_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
