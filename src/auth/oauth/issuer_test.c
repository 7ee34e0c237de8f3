#include "auth/oauth/issuer.h"
#include "auth/oauth/testing_http.h"
#include "base/testing.h"

#include <stdlib.h>
#include <unistd.h>

#define ISSUER "https://issuer.example/realm"
#define CONFIG ISSUER "/.well-known/openid-configuration"
#define KEYS   "https://keys.example/jwks"
#define ASK    "https://issuer.example/ask"
#define KEY_SET                                                                                              \
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}" \
    "]}"

struct place {
    struct clock_fake clock;
    struct fake_http fake;
    struct issuer_params params;
    struct issuer *issuer;
};

static void place_init(struct place *p)
{
    *p = (struct place){ 0 };
    clock_fake_init(&p->clock, 0);
    fake_http_init(&p->fake);
    p->params = (struct issuer_params){ .issuer = STR(ISSUER),
                                        .keys_file = "",
                                        .keys_url = "",
                                        .introspection_url = "",
                                        .http = &p->fake.http,
                                        .clock = &p->clock.clock,
                                        .fresh_s = 3600,
                                        .stale_s = 86400,
                                        .retry_s = 10 };
    fake_http_answer(&p->fake, CONFIG, 200,
                     "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\",\"introspection_endpoint\":\"" ASK
                     "\"}");
    fake_http_answer(&p->fake, KEYS, 200, KEY_SET);
}

static int place_open(struct place *p)
{
    struct err err;
    return issuer_new(&p->params, &p->issuer, &err);
}

static void place_deinit(struct place *p)
{
    issuer_free(&p->issuer);
    fake_http_deinit(&p->fake);
}

static int keys(struct place *p)
{
    struct jwk_set *set;
    struct err err;
    int r = issuer_keys(p->issuer, NULL, &set, &err);
    if (r == 0) {
        assert_int_equal(set->count, 1);
        jwk_set_unref(&set);
    }
    return r;
}

static void test_issuer_is_found_by_its_configuration(void **state)
{
    (void)state;
    struct place p;
    struct buf address = BUF_INIT;
    struct err err;
    place_init(&p);
    assert_int_equal(place_open(&p), 0);
    assert_int_equal(keys(&p), 0);
    assert_int_equal(keys(&p), 0);
    assert_int_equal(issuer_introspection_address(p.issuer, &address, &err), 0);
    assert_str(buf_str(&address), ASK);
    assert_int_equal(fake_http_asked(&p.fake, CONFIG), 1);
    assert_int_equal(fake_http_asked(&p.fake, KEYS), 1);
    buf_deinit(&address);
    place_deinit(&p);
    issuer_configuration_address(STR("https://a.example/"), &address);
    assert_str(buf_str(&address), "https://a.example/.well-known/openid-configuration");
    buf_deinit(&address);
}

