#include "auth/sign_in_event.h"

void sign_in_event_add_peer(struct log_field *fields, size_t *n, const struct auth_peer *peer)
{
    fields[(*n)++] = KV("protocol", peer->protocol);
    fields[(*n)++] = KV("address", (const char *)peer->address);
    fields[(*n)++] = KV("tls", peer->tls_version);
    fields[(*n)++] = KV("client", peer->client);
    fields[(*n)++] = KV("session", peer->session);
}

void sign_in_event_record(struct audit *audit, const struct sign_in_event *e)
{
    struct log_field fields[16];
    size_t n = 0;
    fields[n++] = log_field_bool("ok", !e->reason);
    fields[n++] = KV("reason", e->reason);
    fields[n++] = KV("user", e->user);
    fields[n++] = KV("by", e->by);
    fields[n++] = KV("mechanism", e->outcome->mechanism);
    fields[n++] = KV("provider", e->outcome->provider);
    fields[n++] = e->outcome->app_password_id ? log_field_u64("app_password", e->outcome->app_password_id)
                                              : log_field_c("app_password", NULL);
    sign_in_event_add_peer(fields, &n, e->peer);
    audit_record(audit, AUDIT_SIGN_IN, fields, n);
}
