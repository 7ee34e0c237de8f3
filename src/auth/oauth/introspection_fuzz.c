#include "auth/oauth/introspection.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct claims_rules rules = { .issuer = STR_INIT("https://issuer.example"),
                                               .audience = STR_INIT("imap"),
                                               .scope = STR_INIT("mail"),
                                               .user = STR_INIT("email"),
                                               .groups = STR_INIT("realm_access.roles"),
                                               .leeway_s = 30 };
    struct token_facts facts;
    struct err err;
    int r = introspection_read(str_make(data, size), &rules, 1000000000, &facts, &err);
    assert(r == 0 || r == -ERR_AUTH || r == -ERR_UNAVAILABLE);
    assert((r == -ERR_AUTH) == (facts.fault != TOKEN_OK));
    if (r == 0) {
        char twice[USER_NAME_BYTES_MAX + 1];
        assert(users_normalise_name(str_c(facts.name), twice, &err) == 0 && strcmp(twice, facts.name) == 0);
        assert(facts.expires_ms == 0 || facts.expires_ms > 1000000000);
    }
    token_facts_deinit(&facts);
    return 0;
}
