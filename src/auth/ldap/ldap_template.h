/* ldap_template.h: names put into filters (RFC 4515) and distinguished names (RFC 4514) so that they stay names, whatever they
 * hold: no name adds a condition, a wildcard or a part (CVE-2026-27860).
 *   %u  the whole name   %n  what is before its last "@"   %d  what is behind it, or nothing   %%  a percent sign
 *   %D  the entry of the user, in filters for groups
 * Threads: none; values. */
#ifndef LOFT_AUTH_LDAP_TEMPLATE_H
#define LOFT_AUTH_LDAP_TEMPLATE_H

#include "base/buf.h"
#include "base/err.h"

enum ldap_template_kind { LDAP_FILTER, LDAP_GROUP_FILTER, LDAP_DN };

struct ldap_names {
    struct str name;
    struct str dn; /* for LDAP_GROUP_FILTER */
};

/* RFC 4515, 3: "*", "(", ")", "\" and NUL as \2a and so on; all bytes above ASCII too, which is allowed and safe. Appends. */
void ldap_escape_filter(struct str value, struct buf *out);
/* RFC 4514, 2.4, as the value of an attribute: never more than the one. Appends. */
void ldap_escape_dn(struct str value, struct buf *out);

/* -ERR_INVALID: a "%" that means nothing here; a filter that is not in parentheses. */
MUST_USE int ldap_template_check(enum ldap_template_kind kind, struct str text, struct err *err);
/* `text` was checked. Appends. */
void ldap_template_fill(enum ldap_template_kind kind, struct str text, const struct ldap_names *names,
                        struct buf *out);

/* When is a user disabled? "userAccountControl&2": a bit of a number (Active Directory); "nsAccountLock=TRUE": a value, in any
 * case; "" never. */
struct ldap_rule {
    struct str attribute; /* borrows the text */
    struct str value;     /* NIL: `bits` */
    uint32_t bits;
};
/* -ERR_INVALID. */
MUST_USE int ldap_rule_parse(struct str text, struct ldap_rule *rule_out, struct err *err);
bool ldap_rule_holds(const struct ldap_rule *rule, struct str value);

/* The value of the first part of a DN: "staff" of "cn=staff,ou=groups,dc=example,dc=org", with its escapes undone. Appends to
 * `out`. -ERR_INVALID. */
MUST_USE int ldap_first_value(struct str dn, struct buf *out, struct err *err);

/* Why Active Directory refused a bind: the number behind "data " in its text, which it writes in hexadecimal; 0: none. */
uint32_t ldap_ad_reason(struct str diagnostic);

#endif
