#include "providers.h"

#include "admin/config_providers.h"
#include "auth/provider_own.h"
#include "auth/provider_passwd_file.h"

#include <assert.h>

static int open_own(const struct providers_params *p, struct provider *out, struct err *err)
{
    const struct config *c = p->config;
    const struct provider_own_params params = { .users = p->users,
                                                .hash_passes = c->auth.hash_passes,
                                                .hash_memory_bytes = c->auth.hash_memory_bytes,
                                                .hashes_max = (uint32_t)c->auth.hashes_at_once };
    return provider_own_new(&params, out, err);
}

static int open_passwd_file(const struct providers_params *p, struct provider *out, struct err *err)
{
    const struct config *c = p->config;
    const struct provider_passwd_file_params params = { .path = c->passwd_file.path,
                                                        .format = { .scheme = c->passwd_file.scheme,
                                                                    .domain = c->passwd_file.domain,
                                                                    .allow_weak = c->passwd_file.allow_weak },
                                                        .log = p->log,
                                                        .clock = p->clock,
                                                        .hashes_max = (uint32_t)c->auth.hashes_at_once };
    return provider_passwd_file_new(&params, out, err);
}

static int (*const openers[CONFIG_PROVIDER_COUNT])(const struct providers_params *p, struct provider *out,
                                                   struct err *err) = {
    [CONFIG_PROVIDER_OWN] = open_own,
    [CONFIG_PROVIDER_PASSWD_FILE] = open_passwd_file,
};

_Static_assert((int)CONFIG_PROVIDER_COUNT <= (int)AUTH_PROVIDERS_MAX, "all of them at once");

int providers_open(const struct providers_params *params, struct provider out[AUTH_PROVIDERS_MAX],
                   size_t *count_out, struct err *err)
{
    struct config_providers wanted;
    size_t count = 0;
    int r = config_providers(params->config, &wanted, err);
    for (; r == 0 && count < wanted.count; count += r == 0)
        r = openers[wanted.list[count]](params, &out[count], err);
    while (r < 0 && count > 0) {
        count--;
        out[count].ops->free(out[count].ctx);
    }
    *count_out = count;
    return r;
}
