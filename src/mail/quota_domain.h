/* quota_domain.h: limits that the accounts of one domain share: the third kind of quota root (quota.h).
 *
 * Who starts the server enters every account with its domain and with the totals of its account record; from then on
 * each commit of an account here adds its difference. A change that adds reserves what it needs before its commit, so
 * that accounts of one domain cannot pass the limit together, and gives back what it did not use.
 * Exact as long as one server writes. With several, what another one commits to an account counts here once that
 * account is open here and has caught up: until then the sum lags behind, each server by what the others added.
 * There is no grace and no warning for a domain.
 * Threads: any. */
#ifndef LOFT_MAIL_QUOTA_DOMAIN_H
#define LOFT_MAIL_QUOTA_DOMAIN_H

#include "mail/quota.h"

struct quota_domains;

struct quota_domains *quota_domains_new(void);
/* No account that belongs to one may be in memory any more. */
void quota_domains_free(struct quota_domains **domains);

/* Limits of `domain` (0: none); of "": those of each domain that has none of its own. Before any account is entered. */
void quota_domains_limit(struct quota_domains *domains, struct str domain,
                         const struct quota_amounts *limits);
/* Is anything limited at all? Otherwise nobody need be entered. */
bool quota_domains_any(const struct quota_domains *domains);

/* An account of a domain, with what it holds. Entered again, nothing changes. */
void quota_domains_enter(struct quota_domains *domains, struct str domain, struct account_id account,
                         const struct quota_amounts *holds);

/* -ERR_NOT_FOUND: no account belongs to it, or it is not limited. Limits may be QUOTA_NONE. */
MUST_USE int quota_domains_state(struct quota_domains *domains, struct str domain,
                                 struct quota_amounts *used_out, struct quota_amounts *limits_out,
                                 struct err *err);

/* ---- for the model ---- */

struct quota_member; /* an account in a limited domain; lives as long as the domains */

struct quota_member *quota_domains_member(struct quota_domains *domains,
                                          struct account_id account); /* NULL: none */
/* All of `add`, or -ERR_OVERQUOTA. */
MUST_USE int quota_member_reserve(struct quota_member *member, const struct quota_amounts *add,
                                  struct err *err);
/* The account holds `holds` now (NULL: nothing was committed); what was reserved is no more. */
void quota_member_settle(struct quota_member *member, const struct quota_amounts *holds,
                         const struct quota_amounts *reserved);

#endif
