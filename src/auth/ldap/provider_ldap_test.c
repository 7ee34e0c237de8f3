#include "auth/ldap/provider_ldap.h"
#include "auth/ldap/testing_slapd.h"
#include "auth/scram.h"
#include "base/testing.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* One server for all tests; each has a provider of its own. */
static struct slapd slapd;

static struct provider_ldap_params standard(void)
{
    return (struct provider_ldap_params){ .uris = slapd.tls_uri,
                                          .starttls = true,
                                          .ca_file = slapd.ca_file,
                                          .bind_dn = SLAPD_SERVICE_DN,
                                          .bind_password_file = slapd.password_file,
                                          .base = "dc=example,dc=org",
                                          .user_filter = "(mail=%u)",
                                          .user_dn = "",
                                          .password_attribute = "userPassword",
                                          .name_attribute = "mail",
                                          .disabled = "employeeType=disabled",
                                          .group_attribute = "",
                                          .group_base = "",
                                          .group_filter = "",
                                          .group_name_attribute = "cn",
                                          .connections = 2,
                                          .timeout_ms = 2000,
                                          .remember = true,
                                          .clock = &clock_system };
}

static struct provider open_with(const struct provider_ldap_params *params)
{
    struct provider provider = { .ops = NULL };
    struct err err = { 0 };
    if (provider_ldap_new(params, &provider, &err) < 0) {
        print_error("%s\n", err.text);
        fail();
    }
    return provider;
}

static struct err last;

static int verify(const struct provider *p, const char *name, const char *password, struct provider_answer *a)
{
    const struct auth_peer peer = { .protocol = "imap" };
    buf_deinit(&a->groups);
    *a = (struct provider_answer){ .groups = BUF_INIT };
    return p->ops->verify(p->ctx, str_c(name), str_c(password), &peer, a, &last);
}

static void close_all(struct provider *p, struct provider_answer *a)
{
    p->ops->free(p->ctx);
    buf_deinit(&a->groups);
}

/* CVE-2026-27855: an overlay of the directory may take one-time codes. */
static void test_ldap_passwords_are_good_once_where_a_setting_says_so(void **state)
{
    (void)state;
    for (int remember = 0; remember <= 1; remember++) {
        struct provider_ldap_params params = standard();
        struct provider_answer a = { .groups = BUF_INIT };
        params.remember = remember;
        struct provider p = open_with(&params);
        assert_int_equal(verify(&p, "anna@example.org", "secret", &a), 0);
        assert_int_equal(a.once, !remember);
        close_all(&p, &a);
    }
}

static void test_ldap_verifies_passwords_by_search_and_bind(void **state)
{
    (void)state;
    static const struct {
        const char *name, *password;
        int r;
    } cases[] = {
        { "anna@example.org", "secret", 0 },
        { "anna@example.org", "Secret", -ERR_AUTH },
        { "anna@example.org", "", -ERR_AUTH }, /* RFC 4513, 5.1.2: the server would say yes */
        { "bert@example.org", "plain one", 0 },
        { "bert@example.org", "secret", 0 },
        { "nobody@example.org", "secret", -ERR_NOT_FOUND },
        { "nobody@example.org", "", -ERR_NOT_FOUND },
        { "carl@example.org", "secret", -ERR_UNAVAILABLE },   /* two values of mail */
        { "shared@example.org", "secret", -ERR_UNAVAILABLE }, /* two entries */
        { "fred@example.org", "secret", -ERR_AUTH },          /* locked */
        { "*", "secret", -ERR_NOT_FOUND },
        { "anna*", "secret", -ERR_NOT_FOUND },
        { "x)(mail=anna@example.org", "secret", -ERR_NOT_FOUND },
        { "anna@example.org)(uid=*", "secret", -ERR_NOT_FOUND },
        { "x)(|(uid=anna)", "secret", -ERR_NOT_FOUND },
        { "anna@example.org\\", "secret", -ERR_NOT_FOUND },
        { "\303\251", "secret", -ERR_NOT_FOUND },
    };
    const struct provider_ldap_params params = standard();
    struct provider p = open_with(&params);
    struct provider_answer a = { .groups = BUF_INIT };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int r = verify(&p, cases[i].name, cases[i].password, &a);
        if (r != cases[i].r)
            print_error("%d: %s\n", r, last.text);
        assert_row(r == cases[i].r, i, cases[i].name);
    }
    close_all(&p, &a);
}

