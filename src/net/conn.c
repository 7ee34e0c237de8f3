/* What sessions may call: conn.h. */
#include "net/conn.h"

#include "net/net_private.h"
#include "net/openssl.h"

#include <assert.h>
#include <stdlib.h>

/* ---- input ---- */

struct str conn_input(struct conn *conn)
{
    return str_make(conn->in.p ? conn->in.p + conn->in_at : "", conn_in_bytes(conn));
}

void conn_consume(struct conn *conn, size_t bytes)
{
    assert(bytes <= conn_in_bytes(conn));
    conn->in_at += bytes;
    if (conn->in_at == conn->in.n) {
        buf_clear(&conn->in);
        conn->in_at = 0;
    }
}

void conn_wipe_input(struct conn *conn, size_t bytes)
{
    assert(bytes <= conn_in_bytes(conn));
    if (bytes)
        explicit_bzero(conn->in.p + conn->in_at, bytes);
}

bool conn_input_full(struct conn *conn)
{
    return conn_in_bytes(conn) >= conn->in_max;
}

void conn_set_input_limit(struct conn *conn, size_t bytes)
{
    assert(bytes > 0);
    conn->in_max = bytes;
}

void conn_pause_input(struct conn *conn, bool paused)
{
    conn->paused = paused;
}

/* ---- output ---- */

struct buf *conn_out(struct conn *conn)
{
    return &conn->out;
}

bool conn_output_full(struct conn *conn)
{
    size_t bytes = conn_out_bytes(conn);
    if (bytes >= conn->listener->options.output_high_bytes)
        conn->drain_due = true;
    return conn->drain_due && bytes > conn->listener->options.output_low_bytes;
}

bool conn_flush(struct conn *conn)
{
    conn_write(conn);
    if (conn_output_full(conn))
        return false;
    conn->drain_due = false;
    return true;
}

/* ---- time ---- */

void conn_set_deadline(struct conn *conn, int64_t mono_ms)
{
    conn->deadline_mono_ms = mono_ms;
    timer_set(conn, mono_ms);
}

int64_t conn_now_mono_ms(struct conn *conn)
{
    return conn_now(conn);
}

/* ---- the end ---- */

void conn_close_after_flush(struct conn *conn)
{
    if (conn->closing == CLOSE_NOT)
        conn->closing = CLOSE_AFTER_FLUSH;
}

void conn_close_now(struct conn *conn)
{
    conn->closing = CLOSE_NOW;
}

bool conn_is_closing(struct conn *conn)
{
    return conn->closing != CLOSE_NOT;
}

/* ---- TLS ---- */

int conn_start_tls(struct conn *conn, struct err *err)
{
    if (conn->tls.ssl || conn->phase == PHASE_STARTTLS)
        return err_set(err, ERR_STATE, "TLS is on already");
    if (conn_is_deflated(conn))
        return err_set(err, ERR_STATE, "compression is on");
    if (conn->listener->options.tls_mode != LISTENER_TLS_STARTTLS)
        return err_set(err, ERR_CANNOT, "this listener has no TLS");
    /* RFC 9051, 6.2.1: what came in clear behind the command must not be taken for what comes encrypted. */
    buf_clear(&conn->in);
    conn->in_at = 0;
    deflate_free(&conn->deflate); /* clear input that came behind compressed input */
    conn->readable = false;
    conn->phase = PHASE_STARTTLS;
    return 0;
}

bool conn_can_start_tls(struct conn *conn)
{
    return !conn->tls.ssl && !conn_is_deflated(conn) && conn->phase != PHASE_STARTTLS &&
           conn->listener->options.tls_mode == LISTENER_TLS_STARTTLS;
}

bool conn_is_tls(struct conn *conn)
{
    return conn->tls.ssl != NULL;
}

struct conn_tls_info conn_tls_info(struct conn *conn)
{
    struct conn_tls_info info = { .version = STR_NIL };
    const unsigned char *alpn;
    unsigned alpn_n;
    SSL *ssl = conn->tls.ssl;
    if (!ssl)
        return info;
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_n);
    info.version = str_c(SSL_get_version(ssl));
    info.cipher = str_c(SSL_get_cipher_name(ssl));
    info.sni = str_c(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
    info.alpn = str_make(alpn, alpn_n);
    info.resumed = SSL_session_reused(ssl) == 1;
    return info;
}

const char *conn_tls_version(struct conn *conn)
{
    return conn->tls.ssl ? SSL_get_version(conn->tls.ssl) : NULL;
}

