#include "net/cert.h"

#include "base/file.h"
#include "net/openssl.h"

enum {
    CERT_FILE_BYTES_MAX = 64 * 1024,
    DAY_S = 24 * 3600,
    HOST_NAME_BYTES_MAX = 253,
    COMMON_NAME_BYTES_MAX = 64
};

/* RFC 1123, 2.1: letters, digits, hyphens inside; labels of 1 to 63. */
static bool is_host_name(struct str name)
{
    if (name.n == 0 || name.n > HOST_NAME_BYTES_MAX)
        return false;
    do {
        struct str label = str_cut(name, '.', &name);
        if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
        for (size_t i = 0; i < label.n; i++) {
            char c = ascii_lower(label.p[i]);
            if (!(c >= 'a' && c <= 'z') && !ascii_is_digit(c) && c != '-')
                return false;
        }
    } while (!str_is_nil(name));
    return true;
}

/* A certificate and its own key are in `pem`, and the time is within its dates. */
static bool still_good(struct str pem, int64_t now_wall_ms)
{
    time_t now = (time_t)(now_wall_ms / 1000);
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO *key_bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL) : NULL;
    bool good = x509 && key && X509_check_private_key(x509, key) == 1 &&
                X509_cmp_time(X509_get0_notBefore(x509), &now) < 0 &&
                X509_cmp_time(X509_get0_notAfter(x509), &now) > 0;
    EVP_PKEY_free(key);
    X509_free(x509);
    BIO_free(bio);
    BIO_free(key_bio);
    ERR_clear_error();
    return good;
}

static bool add_extension(X509 *x509, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, x509, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = extension && X509_add_ext(x509, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

/* RFC 5280, 4.1.2.2: positive, up to 20 octets; random, so that two with one name differ. */
static bool set_serial(X509 *x509)
{
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
    BN_free(number);
    return ok;
}

static bool set_dates(X509 *x509, int64_t now_wall_ms)
{
    time_t now = (time_t)(now_wall_ms / 1000);
    /* From an hour ago: the client's clock may be behind. */
    return X509_time_adj_ex(X509_getm_notBefore(x509), 0, -3600, &now) &&
           X509_time_adj_ex(X509_getm_notAfter(x509), CERT_DAYS, -3600, &now);
}

static bool fill(X509 *x509, EVP_PKEY *key, const char *host_name, const char *alt_names, int64_t now_wall_ms)
{
    X509_NAME *name = X509_get_subject_name(x509);
    const char *common_name = strlen(host_name) <= COMMON_NAME_BYTES_MAX ? host_name : "loft";
    return X509_set_version(x509, X509_VERSION_3) == 1 && set_serial(x509) && set_dates(x509, now_wall_ms) &&
           X509_set_pubkey(x509, key) == 1 &&
           X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC, (const unsigned char *)common_name,
                                      -1, -1, 0) == 1 &&
           X509_set_issuer_name(x509, name) == 1 &&
           add_extension(x509, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x509, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x509, NID_ext_key_usage, "serverAuth") &&
           add_extension(x509, NID_subject_key_identifier, "hash") &&
           add_extension(x509, NID_subject_alt_name, alt_names) && X509_sign(x509, key, EVP_sha256()) > 0;
}

/* Append key and certificate as PEM. */
static bool make(const char *host_name, int64_t now_wall_ms, struct buf *pem)
{
    struct buf alt_names = BUF_INIT;
    X509 *x509 = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_secmem());

    buf_printf(&alt_names, "DNS:%s%s,IP:127.0.0.1,IP:::1", host_name,
               str_eq_nocase(str_c(host_name), STR("localhost")) ? "" : ",DNS:localhost");
    bool ok = x509 && key && bio && fill(x509, key, host_name, buf_c(&alt_names), now_wall_ms) &&
              PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1 &&
              PEM_write_bio_X509(bio, x509) == 1;
    if (ok) {
        char *p;
        long n = BIO_get_mem_data(bio, &p);
        buf_add_bytes(pem, p, (size_t)n);
    }
    BIO_free(bio);
    EVP_PKEY_free(key);
    X509_free(x509);
    buf_deinit(&alt_names);
    ERR_clear_error();
    return ok;
}

int cert_ensure_self_signed(const char *path, struct str host_name, const struct clock *clock, bool *made_out,
                            struct err *err)
{
    struct buf pem = BUF_INIT;
    int64_t now_wall_ms = clock_wall_ms(clock);
    char host_text[HOST_NAME_BYTES_MAX + 1];
    bool made = false;

    if (!is_host_name(host_name))
        return err_set(err, ERR_INVALID, "not a host name: " STR_FMT, STR_ARG(str_sub(host_name, 0, 64)));
    memcpy(host_text, host_name.p, host_name.n);
    host_text[host_name.n] = '\0';

    int r = file_read(path, CERT_FILE_BYTES_MAX, &pem, err);
    if (r == -ERR_IO)
        goto out;
    if (r < 0 || !still_good(buf_str(&pem), now_wall_ms)) {
        buf_clear(&pem);
        r = make(host_text, now_wall_ms, &pem) ? file_replace(path, buf_str(&pem), 0600, err)
                                               : err_set(err, ERR_IO, "cannot make a certificate");
        made = r == 0;
    }
    if (r == 0)
        *made_out = made;
out:
    if (pem.p)
        OPENSSL_cleanse(pem.p, pem.cap);
    buf_deinit(&pem);
    return r;
}
