/* gssapi.h: GSSAPI, which is Kerberos 5, by GNU SASL.     RFC 4752
 * Whom a ticket names is a user when his realm is one of ours: anna@EXAMPLE.ORG is anna@example.org. Principals with an instance
 * (host/..., anna/admin) are nobody. No security layer: TLS is one.
 * Threads: gssapi_prepare before there are others; else one owner an exchange. */
#ifndef LOFT_AUTH_GSSAPI_H
#define LOFT_AUTH_GSSAPI_H

#include "auth/directory/users.h"
#include "base/buf.h"

struct gssapi_settings { /* borrows */
    const char *keytab;  /* with the key of imap/HOST and the like; "": nobody signs in by Kerberos */
    const char *host;    /* HOST; "": this machine's name */
    const char *realms;  /* with spaces or commas between */
};

/* Tell the Kerberos library of the keytab, and look whether it can be used. Does nothing without one.
 *   errors  -ERR_CANNOT: built without GNU SASL; -ERR_INVALID: no key in it that is for us, realms empty */
MUST_USE int gssapi_prepare(const struct gssapi_settings *settings, struct err *err);

struct gssapi_exchange;
/* `service` is that of the protocol: "imap". -ERR_UNAVAILABLE */
MUST_USE int gssapi_new(const struct gssapi_settings *settings, const char *service,
                        struct gssapi_exchange **exchange_out, struct err *err);
void gssapi_free(struct gssapi_exchange **exchange); /* accepts NULL */

/*   challenge  appended to when 1 is returned
 *   name_out, authzid_out  set when 0 is returned: who it is, and whose mail it wants (""; its own)
 *   returns    1: send the challenge; 0; -ERR_AUTH: no ticket that is good here; -ERR_UNAVAILABLE: the keytab cannot be used */
MUST_USE int gssapi_step(struct gssapi_exchange *exchange, struct str response, struct buf *challenge,
                         char name_out[USER_NAME_BYTES_MAX + 1], char authzid_out[USER_NAME_BYTES_MAX + 1],
                         struct err *err);

/* The user whom the principal `display_name` stands for: "anna@EXAMPLE.ORG". -ERR_AUTH: nobody. */
MUST_USE int gssapi_user_of(struct str display_name, struct str realms,
                            char name_out[USER_NAME_BYTES_MAX + 1], struct err *err);

#endif
