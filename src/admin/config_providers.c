#include "admin/config_providers.h"

static const struct {
    const char *name;
    const char *needs; /* a setting that is empty unless set; NULL: none */
    size_t needs_offset;
} providers[CONFIG_PROVIDER_COUNT] = {
    [CONFIG_PROVIDER_OWN] = { "own", NULL, 0 },
    [CONFIG_PROVIDER_PASSWD_FILE] = { "passwd-file", "passwd_file.path",
                                      offsetof(struct config, passwd_file.path) },
    [CONFIG_PROVIDER_LDAP] = { "ldap", "ldap.uris", offsetof(struct config, ldap.uris) },
    [CONFIG_PROVIDER_PAM] = { "pam", NULL, 0 },
    [CONFIG_PROVIDER_OAUTH] = { "oauth", "oauth.issuer", offsetof(struct config, oauth.issuer) },
};

static int unknown(struct str word, struct err *err)
{
    struct buf names = BUF_INIT;
    for (size_t i = 0; i < CONFIG_PROVIDER_COUNT; i++)
        buf_printf(&names, "%s%s", i ? ", " : "", providers[i].name);
    int r = err_set(err, ERR_INVALID, "auth.providers: \"" STR_FMT "\" is none of %s",
                    STR_ARG(str_sub(word, 0, 40)), buf_c(&names));
    buf_deinit(&names);
    return r;
}

static int add_provider(struct config_providers *list, struct str word, struct err *err)
{
    size_t which = 0;
    while (which < CONFIG_PROVIDER_COUNT && !str_eq(word, str_c(providers[which].name)))
        which++;
    if (which == CONFIG_PROVIDER_COUNT)
        return unknown(word, err);
    for (size_t i = 0; i < list->count; i++)
        if (list->list[i] == (enum config_provider)which)
            return err_set(err, ERR_INVALID, "auth.providers names %s twice", providers[which].name);
    list->list[list->count++] = (enum config_provider)which;
    return 0;
}

static const char *string_at(const struct config *config, size_t offset)
{
    return *(const char *const *)((const char *)config + offset);
}

int config_providers(const struct config *config, struct config_providers *out, struct err *err)
{
    struct config_providers list = { .count = 0 };
    struct str rest = str_c(config->auth.providers), word;
    while (!str_is_nil(word = str_next_word(&rest))) {
        int r = add_provider(&list, word, err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < list.count; i++) {
        const char *needs = providers[list.list[i]].needs;
        if (needs && !*string_at(config, providers[list.list[i]].needs_offset))
            return err_set(err, ERR_INVALID, "auth.providers has %s: set %s", providers[list.list[i]].name,
                           needs);
    }
    if (list.count == 0)
        return err_set(err, ERR_INVALID, "auth.providers names none: nobody could sign in");
    *out = list;
    return 0;
}
