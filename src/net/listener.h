/* listener.h: where clients connect to, one of
 *
 *   "127.0.0.1:143", "[::1]:993"   an address and its port; IPv6 sockets are IPv6 only
 *   "*:143"                        every address of the machine, IPv4 and IPv6
 *   "host.example:143"             each address of that name
 *   "/run/imap", "./imap"          a Unix socket
 *
 * When the process is out of descriptors, accepting pauses for a moment instead of spinning.
 * Threads: as net.h. */
#ifndef LOFT_NET_LISTENER_H
#define LOFT_NET_LISTENER_H

#include "net/conn.h"
#include "net/net.h"
#include "net/tls.h"

#include <stdatomic.h>
#include <sys/types.h>

enum listener_tls {
    LISTENER_TLS_NONE,
    LISTENER_TLS_STARTTLS, /* conn_start_tls() works */
    LISTENER_TLS_IMPLICIT, /* from the first byte: RFC 8314, 3 */
};

/* Zero means the default in every number. Pointers are borrowed until net_free(), `address` and `alpn` only
 * for the call. */
struct listener_options {
    struct str address;
    const struct conn_handler *handler;
    void *ctx; /* for handler->open */

    enum listener_tls tls_mode;
    struct tls_context *tls; /* a reference is taken; needed unless LISTENER_TLS_NONE */
    struct str alpn;         /* "imap"; NIL: ALPN is ignored */
    /* enum tls_client_certificate: read at each handshake, so that a reload can change it. NULL: not asked */
    const atomic_uint *client_certificate;

    bool proxy;                        /* a PROXY header must come first, v1 or v2: proxy.h */
    const struct net_cidr *proxy_from; /* who may send one; others are dropped. None: anybody */
    size_t proxy_from_count;

    mode_t unix_mode;          /* of a Unix socket; default 0600 */
    unsigned backlog;          /* default 1024 */
    unsigned per_client_max;   /* connections per client address (addr_client_key); 0: no limit */
    size_t input_bytes_max;    /* default 64 KiB */
    size_t output_high_bytes;  /* default 256 KiB */
    size_t output_low_bytes;   /* default 64 KiB */
    unsigned setup_timeout_ms; /* PROXY header and TLS handshake together; default 30 s */
    unsigned close_timeout_ms; /* without progress, for the last output; default 10 s */
};

/* Start accepting on every address that `options->address` means (one listener).
 *   listener_out  may be NULL; lives until net_free()
 *   returns       0; -ERR_SYNTAX; -ERR_NOT_FOUND (host name, address, folder); -ERR_EXISTS (in use);
 *                 -ERR_DENIED (privileged port); -ERR_INVALID (ALPN); -ERR_IO */
MUST_USE int net_listen(struct net *net, const struct listener_options *options,
                        struct listener **listener_out, struct err *err);

/* Stop accepting; connections made before go on. */
void listener_close(struct listener *listener);

/* Where it listens, for "port 0" in tests and for the log: address `i`, or ADDR_NONE behind the last. */
struct net_addr listener_addr(const struct listener *listener, size_t i);

#endif
