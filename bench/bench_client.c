#include "bench_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, CROWD_MAX = 4096 };

/* ---- bytes ---- */

static void flush(struct client *c)
{
    while (c->out.n) {
        ssize_t n = c->ssl ? SSL_write(c->ssl, c->out.p, (int)(c->out.n < READ_BYTES ? c->out.n : READ_BYTES))
                           : send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);
        if (n <= 0 && ((c->ssl && SSL_get_error(c->ssl, (int)n) == SSL_ERROR_WANT_WRITE) ||
                       (!c->ssl && errno == EAGAIN)))
            return;
        if (n <= 0)
            bench_die("the server closed a connection (write)");
        buf_drop(&c->out, (size_t)n);
    }
}

static void fill(struct client *c)
{
    for (;;) {
        char *room = buf_reserve(&c->in, READ_BYTES);
        ssize_t n = c->ssl ? SSL_read(c->ssl, room, READ_BYTES) : recv(c->fd, room, READ_BYTES, 0);
        if (n <= 0 && ((c->ssl && SSL_get_error(c->ssl, (int)n) == SSL_ERROR_WANT_READ) ||
                       (!c->ssl && errno == EAGAIN)))
            return;
        if (n <= 0)
            bench_die("the server closed a connection: %.*s", (int)(c->in.n < 200 ? c->in.n : 200),
                      c->in.n ? c->in.p : "");
        c->in.n += (size_t)n;
        if (c->in.n > 4u << 20)
            return; /* look at that first */
    }
}

void client_pump(struct client *c)
{
    flush(c);
    fill(c);
}

static void wait_readable(struct client *c)
{
    struct pollfd p = { c->fd, (short)(POLLIN | (c->out.n ? POLLOUT : 0)), 0 };
    if (c->ssl && SSL_pending(c->ssl) > 0)
        return;
    if (poll(&p, 1, ANSWER_TIMEOUT_S * 1000) <= 0)
        bench_die("no answer within %d s", ANSWER_TIMEOUT_S);
}

static void open_socket(struct client *c, const struct sockaddr *a, socklen_t n)
{
    int one = 1;
    c->fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, a, n) < 0)
        bench_die("connect: %s", strerror(errno));
    if (a->sa_family == AF_INET)
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/* ---- responses ---- */

/* The next whole response, without its CRLF; false when more bytes are needed. */
static bool next_response(struct client *c, struct str *response_out)
{
    struct str in = buf_str(&c->in);
    for (;;) {
        if (c->line_end >= in.n)
            return false;
        const char *lf = memchr(in.p + c->line_end, '\n', in.n - c->line_end);
        if (!lf)
            return false;
        size_t end = (size_t)(lf - in.p);
        if (end < 1 || in.p[end - 1] != '\r')
            bench_die("a line does not end in CRLF");
        size_t open = end - 1;
        if (open > 2 && in.p[open - 1] == '}') {
            uint64_t n;
            for (open -= 2; open > 0 && ascii_is_digit(in.p[open]); open--)
                ;
            if (in.p[open] == '{' && str_to_u64(str_make(in.p + open + 1, end - 3 - open), UINT32_MAX, &n)) {
                c->line_end = end + 1 + n;
                continue;
            }
        }
        *response_out = str_make(in.p, end - 1);
        c->line_end = end + 1;
        return true;
    }
}

static void take_untagged(struct client *c, struct str r)
{
    uint64_t n;
    struct str rest, number = str_cut(str_skip(r, 2), ' ', &rest);
    if (str_eq(rest, STR("EXISTS")) && str_to_u64(number, UINT32_MAX, &n))
        c->exists = (unsigned)n;
    if (str_starts(r, STR("* BYE")))
        bench_die("the server says: " STR_FMT, STR_ARG(r));
    if (c->check && c->check(c, r))
        c->untagged++;
}

/* 1 the operation is done. IMAP: "Tn OK" or "+"; LMTP: 250 after the data. */
static int take_one(struct client *c, struct str r)
{
    char tag[16];
    if (str_starts(r, STR("* "))) {
        take_untagged(c, r);
        return 0;
    }
    if (str_starts(r, STR("+ ")))
        return 1;
    if (c->body.p && str_starts(r, STR("354 "))) {
        buf_add(&c->out, c->body);
        buf_add_lit(&c->out, "\r\n.\r\n");
        c->body = STR_NIL;
        c->untagged = 0;
        c->sent_s = now_s();
        flush(c);
        return 0;
    }
    if (str_starts(r, STR("220 ")) || str_starts(r, STR("250"))) /* before the data: MAIL and RCPT */
        return str_starts(r, STR("220 ")) || (str_is_nil(c->body) && r.p[3] == ' ');
    snprintf(tag, sizeof tag, "T%u OK", c->tag);
    if (!str_starts(r, str_c(tag)))
        bench_die("unexpected answer: %.*s", (int)(r.n < 300 ? r.n : 300), r.p);
    return 1;
}

