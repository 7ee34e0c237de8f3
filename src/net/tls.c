#include "net/tls.h"

#include "base/arena.h"
#include "base/file.h"
#include "net/openssl.h"
#include "net/tls_set.h"
#include "net/tls_ticket.h"
#include "net/tls_trust.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct tls_context {
    struct ref ref;
    struct tls_tickets *tickets;
    struct bio_method_st *socket_method;
    pthread_mutex_t lock; /* over what follows */
    struct tls_set *set;
    struct tls_options *options; /* what it was made of */
    struct arena arena;          /* holds them */
};

int tls_error(struct err *err, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return err_set(err, ERR_CLOSED, "%s: %s", what, reason ? reason : "connection lost");
}

/* ---- the context ---- */

static const char *copy_text(struct arena *arena, const char *text)
{
    return text ? arena_dup(arena, str_c(text)).p : NULL;
}

static struct tls_options *copy_options(struct arena *arena, const struct tls_options *from)
{
    struct tls_options *to = arena_new(arena, struct tls_options);
    struct tls_pair *pairs = arena_new_array(arena, struct tls_pair, from->pair_count);
    *to = *from;
    for (size_t i = 0; i < from->pair_count; i++)
        pairs[i] = (struct tls_pair){ copy_text(arena, from->pairs[i].certificate_path),
                                      copy_text(arena, from->pairs[i].key_path) };
    to->pairs = pairs;
    to->policy.ciphers = copy_text(arena, from->policy.ciphers);
    to->policy.ciphersuites = copy_text(arena, from->policy.ciphersuites);
    to->policy.groups = copy_text(arena, from->policy.groups);
    to->trust.ca_path = copy_text(arena, from->trust.ca_path);
    to->trust.crl_path = copy_text(arena, from->trust.crl_path);
    return to;
}

