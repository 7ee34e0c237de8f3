#include "admin/config.h"

#include "admin/config_load.h"
#include "admin/config_providers.h"
#include "admin/config_quota.h"
#include "admin/config_table.h"
#include "auth/delegation.h"
#include "auth/sasl/sasl.h"
#include "base/file.h"
#include "base/network.h"
#include "net/tls.h"

#include <ini.h>
#include <stdlib.h>

/* One run of config_load. */
struct loader {
    struct config_loaded *loaded;
    const char *file, *folder; /* NULL file while overrides are read */
    unsigned line;
    struct str rest; /* of the file's text, not read yet */
    config_problem_fn *problem;
    void *ctx;
    struct err *err;
    int first; /* result: that of the first problem */
};

/* ---- problems ---- */

static const char *where(const struct loader *l)
{
    struct arena *arena = &l->loaded->arena;
    return l->file ? arena_printf(arena, "%s:%u", l->file, l->line).p : "-o";
}

/* Tell of one mistake; `err` keeps the first. */
static void report(struct loader *l, struct err *problem)
{
    if (l->problem)
        l->problem(l->ctx, problem->text);
    if (l->first < 0)
        return;
    l->first = -(int)problem->kind;
    if (l->err)
        *l->err = *problem;
}

/* ---- one setting ---- */

static void set_value(struct loader *l, struct str name, struct str value)
{
    struct err problem;
    const struct config_setting *setting = config_setting_find(name);
    if (!setting) {
        err_set(&problem, ERR_INVALID, "%.80s: unknown setting " STR_FMT "; did you mean %s?", where(l),
                STR_ARG(str_sub(name, 0, 60)), config_setting_nearest(name)->name);
        report(l, &problem);
        return;
    }
    const char **origin = &l->loaded->origins[setting - config_settings];
    if (l->file && *origin) {
        err_set(&problem, ERR_INVALID, "%.80s: %s is set already at %.80s", where(l), setting->name, *origin);
        report(l, &problem);
        return;
    }
    *origin = where(l);
    if (config_value_parse(setting, value, l->file ? l->folder : "", &l->loaded->arena, &l->loaded->config,
                           &problem) < 0) {
        err_context(&problem, "%.60s: %s", where(l), setting->name);
        report(l, &problem);
    }
}

/* ---- the file ---- */

/* fgets for inih: one line, counted here because inih's handler does not know it. A line that does not fit
 * is reported and skipped. */
static char *read_line(char *out, int room, void *ctx)
{
    struct loader *l = ctx;
    if (l->rest.n == 0)
        return NULL;
    ptrdiff_t end = str_find_char(l->rest, '\n');
    struct str line = end < 0 ? l->rest : str_sub(l->rest, 0, (size_t)end + 1);
    l->rest = str_skip(l->rest, line.n);
    l->line++;
    struct err problem;
    if (line.n >= (size_t)room || str_find_char(line, '\0') >= 0) {
        err_set(&problem, ERR_SYNTAX, "%.80s: %s", where(l),
                line.n >= (size_t)room ? "the line is too long" : "a NUL byte in the line");
        report(l, &problem);
        line = STR("\n");
    }
    memcpy(out, line.p, line.n);
    out[line.n] = '\0';
    return out;
}

static int handle_pair(void *ctx, const char *section, const char *name, const char *value)
{
    struct loader *l = ctx;
    struct buf full = BUF_INIT;
    if (section[0])
        buf_printf(&full, "%s.", section);
    buf_add(&full, str_c(name));
    set_value(l, buf_str(&full), str_c(value));
    buf_deinit(&full);
    return 1;
}

/* inih's options are variables of the library; each call sets the same ones. */
static void set_ini_options(void)
{
    static char comment[] = ";#";
    ini_max_line = CONFIG_VALUE_BYTES_MAX + 256;
    ini_allow_multiline = false; /* a blank in front of a name means nothing here */
    ini_inline_comment_prefixes = comment;
}

static void load_file(struct loader *l, const char *path)
{
    struct buf text = BUF_INIT;
    struct err problem;
    const char *slash = strrchr(path, '/');
    struct arena *arena = &l->loaded->arena;
    l->file = path;
    l->folder = !slash ? "" : slash == path ? "/" : arena_printf(arena, "%.*s", (int)(slash - path), path).p;
    if (file_read(path, CONFIG_FILE_BYTES_MAX, &text, &problem) < 0) {
        report(l, &problem);
        buf_deinit(&text);
        return;
    }
    l->rest = buf_str(&text);
    set_ini_options();
    int bad_line = ini_parse_stream(read_line, l, handle_pair, l);
    if (bad_line > 0) {
        err_set(&problem, ERR_SYNTAX, "%.120s:%d: neither \"name = value\" nor \"[section]\"", path,
                bad_line);
        report(l, &problem);
    }
    buf_deinit(&text);
}

/* ---- overrides, defaults, checks ---- */

static void load_override(struct loader *l, struct str text)
{
    struct str value;
    struct str name = str_cut(text, '=', &value);
    l->file = NULL;
    if (str_is_nil(value)) {
        struct err problem;
        err_set(&problem, ERR_SYNTAX, "-o " STR_FMT ": not section.key=value", STR_ARG(str_sub(text, 0, 60)));
        report(l, &problem);
        return;
    }
    set_value(l, str_trim(name), str_trim(value));
}

