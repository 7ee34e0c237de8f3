/* addr.h: the address of a peer or of a listener, in 24 bytes, and networks of addresses ("10.0.0.0/8").
 * IPv4-mapped IPv6 addresses become IPv4 on the way in, so that one client has one address.
 * Threads: none; values. */
#ifndef LOFT_NET_ADDR_H
#define LOFT_NET_ADDR_H

#include "base/buf.h"
#include "base/err.h"

#include <sys/socket.h>

enum addr_family { ADDR_NONE, ADDR_IPV4, ADDR_IPV6, ADDR_UNIX };

struct net_addr {
    uint8_t family; /* enum addr_family */
    uint16_t port;  /* host order; 0 for ADDR_UNIX and ADDR_NONE */
    uint32_t scope; /* of a link-local IPv6 address, else 0 */
    uint8_t ip[16]; /* network order; IPv4 in the first 4, the rest zero */
};

struct net_addr addr_from_sockaddr(const struct sockaddr *sa, socklen_t n);
/* IPv4 and IPv6 only. */
socklen_t addr_to_sockaddr(const struct net_addr *addr, struct sockaddr_storage *out);

/* An IP address alone, "192.0.2.1" or "::1"; strict, no brackets, no port.
 *   returns  0; -ERR_SYNTAX */
MUST_USE int addr_parse_ip(struct str text, struct net_addr *addr_out, struct err *err);

enum { ADDR_TEXT_BYTES = 64 };
/* "192.0.2.1", "2001:db8::1", "unix", "unknown"; with_port: "192.0.2.1:143", "[2001:db8::1]:143".
 *   returns  `out` */
const char *addr_format(const struct net_addr *addr, bool with_port, char out[static ADDR_TEXT_BYTES]);

bool addr_equal(const struct net_addr *a, const struct net_addr *b); /* with port */
bool addr_is_loopback(const struct net_addr *addr);                  /* 127/8, ::1, and every Unix socket */

/* The address as 16 bytes, an IPv4 address as ::ffff:a.b.c.d. false (and zeroes): ADDR_UNIX and ADDR_NONE have none. */
bool addr_as_ipv6(const struct net_addr *addr, uint8_t out[static 16]);

/* Who counts as one client: the IPv4 address, or the /64 of an IPv6 address (a household has that many).
 *   returns  bytes for limit_acquire(), at most ADDR_KEY_BYTES; NIL for ADDR_UNIX and ADDR_NONE, which are
 *            not limited */
enum { ADDR_KEY_BYTES = 9 };
struct str addr_client_key(const struct net_addr *addr, char out[static ADDR_KEY_BYTES]);

struct net_cidr {
    struct net_addr base;
    uint8_t bits;
};

/* "192.0.2.0/24", "2001:db8::/32", or an address alone.
 *   returns  0; -ERR_SYNTAX; -ERR_INVALID when bits behind the mask are set */
MUST_USE int cidr_parse(struct str text, struct net_cidr *cidr_out, struct err *err);
bool cidr_contains(const struct net_cidr *cidr, const struct net_addr *addr);

#endif