int client_take(struct client *c)
{
    struct str r;
    size_t done = 0;
    int finished = 0;
    struct buf whole = c->in;
    while (!finished) { /* responses are looked at in place; the bytes go at the end */
        c->in = (struct buf){ .p = whole.p + done, .n = whole.n - done, .cap = 0 };
        if (!next_response(c, &r))
            break;
        size_t length = c->line_end;
        c->line_end = 0;
        finished = take_one(c, r);
        done += length;
    }
    c->in = whole;
    buf_drop(&c->in, done);
    return finished;
}

/* ---- one client ---- */

static void connected(struct client *c)
{
    fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
}

void client_connect(struct client *c, const struct bench_server *server, bool tls)
{
    static SSL_CTX *context;
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    a.sin_port = htons((uint16_t)(tls ? server->imaps_port : server->imap_port));
    *c = (struct client){ .index = c->index };
    open_socket(c, (struct sockaddr *)&a, sizeof a);
    if (tls) {
        if (!context) {
            context = SSL_CTX_new(TLS_client_method());
            SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                          SSL_MODE_RELEASE_BUFFERS);
        }
        c->ssl = SSL_new(context);
        SSL_set_fd(c->ssl, c->fd);
        if (SSL_connect(c->ssl) != 1)
            bench_die("TLS handshake failed");
    }
    connected(c);
    struct str greeting;
    while (client_pump(c), !next_response(c, &greeting))
        wait_readable(c);
    if (!str_starts(greeting, STR("* OK")))
        bench_die("no greeting");
    buf_clear(&c->in);
    c->line_end = 0;
}

void client_connect_lmtp(struct client *c, const struct bench_server *server)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    memcpy(a.sun_path, server->lmtp_path, sizeof a.sun_path);
    *c = (struct client){ .index = c->index };
    open_socket(c, (struct sockaddr *)&a, sizeof a);
    connected(c);
    client_wait(c);
    buf_add_lit(&c->out, "LHLO bench\r\n");
    client_wait(c);
}

void client_close(struct client *c)
{
    SSL_free(c->ssl);
    close(c->fd);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
}

static void send_v(struct client *c, const char *fmt, va_list ap)
{
    buf_printf(&c->out, "T%u ", ++c->tag);
    buf_vprintf(&c->out, fmt, ap);
    buf_add_lit(&c->out, "\r\n");
    c->untagged = 0;
    c->sent_s = now_s();
}

void client_send(struct client *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    send_v(c, fmt, ap);
    va_end(ap);
}

void client_wait(struct client *c)
{
    while (client_pump(c), !client_take(c))
        wait_readable(c);
}

void client_command(struct client *c, int count, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    send_v(c, fmt, ap);
    va_end(ap);
    client_wait(c);
    if (count >= 0 && c->untagged != (unsigned)count)
        bench_die("%s: %u responses instead of %d", fmt, c->untagged, count);
}

void client_login(struct client *c, const char *user)
{
    client_command(c, -1, "LOGIN %s \"" BENCH_PASSWORD "\"", user);
}

void client_deliver(struct client *c, const char *user, struct str message)
{
    buf_printf(&c->out, "MAIL FROM:<bench@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n", user);
    c->body = message;
    c->sent_s = now_s();
}

/* ---- many ---- */

static int crowd_epoll(struct client *clients, unsigned count)
{
    int ep = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < count; i++) {
        struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = i };
        if (epoll_ctl(ep, EPOLL_CTL_ADD, clients[i].fd, &e) < 0)
            bench_die("epoll: %s", strerror(errno));
    }
    return ep;
}

static int crowd_events(int ep, struct epoll_event *events)
{
    int n = epoll_wait(ep, events, CROWD_MAX, ANSWER_TIMEOUT_S * 1000);
    if (n <= 0)
        bench_die("no answer within %d s", ANSWER_TIMEOUT_S);
    return n;
}

void crowd_run(struct client *clients, unsigned count, unsigned total, void (*begin)(struct client *c),
               double *latencies)
{
    static struct epoll_event events[CROWD_MAX];
    unsigned begun = 0, done = 0;
    int ep = crowd_epoll(clients, count);
    for (unsigned i = 0; i < count && begun < total; i++, begun++) {
        begin(&clients[i]);
        flush(&clients[i]);
    }
    while (done < total) {
        int n = crowd_events(ep, events);
        for (int i = 0; i < n; i++) {
            struct client *c = &clients[events[i].data.u32];
            client_pump(c);
            while (client_take(c)) {
                latencies[done++] = now_s() - c->sent_s;
                c->round++;
                if (begun < total) {
                    begun++;
                    begin(c);
                    client_pump(c);
                }
            }
        }
    }
    close(ep);
}

void crowd_wait(struct client *clients, unsigned count, bool (*done)(const struct client *c))
{
    static struct epoll_event events[CROWD_MAX];
    unsigned left = 0;
    for (unsigned i = 0; i < count; i++)
        left += !done(&clients[i]);
    if (left == 0)
        return;
    int ep = crowd_epoll(clients, count);
    while (left > 0) {
        int n = crowd_events(ep, events);
        for (int i = 0; i < n; i++) {
            struct client *c = &clients[events[i].data.u32];
            bool was = done(c);
            client_pump(c);
            (void)client_take(c);
            left -= !was && done(c);
        }
    }
    close(ep);
}
