#include "admin/config_table.h"
#include "base/utf8.h"

#include <stdio.h>

/* ---- numbers with suffixes ---- */

struct suffix {
    const char *text;
    uint64_t factor;
};
static const struct suffix byte_suffixes[] = {
    { "G", 1u << 30 }, { "M", 1u << 20 }, { "K", 1u << 10 }, { "", 1 }
};
static const struct suffix second_suffixes[] = {
    { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 }, { "", 1 }
};
static const struct suffix millisecond_suffixes[] = { { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 },
                                                      { "s", 1000 },     { "ms", 1 },      { "", 1 } };
static const struct suffix count_suffixes[] = { { "", 1 } };

static const struct {
    const struct suffix *suffixes;
    size_t count;
    const char *expected;
} units[] = {
    [CONFIG_COUNT] = { count_suffixes, ARRAY_COUNT(count_suffixes), "a number" },
    [CONFIG_BYTES] = { byte_suffixes, ARRAY_COUNT(byte_suffixes), "a size such as 65536, 64K or 1G" },
    [CONFIG_SECONDS] = { second_suffixes, ARRAY_COUNT(second_suffixes),
                         "a time in seconds, such as 90, 30m or 1h" },
    [CONFIG_MILLISECONDS] = { millisecond_suffixes, ARRAY_COUNT(millisecond_suffixes),
                              "a time in milliseconds, such as 500, 500ms or 2s" },
};

/* In the largest unit that leaves no rest. Milliseconds are written with their suffix, bare "500" says too
 * little. */
static void format_number(enum config_unit unit, uint64_t n, struct buf *out)
{
    for (size_t i = 0; i < units[unit].count; i++) {
        const struct suffix *s = &units[unit].suffixes[i];
        if (n % s->factor == 0 && (n > 0 || s->factor == 1)) {
            buf_add_u64(out, n / s->factor);
            buf_add(out, str_c(s->text));
            return;
        }
    }
}

static bool parse_number(enum config_unit unit, struct str text, uint64_t *out)
{
    size_t digits = 0;
    while (digits < text.n && ascii_is_digit(text.p[digits]))
        digits++;
    struct str suffix = str_skip(text, digits);
    uint64_t n;
    if (!str_to_u64(str_sub(text, 0, digits), UINT64_MAX, &n))
        return false;
    for (size_t i = 0; i < units[unit].count; i++) {
        const struct suffix *s = &units[unit].suffixes[i];
        if (str_eq_nocase(suffix, str_c(s->text)) && n <= UINT64_MAX / s->factor) {
            *out = n * s->factor;
            return true;
        }
    }
    return false;
}

/* ---- the types ---- */

static void *field_of(const struct config_setting *setting, struct config *config)
{
    return (char *)config + setting->offset;
}

static const void *const_field_of(const struct config_setting *setting, const struct config *config)
{
    return (const char *)config + setting->offset;
}

static int parse_bool(struct str text, bool *out, struct err *err)
{
    static const struct {
        struct str word;
        bool value;
    } words[] = {
        { STR_INIT("yes"), true },    { STR_INIT("no"), false }, { STR_INIT("true"), true },
        { STR_INIT("false"), false }, { STR_INIT("on"), true },  { STR_INIT("off"), false },
    };
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        if (str_eq_nocase(text, words[i].word)) {
            *out = words[i].value;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "\"%.60s\" is neither yes nor no", text.p);
}

static int parse_word(const struct config_setting *setting, struct str text, uint64_t *out, struct err *err)
{
    struct buf range = BUF_INIT;
    for (uint64_t i = 0; setting->words[i]; i++) {
        if (str_eq_nocase(text, str_c(setting->words[i]))) {
            *out = i;
            return 0;
        }
    }
    config_range_format(setting, &range);
    int r = err_set(err, ERR_INVALID, "\"%.60s\" is not one of %s", text.p, buf_c(&range));
    buf_deinit(&range);
    return r;
}

