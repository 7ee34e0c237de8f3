#include "net/tls.h"

#include "base/file.h"
#include "base/map.h"
#include "base/ref.h"
#include "net/openssl.h"
#include "net/tls_ticket.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* What one load has made. Immutable; held by the context and by each handshake under way, whose callbacks
 * read it. */
struct tls_set {
    struct ref ref;
    SSL_CTX **contexts; /* one a pair; the first is the default */
    size_t count;
    struct map names; /* lower case, "*.example.org" for wildcards -> SSL_CTX, borrowed */
    int64_t expires_wall_ms;
};

struct tls_context {
    struct ref ref;
    enum tls_version min_version;
    enum tls_client_name client_name;
    struct tls_tickets *tickets;
    struct bio_method_st *socket_method;
    pthread_mutex_t lock; /* over what follows */
    struct tls_set *set;
    char **paths; /* certificate, key, certificate, key ... */
    size_t pair_count;
};

int tls_error(struct err *err, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return err_set(err, ERR_CLOSED, "%s: %s", what, reason ? reason : "connection lost");
}

static int file_error(struct err *err, const char *path, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return err_set(err, ERR_INVALID, "%s: %s%s%s", path, what, reason ? ": " : "", reason ? reason : "");
}

/* ---- choosing by what the client asks for ---- */

static SSL_CTX *find_by_name(const struct tls_set *set, const char *server_name)
{
    char name[256];
    size_t n = strlen(server_name);
    if (n == 0 || n >= sizeof name)
        return NULL;
    for (size_t i = 0; i <= n; i++)
        name[i] = ascii_lower(server_name[i]);
    if (name[n - 1] == '.')
        n--;

    SSL_CTX *found = map_get(&set->names, str_make(name, n));
    ptrdiff_t dot = str_find_char(str_make(name, n), '.');
    if (!found && dot > 0) { /* RFC 6125, 6.4.3: the wildcard stands for the whole left-most label */
        name[dot - 1] = '*';
        found = map_get(&set->names, str_make(name + dot - 1, n - (size_t)dot + 1));
    }
    return found;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    const char *server_name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_CTX *found = server_name ? find_by_name(arg, server_name) : NULL;
    if (!found)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_SSL_CTX(ssl, found);
    return SSL_TLSEXT_ERR_OK;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                   unsigned in_n, void *arg)
{
    (void)arg;
    const struct tls_alpn *ours = SSL_get_app_data(ssl);
    unsigned char *chosen;
    if (!ours || ours->n == 0)
        return SSL_TLSEXT_ERR_NOACK;
    if (SSL_select_next_proto(&chosen, out_n, ours->wire, ours->n, in, in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301, 3.2: no_application_protocol */
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

int tls_alpn_make(struct str names, struct tls_alpn *alpn_out, struct err *err)
{
    struct tls_alpn alpn = { .n = 0 };
    while (names.n > 0) {
        struct str name = str_cut(names, ' ', &names);
        if (name.n == 0)
            continue;
        if (name.n > 255 || alpn.n + 1 + name.n > sizeof alpn.wire)
            return err_set(err, ERR_INVALID, "ALPN names are too long");
        alpn.wire[alpn.n++] = (unsigned char)name.n;
        memcpy(alpn.wire + alpn.n, name.p, name.n);
        alpn.n = (uint8_t)(alpn.n + name.n);
    }
    *alpn_out = alpn;
    return 0;
}

/* ---- loading ---- */

static int no_pass_phrase(char *out, int size, int writing, void *arg)
{
    (void)out, (void)size, (void)writing, (void)arg;
    return 0; /* a server that starts by itself has nobody to ask */
}

static int open_pem(const char *path, struct buf *bytes, BIO **bio_out, struct err *err)
{
    int r = file_read(path, TLS_FILE_BYTES_MAX, bytes, err);
    if (r < 0)
        return r;
    if (!(*bio_out = BIO_new_mem_buf(bytes->p ? bytes->p : "", (int)bytes->n)))
        abort();
    return 0;
}

static int load_certificates(SSL_CTX *ctx, const char *path, struct err *err)
{
    struct buf bytes = BUF_INIT;
    BIO *bio = NULL;
    X509 *x509 = NULL;
    int r = open_pem(path, &bytes, &bio, err);
    if (r < 0)
        goto out;
    if (!(x509 = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL))) {
        r = file_error(err, path, "no certificate in it");
        goto out;
    }
    if (SSL_CTX_use_certificate(ctx, x509) != 1) {
        r = file_error(err, path, "certificate not usable");
        goto out;
    }
    X509_free(x509);
    while ((x509 = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL))) {
        if (SSL_CTX_add1_chain_cert(ctx, x509) != 1) {
            r = file_error(err, path, "chain not usable");
            goto out;
        }
        X509_free(x509);
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        r = file_error(err, path, "damaged certificate in the chain");
out:
    ERR_clear_error();
    X509_free(x509);
    BIO_free(bio);
    buf_deinit(&bytes);
    return r;
}

static int load_key(SSL_CTX *ctx, const char *path, const char *certificate_path, struct err *err)
{
    struct buf bytes = BUF_INIT;
    BIO *bio = NULL;
    EVP_PKEY *key = NULL;
    int r = open_pem(path, &bytes, &bio, err);
    if (r < 0)
        goto out;
    if (!(key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL)))
        r = file_error(err, path, "no private key without pass phrase in it");
    else if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1)
        r = err_set(err, ERR_INVALID, "%s: not the key of the certificate in %s", path, certificate_path);
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
        r = file_error(err, path, "key not usable");
out:
    ERR_clear_error();
    EVP_PKEY_free(key);
    BIO_free(bio);
    if (bytes.p)
        OPENSSL_cleanse(bytes.p, bytes.n);
    buf_deinit(&bytes);
    return r;
}

