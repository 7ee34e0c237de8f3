/* ldap_dial.h: from a URI to a connected, perhaps encrypted, handle of libldap, in a bounded time.
 * The socket and TLS are ours: libldap's GnuTLS, as Debian builds it, turns in a loop for as long as a server takes the connection and
 * does not shake hands. TLS 1.2 or later, and the certificate must be signed by whom the CA file names, for the host that was
 * asked for.     RFC 4513, 3; RFC 4516
 * Threads: none needed. */
#ifndef LOFT_AUTH_LDAP_DIAL_H
#define LOFT_AUTH_LDAP_DIAL_H

#include "base/err.h"
#include "base/str.h"

#include <ldap.h>

enum { LDAP_HOST_BYTES_MAX = 255 };

enum ldap_way { LDAP_WAY_PLAIN, LDAP_WAY_TLS, LDAP_WAY_LOCAL };

struct ldap_address {
    enum ldap_way way;                  /* ldap, ldaps, ldapi */
    char host[LDAP_HOST_BYTES_MAX + 1]; /* without brackets */
    char port[6];
};

/* uri = ("ldap" / "ldaps" / "ldapi") "://" host [":" port] ["/"]. -ERR_INVALID. */
MUST_USE int ldap_address_parse(struct str uri, struct ldap_address *address_out, struct err *err);
/* This machine, and no name that somebody else could answer for but "localhost". */
bool ldap_address_is_loopback(const struct ldap_address *address);

/* A handle that is connected; with LDAP_WAY_TLS the handshake is done. -ERR_UNAVAILABLE. ldap_unbind_ext() it. */
MUST_USE int ldap_dial(const struct ldap_address *address, const char *ca_file, uint32_t timeout_ms,
                       LDAP **ld_out, struct err *err);
/* The handshake, now: the server has agreed to StartTLS. -ERR_UNAVAILABLE: unbind it. */
MUST_USE int ldap_dial_encrypt(LDAP *ld, const struct ldap_address *address, const char *ca_file,
                               uint32_t timeout_ms, struct err *err);

#endif