static int parse_number_in_range(const struct config_setting *setting, struct str text, uint64_t *out,
                                 struct err *err)
{
    uint64_t n;
    if (!parse_number(setting->unit, text, &n))
        return err_set(err, ERR_INVALID, "\"%.60s\" is not %s", text.p, units[setting->unit].expected);
    if (n < setting->min || n > setting->max) {
        struct buf range = BUF_INIT;
        config_range_format(setting, &range);
        int r = err_set(err, ERR_INVALID, "%.60s is out of range: %s", text.p, buf_c(&range));
        buf_deinit(&range);
        return r;
    }
    *out = n;
    return 0;
}

static int check_length(const struct config_setting *setting, struct str text, struct err *err)
{
    if (text.n < setting->min)
        return err_set(err, ERR_INVALID, "may not be empty");
    if (text.n > setting->max)
        return err_set(err, ERR_INVALID, "%zu bytes are too long: at most %llu", text.n,
                       (unsigned long long)setting->max);
    return 0;
}

static struct str resolve_path(struct str path, const char *base, struct arena *arena)
{
    if (path.n == 0 || path.p[0] == '/' || base[0] == '\0')
        return arena_dup(arena, path);
    if (str_starts(path, STR("./")))
        path = str_skip(path, 2);
    return arena_printf(arena, "%s%s" STR_FMT, base, base[strlen(base) - 1] == '/' ? "" : "/", STR_ARG(path));
}

/* HOST ":" PORT, or a path. The host may be in brackets, and must be when it has colons. */
static int parse_address(struct str text, const char *base, struct arena *arena, struct config_address *out,
                         struct err *err)
{
    enum { SOCKET_PATH_BYTES_MAX = 107 };
    if (str_find_char(text, '/') >= 0) {
        struct str path = resolve_path(text, base, arena);
        if (path.n > SOCKET_PATH_BYTES_MAX)
            return err_set(err, ERR_INVALID, "socket path %.60s... is %zu bytes long: at most %d", path.p,
                           path.n, SOCKET_PATH_BYTES_MAX);
        *out = (struct config_address){ .path = path.p };
        return 0;
    }
    ptrdiff_t colon = str_rfind_char(text, ':');
    uint64_t port;
    if (colon <= 0 || !str_to_u64(str_skip(text, (size_t)colon + 1), UINT16_MAX, &port))
        return err_set(err, ERR_INVALID, "\"" STR_FMT "\" is neither HOST:PORT nor a path with a \"/\" in it",
                       STR_ARG(str_sub(text, 0, 60)));
    struct str host = str_sub(text, 0, (size_t)colon);
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = str_sub(host, 1, host.n - 2);
    else if (str_find_char(host, ':') >= 0)
        return err_set(err, ERR_INVALID, "put the IPv6 address in brackets: [" STR_FMT "]:%u",
                       STR_ARG(str_sub(host, 0, 60)), (unsigned)port);
    *out = (struct config_address){ .host = arena_c(arena, host), .port = (uint16_t)port };
    return 0;
}

static int parse_listen(struct str text, const char *base, struct arena *arena, struct config_listen *out,
                        struct err *err)
{
    struct config_listen list = { .count = 0 };
    for (struct str rest = str_trim(text); rest.n > 0; rest = str_trim(rest)) {
        size_t n = 0;
        while (n < rest.n && rest.p[n] != ' ' && rest.p[n] != '\t')
            n++;
        if (list.count == CONFIG_LISTEN_MAX)
            return err_set(err, ERR_INVALID, "more than %d addresses", CONFIG_LISTEN_MAX);
        int r = parse_address(str_sub(rest, 0, n), base, arena, &list.addresses[list.count], err);
        if (r < 0)
            return r;
        list.count++;
        rest = str_skip(rest, n);
    }
    *out = list;
    return 0;
}

static int check_text(struct str text, struct err *err)
{
    if (text.n > CONFIG_VALUE_BYTES_MAX)
        return err_set(err, ERR_INVALID, "a value of more than %d bytes", CONFIG_VALUE_BYTES_MAX);
    if (!utf8_is_valid(text))
        return err_set(err, ERR_INVALID, "not valid UTF-8");
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' && text.p[i] != '\t')
            return err_set(err, ERR_INVALID, "a control character");
    return 0;
}

