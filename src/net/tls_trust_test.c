/* Clients with certificates, good and bad, against listeners that ask for one. */
#include "net/tls_trust.h"

#include "base/file.h"
#include "base/testing.h"
#include "net/net_testing.h"
#include "net/openssl.h"

#include <stdlib.h>
#include <unistd.h>

struct maker {
    EVP_PKEY *key;
    X509 *x509;
    const struct maker *through; /* the authority between, which a client shows as well; NULL: none */
};

struct fixture {
    char dir[64], server_path[96], ca_path[96], crl_path[96];
    struct maker ca, stranger;
    struct tls_context *tls;
    struct tls_pair pair;
    struct tls_options options;
    struct net *net;
    struct echo_server echo;
    atomic_uint ask;
    struct net_addr addr;
    int log_fds[2];
    struct log_sink sink;
    unsigned tickets; /* messages that the last client has read */
};

/* ---- certificates ---- */

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    if (!value)
        return;
    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(x509, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

struct wanted {
    const char *common_name, *alt_name, *usage;
    int from_days, to_days;
    bool of_stranger, self_signed, revoked, authority;
};

static struct maker make(const struct maker *issuer, const struct wanted *w, long serial)
{
    struct maker m = { EVP_EC_gen("P-256"), X509_new() };
    X509_NAME *name = X509_get_subject_name(m.x509);
    X509_set_version(m.x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(m.x509), serial);
    X509_gmtime_adj(X509_getm_notBefore(m.x509), w->from_days * 86400L - 60);
    X509_gmtime_adj(X509_getm_notAfter(m.x509), w->to_days * 86400L);
    if (w->common_name)
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)w->common_name, -1, -1,
                                   0);
    X509_set_issuer_name(m.x509, issuer ? X509_get_subject_name(issuer->x509) : name);
    X509_set_pubkey(m.x509, m.key);
    add_extension(m.x509, issuer ? issuer->x509 : m.x509, NID_basic_constraints,
                  issuer && !w->authority ? NULL : "critical,CA:TRUE");
    add_extension(m.x509, issuer ? issuer->x509 : m.x509, NID_subject_alt_name, w->alt_name);
    add_extension(m.x509, issuer ? issuer->x509 : m.x509, NID_ext_key_usage, w->usage);
    assert_true(X509_sign(m.x509, issuer ? issuer->key : m.key, EVP_sha256()) > 0);
    return m;
}

static void maker_free(struct maker *m)
{
    EVP_PKEY_free(m->key);
    X509_free(m->x509);
}

static void write_bio(BIO *bio, const char *path)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    assert_int_equal(file_replace(path, str_make(p, (size_t)n), 0600, NULL), 0);
    BIO_free(bio);
}

static void add_crl(BIO *bio, const struct maker *issuer, long revoked_serial, int days)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *time = X509_gmtime_adj(NULL, -86400L);
    X509_REVOKED *revoked = X509_REVOKED_new();
    ASN1_INTEGER *serial = ASN1_INTEGER_new();
    ASN1_INTEGER_set(serial, revoked_serial);
    X509_REVOKED_set_serialNumber(revoked, serial);
    X509_REVOKED_set_revocationDate(revoked, time);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509));
    X509_CRL_set1_lastUpdate(crl, time);
    X509_gmtime_adj(time, days * 86400L);
    X509_CRL_set1_nextUpdate(crl, time);
    X509_CRL_add0_revoked(crl, revoked);
    assert_true(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
    PEM_write_bio_X509_CRL(bio, crl);
    X509_CRL_free(crl);
    ASN1_TIME_free(time);
    ASN1_INTEGER_free(serial);
}

static void write_crl(struct fixture *f, long revoked_serial, int days)
{
    BIO *bio = BIO_new(BIO_s_mem());
    add_crl(bio, &f->ca, revoked_serial, days);
    write_bio(bio, f->crl_path);
}

/* ---- the server ---- */

static const struct wanted ca_name = { .common_name = "Our CA", .to_days = 10 };
static const struct wanted stranger_name = { .common_name = "Other CA", .to_days = 10 };

