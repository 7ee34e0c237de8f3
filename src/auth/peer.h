/* peer.h: who is at the other end, as signing in sees it. Plain values, filled by the protocol that asks. */
#ifndef LOFT_AUTH_PEER_H
#define LOFT_AUTH_PEER_H

#include "base/str.h"

#include <stdbool.h>

enum {
    PEER_ADDRESS_BYTES = 64, /* as text, without a port */
    PEER_IP_BYTES = 16,      /* IPv6; an IPv4 address as ::ffff:a.b.c.d */
};

struct auth_peer {
    const char *protocol; /* static: "imap", "lmtp", "sieve" ...: the name of a scope of app passwords, too */
    char address[PEER_ADDRESS_BYTES]; /* for logs: "192.0.2.1", "unix" */
    bool has_ip;                      /* false: a local socket */
    unsigned char ip[PEER_IP_BYTES];
    /* Who counts as one client (addr_client_key of net/addr.h): the IPv4 address, the /64 of an IPv6 address. Borrows; NIL
     * for a local socket, of which no score is kept. */
    struct str client_key;
    const char *tls_version; /* static: "TLSv1.3"; NULL without TLS */
    struct str client;       /* what it says it is; borrows; NIL or "": nothing yet */
    uint64_t session;        /* number of the connection, as in the log */
};

#endif
