/* loft log: what base/audit.h recorded, as a table or as it stands in the file. Needs no server: it reads the file. */
#include "admin/auditlog.h"
#include "admin/cli_private.h"

#include <stdio.h>
#include <time.h>

enum { FOLLOW_INTERVAL_MS = 250, DAY_S = 24 * 3600 };

/* ---- what is wanted ---- */

/* "90s", "15m", "2h", "7d": so long ago. */
static bool parse_ago(struct str text, int64_t now_s, int64_t *wall_s_out)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', DAY_S } };
    uint64_t number;
    for (size_t i = 0; text.n > 0 && i < ARRAY_COUNT(units); i++)
        if (text.p[text.n - 1] == units[i].unit &&
            str_to_u64(str_sub(text, 0, text.n - 1), 1000000, &number)) {
            *wall_s_out = now_s - (int64_t)number * units[i].seconds;
            return true;
        }
    return false;
}

/* A date, or a date and a time, local or, with a Z behind it, UTC. */
static bool parse_date(const char *text, int64_t *wall_s_out)
{
    static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                         "%Y-%m-%d %H:%M", "%Y-%m-%d" };
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        struct tm tm = { .tm_isdst = -1 };
        const char *end = strptime(text, forms[i], &tm);
        if (!end || (*end && strcmp(end, "Z") != 0))
            continue;
        time_t t = *end ? timegm(&tm) : mktime(&tm);
        *wall_s_out = (int64_t)t;
        return true;
    }
    return false;
}

/* Option `name` into *wall_ms_out, which stays when it was not given. */
static int time_option(const struct cli *cli, const char *name, int64_t *wall_ms_out, struct err *err)
{
    const char *text = cli_line_value(&cli->line, name);
    int64_t now_ms = clock_wall_ms(&clock_system), wall_s;
    if (!text)
        return 0;
    if (!parse_ago(str_c(text), now_ms / 1000, &wall_s) && !parse_date(text, &wall_s))
        return err_set(err, ERR_INVALID,
                       "--%s: %s is no time; write 2026-11-20, 2026-11-20T11:17, or 2h for two hours ago",
                       name, text);
    *wall_ms_out = wall_s * 1000;
    return 0;
}

static int read_options(struct cli *cli, struct auditlog_filter *filter, struct err *err)
{
    const char *user = cli_line_value(&cli->line, "user"), *names = cli_line_value(&cli->line, "event"),
               *address = cli_line_value(&cli->line, "address");
    filter->only_ok = cli_line_value(&cli->line, "ok") != NULL;
    filter->only_failed = cli_line_value(&cli->line, "failed") != NULL;
    if (filter->only_ok && filter->only_failed)
        return err_set(err, ERR_INVALID, "--ok and --failed leave nothing");
    if (cli_line_value(&cli->line, "follow")) /* unless --since says more */
        filter->since_ms = clock_wall_ms(&clock_system);
    int r = time_option(cli, "since", &filter->since_ms, err);
    if (r == 0)
        r = time_option(cli, "until", &filter->until_ms, err);
    if (r == 0 && names)
        r = auditlog_parse_events(str_c(names), &filter->events, err);
    if (r == 0 && address) {
        filter->has_network = true;
        r = cidr_parse(str_c(address), &filter->network, err);
    }
    if (user) {
        char *normal = arena_alloc(&cli->arena, USER_NAME_BYTES_MAX + 1);
        bool is_name = users_normalise_name(str_c(user), normal, NULL) == 0;
        filter->user = str_c(is_name ? normal : user);
    }
    return r;
}

/* ---- showing ---- */

static void add_padded(struct buf *out, struct str text, int width)
{
    size_t before = out->n;
    cli_add_safe(out, text);
    for (int i = cli_width(str_skip(buf_str(out), before)); i < width; i++)
        buf_add_char(out, ' ');
    buf_add_lit(out, "  ");
}

static void add_value(struct buf *out, const json_t *value)
{
    if (json_is_string(value))
        cli_add_safe(out, str_make(json_string_value(value), json_string_length(value)));
    else if (json_is_integer(value))
        buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        buf_add(out, json_is_true(value) ? STR("yes") : STR("no"));
}

/* Time, event, user and address under each other, then whatever else there is. */
static void print_event(json_t *event)
{
    static const char *const shown[] = { "time", "event", "ok", "user", "address" };
    struct buf out = BUF_INIT;
    const char *key;
    json_t *value;
#define TEXT(key) str_c(json_string_value(json_object_get(event, key)))
    const json_t *ok = json_object_get(event, "ok");
    cli_format_time(auditlog_time_ms(event) / 1000, &out);
    buf_add_lit(&out, "  ");
    add_padded(&out, TEXT("event"), 14);
    add_padded(&out, json_is_false(ok) ? STR("FAILED") : ok ? STR("ok") : STR(""), 6);
    add_padded(&out, TEXT("user"), 24);
    add_padded(&out, TEXT("address"), 15);
#undef TEXT
    json_object_foreach(event, key, value)
    {
        bool is_shown = false;
        for (size_t i = 0; i < ARRAY_COUNT(shown); i++)
            is_shown = is_shown || strcmp(key, shown[i]) == 0;
        if (is_shown)
            continue;
        cli_add_safe(&out, str_c(key));
        buf_add_char(&out, '=');
        add_value(&out, value);
        buf_add_char(&out, ' ');
    }
    fprintf(stdout, STR_FMT "\n", STR_ARG(str_trim(buf_str(&out))));
    buf_deinit(&out);
}

static int print_all(struct cli *cli, struct auditlog *log, struct err *err)
{
    json_t *event;
    struct str line;
    int r;
    while ((r = auditlog_next(log, &event, &line, err)) == 1) {
        if (cli->line.json)
            printf(STR_FMT "\n", STR_ARG(line));
        else
            print_event(event);
        json_decref(event);
    }
    return r;
}

static void wait_for_more(void)
{
    const struct timespec wait = { 0, FOLLOW_INTERVAL_MS * 1000000L };
    fflush(stdout);
    nanosleep(&wait, NULL);
}

int cli_log(struct cli *cli, struct err *err)
{
    struct auditlog_filter filter = { 0 };
    struct auditlog *log;
    int r = read_options(cli, &filter, err);
    if (r < 0)
        cli->exit_code = 2;
    if (r == 0)
        r = cli_load_config(cli, err);
    if (r == 0 && !*cli->config->audit.file)
        r = err_set(err, ERR_NOT_FOUND, "nothing is recorded: the setting audit.file is empty");
    if (r == 0)
        r = auditlog_open(cli->config->audit.file, &filter, &log, err);
    if (r < 0)
        return r;
    r = print_all(cli, log, err);
    while (r == 0 && cli_line_value(&cli->line, "follow") && !ferror(stdout)) {
        wait_for_more();
        r = print_all(cli, log, err);
    }
    uint64_t damaged = auditlog_damaged_count(log, true);
    if (damaged)
        fprintf(stderr, "loft: %llu %s passed over: no event, or cut short\n", (unsigned long long)damaged,
                damaged == 1 ? "line was" : "lines were");
    auditlog_close(&log);
    return r;
}