static int set_up(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    bool made;
    strcpy(f->dir, "/tmp/loft-tls-trust-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->server_path, sizeof f->server_path, "%s/server.pem", f->dir);
    snprintf(f->ca_path, sizeof f->ca_path, "%s/ca.pem", f->dir);
    snprintf(f->crl_path, sizeof f->crl_path, "%s/crl.pem", f->dir);
    f->ca = make(NULL, &ca_name, 1);
    f->stranger = make(NULL, &stranger_name, 1);
    BIO *bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, f->ca.x509);
    write_bio(bio, f->ca_path);
    assert_int_equal(cert_ensure_self_signed(f->server_path, STR("a.example"), &clock_system, &made, NULL),
                     0);
    f->pair = (struct tls_pair){ f->server_path, f->server_path };
    f->options = (struct tls_options){ .pairs = &f->pair,
                                       .pair_count = 1,
                                       .trust = { .ca_path = f->ca_path, .depth = 4 },
                                       .clock = &clock_system };
    assert_int_equal(tls_context_new(&f->options, &f->tls, NULL), 0);
    assert_int_equal(pipe(f->log_fds), 0);
    f->sink = (struct log_sink){ f->log_fds[1], LEVEL_INFO, LOG_TEXT, &clock_system };
    echo_server_init(&f->echo);
    const struct net_options options = { .clock = &clock_system, .workers = 2, .log = logger_make(&f->sink) };
    assert_int_equal(net_new(&options, &f->net, NULL), 0);
    f->ask = TLS_CLIENT_REQUESTED;
    const struct listener_options listen = { .address = STR("127.0.0.1:0"),
                                             .handler = &echo_handler,
                                             .ctx = &f->echo,
                                             .tls_mode = LISTENER_TLS_IMPLICIT,
                                             .client_certificate = &f->ask,
                                             .tls = f->tls };
    struct listener *listener;
    assert_int_equal(net_listen(f->net, &listen, &listener, NULL), 0);
    f->addr = listener_addr(listener, 0);
    assert_int_equal(net_start(f->net, NULL), 0);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    net_stop(f->net, 0);
    net_free(&f->net);
    echo_server_deinit(&f->echo);
    tls_context_unref(&f->tls);
    maker_free(&f->ca);
    maker_free(&f->stranger);
    unlink(f->server_path);
    unlink(f->ca_path);
    unlink(f->crl_path);
    rmdir(f->dir);
    close(f->log_fds[0]);
    close(f->log_fds[1]);
    free(f);
    return 0;
}

static void on_message(int written, int version, int type, const void *bytes, size_t n, SSL *ssl, void *arg)
{
    (void)version, (void)ssl;
    if (!written && type == SSL3_RT_HANDSHAKE && n > 0 && *(const char *)bytes == SSL3_MT_NEWSESSION_TICKET)
        ++*(unsigned *)arg;
}

/* Connect with that certificate (NULL: none). The line that "certificate" answers, "" when we were not let in. */
static const char *visit(struct fixture *f, const struct maker *with, struct client_tls tls, struct client *c)
{
    SSL_CTX *ctx = client_ctx_new();
    if (with) {
        assert_int_equal(SSL_CTX_use_certificate(ctx, with->x509), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(ctx, with->key), 1);
        if (with->through)
            assert_int_equal(SSL_CTX_add1_chain_cert(ctx, with->through->x509), 1);
    }
    f->tickets = 0;
    SSL_CTX_set_msg_callback(ctx, on_message);
    SSL_CTX_set_msg_callback_arg(ctx, &f->tickets);
    *c = client_connect(&f->addr);
    bool in = client_start_tls(c, ctx, &tls, NULL) && strcmp(client_read_line(c), "* hello") == 0;
    SSL_CTX_free(ctx);
    if (!in)
        return "";
    client_send_line(c, "certificate");
    return client_read_line(c);
}

static const char *next_log_line(struct fixture *f)
{
    static char line[1024];
    size_t n = 0;
    while (n < sizeof line - 1 && read(f->log_fds[0], &line[n], 1) == 1 && line[n] != '\n')
        n++;
    line[n] = '\0';
    return line;
}

static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

