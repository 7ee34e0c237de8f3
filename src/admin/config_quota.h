/* config_quota.h: settings of the section quota that are lists.     Threads: none; values. */
#ifndef LOFT_ADMIN_CONFIG_QUOTA_H
#define LOFT_ADMIN_CONFIG_QUOTA_H

#include "admin/config.h"

enum { CONFIG_WARNINGS_MAX = 8 };

/* quota.warnings as percentages, ascending. -ERR_INVALID: not 1 to 100, not ascending, too many. */
MUST_USE int config_quota_warnings(const struct config *config, uint8_t out[CONFIG_WARNINGS_MAX],
                                   size_t *count_out, struct err *err);

/* A size as settings in bytes are written: 65536, 64K, 1G. */
bool config_quota_bytes(struct str text, uint64_t *bytes_out);

/* quota.domains: `fn` (NULL: only look) is called for each domain with its bytes, 0: no limit.
 * -ERR_INVALID: not DOMAIN=SIZE or DOMAIN=none. */
typedef void config_domain_fn(void *ctx, struct str domain, uint64_t storage_bytes);
MUST_USE int config_quota_domains(const struct config *config, config_domain_fn *fn, void *ctx,
                                  struct err *err);

#endif
