/* proxy.h: the header of HAProxy's PROXY protocol, versions 1 and 2 (haproxy doc/proxy-protocol.txt),
 * strictly parsed. A listener asks for it or not; there is no guessing, since a client could else claim any
 * address. Even so, whoever reaches such a listener is believed: let only the balancers reach it, by
 * listener_options.proxy_from or by a firewall.
 * Threads: none. */
#ifndef LOFT_NET_PROXY_H
#define LOFT_NET_PROXY_H

#include "net/addr.h"

enum {
    PROXY_V1_BYTES_MAX = 107, /* the longest line of version 1, with CRLF */
    PROXY_BYTES_MAX = 4096,   /* version 2 with its TLVs: far above what balancers send */
};

struct proxy_header {
    bool local;                 /* LOCAL or UNKNOWN: the balancer's own check; take the socket's addresses */
    struct net_addr peer;       /* the client; ADDR_NONE when local */
    struct net_addr local_addr; /* where the client connected to; ADDR_NONE when local */
    size_t bytes;               /* length of the header: what follows is the client's */
};

/* Parse the header at the start of `in`.
 *   returns  0; -ERR_SYNTAX; -ERR_LIMIT above PROXY_V1_BYTES_MAX or PROXY_BYTES_MAX; -ERR_AGAIN: all of `in`
 *            belongs to a header that is not complete yet, so it may be taken off the socket */
MUST_USE int proxy_parse(struct str in, struct proxy_header *header_out, struct err *err);

#endif
