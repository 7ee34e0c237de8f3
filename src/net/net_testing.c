#include "net/net_testing.h"

#include "base/codec.h"
#include "base/testing.h"
#include "net/openssl.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- the echo protocol ---- */

struct echo {
    struct echo_server *server;
    uint64_t big_left;
    bool half;
};

static int echo_open(struct conn *conn, void *ctx, void **session_out, struct err *err)
{
    struct echo_server *server = ctx;
    struct echo *echo;
    if (server->refuse_open)
        return err_set(err, ERR_UNAVAILABLE, "closed today");
    if (!(echo = calloc(1, sizeof *echo)))
        abort();
    echo->server = server;
    pthread_mutex_lock(&server->lock);
    if (server->opened < ARRAY_COUNT(server->wakers))
        server->wakers[server->opened++] = conn_waker(conn);
    pthread_mutex_unlock(&server->lock);
    atomic_fetch_add(&server->open_now, 1);
    buf_add_lit(conn_out(conn), "* hello\r\n");
    *session_out = echo;
    return 0;
}

static void echo_close(void *session)
{
    struct echo *echo = session;
    atomic_fetch_sub(&echo->server->open_now, 1);
    atomic_fetch_add(&echo->server->closed, 1);
    free(echo);
}

static void echo_refuse(void *ctx, const struct err *why, struct buf *out)
{
    (void)ctx;
    buf_printf(out, "* refused: %s\r\n", why->text);
}

static void produce(struct conn *conn, struct echo *echo)
{
    enum { STEP = 1000 };
    static const char xs[STEP + 1] = { [0 ... STEP - 1] = 'x' };
    while (echo->big_left > 0) {
        if (conn_output_full(conn) && !conn_flush(conn))
            return;
        size_t n = echo->big_left < STEP ? (size_t)echo->big_left : STEP;
        buf_add_bytes(conn_out(conn), xs, n);
        echo->big_left -= n;
        if (echo->big_left == 0)
            buf_add_lit(conn_out(conn), "\r\n");
    }
}

static void tell_who(struct conn *conn)
{
    char peer[ADDR_TEXT_BYTES], local[ADDR_TEXT_BYTES];
    struct conn_tls_info tls = conn_tls_info(conn);
    const struct net_addr here = conn_local(conn);
    buf_printf(conn_out(conn), "%s %s tls=" STR_FMT " sni=" STR_FMT " alpn=" STR_FMT " resumed=%d\r\n",
               addr_format(conn_peer(conn), true, peer), addr_format(&here, true, local),
               STR_ARG(tls.version), STR_ARG(tls.sni), STR_ARG(tls.alpn), tls.resumed);
}

static void tell_bindings(struct conn *conn)
{
    struct tls_binding binding;
    struct err err;
    for (unsigned type = 0; type < TLS_BINDING_COUNT; type++) {
        int r = conn_tls_binding(conn, type, &binding, &err);
        assert_int_equal(r, conn_has_tls_binding(conn, type) ? 0 : -ERR_CANNOT);
        if (r == 0)
            hex_encode(str_make(binding.bytes, binding.n), conn_out(conn));
        else
            buf_add_char(conn_out(conn), '-');
        buf_add(conn_out(conn), type + 1 < TLS_BINDING_COUNT ? STR(" ") : STR("\r\n"));
    }
}

static void tell_certificate(struct conn *conn)
{
    struct tls_client client;
    if (conn_tls_client(conn, &client))
        buf_printf(conn_out(conn), "%s %s\r\n", client.name, client.fingerprint);
    else
        buf_add_lit(conn_out(conn), "none\r\n");
}

static bool number_after(struct str line, struct str word, uint64_t *n_out)
{
    return str_starts(line, word) && str_to_u64(str_skip(line, word.n), UINT64_MAX, n_out);
}

