/* What signing in is told of a TLS connection, against OpenSSL's client on the other side. */
#include "base/codec.h"
#include "base/testing.h"
#include "net/net_testing.h"
#include "net/openssl.h"

#include <stdlib.h>
#include <unistd.h>

struct fixture {
    char dir[64], path[96];
    struct tls_context *tls;
    struct net *net;
    struct echo_server echo;
    struct net_addr addr;
    SSL_CTX *client;
};

static int set_up(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    struct listener *listener;
    bool made;
    strcpy(f->dir, "/tmp/loft-tls-peer-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/a.pem", f->dir);
    assert_int_equal(cert_ensure_self_signed(f->path, STR("a.example"), &clock_system, &made, NULL), 0);
    const struct tls_pair pair = { f->path, f->path };
    const struct tls_options tls = { .pairs = &pair, .pair_count = 1, .clock = &clock_system };
    assert_int_equal(tls_context_new(&tls, &f->tls, NULL), 0);
    echo_server_init(&f->echo);
    const struct net_options options = { .clock = &clock_system, .workers = 2 };
    assert_int_equal(net_new(&options, &f->net, NULL), 0);
    const struct listener_options listen = { .address = STR("127.0.0.1:0"),
                                             .handler = &echo_handler,
                                             .ctx = &f->echo,
                                             .tls_mode = LISTENER_TLS_STARTTLS,
                                             .tls = f->tls };
    assert_int_equal(net_listen(f->net, &listen, &listener, NULL), 0);
    f->addr = listener_addr(listener, 0);
    assert_int_equal(net_start(f->net, NULL), 0);
    f->client = client_ctx_new();
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    net_stop(f->net, 0);
    net_free(&f->net);
    echo_server_deinit(&f->echo);
    tls_context_unref(&f->tls);
    SSL_CTX_free(f->client);
    unlink(f->path);
    rmdir(f->dir);
    free(f);
    return 0;
}

static struct client start(struct fixture *f, const struct client_tls *options)
{
    struct client c = client_connect(&f->addr);
    client_expect(&c, "* hello");
    client_send_line(&c, "bindings");
    client_expect(&c, "- - -"); /* no TLS yet */
    client_send_line(&c, "certificate");
    client_expect(&c, "none");
    client_send_line(&c, "starttls");
    client_expect(&c, "OK begin");
    assert_true(client_start_tls(&c, f->client, options, NULL));
    client_expect(&c, "* tls");
    return c;
}

/* As the client sees it, by the words of the RFCs: nothing of this is from tls_peer.c. */
static void expect_bindings(struct client *c, int version, bool exporter, bool unique, size_t row)
{
    unsigned char bytes[64];
    unsigned n;
    struct buf want = BUF_INIT;
    if (exporter) {
        assert_int_equal(SSL_export_keying_material(c->ssl, bytes, 32, "EXPORTER-Channel-Binding", 24,
                                                    (const unsigned char *)"", 0, version == TLS1_2_VERSION),
                         1);
        hex_encode(str_make(bytes, 32), &want);
    } else {
        buf_add_char(&want, '-');
    }
    buf_add_char(&want, ' ');
    if (unique) { /* RFC 5929, 3.1: the client's Finished is first, but for resumed sessions of TLS 1.2 */
        n = SSL_session_reused(c->ssl) ? (unsigned)SSL_get_peer_finished(c->ssl, bytes, sizeof bytes)
                                       : (unsigned)SSL_get_finished(c->ssl, bytes, sizeof bytes);
        assert_int_equal(n, 12);
        hex_encode(str_make(bytes, n), &want);
    } else {
        buf_add_char(&want, '-');
    }
    buf_add_char(&want, ' ');
    X509 *x509 = SSL_get1_peer_certificate(c->ssl);
    assert_int_equal(X509_digest(x509, EVP_sha256(), bytes, &n), 1); /* signed with SHA-256 */
    X509_free(x509);
    hex_encode(str_make(bytes, n), &want);
    buf_add_char(&want, '\0');
    client_send_line(c, "bindings");
    assert_row(strcmp(client_read_line(c), buf_str(&want).p) == 0, row, c->line);
    buf_deinit(&want);
}

static void test_tls_peer_gives_the_bindings_that_the_client_has(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int version;
        bool no_extended_master_secret, exporter, unique;
    } cases[] = {
        { TLS1_3_VERSION, false, true, false },
        { TLS1_2_VERSION, false, true, true },
        { TLS1_2_VERSION, true, false, false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct client_tls options = { .version_max = cases[i].version,
                                      .no_extended_master_secret = cases[i].no_extended_master_secret };
        struct client first = start(f, &options);
        expect_bindings(&first, cases[i].version, cases[i].exporter, cases[i].unique, i);
        options.resume = SSL_get1_session(first.ssl);
        struct client second = start(f, &options);
        assert_row(SSL_session_reused(second.ssl), i, "resumed");
        expect_bindings(&second, cases[i].version, cases[i].exporter, cases[i].unique, i);
        SSL_SESSION_free(options.resume);
        client_close(&first);
        client_close(&second);
    }
}

static void test_tls_peer_names_bindings_as_iana_does(void **state)
{
    (void)state;
    assert_string_equal(tls_binding_name(TLS_BINDING_EXPORTER), "tls-exporter");
    assert_string_equal(tls_binding_name(TLS_BINDING_UNIQUE), "tls-unique");
    assert_string_equal(tls_binding_name(TLS_BINDING_SERVER_END_POINT), "tls-server-end-point");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        T(test_tls_peer_gives_the_bindings_that_the_client_has),
        cmocka_unit_test(test_tls_peer_names_bindings_as_iana_does),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
