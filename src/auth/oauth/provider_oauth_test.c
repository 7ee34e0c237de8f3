#include "auth/oauth/provider_oauth.h"
#include "auth/oauth/testing_http.h"
#include "auth/oauth/testing_token.h"
#include "base/testing.h"

#include <stdlib.h>
#include <unistd.h>

#define ISSUER "https://issuer.example"
#define KEYS   ISSUER "/keys"
#define ASK    ISSUER "/ask"
#define WHEN   "\"exp\":2000"
#define CLAIMS                                                                                               \
    "{\"iss\":\"" ISSUER "\",\"aud\":\"imap\"," WHEN ",\"scope\":\"mail\",\"preferred_username\":\"anna\""

enum { NOW_MS = 1000000 };

struct place {
    struct clock_fake clock;
    struct fake_http fake;
    struct provider_oauth_params params;
    struct provider provider;
    struct signer signers[2];
    struct buf sets[3]; /* the first key, the second, both */
};

static void place_init(struct place *p)
{
    *p = (struct place){ 0 };
    clock_fake_init(&p->clock, NOW_MS);
    fake_http_init(&p->fake);
    p->params = (struct provider_oauth_params){ .validation = OAUTH_LOCAL,
                                                .issuer = ISSUER,
                                                .audience = "imap",
                                                .scope = "mail",
                                                .user_claim = "preferred_username",
                                                .groups_claim = "groups",
                                                .algorithms = "ES256 EdDSA",
                                                .keys_file = "",
                                                .keys_url = KEYS,
                                                .keys_fresh_s = 3600,
                                                .keys_stale_s = 86400,
                                                .keys_retry_s = 10,
                                                .introspection_url = "",
                                                .client_id = "",
                                                .client_secret_file = "",
                                                .cache_s = 60,
                                                .cache_count = 100,
                                                .ca_file = "",
                                                .proxy = "",
                                                .requests_at_once = 4,
                                                .clock = &p->clock.clock,
                                                .http = &p->fake.http };
    signer_init(&p->signers[0], "ES256", "one");
    signer_init(&p->signers[1], "EdDSA", "two");
    signer_add_set(&p->signers[0], 1, &p->sets[0]);
    signer_add_set(&p->signers[1], 1, &p->sets[1]);
    signer_add_set(p->signers, 2, &p->sets[2]);
    fake_http_answer(&p->fake, KEYS, 200, buf_c(&p->sets[0]));
}

static int place_open(struct place *p)
{
    struct err err;
    return provider_oauth_new(&p->params, &p->provider, &err);
}

static void place_deinit(struct place *p)
{
    if (p->provider.ops)
        p->provider.ops->free(p->provider.ctx);
    fake_http_deinit(&p->fake);
    for (size_t i = 0; i < ARRAY_COUNT(p->signers); i++)
        signer_deinit(&p->signers[i]);
    for (size_t i = 0; i < ARRAY_COUNT(p->sets); i++)
        buf_deinit(&p->sets[i]);
}

/* Returns what the provider does; the answer's groups are freed. */
static int show(struct place *p, const char *name, const char *token, struct provider_answer *answer)
{
    static const struct auth_peer peer = { .protocol = "imap", .address = "192.0.2.1" };
    struct err err;
    *answer = (struct provider_answer){ 0 };
    int r = p->provider.ops->token(p->provider.ctx, str_c(name), str_c(token), &peer, answer, &err);
    buf_deinit(&answer->groups);
    return r;
}

static int show_signed(struct place *p, const struct signer *by, const char *name, const char *claims,
                       struct provider_answer *answer)
{
    struct buf token = BUF_INIT;
    signer_token(by, claims, &token);
    int r = show(p, name, buf_c(&token), answer);
    buf_deinit(&token);
    return r;
}

