/* TLS over real sockets, with OpenSSL's client on the other side. */
#include "base/file.h"
#include "base/testing.h"
#include "net/net_testing.h"
#include "net/openssl.h"

#include <stdlib.h>
#include <unistd.h>

struct fixture {
    char dir[64], a_path[96], b_path[96], wild_path[96];
    struct clock_fake clock;
    struct tls_context *tls;
    struct net *net;
    struct echo_server echo;
    struct net_addr tls_addr, starttls_addr, plain_addr;
    SSL_CTX *client;
};

static void make_cert(struct fixture *f, const char *path, const char *host)
{
    bool made;
    assert_int_equal(cert_ensure_self_signed(path, str_c(host), &f->clock.clock, &made, NULL), 0);
}

/* A certificate with the one name "*.wild.example", which cert.h does not make. */
static void make_wildcard(const char *path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    X509_NAME *name = X509_get_subject_name(x509);
    X509_set_version(x509, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"*.Wild.example", -1, -1, 0);
    X509_set_issuer_name(x509, name);
    X509_set_pubkey(x509, key);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    PEM_write_bio_X509(bio, x509);
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    assert_int_equal(file_replace(path, str_make(p, (size_t)n), 0600, NULL), 0);
    BIO_free(bio);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static struct net_addr listen_on(struct fixture *f, enum listener_tls mode)
{
    struct listener *listener;
    struct listener_options options = {
        .address = STR("127.0.0.1:0"),
        .handler = &echo_handler,
        .ctx = &f->echo,
        .tls_mode = mode,
        .tls = mode == LISTENER_TLS_NONE ? NULL : f->tls,
        .alpn = STR("imap"),
    };
    assert_int_equal(net_listen(f->net, &options, &listener, NULL), 0);
    return listener_addr(listener, 0);
}

static int set_up(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    struct err err;
    strcpy(f->dir, "/tmp/loft-tls-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->a_path, sizeof f->a_path, "%s/a.pem", f->dir);
    snprintf(f->b_path, sizeof f->b_path, "%s/b.pem", f->dir);
    snprintf(f->wild_path, sizeof f->wild_path, "%s/wild.pem", f->dir);
    clock_fake_init(&f->clock, clock_wall_ms(&clock_system));
    make_cert(f, f->a_path, "a.example");
    make_cert(f, f->b_path, "b.example");
    make_wildcard(f->wild_path);
    const struct tls_pair pairs[] = { { f->a_path, f->a_path },
                                      { f->b_path, f->b_path },
                                      { f->wild_path, f->wild_path } };
    struct tls_options tls = { .pairs = pairs, .pair_count = 3, .clock = &f->clock.clock };
    if (tls_context_new(&tls, &f->tls, &err) != 0)
        fail_msg("%s", err.text);
    struct net_options options = { .clock = &f->clock.clock, .workers = 4 };
    echo_server_init(&f->echo);
    assert_int_equal(net_new(&options, &f->net, &err), 0);
    f->tls_addr = listen_on(f, LISTENER_TLS_IMPLICIT);
    f->starttls_addr = listen_on(f, LISTENER_TLS_STARTTLS);
    f->plain_addr = listen_on(f, LISTENER_TLS_NONE);
    assert_int_equal(net_start(f->net, &err), 0);
    f->client = client_ctx_new();
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    net_stop(f->net, 0);
    net_free(&f->net);
    assert_int_equal(atomic_load(&f->echo.open_now), 0);
    echo_server_deinit(&f->echo);
    tls_context_unref(&f->tls);
    SSL_CTX_free(f->client);
    unlink(f->a_path);
    unlink(f->b_path);
    unlink(f->wild_path);
    rmdir(f->dir);
    free(f);
    return 0;
}

static struct client tls_client(struct fixture *f, const struct client_tls *options)
{
    struct client c = client_connect(&f->tls_addr);
    assert_true(client_start_tls(&c, f->client, options, NULL));
    client_expect(&c, "* hello");
    return c;
}

static void test_tls_echoes_in_both_versions(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int version;
        const char *name;
    } cases[] = { { TLS1_2_VERSION, "tls=TLSv1.2" }, { TLS1_3_VERSION, "tls=TLSv1.3" } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct client c = tls_client(f, &(struct client_tls){ .version_max = cases[i].version });
        client_send_line(&c, "who");
        assert_row(strstr(client_read_line(&c), cases[i].name) != NULL, i, c.line);
        client_send_line(&c, "big 5000000");
        char *all = malloc(5000002);
        assert_non_null(all);
        assert_int_equal(client_read(&c, all, 5000002), 5000002);
        free(all);
        static char long_line[60000];
        memset(long_line, 'z', sizeof long_line - 1);
        client_send_line(&c, long_line);
        char *back = calloc(1, sizeof long_line + 1);
        client_read(&c, back, sizeof long_line + 1);
        assert_row(strncmp(back, long_line, sizeof long_line - 1) == 0, i, "a line of several records");
        free(back);
        client_send_line(&c, "quit");
        client_expect(&c, "bye");
        client_expect_end(&c);
        client_close(&c);
    }
    struct client c = client_connect(&f->tls_addr);
    int alert;
    assert_false(
        client_start_tls(&c, f->client, &(struct client_tls){ .version_max = TLS1_1_VERSION }, &alert));
    client_close(&c);
}

static void test_tls_chooses_the_certificate_by_name(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *sni, *certificate;
    } cases[] = {
        { NULL, "a.example" },
        { "a.example", "a.example" },
        { "b.example", "b.example" },
        { "B.Example", "b.example" },
        { "mail.wild.example", "*.Wild.example" },
        { "MAIL.WILD.example", "*.Wild.example" },
        { "wild.example", "a.example" },
        { "x.mail.wild.example", "a.example" },
        { ".wild.example", "a.example" },
        { "unknown.example", "a.example" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct client c = tls_client(f, &(struct client_tls){ .sni = cases[i].sni });
        X509 *x509 = SSL_get1_peer_certificate(c.ssl);
        char name[64] = "";
        X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, name, sizeof name);
        X509_free(x509);
        assert_row(strcmp(name, cases[i].certificate) == 0, i, cases[i].sni ? cases[i].sni : "none");
        client_close(&c);
    }
}

