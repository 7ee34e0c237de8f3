/* tls_policy.h: which versions, ciphers and groups of TLS we speak.     RFC 9325
 * What the settings name is checked name by name, because OpenSSL passes over what it does not know: a slip of the pen must
 * not quietly leave less, or more, than was meant.
 * Threads: any. */
#ifndef LOFT_NET_TLS_POLICY_H
#define LOFT_NET_TLS_POLICY_H

#include "base/err.h"

#include <stdbool.h>

struct ssl_ctx_st;

enum tls_version { TLS_1_2, TLS_1_3 };

/* AEAD with forward secrecy only. SHA-256, which processors help with, makes a handshake a fifth cheaper than SHA-384, so
 * it comes first. RFC 8446, 9.1; RFC 9325, 4.2 */
#define TLS_CIPHERS_DEFAULT      "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20"
#define TLS_CIPHERSUITES_DEFAULT "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define TLS_GROUPS_DEFAULT       "X25519:P-256:P-384"

struct tls_policy { /* NULL means the default; strings are borrowed */
    enum tls_version min_version;
    const char *ciphers;      /* of TLS 1.2, as openssl-ciphers(1) writes them */
    const char *ciphersuites; /* of TLS 1.3, separated by ':' */
    const char *groups;       /* for the key exchange, ours first, separated by ':' */
    bool client_chooses;      /* the client's order of ciphers counts, not ours */
};

/* 0; -ERR_INVALID: the text names the word that is not known, or the cipher that nobody may use (one that encrypts nothing, or
 * knows no certificates) */
MUST_USE int tls_policy_apply(const struct tls_policy *policy, struct ssl_ctx_st *ctx, struct err *err);

#endif