static void test_oauth_takes_a_token_of_its_issuer(void **state)
{
    (void)state;
    struct place p;
    struct provider_answer answer;
    place_init(&p);
    assert_int_equal(place_open(&p), 0);
    static const char *const names[] = { "", "anna", "Anna", "ANNA" };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_row(show_signed(&p, &p.signers[0], names[i], CLAIMS "}", &answer) == 0, i, names[i]);
        assert_string_equal(answer.name, "anna");
        assert_true(answer.second_factor && answer.token_fault == TOKEN_OK && answer.reason == AUTH_OK);
        assert_true(answer.expires_ms == 2000000);
        assert_false(answer.groups_known);
    }
    assert_int_equal(show_signed(&p, &p.signers[0], "anna", CLAIMS ",\"groups\":[\"staff\"]}", &answer), 0);
    assert_true(answer.groups_known);
    assert_string_equal(p.provider.ops->name, "oauth");
    place_deinit(&p);
}

static void test_oauth_refuses_what_is_not_for_this_user(void **state)
{
    (void)state;
    static const char *const names[] = { "bert",  "anna@example.org", "ann", "anna\xcc\x88",
                                         "an na", "../anna",          "\xff" };
    struct place p;
    struct provider_answer answer;
    place_init(&p);
    assert_int_equal(place_open(&p), 0);
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_row(show_signed(&p, &p.signers[0], names[i], CLAIMS "}", &answer) == -ERR_AUTH, i, names[i]);
        assert_row(answer.token_fault == TOKEN_USER && answer.reason == AUTH_TOKEN_BAD, i, names[i]);
        assert_row(answer.name[0] == '\0', i, names[i]);
    }
    place_deinit(&p);
}

static void test_oauth_tells_faults_by_class(void **state)
{
    (void)state;
    static const struct {
        const char *header, *claims;
        enum token_fault fault;
        enum auth_reason reason;
    } cases[] = {
        { "{\"alg\":\"ES256\"}", CLAIMS "}", TOKEN_OK, AUTH_OK },
        { "{\"alg\":\"ES256\",\"typ\":\"at+JWT\"}", CLAIMS "}", TOKEN_OK, AUTH_OK },
        { "{\"alg\":\"ES256\",\"typ\":\"application/at+jwt\"}", CLAIMS "}", TOKEN_OK, AUTH_OK },
        { "{\"alg\":\"ES256\",\"typ\":\"jwt\"}", CLAIMS "}", TOKEN_OK, AUTH_OK },
        { "{\"alg\":\"ES256\",\"typ\":\"logout+jwt\"}", CLAIMS "}", TOKEN_MALFORMED, AUTH_TOKEN_BAD },
        { "{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\"}", CLAIMS "}", TOKEN_MALFORMED, AUTH_TOKEN_BAD },
        { "{\"alg\":\"none\"}", CLAIMS "}", TOKEN_SIGNATURE, AUTH_TOKEN_BAD },
        { "{\"alg\":\"HS256\"}", CLAIMS "}", TOKEN_SIGNATURE, AUTH_TOKEN_BAD },
        { "{\"alg\":\"RS256\"}", CLAIMS "}", TOKEN_SIGNATURE, AUTH_TOKEN_BAD }, /* not allowed */
        { "{\"alg\":\"EdDSA\"}", CLAIMS "}", TOKEN_SIGNATURE, AUTH_TOKEN_BAD }, /* allowed; no such key */
        /* CVE-2021-29157 */
        { "{\"alg\":\"ES256\",\"kid\":\"../../../../etc/passwd\"}", CLAIMS "}", TOKEN_SIGNATURE,
          AUTH_TOKEN_BAD },
        { "{\"alg\":\"ES256\",\"kid\":\"https://evil.example/\"}", CLAIMS ",\"azp\":\"../evil\"}",
          TOKEN_SIGNATURE, AUTH_TOKEN_BAD },
        { "{\"alg\":\"ES256\"}", CLAIMS ",\"azp\":\"../evil\",\"tid\":\"..\"}", TOKEN_OK, AUTH_OK },
        { "{\"alg\":\"ES256\"}", CLAIMS ",\"aud\":\"imap\"}", TOKEN_MALFORMED, AUTH_TOKEN_BAD }, /* twice */
        { "{\"alg\":\"ES256\"}", "{\"iss\":\"https://x.example\"}", TOKEN_ISSUER, AUTH_TOKEN_BAD },
        { "{\"alg\":\"ES256\"}",
          "{\"iss\":\"" ISSUER
          "\",\"aud\":\"imap\",\"exp\":1000,\"scope\":\"mail\",\"preferred_username\":\"anna\"}",
          TOKEN_EXPIRED, AUTH_TOKEN_EXPIRED },
        { "{\"alg\":\"ES256\"}",
          "{\"iss\":\"" ISSUER
          "\",\"aud\":\"imap\",\"exp\":2000,\"scope\":\"x\",\"preferred_username\":\"anna\"}",
          TOKEN_SCOPE, AUTH_SCOPE },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct place p;
        struct provider_answer answer;
        struct buf token = BUF_INIT;
        place_init(&p);
        assert_int_equal(place_open(&p), 0);
        signer_sign(&p.signers[0], cases[i].header, cases[i].claims, &token);
        int r = show(&p, "anna", buf_c(&token), &answer);
        assert_row(answer.token_fault == cases[i].fault && answer.reason == cases[i].reason, i,
                   cases[i].header);
        assert_row(r == (cases[i].fault == TOKEN_OK ? 0 : -ERR_AUTH), i, cases[i].header);
        buf_deinit(&token);
        place_deinit(&p);
    }
}