static void test_tls_refuses_protocols_that_are_not_ours(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *alpn;
        bool ok;
    } cases[] = { { NULL, true }, { "imap", true }, { "http/1.1", false }, { "IMAP", false } };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct client c = client_connect(&f->tls_addr);
        int alert;
        bool ok = client_start_tls(&c, f->client, &(struct client_tls){ .alpn = cases[i].alpn }, &alert);
        assert_row(ok == cases[i].ok, i, cases[i].alpn ? cases[i].alpn : "none");
        if (!ok)
            assert_row(alert == SSL_AD_NO_APPLICATION_PROTOCOL, i, cases[i].alpn);
        client_close(&c);
    }
}

/* Read the greeting so that the ticket of TLS 1.3 has come, then resume with it. */
static SSL_SESSION *first_visit(struct fixture *f, int version)
{
    struct client c = tls_client(f, &(struct client_tls){ .version_max = version });
    SSL_SESSION *session = SSL_get1_session(c.ssl);
    client_close(&c);
    return session;
}

static bool second_visit(struct fixture *f, int version, SSL_SESSION *session)
{
    struct client c = tls_client(f, &(struct client_tls){ .version_max = version, .resume = session });
    client_send_line(&c, "who");
    bool resumed = strstr(client_read_line(&c), "resumed=1") != NULL;
    assert_int_equal(SSL_session_reused(c.ssl), resumed);
    client_close(&c);
    return resumed;
}