static void test_tls_trust_takes_good_certificates_and_says_why_not(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct wanted wanted;
        const char *refused;
    } cases[] = {
        { { "anna", "email:anna@example.org", "clientAuth", 0, 5 }, NULL },
        { { "anna", "email:anna@example.org", NULL, 0, 5 }, NULL },
        { { "anna", "email:anna@example.org", "serverAuth", 0, 5 }, "not-for-clients" },
        { { "anna", "email:anna@example.org", "clientAuth", -5, -1 }, "expired" },
        { { "anna", "email:anna@example.org", "clientAuth", 1, 5 }, "not-yet-valid" },
        { { "anna", "email:anna@example.org", "clientAuth", 0, 5, .of_stranger = true },
          "unknown-authority" },
        { { "anna", "email:anna@example.org", "clientAuth", 0, 5, .self_signed = true },
          "unknown-authority" },
        { { "anna", "email:anna@example.org", "clientAuth", 0, 5, .revoked = true }, "revoked" },
    };
    write_crl(f, 1007, 5);
    f->options.trust.crl_path = f->crl_path;
    assert_int_equal(tls_context_reload(f->tls, &f->options, NULL), 0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct wanted *w = &cases[i].wanted;
        struct maker with = make(w->self_signed   ? NULL
                                 : w->of_stranger ? &f->stranger
                                                  : &f->ca,
                                 w, 1000 + (long)i);
        for (size_t v = 0; v < ARRAY_COUNT(versions); v++) {
            struct client c, none;
            const char *who = visit(f, &with, (struct client_tls){ .version_max = versions[v] }, &c);
            assert_row(str_starts(str_c(who), STR("anna@example.org ")) == !cases[i].refused, i, who);
            if (cases[i].refused) {
                const char *line = next_log_line(f);
                assert_row(strstr(line, "client-certificate-refused"), i, line);
                assert_row(strstr(line, cases[i].refused), i, line);
            }
            who = visit(f, NULL, (struct client_tls){ .version_max = versions[v] }, &none);
            assert_row(strcmp(who, "none") == 0, i, "who shows none is not harmed");
            client_close(&c);
            client_close(&none);
        }
        maker_free(&with);
    }
}

static void test_tls_trust_refuses_all_when_the_revocation_list_is_old(void **state)
{
    struct fixture *f = *state;
    struct maker with = make(&f->ca, &(struct wanted){ "anna", "email:anna@example.org", NULL, 0, 5 }, 7);
    struct client c;
    write_crl(f, 1, -1);
    f->options.trust.crl_path = f->crl_path;
    assert_int_equal(tls_context_reload(f->tls, &f->options, NULL), 0);
    assert_string_equal(visit(f, &with, (struct client_tls){ 0 }, &c), "");
    assert_non_null(strstr(next_log_line(f), "revocation-list-expired"));
    client_close(&c);
    maker_free(&with);
}

/* RFC 5280, 6.1.3: no certificate of the path may be revoked, so a list of each authority is wanted. */
static void test_tls_trust_wants_no_authority_in_the_chain_revoked(void **state)
{
    enum { BETWEEN = 50, LEAF = 60, OTHER = 99 };
    struct fixture *f = *state;
    static const struct {
        long of_ca, of_between; /* what their lists revoke; 0: there is no list */
        const char *refused;
    } cases[] = {
        { OTHER, OTHER, NULL },
        { BETWEEN, OTHER, " reason=revoked" },
        { OTHER, LEAF, " reason=revoked" },
        { OTHER, 0, " reason=no-revocation-list" },
        { 0, OTHER, " reason=no-revocation-list" },
    };
    struct maker between = make(&f->ca, &(struct wanted){ "Between", .to_days = 5, .authority = true },
                                BETWEEN);
    struct maker with = make(&between, &(struct wanted){ "anna", "email:anna@example.org", NULL, 0, 5 },
                             LEAF);
    with.through = &between;
    f->options.trust.crl_path = f->crl_path;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct client c;
        BIO *bio = BIO_new(BIO_s_mem());
        if (cases[i].of_ca)
            add_crl(bio, &f->ca, cases[i].of_ca, 5);
        if (cases[i].of_between)
            add_crl(bio, &between, cases[i].of_between, 5);
        write_bio(bio, f->crl_path);
        assert_int_equal(tls_context_reload(f->tls, &f->options, NULL), 0);
        const char *who = visit(f, &with, (struct client_tls){ 0 }, &c);
        assert_row(str_starts(str_c(who), STR("anna@example.org ")) == !cases[i].refused, i, who);
        if (cases[i].refused) {
            const char *line = next_log_line(f);
            assert_row(strstr(line, cases[i].refused), i, line);
        }
        client_close(&c);
    }
    maker_free(&with);
    maker_free(&between);
}

