/* ldap_link.h: one connection to a directory server, and what we ask of it: bind and search, each within a time.
 *     RFC 4511, RFC 4513
 * Encrypted before anything is said: ldaps, or StartTLS (RFC 4513, 3.1); the certificate must be good for the host of the URI. Referrals
 * are not followed. The options of ldap.conf(5) and of the environment that matter here are overruled.
 * Opens: the CA file, /etc/ldap/ldap.conf, and to find a host /etc/hosts, /etc/resolv.conf, /etc/nsswitch.conf, /etc/host.conf,
 * /etc/gai.conf.
 * Threads: one at a time. */
#ifndef LOFT_AUTH_LDAP_LINK_H
#define LOFT_AUTH_LDAP_LINK_H

#include "base/err.h"
#include "base/str.h"

#include <ldap.h>

enum {
    LDAP_URIS_MAX = 8,
    LDAP_ANSWER_BYTES_MAX = 4 * 1024 * 1024, /* one message of the server */
    LDAP_ENTRIES_MAX = 1024,                 /* of one search */
};

struct ldap_link_params {
    const char *ca_file;    /* whom certificates must be signed by */
    const char *service_dn; /* whom we search as; "" for nobody (anonymous) */
    const char *service_password;
    uint32_t timeout_ms; /* of connecting, and of each answer */
    bool starttls;       /* for ldap:// */
};

struct ldap_link;

/* May passwords go to `uri`? -ERR_INVALID: it is no ldap, ldaps or ldapi URI with nothing but a host and a port; -ERR_DENIED: in the
 * clear, to elsewhere than this machine. */
MUST_USE int ldap_uri_check(struct str uri, bool starttls, bool allow_plaintext, struct err *err);

/* Connected, encrypted, and signed in as the service. -ERR_UNAVAILABLE. */
MUST_USE int ldap_link_open(const struct ldap_link_params *params, const char *uri,
                            struct ldap_link **link_out, struct err *err);
void ldap_link_close(struct ldap_link **link);
/* The server is gone, or an answer did not come in time: close it. */
bool ldap_link_is_broken(const struct ldap_link *link);

enum ldap_refusal {
    LDAP_REFUSED_NOT,
    LDAP_REFUSED_WRONG,
    LDAP_REFUSED_EXPIRED,
    LDAP_REFUSED_DISABLED,
    LDAP_REFUSED_LOCKED
};

/* Is this the password of `dn`? Neither may be empty: a bind without a password always succeeds (RFC 4513, 5.1.2).
 *   refusal_out  LDAP_REFUSED_EXPIRED, _DISABLED: the server says so of a password that is right
 *   errors       -ERR_UNAVAILABLE */
MUST_USE int ldap_link_try(struct ldap_link *link, const char *dn, struct str password,
                           enum ldap_refusal *refusal_out, struct err *err);

enum ldap_as { LDAP_AS_SERVICE, LDAP_AS_LAST_TRIED };

struct ldap_query {
    const char *base, *filter;
    int scope;                     /* LDAP_SCOPE_SUBTREE, LDAP_SCOPE_BASE */
    const char *const *attributes; /* NULL behind the last */
    int entries_max;
    enum ldap_as as;
};

/*   result_out  ldap_msgfree it, also after -ERR_LIMIT
 *   errors      -ERR_NOT_FOUND: the base does not exist; -ERR_LIMIT: there are more than entries_max; -ERR_UNAVAILABLE */
MUST_USE int ldap_link_search(struct ldap_link *link, const struct ldap_query *query,
                              LDAPMessage **result_out, struct err *err);

LDAP *ldap_link_handle(struct ldap_link *link); /* for reading results */

#endif
