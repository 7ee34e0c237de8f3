/* provider_ldap.h: people of an LDAP directory, Active Directory included, as a provider: "ldap".     RFC 4511, RFC 4513
 *
 *   by search    the service finds the entry (`user_filter` below `base`); then the server verifies the password by a bind as
 *                that entry, or we do, by `password_attribute` (scheme.h; RFC 2307, 5.3), which gives SCRAM where the settings say that all have a
 *                password that it can be had of
 *   by template  `user_dn` with the name in it is bound at once. Without a service nothing tells who exists: every name counts as
 *                this provider's for a password, and find() knows nobody
 * More entries than one for a name, or more than one value of `name_attribute`, let nobody in: -ERR_UNAVAILABLE, it is for the
 * administrator to say which. So is a directory that is down, or that refuses the service.
 * Names are escaped (ldap_template.h). An empty password is never sent (RFC 4513, 5.1.2).
 * Opens what ldap_link.h says.
 * Threads: as provider.h; each call takes one of `connections`. */
#ifndef LOFT_AUTH_PROVIDER_LDAP_H
#define LOFT_AUTH_PROVIDER_LDAP_H

#include "auth/provider.h"
#include "base/log.h"

enum { LDAP_PASSWORDS_MAX = 16 /* values of password_attribute that are tried */ };

/* Strings are never NULL; "" is "not set". Borrows all, until free. */
struct provider_ldap_params {
    const char *uris; /* with spaces between */
    bool starttls, allow_plaintext;
    const char *ca_file;
    const char *bind_dn, *bind_password_file; /* the service; "" for nobody (anonymous) */
    const char *base, *user_filter;
    const char *user_dn;            /* a template: then user_filter is not used */
    bool by_attribute;              /* verify password_attribute instead of binding */
    bool remember;                  /* the directory takes no one-time codes: right ones may be known good */
    bool scram;                     /* with by_attribute: all have {SCRAM-*} or plain passwords */
    const char *password_attribute; /* values without a scheme are plain passwords */
    const char *name_attribute;     /* the account's name; "": as asked */
    const char *disabled;           /* ldap_rule_parse */
    const char *group_attribute;    /* values are DNs of groups, or names */
    const char *group_base, *group_filter, *group_name_attribute; /* or: a search for groups */
    uint32_t connections, timeout_ms;
    unsigned char salt_secret[USERS_SECRET_BYTES]; /* users_secret(): for SCRAM of plain passwords */
    const struct clock *clock;
    struct logger log;
};

/* The directory may be down now. -ERR_INVALID, -ERR_DENIED: a setting, named in the text; -ERR_NOT_FOUND, -ERR_IO: the file with
 * the service's password. */
MUST_USE int provider_ldap_new(const struct provider_ldap_params *params, struct provider *provider_out,
                               struct err *err);

#endif