static void test_ldap_answers_with_name_and_state(void **state)
{
    (void)state;
    struct provider_ldap_params params = standard();
    struct provider_answer a = { .groups = BUF_INIT };
    params.user_filter = "(|(uid=%u)(mail=%u))";
    struct provider p = open_with(&params);
    assert_int_equal(verify(&p, "anna", "secret", &a), 0);
    assert_string_equal(a.name, "anna@example.org");
    assert_true(!a.disabled && !a.expired && !a.locked && !a.groups_known);
    assert_int_equal(verify(&p, "dora", "secret", &a), 0);
    assert_true(a.disabled);
    assert_int_equal(verify(&p, "emil", "secret", &a), 0); /* right, and too old */
    assert_true(a.expired);
    assert_int_equal(verify(&p, "emil", "wrong", &a), -ERR_AUTH);
    assert_false(a.expired);
    assert_int_equal(verify(&p, "fred", "secret", &a), -ERR_AUTH);
    assert_true(a.locked && a.reason == AUTH_LOCKED);
    assert_int_equal(verify(&p, "nomail", "secret", &a), -ERR_NOT_FOUND);
    assert_int_equal(verify(&p, "odd*()", "secret", &a), 0);
    assert_string_equal(a.name, "odd@example.org");
    assert_int_equal(p.ops->find(p.ctx, STR("dora"), &a, &last), 0);
    assert_true(a.disabled);
    assert_int_equal(p.ops->find(p.ctx, STR("zoe"), &a, &last), -ERR_NOT_FOUND);
    close_all(&p, &a);
    params.name_attribute = "";
    params.disabled = "employeeNumber&2";
    p = open_with(&params);
    assert_int_equal(verify(&p, "bert", "secret", &a), 0);
    assert_true(a.disabled && a.name[0] == '\0');
    assert_int_equal(verify(&p, "carl", "secret", &a), 0);
    close_all(&p, &a);
}

static void test_ldap_verifies_by_attribute_and_gives_scram(void **state)
{
    (void)state;
    struct provider_ldap_params params = standard();
    struct provider_answer a = { .groups = BUF_INIT };
    struct scram_verifier v;
    params.by_attribute = true;
    params.scram = true;
    struct provider p = open_with(&params);
    assert_int_equal(verify(&p, "anna@example.org", "secret", &a), 0);
    assert_int_equal(verify(&p, "anna@example.org", "secret2", &a), -ERR_AUTH);
    assert_int_equal(verify(&p, "anna@example.org", "", &a), -ERR_AUTH);
    assert_int_equal(verify(&p, "bert@example.org", "plain one", &a), 0);
    assert_int_equal(verify(&p, "bert@example.org", "secret", &a), 0);
    assert_int_equal(verify(&p, "bert@example.org", "plain", &a), -ERR_AUTH);
    assert_int_equal(verify(&p, "nobody@example.org", "plain", &a), -ERR_NOT_FOUND);
    assert_int_equal(p.ops->scram(p.ctx, STR("bert@example.org"), SCRAM_SHA_256, &v, &a, &last), 0);
    assert_true(scram_matches(&v, STR("plain one")));
    assert_int_equal(p.ops->scram(p.ctx, STR("anna@example.org"), SCRAM_SHA_256, &v, &a, &last), -ERR_AUTH);
    assert_int_equal(p.ops->scram(p.ctx, STR("zoe"), SCRAM_SHA_256, &v, &a, &last), -ERR_NOT_FOUND);
    close_all(&p, &a);
}