static void run_line(struct conn *conn, struct echo *echo, struct str line)
{
    struct buf *out = conn_out(conn);
    struct err err;
    uint64_t n;
    if (number_after(line, STR("big "), &n)) {
        echo->big_left = n;
    } else if (number_after(line, STR("deadline "), &n)) {
        conn_set_deadline(conn, conn_now_mono_ms(conn) + (int64_t)n);
    } else if (number_after(line, STR("sleep "), &n)) {
        usleep((useconds_t)n * 1000);
        buf_add_lit(out, "slept\r\n");
    } else if (str_eq(line, STR("starttls"))) {
        bool can = conn_can_start_tls(conn);
        int r = conn_start_tls(conn, &err);
        assert_int_equal(r == 0, can);
        buf_printf(out, "%s\r\n", can ? "OK begin" : "no");
    } else if (str_eq(line, STR("deflate"))) {
        bool can = !conn_is_deflated(conn);
        buf_printf(out, "%s\r\n", can ? "OK deflate" : "no");
        assert_int_equal(conn_start_deflate(conn, &err), can ? 0 : -ERR_EXISTS);
    } else if (str_eq(line, STR("clear"))) {
        buf_add_lit(out, "OK clear\r\n");
        if (conn_stop_deflate(conn, &err) < 0) {
            buf_add_lit(out, "* behind\r\n");
            conn_close_after_flush(conn);
        }
    } else if (str_eq(line, STR("yield"))) {
        conn_yield(conn);
    } else if (str_eq(line, STR("pause"))) {
        conn_pause_input(conn, true);
    } else if (str_eq(line, STR("who"))) {
        tell_who(conn);
    } else if (str_eq(line, STR("bindings"))) {
        tell_bindings(conn);
    } else if (str_eq(line, STR("certificate"))) {
        tell_certificate(conn);
    } else if (str_eq(line, STR("quit"))) {
        buf_add_lit(out, "bye\r\n");
        conn_close_after_flush(conn);
    } else if (str_eq(line, STR("abort"))) {
        conn_close_now(conn);
    } else if (str_eq(line, STR("half"))) {
        echo->half = true;
    } else {
        buf_add(out, line);
        buf_add_lit(out, "\r\n");
    }
}

static void run_lines(struct conn *conn, struct echo *echo)
{
    while (!conn_is_closing(conn) && echo->big_left == 0) {
        struct str in = conn_input(conn);
        ptrdiff_t end = str_find(in, STR("\r\n"));
        if (end < 0) {
            if (conn_input_full(conn)) {
                buf_add_lit(conn_out(conn), "* long\r\n");
                conn_close_after_flush(conn);
            }
            return;
        }
        struct str line = str_sub(in, 0, (size_t)end);
        conn_consume(conn, (size_t)end + 2); /* `line` stays valid until we return */
        run_line(conn, echo, line);
        produce(conn, echo);
        if (str_eq(line, STR("starttls")) || str_eq(line, STR("yield")))
            return;
    }
}

static void echo_event(struct conn *conn, void *session, unsigned events)
{
    struct echo *echo = session;
    struct echo_server *server = echo->server;
    struct buf *out = conn_out(conn);

    if (events & CONN_TLS_STARTED)
        buf_add_lit(out, "* tls\r\n");
    if (events & CONN_TIMER)
        buf_add_lit(out, "* timer\r\n");
    if (events & CONN_WOKEN) {
        atomic_fetch_add(&server->wakes, 1);
        usleep(server->wake_sleep_ms * 1000);
        conn_pause_input(conn, false);
        buf_add_lit(out, "* woken\r\n");
    }
    if (events & CONN_DRAINED)
        produce(conn, echo);
    run_lines(conn, echo);
    if (events & CONN_EOF) {
        if (echo->half)
            buf_add_lit(out, "half\r\n");
        conn_close_after_flush(conn);
    }
    if ((events & CONN_SHUTDOWN) && !server->deaf) {
        buf_add_lit(out, "* bye\r\n");
        conn_close_after_flush(conn);
    }
    size_t most = atomic_load(&server->out_most);
    while (out->n > most && !atomic_compare_exchange_weak(&server->out_most, &most, out->n))
        ;
}

const struct conn_handler echo_handler = { "echo", echo_open, echo_event, echo_close, echo_refuse };

void echo_server_init(struct echo_server *server)
{
    memset(server, 0, sizeof *server);
    pthread_mutex_init(&server->lock, NULL);
}

