#include "net/tls_trust.h"

#include "base/file.h"
#include "net/openssl.h"
#include "net/tls.h"
#include "net/tls_file.h"

#include <stdlib.h>

struct tls_trust_set {
    X509_STORE *store;
    STACK_OF(X509_NAME) * names; /* told to clients, so that they choose the right certificate of several */
    unsigned depth;
};

/* PEM_R_NO_START_LINE: the end of the file; anything else: something is damaged. */
static bool at_end(void)
{
    bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    if (end)
        ERR_clear_error();
    return end;
}

static int add_authorities(struct tls_trust_set *set, BIO *bio, const char *path, struct err *err)
{
    int r = 0;
    size_t count = 0;
    X509 *x509;
    while (r == 0 && (x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        X509_NAME *name = X509_NAME_dup(X509_get_subject_name(x509));
        if (X509_check_ca(x509) == 0)
            r = err_set(err, ERR_INVALID, "%s: certificate %zu is no authority's", path, count + 1);
        else if (++count > TLS_TRUST_CAS_MAX)
            r = err_set(err, ERR_LIMIT, "%s: more than %d authorities", path, TLS_TRUST_CAS_MAX);
        else if (!name || X509_STORE_add_cert(set->store, x509) != 1 || !sk_X509_NAME_push(set->names, name))
            r = tls_file_error(err, path, "authority not usable");
        else
            name = NULL; /* the list has it */
        X509_NAME_free(name);
        X509_free(x509);
    }
    if (r == 0 && (!at_end() || count == 0))
        r = tls_file_error(err, path, count ? "damaged certificate in it" : "no certificate in it");
    return r;
}

static int add_revocations(struct tls_trust_set *set, BIO *bio, const char *path, struct err *err)
{
    int r = 0;
    size_t count = 0;
    X509_CRL *crl;
    while (r == 0 && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
        if (++count > TLS_TRUST_CAS_MAX)
            r = err_set(err, ERR_LIMIT, "%s: more than %d revocation lists", path, TLS_TRUST_CAS_MAX);
        else if (X509_STORE_add_crl(set->store, crl) != 1)
            r = tls_file_error(err, path, "revocation list not usable");
        X509_CRL_free(crl);
    }
    if (r == 0 && (!at_end() || count == 0))
        r = tls_file_error(err, path, count ? "damaged revocation list in it" : "no revocation list in it");
    if (r == 0)
        X509_STORE_set_flags(set->store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return r;
}

static int read_file(struct tls_trust_set *set, const char *path,
                     int (*add)(struct tls_trust_set *, BIO *, const char *, struct err *),
                     struct buf *digest, struct err *err)
{
    struct buf bytes = BUF_INIT;
    BIO *bio = NULL;
    int r = tls_file_open(path, &bytes, &bio, err);
    if (r == 0)
        r = add(set, bio, path, err);
    if (r == 0)
        buf_add(digest, buf_str(&bytes));
    BIO_free(bio);
    buf_deinit(&bytes);
    return r;
}

int tls_trust_load(const struct tls_trust *trust, struct tls_trust_set **set_out, struct buf *digest,
                   struct err *err)
{
    if (!trust->ca_path || !*trust->ca_path) {
        *set_out = NULL;
        return 0;
    }
    struct tls_trust_set *set = calloc(1, sizeof *set);
    if (!set || !(set->store = X509_STORE_new()) || !(set->names = sk_X509_NAME_new_null()))
        abort();
    set->depth = trust->depth < TLS_TRUST_DEPTH_MAX ? trust->depth : TLS_TRUST_DEPTH_MAX;
    int r = read_file(set, trust->ca_path, add_authorities, digest, err);
    if (r == 0 && trust->crl_path && *trust->crl_path)
        r = read_file(set, trust->crl_path, add_revocations, digest, err);
    buf_printf(digest, "%u", set->depth);
    if (r < 0)
        tls_trust_free(&set);
    else
        *set_out = set;
    return r;
}

void tls_trust_install(const struct tls_trust_set *set, struct ssl_ctx_st *ctx)
{
    if (!set)
        return;
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(set->names);
    if (!names)
        abort();
    SSL_CTX_set1_cert_store(ctx, set->store);
    SSL_CTX_set_client_CA_list(ctx, names); /* takes it */
    SSL_CTX_set_verify_depth(ctx, (int)set->depth);
}

void tls_trust_free(struct tls_trust_set **set_io)
{
    struct tls_trust_set *set = *set_io;
    *set_io = NULL;
    if (!set)
        return;
    X509_STORE_free(set->store);
    sk_X509_NAME_pop_free(set->names, X509_NAME_free);
    free(set);
}

const char *tls_trust_refusal(struct ssl_st *ssl, unsigned long openssl_error)
{
    static const struct {
        long code;
        const char *name;
    } classes[] = {
        { X509_V_ERR_CERT_HAS_EXPIRED, "expired" },
        { X509_V_ERR_CERT_NOT_YET_VALID, "not-yet-valid" },
        { X509_V_ERR_CERT_REVOKED, "revoked" },
        { X509_V_ERR_UNABLE_TO_GET_CRL, "no-revocation-list" },
        { X509_V_ERR_CRL_HAS_EXPIRED, "revocation-list-expired" },
        { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "unknown-authority" },
        { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "unknown-authority" },
        { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "unknown-authority" },
        { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "unknown-authority" },
        { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "unknown-authority" },
        { X509_V_ERR_CERT_CHAIN_TOO_LONG, "chain-too-long" },
        { X509_V_ERR_INVALID_PURPOSE, "not-for-clients" },
        { X509_V_ERR_INVALID_CA, "not-for-clients" },
        { X509_V_ERR_EE_KEY_TOO_SMALL, "too-weak" },
        { X509_V_ERR_CA_KEY_TOO_SMALL, "too-weak" },
        { X509_V_ERR_CA_MD_TOO_WEAK, "too-weak" },
    };
    long code = SSL_get_verify_result(ssl);
    if (ERR_GET_REASON(openssl_error) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        return "missing";
    if (code == X509_V_OK)
        return NULL;
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (classes[i].code == code)
            return classes[i].name;
    return "invalid";
}