static void test_ldap_binds_a_template_at_once(void **state)
{
    (void)state;
    struct provider_ldap_params params = standard();
    struct provider_answer a = { .groups = BUF_INIT };
    params.user_dn = "uid=%n,ou=people,dc=example,dc=org";
    params.bind_dn = params.bind_password_file = "";
    struct provider p = open_with(&params);
    assert_int_equal(verify(&p, "anna", "secret", &a), 0);
    assert_string_equal(a.name, "anna@example.org");
    assert_int_equal(verify(&p, "anna", "wrong", &a), -ERR_AUTH);
    assert_int_equal(verify(&p, "anna", "", &a), -ERR_AUTH);
    assert_int_equal(verify(&p, "zoe", "secret", &a), -ERR_AUTH); /* nobody says who exists */
    assert_int_equal(verify(&p, "anna,ou=people", "secret", &a), -ERR_AUTH);
    assert_int_equal(verify(&p, "anna+cn=anna", "secret", &a), -ERR_AUTH);
    assert_int_equal(verify(&p, "odd*()", "secret", &a), 0);
    assert_int_equal(verify(&p, "emil", "secret", &a), 0);
    assert_true(a.expired);
    assert_int_equal(p.ops->find(p.ctx, STR("anna"), &a, &last), -ERR_NOT_FOUND);
    assert_null(p.ops->scram);
    close_all(&p, &a);
    params.bind_dn = SLAPD_SERVICE_DN; /* with a service it is known who exists */
    params.bind_password_file = slapd.password_file;
    p = open_with(&params);
    assert_int_equal(verify(&p, "anna", "secret", &a), 0);
    assert_int_equal(verify(&p, "zoe", "secret", &a), -ERR_NOT_FOUND);
    assert_int_equal(p.ops->find(p.ctx, STR("anna"), &a, &last), 0);
    close_all(&p, &a);
}

static bool has_group(const struct provider_answer *a, const char *name)
{
    for (size_t i = 0; i < a->groups.n; i += strlen(a->groups.p + i) + 1)
        if (strcmp(a->groups.p + i, name) == 0)
            return true;
    return false;
}

static void test_ldap_tells_groups(void **state)
{
    (void)state;
    struct provider_ldap_params params = standard();
    struct provider_answer a = { .groups = BUF_INIT };
    params.group_attribute = "memberOf";
    struct provider p = open_with(&params);
    assert_int_equal(verify(&p, "anna@example.org", "secret", &a), 0);
    assert_true(a.groups_known && has_group(&a, "staff") && a.groups.n == sizeof "staff");
    assert_int_equal(verify(&p, "dora@example.org", "secret", &a), 0);
    assert_true(a.groups_known && a.groups.n == 0);
    close_all(&p, &a);
    params.group_attribute = "";
    params.group_base = "ou=groups,dc=example,dc=org";
    params.group_filter = "(&(objectClass=groupOfNames)(member=%D))";
    p = open_with(&params);
    assert_int_equal(verify(&p, "anna@example.org", "secret", &a), 0);
    assert_true(a.groups_known && has_group(&a, "staff") && has_group(&a, "editors"));
    assert_int_equal(verify(&p, "bert@example.org", "secret", &a), 0);
    assert_true(has_group(&a, "staff") && !has_group(&a, "editors"));
    assert_int_equal(verify(&p, "bert@example.org", "wrong", &a), -ERR_AUTH);
    assert_false(a.groups_known);
    close_all(&p, &a);
}

