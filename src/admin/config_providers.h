/* config_providers.h: the setting auth.providers, a list.     Threads: none; values. */
#ifndef LOFT_ADMIN_CONFIG_PROVIDERS_H
#define LOFT_ADMIN_CONFIG_PROVIDERS_H

#include "admin/config.h"

enum config_provider {
    CONFIG_PROVIDER_OWN,
    CONFIG_PROVIDER_PASSWD_FILE,
    CONFIG_PROVIDER_LDAP,
    CONFIG_PROVIDER_PAM,
    CONFIG_PROVIDER_OAUTH,
    CONFIG_PROVIDER_COUNT,
};

struct config_providers {
    enum config_provider list[CONFIG_PROVIDER_COUNT]; /* in their order, each once */
    size_t count;                                     /* at least 1 */
};

/* -ERR_INVALID: an unknown word, one twice, none at all; or a provider without a setting that it cannot do without. */
MUST_USE int config_providers(const struct config *config, struct config_providers *out, struct err *err);

#endif
