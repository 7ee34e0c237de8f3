/* tls.h: certificates and settings of a TLS server, and their reload.     RFC 8446, RFC 5246, RFC 8314
 * TLS 1.2 and 1.3, no compression, no renegotiation, no early data; unless tls_policy says otherwise AEAD with forward
 * secrecy only.
 * - SNI (RFC 6066, 3): the certificate whose names match, exactly or by "*." for one label; else the first.
 *   All contexts are made at load, none on demand, so that invented names cost no memory (CVE-2017-15130).
 * - ALPN (RFC 7301): a client that offers none is fine; one that offers only what we do not speak is refused
 *   with no_application_protocol, so that a browser cannot be led here (ALPACA).
 * - Tickets (RFC 5077; RFC 8446, 4.6.1) are sealed with keys that live in memory and rotate; resumption works
 *   across a reload, and across a restart: then the keys lie in a file for a moment. Not, however, when the policy or the rules
 *   for clients' certificates have changed since, and not with a certificate.
 * - Reload swaps all at once; connections made before keep what they began with until they end.
 * Threads: any. */
#ifndef LOFT_NET_TLS_H
#define LOFT_NET_TLS_H

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"
#include "net/tls_policy.h"
#include "net/tls_socket.h"
#include "net/tls_trust.h"

struct tls_context;
struct ssl_st; /* OpenSSL's SSL */

struct tls_pair {
    const char *certificate_path; /* PEM: the certificate, then its chain */
    const char *key_path;         /* PEM, without pass phrase; may be the same file */
};

enum {
    TLS_PAIRS_MAX = 1000,
    TLS_NAMES_MAX = 10000, /* of all certificates together */
    TLS_FILE_BYTES_MAX = 1 << 20,
    TLS_TICKET_ROTATE_MS = 6 * 3600 * 1000,
    TLS_TICKET_LIFE_S = 12 * 3600, /* a key seals for 6 hours, opens for 12 more */
};

struct tls_options {              /* all is copied */
    const struct tls_pair *pairs; /* the first is the default; at least one */
    size_t pair_count;
    struct tls_policy policy;
    struct tls_trust trust;
    const struct clock *clock; /* borrows, for the life of the context */
};

/* Would they load? Without pairs: all but these. For a look at the settings before they count. */
MUST_USE int tls_options_check(const struct tls_options *options, struct err *err);

/* Load.
 *   tls_out  a reference, the caller's
 *   returns  0; -ERR_NOT_FOUND, -ERR_IO; -ERR_INVALID (the text names the file: no PEM, key of another
 *            certificate ...); -ERR_LIMIT above TLS_PAIRS_MAX, TLS_NAMES_MAX or TLS_FILE_BYTES_MAX */
MUST_USE int tls_context_new(const struct tls_options *options, struct tls_context **tls_out,
                             struct err *err);
void tls_context_ref(struct tls_context *tls);
void tls_context_unref(struct tls_context **tls); /* frees with the last; accepts NULL */

/* Read the files again; `options` NULL: by the same settings. On an error nothing has changed. */
MUST_USE int tls_context_reload(struct tls_context *tls, const struct tls_options *options, struct err *err);

/* The server stops: leave the keys of tickets in `path` for the one that starts next. -ERR_IO, -ERR_FULL */
MUST_USE int tls_context_leave_tickets(struct tls_context *tls, const char *path, struct err *err);
/* It has started: take them, and remove the file. A server that was killed left none.
 *   returns  0, also without a file; -ERR_IO; -ERR_CORRUPT: every client makes a full handshake once */
MUST_USE int tls_context_take_tickets(struct tls_context *tls, const char *path, struct err *err);

/* When the first of the certificates runs out, in ms since 1970: for a warning and for metrics.
 *   path_out  gets appended its file; may be NULL */
int64_t tls_context_expires_wall_ms(struct tls_context *tls, struct buf *path_out);

enum tls_client_name tls_context_client_name(struct tls_context *tls);

/* A list for ALPN in wire format (RFC 7301, 3.1), made once per listener: lives as long as every SSL that
 * uses it. */
struct tls_alpn {
    uint8_t n;
    unsigned char wire[63];
};
/* `names` separated by blanks: "imap". "" for none: ALPN is ignored.
 *   returns  0; -ERR_INVALID when it does not fit */
MUST_USE int tls_alpn_make(struct str names, struct tls_alpn *alpn_out, struct err *err);

/* The server side of TLS on one connection. In place; ssl NULL while there is none. */
struct tls_session {
    struct ssl_st *ssl;
    struct tls_socket socket;
    struct tls_context *tls; /* own reference */
    struct tls_set
        *set;        /* own reference, for the callbacks of handshake and ticket; NULL once that has gone */
    bool ticket_due; /* asked for, and gone with the first bytes written */
};

/* On the non-blocking `fd`, which it does not own. It sends nothing yet: SSL_do_handshake is the caller's, who also tells
 * session->socket what epoll says. The session stays where it is until tls_session_deinit.
 *   alpn     borrows, for the life of the session
 *   ask      for a certificate of the client, if there are authorities that could have signed it
 *   returns  0; -ERR_IO when OpenSSL is out of memory */
MUST_USE int tls_session_init(struct tls_session *session, struct tls_context *tls, int fd,
                              const struct tls_alpn *alpn, enum tls_client_certificate ask, struct err *err);
/* SSL_write(). With the first bytes goes the ticket of TLS 1.3, not before: a client that after STARTTLS
 * waits to speak would be woken by it, and those that read in one thread and write in another (imaplib2, so
 * offlineimap) hang when both meet in OpenSSL. */
int tls_session_write(struct tls_session *session, const char *p, int n);
void tls_session_deinit(struct tls_session *session);

/* Fill err (-ERR_CLOSED) from this thread's OpenSSL queue and empty that. */
int tls_error(struct err *err, const char *what);

#endif
