/* ldap_pool.h: a few connections to a directory, kept and shared. Several servers hold the same directory: the one that answers is
 * kept to, and when it goes the next one is asked, in the order of the list. When none can be reached, nobody waits for them again for
 * LDAP_POOL_REST_MS.     Threads: any. */
#ifndef LOFT_AUTH_LDAP_POOL_H
#define LOFT_AUTH_LDAP_POOL_H

#include "auth/ldap/ldap_link.h"
#include "base/clock.h"

enum { LDAP_POOL_LINKS_MAX = 64, LDAP_POOL_REST_MS = 1000 };

struct ldap_pool;

struct ldap_pool_params {
    struct ldap_link_params link; /* borrows all, until ldap_pool_free */
    const char *uris;             /* with spaces between; checked */
    const struct clock *clock;
    uint32_t links_max; /* not 0 */
};

struct ldap_pool *ldap_pool_new(const struct ldap_pool_params *params);
void ldap_pool_free(struct ldap_pool **pool);

/* Ask something over a connection that nobody else uses meanwhile. When it breaks and was not a fresh one, `fn` is called
 * again with another: the server may have closed it while it was idle.
 *   returns  what `fn` did, or -ERR_UNAVAILABLE: no server, or no connection became free in time */
typedef int ldap_pool_fn(void *ctx, struct ldap_link *link, struct err *err);
MUST_USE int ldap_pool_ask(struct ldap_pool *pool, ldap_pool_fn *fn, void *ctx, struct err *err);

#endif
