/* The life of a connection, phase by phase: see enum conn_phase. Each phase function does what it can without
 * waiting, then either enters another phase or arms epoll for what it waits for. */
#include "base/audit.h"
#include "net/net_private.h"
#include "net/openssl.h"
#include "net/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    TURNS_MAX = 16,        /* events in a row, before others have their turn */
    LINGER_MS = 2000,      /* for the peer to end its side after we have ended ours */
    LINGER_READS_MAX = 64, /* of LINGER_BYTES each, in one turn */
    LINGER_BYTES = 4096,
    REFUSED_PER_CLIENT_MAX =
        8, /* connections above the limit that are told so: more are dropped without a word */
    REFUSED_TOTAL_MAX = 64, /* the same above connections_max */
    CLIENT_KEY_BYTES = 16,
};

static void enter(struct conn *c, enum conn_phase phase);

int64_t conn_now(const struct conn *c)
{
    return clock_mono_ms(c->net->clock);
}

static void log_end(const struct conn *c, const char *event, const struct err *err)
{
    char peer[ADDR_TEXT_BYTES];
    struct logger log = conn_logger(c);
    log_debug(&log, event, KV("listener", c->listener->options.handler->name),
              KV("address", (const char *)addr_format(&c->peer, true, peer)),
              KV("reason", (const char *)err->text));
}

/* ---- limits per client ---- */

static struct str client_limit_key(const struct conn *c, const char *kind, char out[static CLIENT_KEY_BYTES])
{
    char key[ADDR_KEY_BYTES];
    size_t kind_n = strlen(kind);
    struct str client = addr_client_key(&c->peer, key);
    if (str_is_nil(client))
        return STR_NIL;
    memcpy(out, kind, kind_n);
    memcpy(out + kind_n, client.p, client.n);
    return str_make(out, kind_n + client.n);
}

static void refuse(struct conn *c, const struct err *why)
{
    char peer[ADDR_TEXT_BYTES];
    struct logger log = conn_logger(c);
    atomic_fetch_add(&c->net->refused, 1);
    log_info(&log, "refused", KV("listener", c->listener->options.handler->name),
             KV("address", (const char *)addr_format(&c->peer, true, peer)),
             KV("reason", (const char *)why->text));
    if (!c->refusal && !(c->refusal = malloc(sizeof *c->refusal)))
        abort();
    *c->refusal = *why;
}

/* Count the client, or decide to refuse it. False: not even worth telling. */
static bool admit(struct conn *c)
{
    char bytes[CLIENT_KEY_BYTES];
    struct err err;
    struct limits *limits = c->net->limits;
    struct str key = client_limit_key(c, "client/", bytes);

    if (c->refusal || str_is_nil(key) || !limits)
        return true;
    int r = limit_acquire(limits, key, c->listener->options.per_client_max, "connections per address", &err);
    c->client_counted = r == 0;
    if (r == 0)
        return true;
    refuse(c, &err);
    key = client_limit_key(c, "refuse/", bytes);
    c->refusal_counted = limit_acquire(limits, key, REFUSED_PER_CLIENT_MAX, "refusals", &err) == 0;
    return c->refusal_counted;
}

static void release_limits(struct conn *c)
{
    char bytes[CLIENT_KEY_BYTES];
    if (c->client_counted)
        limit_release(c->net->limits, client_limit_key(c, "client/", bytes));
    if (c->refusal_counted)
        limit_release(c->net->limits, client_limit_key(c, "refuse/", bytes));
    c->client_counted = c->refusal_counted = false;
}

/* ---- the end ---- */

static void end_session(struct conn *c)
{
    waker_detach(c);
    if (c->session_open)
        c->listener->options.handler->close(c->session);
    c->session_open = false;
    c->session = NULL;
    release_limits(c);
}

static void finish(struct conn *c)
{
    struct net *net = c->net;
    end_session(c);
    tls_session_deinit(&c->tls);
    timer_unset(c);
    table_remove(c);
    close(c->fd);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    buf_deinit(&c->wire);
    deflate_free(&c->deflate);
    free(c->refusal);
    c->phase = PHASE_GONE;
    atomic_store(&c->flags, CLOSED);
    conn_unref(c); /* the table's; the caller of conn_run has its own */
    net_connection_gone(net);
}

static void run_linger(struct conn *c)
{
    char waste[LINGER_BYTES];
    for (int i = 0; i < LINGER_READS_MAX; i++) {
        ssize_t n = recv(c->fd, waste, sizeof waste, 0);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
            finish(c);
            return;
        }
        if (n < 0 && errno == EAGAIN)
            break;
    }
    if (c->hangup)
        finish(c);
    else
        conn_arm(c, EPOLLIN);
}