static void test_issuer_whose_answers_are_wrong_is_unavailable(void **state)
{
    (void)state;
    static const struct {
        const char *configuration;
        long status;
        const char *keys;
    } cases[] = {
        { NULL, 0, KEY_SET },
        { "", 500, KEY_SET },
        { "", 302, KEY_SET },
        { "<html>", 200, KEY_SET },
        { "[]", 200, KEY_SET },
        { "{\"jwks_uri\":\"" KEYS "\"}", 200, KEY_SET },
        { "{\"issuer\":\"https://other.example\",\"jwks_uri\":\"" KEYS "\"}", 200, KEY_SET },
        { "{\"issuer\":\"" ISSUER "/\",\"jwks_uri\":\"" KEYS "\"}", 200, KEY_SET },
        { "{\"issuer\":\"" ISSUER "\"}", 200, KEY_SET },
        { "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":7}", 200, KEY_SET },
        { "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"http://keys.example/jwks\"}", 200, KEY_SET },
        { "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"file:///etc/passwd\"}", 200, KEY_SET },
        { "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\"}", 200, NULL },
        { "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\"}", 200, "<html>" },
        { "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\"}", 200, "{\"keys\":[]}" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct place p;
        place_init(&p);
        fake_http_answer(&p.fake, CONFIG, cases[i].status, cases[i].configuration);
        fake_http_answer(&p.fake, KEYS, 200, cases[i].keys);
        fake_http_answer(&p.fake, "http://keys.example/jwks", 200, KEY_SET);
        fake_http_answer(&p.fake, "file:///etc/passwd", 200, KEY_SET);
        fake_http_answer(&p.fake, "", 200, KEY_SET);
        assert_int_equal(place_open(&p), 0);
        assert_row(keys(&p) == -ERR_UNAVAILABLE, i, cases[i].configuration ? cases[i].configuration : "down");
        place_deinit(&p);
    }
}

static void test_issuer_without_introspection_is_unavailable_for_that(void **state)
{
    (void)state;
    struct place p;
    struct buf address = BUF_INIT;
    struct err err;
    place_init(&p);
    fake_http_answer(&p.fake, CONFIG, 200, "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"" KEYS "\"}");
    assert_int_equal(place_open(&p), 0);
    assert_int_equal(issuer_introspection_address(p.issuer, &address, &err), -ERR_UNAVAILABLE);
    assert_int_equal(keys(&p), 0);
    buf_deinit(&address);
    place_deinit(&p);
}

static void test_issuer_may_be_told_where_things_are(void **state)
{
    (void)state;
    struct place p;
    struct buf address = BUF_INIT;
    struct err err;
    place_init(&p);
    p.params.keys_url = "https://elsewhere.example/keys";
    p.params.introspection_url = "https://elsewhere.example/ask";
    fake_http_answer(&p.fake, "https://elsewhere.example/keys", 200, KEY_SET);
    assert_int_equal(place_open(&p), 0);
    assert_int_equal(keys(&p), 0);
    assert_int_equal(issuer_introspection_address(p.issuer, &address, &err), 0);
    assert_str(buf_str(&address), "https://elsewhere.example/ask");
    assert_int_equal(fake_http_asked(&p.fake, CONFIG), 0);
    buf_deinit(&address);
    place_deinit(&p);
}

static void test_keys_may_come_from_a_file_that_changes(void **state)
{
    (void)state;
    struct place p;
    char path[] = "/tmp/loft-issuer-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    place_init(&p);
    p.params.keys_file = path;
    p.params.http = NULL;
    assert_int_equal(place_open(&p), 0);
    assert_int_equal(keys(&p), -ERR_UNAVAILABLE); /* it is empty */
    assert_int_equal(write(fd, KEY_SET, sizeof KEY_SET - 1), sizeof KEY_SET - 1);
    assert_int_equal(keys(&p), -ERR_UNAVAILABLE); /* and was looked at a moment ago */
    clock_fake_advance(&p.clock, 10000);
    assert_int_equal(keys(&p), 0);
    unlink(path);
    clock_fake_advance(&p.clock, 3600 * 1000);
    assert_int_equal(keys(&p), 0); /* gone, for a while */
    clock_fake_advance(&p.clock, 86400 * 1000);
    assert_int_equal(keys(&p), -ERR_UNAVAILABLE);
    close(fd);
    place_deinit(&p);
}

static void test_addresses_that_must_not_be_asked_are_refused_at_the_start(void **state)
{
    (void)state;
    static const struct {
        const char *issuer, *keys_url, *introspection_url;
        bool http, introspected;
        int r;
    } cases[] = {
        { ISSUER, "", "", true, true, 0 },
        { ISSUER, "", "", false, false, -ERR_CANNOT },
        { ISSUER, KEYS, "", false, false, -ERR_CANNOT },
        { "http://issuer.example", "", "", true, false, -ERR_INVALID },
        { "accounts.google.com", KEYS, "", true, false, 0 }, /* a name that is no address, and need not be */
        { "accounts.google.com", KEYS, "", true, true, -ERR_INVALID },
        { "accounts.google.com", KEYS, ASK, true, true, 0 },
        { "accounts.google.com", "", "", true, false, -ERR_INVALID },
        { ISSUER, "http://keys.example/jwks", "", true, false, -ERR_INVALID },
        { ISSUER, KEYS, "http://issuer.example/ask", true, true, -ERR_INVALID },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct place p;
        place_init(&p);
        p.params.issuer = str_c(cases[i].issuer);
        p.params.keys_url = cases[i].keys_url;
        p.params.introspection_url = cases[i].introspection_url;
        p.params.introspected = cases[i].introspected;
        if (!cases[i].http)
            p.params.http = NULL;
        assert_row(place_open(&p) == cases[i].r, i, cases[i].issuer);
        place_deinit(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issuer_is_found_by_its_configuration),
        cmocka_unit_test(test_issuer_whose_answers_are_wrong_is_unavailable),
        cmocka_unit_test(test_issuer_without_introspection_is_unavailable_for_that),
        cmocka_unit_test(test_issuer_may_be_told_where_things_are),
        cmocka_unit_test(test_keys_may_come_from_a_file_that_changes),
        cmocka_unit_test(test_addresses_that_must_not_be_asked_are_refused_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