static int add_name(struct tls_set *set, struct str name, SSL_CTX *ctx, const char *path, struct err *err)
{
    char lower[256];
    if (name.n == 0 || name.n >= sizeof lower || memchr(name.p, '\0', name.n))
        return 0; /* no host name that a client could ask for */
    for (size_t i = 0; i < name.n; i++)
        lower[i] = ascii_lower(name.p[i]);
    if (set->names.count >= TLS_NAMES_MAX)
        return err_set(err, ERR_LIMIT, "%s: more than %d names", path, TLS_NAMES_MAX);
    if (!map_get(&set->names, str_make(lower, name.n))) /* the first certificate with a name has it */
        map_put(&set->names, str_make(lower, name.n), ctx);
    return 0;
}

static struct str asn1_text(const ASN1_STRING *s)
{
    return str_make(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

/* RFC 6125, 6.4.4: the common name counts only where there is no subjectAltName of type dNSName. */
static int add_names(struct tls_set *set, SSL_CTX *ctx, const char *path, struct err *err)
{
    X509 *x509 = SSL_CTX_get0_certificate(ctx);
    GENERAL_NAMES *alt = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    bool has_dns = false;
    int r = 0;
    for (int i = 0; r == 0 && i < sk_GENERAL_NAME_num(alt); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(alt, i);
        if (name->type != GEN_DNS)
            continue;
        has_dns = true;
        r = add_name(set, asn1_text(name->d.dNSName), ctx, path, err);
    }
    GENERAL_NAMES_free(alt);
    const X509_NAME *subject = X509_get_subject_name(x509);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (r == 0 && !has_dns && at >= 0)
        r = add_name(set, asn1_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))), ctx, path,
                     err);
    ERR_clear_error();
    return r;
}

static int64_t not_after_wall_ms(const X509 *x509)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(x509), &tm) != 1)
        return 0;
    return (int64_t)timegm(&tm) * 1000;
}

