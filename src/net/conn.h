/* conn.h: one connection, as protocol code sees it.
 *
 *   accept -> [PROXY header] -> [TLS handshake] -> open() -> event()* -> close()
 *
 * A protocol registers a conn_handler with its listener. event() runs on a worker thread with exclusive
 * ownership of connection and session: straight-line code without locks, which may block on disk. When it
 * returns, net writes what was queued, without ever blocking on the client, and waits for the next reason to
 * call. So every function below that takes a `struct conn` may be called only from inside open() and event()
 * of that connection; conn_wake() alone is for everybody.
 *
 * Reading goes on by itself while there is room in the input buffer, the output is below its high-water mark,
 * and the session has not paused it. So a client that sends without reading is stopped by its own TCP window.
 */
#ifndef LOFT_NET_CONN_H
#define LOFT_NET_CONN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "net/addr.h"

#include "net/tls_peer.h"
#include <sys/types.h>

struct conn;

enum conn_event {
    /* New bytes in conn_input(). When they fill the buffer, see conn_input_full(). */
    CONN_INPUT = 1u << 0,
    /* The peer sends no more, or is gone: told once. Consume what is left, then close; output may still be
     * delivered. Where the stream broke (reset), net closes by itself after this event. */
    CONN_EOF = 1u << 1,
    /* conn_output_full() had been true and output fell below the low-water mark: go on producing. */
    CONN_DRAINED = 1u << 2,
    /* conn_wake() or conn_yield(): any number of calls since then make one event. */
    CONN_WOKEN = 1u << 3,
    /* The deadline passed; it is unset now. */
    CONN_TIMER = 1u << 4,
    /* The server stops, or an administrator kicks: told once. Say goodbye and close after flush soon. */
    CONN_SHUTDOWN = 1u << 5,
    /* The handshake after conn_start_tls() succeeded. */
    CONN_TLS_STARTED = 1u << 6,
};

/* What a protocol gives to net. All functions run on workers. */
struct conn_handler {
    const char *name; /* "imap": for logs */

    /* A client is there: make the session, queue the greeting, set the login deadline. `listener_ctx` is
     * listener_options.ctx. Non-zero: close() is not called; refuse(), if any, is, with that error, and the
     * connection ends after its line. */
    int (*open)(struct conn *conn, void *listener_ctx, void **session_out, struct err *err);

    /* Something happened: `events` is one or more of enum conn_event. Several come together; check each. */
    void (*event)(struct conn *conn, void *session, unsigned events);

    /* The connection is over, whoever ended it: free the session. Called once for each successful open(),
     * never during event(). */
    void (*close)(void *session);

    /* May be NULL. This client cannot be served (`why` is -ERR_LIMIT of a limit, -ERR_UNAVAILABLE, or
     * open()'s own): append the protocol's line for that, such as "* BYE [LIMIT] too many connections per
     * address (limit 20)\r\n". */
    void (*refuse)(void *listener_ctx, const struct err *why, struct buf *out);
};

/* ---- input ---- */

/* All buffered bytes. The view stays valid until open() or event() returns, also after conn_consume(). */
struct str conn_input(struct conn *conn);
void conn_consume(struct conn *conn, size_t bytes); /* drop them from the front; bytes <= conn_input().n */

/* Overwrite the first `bytes` of them, which held a secret. Before conn_consume. */
void conn_wipe_input(struct conn *conn, size_t bytes);

/* The buffer holds as much as its limit allows: nothing more will be read until some is consumed or the limit
 * is raised. A session that finds no complete line in a full buffer must refuse it: its client waits for us
 * forever. */
bool conn_input_full(struct conn *conn);
void conn_set_input_limit(struct conn *conn, size_t bytes); /* at first listener_options.input_bytes_max */

/* Stop or resume reading, for backpressure of the session's own. CONN_EOF may still come when the peer is
 * gone altogether. */
void conn_pause_input(struct conn *conn, bool paused);

/* ---- output ---- */

/* The output buffer (its front may hold bytes that are sent already, so its length says nothing): append
 * only, any amount, in one event; what is above the high-water mark should wait. It may be cut back to a
 * length that it had earlier in the same event, unless conn_flush() came between. */
struct buf *conn_out(struct conn *conn);

/* Unsent output has reached the high-water mark: save the cursor and return; CONN_DRAINED will come. */
bool conn_output_full(struct conn *conn);

/* Write now what the socket takes, without blocking, and go on in the same event: for long results and for
 * signs of life. True when output is below the high-water mark afterwards. */
bool conn_flush(struct conn *conn);

/* ---- time ---- */

/* One timer per connection, in ms of the server's monotonic clock; CONN_DEADLINE_NONE for none. CONN_TIMER
 * comes at or up to about 100 ms after it; a deadline in the past fires at once, after this event. The
 * session's times (login, autologout, heartbeat) all share it: set the nearest. */