/* CVE-2019-3814: a certificate without the name that counts is nobody's; and no bytes are cut off one. */
static void test_tls_trust_finds_the_name_that_counts_or_none(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct wanted wanted;
        enum tls_client_name which;
        const char *name;
    } cases[] = {
        { { "anna", "email:a@example.org,email:b@example.org", NULL, 0, 5 },
          TLS_CLIENT_EMAIL,
          "a@example.org" },
        { { "anna", "DNS:x,email:b@example.org", NULL, 0, 5 }, TLS_CLIENT_EMAIL, "b@example.org" },
        { { "anna", NULL, NULL, 0, 5 }, TLS_CLIENT_EMAIL, "" },
        { { "anna", "DNS:anna", NULL, 0, 5 }, TLS_CLIENT_EMAIL, "" },
        { { "anna", "otherName:1.3.6.1.5.5.7.8.9;UTF8:ann@example.org", NULL, 0, 5 },
          TLS_CLIENT_EMAIL,
          "ann@example.org" },
        { { "anna", "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:anna@ad.example", NULL, 0, 5 },
          TLS_CLIENT_UPN,
          "anna@ad.example" },
        { { "anna", "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:anna@ad.example", NULL, 0, 5 },
          TLS_CLIENT_EMAIL,
          "" },
        { { "anna", "otherName:1.3.6.1.4.1.311.20.2.3;IA5:anna@ad.example", NULL, 0, 5 },
          TLS_CLIENT_UPN,
          "" },
        { { "anna", "email:anna@example.org", NULL, 0, 5 }, TLS_CLIENT_UPN, "" },
        { { "anna", "email:other@example.org", NULL, 0, 5 }, TLS_CLIENT_COMMON_NAME, "anna" },
        { { NULL, "email:other@example.org", NULL, 0, 5 }, TLS_CLIENT_COMMON_NAME, "" },
        { { "anna smith", NULL, NULL, 0, 5 }, TLS_CLIENT_COMMON_NAME, "" },
        { { "anna\r\nx", NULL, NULL, 0, 5 }, TLS_CLIENT_COMMON_NAME, "" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct maker with = make(&f->ca, &cases[i].wanted, 20 + (long)i);
        struct client c;
        char fingerprint[65], want[500];
        unsigned char hash[32];
        f->options.trust.name = cases[i].which;
        assert_int_equal(tls_context_reload(f->tls, &f->options, NULL), 0);
        X509_digest(with.x509, EVP_sha256(), hash, NULL);
        for (size_t k = 0; k < sizeof hash; k++)
            snprintf(fingerprint + 2 * k, 3, "%02x", hash[k]);
        snprintf(want, sizeof want, "%s %s", cases[i].name, fingerprint);
        const char *who = visit(f, &with, (struct client_tls){ 0 }, &c);
        assert_row(strcmp(who, want) == 0, i, who);
        client_close(&c);
        maker_free(&with);
    }
}

static void test_tls_trust_can_be_required(void **state)
{
    struct fixture *f = *state;
    struct maker with = make(&f->ca, &(struct wanted){ "anna", "email:anna@example.org", NULL, 0, 5 }, 7);
    for (size_t v = 0; v < ARRAY_COUNT(versions); v++) {
        struct client c;
        struct client_tls tls = { .version_max = versions[v] };
        f->ask = TLS_CLIENT_REQUESTED;
        assert_string_equal(visit(f, NULL, tls, &c), "none");
        SSL_SESSION *session = SSL_get1_session(c.ssl);
        client_close(&c);
        tls.resume = session;
        assert_string_equal(visit(f, NULL, tls, &c), "none");
        assert_true(SSL_session_reused(c.ssl));
        client_close(&c);
        f->ask = TLS_CLIENT_REQUIRED; /* the ticket does not help past it */
        assert_string_equal(visit(f, NULL, tls, &c), "");
        assert_non_null(strstr(next_log_line(f), "missing"));
        client_close(&c);
        assert_true(str_starts(str_c(visit(f, &with, tls, &c)), STR("anna@example.org ")));
        client_close(&c);
        SSL_SESSION_free(session);
    }
    maker_free(&with);
}

