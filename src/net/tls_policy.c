#include "net/tls_policy.h"

#include "base/str.h"
#include "net/openssl.h"

typedef int set_list_fn(SSL_CTX *ctx, const char *list);

static int set_groups(SSL_CTX *ctx, const char *list)
{
    return (int)SSL_CTX_ctrl(ctx, SSL_CTRL_SET_GROUPS_LIST, 0, (void *)(uintptr_t)list);
}

/* What leaves out or reorders, "!aNULL" or "@STRENGTH", is nothing by itself. */
static bool is_operator(struct str word)
{
    return memchr("!-+@", word.p[0], 4) != NULL;
}

/* Set each word alone, to see whether there is such a thing; then all. */
static int set_list(SSL_CTX *ctx, set_list_fn *set, bool operators, const char *what, const char *list,
                    struct err *err)
{
    char word[256];
    size_t words = 0;
    for (struct str rest = str_c(list), one; rest.n > 0;) {
        one = str_trim(str_cut(rest, ':', &rest));
        if (one.n == 0 || (operators && is_operator(one)))
            continue;
        words++;
        if (one.n >= sizeof word)
            return err_set(err, ERR_INVALID, "%s: \"%.60s\" is not known", what, one.p);
        memcpy(word, one.p, one.n);
        word[one.n] = '\0';
        bool known = set(ctx, word) == 1;
        ERR_clear_error();
        if (!known)
            return err_set(err, ERR_INVALID, "%s: \"%.60s\" is not known", what, word);
    }
    if (words == 0)
        return err_set(err, ERR_INVALID, "%s: nothing is left of \"%.200s\"", what, list);
    bool ok = set(ctx, list) == 1;
    ERR_clear_error();
    return ok ? 0 : err_set(err, ERR_INVALID, "%s: nothing is left of \"%.200s\"", what, list);
}

/* Whatever the settings say: a cipher must encrypt, and the server must show who it is. */
static int check_ciphers(SSL_CTX *ctx, struct err *err)
{
    STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
        int encryption = SSL_CIPHER_get_cipher_nid(cipher), authentication = SSL_CIPHER_get_auth_nid(cipher);
        if (encryption == NID_undef || authentication == NID_auth_null)
            return err_set(err, ERR_INVALID, "ciphers: %s protects nothing", SSL_CIPHER_get_name(cipher));
    }
    return 0;
}

int tls_policy_apply(const struct tls_policy *policy, struct ssl_ctx_st *ctx, struct err *err)
{
    SSL_CTX_set_min_proto_version(ctx, policy->min_version == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    int r = set_list(ctx, SSL_CTX_set_cipher_list, true, "ciphers",
                     policy->ciphers ? policy->ciphers : TLS_CIPHERS_DEFAULT, err);
    if (r == 0)
        r = check_ciphers(ctx, err);
    if (r == 0)
        r = set_list(ctx, SSL_CTX_set_ciphersuites, false, "ciphersuites",
                     policy->ciphersuites ? policy->ciphersuites : TLS_CIPHERSUITES_DEFAULT, err);
    if (r == 0)
        r = set_list(ctx, set_groups, false, "groups", policy->groups ? policy->groups : TLS_GROUPS_DEFAULT,
                     err);
    if (r < 0)
        return r;
    /* A client that puts ChaCha20 first has no help from its processor for AES: its wish costs us little. */
    SSL_CTX_set_options(
        ctx, policy->client_chooses ? 0 : SSL_OP_PRIORITIZE_CHACHA | SSL_OP_CIPHER_SERVER_PREFERENCE);
    return 0;
}
