#include "admin/config_load.h"
#include "admin/config_table.h"

#include <assert.h>

static const char *const type_names[] = {
    [CONFIG_BOOL] = "yes or no", [CONFIG_NUMBER] = "number", [CONFIG_WORD] = "word",
    [CONFIG_STRING] = "text",    [CONFIG_PATH] = "path",     [CONFIG_LISTEN] = "addresses",
};
static const char *const unit_names[] = { [CONFIG_COUNT] = "",
                                          [CONFIG_BYTES] = "bytes",
                                          [CONFIG_SECONDS] = "seconds",
                                          [CONFIG_MILLISECONDS] = "milliseconds" };

static const char *type_name(const struct config_setting *s)
{
    if (s->type != CONFIG_NUMBER || s->unit == CONFIG_COUNT)
        return type_names[s->type];
    return s->unit == CONFIG_BYTES ? "size" : "duration";
}

static const char *default_text(const struct config_setting *s)
{
    if (!s->standard)
        return "/var/lib/loft for root, else $XDG_DATA_HOME/loft or ~/.local/share/loft";
    return s->standard[0] ? s->standard : "empty";
}

static bool in_section(const struct config_setting *s, struct str section)
{
    struct str key;
    return str_eq(str_cut(str_c(s->name), '.', &key), section);
}

bool config_is_set(const struct config *config, const char *name)
{
    const struct config_setting *setting = config_setting_find(str_c(name));
    assert(setting);
    return ((const struct config_loaded *)config)->origins[setting - config_settings] != NULL;
}

void config_show(const struct config *config, bool json, struct buf *out)
{
    const struct config_loaded *loaded = (const struct config_loaded *)config;
    if (json)
        buf_add_lit(out, "{\n");
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct config_setting *s = &config_settings[i];
        buf_printf(out, json ? "  \"%s\": " : "%s = ", s->name);
        config_value_format(s, config, json, out);
        if (json)
            buf_add(out, i + 1 < config_setting_count ? STR(",\n") : STR("\n"));
        else
            buf_printf(out, "  # %s\n", loaded->origins[i] ? loaded->origins[i] : "default");
    }
    if (json)
        buf_add_lit(out, "}\n");
}

static void explain_text(const struct config_setting *s, struct buf *out)
{
    buf_printf(out, "%s\n  %s\n  type:    %s\n", s->name, s->help, type_name(s));
    if (s->type == CONFIG_NUMBER && s->unit != CONFIG_COUNT)
        buf_printf(out, "  unit:    %s\n", unit_names[s->unit]);
    buf_printf(out, "  default: %s\n  allowed: ", default_text(s));
    config_range_format(s, out);
    buf_add_char(out, '\n');
}

static void add_json_member(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, "\"%s\": ", name);
    config_json_string(value, out);
}

static void explain_json(const struct config_setting *s, struct buf *out)
{
    struct buf range = BUF_INIT;
    config_range_format(s, &range);
    buf_add_lit(out, "{");
    add_json_member(out, "name", str_c(s->name));
    buf_add_lit(out, ", ");
    add_json_member(out, "help", str_c(s->help));
    buf_add_lit(out, ", ");
    add_json_member(out, "type", str_c(type_name(s)));
    buf_add_lit(out, ", ");
    add_json_member(out, "unit", str_c(unit_names[s->type == CONFIG_NUMBER ? s->unit : CONFIG_COUNT]));
    buf_add_lit(out, ", ");
    add_json_member(out, "default", str_c(s->standard ? s->standard : default_text(s)));
    buf_add_lit(out, ", ");
    add_json_member(out, "allowed", buf_str(&range));
    buf_add_lit(out, "}");
    buf_deinit(&range);
}

int config_explain(struct str name, bool json, struct buf *out, struct err *err)
{
    size_t found = 0;
    if (json)
        buf_add_lit(out, "[");
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct config_setting *s = &config_settings[i];
        if (!str_eq(name, str_c(s->name)) && !in_section(s, name))
            continue;
        if (found++ > 0)
            buf_add(out, json ? STR(",\n ") : STR("\n"));
        if (json)
            explain_json(s, out);
        else
            explain_text(s, out);
    }
    if (json)
        buf_add_lit(out, "]\n");
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "unknown setting " STR_FMT "; did you mean %s?",
                       STR_ARG(str_sub(name, 0, 60)), config_setting_nearest(name)->name);
    return 0;
}

/* scdoc gives '*', '_', '\' and a few others a meaning; a backslash in front takes it away. */
static void add_scdoc(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("\\*_<>[]#~`.", text.p[i]) && (text.p[i] != '.' || i == 0))
            buf_add_char(out, '\\');
        buf_add_char(out, text.p[i]);
    }
}

static void manual_entry(const struct config_setting *s, struct buf *out)
{
    struct buf range = BUF_INIT;
    config_range_format(s, &range);
    buf_add_lit(out, "*");
    add_scdoc(out, str_c(s->name));
    buf_printf(out, "* (%s)\n\t", type_name(s));
    add_scdoc(out, str_c(s->help));
    buf_add_lit(out, "++\nDefault: ");
    add_scdoc(out, str_c(default_text(s)));
    buf_add_lit(out, ". Allowed: ");
    add_scdoc(out, buf_str(&range));
    buf_add_lit(out, ".\n\n");
    buf_deinit(&range);
}

void config_manual(struct buf *out)
{
    for (size_t k = 0; k < config_section_count; k++) {
        const struct config_section *section = &config_sections[k];
        buf_printf(out, "## [%s]\n\n%s\n\n", section->name, section->help);
        for (size_t i = 0; i < config_setting_count; i++)
            if (in_section(&config_settings[i], str_c(section->name)))
                manual_entry(&config_settings[i], out);
    }
}

void config_each_path(const struct config *config, config_path_fn *each, void *ctx)
{
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct config_setting *setting = &config_settings[i];
        if (setting->type == CONFIG_PATH)
            each(ctx, setting->name, *(const char *const *)((const char *)config + setting->offset),
                 setting->written);
    }
}
