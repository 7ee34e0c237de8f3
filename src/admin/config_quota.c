#include "admin/config_quota.h"

#include "admin/config_table.h"

int config_quota_warnings(const struct config *config, uint8_t out[CONFIG_WARNINGS_MAX], size_t *count_out,
                          struct err *err)
{
    struct str rest = str_c(config->quota.warnings), word;
    uint64_t percent = 0, before = 0;
    size_t count = 0;

    for (; !str_is_nil(word = str_next_word(&rest)); before = percent) {
        if (!str_to_u64(word, 100, &percent) || percent <= before || count == CONFIG_WARNINGS_MAX)
            return err_set(
                err, ERR_INVALID,
                "quota.warnings: expected at most %d percentages, the smaller first, such as 80, 95",
                CONFIG_WARNINGS_MAX);
        out[count++] = (uint8_t)percent;
    }
    *count_out = count;
    return 0;
}

bool config_quota_bytes(struct str text, uint64_t *bytes_out)
{
    const struct config_setting *like = config_setting_find(STR("quota.domain_storage_bytes"));
    struct arena arena = ARENA_INIT;
    struct config room = { 0 };
    int r = config_value_parse(like, text, "", &arena, &room, NULL);
    arena_deinit(&arena);
    *bytes_out = room.quota.domain_storage_bytes;
    return r == 0;
}

int config_quota_domains(const struct config *config, config_domain_fn *fn, void *ctx, struct err *err)
{
    struct str rest = str_c(config->quota.domains), word;

    while (!str_is_nil(word = str_next_word(&rest))) {
        struct str size, domain = str_cut(word, '=', &size);
        uint64_t bytes = 0;
        bool none = str_eq(size, STR("none"));
        if (domain.n == 0 || size.n == 0 || (!none && !config_quota_bytes(size, &bytes)))
            return err_set(err, ERR_INVALID,
                           "quota.domains: \"" STR_FMT
                           "\" is not DOMAIN=SIZE or DOMAIN=none, such as example.org=10G",
                           STR_ARG(str_sub(word, 0, 60)));
        if (fn)
            fn(ctx, domain, bytes);
    }
    return 0;
}