static void test_ldap_checks_certificates_and_encrypts(void **state)
{
    (void)state;
    struct provider_answer a = { .groups = BUF_INIT };
    char wrong_host[80];
    snprintf(wrong_host, sizeof wrong_host, "ldaps://127.0.0.2%s", strrchr(slapd.tls_uri, ':'));
    const struct {
        const char *uris, *ca_file;
        bool starttls;
        int r;
    } cases[] = {
        { slapd.tls_uri, slapd.ca_file, true, 0 },
        { slapd.plain_uri, slapd.ca_file, true, 0 },  /* StartTLS */
        { slapd.plain_uri, slapd.ca_file, false, 0 }, /* in the clear, on this machine */
        { slapd.tls_uri, slapd.other_ca_file, true, -ERR_UNAVAILABLE },
        { slapd.plain_uri, slapd.other_ca_file, true, -ERR_UNAVAILABLE },
        { wrong_host, slapd.ca_file, true, -ERR_UNAVAILABLE },
        { slapd.tls_uri, "/nonexistent", true, -ERR_UNAVAILABLE },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct provider_ldap_params params = standard();
        params.uris = cases[i].uris;
        params.ca_file = cases[i].ca_file;
        params.starttls = cases[i].starttls;
        struct provider p = open_with(&params);
        int r = verify(&p, "anna@example.org", "secret", &a);
        if (r != cases[i].r)
            print_error("%d: %s\n", r, last.text);
        assert_row(r == cases[i].r, i, cases[i].uris);
        close_all(&p, &a);
    }
}

static void test_ldap_comes_back_when_its_server_does(void **state)
{
    (void)state;
    struct clock_fake clock;
    struct provider_ldap_params params = standard();
    struct provider_answer a = { .groups = BUF_INIT };
    clock_fake_init(&clock, 0);
    params.clock = &clock.clock;
    struct provider p = open_with(&params);
    assert_int_equal(verify(&p, "anna@example.org", "secret", &a), 0);
    slapd_kill(&slapd);
    slapd_start(&slapd); /* while nobody looked: the kept connection is dead, and nobody notices */
    assert_int_equal(verify(&p, "anna@example.org", "secret", &a), 0);
    slapd_kill(&slapd);
    assert_int_equal(verify(&p, "anna@example.org", "secret", &a), -ERR_UNAVAILABLE);
    assert_int_equal(verify(&p, "anna@example.org", "wrong", &a), -ERR_UNAVAILABLE);
    assert_int_equal(p.ops->find(p.ctx, STR("nobody"), &a, &last), -ERR_UNAVAILABLE);
    slapd_start(&slapd);
    assert_int_equal(verify(&p, "anna@example.org", "secret", &a), -ERR_UNAVAILABLE); /* resting */
    clock_fake_advance(&clock, 1000);
    assert_int_equal(verify(&p, "anna@example.org", "secret", &a), 0);
    close_all(&p, &a);
}

/* Takes connections and says nothing. */
static int silent_server(char uri[64], const char *scheme)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    snprintf(uri, 64, "%s://127.0.0.1:%u", scheme, ntohs(address.sin_port));
    return fd;
}

static void test_ldap_waits_for_nobody_for_long_and_asks_the_next_server(void **state)
{
    (void)state;
    static const struct {
        const char *scheme;
        bool starttls;
    } kinds[] = { { "ldap", false }, { "ldap", true }, { "ldaps", false } };
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        struct provider_ldap_params params = standard();
        struct provider_answer a = { .groups = BUF_INIT };
        char silent[64], both[160];
        int fd = silent_server(silent, kinds[i].scheme);
        params.timeout_ms = 200;
        params.starttls = kinds[i].starttls;
        params.uris = silent;
        struct provider p = open_with(&params);
        alarm(20); /* instead of a clock: it must end */
        assert_row(verify(&p, "anna@example.org", "secret", &a) == -ERR_UNAVAILABLE, i, kinds[i].scheme);
        close_all(&p, &a);
        snprintf(both, sizeof both, "%s %s", silent, slapd.tls_uri);
        params.uris = both;
        p = open_with(&params);
        assert_row(verify(&p, "anna@example.org", "secret", &a) == 0, i, last.text);
        assert_row(verify(&p, "anna@example.org", "wrong", &a) == -ERR_AUTH, i, last.text);
        alarm(0);
        close_all(&p, &a);
        close(fd);
    }
}

