/* tls_peer.h: what signing in wants to know of a TLS connection: its channel bindings, and who its client's certificate
 * names. For sessions through conn.h.
 *
 * Channel bindings (RFC 5056) tie a SASL exchange to this connection, so that nobody between can pass it on:
 * - "tls-exporter" (RFC 9266): TLS 1.3, and 1.2 with extended master secret (RFC 7627).
 * - "tls-unique" (RFC 5929, 3): the first Finished of the handshake: the client's, or the server's when a session is resumed.
 *   TLS 1.2 with extended master secret only; without it somebody between can make two connections with one
 *   value (the triple handshake), so there is none.
 * - "tls-server-end-point" (RFC 5929, 4): the hash of our certificate.
 *
 * A client's certificate is asked for where a listener does so (listener.h). One that does not verify ends the handshake, so
 * whoever is here with a certificate holds its key, and it is valid. It is looked at in each connection: no ticket stands for it.
 * Threads: none needed; a connection belongs to its worker. */
#ifndef LOFT_NET_TLS_PEER_H
#define LOFT_NET_TLS_PEER_H

#include "base/err.h"
#include "base/str.h"

struct ssl_st;
struct x509_st;

enum tls_binding_type {
    TLS_BINDING_EXPORTER,
    TLS_BINDING_UNIQUE,
    TLS_BINDING_SERVER_END_POINT,
    TLS_BINDING_COUNT,
};

const char *tls_binding_name(enum tls_binding_type type); /* "tls-exporter", as registered with IANA */

struct tls_binding {
    unsigned char n; /* bytes */
    unsigned char bytes[64];
};

/* Whether there is one; costs nothing, unlike the binding itself. */
bool tls_binding_exists(const struct ssl_st *ssl, enum tls_binding_type type);

/* returns  0; -ERR_CANNOT: this connection has no such binding */
MUST_USE int tls_binding_get(struct ssl_st *ssl, enum tls_binding_type type, struct tls_binding *binding_out,
                             struct err *err);

/* Which name of a certificate is the user's. */
enum tls_client_name {
    TLS_CLIENT_EMAIL, /* subjectAltName: rfc822Name, or SmtpUTF8Mailbox (RFC 9598) */
    TLS_CLIENT_UPN, /* subjectAltName: otherName userPrincipalName, as smart cards of Active Directory have */
    TLS_CLIENT_COMMON_NAME, /* the last CN of the subject */
};

enum { TLS_CLIENT_NAME_BYTES_MAX = 320 };

struct tls_client {
    /* The first of that kind, as it stands there: normalise it as any name from outside. "": there is none that could be a
     * user's, so this certificate is nobody's, whatever the client says (CVE-2019-3814). */
    char name[TLS_CLIENT_NAME_BYTES_MAX + 1];
    char fingerprint[65]; /* SHA-256, hex: for logs */
};

/* What one certificate says. A name is taken whole or not at all. */
struct tls_client tls_client_of(const struct x509_st *certificate, enum tls_client_name which);

/* False: no certificate was shown. */
bool tls_client_get(struct ssl_st *ssl, enum tls_client_name which, struct tls_client *client_out);

#endif
