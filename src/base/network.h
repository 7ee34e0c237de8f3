/* network.h: blocks of IP addresses: "192.0.2.0/24", "2001:db8::/32", or one address.
 * An address is 16 bytes; one of IPv4 is ::ffff:a.b.c.d, so that a client counts as the same whichever socket took it.
 * Threads: none; values. */
#ifndef LOFT_BASE_NETWORK_H
#define LOFT_BASE_NETWORK_H

#include "base/err.h"
#include "base/str.h"

enum { NETWORK_IP_BYTES = 16, NETWORK_TEXT_BYTES_MAX = 64 };

struct network {
    unsigned char ip[NETWORK_IP_BYTES];
    unsigned prefix_bits; /* 0 to 128; of IPv4 96 more than is written */
};

/* -ERR_INVALID: no address, a prefix too long, or bits behind the prefix that are not 0: "192.0.2.1/24" may be meant either way. */
MUST_USE int network_parse(struct str text, struct network *network_out, struct err *err);
bool network_contains(const struct network *network, const unsigned char ip[NETWORK_IP_BYTES]);

/* A list, with commas or spaces between. Check it once; what is then no network is in none. */
MUST_USE int network_list_check(struct str list, struct err *err);
bool network_list_contains(struct str list, const unsigned char ip[NETWORK_IP_BYTES]);

#endif
