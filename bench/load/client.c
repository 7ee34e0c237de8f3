#include "load/client.h"

#include "load/crowd.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, IN_BYTES_MAX = 4 << 20, SHOWN_BYTES = 300 };

static void wrong_answer(struct client *c, const char *what, struct str r)
{
    bench_wrong(c->bench, "%s: %.*s", what, (int)(r.n < SHOWN_BYTES ? r.n : SHOWN_BYTES), r.p);
}

/* ---- bytes ---- */

/* SSL_get_error() looks at what other connections left behind, such as one that ended without close_notify. */
static void no_errors(void)
{
    errno = 0;
    ERR_clear_error();
}

static bool would_block(const struct client *c, ssize_t n)
{
    if (!c->ssl)
        return errno == EAGAIN;
    int e = SSL_get_error(c->ssl, (int)n);
    return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

static void lost(struct client *c, const char *what)
{
    if (c->may_be_lost) {
        c->state = CLIENT_LOST;
        return;
    }
    struct str rest = str_skip(buf_str(&c->in), c->taken);
    bench_die("connection %u lost (%s, %s) %.*s", c->index, what, errno ? strerror(errno) : "closed",
              (int)(rest.n < 200 ? rest.n : 200), rest.p);
}

static void flush(struct client *c)
{
    while (c->out.n) {
        no_errors();
        ssize_t n = c->ssl ? SSL_write(c->ssl, c->out.p, (int)(c->out.n < READ_BYTES ? c->out.n : READ_BYTES))
                           : send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);
        if (n <= 0 && would_block(c, n))
            return;
        if (n <= 0) {
            lost(c, "write");
            return;
        }
        buf_drop(&c->out, (size_t)n);
    }
}

/* True: there may be more. */
static bool fill(struct client *c)
{
    while (c->in.n - c->taken < IN_BYTES_MAX || c->line_end > c->in.n - c->taken) {
        char *room = buf_reserve(&c->in, READ_BYTES);
        no_errors();
        ssize_t n = c->ssl ? SSL_read(c->ssl, room, READ_BYTES) : recv(c->fd, room, READ_BYTES, 0);
        if (n <= 0 && would_block(c, n))
            return false;
        if (n <= 0) {
            c->ended = true; /* what came before may be the answer that is waited for */
            return true;
        }
        c->in.n += (size_t)n;
    }
    return true; /* look at that first */
}

/* ---- opening ---- */

void client_init(struct client *c, struct bench *b, unsigned index)
{
    *c = (struct client){ .bench = b, .index = index, .fd = -1 };
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct client *c = SSL_get_app_data(ssl);
    SSL_SESSION_free(c->session);
    c->session = session;
    return 1; /* ours now */
}

