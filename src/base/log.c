#include "base/log.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { VALUE_BYTES_MAX = 1024 }; /* of one field: a hostile name must not fill the log */

static const char *const level_names[] = { "debug", "info", "warn", "error" };

struct logger logger_make(const struct log_sink *sink)
{
    return (struct logger){ .sink = sink };
}

struct logger logger_with(struct logger parent, struct log_field field)
{
    for (size_t i = 0; i < ARRAY_COUNT(parent.context); i++) {
        if (parent.context[i].type == LOG_FIELD_NONE) {
            parent.context[i] = field;
            break;
        }
    }
    return parent;
}

struct log_field log_field_str(const char *key, struct str s)
{
    return (struct log_field){ .key = key, .type = LOG_FIELD_STR, .s = s };
}

struct log_field log_field_c(const char *key, const char *c_string)
{
    return log_field_str(key, str_c(c_string));
}

struct log_field log_field_i64(const char *key, int64_t i)
{
    return (struct log_field){ .key = key, .type = LOG_FIELD_INT, .i = i };
}

struct log_field log_field_u64(const char *key, uint64_t u)
{
    return (struct log_field){ .key = key, .type = LOG_FIELD_UINT, .u = u };
}

static void add_timestamp(struct buf *line, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    buf_printf(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
               tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(wall_ms % 1000));
}

/* U+0080 to U+009F in UTF-8: control characters to a terminal that shows the log. */
static bool is_c1_control(struct str s, size_t i)
{
    return i + 1 < s.n && (unsigned char)s.p[i] == 0xc2 && (unsigned char)s.p[i + 1] < 0xa0;
}

static void add_quoted(struct buf *line, struct str s)
{
    buf_add_char(line, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            buf_printf(line, "\\%c", c);
        else if (is_c1_control(s, i))
            buf_printf(line, "\\u%04x", (unsigned char)s.p[++i]);
        else if (c < 0x20 || c == 0x7f)
            buf_printf(line, "\\u%04x", c);
        else
            buf_add_char(line, (char)c);
    }
    buf_add_char(line, '"');
}

static bool is_plain(struct str s)
{
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c == 0x7f || c == '"' || c == '\\' || c == '=' || is_c1_control(s, i))
            return false;
    }
    return true;
}

static void add_str_value(struct buf *line, struct str s, enum log_format format)
{
    struct buf clean = BUF_INIT;
    utf8_sanitize(utf8_prefix(s, VALUE_BYTES_MAX), &clean);
    if (format == LOG_TEXT && is_plain(buf_str(&clean)))
        buf_add(line, buf_str(&clean));
    else
        add_quoted(line, buf_str(&clean));
    buf_deinit(&clean);
}

static void add_field(struct buf *line, const struct log_field *f, enum log_format format)
{
    if (f->type == LOG_FIELD_NONE)
        return;
    if (format == LOG_JSON)
        buf_printf(line, ",\"%s\":", f->key);
    else
        buf_printf(line, " %s=", f->key);
    if (f->type == LOG_FIELD_INT)
        buf_printf(line, "%lld", (long long)f->i);
    else if (f->type == LOG_FIELD_UINT)
        buf_add_u64(line, f->u);
    else
        add_str_value(line, f->s, format);
}

void log_event(const struct logger *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t field_count)
{
    const struct log_sink *sink = log->sink;
    if (!sink || level < sink->level)
        return;
    struct buf line = BUF_INIT;
    if (sink->format == LOG_JSON) {
        buf_add_lit(&line, "{\"time\":\"");
        add_timestamp(&line, clock_wall_ms(sink->clock));
        buf_printf(&line, "\",\"level\":\"%s\",\"event\":\"%s\"", level_names[level], event);
    } else {
        add_timestamp(&line, clock_wall_ms(sink->clock));
        buf_printf(&line, " %-5s %s", level_names[level], event);
    }
    for (size_t i = 0; i < ARRAY_COUNT(log->context); i++)
        add_field(&line, &log->context[i], sink->format);
    for (size_t i = 0; i < field_count; i++)
        add_field(&line, &fields[i], sink->format);
    if (sink->format == LOG_JSON)
        buf_add_char(&line, '}');
    buf_add_char(&line, '\n');
    ssize_t written = write(sink->fd, line.p, line.n);
    (void)written; /* a log that cannot be written must not stop the mail */
    buf_deinit(&line);
}