static void test_tls_trust_gives_no_ticket_for_a_certificate(void **state)
{
    struct fixture *f = *state;
    struct maker with = make(&f->ca, &(struct wanted){ "anna", "email:anna@example.org", NULL, 0, 5 }, 7);
    for (size_t v = 0; v < ARRAY_COUNT(versions); v++) {
        struct client c;
        struct client_tls tls = { .version_max = versions[v] };
        visit(f, NULL, tls, &c);
        assert_row(f->tickets == 1, v, "without a certificate");
        client_close(&c);
        visit(f, &with, tls, &c);
        SSL_SESSION *session = SSL_get1_session(c.ssl);
        assert_row(!SSL_SESSION_has_ticket(session), v, "a ticket");
        /* RFC 5077, 3.3: TLS 1.2 has promised one, so an empty one comes; in TLS 1.3 there is no such thing. */
        assert_row(f->tickets == (versions[v] == TLS1_2_VERSION), v, "an empty ticket");
        client_close(&c);
        SSL_SESSION_free(session);
    }
    maker_free(&with);
}

static void test_tls_rules_that_changed_end_resumption(void **state)
{
    struct fixture *f = *state;
    static const struct tls_policy policies[] = {
        { .ciphers = "ECDHE+AESGCM" },
        { .groups = "X25519" },
        { .client_chooses = true },
    };
    for (size_t v = 0; v < ARRAY_COUNT(versions); v++) {
        for (size_t i = 0; i < ARRAY_COUNT(policies); i++) {
            struct client c;
            struct client_tls tls = { .version_max = versions[v] };
            f->options.policy = (struct tls_policy){ 0 };
            assert_int_equal(tls_context_reload(f->tls, &f->options, NULL), 0);
            visit(f, NULL, tls, &c);
            tls.resume = SSL_get1_session(c.ssl);
            client_close(&c);
            assert_int_equal(tls_context_reload(f->tls, NULL, NULL), 0);
            visit(f, NULL, tls, &c);
            assert_row(SSL_session_reused(c.ssl), i, "the same rules");
            client_close(&c);
            f->options.policy = policies[i];
            assert_int_equal(tls_context_reload(f->tls, &f->options, NULL), 0);
            visit(f, NULL, tls, &c);
            assert_row(!SSL_session_reused(c.ssl), i, "other rules");
            client_close(&c);
            SSL_SESSION_free(tls.resume);
        }
    }
}

static void test_tls_trust_names_the_file_that_is_wrong(void **state)
{
    struct fixture *f = *state;
    const char *server = f->server_path;
    const struct {
        const char *ca_path, *crl_path;
        int r;
        const char *text;
    } cases[] = {
        { "/nonexistent.pem", NULL, -ERR_NOT_FOUND, "/nonexistent.pem" },
        { f->ca_path, "/nonexistent.pem", -ERR_NOT_FOUND, "/nonexistent.pem" },
        { f->crl_path, NULL, -ERR_INVALID, "no certificate in it" },
        { f->ca_path, f->ca_path, -ERR_INVALID, "no revocation list in it" },
        { server, NULL, -ERR_INVALID, "no authority's" },
        { f->ca_path, f->crl_path, 0, "" },
    };
    write_crl(f, 1, 5);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct err err = { .text = "" };
        f->options.trust.ca_path = cases[i].ca_path;
        f->options.trust.crl_path = cases[i].crl_path;
        assert_row(tls_options_check(&f->options, &err) == cases[i].r, i, err.text);
        assert_row(strstr(err.text, cases[i].text), i, err.text);
        f->options.pair_count = 0;
        assert_row(tls_options_check(&f->options, &err) == cases[i].r, i, err.text);
        f->options.pair_count = 1;
        assert_row(tls_context_reload(f->tls, &f->options, &err) == cases[i].r, i, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_tls_trust_takes_good_certificates_and_says_why_not),
        T(test_tls_trust_refuses_all_when_the_revocation_list_is_old),
        T(test_tls_trust_wants_no_authority_in_the_chain_revoked),
        T(test_tls_trust_finds_the_name_that_counts_or_none),
        T(test_tls_trust_can_be_required),
        T(test_tls_trust_gives_no_ticket_for_a_certificate),
        T(test_tls_rules_that_changed_end_resumption),
        T(test_tls_trust_names_the_file_that_is_wrong),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
