#include "lmtp/session.h"

#include <stdlib.h>

enum { STEPS_AT_ONCE = 256 }; /* commands, chunks and messages of one client before others have their turn */

void lmtp_reply(struct lmtp_session *s, unsigned code, const char *enhanced, const char *fmt, ...)
{
    struct buf *out = conn_out(s->conn);
    va_list ap;
    buf_printf(out, "%u ", code);
    if (enhanced)
        buf_printf(out, "%s ", enhanced);
    va_start(ap, fmt);
    buf_vprintf(out, fmt, ap);
    va_end(ap);
    buf_add_lit(out, "\r\n");
}

void lmtp_quit(struct lmtp_session *s)
{
    s->state = LMTP_QUIT;
    conn_close_after_flush(s->conn);
}

void lmtp_reset(struct lmtp_session *s)
{
    incoming_free(&s->incoming);
    arena_deinit(&s->arena);
    s->sender = STR_NIL;
    s->recipients = NULL;
    s->recipient_count = s->recipient_cap = 0;
    s->failed = 0;
    s->expected_bytes = 0;
    s->smtputf8 = false;
    if (s->state != LMTP_GREETED && s->state != LMTP_QUIT)
        s->state = LMTP_READY;
}

static void keep(struct lmtp_session *s, struct str bytes)
{
    if (s->failed == 0 && bytes.n > 0)
        s->failed = incoming_write(s->incoming, bytes, &s->err);
}

static void end_message(struct lmtp_session *s)
{
    s->unknown_commands = 0;
    lmtp_deliver(s);
}

/* Behind CRLF "." : 1 the message ends, 0 this is a stuffed dot, -ERR_AGAIN while more bytes must tell. */
static int is_end(struct str at_dot)
{
    if (at_dot.n >= 2 && at_dot.p[1] != '\r')
        return 0;
    if (at_dot.n < 3)
        return -ERR_AGAIN;
    return at_dot.p[2] == '\n';
}

/* Where the first CRLF "." begins, or -1. Dots are rare in mail, so they are looked for: searching for three bytes at once
 * looks at each of them. */
static ptrdiff_t find_dot_line(struct str in)
{
    for (size_t at = 2; at < in.n; at++) {
        ptrdiff_t dot = str_find_char(str_skip(in, at), '.');
        if (dot < 0)
            return -1;
        at += (size_t)dot;
        if (in.p[at - 1] == '\n' && in.p[at - 2] == '\r')
            return (ptrdiff_t)at - 2;
    }
    return -1;
}

/* LMTP_DATA: take bytes, undo dot-stuffing. Only CRLF ends a line here: a bare CR or LF is a byte like
 * others, so that LF "." LF inside a message ends nothing (RFC 5321, 2.3.8 and 4.1.1.4). */
static bool take_data(struct lmtp_session *s)
{
    struct str in = conn_input(s->conn);
    size_t at = 0;
    int end = 0;
    while (at < in.n) {
        if (s->line_start && in.p[at] == '.') {
            end = is_end(str_skip(in, at));
            if (end != 0)
                break;
            at++; /* the stuffed dot */
            if (at == in.n) {
                s->line_start = false;
                break;
            }
        }
        /* All up to the next line that begins with a dot goes in one piece. */
        struct str left = str_skip(in, at);
        ptrdiff_t dot = find_dot_line(left);
        size_t n = dot < 0 ? left.n : (size_t)dot + 2;
        s->line_start = dot >= 0 || str_ends(left, STR("\r\n"));
        if (!s->line_start && left.p[left.n - 1] == '\r')
            n--; /* its LF may come next */
        keep(s, str_sub(left, 0, n));
        at += n;
        if (dot < 0)
            break;
    }
    conn_consume(s->conn, at + (end == 1 ? 3 : 0));
    if (end == 1)
        end_message(s);
    return end == 1;
}

/* A chunk is off the stream: answer it. */
static void end_chunk(struct lmtp_session *s)
{
    s->state = s->after_chunk;
    switch (s->chunk) {
    case LMTP_CHUNK_NO_TRANSACTION:
        lmtp_reply(s, 503, "5.5.1", "MAIL first");
        break;
    case LMTP_CHUNK_NO_RECIPIENTS:
        if (s->chunk_last) /* RFC 2033, 4.3: one reply for each successful RCPT, and there is none */
            lmtp_reset(s);
        else
            lmtp_reply(s, 503, "5.5.1", "No valid recipients");
        break;
    case LMTP_CHUNK_TAKE:
        if (s->chunk_last)
            end_message(s);
        else if (s->failed == 0)
            lmtp_reply(s, 250, "2.0.0", "Chunk received");
        else /* RFC 3030, 2: the client should give up; further chunks are swallowed all the same */
            lmtp_reply_failure(s, s->err.kind, STR_NIL);
        break;
    }
}

