#include "net/tls_set.h"

#include "net/openssl.h"
#include "net/tls_file.h"
#include "net/tls_ticket.h"
#include "net/tls_trust.h"

#include <stdlib.h>

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

static int load_certificates(SSL_CTX *ctx, const char *path, struct err *err)
{
    struct buf bytes = BUF_INIT;
    BIO *bio = NULL;
    X509 *x509 = NULL;
    int r = tls_file_open(path, &bytes, &bio, err);
    if (r < 0)
        goto out;
    if (!(x509 = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL))) {
        r = tls_file_error(err, path, "no certificate in it");
        goto out;
    }
    if (SSL_CTX_use_certificate(ctx, x509) != 1) {
        r = tls_file_error(err, path, "certificate not usable");
        goto out;
    }
    X509_free(x509);
    while ((x509 = PEM_read_bio_X509(bio, NULL, no_pass_phrase, NULL))) {
        if (SSL_CTX_add1_chain_cert(ctx, x509) != 1) {
            r = tls_file_error(err, path, "chain not usable");
            goto out;
        }
        X509_free(x509);
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        r = tls_file_error(err, path, "damaged certificate in the chain");
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
    int r = tls_file_open(path, &bytes, &bio, err);
    if (r < 0)
        goto out;
    if (!(key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL)))
        r = tls_file_error(err, path, "no private key without pass phrase in it");
    else if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1)
        r = err_set(err, ERR_INVALID, "%s: not the key of the certificate in %s", path, certificate_path);
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
        r = tls_file_error(err, path, "key not usable");
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

static int make_ssl_ctx(const struct tls_options *options, const struct tls_set *set,
                        struct tls_tickets *tickets, SSL_CTX **ctx_out, struct err *err)
{
    SSL_CTX *ctx = *ctx_out = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        abort();
    int r = tls_policy_apply(&options->policy, ctx, err);
    if (r < 0)
        return r;
    /* A peer that ends without close_notify is an end like any other: our protocols frame all they carry. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);                          /* a record in one read instead of two */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets only: no state with us */
    SSL_CTX_set_num_tickets(ctx, 0);                         /* tls_session_write() sends one */
    SSL_CTX_set_timeout(ctx, TLS_TICKET_LIFE_S);
    SSL_CTX_set_session_id_context(ctx, set->session_id_context, sizeof set->session_id_context);
    tls_trust_install(set->trust, ctx);
    tls_tickets_install(tickets, ctx);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    return 0;
}

static void add_digest_text(struct buf *digest, const char *text)
{
    buf_add(digest, str_c(text ? text : ""));
    buf_add_char(digest, '\0');
}

/* Whoever resumes a session brings along what its first handshake agreed on. So the rules are part of what it is
 * resumed under (session id context), and tighter ones hold for everybody at once. */
static int load_trust(const struct tls_options *options, struct tls_set *set, struct err *err)
{
    struct buf digest = BUF_INIT;
    buf_printf(&digest, "loft %d %d ", options->policy.min_version, options->policy.client_chooses);
    add_digest_text(&digest, options->policy.ciphers);
    add_digest_text(&digest, options->policy.ciphersuites);
    add_digest_text(&digest, options->policy.groups);
    int r = tls_trust_load(&options->trust, &set->trust, &digest, err);
    unsigned n;
    if (r == 0 && EVP_Digest(digest.p, digest.n, set->session_id_context, &n, EVP_sha256(), NULL) != 1)
        abort();
    set->session_id_context[TLS_SESSION_ID_CONTEXT_BYTES - 1] = TLS_CLIENT_NOT_ASKED;
    buf_deinit(&digest);
    return r;
}

void tls_set_unref(struct tls_set **set_io)
{
    struct tls_set *set = *set_io;
    *set_io = NULL;
    if (!set || !ref_put(&set->ref))
        return;
    for (size_t i = 0; i < set->count; i++)
        SSL_CTX_free(set->contexts[i]);
    free(set->contexts);
    free(set->expires_path);
    tls_trust_free(&set->trust);
    map_deinit(&set->names);
    free(set);
}

static void note_expiry(struct tls_set *set, SSL_CTX *ctx, const char *path)
{
    int64_t expires = not_after_wall_ms(SSL_CTX_get0_certificate(ctx));
    if (expires >= set->expires_wall_ms)
        return;
    set->expires_wall_ms = expires;
    free(set->expires_path);
    if (!(set->expires_path = strdup(path)))
        abort();
}

static int load_pair(const struct tls_options *options, const struct tls_pair *pair, struct tls_set *set,
                     struct tls_tickets *tickets, struct err *err)
{
    SSL_CTX **ctx = &set->contexts[set->count++];
    int r = make_ssl_ctx(options, set, tickets, ctx, err);
    if (r == 0)
        r = load_certificates(*ctx, pair->certificate_path, err);
    if (r == 0)
        r = load_key(*ctx, pair->key_path, pair->certificate_path, err);
    if (r == 0)
        r = add_names(set, *ctx, pair->certificate_path, err);
    if (r == 0)
        note_expiry(set, *ctx, pair->certificate_path);
    return r;
}

int tls_set_load(const struct tls_options *options, struct tls_tickets *tickets, struct tls_set **set_out,
                 struct err *err)
{
    struct tls_set *set = calloc(1, sizeof *set);
    if (!set || !(set->contexts = calloc(options->pair_count, sizeof *set->contexts)))
        abort();
    ref_init(&set->ref);
    map_init(&set->names);
    set->client_name = options->trust.name;
    set->expires_wall_ms = INT64_MAX;
    int r = load_trust(options, set, err);
    for (size_t i = 0; r == 0 && i < options->pair_count; i++)
        r = load_pair(options, &options->pairs[i], set, tickets, err);
    if (r < 0) {
        tls_set_unref(&set);
        return r;
    }
    SSL_CTX_set_tlsext_servername_callback(set->contexts[0], on_server_name);
    SSL_CTX_set_tlsext_servername_arg(set->contexts[0], set);
    *set_out = set;
    return 0;
}
