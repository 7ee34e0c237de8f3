/* tls_set.h: what one load of certificates and settings has made. Immutable; held by the context and by each handshake under
 * way, whose callbacks read it.     Threads: any. For tls.c alone. */
#ifndef LOFT_NET_TLS_SET_H
#define LOFT_NET_TLS_SET_H

#include "base/map.h"
#include "base/ref.h"
#include "net/tls.h"

struct tls_tickets;
struct tls_trust_set;
struct ssl_ctx_st;

enum { TLS_SESSION_ID_CONTEXT_BYTES = 32 };

struct tls_set {
    struct ref ref;
    struct ssl_ctx_st **contexts; /* one a pair; the first is the default */
    size_t count;
    struct map names;            /* lower case, "*.example.org" for wildcards -> SSL_CTX, borrowed */
    struct tls_trust_set *trust; /* NULL: no client is asked for a certificate */
    enum tls_client_name client_name;
    /* A session made under other rules is not resumed. The last byte is the listener's enum tls_client_certificate. */
    unsigned char session_id_context[TLS_SESSION_ID_CONTEXT_BYTES];
    int64_t expires_wall_ms; /* of the certificate that runs out first */
    char *expires_path;
};

/* As tls_context_new says. Borrows `tickets`, which must outlive the set. */
MUST_USE int tls_set_load(const struct tls_options *options, struct tls_tickets *tickets,
                          struct tls_set **set_out, struct err *err);
void tls_set_unref(struct tls_set **set); /* accepts NULL */

#endif