static void begin_linger(struct conn *c)
{
    end_session(c);
    if (c->tls.ssl && SSL_is_init_finished(c->tls.ssl)) {
        SSL_shutdown(c->tls.ssl); /* close_notify; we do not wait for the peer's */
        ERR_clear_error();
    }
    tls_session_deinit(&c->tls);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    buf_deinit(&c->wire);
    deflate_free(&c->deflate);
    c->in_at = c->out_at = c->wire_at = 0;
    if (c->eof || c->hangup || shutdown(c->fd, SHUT_WR) < 0)
        finish(c);
    else
        run_linger(c);
}

static void run_closing(struct conn *c)
{
    size_t before = conn_out_bytes(c);
    c->tls.socket.closing = true;
    conn_write(c);
    if (conn_out_bytes(c) < before) /* a slow reader is not a dead one */
        c->phase_deadline_mono_ms = conn_now(c) + c->listener->options.close_timeout_ms;
    if (c->broken)
        finish(c);
    else if (conn_out_bytes(c) == 0)
        enter(c, PHASE_LINGER);
    else
        conn_arm(c, EPOLLOUT);
}

/* ---- the session ---- */

/* What is new since the last turn. */
static unsigned gather_events(struct conn *c)
{
    unsigned events = c->events_due;
    c->events_due = 0;
    conn_write(c);
    if (c->drain_due && conn_out_bytes(c) <= c->listener->options.output_low_bytes && !c->broken) {
        c->drain_due = false;
        events |= CONN_DRAINED;
    }
    events |= conn_read(c);
    if ((c->eof || c->broken) && !c->eof_told) {
        c->eof_told = true;
        events |= CONN_EOF;
    }
    return events;
}

static void run_open(struct conn *c)
{
    for (int turn = 0; c->phase == PHASE_OPEN && c->closing == CLOSE_NOT; turn++) {
        unsigned events = gather_events(c);
        if (events == 0 && !c->broken) {
            unsigned want = conn_wants_input(c) && !c->readable ? EPOLLIN : 0;
            conn_trim(c);
            conn_arm(c, want | (c->write_stuck ? EPOLLOUT : 0));
            return;
        }
        if (turn == TURNS_MAX && !c->broken) {
            c->events_due = events;
            c->behind = true; /* it has not seen what was read */
            conn_post(c, DUE_MORE);
            return;
        }
        c->behind = false;
        if (events != 0)
            c->listener->options.handler->event(c, c->session, events);
        if (conn_out_bytes(c) >= c->listener->options.output_high_bytes)
            c->drain_due = true;
        if (c->drain_due || c->paused)
            c->behind = true;
        if (c->broken && c->eof_told)
            c->closing = CLOSE_NOW;
    }
    if (c->closing == CLOSE_NOW)
        finish(c);
    else if (c->closing == CLOSE_AFTER_FLUSH)
        enter(c, PHASE_CLOSING);
    else if (c->phase == PHASE_STARTTLS)
        enter(c, PHASE_STARTTLS);
}

static void open_session(struct conn *c)
{
    const struct conn_handler *handler = c->listener->options.handler;
    struct err err = { .kind = ERR_NONE };
    if (!c->refusal && handler->open(c, c->listener->options.ctx, &c->session, &err) != 0) {
        waker_detach(c);
        refuse(c, &err);
    } else if (!c->refusal) {
        c->session_open = true;
        enter(c, PHASE_OPEN);
        return;
    }
    if (handler->refuse)
        handler->refuse(c->listener->options.ctx, c->refusal, &c->out);
    enter(c, PHASE_CLOSING);
}

/* ---- TLS ---- */

/* Somebody came with a certificate that is not good here: worth a line, unlike the rubbish that scanners send. */
static void log_refused_certificate(const struct conn *c)
{
    const char *why = tls_trust_refusal(c->tls.ssl, ERR_peek_last_error());
    char peer[ADDR_TEXT_BYTES];
    struct logger log = conn_logger(c);
    if (!why)
        return;
    addr_format(&c->peer, false, peer);
    log_info(&log, "client-certificate-refused", KV("listener", c->listener->options.handler->name),
             KV("address", (const char *)peer), KV("reason", why),
             KV("text", X509_verify_cert_error_string(SSL_get_verify_result(c->tls.ssl))));
    AUDIT(c->net->audit, AUDIT_SIGN_IN, AUDIT_BOOL("ok", false), KV("reason", "certificate-bad"),
          KV("text", why), KV("protocol", c->listener->options.handler->name),
          KV("address", (const char *)peer), KV("tls", SSL_get_version(c->tls.ssl)), KV("session", c->id));
}