static void test_tls_resumes_by_ticket_until_its_key_has_gone(void **state)
{
    struct fixture *f = *state;
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    for (size_t i = 0; i < ARRAY_COUNT(versions); i++) {
        SSL_SESSION *session = first_visit(f, versions[i]);
        assert_row(second_visit(f, versions[i], session), i, "at once");
        clock_fake_advance(&f->clock, TLS_TICKET_ROTATE_MS); /* the next ticket has another key */
        SSL_SESSION *newer = first_visit(f, versions[i]);
        assert_row(second_visit(f, versions[i], session), i, "after a rotation");
        assert_int_equal(tls_context_reload(f->tls, NULL, NULL), 0);
        assert_row(second_visit(f, versions[i], newer), i, "after a reload");
        clock_fake_advance(&f->clock, (int64_t)TLS_TICKET_LIFE_S * 1000);
        assert_row(!second_visit(f, versions[i], session), i, "after its life");
        SSL_SESSION_free(session);
        SSL_SESSION_free(newer);
    }
}

/* `next` is the server that starts when that of `f` has stopped, so much later. */
static bool resumes_after_restart(struct fixture *f, int version, int64_t away_ms)
{
    struct fixture *next;
    char path[96];
    struct err err;
    set_up((void **)&next);
    snprintf(path, sizeof path, "%s/tickets", f->dir);
    SSL_SESSION *session = first_visit(f, version);
    assert_false(second_visit(next, version, session));
    clock_fake_advance(&next->clock, away_ms);
    assert_int_equal(tls_context_leave_tickets(f->tls, path, &err), 0);
    assert_int_equal(tls_context_take_tickets(next->tls, path, &err), 0);
    bool resumes = second_visit(next, version, session);
    assert_true(access(path, F_OK) < 0);
    assert_int_equal(tls_context_take_tickets(next->tls, path, &err), 0); /* no file, no harm */
    SSL_SESSION_free(session);
    tear_down((void **)&next);
    return resumes;
}

static void test_tls_resumes_after_a_restart(void **state)
{
    struct fixture *f = *state;
    const int64_t rotate = TLS_TICKET_ROTATE_MS, life = TLS_TICKET_LIFE_S * 1000;
    assert_true(resumes_after_restart(f, TLS1_2_VERSION, 0));
    assert_true(resumes_after_restart(f, TLS1_3_VERSION, 0));
    assert_true(resumes_after_restart(f, TLS1_3_VERSION, rotate));
    assert_false(resumes_after_restart(f, TLS1_3_VERSION, rotate + life + 1));
}

static void test_tls_takes_no_keys_from_a_damaged_file(void **state)
{
    struct fixture *f = *state;
    char path[96];
    struct buf whole = BUF_INIT;
    struct err err;
    snprintf(path, sizeof path, "%s/tickets", f->dir);
    SSL_SESSION *session = first_visit(f, TLS1_3_VERSION);
    assert_int_equal(tls_context_leave_tickets(f->tls, path, &err), 0);
    assert_int_equal(file_read(path, TLS_FILE_BYTES_MAX, &whole, &err), 0);
    for (size_t n = 0; n <= whole.n + 1; n++) { /* cut, and too long */
        buf_add_char(&whole, 'x');
        whole.n--;
        assert_int_equal(file_replace(path, str_make(whole.p, n), 0600, &err), 0);
        bool good = n == whole.n || n == 16; /* 16: no keys */
        assert_row((tls_context_take_tickets(f->tls, path, &err) == (good ? 0 : -ERR_CORRUPT)), n, err.text);
    }
    assert_true(second_visit(f, TLS1_3_VERSION, session));
    SSL_SESSION_free(session);
    buf_deinit(&whole);
}

