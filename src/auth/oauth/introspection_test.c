#include "auth/oauth/introspection.h"
#include "auth/oauth/testing_http.h"
#include "base/testing.h"

#define ASK "https://issuer.example/ask"

static const struct claims_rules rules = { .issuer = STR_INIT("https://issuer.example"),
                                           .user = STR_INIT("username"),
                                           .groups = STR_INIT("groups") };

struct place {
    struct clock_fake clock;
    struct fake_http fake;
    struct issuer *issuer;
    struct introspection *introspection;
};

static void place_init(struct place *p, struct introspection_params params)
{
    struct err err;
    *p = (struct place){ 0 };
    clock_fake_init(&p->clock, 1000000000);
    fake_http_init(&p->fake);
    const struct issuer_params issuer = { .issuer = STR("https://issuer.example"),
                                          .keys_file = "",
                                          .keys_url = "",
                                          .introspection_url = ASK,
                                          .introspected = true,
                                          .http = &p->fake.http,
                                          .clock = &p->clock.clock };
    assert_int_equal(issuer_new(&issuer, &p->issuer, &err), 0);
    params.issuer = p->issuer;
    params.http = &p->fake.http;
    params.clock = &p->clock.clock;
    params.rules = &rules;
    p->introspection = introspection_new(&params);
}

static void place_deinit(struct place *p)
{
    introspection_free(&p->introspection);
    issuer_free(&p->issuer);
    fake_http_deinit(&p->fake);
}

/* "" when it is not taken. */
static const char *user_of(struct place *p, const char *token, char name[USER_NAME_BYTES_MAX + 1])
{
    struct token_facts facts;
    struct err err;
    int r = introspection_ask(p->introspection, str_c(token), &facts, &err);
    snprintf(name, USER_NAME_BYTES_MAX + 1, "%s", r == 0 ? facts.name : "");
    token_facts_deinit(&facts);
    return name;
}

