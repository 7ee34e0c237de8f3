/* foreign.h: accounts of users whose passwords somebody else keeps: LDAP, PAM, a file, an OAuth issuer (provider.h).
 *
 * The account is made when its user first signs in or first gets mail, and belongs to the provider that knew the name. From
 * then on another provider that knows the same name may mean another person. So:
 *   a provider opens its own accounts, and those of providers that come behind it in auth.providers.
 * Whoever stands further in front is asked first anyway, and decides for all names that it knows: the administrator has put it
 * there. But who is no longer known to LDAP is not let in by a PAM user of the same name, if PAM comes behind it. Accounts with a
 * password of our own belong to "own". A provider that is no longer in the list stands behind all.
 * Threads: any. */
#ifndef LOFT_AUTH_FOREIGN_H
#define LOFT_AUTH_FOREIGN_H

#include "auth/provider.h"

struct names;

struct foreign {
    struct users *users; /* borrows */
    struct names *names; /* borrows: new accounts are made by names_check_new; NULL: of all names */
    /* Names of the providers in their order, as in auth.providers. Borrows. */
    const char *const *order;
    size_t order_count;
    /* Makes the mail account of a new user; may be asked again for one that is there. NULL: nothing to do. */
    int (*make_account)(void *ctx, const struct user *user, struct err *err);
    void *ctx;
};

/* May `order[provider]` open the account of `user`, by the rule above? */
bool foreign_may_open(const struct foreign *foreign, size_t provider, const struct user *user);

/* Provider `order[provider]` knows `name` (normalised): the account that this opens, made when there is none.
 *   answer    what the provider said; answer->groups is taken over where groups_known. NULL: nothing
 *   user_out  as of the record that is there now
 *   errors    -ERR_DENIED: the account belongs to a provider further in front, or there is none and the name means an alias,
 *             or a user who is spelled otherwise; -ERR_NOT_FOUND: no name, or not in one of our domains;
 *             -ERR_UNAVAILABLE, -ERR_IO, -ERR_CORRUPT, and errors of make_account */
MUST_USE int foreign_open(const struct foreign *foreign, size_t provider, struct str name,
                          const struct provider_answer *answer, struct user *user_out, struct err *err);

#endif
