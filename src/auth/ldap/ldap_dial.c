#include "auth/ldap/ldap_dial.h"

#include "auth/openssl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openldap.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What libldap would connect to by itself when a connection breaks, in the clear: nobody. */
#define NOWHERE "ldapi://%2fnonexistent"

/* ---- addresses ---- */

static bool parse_host(struct str text, struct ldap_address *a)
{
    struct str port = str_c(a->way == LDAP_WAY_TLS ? "636" : "389"), host = text;
    uint64_t number;
    ptrdiff_t colon = str_rfind_char(text, ':');
    if (a->way != LDAP_WAY_LOCAL && colon > 0 && text.p[text.n - 1] != ']') {
        host = str_sub(text, 0, (size_t)colon);
        port = str_skip(text, (size_t)colon + 1);
    }
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_sub(host, 1, host.n - 2);
    if (host.n == 0 || host.n > LDAP_HOST_BYTES_MAX || !str_to_u64(port, 65535, &number) || port.n > 5)
        return false;
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] <= ' ' || host.p[i] > '~' || strchr("/?#@[]", host.p[i]))
            return false;
    snprintf(a->host, sizeof a->host, STR_FMT, STR_ARG(host));
    snprintf(a->port, sizeof a->port, STR_FMT, STR_ARG(port));
    return true;
}

int ldap_address_parse(struct str uri, struct ldap_address *address_out, struct err *err)
{
    static const struct {
        struct str prefix;
        enum ldap_way way;
    } ways[] = { { STR_INIT("ldap://"), LDAP_WAY_PLAIN },
                 { STR_INIT("ldaps://"), LDAP_WAY_TLS },
                 { STR_INIT("ldapi://"), LDAP_WAY_LOCAL } };
    struct ldap_address a = { .port = "" };
    for (size_t i = 0; i < ARRAY_COUNT(ways); i++) {
        struct str host = str_skip(uri, ways[i].prefix.n);
        if (!str_starts(uri, ways[i].prefix))
            continue;
        if (str_ends(host, STR("/")))
            host.n--;
        a.way = ways[i].way;
        if (!parse_host(host, &a))
            break;
        *address_out = a;
        return 0;
    }
    return err_set(err, ERR_INVALID, "\"" STR_FMT "\" is not of the form ldaps://HOST or ldap://HOST:PORT",
                   STR_ARG(str_sub(uri, 0, 80)));
}