static void test_tls_reload_changes_certificates_and_drops_nobody(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct client before = tls_client(f, NULL), half = client_connect(&f->tls_addr);
    usleep(20 * 1000); /* `half` is within its handshake */
    const struct tls_pair b = { f->b_path, f->b_path };
    const struct tls_options only_b = { .pairs = &b, .pair_count = 1, .clock = &f->clock.clock };
    assert_int_equal(tls_context_reload(f->tls, &only_b, &err), 0);
    assert_int_equal(tls_context_reload(f->tls, NULL, &err), 0);
    assert_true(client_start_tls(&half, f->client, &(struct client_tls){ .sni = "b.example" }, NULL));
    client_expect(&half, "* hello");
    client_send_line(&before, "still here");
    client_expect(&before, "still here");
    struct client after = tls_client(f, &(struct client_tls){ .sni = "a.example" });
    X509 *x509 = SSL_get1_peer_certificate(after.ssl);
    assert_int_equal(X509_check_host(x509, "b.example", 0, 0, NULL), 1);
    X509_free(x509);

    assert_int_equal(file_replace(f->b_path, STR("no PEM"), 0600, NULL), 0);
    assert_int_equal(tls_context_reload(f->tls, NULL, &err), -ERR_INVALID);
    struct client kept = tls_client(f, NULL);
    client_close(&before);
    client_close(&half);
    client_close(&after);
    client_close(&kept);
}

static void test_tls_names_the_file_that_is_wrong(void **state)
{
    struct fixture *f = *state;
    char junk_path[96];
    struct err err;
    struct tls_context *tls;
    snprintf(junk_path, sizeof junk_path, "%s/junk.pem", f->dir);
    assert_int_equal(file_replace(junk_path,
                                  STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), 0600,
                                  NULL),
                     0);
    const struct {
        struct tls_pair pair;
        int r;
        const char *text;
    } cases[] = {
        { { "/nonexistent.pem", f->a_path }, -ERR_NOT_FOUND, "/nonexistent.pem" },
        { { f->a_path, "/nonexistent.pem" }, -ERR_NOT_FOUND, "/nonexistent.pem" },
        { { junk_path, f->a_path }, -ERR_INVALID, "junk.pem" },
        { { f->a_path, junk_path }, -ERR_INVALID, "junk.pem" },
        { { f->a_path, f->b_path }, -ERR_INVALID, "not the key of the certificate" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct tls_options options = { .pairs = &cases[i].pair, .pair_count = 1, .clock = &f->clock.clock };
        assert_row(tls_context_new(&options, &tls, &err) == cases[i].r, i, err.text);
        assert_row(strstr(err.text, cases[i].text) != NULL, i, err.text);
    }
    struct tls_options none = { .pair_count = 0, .clock = &f->clock.clock };
    assert_int_equal(tls_context_new(&none, &tls, &err), -ERR_INVALID);
    none.pair_count = TLS_PAIRS_MAX + 1;
    assert_int_equal(tls_context_new(&none, &tls, &err), -ERR_LIMIT);
    assert_true(tls_context_expires_wall_ms(f->tls, NULL) > clock_wall_ms(&clock_system));
    unlink(junk_path);
}

static void test_starttls_throws_away_what_came_in_clear(void **state)
{
    struct fixture *f = *state;
    struct client c = client_connect(&f->starttls_addr);
    client_expect(&c, "* hello");
    client_send(&c, STR("starttls\r\ninjected\r\nhalf a li"));
    client_expect(&c, "OK begin");
    assert_true(client_start_tls(&c, f->client, NULL, NULL));
    client_expect(&c, "* tls");
    client_send_line(&c, "first");
    client_expect(&c, "first"); /* neither "injected" nor "half a lifirst" */
    client_send_line(&c, "starttls");
    client_expect(&c, "no"); /* once only */
    client_send_line(&c, "who");
    assert_non_null(strstr(client_read_line(&c), "tls=TLSv1.3"));
    client_close(&c);
}

static void test_starttls_takes_no_late_plain_text_for_commands(void **state)
{
    struct fixture *f = *state;
    struct client c = client_connect(&f->starttls_addr);
    client_expect(&c, "* hello");
    client_send_line(&c, "starttls");
    client_expect(&c, "OK begin");
    client_send_line(&c, "injected");
    assert_string_not_equal(client_read_line(&c), "injected"); /* an alert at most */
    client_close(&c);
    WAIT_FOR(atomic_load(&f->echo.closed) == 1);
}

