/* providers.h: from settings to the providers of auth.providers. Part of the wiring.     Threads: at start. */
#ifndef LOFT_PROVIDERS_H
#define LOFT_PROVIDERS_H

#include "admin/config.h"
#include "auth/auth.h"
#include "auth/pam/provider_pam.h"

struct providers_params {
    const struct config *config; /* borrows all, for as long as the providers live */
    struct users *users;
    struct names *names;
    const struct policy *policy;
    const struct clock *clock;
    struct logger log;
    struct pam_helper **pam; /* of providers_prepare; taken by the provider, and set to NULL */
};

/* What must be there before privileges are given up and threads begin: the helper of PAM, where auth.providers names it. It is NULL
 * otherwise. -ERR_x as pam_helper_start. */
MUST_USE int providers_prepare(const struct config *config, struct pam_helper **pam_out, struct err *err);

/* In their order; for auth_new, which takes them. What a provider needs from the network may be down: it is asked when somebody
 * signs in. -ERR_x: a setting or a file; then none is left open. */
MUST_USE int providers_open(const struct providers_params *params, struct provider out[AUTH_PROVIDERS_MAX],
                            size_t *count_out, struct err *err);

#endif