static int check_count(size_t pair_count, struct err *err)
{
    if (pair_count == 0)
        return err_set(err, ERR_INVALID, "TLS needs a certificate");
    if (pair_count > TLS_PAIRS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d certificates", TLS_PAIRS_MAX);
    return 0;
}

int tls_options_check(const struct tls_options *options, struct err *err)
{
    struct tls_set *set = NULL;
    struct tls_trust_set *trust = NULL;
    struct buf digest = BUF_INIT;
    struct tls_tickets *tickets = tls_tickets_new(options->clock);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        abort();
    int r = tls_policy_apply(&options->policy, ctx, err);
    if (r == 0)
        r = tls_trust_load(&options->trust, &trust, &digest, err);
    if (r == 0 && options->pair_count > 0)
        r = tls_set_load(options, tickets, &set, err);
    tls_set_unref(&set);
    tls_trust_free(&trust);
    SSL_CTX_free(ctx);
    tls_tickets_free(&tickets);
    buf_deinit(&digest);
    return r;
}

int tls_context_new(const struct tls_options *options, struct tls_context **tls_out, struct err *err)
{
    int r = check_count(options->pair_count, err);
    if (r < 0)
        return r;
    struct tls_context *tls = calloc(1, sizeof *tls);
    if (!tls)
        abort();
    ref_init(&tls->ref);
    pthread_mutex_init(&tls->lock, NULL);
    tls->tickets = tls_tickets_new(options->clock);
    tls->socket_method = tls_socket_method();
    tls->options = copy_options(&tls->arena, options);
    r = tls_set_load(tls->options, tls->tickets, &tls->set, err);
    if (r < 0) {
        tls_context_unref(&tls);
        return r;
    }
    *tls_out = tls;
    return 0;
}

void tls_context_ref(struct tls_context *tls)
{
    ref_get(&tls->ref);
}

void tls_context_unref(struct tls_context **tls_io)
{
    struct tls_context *tls = *tls_io;
    *tls_io = NULL;
    if (!tls || !ref_put(&tls->ref))
        return;
    tls_set_unref(&tls->set);
    tls_tickets_free(&tls->tickets);
    tls_socket_method_free(&tls->socket_method);
    arena_deinit(&tls->arena);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

int tls_context_reload(struct tls_context *tls, const struct tls_options *options, struct err *err)
{
    struct tls_set *set;
    int r = options ? check_count(options->pair_count, err) : 0;
    if (r < 0)
        return r;
    pthread_mutex_lock(&tls->lock);
    r = tls_set_load(options ? options : tls->options, tls->tickets, &set, err);
    if (r == 0) {
        struct tls_set *old = tls->set;
        tls->set = set;
        tls_set_unref(&old);
    }
    if (r == 0 && options) {
        arena_deinit(&tls->arena);
        tls->arena = (struct arena){ 0 };
        tls->options = copy_options(&tls->arena, options);
    }
    pthread_mutex_unlock(&tls->lock);
    return r;
}

static void wipe(struct buf *b)
{
    if (b->p)
        OPENSSL_cleanse(b->p, b->cap);
    buf_deinit(b);
}

int tls_context_leave_tickets(struct tls_context *tls, const char *path, struct err *err)
{
    struct buf bytes = BUF_INIT;
    tls_tickets_encode(tls->tickets, &bytes);
    int r = file_replace(path, buf_str(&bytes), 0600, err);
    wipe(&bytes);
    return r;
}

int tls_context_take_tickets(struct tls_context *tls, const char *path, struct err *err)
{
    struct buf bytes = BUF_INIT;
    int r = file_read(path, TLS_FILE_BYTES_MAX, &bytes, err);
    if (r == -ERR_NOT_FOUND)
        return 0;
    if (unlink(path) < 0 && r == 0) /* else what it opens could be opened for as long as it lies there */
        r = err_set_errno(err, errno, "remove %s", path);
    if (r == 0)
        r = tls_tickets_decode(tls->tickets, buf_str(&bytes), err);
    wipe(&bytes);
    return r;
}

static struct tls_set *ref_set(struct tls_context *tls)
{
    pthread_mutex_lock(&tls->lock);
    struct tls_set *set = tls->set;
    ref_get(&set->ref);
    pthread_mutex_unlock(&tls->lock);
    return set;
}

int64_t tls_context_expires_wall_ms(struct tls_context *tls, struct buf *path_out)
{
    struct tls_set *set = ref_set(tls);
    int64_t expires_wall_ms = set->expires_wall_ms;
    if (path_out)
        buf_add(path_out, str_c(set->expires_path));
    tls_set_unref(&set);
    return expires_wall_ms;
}

enum tls_client_name tls_context_client_name(struct tls_context *tls)
{
    struct tls_set *set = ref_set(tls);
    enum tls_client_name name = set->client_name;
    tls_set_unref(&set);
    return name;
}

/* ---- one connection ---- */

/* A listener that asks otherwise than the one where a session was made does not resume it: nobody comes past
 * `required` with a ticket from elsewhere. */
static void ask_for_certificate(const struct tls_set *set, SSL *ssl, enum tls_client_certificate ask)
{
    unsigned char context[TLS_SESSION_ID_CONTEXT_BYTES];
    if (!set->trust || ask == TLS_CLIENT_NOT_ASKED)
        return;
    memcpy(context, set->session_id_context, sizeof context);
    context[sizeof context - 1] = (unsigned char)ask;
    SSL_set_session_id_context(ssl, context, sizeof context);
    SSL_set_verify(ssl, SSL_VERIFY_PEER | (ask == TLS_CLIENT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                   NULL);
}

int tls_session_init(struct tls_session *session, struct tls_context *tls, int fd,
                     const struct tls_alpn *alpn, enum tls_client_certificate ask, struct err *err)
{
    struct tls_set *set = ref_set(tls);

    *session = (struct tls_session){ .socket = { .fd = fd } };
    SSL *ssl = SSL_new(set->contexts[0]);
    BIO *bio = tls_socket_bio(tls->socket_method, &session->socket);
    if (!ssl || !bio) {
        SSL_free(ssl);
        BIO_free(bio);
        tls_set_unref(&set);
        ERR_clear_error();
        return err_set(err, ERR_IO, "cannot begin TLS: out of memory");
    }
    SSL_set_bio(ssl, bio, bio); /* takes it */
    SSL_set_app_data(ssl, (void *)(uintptr_t)alpn);
    SSL_set_accept_state(ssl);
    ask_for_certificate(set, ssl, ask);
    tls_context_ref(tls);
    session->ssl = ssl;
    session->tls = tls;
    session->set = set;
    return 0;
}

int tls_session_write(struct tls_session *session, const char *p, int n)
{
    if (session->set && !session->ticket_due) {
        session->ticket_due = true;
        /* Does nothing before TLS 1.3. Who has shown a certificate shows it each time: tls_peer.h. */
        session->socket.more = !SSL_get0_peer_certificate(session->ssl) &&
                               SSL_new_session_ticket(session->ssl) == 1;
    }
    int put = SSL_write(session->ssl, p, n);
    if (put > 0)
        tls_set_unref(&session->set);
    return put;
}

void tls_session_deinit(struct tls_session *session)
{
    SSL_free(session->ssl);
    session->ssl = NULL;
    tls_set_unref(&session->set);
    tls_context_unref(&session->tls);
}