static void test_oauth_refuses_what_is_no_token(void **state)
{
    (void)state;
    static const char *const tokens[] = { "",    "opaque", "a.b.c",    "a.b.c.d.e", "..",
                                          "a b", "a\nb",   "e30.e30.", "e30.e30.AA" };
    struct place p;
    struct provider_answer answer;
    struct buf two = BUF_INIT;
    place_init(&p);
    assert_int_equal(place_open(&p), 0);
    for (size_t i = 0; i < ARRAY_COUNT(tokens); i++)
        assert_row(show(&p, "", tokens[i], &answer) == -ERR_AUTH, i, tokens[i]);
    signer_token(&p.signers[0], CLAIMS "}", &two);
    buf_add_char(&two, '.');
    signer_token(&p.signers[0], CLAIMS "}", &two);
    assert_int_equal(show(&p, "", buf_c(&two), &answer), -ERR_AUTH);
    assert_int_equal(answer.token_fault, TOKEN_MALFORMED);
    buf_deinit(&two);
    place_deinit(&p);
}

static void test_oauth_can_insist_on_access_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        int r;
    } cases[] = { { "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", 0 },
                  { "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", -ERR_AUTH },
                  { "{\"alg\":\"ES256\"}", -ERR_AUTH } };
    struct place p;
    struct provider_answer answer;
    place_init(&p);
    p.params.access_tokens_only = true;
    assert_int_equal(place_open(&p), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct buf token = BUF_INIT;
        signer_sign(&p.signers[0], cases[i].header, CLAIMS "}", &token);
        assert_row(show(&p, "anna", buf_c(&token), &answer) == cases[i].r, i, cases[i].header);
        buf_deinit(&token);
    }
    place_deinit(&p);
}

static void test_oauth_follows_an_issuer_that_changes_its_key(void **state)
{
    (void)state;
    struct place p;
    struct provider_answer answer;
    place_init(&p);
    assert_int_equal(place_open(&p), 0);
    assert_int_equal(show_signed(&p, &p.signers[0], "anna", CLAIMS "}", &answer), 0);
    fake_http_answer(&p.fake, KEYS, 200, buf_c(&p.sets[1]));
    assert_int_equal(show_signed(&p, &p.signers[1], "anna", CLAIMS "}", &answer),
                     -ERR_AUTH); /* looked a moment ago */
    clock_fake_advance(&p.clock, 10000);
    assert_int_equal(show_signed(&p, &p.signers[1], "anna", CLAIMS "}", &answer), 0);
    assert_int_equal(show_signed(&p, &p.signers[0], "anna", CLAIMS "}", &answer), -ERR_AUTH); /* taken back */
    assert_int_equal(fake_http_asked(&p.fake, KEYS), 2);
    place_deinit(&p);
}

