#include "limits.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>

/* A self-signed certificate with an ECDSA P-256 key, as the servers have in a comparison. */
static void make_certificate(SSL_CTX *server)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    if (!key || !x)
        limits_die("certificate");
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    if (X509_sign(x, key, EVP_sha256()) == 0 || SSL_CTX_use_certificate(server, x) != 1 ||
        SSL_CTX_use_PrivateKey(server, key) != 1)
        limits_die("certificate");
    X509_free(x);
    EVP_PKEY_free(key);
}

struct ends {
    SSL *server, *client;
};

static struct ends ends_new(SSL_CTX *server, SSL_CTX *client, SSL_SESSION *session)
{
    struct ends e = { SSL_new(server), SSL_new(client) };
    BIO *a = NULL, *b = NULL;
    if (!e.server || !e.client || BIO_new_bio_pair(&a, 0, &b, 0) != 1)
        limits_die("SSL_new");
    SSL_set_bio(e.server, a, a);
    SSL_set_bio(e.client, b, b);
    SSL_set_accept_state(e.server);
    SSL_set_connect_state(e.client);
    if (session)
        SSL_set_session(e.client, session);
    return e;
}

static double thread_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One handshake; adds the CPU of the client's half to `client_s`. */
static void handshake(struct ends *e, double *client_s)
{
    char byte;
    for (int i = 0; i < 10 && !(SSL_is_init_finished(e->client) && SSL_is_init_finished(e->server)); i++) {
        double begin = thread_s();
        SSL_do_handshake(e->client);
        *client_s += thread_s() - begin;
        SSL_do_handshake(e->server);
    }
    double begin = thread_s();
    SSL_read(e->client, &byte, 1); /* takes the tickets */
    *client_s += thread_s() - begin;
    if (!SSL_is_init_finished(e->server))
        limits_die("handshake");
}

static void ends_free(struct ends *e)
{
    SSL_set_quiet_shutdown(e->client, 1);
    SSL_set_quiet_shutdown(e->server, 1);
    SSL_shutdown(e->client);
    SSL_shutdown(e->server);
    SSL_free(e->client);
    SSL_free(e->server);
}

/* Keeps the newest ticket in *session, when there is a place for it. */
static void measure_handshakes(const struct limits *l, SSL_CTX *server, SSL_CTX *client, bool resume)
{
    unsigned count = 3000 / l->scale, resumed = 0;
    SSL_SESSION *session = NULL;
    double client_s = 0;
    struct limits_meter m = limits_start();
    for (unsigned i = 0; i < count + resume; i++) {
        struct ends e = ends_new(server, client, session);
        if (resume && i == 1) { /* the first was to get a ticket */
            m = limits_start();
            client_s = 0;
        }
        handshake(&e, &client_s);
        resumed += SSL_session_reused(e.server) != 0;
        if (resume) {
            SSL_SESSION_free(session);
            session = SSL_get1_session(e.client);
        }
        ends_free(&e);
    }
    if (resumed != (resume ? count : 0))
        limits_die("resumption");
    SSL_SESSION_free(session);
    m.cpu_s += client_s;
    m.wall_s += client_s;
    limits_row(&m, resume ? "tls.resumed" : "tls.full",
               resume ? "TLS 1.3 handshake, resumed" : "TLS 1.3 handshake, ECDSA P-256", count);
}

void limits_tls(const struct limits *l)
{
    SSL_CTX *server = SSL_CTX_new(TLS_server_method()), *client = SSL_CTX_new(TLS_client_method());
    if (!server || !client)
        limits_die("SSL_CTX_new");
    make_certificate(server);
    SSL_CTX_set_session_id_context(server, (const unsigned char *)"limits", 6);
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    measure_handshakes(l, server, client, false);
    measure_handshakes(l, server, client, true);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}
