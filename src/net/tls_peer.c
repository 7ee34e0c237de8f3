#include "net/tls_peer.h"

#include "base/codec.h"
#include "base/utf8.h"
#include "net/openssl.h"

#include <assert.h>

/* ---- channel bindings ---- */

static const char *const binding_names[TLS_BINDING_COUNT] = {
    [TLS_BINDING_EXPORTER] = "tls-exporter",
    [TLS_BINDING_UNIQUE] = "tls-unique",
    [TLS_BINDING_SERVER_END_POINT] = "tls-server-end-point",
};

const char *tls_binding_name(enum tls_binding_type type)
{
    return binding_names[type];
}

/* RFC 9266, 2. The context is a string of no bytes, which TLS 1.2 tells from none. */
static bool get_exporter(SSL *ssl, struct tls_binding *binding)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    binding->n = 32;
    return SSL_export_keying_material(ssl, binding->bytes, binding->n, label, sizeof label - 1,
                                      (const unsigned char *)"", 0, 1) == 1;
}

/* RFC 5929, 3.1. We never renegotiate, so the handshake is the only one. */
static bool get_unique(SSL *ssl, struct tls_binding *binding)
{
    bool ours_is_first = SSL_session_reused(ssl) == 1;
    size_t n = ours_is_first ? SSL_get_finished(ssl, binding->bytes, sizeof binding->bytes)
                             : SSL_get_peer_finished(ssl, binding->bytes, sizeof binding->bytes);
    binding->n = (unsigned char)n;
    return n > 0 && n <= sizeof binding->bytes;
}

/* By the hash of the certificate's signature; NULL for one without a hash of its own (Ed25519). */
static const EVP_MD *end_point_hash(const SSL *ssl)
{
    const X509 *x509 = SSL_get_certificate(ssl);
    int hash, key;
    if (!x509 || !OBJ_find_sigid_algs(X509_get_signature_nid(x509), &hash, &key) || hash == NID_undef)
        return NULL;
    return hash == NID_md5 || hash == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(hash);
}

/* RFC 5929, 4.1. SHA-256 stands in for MD5 and SHA-1. */
static bool get_end_point(SSL *ssl, struct tls_binding *binding)
{
    unsigned n;
    const EVP_MD *md = end_point_hash(ssl);
    if (EVP_MD_get_size(md) > (int)sizeof binding->bytes ||
        X509_digest(SSL_get_certificate(ssl), md, binding->bytes, &n) != 1)
        return false;
    binding->n = (unsigned char)n;
    return true;
}

bool tls_binding_exists(const struct ssl_st *ssl, enum tls_binding_type type)
{
    bool is_1_3 = SSL_version(ssl) == TLS1_3_VERSION;
    bool unique_secret = is_1_3 || SSL_get_extms_support((SSL *)(uintptr_t)ssl) == 1;
    if (SSL_is_init_finished(ssl) != 1)
        return false;
    if (type == TLS_BINDING_EXPORTER)
        return unique_secret;
    if (type == TLS_BINDING_UNIQUE)
        return unique_secret && !is_1_3;
    return end_point_hash(ssl) != NULL;
}

int tls_binding_get(struct ssl_st *ssl, enum tls_binding_type type, struct tls_binding *binding_out,
                    struct err *err)
{
    static bool (*const gets[TLS_BINDING_COUNT])(SSL *, struct tls_binding *) = {
        [TLS_BINDING_EXPORTER] = get_exporter,
        [TLS_BINDING_UNIQUE] = get_unique,
        [TLS_BINDING_SERVER_END_POINT] = get_end_point,
    };
    struct tls_binding binding = { .n = 0 };
    assert(type < TLS_BINDING_COUNT);
    bool ok = tls_binding_exists(ssl, type) && gets[type](ssl, &binding);
    ERR_clear_error();
    if (!ok)
        return err_set(err, ERR_CANNOT, "this connection has no %s", binding_names[type]);
    *binding_out = binding;
    return 0;
}

/* ---- the client's certificate ---- */

/* A name with bytes that no user's has is no name: it must not be cut or bent into somebody's. */
static bool take_name(struct str name, struct tls_client *client)
{
    if (name.n == 0 || name.n > TLS_CLIENT_NAME_BYTES_MAX || !utf8_is_valid(name))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] <= ' ' || name.p[i] == 0x7f)
            return false;
    memcpy(client->name, name.p, name.n);
    client->name[name.n] = '\0';
    return true;
}

static struct str asn1_text(const ASN1_STRING *s)
{
    return str_make(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

static struct str alt_name_text(const GENERAL_NAME *alt, enum tls_client_name which)
{
    if (alt->type == GEN_EMAIL && which == TLS_CLIENT_EMAIL)
        return asn1_text(alt->d.rfc822Name);
    if (alt->type != GEN_OTHERNAME || alt->d.otherName->value->type != V_ASN1_UTF8STRING)
        return STR_NIL;
    int nid = OBJ_obj2nid(alt->d.otherName->type_id);
    if ((nid == NID_ms_upn && which == TLS_CLIENT_UPN) ||
        (nid == NID_id_on_SmtpUTF8Mailbox && which == TLS_CLIENT_EMAIL))
        return asn1_text(alt->d.otherName->value->value.utf8string);
    return STR_NIL;
}

static bool take_alt_name(const X509 *x509, enum tls_client_name which, struct tls_client *client)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    struct str text = STR_NIL;
    for (int i = 0; !text.p && i < sk_GENERAL_NAME_num(names); i++)
        text = alt_name_text(sk_GENERAL_NAME_value(names, i), which);
    bool found = text.p && take_name(text, client);
    GENERAL_NAMES_free(names);
    return found;
}

static bool take_common_name(const X509 *x509, struct tls_client *client)
{
    const X509_NAME *subject = X509_get_subject_name(x509);
    int last = -1;
    for (int at; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, last)) >= 0;)
        last = at;
    if (last < 0)
        return false;
    unsigned char *utf8;
    int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last)));
    if (n < 0)
        return false;
    bool found = take_name(str_make(utf8, (size_t)n), client);
    OPENSSL_free(utf8);
    return found;
}

static void take_fingerprint(const X509 *x509, struct tls_client *client)
{
    unsigned char hash[32];
    struct buf hex = BUF_INIT;
    unsigned n;
    if (X509_digest(x509, EVP_sha256(), hash, &n) == 1)
        hex_encode(str_make(hash, sizeof hash), &hex);
    memcpy(client->fingerprint, buf_str(&hex).p, hex.n);
    buf_deinit(&hex);
}

struct tls_client tls_client_of(const struct x509_st *certificate, enum tls_client_name which)
{
    struct tls_client client = { .name = "" };
    if (which == TLS_CLIENT_COMMON_NAME)
        take_common_name(certificate, &client);
    else
        take_alt_name(certificate, which, &client);
    take_fingerprint(certificate, &client);
    ERR_clear_error();
    return client;
}

bool tls_client_get(struct ssl_st *ssl, enum tls_client_name which, struct tls_client *client_out)
{
    const X509 *x509 = SSL_get0_peer_certificate(ssl);
    /* Both: OpenSSL says X509_V_OK of a client that showed none, too. */
    if (!x509 || !SSL_is_init_finished(ssl) || SSL_get_verify_result(ssl) != X509_V_OK)
        return false;
    *client_out = tls_client_of(x509, which);
    return true;
}