int config_value_parse(const struct config_setting *setting, struct str text, const char *base,
                       struct arena *arena, struct config *config, struct err *err)
{
    void *field = field_of(setting, config);
    int r = check_text(text, err);
    if (r < 0)
        return r;
    text = arena_dup(arena, text.p ? text : STR("")); /* the messages below print it as a C string */
    switch (setting->type) {
    case CONFIG_BOOL:
        return parse_bool(text, field, err);
    case CONFIG_NUMBER:
        return parse_number_in_range(setting, text, field, err);
    case CONFIG_WORD:
        return parse_word(setting, text, field, err);
    case CONFIG_LISTEN:
        return parse_listen(text, base, arena, field, err);
    case CONFIG_PATH:
        text = resolve_path(text, base, arena);
        break;
    case CONFIG_STRING:
        break;
    }
    r = check_length(setting, text, err);
    if (r == 0)
        *(const char **)field = text.p;
    return r;
}

/* ---- back to text ---- */

void config_json_string(struct str s, struct buf *out)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

static void format_address(const struct config_address *a, struct buf *out)
{
    if (a->path)
        buf_add(out, str_c(a->path));
    else
        buf_printf(out, strchr(a->host, ':') ? "[%s]:%u" : "%s:%u", a->host, a->port);
}

static void format_listen(const struct config_listen *list, bool json, struct buf *out)
{
    struct buf one = BUF_INIT;
    if (json)
        buf_add_char(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            buf_add(out, json ? STR(", ") : STR(" "));
        buf_clear(&one);
        format_address(&list->addresses[i], &one);
        if (json)
            config_json_string(buf_str(&one), out);
        else
            buf_add(out, buf_str(&one));
    }
    if (json)
        buf_add_char(out, ']');
    buf_deinit(&one);
}

static void format_string(const char *text, bool json, struct buf *out)
{
    if (json)
        config_json_string(str_c(text), out);
    else
        buf_add(out, str_c(text));
}

void config_value_format(const struct config_setting *setting, const struct config *config, bool json,
                         struct buf *out)
{
    const void *field = const_field_of(setting, config);
    switch (setting->type) {
    case CONFIG_BOOL:
        if (json)
            buf_add(out, *(const bool *)field ? STR("true") : STR("false"));
        else
            buf_add(out, *(const bool *)field ? STR("yes") : STR("no"));
        break;
    case CONFIG_NUMBER:
        if (json)
            buf_add_u64(out, *(const uint64_t *)field);
        else
            format_number(setting->unit, *(const uint64_t *)field, out);
        break;
    case CONFIG_WORD:
        format_string(setting->words[*(const uint64_t *)field], json, out);
        break;
    case CONFIG_STRING:
    case CONFIG_PATH:
        format_string(*(const char *const *)field, json, out);
        break;
    case CONFIG_LISTEN:
        format_listen(field, json, out);
        break;
    }
}

void config_range_format(const struct config_setting *setting, struct buf *out)
{
    switch (setting->type) {
    case CONFIG_BOOL:
        buf_add_lit(out, "yes or no");
        break;
    case CONFIG_NUMBER:
        format_number(setting->unit, setting->min, out);
        buf_add_lit(out, " to ");
        format_number(setting->unit, setting->max, out);
        break;
    case CONFIG_WORD:
        for (size_t i = 0; setting->words[i]; i++) {
            if (i > 0)
                buf_add(out, setting->words[i + 1] ? STR(", ") : STR(" or "));
            buf_add(out, str_c(setting->words[i]));
        }
        break;
    case CONFIG_STRING:
        buf_printf(out, "%s%llu bytes", setting->min ? "1 to " : "up to ", (unsigned long long)setting->max);
        break;
    case CONFIG_PATH:
        buf_printf(out, "a path%s", setting->min ? "" : ", or empty");
        break;
    case CONFIG_LISTEN:
        buf_printf(out,
                   "up to %d of HOST:PORT, [IPV6]:PORT, *:PORT or a socket path, separated by blanks; empty "
                   "for none",
                   CONFIG_LISTEN_MAX);
        break;
    }
}