static void test_introspection_shows_who_we_are(void **state)
{
    (void)state;
    static const struct {
        const char *id, *secret;
        enum client_auth how;
        const char *form, *authorization;
    } cases[] = {
        { "", "", CLIENT_AUTH_BASIC, "token=a%2Bb%3D&token_type_hint=access_token", "" },
        { "loft", "s3cret", CLIENT_AUTH_BASIC, "token=a%2Bb%3D&token_type_hint=access_token",
          "Basic bG9mdDpzM2NyZXQ=" },
        /* RFC 6749, 2.3.1: escaped before it is put together */
        { "a:b", "c d&", CLIENT_AUTH_BASIC, "token=a%2Bb%3D&token_type_hint=access_token",
          "Basic YSUzQWI6YyUyMGQlMjY=" },
        { "a:b", "c d&", CLIENT_AUTH_POST,
          "token=a%2Bb%3D&token_type_hint=access_token&client_id=a%3Ab&client_secret=c%20d%26", "" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct place p;
        char name[USER_NAME_BYTES_MAX + 1];
        place_init(&p, (struct introspection_params){ .client_id = str_c(cases[i].id),
                                                      .client_secret = str_c(cases[i].secret),
                                                      .client_auth = cases[i].how });
        fake_http_answer(&p.fake, ASK, 200, "{\"active\":true,\"username\":\"Anna\"}");
        assert_string_equal(user_of(&p, "a+b=", name), "anna");
        assert_str(buf_str(&p.fake.form), cases[i].form);
        assert_str(buf_str(&p.fake.authorization), cases[i].authorization);
        place_deinit(&p);
    }
}

static void test_introspection_tells_no_from_down(void **state)
{
    (void)state;
    static char long_answer[INTROSPECTION_ANSWER_BYTES_MAX + 2];
    memset(long_answer, ' ', INTROSPECTION_ANSWER_BYTES_MAX + 1);
    static const struct {
        long status;
        const char *body;
        int r;
        enum token_fault fault;
    } cases[] = {
        { 200, "{\"active\":true,\"username\":\"anna\"}", 0, TOKEN_OK },
        { 200, "{\"active\":false}", -ERR_AUTH, TOKEN_REVOKED },
        { 200, "{\"active\":false,\"username\":\"anna\"}", -ERR_AUTH, TOKEN_REVOKED },
        { 200, "{\"active\":true}", -ERR_AUTH, TOKEN_USER },
        { 200, "{\"active\":true,\"username\":\"anna\",\"exp\":1}", -ERR_AUTH, TOKEN_EXPIRED },
        { 200, "{\"active\":true,\"username\":\"anna\",\"cnf\":{}}", -ERR_AUTH, TOKEN_BOUND },
        { 200, "{\"active\":true,\"username\":\"anna\",\"iss\":\"https://x.example\"}", -ERR_AUTH,
          TOKEN_ISSUER },
        { 200, "{\"active\":\"true\",\"username\":\"anna\"}", -ERR_UNAVAILABLE, TOKEN_OK },
        { 200, "{\"active\":1,\"username\":\"anna\"}", -ERR_UNAVAILABLE, TOKEN_OK },
        { 200, "{\"username\":\"anna\"}", -ERR_UNAVAILABLE, TOKEN_OK },
        { 200, "{\"active\":false,\"active\":true,\"username\":\"anna\"}", -ERR_UNAVAILABLE, TOKEN_OK },
        { 200, "[]", -ERR_UNAVAILABLE, TOKEN_OK },
        { 200, "", -ERR_UNAVAILABLE, TOKEN_OK },
        { 200, "<html>", -ERR_UNAVAILABLE, TOKEN_OK },
        { 200, long_answer, -ERR_UNAVAILABLE, TOKEN_OK },
        { 401, "{\"active\":true,\"username\":\"anna\"}", -ERR_UNAVAILABLE, TOKEN_OK },
        { 302, "{\"active\":true,\"username\":\"anna\"}", -ERR_UNAVAILABLE, TOKEN_OK },
        { 429, "{}", -ERR_UNAVAILABLE, TOKEN_OK },
        { 500, "{}", -ERR_UNAVAILABLE, TOKEN_OK },
        { 0, NULL, -ERR_UNAVAILABLE, TOKEN_OK },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct place p;
        struct token_facts facts;
        struct err err;
        const char *what = cases[i].body ? cases[i].body : "down";
        place_init(&p, (struct introspection_params){ .cache_s = 60, .cache_count = 10 });
        fake_http_answer(&p.fake, ASK, cases[i].status, cases[i].body);
        for (int k = 1; k <= 2; k++) { /* only a yes is remembered */
            assert_row(introspection_ask(p.introspection, STR("t"), &facts, &err) == cases[i].r, i, what);
            assert_row(facts.fault == cases[i].fault, i, what);
            assert_row(fake_http_asked(&p.fake, ASK) == (cases[i].r == 0 ? 1 : k), i, what);
            token_facts_deinit(&facts);
        }
        place_deinit(&p);
    }
}

static void test_introspection_remembers_a_yes_for_a_while(void **state)
{
    (void)state;
    struct place p;
    char name[USER_NAME_BYTES_MAX + 1];
    place_init(&p, (struct introspection_params){ .cache_s = 60, .cache_count = 1000 });
    fake_http_answer(&p.fake, ASK, 200, "{\"active\":true,\"username\":\"anna\",\"groups\":[\"staff\"]}");
    assert_string_equal(user_of(&p, "a", name), "anna");
    fake_http_answer(&p.fake, ASK, 200, "{\"active\":false}");
    clock_fake_advance(&p.clock, 59999);
    struct token_facts facts;
    assert_int_equal(introspection_ask(p.introspection, STR("a"), &facts, NULL), 0);
    assert_true(facts.groups_known && str_eq(buf_str(&facts.groups), STR("staff\0")));
    token_facts_deinit(&facts);
    assert_string_equal(user_of(&p, "b", name), ""); /* another token */
    assert_int_equal(fake_http_asked(&p.fake, ASK), 2);
    clock_fake_advance(&p.clock, 1);
    assert_string_equal(user_of(&p, "a", name), ""); /* revoked meanwhile */
    place_deinit(&p);
}

static void test_introspection_remembers_no_longer_than_the_token_lives(void **state)
{
    (void)state;
    struct place p;
    char name[USER_NAME_BYTES_MAX + 1];
    place_init(&p, (struct introspection_params){ .cache_s = 60, .cache_count = 10 });
    fake_http_answer(&p.fake, ASK, 200, "{\"active\":true,\"username\":\"anna\",\"exp\":1000010}");
    assert_string_equal(user_of(&p, "a", name), "anna");
    clock_fake_advance(&p.clock, 9999);
    assert_string_equal(user_of(&p, "a", name), "anna");
    assert_int_equal(fake_http_asked(&p.fake, ASK), 1);
    clock_fake_advance(&p.clock, 1);
    assert_string_equal(user_of(&p, "a", name), "");
    assert_int_equal(fake_http_asked(&p.fake, ASK), 2);
    place_deinit(&p);
}

/* CVE-2025-30189: one user's yes answered for all. In the smallest of tables each token drives out the other. */
static void test_introspection_never_mixes_tokens(void **state)
{
    (void)state;
    static const uint32_t counts[] = { 0, 1, 2, 100 };
    for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
        struct place p;
        char name[USER_NAME_BYTES_MAX + 1];
        place_init(&p, (struct introspection_params){ .cache_s = 60, .cache_count = counts[i] });
        for (int round = 0; round < 3; round++)
            for (char user = 'a'; user <= 'z'; user++) {
                char token[3] = { 't', user, 0 }, body[64], expected[2] = { user, 0 };
                snprintf(body, sizeof body, "{\"active\":true,\"username\":\"%c\"}", user);
                fake_http_answer(&p.fake, ASK, 200, body);
                assert_string_equal(user_of(&p, token, name), expected);
                fake_http_answer(&p.fake, ASK, 200, "{\"active\":false}");
                assert_string_equal(user_of(&p, token, name), counts[i] ? expected : "");
            }
        place_deinit(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_introspection_shows_who_we_are),
        cmocka_unit_test(test_introspection_tells_no_from_down),
        cmocka_unit_test(test_introspection_remembers_a_yes_for_a_while),
        cmocka_unit_test(test_introspection_remembers_no_longer_than_the_token_lives),
        cmocka_unit_test(test_introspection_never_mixes_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
