/* limits.h: how many of something one key may hold at a time: connections of an address, of an account.
 * Keys are bytes; prefix them by kind ("account/anna") so that two kinds never meet.
 * Threads: any. */
#ifndef LOFT_NET_LIMITS_H
#define LOFT_NET_LIMITS_H

#include "base/err.h"
#include "base/str.h"

struct limits;

struct limits *limits_new(void);
void limits_free(struct limits **limits); /* everything acquired must have been released */

/* Take one of `max` places of `key`.
 *   max      0 means no limit; still counted
 *   what     names the limit in the error: "connections per account" gives "too many connections per account
 *            (limit 20)"
 *   returns  0: release it once; -ERR_LIMIT: all are taken */
MUST_USE int limit_acquire(struct limits *limits, struct str key, unsigned max, const char *what,
                           struct err *err);
void limit_release(struct limits *limits, struct str key);

unsigned limit_count(struct limits *limits, struct str key);
size_t limit_keys(struct limits *limits); /* keys with a count above zero: for metrics and tests */

#endif
