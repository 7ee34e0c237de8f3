#include "base/log.h"

#include "base/utf8.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LEVEL_WIDTH = 5 }; /* of the longest name below */

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

struct log_field log_field_bool(const char *key, bool b)
{
    return (struct log_field){ .key = key, .type = LOG_FIELD_BOOL, .b = b };
}

/* `width` decimal digits. A line is written for each delivery: printf would cost more than all the rest of it. */
static void add_digits(struct buf *line, unsigned number, unsigned width)
{
    char *to = buf_reserve(line, width);
    for (unsigned i = width; i-- > 0; number /= 10)
        to[i] = (char)('0' + number % 10);
    line->n += width;
}

static void add_timestamp(struct buf *line, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    const struct {
        int number;
        unsigned width;
        char behind;
    } parts[] = {
        { tm.tm_year + 1900, 4, '-' },
        { tm.tm_mon + 1, 2, '-' },
        { tm.tm_mday, 2, 'T' },
        { tm.tm_hour, 2, ':' },
        { tm.tm_min, 2, ':' },
        { tm.tm_sec, 2, '.' },
        { (int)(wall_ms % 1000), 3, 'Z' },
    };
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        add_digits(line, (unsigned)parts[i].number, parts[i].width);
        buf_add_char(line, parts[i].behind);
    }
}

static void add_quoted(struct buf *line, struct str s)
{
    const char *end = str_end(s);
    buf_add_char(line, '"');
    for (const char *p = s.p; p < end;) {
        if (utf8_hidden(p, end))
            buf_printf(line, "\\u%04x", (unsigned)utf8_next(&p, end));
        else if (*p == '"' || *p == '\\')
            buf_printf(line, "\\%c", *p++);
        else
            buf_add_char(line, *p++);
    }
    buf_add_char(line, '"');
}

static bool is_plain(struct str s)
{
    if (s.n == 0)
        return false;
    for (const char *p = s.p, *end = str_end(s); p < end; p++)
        if (*p == ' ' || *p == '"' || *p == '\\' || *p == '=' || utf8_hidden(p, end))
            return false;
    return true;
}

static void add_str_value(struct buf *line, struct str s, enum log_format format)
{
    struct buf clean = BUF_INIT;
    utf8_sanitize(utf8_prefix(s, LOG_VALUE_BYTES_MAX), &clean);
    if (format == LOG_TEXT && is_plain(buf_str(&clean)))
        buf_add(line, buf_str(&clean));
    else
        add_quoted(line, buf_str(&clean));
    buf_deinit(&clean);
}

static struct str bool_text(bool b, enum log_format format)
{
    static const struct str texts[][2] = {
        [LOG_TEXT] = { STR_INIT("no"), STR_INIT("yes") }, [LOG_JSON] = { STR_INIT("false"), STR_INIT("true") }
    };
    return texts[format][b];
}

static void add_field(struct buf *line, const struct log_field *f, enum log_format format)
{
    if (f->type == LOG_FIELD_NONE)
        return;
    buf_add(line, format == LOG_JSON ? STR(",\"") : STR(" "));
    buf_add(line, str_c(f->key));
    buf_add(line, format == LOG_JSON ? STR("\":") : STR("="));
    if (f->type == LOG_FIELD_INT)
        buf_printf(line, "%lld", (long long)f->i);
    else if (f->type == LOG_FIELD_UINT)
        buf_add_u64(line, f->u);
    else if (f->type == LOG_FIELD_BOOL)
        buf_add(line, bool_text(f->b, format));
    else
        add_str_value(line, f->s, format);
}

static void begin_json(struct buf *line, int64_t wall_ms, const char *level, const char *event)
{
    buf_add_lit(line, "{\"time\":\"");
    add_timestamp(line, wall_ms);
    if (level) {
        buf_add_lit(line, "\",\"level\":\"");
        buf_add(line, str_c(level));
    }
    buf_add_lit(line, "\",\"event\":\"");
    buf_add(line, str_c(event));
    buf_add_char(line, '"');
}

void log_write_json(struct buf *line, int64_t wall_ms, const char *event, const struct log_field *fields,
                    size_t field_count)
{
    begin_json(line, wall_ms, NULL, event);
    for (size_t i = 0; i < field_count; i++)
        add_field(line, &fields[i], LOG_JSON);
    buf_add_lit(line, "}\n");
}

void log_event(const struct logger *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t field_count)
{
    const struct log_sink *sink = log->sink;
    if (!sink || level < sink->level)
        return;
    struct buf line = BUF_INIT;
    if (sink->format == LOG_JSON) {
        begin_json(&line, clock_wall_ms(sink->clock), level_names[level], event);
    } else {
        add_timestamp(&line, clock_wall_ms(sink->clock));
        buf_add_char(&line, ' ');
        buf_add(&line, str_c(level_names[level]));
        buf_add(&line, str_sub(STR("     "), 0, LEVEL_WIDTH + 1 - strlen(level_names[level])));
        buf_add(&line, str_c(event));
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
