/* tls_trust.h: whose certificates we take from clients.     RFC 5280; RFC 8446, 4.4.2
 * A client's certificate must lead to one of our certificate authorities, be in date, be meant for clients (extended key usage) and,
 * where there are revocation lists, neither it nor an authority in its chain be on one, and none be missing. One that does not ends the handshake with an alert that says why.
 * Threads: any; immutable once made. */
#ifndef LOFT_NET_TLS_TRUST_H
#define LOFT_NET_TLS_TRUST_H

#include "base/buf.h"
#include "net/tls_peer.h"

struct ssl_ctx_st;

enum tls_client_certificate { /* of a listener */
                              TLS_CLIENT_NOT_ASKED,
                              TLS_CLIENT_REQUESTED, /* who shows none is welcome */
                              TLS_CLIENT_REQUIRED,
};

struct tls_trust {        /* strings are borrowed; NULL or "": none */
    const char *ca_path;  /* PEM, one or more; "": no client is ever asked */
    const char *crl_path; /* PEM, lists of all authorities that sign clients' certificates */
    unsigned depth;       /* authorities between the certificate and the root; at most TLS_TRUST_DEPTH_MAX */
    enum tls_client_name name; /* which one is the user's */
};

enum { TLS_TRUST_DEPTH_MAX = 10, TLS_TRUST_CAS_MAX = 500 };

struct tls_trust_set; /* read from the files */

/* returns  0, set_out NULL without ca_path; -ERR_NOT_FOUND, -ERR_IO, -ERR_INVALID, -ERR_LIMIT: the text names the file
 * digest  gets appended what a session that was made under these rules depends on */
MUST_USE int tls_trust_load(const struct tls_trust *trust, struct tls_trust_set **set_out, struct buf *digest,
                            struct err *err);
void tls_trust_install(const struct tls_trust_set *set, struct ssl_ctx_st *ctx); /* accepts NULL */
void tls_trust_free(struct tls_trust_set **set);                                 /* accepts NULL */

/* Why this handshake failed, when the client's certificate was the reason: "expired", "unknown-authority" ... static, for logs
 * and counters. NULL: it was not. */
const char *tls_trust_refusal(struct ssl_st *ssl, unsigned long openssl_error);

#endif