static void test_starttls_is_refused_where_there_is_none(void **state)
{
    struct fixture *f = *state;
    struct client c = client_connect(&f->plain_addr);
    client_expect(&c, "* hello");
    client_send_line(&c, "starttls");
    client_expect(&c, "no");
    client_send_line(&c, "goes on");
    client_expect(&c, "goes on");
    client_close(&c);
}

static void test_tls_handshakes_time_out(void **state)
{
    struct fixture *f = *state;
    struct client silent = client_connect(&f->tls_addr), begun = client_connect(&f->starttls_addr);
    client_expect(&begun, "* hello");
    client_send_line(&begun, "starttls");
    client_expect(&begun, "OK begin");
    WAIT_FOR(net_stats(f->net).connections == 2);
    usleep(20 * 1000);
    clock_fake_advance(&f->clock, 31 * 1000);
    net_poke(f->net);
    client_expect_end(&silent);
    client_expect_end(&begun);
    client_close(&silent);
    client_close(&begun);
    WAIT_FOR(atomic_load(&f->echo.closed) == 1);
}

static void test_tls_survives_rubbish_in_the_handshake(void **state)
{
    struct fixture *f = *state;
    static const struct str inputs[] = { STR_INIT("a login noop\r\n"),
                                         STR_INIT("\x16\x03\x01\0\x05\x01\0\0\x01\0"),
                                         STR_INIT("\x16\x03\x01\xff\xff"), STR_INIT("\x80\x01") };
    for (size_t i = 0; i < ARRAY_COUNT(inputs); i++) {
        struct client c = client_connect(&f->tls_addr);
        client_send(&c, inputs[i]);
        shutdown(c.fd, SHUT_WR);
        client_read_line(&c);
        client_close(&c);
    }
    WAIT_FOR(net_stats(f->net).connections == 0);
    assert_int_equal(f->echo.opened, 0);
}

static void test_tls_sends_a_refusal_behind_the_handshake(void **state)
{
    struct fixture *f = *state;
    f->echo.refuse_open = true;
    struct client c = client_connect(&f->tls_addr);
    assert_true(client_start_tls(&c, f->client, NULL, NULL));
    client_expect(&c, "* refused: closed today");
    client_expect_end(&c);
    client_close(&c);
}

static void test_tls_alpn_fits_or_is_refused(void **state)
{
    (void)state;
    struct tls_alpn alpn;
    char long_name[64];
    memset(long_name, 'a', sizeof long_name);
    assert_int_equal(tls_alpn_make(STR_NIL, &alpn, NULL), 0);
    assert_int_equal(alpn.n, 0);
    assert_int_equal(tls_alpn_make(STR(" imap  pop3 "), &alpn, NULL), 0);
    assert_memory_equal(alpn.wire, "\4imap\4pop3", 10);
    assert_int_equal(tls_alpn_make(str_make(long_name, sizeof alpn.wire - 1), &alpn, NULL), 0);
    assert_int_equal(tls_alpn_make(str_make(long_name, sizeof alpn.wire), &alpn, NULL), -ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_tls_echoes_in_both_versions),
        T(test_tls_chooses_the_certificate_by_name),
        T(test_tls_refuses_protocols_that_are_not_ours),
        T(test_tls_resumes_by_ticket_until_its_key_has_gone),
        T(test_tls_resumes_after_a_restart),
        T(test_tls_takes_no_keys_from_a_damaged_file),
        T(test_tls_reload_changes_certificates_and_drops_nobody),
        T(test_tls_names_the_file_that_is_wrong),
        T(test_starttls_throws_away_what_came_in_clear),
        T(test_starttls_takes_no_late_plain_text_for_commands),
        T(test_starttls_is_refused_where_there_is_none),
        T(test_tls_handshakes_time_out),
        T(test_tls_survives_rubbish_in_the_handshake),
        T(test_tls_sends_a_refusal_behind_the_handshake),
        cmocka_unit_test(test_tls_alpn_fits_or_is_refused),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
