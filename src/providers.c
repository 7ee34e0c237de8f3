#include "providers.h"

#include "admin/config_providers.h"
#include "auth/ldap/provider_ldap.h"
#include "auth/oauth/provider_oauth.h"
#include "auth/own/provider_own.h"
#include "auth/passwd/provider_passwd_file.h"

#include <assert.h>

static int open_own(const struct providers_params *p, struct provider *out, struct err *err)
{
    const struct config *c = p->config;
    const struct provider_own_params params = { .users = p->users,
                                                .policy = p->policy,
                                                .clock = p->clock,
                                                .hash_passes = c->auth.hash_passes,
                                                .hash_memory_bytes = c->auth.hash_memory_bytes,
                                                .hashes_max = (uint32_t)c->auth.hashes_at_once };
    return provider_own_new(&params, out, err);
}

static int open_passwd_file(const struct providers_params *p, struct provider *out, struct err *err)
{
    const struct config *c = p->config;
    struct provider_passwd_file_params params = { .path = c->passwd_file.path,
                                                  .format = { .scheme = c->passwd_file.scheme,
                                                              .domain = c->passwd_file.domain,
                                                              .allow_weak = c->passwd_file.allow_weak },
                                                  .log = p->log,
                                                  .scram = c->passwd_file.scram,
                                                  .clock = p->clock,
                                                  .hashes_max = (uint32_t)c->auth.hashes_at_once };
    int r = users_secret(p->users, params.salt_secret, err);
    return r < 0 ? r : provider_passwd_file_new(&params, out, err);
}

static int open_oauth(const struct providers_params *p, struct provider *out, struct err *err)
{
    static const enum oauth_validation validations[] = { [CONFIG_OAUTH_LOCAL] = OAUTH_LOCAL,
                                                         [CONFIG_OAUTH_INTROSPECTION] = OAUTH_INTROSPECTION,
                                                         [CONFIG_OAUTH_EITHER] = OAUTH_EITHER };
    const struct config *c = p->config;
    const struct provider_oauth_params params = {
        .validation = validations[c->oauth.validation],
        .issuer = c->oauth.issuer,
        .audience = c->oauth.audience,
        .scope = c->oauth.scope,
        .user_claim = c->oauth.user_claim,
        .groups_claim = c->oauth.groups_claim,
        .algorithms = c->oauth.algorithms,
        .unverified_email = c->oauth.unverified_email,
        .access_tokens_only = c->oauth.access_tokens_only,
        .leeway_s = (uint32_t)c->oauth.leeway_s,
        .keys_file = c->oauth.keys_file,
        .keys_url = c->oauth.keys_url,
        .keys_fresh_s = (uint32_t)c->oauth.keys_fresh_s,
        .keys_stale_s = (uint32_t)c->oauth.keys_stale_s,
        .keys_retry_s = (uint32_t)c->oauth.keys_retry_s,
        .introspection_url = c->oauth.introspection_url,
        .client_id = c->oauth.client_id,
        .client_secret_file = c->oauth.client_secret_file,
        .client_auth = c->oauth.client_auth == CONFIG_CLIENT_POST ? CLIENT_AUTH_POST : CLIENT_AUTH_BASIC,
        .cache_s = (uint32_t)c->oauth.cache_s,
        .cache_count = (uint32_t)c->oauth.cache_count,
        .ca_file = c->oauth.ca_file,
        .proxy = c->oauth.proxy,
        .timeout_ms = (uint32_t)c->oauth.timeout_ms,
        .requests_at_once = (uint32_t)c->oauth.requests_at_once,
        .plain_on_loopback = c->oauth.plain_on_loopback,
        .clock = p->clock,
        .log = p->log,
        .names = p->names,
    };
    return provider_oauth_new(&params, out, err);
}

static int open_ldap(const struct providers_params *p, struct provider *out, struct err *err)
{
    const struct config *c = p->config;
    struct provider_ldap_params params = {
        .uris = c->ldap.uris,
        .starttls = c->ldap.starttls,
        .allow_plaintext = c->ldap.allow_plaintext,
        .ca_file = c->ldap.ca_file,
        .bind_dn = c->ldap.bind_dn,
        .bind_password_file = c->ldap.bind_password_file,
        .base = c->ldap.base,
        .user_filter = c->ldap.user_filter,
        .user_dn = c->ldap.user_dn,
        .by_attribute = c->ldap.verify == CONFIG_LDAP_ATTRIBUTE,
        .remember = c->ldap.remember,
        .scram = c->ldap.scram,
        .password_attribute = c->ldap.password_attribute,
        .name_attribute = c->ldap.name_attribute,
        .disabled = c->ldap.disabled,
        .group_attribute = c->ldap.group_attribute,
        .group_base = c->ldap.group_base,
        .group_filter = c->ldap.group_filter,
        .group_name_attribute = c->ldap.group_name_attribute,
        .connections = (uint32_t)c->ldap.connections,
        .timeout_ms = (uint32_t)c->ldap.timeout_ms,
        .clock = p->clock,
        .log = p->log,
    };
    int r = users_secret(p->users, params.salt_secret, err);
    return r < 0 ? r : provider_ldap_new(&params, out, err);
}

static int open_pam(const struct providers_params *p, struct provider *out, struct err *err)
{
    assert(*p->pam);
    return provider_pam_new(p->pam, out, err);
}

static int (*const openers[CONFIG_PROVIDER_COUNT])(const struct providers_params *p, struct provider *out,
                                                   struct err *err) = {
    [CONFIG_PROVIDER_OWN] = open_own,     [CONFIG_PROVIDER_PASSWD_FILE] = open_passwd_file,
    [CONFIG_PROVIDER_LDAP] = open_ldap,   [CONFIG_PROVIDER_PAM] = open_pam,
    [CONFIG_PROVIDER_OAUTH] = open_oauth,
};

_Static_assert((int)CONFIG_PROVIDER_COUNT <= (int)AUTH_PROVIDERS_MAX, "all of them at once");

int providers_prepare(const struct config *c, struct pam_helper **pam_out, struct err *err)
{
    struct config_providers wanted;
    int r = config_providers(c, &wanted, err);
    const struct provider_pam_params params = { .service = c->pam.service,
                                                .folder = c->pam.folder,
                                                .user = c->pam.user,
                                                .group = c->pam.group,
                                                .domain = c->pam.domain,
                                                .timeout_ms = (uint32_t)c->pam.timeout_ms,
                                                .calls_max = (uint32_t)c->pam.at_once,
                                                .remember = c->pam.remember };
    *pam_out = NULL;
    for (size_t i = 0; r == 0 && i < wanted.count; i++)
        if (wanted.list[i] == CONFIG_PROVIDER_PAM)
            r = pam_helper_start(&params, pam_out, err);
    return r;
}

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
