/* ldap_person.h: an entry of the directory, as far as signing in looks at it.     Threads: none needed. */
#ifndef LOFT_AUTH_LDAP_PERSON_H
#define LOFT_AUTH_LDAP_PERSON_H

#include "auth/ldap/ldap_link.h"
#include "auth/ldap/ldap_template.h"
#include "auth/ldap/provider_ldap.h"
#include "base/arena.h"

struct ldap_person {
    struct arena *arena;
    char *dn;
    char *name; /* of name_attribute; NULL: as asked */
    bool disabled;
    struct str passwords[LDAP_PASSWORDS_MAX]; /* secrets: wipe the arena */
    size_t password_count;
    struct buf groups; /* as in struct provider_answer */
    size_t group_count;
    bool groups_known;
};

struct ldap_reader {
    const struct provider_ldap_params *params;
    struct ldap_rule disabled;
};

/* The one entry of `name`, without group searches.
 *   as      who searches; with LDAP_AS_LAST_TRIED and a template, the entry itself
 *   errors  -ERR_NOT_FOUND; -ERR_UNAVAILABLE: also for more than one */
MUST_USE int ldap_person_read(const struct ldap_reader *reader, struct ldap_link *link, struct str name,
                              enum ldap_as as, struct ldap_person *person, struct err *err);
/* The DN of a template. */
char *ldap_person_dn(const struct ldap_reader *reader, struct str name, struct arena *arena);

/* Then the groups that a search finds, where one is set. -ERR_UNAVAILABLE. */
MUST_USE int ldap_person_read_groups(const struct ldap_reader *reader, struct ldap_link *link,
                                     struct str name, enum ldap_as as, struct ldap_person *person,
                                     struct err *err);

#endif