bool ldap_address_is_loopback(const struct ldap_address *a)
{
    struct in_addr four;
    struct in6_addr six;
    if (a->way == LDAP_WAY_LOCAL || str_eq_nocase(str_c(a->host), STR("localhost")))
        return true;
    if (inet_pton(AF_INET, a->host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, a->host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

/* ---- waiting ---- */

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* false: not before `end_ms`. */
static bool wait_for(int fd, short events, int64_t end_ms)
{
    for (;;) {
        struct pollfd p = { .fd = fd, .events = events };
        int64_t left = end_ms - now_ms();
        int r = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (r > 0)
            return true;
        if (r == 0 || errno != EINTR)
            return false;
    }
}

/* From here on libldap polls for the first byte; a server that stops in the midst of an answer is not waited for longer than
 * this. */
static void make_blocking(int fd, uint32_t timeout_ms)
{
    const struct timeval timeout = { timeout_ms / 1000, (suseconds_t)(timeout_ms % 1000) * 1000 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

/* ---- the socket ---- */

/* A descriptor, or -1 with errno. */
static int connect_one(const struct addrinfo *to, int64_t end_ms)
{
    int failure = 0, on = 1;
    socklen_t n = sizeof failure;
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, to->ai_addr, to->ai_addrlen) < 0)
        failure = errno;
    if (failure == EINPROGRESS) {
        failure = ETIMEDOUT;
        if (wait_for(fd, POLLOUT, end_ms))
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &n);
    }
    if (failure) {
        close(fd);
        errno = failure;
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    return fd;
}

static int connect_to(const struct ldap_address *a, int64_t end_ms, int *fd_out, struct err *err)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *list = NULL;
    int fd = -1, r = getaddrinfo(a->host, a->port, &hints, &list);
    if (r != 0)
        return err_set(err, ERR_UNAVAILABLE, "%s", gai_strerror(r));
    for (const struct addrinfo *to = list; to && fd < 0; to = to->ai_next)
        fd = connect_one(to, end_ms);
    int why = errno;
    freeaddrinfo(list);
    if (fd < 0)
        return err_set(err, ERR_UNAVAILABLE, "%s", strerror(why));
    *fd_out = fd;
    return 0;
}

/* ---- TLS, as a layer of libldap's stream ---- */

static int layer_setup(Sockbuf_IO_Desc *layer, void *ssl)
{
    layer->sbiod_pvt = ssl;
    return 0;
}

static int layer_remove(Sockbuf_IO_Desc *layer)
{
    SSL_free(layer->sbiod_pvt);
    layer->sbiod_pvt = NULL;
    return 0;
}

static int layer_ctrl(Sockbuf_IO_Desc *layer, int option, void *arg)
{
    if (option == LBER_SB_OPT_DATA_READY && SSL_pending(layer->sbiod_pvt) > 0)
        return 1;
    return LBER_SBIOD_CTRL_NEXT(layer, option, arg);
}

static ber_slen_t layer_result(SSL *ssl, int n)
{
    if (n > 0)
        return n;
    int why = SSL_get_error(ssl, n);
    ERR_clear_error();
    if (why == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
    return -1;
}

static ber_slen_t layer_read(Sockbuf_IO_Desc *layer, void *out, ber_len_t n)
{
    return layer_result(layer->sbiod_pvt, SSL_read(layer->sbiod_pvt, out, n > INT_MAX ? INT_MAX : (int)n));
}

static ber_slen_t layer_write(Sockbuf_IO_Desc *layer, void *bytes, ber_len_t n)
{
    return layer_result(layer->sbiod_pvt, SSL_write(layer->sbiod_pvt, bytes, n > INT_MAX ? INT_MAX : (int)n));
}

static int layer_close(Sockbuf_IO_Desc *layer)
{
    SSL_shutdown(layer->sbiod_pvt);
    ERR_clear_error();
    return 0;
}

static const Sockbuf_IO tls_layer = { layer_setup, layer_remove, layer_ctrl,
                                      layer_read,  layer_write,  layer_close };

static bool add_layer(Sockbuf *stream, SSL *ssl)
{
    const Sockbuf_IO *table = &tls_layer;
    Sockbuf_IO *layer;
    memcpy(&layer, &table, sizeof layer); /* libldap keeps the pointer, and writes nothing there */
    return ber_sockbuf_add_io(stream, layer, LBER_SBIOD_LEVEL_TRANSPORT, ssl) == 0;
}

/* The certificate must be for the host: its address, when one was asked for. */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char ip[16];
    char name[LDAP_HOST_BYTES_MAX + 1];
    if (inet_pton(AF_INET, host, ip) == 1 || inet_pton(AF_INET6, host, ip) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    snprintf(name, sizeof name, "%s", host); /* the macro casts const away */
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

static int new_ssl(const struct ldap_address *a, const char *ca_file, SSL **out, struct err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    int r = 0;
    if (!ctx)
        abort();
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    if (SSL_CTX_load_verify_file(ctx, ca_file) != 1)
        r = err_set(err, ERR_UNAVAILABLE, "ldap.ca_file %s cannot be read, or has no certificates", ca_file);
    else if (!(ssl = SSL_new(ctx)) || !expect_host(ssl, a->host))
        r = err_set(err, ERR_UNAVAILABLE, "TLS cannot be set up");
    SSL_CTX_free(ctx);
    ERR_clear_error();
    if (r < 0)
        SSL_free(ssl);
    else
        *out = ssl;
    return r;
}

static int handshake(SSL *ssl, int fd, int64_t end_ms, struct err *err)
{
    for (;;) {
        int r = SSL_connect(ssl);
        if (r == 1)
            return 0;
        int why = SSL_get_error(ssl, r);
        long verified = SSL_get_verify_result(ssl);
        ERR_clear_error();
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            return err_set(err, ERR_UNAVAILABLE, "TLS: %s",
                           verified != X509_V_OK ? X509_verify_cert_error_string(verified)
                                                 : "the handshake failed");
        if (!wait_for(fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, end_ms))
            return err_set(err, ERR_UNAVAILABLE, "TLS: no handshake in time");
    }
}

int ldap_dial_encrypt(LDAP *ld, const struct ldap_address *a, const char *ca_file, uint32_t timeout_ms,
                      struct err *err)
{
    Sockbuf *stream = NULL;
    SSL *ssl;
    int fd = -1, r = new_ssl(a, ca_file, &ssl, err);
    if (r < 0)
        return r;
    ldap_get_option(ld, LDAP_OPT_SOCKBUF, &stream);
    ldap_get_option(ld, LDAP_OPT_DESC, &fd);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (SSL_set_fd(ssl, fd) != 1)
        r = err_set(err, ERR_UNAVAILABLE, "TLS cannot be set up");
    else
        r = handshake(ssl, fd, now_ms() + timeout_ms, err);
    if (r < 0)
        SSL_free(ssl);
    else if (!add_layer(stream, ssl))
        abort(); /* out of memory */
    make_blocking(fd, timeout_ms);
    return r;
}

/* ---- the handle ---- */

static int dial_socket(const struct ldap_address *a, const char *ca_file, uint32_t timeout_ms, LDAP **ld_out,
                       struct err *err)
{
    LDAP *ld = NULL;
    int fd, r = connect_to(a, now_ms() + timeout_ms, &fd, err);
    if (r < 0)
        return r;
    make_blocking(fd, timeout_ms);
    if (ldap_init_fd(fd, LDAP_PROTO_TCP, NOWHERE, &ld) != LDAP_SUCCESS) {
        close(fd);
        return err_set(err, ERR_UNAVAILABLE, "libldap does not take the connection");
    }
    if (a->way == LDAP_WAY_TLS)
        r = ldap_dial_encrypt(ld, a, ca_file, timeout_ms, err);
    if (r < 0)
        ldap_unbind_ext(ld, NULL, NULL);
    else
        *ld_out = ld;
    return r;
}

int ldap_dial(const struct ldap_address *a, const char *ca_file, uint32_t timeout_ms, LDAP **ld_out,
              struct err *err)
{
    char uri[LDAP_HOST_BYTES_MAX + 16];
    if (a->way != LDAP_WAY_LOCAL)
        return dial_socket(a, ca_file, timeout_ms, ld_out, err);
    snprintf(uri, sizeof uri, "ldapi://%s", a->host);
    return ldap_initialize(ld_out, uri) == LDAP_SUCCESS
               ? 0
               : err_set(err, ERR_UNAVAILABLE, "libldap does not take the address");
}
