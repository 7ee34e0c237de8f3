#include "lmtp/session.h"

#include "net/addr.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    LINE_BYTES_MAX = 2048, /* of a command: RFC 5321, 4.5.3.1.4 asks for 512, extensions for more */
    COMMANDS_AT_ONCE = 256,
};

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

void lmtp_reset(struct lmtp_session *s)
{
    incoming_free(&s->incoming);
    arena_deinit(&s->arena);
    s->sender = STR_NIL;
    s->recipients = NULL;
    s->recipient_count = s->recipient_cap = 0;
    s->failed = 0;
    s->smtputf8 = false;
    if (s->state != LMTP_GREETED && s->state != LMTP_QUIT)
        s->state = LMTP_READY;
}

static void keep(struct lmtp_session *s, struct str bytes)
{
    if (s->failed == 0)
        s->failed = incoming_write(s->incoming, bytes, &s->err);
}

/* LMTP_DATA: take whole lines, undo dot-stuffing. Only CRLF ends a line here: a bare LF is a byte like others, so that
 * "\n.\n" inside a message ends nothing (RFC 5321, 2.3.8 and 4.5.2). */
static bool take_data(struct lmtp_session *s)
{
    struct str in = conn_input(s->conn);
    size_t at = 0;
    bool done = false;
    while (at < in.n && !done) {
        struct str left = str_skip(in, at);
        if (s->line_start && left.p[0] == '.') {
            if (left.n < 3 && !(left.n == 2 && left.p[1] != '\r'))
                break; /* is it the end? more bytes tell */
            if (left.n >= 3 && left.p[1] == '\r' && left.p[2] == '\n') {
                at += 3;
                done = true;
                break;
            }
            at++;
            s->line_start = false;
            continue;
        }
        ptrdiff_t end = str_find(left, STR("\r\n"));
        size_t n = end < 0 ? left.n : (size_t)end + 2;
        if (end < 0 && left.p[left.n - 1] == '\r')
            n--; /* its LF may come next */
        keep(s, str_sub(left, 0, n));
        s->line_start = end >= 0;
        at += n;
        if (end < 0)
            break;
    }
    conn_consume(s->conn, at);
    if (done) {
        lmtp_deliver(s);
        lmtp_reset(s);
    }
    return done;
}

/* LMTP_CHUNK: exactly chunk_left bytes. RFC 3030, 2 */
static bool take_chunk(struct lmtp_session *s)
{
    struct str in = str_sub(conn_input(s->conn), 0, (size_t)s->chunk_left);
    if (!s->chunk_refused)
        keep(s, in);
    s->chunk_left -= in.n;
    conn_consume(s->conn, in.n);
    if (s->chunk_left > 0)
        return false;
    if (s->chunk_refused) {
        s->state = s->sender.p ? LMTP_MAIL : LMTP_READY;
        lmtp_reply(s, 503, "5.5.1", "No valid recipients for a chunk");
    } else if (s->chunk_last) {
        lmtp_deliver(s);
        lmtp_reset(s);
    } else {
        s->state = LMTP_MAIL;
        if (s->failed == 0)
            lmtp_reply(s, 250, "2.0.0", "Chunk received");
        else /* RFC 3030, 2: the error may be told at once; the transaction goes on failing */
            lmtp_reply(s, s->failed == -ERR_LIMIT ? 552 : 451, s->failed == -ERR_LIMIT ? "5.3.4" : "4.3.0", "Cannot take the message");
    }
    return true;
}

static bool take_command(struct lmtp_session *s)
{
    struct str in = conn_input(s->conn);
    ptrdiff_t end = str_find_char(in, '\n');
    if (end < 0 && in.n < LINE_BYTES_MAX)
        return false;
    if (end < 0 || end >= LINE_BYTES_MAX) {
        lmtp_reply(s, 500, "5.5.2", "Line too long");
        s->state = LMTP_QUIT;
        conn_close_after_flush(s->conn);
        return false;
    }
    struct arena arena = ARENA_INIT;
    struct str line = arena_dup(&arena, str_sub(in, 0, (size_t)end));
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    conn_consume(s->conn, (size_t)end + 1);
    lmtp_command(s, line);
    arena_deinit(&arena);
    return s->state != LMTP_QUIT;
}

static void read_all(struct lmtp_session *s)
{
    bool more = true;
    for (unsigned i = 0; more && s->state != LMTP_QUIT; i++) {
        if (i == COMMANDS_AT_ONCE) {
            conn_yield(s->conn);
            return;
        }
        more = s->state == LMTP_DATA ? take_data(s) : s->state == LMTP_CHUNK ? take_chunk(s) : take_command(s);
    }
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
    lmtp_reply(s, 220, NULL, "Loft LMTP ready");
    conn_set_deadline(conn, conn_now_mono_ms(conn) + s->server->settings.timeout_ms);
    *session_out = s;
    return 0;
}

static void on_event(struct conn *conn, void *session, unsigned events)
{
    struct lmtp_session *s = session;
    if (s->state == LMTP_QUIT)
        return;
    if (events & (CONN_SHUTDOWN | CONN_TIMER)) {
        lmtp_reply(s, 421, "4.4.2", events & CONN_SHUTDOWN ? "Shutting down" : "Took too long");
        s->state = LMTP_QUIT;
        conn_close_after_flush(conn);
        return;
    }
    if (events & CONN_EOF)
        s->at_eof = true;
    read_all(s);
    if (s->state == LMTP_QUIT)
        return;
    if (s->at_eof) {
        conn_close_after_flush(conn);
        s->state = LMTP_QUIT;
        return;
    }
    conn_set_deadline(conn, conn_now_mono_ms(conn) + s->server->settings.timeout_ms);
}

static void on_close(void *session)
{
    struct lmtp_session *s = session;
    s->state = LMTP_QUIT;
    lmtp_reset(s);
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