static void test_oauth_asks_rarely_however_many_keys_are_invented(void **state)
{
    (void)state;
    struct place p;
    struct provider_answer answer;
    place_init(&p);
    assert_int_equal(place_open(&p), 0);
    for (int i = 0; i < 300; i++) {
        char kid[16];
        struct signer as = p.signers[0];
        snprintf(kid, sizeof kid, "k%d", i);
        as.kid = kid;
        assert_int_equal(show_signed(&p, &as, "anna", CLAIMS "}", &answer), -ERR_AUTH);
        clock_fake_advance(&p.clock, 100);
    }
    assert_in_range(fake_http_asked(&p.fake, KEYS), 3, 4); /* 30 s, one in 10 s */
    int asked = fake_http_asked(&p.fake, KEYS);
    struct signer forger = p.signers[1];
    forger.kid = "one";
    clock_fake_advance(&p.clock, 20000);
    assert_int_equal(show_signed(&p, &forger, "anna", CLAIMS "}", &answer), -ERR_AUTH);
    assert_int_equal(fake_http_asked(&p.fake, KEYS), asked); /* that key is known */
    assert_int_equal(show_signed(&p, &p.signers[0], "anna", CLAIMS "}", &answer), 0);
    place_deinit(&p);
}

static void test_oauth_lives_on_while_the_issuer_is_down(void **state)
{
    (void)state;
    struct place p;
    struct provider_answer answer;
    place_init(&p);
    fake_http_answer(&p.fake, KEYS, 0, NULL);
    assert_int_equal(place_open(&p), 0);
    assert_int_equal(show_signed(&p, &p.signers[0], "anna", CLAIMS "}", &answer), -ERR_UNAVAILABLE);
    assert_int_equal(answer.token_fault, TOKEN_OK); /* nobody knows */
    clock_fake_advance(&p.clock, 10000);
    fake_http_answer(&p.fake, KEYS, 200, buf_c(&p.sets[0]));
    assert_int_equal(show_signed(&p, &p.signers[0], "anna", CLAIMS "}", &answer), 0);
    fake_http_answer(&p.fake, KEYS, 503, "");
    clock_fake_advance(&p.clock, 10000);
    /* a key that may be new: no telling; one that is known: as ever */
    assert_int_equal(show_signed(&p, &p.signers[1], "anna", CLAIMS "}", &answer), -ERR_UNAVAILABLE);
    assert_int_equal(show_signed(&p, &p.signers[0], "anna", CLAIMS "}", &answer), 0);
    place_deinit(&p);
}

static void test_oauth_asks_about_tokens_where_it_is_told_to(void **state)
{
    (void)state;
    static const struct {
        enum oauth_validation validation;
        bool jwt;
        int asked;
    } cases[] = {
        { OAUTH_INTROSPECTION, false, 1 }, { OAUTH_INTROSPECTION, true, 1 }, { OAUTH_EITHER, false, 1 },
        { OAUTH_EITHER, true, 0 },         { OAUTH_LOCAL, true, 0 },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct place p;
        struct provider_answer answer;
        place_init(&p);
        p.params.validation = cases[i].validation;
        p.params.introspection_url = ASK;
        fake_http_answer(
            &p.fake, ASK, 200,
            "{\"active\":true,\"aud\":[\"imap\"],\"scope\":\"mail\",\"preferred_username\":\"Anna\"}");
        assert_int_equal(place_open(&p), 0);
        int r = cases[i].jwt ? show_signed(&p, &p.signers[0], "anna", CLAIMS "}", &answer)
                             : show(&p, "anna", "opaque", &answer);
        assert_row(r == 0 && strcmp(answer.name, "anna") == 0, i, "asked");
        assert_row(fake_http_asked(&p.fake, ASK) == cases[i].asked, i, "asked");
        assert_row(cases[i].jwt || show(&p, "bert", "opaque", &answer) == -ERR_AUTH, i, "another user");
        fake_http_answer(&p.fake, ASK, 500, "");
        if (cases[i].validation == OAUTH_INTROSPECTION)
            assert_row(show(&p, "anna", "new", &answer) == -ERR_UNAVAILABLE, i, "down");
        place_deinit(&p);
    }
}