static void run_handshake(struct conn *c)
{
    struct err err;
    SSL *ssl = c->tls.ssl;
    ERR_clear_error();
    int r = SSL_do_handshake(ssl);
    if (r == 1) {
        c->readable = true; /* what came with the last flight is in OpenSSL's buffer already */
        c->write_stuck = false;
        if (!c->session_open) {
            open_session(c);
            return;
        }
        c->events_due |= CONN_TLS_STARTED;
        enter(c, PHASE_OPEN);
        return;
    }
    int why = SSL_get_error(ssl, r);
    if (c->hangup || (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)) {
        log_refused_certificate(c);
        tls_error(&err, "TLS handshake");
        log_end(c, "tls-failed", &err);
        finish(c);
        return;
    }
    conn_arm(c, why == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
}

static void begin_handshake(struct conn *c)
{
    const struct listener_options *options = &c->listener->options;
    enum tls_client_certificate ask = options->client_certificate ? atomic_load(options->client_certificate)
                                                                  : TLS_CLIENT_NOT_ASKED;
    struct err err;
    if (tls_session_init(&c->tls, options->tls, c->fd, &c->listener->alpn, ask, &err) < 0) {
        log_end(c, "tls-failed", &err);
        finish(c);
        return;
    }
    c->tls.socket.hangup = c->hangup;
    enter(c, PHASE_HANDSHAKE);
}

static void run_starttls(struct conn *c)
{
    conn_write(c);
    if (c->broken || c->closing == CLOSE_NOW)
        finish(c);
    else if (conn_out_bytes(c) > 0)
        conn_arm(c, EPOLLOUT);
    else
        begin_handshake(c);
}

/* ---- the beginning ---- */

static void after_proxy(struct conn *c)
{
    if (!admit(c))
        finish(c);
    else if (c->listener->options.tls_mode == LISTENER_TLS_IMPLICIT)
        begin_handshake(c);
    else
        open_session(c);
}

static bool proxy_allowed(const struct conn *c)
{
    const struct listener_options *options = &c->listener->options;
    for (size_t i = 0; i < options->proxy_from_count; i++)
        if (cidr_contains(&options->proxy_from[i], &c->peer))
            return true;
    return options->proxy_from_count == 0 || c->peer.family == ADDR_UNIX;
}

/* Take from the socket what belongs to the header and nothing more: TLS reads what follows from there. */
static int read_proxy(struct conn *c, struct proxy_header *header, struct err *err)
{
    char *p = buf_reserve(&c->in, PROXY_BYTES_MAX);
    ssize_t seen = recv(c->fd, p, PROXY_BYTES_MAX, MSG_PEEK);
    if (seen < 0 && (errno == EAGAIN || errno == EINTR))
        return -ERR_AGAIN;
    if (seen <= 0)
        return err_set(err, ERR_CLOSED, "connection closed before its PROXY header");
    int r = proxy_parse(str_make(c->in.p, c->in.n + (size_t)seen), header, err);
    if (r != 0 && r != -ERR_AGAIN)
        return r;
    size_t take = r == 0 ? header->bytes - c->in.n : (size_t)seen;
    ssize_t got = recv(c->fd, p, take, 0);
    if (got < 0 || (size_t)got != take)
        return err_set(err, ERR_CLOSED, "connection lost in its PROXY header");
    c->in.n += take;
    return r;
}

static void run_proxy(struct conn *c)
{
    struct proxy_header header;
    struct err err;
    int r = read_proxy(c, &header, &err);
    if (r == -ERR_AGAIN && !c->hangup) {
        conn_arm(c, EPOLLIN);
        return;
    }
    buf_deinit(&c->in);
    if (r < 0) {
        if (r == -ERR_AGAIN)
            err_set(&err, ERR_CLOSED, "connection lost in its PROXY header");
        log_end(c, "proxy-failed", &err);
        finish(c);
        return;
    }
    if (!header.local) {
        c->peer = header.peer;
        c->local = header.local_addr;
    }
    after_proxy(c);
}

static void run_start(struct conn *c)
{
    struct err err = { .kind = ERR_NONE };
    if (c->refusal) {
        if (c->listener->options.tls_mode == LISTENER_TLS_IMPLICIT)
            finish(c); /* a handshake costs too much for one who cannot come in */
        else
            open_session(c);
    } else if (!c->listener->options.proxy) {
        after_proxy(c);
    } else if (!proxy_allowed(c)) {
        err_set(&err, ERR_DENIED, "not among those who may send a PROXY header");
        log_end(c, "proxy-failed", &err);
        finish(c);
    } else {
        enter(c, PHASE_PROXY);
    }
}

struct conn *conn_start(struct listener *listener, int fd, const struct net_addr *peer)
{
    struct net *net = listener->net;
    struct err err;
    unsigned connections = atomic_load(&net->connections), max = net->options.connections_max;
    if (connections >= max + REFUSED_TOTAL_MAX) {
        atomic_fetch_add(&net->refused, 1);
        close(fd);
        return NULL;
    }
    struct conn *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    ref_init(&c->ref);
    c->net = net;
    c->listener = listener;
    c->fd = fd;
    c->peer = *peer;
    c->local.family = peer->family == ADDR_UNIX ? ADDR_UNIX : ADDR_NONE;
    c->in_max = listener->options.input_bytes_max;
    c->timer_at = TIMER_NOT_SET;
    c->deadline_mono_ms = CONN_DEADLINE_NONE;
    c->phase_deadline_mono_ms = conn_now(c) + listener->options.setup_timeout_ms;
    atomic_init(
        &c->flags,
        QUEUED);      /* ours alone until it is in the queue: a shutdown that comes first only adds to it */
    ref_get(&c->ref); /* the caller's, beside that of the table */
    table_add(c);
    atomic_fetch_add(&net->accepted, 1);
    if (connections >= max) {
        err_set(&err, ERR_LIMIT, "too many connections to this server (limit %u)", max);
        refuse(c, &err);
    }
    timer_set(c, c->phase_deadline_mono_ms);
    return c;
}

/* ---- phases ---- */

static void run_phase(struct conn *c)
{
    static void (*const run[])(struct conn *) = {
        [PHASE_START] = run_start,   [PHASE_PROXY] = run_proxy,       [PHASE_HANDSHAKE] = run_handshake,
        [PHASE_OPEN] = run_open,     [PHASE_STARTTLS] = run_starttls, [PHASE_CLOSING] = run_closing,
        [PHASE_LINGER] = run_linger,
    };
    run[c->phase](c);
}

static void enter(struct conn *c, enum conn_phase phase)
{
    const struct listener_options *options = &c->listener->options;
    int64_t now_ms = conn_now(c);

    c->phase = phase;
    if (phase == PHASE_CLOSING)
        c->phase_deadline_mono_ms = now_ms + options->close_timeout_ms;
    else if (phase == PHASE_LINGER)
        c->phase_deadline_mono_ms = now_ms + LINGER_MS;
    else if (phase == PHASE_STARTTLS)
        c->phase_deadline_mono_ms = now_ms + options->setup_timeout_ms;
    timer_set(c, phase == PHASE_OPEN ? c->deadline_mono_ms : c->phase_deadline_mono_ms);
    if (phase == PHASE_LINGER)
        begin_linger(c);
    else
        run_phase(c);
}

/* A deadline passed: the session's is an event, ours is the end. One that has moved is set again. */
static void on_timer(struct conn *c)
{
    int64_t *deadline = c->phase == PHASE_OPEN ? &c->deadline_mono_ms : &c->phase_deadline_mono_ms;
    if (*deadline > conn_now(c)) {
        timer_set(c, *deadline);
        return;
    }
    if (c->phase == PHASE_OPEN) {
        *deadline = CONN_DEADLINE_NONE;
        c->events_due |= CONN_TIMER;
        return;
    }
    struct err err;
    err_set(&err, ERR_TIMEOUT, "%s", c->phase == PHASE_CLOSING ? "client does not read" : "took too long");
    if (c->phase != PHASE_LINGER)
        log_end(c, "timeout", &err);
    finish(c);
}

void conn_run(struct conn *c, unsigned due)
{
    if (due & (DUE_INPUT | DUE_OUTPUT | DUE_HANGUP))
        c->armed = 0;
    if (due & (DUE_INPUT | DUE_HANGUP)) {
        c->readable = true;
        c->tls.socket.empty = false;
    }
    if (due & (DUE_OUTPUT | DUE_HANGUP))
        c->write_stuck = false;
    if (due & DUE_HANGUP)
        c->hangup = c->tls.socket.hangup = true;
    if (due & DUE_WAKE)
        c->events_due |= CONN_WOKEN;
    if (due & DUE_SHUTDOWN) {
        if (c->phase == PHASE_OPEN)
            c->events_due |= CONN_SHUTDOWN;
        else if (c->phase != PHASE_CLOSING && c->phase != PHASE_LINGER)
            due |= DUE_KILL;
    }
    if (due & DUE_KILL)
        finish(c);
    if ((due & DUE_TIMER) && c->phase != PHASE_GONE)
        on_timer(c);
    if (c->phase != PHASE_GONE)
        run_phase(c);
    if (c->phase != PHASE_GONE)
        conn_leave(c);
}