int conn_tls_binding(struct conn *conn, enum tls_binding_type type, struct tls_binding *binding_out,
                     struct err *err)
{
    if (!conn->tls.ssl)
        return err_set(err, ERR_CANNOT, "no TLS");
    return tls_binding_get(conn->tls.ssl, type, binding_out, err);
}

bool conn_has_tls_binding(const struct conn *conn, enum tls_binding_type type)
{
    return conn->tls.ssl && tls_binding_exists(conn->tls.ssl, type);
}

bool conn_tls_client(struct conn *conn, struct tls_client *client_out)
{
    return conn->tls.ssl && tls_client_get(conn->tls.ssl, tls_context_client_name(conn->tls.tls), client_out);
}

/* ---- compression ---- */

bool conn_is_deflated(const struct conn *conn)
{
    return conn->deflate && !deflate_out_ended(conn->deflate);
}

int conn_start_deflate(struct conn *conn, struct err *err)
{
    if (conn_is_deflated(conn))
        return err_set(err, ERR_EXISTS, "compression is on already");
    if (conn->phase == PHASE_STARTTLS)
        return err_set(err, ERR_STATE, "TLS is about to start");
    struct deflate *deflate = deflate_new(conn->net->deflate_pool);
    deflate_feed(deflate, conn_input(conn));
    if (conn->deflate) /* stopped, and what came behind is not all read */
        deflate_feed(deflate, deflate_in_left(conn->deflate));
    deflate_free(&conn->deflate);
    conn_consume(conn, conn_in_bytes(conn));
    conn_encode(conn, false); /* in clear still */
    conn->deflate = deflate;
    return 0;
}

int conn_stop_deflate(struct conn *conn, struct err *err)
{
    if (!conn_is_deflated(conn))
        return 0;
    conn_encode(conn, true);
    deflate_in_end(conn->deflate);
    if (conn_in_bytes(conn) > 0)
        return err_set(err, ERR_INVALID, "compressed input goes on behind its end");
    return 0;
}

/* ---- who and where ---- */

uint64_t conn_id(const struct conn *conn)
{
    return conn->id;
}

const struct net_addr *conn_peer(const struct conn *conn)
{
    return &conn->peer;
}

bool conn_peer_uid(const struct conn *conn, uid_t *uid_out)
{
    struct ucred cred;
    socklen_t n = sizeof cred;
    if (conn->peer.family != ADDR_UNIX || getsockopt(conn->fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
        return false;
    *uid_out = cred.uid;
    return true;
}

struct net_addr conn_local(const struct conn *conn)
{
    struct sockaddr_storage name;
    socklen_t name_n = sizeof name;
    if (conn->local.family == ADDR_NONE && conn->peer.family != ADDR_UNIX &&
        getsockname(conn->fd, (struct sockaddr *)&name, &name_n) == 0)
        return addr_from_sockaddr((const struct sockaddr *)&name, name_n);
    return conn->local;
}

struct logger conn_logger(const struct conn *conn)
{
    return logger_with(conn->net->log, log_field_u64("session", conn->id));
}

/* ---- waking ---- */

struct conn_waker {
    struct ref ref;
    pthread_mutex_t lock;
    struct conn *conn; /* NULL once its session has ended */
};

struct conn_waker *conn_waker(struct conn *conn)
{
    if (!conn->waker) {
        struct conn_waker *waker = calloc(1, sizeof *waker);
        if (!waker)
            abort();
        ref_init(&waker->ref); /* the connection's own */
        pthread_mutex_init(&waker->lock, NULL);
        waker->conn = conn;
        conn->waker = waker;
    }
    conn_waker_ref(conn->waker);
    return conn->waker;
}

void conn_waker_ref(struct conn_waker *waker)
{
    ref_get(&waker->ref);
}

void conn_waker_unref(struct conn_waker **waker)
{
    struct conn_waker *w = *waker;
    *waker = NULL;
    if (!w || !ref_put(&w->ref))
        return;
    pthread_mutex_destroy(&w->lock);
    free(w);
}

void waker_detach(struct conn *c)
{
    if (!c->waker)
        return;
    pthread_mutex_lock(&c->waker->lock);
    c->waker->conn = NULL;
    pthread_mutex_unlock(&c->waker->lock);
    conn_waker_unref(&c->waker);
}

void conn_wake(struct conn_waker *waker)
{
    pthread_mutex_lock(&waker->lock);
    if (waker->conn)
        conn_post(waker->conn, DUE_WAKE);
    pthread_mutex_unlock(&waker->lock);
}

void conn_yield(struct conn *conn)
{
    conn->behind = true;
    conn_post(conn, DUE_WAKE);
}