static SSL_CTX *make_ssl_ctx(struct tls_context *tls)
{
    static const unsigned char session_id_context[] = "loft";
    char groups[] = "X25519:P-256:P-384"; /* not const: OpenSSL's macro casts */
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        abort();
    SSL_CTX_set_min_proto_version(ctx, tls->min_version == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    /* SHA-256, which processors help with, makes a handshake a fifth cheaper than SHA-384. RFC 8446, 9.1 */
    SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_ciphersuites(ctx,
                             "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
    SSL_CTX_set1_groups_list(ctx, groups);
    /* A peer that ends without close_notify is an end like any other: our protocols frame all they carry. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);                          /* a record in one read instead of two */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets only: no state with us */
    SSL_CTX_set_num_tickets(ctx, 0);                         /* tls_session_write() sends one */
    SSL_CTX_set_timeout(ctx, TLS_TICKET_LIFE_S);
    SSL_CTX_set_session_id_context(ctx, session_id_context, sizeof session_id_context - 1);
    tls_tickets_install(tls->tickets, ctx);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    return ctx;
}

static void set_unref(struct tls_set **set)
{
    struct tls_set *s = *set;
    *set = NULL;
    if (!s || !ref_put(&s->ref))
        return;
    for (size_t i = 0; i < s->count; i++)
        SSL_CTX_free(s->contexts[i]);
    free(s->contexts);
    map_deinit(&s->names);
    free(s);
}

/* `paths` as in struct tls_context. */
static int set_load(struct tls_context *tls, char **paths, size_t pair_count, struct tls_set **set_out,
                    struct err *err)
{
    int r = 0;
    struct tls_set *set = calloc(1, sizeof *set);
    if (!set || !(set->contexts = calloc(pair_count, sizeof *set->contexts)))
        abort();
    ref_init(&set->ref);
    map_init(&set->names);
    set->expires_wall_ms = INT64_MAX;
    for (size_t i = 0; r == 0 && i < pair_count; i++) {
        const char *certificate_path = paths[2 * i], *key_path = paths[2 * i + 1];
        SSL_CTX *ctx = set->contexts[set->count++] = make_ssl_ctx(tls);
        if ((r = load_certificates(ctx, certificate_path, err)) < 0 ||
            (r = load_key(ctx, key_path, certificate_path, err)) < 0 ||
            (r = add_names(set, ctx, certificate_path, err)) < 0)
            break;
        int64_t expires = not_after_wall_ms(SSL_CTX_get0_certificate(ctx));
        if (expires < set->expires_wall_ms)
            set->expires_wall_ms = expires;
    }
    if (r < 0) {
        set_unref(&set);
        return r;
    }
    SSL_CTX_set_tlsext_servername_callback(set->contexts[0], on_server_name);
    SSL_CTX_set_tlsext_servername_arg(set->contexts[0], set);
    *set_out = set;
    return 0;
}

/* ---- the context ---- */

static void paths_free(char **paths, size_t pair_count)
{
    for (size_t i = 0; paths && i < 2 * pair_count; i++)
        free(paths[i]);
    free(paths);
}

static char **paths_copy(const struct tls_pair *pairs, size_t pair_count)
{
    char **paths = calloc(2 * pair_count, sizeof *paths);
    if (!paths)
        abort();
    for (size_t i = 0; i < pair_count; i++) {
        paths[2 * i] = strdup(pairs[i].certificate_path);
        paths[2 * i + 1] = strdup(pairs[i].key_path);
        if (!paths[2 * i] || !paths[2 * i + 1])
            abort();
    }
    return paths;
}

static int check_count(size_t pair_count, struct err *err)
{
    if (pair_count == 0)
        return err_set(err, ERR_INVALID, "TLS needs a certificate");
    if (pair_count > TLS_PAIRS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d certificates", TLS_PAIRS_MAX);
    return 0;
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
    tls->min_version = options->min_version;
    tls->client_name = options->client_name;
    tls->tickets = tls_tickets_new(options->clock);
    tls->socket_method = tls_socket_method();
    tls->pair_count = options->pair_count;
    tls->paths = paths_copy(options->pairs, options->pair_count);
    r = set_load(tls, tls->paths, tls->pair_count, &tls->set, err);
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
    set_unref(&tls->set);
    tls_tickets_free(&tls->tickets);
    tls_socket_method_free(&tls->socket_method);
    paths_free(tls->paths, tls->pair_count);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}

int tls_context_reload(struct tls_context *tls, const struct tls_pair *pairs, size_t pair_count,
                       struct err *err)
{
    struct tls_set *set;
    int r = pairs ? check_count(pair_count, err) : 0;
    if (r < 0)
        return r;
    pthread_mutex_lock(&tls->lock);
    size_t count = pairs ? pair_count : tls->pair_count;
    char **paths = pairs ? paths_copy(pairs, pair_count) : tls->paths;
    r = set_load(tls, paths, count, &set, err);
    if (r == 0) {
        struct tls_set *old = tls->set;
        tls->set = set;
        set_unref(&old);
    }
    if (paths != tls->paths) {
        char **drop = r == 0 ? tls->paths : paths;
        size_t drop_count = r == 0 ? tls->pair_count : count;
        if (r == 0) {
            tls->paths = paths;
            tls->pair_count = count;
        }
        paths_free(drop, drop_count);
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

int64_t tls_context_expires_wall_ms(struct tls_context *tls)
{
    pthread_mutex_lock(&tls->lock);
    int64_t expires_wall_ms = tls->set->expires_wall_ms;
    pthread_mutex_unlock(&tls->lock);
    return expires_wall_ms;
}

enum tls_client_name tls_context_client_name(struct tls_context *tls)
{
    return tls->client_name;
}

/* ---- one connection ---- */

int tls_session_init(struct tls_session *session, struct tls_context *tls, int fd,
                     const struct tls_alpn *alpn, struct err *err)
{
    pthread_mutex_lock(&tls->lock);
    struct tls_set *set = tls->set;
    ref_get(&set->ref);
    pthread_mutex_unlock(&tls->lock);

    *session = (struct tls_session){ .socket = { .fd = fd } };
    SSL *ssl = SSL_new(set->contexts[0]);
    BIO *bio = tls_socket_bio(tls->socket_method, &session->socket);
    if (!ssl || !bio) {
        SSL_free(ssl);
        BIO_free(bio);
        set_unref(&set);
        ERR_clear_error();
        return err_set(err, ERR_IO, "cannot begin TLS: out of memory");
    }
    SSL_set_bio(ssl, bio, bio); /* takes it */
    SSL_set_app_data(ssl, (void *)(uintptr_t)alpn);
    SSL_set_accept_state(ssl);
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
        session->socket.more = SSL_new_session_ticket(session->ssl) == 1; /* does nothing before TLS 1.3 */
    }
    int put = SSL_write(session->ssl, p, n);
    if (put > 0)
        set_unref(&session->set);
    return put;
}

void tls_session_deinit(struct tls_session *session)
{
    SSL_free(session->ssl);
    session->ssl = NULL;
    set_unref(&session->set);
    tls_context_unref(&session->tls);
}
