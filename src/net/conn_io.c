/* Bytes in and out of the socket, plain or TLS, never blocking. */
#include "net/net_private.h"
#include "net/openssl.h"

#include <errno.h>
#include <sys/epoll.h>

enum {
    READ_BYTES_MIN = 4 * 1024,
    READ_SHIFT_MAX = 4,            /* 64 KiB in one turn */
    RECORD_BYTES_MAX = 16 * 1024,  /* RFC 8446, 5.1 */
    OUT_GAP_BYTES_MAX = 64 * 1024, /* sent bytes at the front, before the rest is moved down */
};

size_t conn_in_bytes(const struct conn *c)
{
    return c->in.n - c->in_at;
}

size_t conn_out_bytes(const struct conn *c)
{
    return c->out.n - c->out_at;
}

bool conn_wants_input(const struct conn *c)
{
    return !c->eof && !c->broken && !c->paused && c->closing == CLOSE_NOT && conn_in_bytes(c) < c->in_max &&
           !c->drain_due && conn_out_bytes(c) < c->listener->options.output_high_bytes;
}

enum io { IO_BYTES, IO_AGAIN, IO_EOF, IO_BROKEN };

static enum io tls_result(struct conn *c, int r)
{
    enum io result = IO_BROKEN;
    switch (SSL_get_error(c->tls.ssl, r)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: /* renegotiation is off, so neither direction ever waits for the other */
        result = IO_AGAIN;
        break;
    case SSL_ERROR_ZERO_RETURN:
        result = IO_EOF;
        break;
    }
    ERR_clear_error();
    return result;
}

static enum io read_some(struct conn *c, char *p, size_t room, size_t *got_out)
{
    if (c->tls.ssl) {
        int n = SSL_read(c->tls.ssl, p, (int)room);
        if (n <= 0)
            return tls_result(c, n);
        *got_out = (size_t)n;
        c->readable = SSL_has_pending(c->tls.ssl) || c->hangup;
        return IO_BYTES;
    }
    ssize_t n;
    do
        n = recv(c->fd, p, room, 0);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return IO_EOF;
    if (n < 0)
        return errno == EAGAIN ? IO_AGAIN : IO_BROKEN;
    *got_out = (size_t)n;
    c->readable = (size_t)n == room || c->hangup; /* after a hangup epoll does not call again for the end */
    return IO_BYTES;
}

unsigned conn_read(struct conn *c)
{
    size_t before = conn_in_bytes(c);
    size_t chunk = (size_t)READ_BYTES_MIN << c->read_shift;

    if (!c->readable || !conn_wants_input(c))
        return 0;
    if (c->in_at > 0) {
        buf_drop(&c->in, c->in_at);
        c->in_at = 0;
    }
    size_t room = c->in_max - c->in.n < chunk ? c->in_max - c->in.n : chunk;
    char *p = buf_reserve(&c->in, room);
    size_t got = 0;
    for (enum io io = IO_BYTES; c->readable && got < room && io == IO_BYTES;) {
        size_t n = 0;
        io = read_some(c, p + got, room - got, &n);
        got += n;
        if (io != IO_BYTES)
            c->readable = false;
        if (io == IO_AGAIN && c->hangup)
            io = IO_BROKEN; /* nothing will come any more */
        c->eof = c->eof || io == IO_EOF || io == IO_BROKEN;
        c->broken = c->broken || io == IO_BROKEN || (io == IO_EOF && c->hangup);
    }
    c->in.n += got;
    if (got == chunk && c->read_shift < READ_SHIFT_MAX)
        c->read_shift++;
    atomic_fetch_add_explicit(&c->net->bytes_in, got, memory_order_relaxed);
    return conn_in_bytes(c) > before ? CONN_INPUT : 0;
}

static enum io write_some(struct conn *c, const char *p, size_t n, size_t *put_out)
{
    if (c->tls.ssl) {
        int put = tls_session_write(&c->tls, p, n < RECORD_BYTES_MAX ? (int)n : RECORD_BYTES_MAX);
        if (put <= 0)
            return tls_result(c, put);
        *put_out = (size_t)put;
        return IO_BYTES;
    }
    ssize_t put;
    do
        put = send(c->fd, p, n, MSG_NOSIGNAL);
    while (put < 0 && errno == EINTR);
    if (put < 0)
        return errno == EAGAIN ? IO_AGAIN : IO_BROKEN;
    *put_out = (size_t)put;
    return (size_t)put < n ? IO_AGAIN : IO_BYTES; /* the socket is full: no need to ask it again */
}

void conn_write(struct conn *c)
{
    size_t before = c->out_at;
    while (c->out_at < c->out.n && !c->write_stuck && !c->broken) {
        size_t put = 0;
        enum io io = write_some(c, c->out.p + c->out_at, c->out.n - c->out_at, &put);
        c->out_at += put;
        c->write_stuck = io == IO_AGAIN;
        c->broken = io == IO_BROKEN || io == IO_EOF;
    }
    atomic_fetch_add_explicit(&c->net->bytes_out, c->out_at - before, memory_order_relaxed);
    if (c->out_at == c->out.n || c->broken) {
        buf_clear(&c->out);
        c->out_at = 0;
    } else if (c->out_at > OUT_GAP_BYTES_MAX && c->out_at > c->out.n / 2) {
        buf_drop(&c->out, c->out_at);
        c->out_at = 0;
    }
}

void conn_arm(struct conn *c, unsigned events)
{
    struct epoll_event event = { .events = events | EPOLLONESHOT, .data.u64 = c->id };
    if (c->hangup || c->armed == event.events)
        return;
    if (epoll_ctl(c->net->epoll_fd, c->in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &event) < 0) {
        c->broken = true; /* no watches left (ENOSPC, ENOMEM): it could never be heard again */
        conn_post(c, DUE_KILL);
        return;
    }
    c->in_epoll = true;
    c->armed = event.events;
}

void conn_trim(struct conn *c)
{
    if (conn_in_bytes(c) == 0) {
        buf_deinit(&c->in);
        c->in_at = 0;
        c->read_shift = 0;
    }
    if (conn_out_bytes(c) == 0) {
        buf_deinit(&c->out);
        c->out_at = 0;
    }
}