#define CONN_DEADLINE_NONE INT64_MAX
void conn_set_deadline(struct conn *conn, int64_t mono_ms);
int64_t conn_now_mono_ms(struct conn *conn);

/* ---- the end ---- */

/* No more input is read and no more events come. Queued output is sent, as long as the peer takes some of it
 * every listener_options.close_timeout_ms; then TLS and TCP are closed in order, unread input is swallowed
 * for a moment so that no reset destroys our last line. */
void conn_close_after_flush(struct conn *conn);
void conn_close_now(struct conn *conn); /* output is dropped */
bool conn_is_closing(struct conn *conn);

/* ---- TLS ---- */

/* STARTTLS: queue the "OK" first, then call this and return from event(). The rest of the input buffer is
 * DISCARDED now, since whatever came before the handshake may have been put there by someone between:
 * RFC 9051, 6.2.1; CVE-2011-0411, CVE-2021-33515. Output is sent in clear, then the handshake runs with its own
 * timeout; CONN_TLS_STARTED follows, or the connection ends.
 *   returns  0; -ERR_STATE when TLS or compression is on already; -ERR_CANNOT when the listener has none */
MUST_USE int conn_start_tls(struct conn *conn, struct err *err);
bool conn_can_start_tls(struct conn *conn); /* would be 0 now: offer STARTTLS */
bool conn_is_tls(struct conn *conn);

/* ---- compression: RFC 4978; deflate.h has the picture and the cost ---- */

/* Queue the "OK" first, then call this. Output queued so far goes in clear, what is queued from now on is
 * compressed; the rest of the input buffer is taken for compressed bytes already. The limits on input hold
 * for inflated bytes. Input that is no deflate, or the end of the client's stream, is CONN_EOF.
 * conn_close_after_flush() ends our stream in order. While it is on, STARTTLS cannot be.
 *   returns  0; -ERR_EXISTS when it is on already; -ERR_STATE between conn_start_tls() and its handshake */
MUST_USE int conn_start_deflate(struct conn *conn, struct err *err);

/* Queue the last compressed output first, then call this: our stream ends there, and the client's behind the
 * command that was consumed last (RFC 8437, 4.1); what it may have sent behind that in clear is read as such.
 * Does nothing when compression is off.
 *   returns  0; -ERR_INVALID when compressed input goes on behind that command: close */
MUST_USE int conn_stop_deflate(struct conn *conn, struct err *err);
bool conn_is_deflated(const struct conn *conn);

struct conn_tls_info { /* views borrow the connection; NIL where there is none */
    struct str version, cipher, sni, alpn;
    bool resumed;
};
struct conn_tls_info conn_tls_info(struct conn *conn); /* all NIL without TLS */
const char *conn_tls_version(struct conn *conn);       /* static: "TLSv1.3"; NULL without TLS */

/* For signing in: tls_peer.h says what they are.
 *   returns  0; -ERR_CANNOT: this connection has no such binding, or no TLS */
MUST_USE int conn_tls_binding(struct conn *conn, enum tls_binding_type type, struct tls_binding *binding_out,
                              struct err *err);
bool conn_has_tls_binding(const struct conn *conn, enum tls_binding_type type); /* costs nothing */
/* The certificate that the client has shown and we have verified. False: none, or no TLS. */
bool conn_tls_client(struct conn *conn, struct tls_client *client_out);

/* ---- who and where ---- */

/* The user of this machine who connected over a Unix socket; false for TCP. */
bool conn_peer_uid(const struct conn *conn, uid_t *uid_out);
uint64_t conn_id(const struct conn *conn);                 /* from 1, never reused while the server runs */
const struct net_addr *conn_peer(const struct conn *conn); /* the client's, also behind a PROXY header */
struct net_addr conn_local(const struct conn *conn);       /* what it connected to */
struct logger conn_logger(const struct conn *conn);        /* net's logger with session=ID */

/* ---- waking ---- */

/* A handle by which anyone may wake this connection, also after it has gone: then it does nothing. Shared:
 * holds a reference. */
struct conn_waker;
struct conn_waker *conn_waker(struct conn *conn); /* a new reference to the connection's one waker */
void conn_waker_ref(struct conn_waker *waker);
void conn_waker_unref(struct conn_waker **waker); /* accepts NULL, sets NULL */

/* CONN_WOKEN soon, on some worker. Any thread, never blocks on the connection, cheap when it is already due.
 * May be called while holding locks: it calls nothing back. */
void conn_wake(struct conn_waker *waker);

/* CONN_WOKEN soon, behind the others that are waiting for a worker: for a session that has more to do and
 * lets others go first. */
void conn_yield(struct conn *conn);

#endif