static void test_ldap_refuses_settings_that_make_no_sense(void **state)
{
    (void)state;
    static const struct {
        const char *uris, *user_filter, *user_dn, *group_filter, *disabled, *bind_dn, *password_file;
        bool starttls;
        int r;
    } cases[] = {
        { "ldaps://a", "(mail=%u)", "", "", "", "", "", true, 0 },
        { "ldaps://a ldap://b:1389", "(mail=%u)", "", "", "", "", "", true, 0 },
        { "ldap://localhost", "(mail=%u)", "", "", "", "", "", false, 0 },
        { "ldap://[::1]:389/", "(mail=%u)", "", "", "", "", "", false, 0 },
        { "ldapi://%2frun%2fslapd", "(mail=%u)", "", "", "", "", "", false, 0 },
        { "ldap://a", "(mail=%u)", "", "", "", "", "", false, -ERR_DENIED },
        { "ldap://127.0.0.1.example.org", "(mail=%u)", "", "", "", "", "", false, -ERR_DENIED },
        { "ldap://localhost ldap://a:389", "(mail=%u)", "", "", "", "", "", false, -ERR_DENIED },
        { "", "(mail=%u)", "", "", "", "", "", true, -ERR_INVALID },
        { "http://a", "(mail=%u)", "", "", "", "", "", true, -ERR_INVALID },
        { "ldaps://", "(mail=%u)", "", "", "", "", "", true, -ERR_INVALID },
        { "ldaps://a/dc=x", "(mail=%u)", "", "", "", "", "", true, -ERR_INVALID },
        { "a", "(mail=%u)", "", "", "", "", "", true, -ERR_INVALID },
        { "ldaps://a", "mail=%u", "", "", "", "", "", true, -ERR_INVALID },
        { "ldaps://a", "", "uid=%x", "", "", "", "", true, -ERR_INVALID },
        { "ldaps://a", "", "uid=%n", "(member=%Q)", "", "", "", true, -ERR_INVALID },
        { "ldaps://a", "", "uid=%n", "", "x", "", "", true, -ERR_INVALID },
        { "ldaps://a", "", "uid=%n", "", "", "cn=x", "", true, -ERR_INVALID },
        { "ldaps://a", "", "uid=%n", "", "", "cn=x", "/nonexistent", true, -ERR_NOT_FOUND },
        { "ldaps://a", "", "uid=%n", "", "", "cn=x", "/dev/null", true, -ERR_INVALID },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct provider_ldap_params params = standard();
        struct provider p;
        params.uris = cases[i].uris;
        params.user_filter = cases[i].user_filter;
        params.user_dn = cases[i].user_dn;
        params.group_filter = cases[i].group_filter;
        params.disabled = cases[i].disabled;
        params.bind_dn = cases[i].bind_dn;
        params.bind_password_file = cases[i].password_file;
        params.starttls = cases[i].starttls;
        int r = provider_ldap_new(&params, &p, &last);
        assert_row(r == cases[i].r, i, last.text);
        if (r == 0)
            p.ops->free(p.ctx);
        else
            assert_row(strncmp(last.text, "ldap.", 5) == 0, i, last.text);
    }
}

static int start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    slapd_set_up(&slapd);
    return 0;
}

static int end(void **state)
{
    (void)state;
    slapd_tear_down(&slapd);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ldap_verifies_passwords_by_search_and_bind),
        cmocka_unit_test(test_ldap_passwords_are_good_once_where_a_setting_says_so),
        cmocka_unit_test(test_ldap_answers_with_name_and_state),
        cmocka_unit_test(test_ldap_verifies_by_attribute_and_gives_scram),
        cmocka_unit_test(test_ldap_binds_a_template_at_once),
        cmocka_unit_test(test_ldap_tells_groups),
        cmocka_unit_test(test_ldap_checks_certificates_and_encrypts),
        cmocka_unit_test(test_ldap_comes_back_when_its_server_does),
        cmocka_unit_test(test_ldap_waits_for_nobody_for_long_and_asks_the_next_server),
        cmocka_unit_test(test_ldap_refuses_settings_that_make_no_sense),
    };
    if (!slapd_is_installed())
        return 77; /* skipped */
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, start, end);
}