static void test_oauth_reads_its_secret_from_a_file(void **state)
{
    (void)state;
    struct place p;
    struct provider_answer answer;
    char path[] = "/tmp/loft-oauth-test-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "s3cret\n", 7), 7);
    place_init(&p);
    p.params.validation = OAUTH_INTROSPECTION;
    p.params.introspection_url = ASK;
    p.params.client_id = "loft";
    p.params.client_secret_file = path;
    assert_int_equal(place_open(&p), 0);
    assert_int_equal(show(&p, "anna", "opaque", &answer), -ERR_UNAVAILABLE);
    assert_str(buf_str(&p.fake.authorization), "Basic bG9mdDpzM2NyZXQ=");
    place_deinit(&p);
    unlink(path);
    close(fd);
}

static void test_oauth_says_which_setting_is_wrong(void **state)
{
    (void)state;
    static const struct {
        struct provider_oauth_params change; /* what is not 0 */
        int r;
        const char *setting;
    } cases[] = {
        { { .issuer = "" }, -ERR_INVALID, "oauth.issuer" },
        { { .audience = "" }, -ERR_INVALID, "oauth.audience" },
        { { .user_claim = "" }, -ERR_INVALID, "oauth.user_claim" },
        { { .algorithms = "" }, -ERR_INVALID, "oauth.algorithms" },
        { { .algorithms = "none" }, -ERR_INVALID, "oauth.algorithms" },
        { { .keys_url = "http://issuer.example/" }, -ERR_INVALID, "oauth.keys_url" },
        { { .keys_file = "/nowhere" }, -ERR_INVALID, "oauth.keys_file" }, /* and keys_url */
        { { .validation = OAUTH_EITHER, .client_id = "a" }, -ERR_INVALID, "oauth.client_secret_file" },
        { { .validation = OAUTH_EITHER, .client_id = "a", .client_secret_file = "/nowhere" },
          -ERR_NOT_FOUND,
          "oauth.client_secret_file" },
        { { .validation = OAUTH_EITHER, .introspection_url = "ftp://x" },
          -ERR_INVALID,
          "oauth.introspection_url" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct provider_oauth_params *c = &cases[i].change;
        struct place p;
        struct err err;
        place_init(&p);
        p.params.validation = c->validation;
        p.params.issuer = c->issuer ? c->issuer : p.params.issuer;
        p.params.audience = c->audience ? c->audience : p.params.audience;
        p.params.user_claim = c->user_claim ? c->user_claim : p.params.user_claim;
        p.params.algorithms = c->algorithms ? c->algorithms : p.params.algorithms;
        p.params.keys_url = c->keys_url ? c->keys_url : p.params.keys_url;
        p.params.keys_file = c->keys_file ? c->keys_file : p.params.keys_file;
        p.params.client_id = c->client_id ? c->client_id : p.params.client_id;
        p.params.client_secret_file = c->client_secret_file ? c->client_secret_file : "";
        p.params.introspection_url = c->introspection_url ? c->introspection_url : "";
        assert_row(provider_oauth_new(&p.params, &p.provider, &err) == cases[i].r, i, cases[i].setting);
        assert_row(strstr(err.text, cases[i].setting), i, err.text);
        place_deinit(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oauth_takes_a_token_of_its_issuer),
        cmocka_unit_test(test_oauth_refuses_what_is_not_for_this_user),
        cmocka_unit_test(test_oauth_tells_faults_by_class),
        cmocka_unit_test(test_oauth_refuses_what_is_no_token),
        cmocka_unit_test(test_oauth_can_insist_on_access_tokens),
        cmocka_unit_test(test_oauth_follows_an_issuer_that_changes_its_key),
        cmocka_unit_test(test_oauth_asks_rarely_however_many_keys_are_invented),
        cmocka_unit_test(test_oauth_lives_on_while_the_issuer_is_down),
        cmocka_unit_test(test_oauth_asks_about_tokens_where_it_is_told_to),
        cmocka_unit_test(test_oauth_reads_its_secret_from_a_file),
        cmocka_unit_test(test_oauth_says_which_setting_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