static void apply_defaults(struct loader *l, const char *default_data_folder)
{
    struct config *config = &l->loaded->config;
    for (size_t i = 0; i < config_setting_count; i++) {
        const struct config_setting *setting = &config_settings[i];
        struct err problem;
        if (l->loaded->origins[i])
            continue;
        const char *text = setting->standard ? setting->standard : default_data_folder;
        const char *base = config->data.folder ? config->data.folder : "";
        if (config_value_parse(setting, str_c(text), base, &l->loaded->arena, config, &problem) < 0) {
            err_context(&problem, "default of %s", setting->name);
            report(l, &problem);
        }
    }
}

static void check_sign_in(struct loader *l)
{
    struct err problem;
    struct delegation *delegation = NULL;
    if (network_list_check(str_c(l->loaded->config.auth.trusted_networks), &problem) < 0) {
        err_context(&problem, "auth.trusted_networks");
        report(l, &problem);
    }
    if (delegation_parse(str_c(l->loaded->config.auth.may_act_for), &delegation, &problem) < 0) {
        err_context(&problem, "auth.may_act_for");
        report(l, &problem);
    }
    delegation_free(&delegation);
}

/* What one row alone cannot tell. */
static void check_together(struct loader *l)
{
    const struct config *c = &l->loaded->config;
    const struct {
        bool wrong;
        const char *text;
    } checks[] = {
        { (c->tls.certificate[0] == '\0') != (c->tls.key[0] == '\0'),
          "tls.certificate and tls.key go together: set both or none" },
        { c->tls.client_ca[0] == '\0' && (c->imap.client_certificate == TLS_CLIENT_REQUIRED ||
                                          c->imaps.client_certificate == TLS_CLIENT_REQUIRED),
          "client_certificate = require takes tls.client_ca: who has signed them?" },
        { c->tls.client_ca[0] == '\0' && c->tls.client_crl[0] != '\0',
          "tls.client_crl is of no use without tls.client_ca" },
        { c->server.workers > c->server.workers_max, "server.workers is above server.workers_max" },
        { c->auth.failure_delay_ms > c->auth.failure_delay_max_ms,
          "auth.failure_delay_ms is above auth.failure_delay_max_ms" },
        { c->imap.max_literal_bytes > c->imap.max_command_bytes,
          "imap.max_literal_bytes is above imap.max_command_bytes" },
        { c->imap.max_line_bytes > c->imap.max_command_bytes,
          "imap.max_line_bytes is above imap.max_command_bytes" },
    };
    for (size_t i = 0; i < ARRAY_COUNT(checks); i++) {
        struct err problem;
        if (checks[i].wrong) {
            err_set(&problem, ERR_INVALID, "%s", checks[i].text);
            report(l, &problem);
        }
    }
    struct err problem;
    uint8_t levels[CONFIG_WARNINGS_MAX];
    size_t count;
    unsigned mechanisms;
    if (sasl_parse_mechanisms(str_c(c->auth.mechanisms), &mechanisms, &problem) < 0) {
        err_context(&problem, "auth.mechanisms");
        report(l, &problem);
    }
    if (config_quota_warnings(c, levels, &count, &problem) < 0)
        report(l, &problem);
    if (config_quota_domains(c, NULL, NULL, &problem) < 0)
        report(l, &problem);
    struct config_providers providers;
    if (config_providers(c, &providers, &problem) < 0)
        report(l, &problem);
    check_sign_in(l);
}

int config_load(const struct config_sources *sources, config_problem_fn *problem, void *ctx,
                struct config **config_out, struct err *err)
{
    struct config_loaded *loaded = calloc(1, sizeof *loaded);
    if (!loaded)
        abort();
    loaded->origins = arena_new_array(&loaded->arena, const char *, config_setting_count);
    struct loader l = { .loaded = loaded, .problem = problem, .ctx = ctx, .err = err };
    if (sources->file)
        load_file(&l, sources->file);
    for (size_t i = 0; i < sources->override_count; i++)
        load_override(&l, sources->overrides[i]);
    struct config *config = &loaded->config;
    if (l.first == 0)
        apply_defaults(&l, sources->default_data_folder);
    if (l.first == 0)
        check_together(&l);
    if (l.first < 0)
        config_free(&config);
    else
        *config_out = config;
    return l.first;
}

void config_free(struct config **config)
{
    if (!*config)
        return;
    struct config_loaded *loaded = (struct config_loaded *)*config;
    struct arena arena = loaded->arena;
    arena_deinit(&arena);
    free(loaded);
    *config = NULL;
}

void config_default_data_folder(bool root, const char *home, const char *xdg_data_home, struct buf *out)
{
    if (root || ((!xdg_data_home || xdg_data_home[0] != '/') && (!home || home[0] != '/')))
        buf_add_lit(out, "/var/lib/loft");
    else if (xdg_data_home && xdg_data_home[0] == '/') /* the XDG specification: others are to be ignored */
        buf_printf(out, "%s/loft", xdg_data_home);
    else
        buf_printf(out, "%s/.local/share/loft", home);
}