void echo_server_deinit(struct echo_server *server)
{
    for (unsigned i = 0; i < server->opened; i++)
        conn_waker_unref(&server->wakers[i]);
    pthread_mutex_destroy(&server->lock);
}

/* ---- clients ---- */

static struct client connect_to(int family, const struct sockaddr *sa, socklen_t n)
{
    struct client c = { .fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    struct timeval timeout = { .tv_sec = 20 };
    assert_true(c.fd >= 0);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(c.fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    assert_int_equal(connect(c.fd, sa, n), 0);
    return c;
}

struct client client_connect(const struct net_addr *addr)
{
    struct sockaddr_storage storage;
    socklen_t n = addr_to_sockaddr(addr, &storage);
    return connect_to(storage.ss_family, (const struct sockaddr *)&storage, n);
}

struct client client_connect_unix(const char *path)
{
    struct sockaddr_un sun = { .sun_family = AF_UNIX };
    assert_true(strlen(path) < sizeof sun.sun_path);
    memcpy(sun.sun_path, path, strlen(path));
    return connect_to(AF_UNIX, (const struct sockaddr *)&sun, sizeof sun);
}

void client_close(struct client *c)
{
    if (c->ssl) /* without this OpenSSL would call the session unfit to be resumed */
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(c->ssl);
    close(c->fd);
    *c = (struct client){ .fd = -1 };
}

void client_send(struct client *c, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = c->ssl ? SSL_write(c->ssl, bytes.p, (int)bytes.n)
                           : send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        assert_true(n > 0);
        bytes = str_skip(bytes, (size_t)n);
    }
}

void client_send_line(struct client *c, const char *line)
{
    struct buf bytes = BUF_INIT;
    buf_printf(&bytes, "%s\r\n", line);
    client_send(c, buf_str(&bytes));
    buf_deinit(&bytes);
}

size_t client_read(struct client *c, char *p, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t r = c->ssl ? SSL_read(c->ssl, p + got, (int)(n - got)) : recv(c->fd, p + got, n - got, 0);
        if (r <= 0)
            break;
        got += (size_t)r;
    }
    ERR_clear_error();
    return got;
}

const char *client_read_line(struct client *c)
{
    size_t n = 0;
    while (n < sizeof c->line - 1 && client_read(c, &c->line[n], 1) == 1)
        if (c->line[n++] == '\n')
            break;
    while (n > 0 && (c->line[n - 1] == '\n' || c->line[n - 1] == '\r'))
        n--;
    c->line[n] = '\0';
    return c->line;
}

void client_expect(struct client *c, const char *line)
{
    assert_string_equal(client_read_line(c), line);
}

void client_expect_end(struct client *c)
{
    char byte;
    assert_int_equal(client_read(c, &byte, 1), 0);
}

SSL_CTX *client_ctx_new(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(ctx);
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return ctx;
}

bool client_start_tls(struct client *c, SSL_CTX *ctx, const struct client_tls *options, int *alert_out)
{
    static const struct client_tls none = { .sni = NULL };
    const struct client_tls *o = options ? options : &none;
    c->ssl = SSL_new(ctx);
    assert_non_null(c->ssl);
    SSL_set_fd(c->ssl, c->fd);
    if (o->sni)
        SSL_ctrl(c->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)o->sni);
    if (o->alpn) {
        unsigned char wire[64];
        size_t n = strlen(o->alpn);
        wire[0] = (unsigned char)n;
        memcpy(wire + 1, o->alpn, n);
        SSL_set_alpn_protos(c->ssl, wire, (unsigned)n + 1);
    }
    if (o->version_max)
        SSL_set_max_proto_version(c->ssl, o->version_max);
    if (o->no_extended_master_secret)
        SSL_set_options(c->ssl, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    if (o->resume)
        SSL_set_session(c->ssl, o->resume);
    bool ok = SSL_connect(c->ssl) == 1;
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    if (alert_out)
        *alert_out = !ok && reason > SSL_AD_REASON_OFFSET ? reason - SSL_AD_REASON_OFFSET : 0;
    ERR_clear_error();
    return ok;
}