/* LMTP_CHUNK: exactly chunk_left bytes, whatever they are. RFC 3030, 2 */
static bool take_chunk(struct lmtp_session *s)
{
    struct str in = conn_input(s->conn);
    if (in.n > s->chunk_left)
        in.n = (size_t)s->chunk_left;
    if (s->chunk == LMTP_CHUNK_TAKE)
        keep(s, in);
    s->chunk_left -= in.n;
    conn_consume(s->conn, in.n);
    if (s->chunk_left > 0)
        return false;
    end_chunk(s);
    return true;
}

/* RFC 5321, 2.3.8: CRLF alone ends a line.
 * Who ends it otherwise may have been talked into it by somebody's message. */
static bool take_command(struct lmtp_session *s)
{
    struct str in = conn_input(s->conn);
    ptrdiff_t end = str_find_char(str_sub(in, 0, LMTP_LINE_BYTES_MAX), '\n');
    if (end < 0 && in.n < LMTP_LINE_BYTES_MAX)
        return false;
    if (end <= 0 || in.p[end - 1] != '\r') {
        lmtp_reply(s, 500, "5.5.2", end < 0 ? "Line too long" : "Lines end in CRLF");
        lmtp_quit(s);
        return false;
    }
    conn_consume(s->conn, (size_t)end + 1);
    lmtp_command(s, str_sub(in, 0, (size_t)end - 1));
    return s->state != LMTP_QUIT;
}

/* False when there is more to do than may be done at once. */
static bool read_all(struct lmtp_session *s)
{
    bool more = true;
    for (unsigned i = 0; more && s->state != LMTP_QUIT && !s->fan; i++) {
        if (i == STEPS_AT_ONCE) {
            conn_yield(s->conn);
            return false;
        }
        more = s->state == LMTP_DATA    ? take_data(s)
               : s->state == LMTP_CHUNK ? take_chunk(s)
                                        : take_command(s);
    }
    return !s->fan;
}

static void set_deadline(struct lmtp_session *s)
{
    conn_set_deadline(s->conn, conn_now_mono_ms(s->conn) + s->server->settings.timeout_ms);
}

static int on_open(struct conn *conn, void *listener_ctx, void **session_out, struct err *err)
{
    (void)err;
    struct lmtp_session *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->conn = conn;
    s->server = listener_ctx;
    s->log = conn_logger(conn);
    lmtp_reply(s, 220, NULL, "%s LMTP Loft ready", s->server->settings.host_name);
    set_deadline(s);
    *session_out = s;
    return 0;
}

static void on_event(struct conn *conn, void *session, unsigned events)
{
    struct lmtp_session *s = session;
    (void)conn;
    if (s->state == LMTP_QUIT)
        return;
    if (s->fan && (events & CONN_SHUTDOWN))
        lmtp_deliver_wait(s);
    if (s->fan)
        events &= ~(unsigned)CONN_TIMER; /* not the client's fault */
    if (events & (CONN_SHUTDOWN | CONN_TIMER)) {
        lmtp_reply(s, 421, events & CONN_SHUTDOWN ? "4.3.2" : "4.4.2",
                   events & CONN_SHUTDOWN ? "Shutting down" : "Took too long");
        lmtp_quit(s);
        return;
    }
    if (events & CONN_EOF)
        s->at_eof = true;
    if (s->fan)
        lmtp_deliver_go_on(s);
    bool done = read_all(s);
    if (s->state == LMTP_QUIT)
        return;
    if (s->at_eof && done)
        lmtp_quit(s); /* a message that was cut off is dropped: nobody was told that we have it */
    else
        set_deadline(s);
}

static void on_close(void *session)
{
    struct lmtp_session *s = session;
    s->state = LMTP_QUIT;
    lmtp_deliver_drop(s);
    lmtp_reset(s);
    conn_waker_unref(&s->waker);
    buf_deinit(&s->helo);
    if (s->delivered_count)
        log_debug(&s->log, "lmtp-done", KV("delivered", s->delivered_count));
    free(s);
}

static void on_refuse(void *listener_ctx, const struct err *why, struct buf *out)
{
    (void)listener_ctx;
    buf_printf(out, "421 4.3.2 %s\r\n", why->text);
}

const struct conn_handler lmtp_handler = { "lmtp", on_open, on_event, on_close, on_refuse };
