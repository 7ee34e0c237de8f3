/* Bytes in and out of the socket, plain or TLS, never blocking. */
#include "net/net_private.h"
#include "net/openssl.h"

#include <errno.h>
#include <sys/epoll.h>

enum {
    READ_BYTES_MIN = 4 * 1024,
    WIRE_READ_BYTES = 8 * 1024,    /* compressed */
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
    return c->out.n - c->out_at + c->wire.n - c->wire_at;
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

/* One read. What it says about the stream is noted. */
static size_t read_once(struct conn *c, char *p, size_t room)
{
    size_t got = 0;
    enum io io = read_some(c, p, room, &got);
    if (io != IO_BYTES)
        c->readable = false;
    if (io == IO_AGAIN && c->hangup)
        io = IO_BROKEN; /* nothing will come any more */
    c->eof = c->eof || io == IO_EOF || io == IO_BROKEN;
    c->broken = c->broken || io == IO_BROKEN || (io == IO_EOF && c->hangup);
    atomic_fetch_add_explicit(&c->net->bytes_in, got, memory_order_relaxed);
    return got;
}

static size_t read_plain(struct conn *c, char *p, size_t room)
{
    size_t got = 0;
    while (c->readable && got < room && !c->eof)
        got += read_once(c, p + got, room - got);
    return got;
}

/* Read compressed bytes only when those before have all been inflated: the end of the stream is not seen
 * before its last byte. */
static size_t read_deflated(struct conn *c, char *p, size_t room)
{
    struct err err;
    size_t got = 0;
    while (got < room && !c->eof) {
        if (deflate_in_over(c->deflate)) {
            if (deflate_out_ended(c->deflate))
                deflate_free(&c->deflate);
            return got + read_plain(c, p + got, room - got);
        }
        if (deflate_in_starved(c->deflate)) {
            if (!c->readable)
                break;
            char *wire = deflate_feed_begin(c->deflate, WIRE_READ_BYTES);
            deflate_feed_end(c->deflate, read_once(c, wire, WIRE_READ_BYTES));
            continue;
        }
        size_t n;
        int r = deflate_in(c->deflate, p + got, room - got, &n, &err);
        got += n;
        if (got > 0 && (r == DEFLATE_FLUSHED || r == DEFLATE_ENDED))
            break; /* perhaps what follows is in clear: the session knows */
        c->eof = c->eof || r < 0 || r == DEFLATE_ENDED;
    }
    return got;
}

unsigned conn_read(struct conn *c)
{
    size_t before = conn_in_bytes(c);
    size_t chunk = (size_t)READ_BYTES_MIN << c->read_shift;

    if (!conn_wants_input(c) || (!c->readable && (!c->deflate || deflate_in_starved(c->deflate))))
        return 0;
    if (c->deflate && c->behind) /* deflate_in() stopped behind a flush */
        return 0;
    if (c->in_at > 0) {
        buf_drop(&c->in, c->in_at);
        c->in_at = 0;
    }
    size_t room = c->in_max - c->in.n < chunk ? c->in_max - c->in.n : chunk;
    char *p = buf_reserve(&c->in, room);
    size_t got = c->deflate ? read_deflated(c, p, room) : read_plain(c, p, room);
    c->in.n += got;
    if (got == chunk && c->read_shift < READ_SHIFT_MAX)
        c->read_shift++;
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
    int flags = MSG_NOSIGNAL | (c->phase == PHASE_CLOSING ? MSG_MORE : 0); /* the end of our side follows */
    do
        put = send(c->fd, p, n, flags);
    while (put < 0 && errno == EINTR);
    if (put < 0)
        return errno == EAGAIN ? IO_AGAIN : IO_BROKEN;
    *put_out = (size_t)put;
    return (size_t)put < n ? IO_AGAIN : IO_BYTES; /* the socket is full: no need to ask it again */
}

void conn_encode(struct conn *c, bool last)
{
    struct str plain = str_skip(buf_str(&c->out), c->out_at);
    if (c->deflate)
        deflate_out(c->deflate, plain, last, &c->wire);
    else
        buf_add(&c->wire, plain);
    buf_clear(&c->out);
    c->out_at = 0;
}

/* Write from `b`, until empty or stuck. */
static void write_from(struct conn *c, struct buf *b, size_t *at)
{
    size_t before = *at;
    while (*at < b->n && !c->write_stuck && !c->broken) {
        size_t put = 0;
        enum io io = write_some(c, b->p + *at, b->n - *at, &put);
        *at += put;
        c->write_stuck = io == IO_AGAIN;
        c->broken = io == IO_BROKEN || io == IO_EOF;
    }
    atomic_fetch_add_explicit(&c->net->bytes_out, *at - before, memory_order_relaxed);
    if (*at == b->n || c->broken) {
        buf_clear(b);
        *at = 0;
    } else if (*at > OUT_GAP_BYTES_MAX && *at > b->n / 2) {
        buf_drop(b, *at);
        *at = 0;
    }
}

void conn_write(struct conn *c)
{
    if (c->deflate || c->wire.n > 0) {
        conn_encode(c, c->phase == PHASE_CLOSING);
        write_from(c, &c->wire, &c->wire_at);
        if (c->broken)
            buf_clear(&c->out);
    } else {
        write_from(c, &c->out, &c->out_at);
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
        /* read_shift stays: who sent much at once does so again, and room that nothing is read into is not touched. */
    }
    if (c->out_at == c->out.n) {
        buf_deinit(&c->out);
        c->out_at = 0;
    }
    if (c->wire_at == c->wire.n) {
        buf_deinit(&c->wire);
        c->wire_at = 0;
    }
    if (c->deflate)
        deflate_rest(c->deflate);
}