static SSL_CTX *tls_context(struct bench *b)
{
    if (b->tls)
        return b->tls;
    b->tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(b->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(b->tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(b->tls, keep_session);
    return b->tls;
}

static void open_socket(struct client *c, const struct endpoint *e)
{
    int one = 1, family = ((const struct sockaddr *)&e->address)->sa_family;
    if (e->length == 0)
        bench_die("the server has no such port");
    c->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        bench_die("socket: %s", strerror(errno));
    if (family == AF_INET) { /* a full queue of a local socket is waited for; one of TCP not */
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
    }
    if (connect(c->fd, (const struct sockaddr *)&e->address, e->length) < 0 && errno != EINPROGRESS)
        bench_die("connect: %s", strerror(errno));
    fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
}

void client_open(struct client *c, enum client_kind kind)
{
    const struct target *t = &c->bench->target;
    c->kind = kind;
    c->state = CLIENT_CONNECTING;
    c->lmtp = LMTP_NONE;
    c->sent_s = now_s();
    c->tag = 0;
    c->resumed = c->closing = c->may_fail = c->ended = false;
    open_socket(c, kind == CLIENT_LMTP ? &t->lmtp : kind == CLIENT_IMAPS ? &t->imaps : &t->imap);
    if (kind == CLIENT_IMAPS) {
        c->ssl = SSL_new(tls_context(c->bench));
        SSL_set_app_data(c->ssl, c);
        SSL_set_fd(c->ssl, c->fd);
        SSL_set_connect_state(c->ssl);
        if (c->session)
            SSL_set_session(c->ssl, c->session);
    }
    if (c->crowd)
        crowd_watch(c->crowd, c);
}

void client_close(struct client *c)
{
    if (c->ssl) /* else OpenSSL takes the session for broken, and its ticket with it */
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(c->ssl);
    c->ssl = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->state = CLIENT_CLOSED;
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    buf_deinit(&c->held);
    buf_deinit(&c->stops);
    c->taken = c->line_end = c->seen = 0;
    c->exists = 0;
}

void client_deinit(struct client *c)
{
    client_close(c);
    SSL_SESSION_free(c->session);
    c->session = NULL;
}

/* True when the server may be read from. */
static bool advance_opening(struct client *c)
{
    int error = 0;
    socklen_t n = sizeof error;
    if (c->state == CLIENT_CONNECTING) {
        struct pollfd p = { c->fd, POLLOUT, 0 };
        if (poll(&p, 1, 0) <= 0)
            return false;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n);
        if (error)
            bench_die("connect: %s", strerror(error));
        c->state = c->ssl ? CLIENT_HANDSHAKE : CLIENT_GREETING;
    }
    if (c->state == CLIENT_HANDSHAKE) {
        no_errors();
        int r = SSL_do_handshake(c->ssl);
        if (r != 1 && would_block(c, r))
            return false;
        if (r != 1) {
            lost(c, "TLS handshake");
            return true;
        }
        c->resumed = SSL_session_reused(c->ssl);
        c->state = CLIENT_GREETING;
    }
    return true;
}

/* ---- responses ---- */

/* The next whole response, without its CRLF; false when more bytes are needed. */
static bool next_response(struct client *c, struct str *response_out)
{
    struct str in = str_skip(buf_str(&c->in), c->taken);
    for (;;) {
        size_t from = c->seen > c->line_end ? c->seen : c->line_end;
        if (from >= in.n)
            return false;
        const char *lf = memchr(in.p + from, '\n', in.n - from);
        c->seen = in.n;
        if (!lf)
            return false;
        size_t end = (size_t)(lf - in.p);
        c->seen = 0;
        if (end < 1 || in.p[end - 1] != '\r')
            bench_die("a line does not end in CRLF");
        size_t open = end - 1;
        if (c->kind != CLIENT_LMTP && open > 2 && in.p[open - 1] == '}') {
            uint64_t n;
            for (open -= 2; open > 0 && ascii_is_digit(in.p[open]); open--)
                ;
            if (in.p[open] == '{' && str_to_u64(str_make(in.p + open + 1, end - 3 - open), UINT32_MAX, &n)) {
                c->line_end = end + 1 + n;
                continue;
            }
        }
        *response_out = str_make(in.p, end - 1);
        c->taken += end + 1;
        c->line_end = 0;
        return true;
    }
}

static bool take_untagged(struct client *c, struct str r)
{
    uint64_t n;
    struct str rest, number = str_cut(str_skip(r, 2), ' ', &rest);
    if (c->state == CLIENT_GREETING) {
        if (!str_starts_nocase(r, STR("* OK")))
            bench_die("greeting: " STR_FMT, STR_ARG(r));
        c->state = CLIENT_READY;
        return true;
    }
    if (str_eq_nocase(rest, STR("EXISTS")) && str_to_u64(number, UINT32_MAX, &n))
        c->exists = (unsigned)n;
    if (str_starts_nocase(r, STR("* BYE")) && !c->closing)
        bench_die("the server says: " STR_FMT, STR_ARG(r));
    if (c->check && c->check(c, r))
        c->untagged++;
    return false;
}

/* Bytes up to the next synchronizing literal may go. */
static void release_held(struct client *c)
{
    size_t from, to = c->held.n;
    memcpy(&from, c->stops.p, sizeof from);
    buf_drop(&c->stops, sizeof from);
    if (c->stops.n)
        memcpy(&to, c->stops.p, sizeof to);
    buf_add_bytes(&c->out, c->held.p + from, to - from);
    if (c->stops.n == 0)
        buf_clear(&c->held);
}

static bool take_plus(struct client *c)
{
    if (c->stops.n == 0)
        return true;
    release_held(c);
    return false;
}

static bool take_tagged(struct client *c, struct str r)
{
    char tag[16];
    int n = snprintf(tag, sizeof tag, "T%u ", c->tag);
    struct str rest = str_skip(r, (size_t)n);
    if (!str_starts(r, str_make(tag, (size_t)n)))
        bench_die("not an answer to T%u: %.*s", c->tag, (int)(r.n < SHOWN_BYTES ? r.n : SHOWN_BYTES), r.p);
    c->ok = str_starts_nocase(rest, STR("OK"));
    if (!c->ok && !c->may_fail)
        wrong_answer(c, "refused", r);
    c->may_fail = false;
    buf_clear(&c->held); /* refused before its literals went */
    buf_clear(&c->stops);
    return true;
}

/* RFC 2033; one recipient. */
static bool take_lmtp(struct client *c, struct str r)
{
    static const char *const expected[] = {
        [LMTP_NONE] = "220", [LMTP_LHLO] = "250", [LMTP_MAIL] = "250",
        [LMTP_RCPT] = "250", [LMTP_DATA] = "354", [LMTP_SENT] = "250",
    };
    if (r.n > 3 && r.p[3] == '-')
        return false;
    if (!str_starts(r, str_c(expected[c->lmtp]))) {
        if (c->lmtp != LMTP_SENT)
            bench_die("LMTP: %.*s", (int)(r.n < SHOWN_BYTES ? r.n : SHOWN_BYTES), r.p);
        wrong_answer(c, "delivery", r);
    }
    switch (c->lmtp) {
    case LMTP_NONE:
        buf_add_lit(&c->out, "LHLO bench.example.org\r\n");
        c->lmtp = LMTP_LHLO;
        return false;
    case LMTP_DATA:
        buf_add(&c->out, c->body);
        buf_add_lit(&c->out, ".\r\n");
        c->lmtp = LMTP_SENT;
        c->sent_s = now_s();
        return false;
    case LMTP_LHLO:
    case LMTP_SENT:
        c->state = CLIENT_READY;
        return true;
    default:
        c->lmtp++;
        return false;
    }
}

static bool take_one(struct client *c, struct str r)
{
    if (c->kind == CLIENT_LMTP)
        return take_lmtp(c, r);
    if (str_starts(r, STR("* ")))
        return take_untagged(c, r);
    if (str_starts(r, STR("+")))
        return take_plus(c);
    return take_tagged(c, r);
}

/* Look at what has come; true: what was in flight is done. */
static bool take(struct client *c)
{
    struct str r;
    bool done = false;
    while (!done && next_response(c, &r))
        done = take_one(c, r);
    buf_drop(&c->in, c->taken);
    c->taken = 0;
    return done;
}

bool client_pump(struct client *c)
{
    if (c->state < CLIENT_GREETING && !advance_opening(c))
        return false;
    flush(c);
    for (bool more = true;; more = fill(c)) {
        if (c->state == CLIENT_LOST || take(c))
            return true;
        if (c->ended)
            lost(c, "read");
        else
            flush(c); /* what an answer let go */
        if (!more && c->state != CLIENT_LOST)
            return false;
    }
}
