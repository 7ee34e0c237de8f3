/* Tables for people, JSON for programs. */
#include "admin/cli_private.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { COLUMNS_MAX = 16, GAP = 2 };

void cli_add_safe(struct buf *out, struct str s)
{
    const char *end = str_end(s);
    for (const char *p = s.p; p < end;) {
        size_t hidden = utf8_hidden(p, end);
        buf_add_char(out, hidden ? '?' : *p);
        p += hidden ? hidden : 1;
    }
}

void cli_format_bytes(uint64_t bytes, struct buf *out)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB" };
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < ARRAY_COUNT(units)) {
        value /= 1024;
        unit++;
    }
    buf_printf(out, unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void cli_format_duration(int64_t s, struct buf *out)
{
    static const struct {
        int64_t seconds, part;
        const char *unit, *part_unit;
    } scales[] = { { 86400, 3600, "d", "h" }, { 3600, 60, "h", "min" }, { 60, 1, "min", "s" } };
    for (size_t i = 0; i < ARRAY_COUNT(scales); i++)
        if (s >= scales[i].seconds) {
            buf_printf(out, "%lld %s %lld %s", (long long)(s / scales[i].seconds), scales[i].unit,
                       (long long)(s % scales[i].seconds / scales[i].part), scales[i].part_unit);
            return;
        }
    buf_printf(out, "%lld s", (long long)s);
}

void cli_format_time(int64_t wall_s, struct buf *out)
{
    struct tm tm;
    char text[32];
    time_t t = (time_t)wall_s;
    if (localtime_r(&t, &tm) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm))
        buf_add(out, str_c(text));
}

static void format_cell(const json_t *value, enum column_kind kind, struct buf *out)
{
    if (!value && kind == COLUMN_TIME)
        return; /* it has not happened */
    switch (kind) {
    case COLUMN_TEXT:
        cli_add_safe(out, str_make(json_string_value(value), json_string_length(value)));
        break;
    case COLUMN_COUNT:
        buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case COLUMN_BYTES:
        cli_format_bytes((uint64_t)json_integer_value(value), out);
        break;
    case COLUMN_TIME:
        cli_format_time(json_integer_value(value), out);
        break;
    case COLUMN_YES:
        buf_add(out, json_is_true(value) ? STR("yes") : STR("no"));
        break;
    }
}

int cli_width(struct str s)
{
    const char *p = s.p, *end = str_end(s);
    int width = 0;
    while (p < end) {
        utf8_next(&p, end);
        width++;
    }
    return width;
}

static void print_cell(struct str text, int width, bool right, bool last)
{
    int pad = width - cli_width(text);
    if (right)
        printf("%*s", pad, "");
    fwrite(text.p, 1, text.n, stdout);
    printf("%*s", last ? 0 : (right ? 0 : pad) + GAP, "");
}

void cli_print_json(const json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
}

static bool is_right(enum column_kind kind)
{
    return kind == COLUMN_COUNT || kind == COLUMN_BYTES;
}

static void measure(const json_t *rows, const struct column *columns, int *widths)
{
    struct buf cell = BUF_INIT;
    for (size_t k = 0; columns[k].title; k++) {
        size_t i;
        json_t *row;
        widths[k] = (int)strlen(columns[k].title);
        json_array_foreach(rows, i, row)
        {
            buf_clear(&cell);
            format_cell(json_object_get(row, columns[k].key), columns[k].kind, &cell);
            int width = cli_width(buf_str(&cell));
            widths[k] = width > widths[k] ? width : widths[k];
        }
    }
    buf_deinit(&cell);
}

void cli_print_rows(const struct cli *cli, const json_t *rows, const struct column *columns,
                    const char *when_empty)
{
    int widths[COLUMNS_MAX];
    size_t i;
    json_t *row;
    if (cli->line.json || json_array_size(rows) == 0) {
        if (cli->line.json)
            cli_print_json(rows);
        else
            puts(when_empty);
        return;
    }
    struct buf cell = BUF_INIT;
    measure(rows, columns, widths);
    for (size_t k = 0; columns[k].title; k++)
        print_cell(str_c(columns[k].title), widths[k], is_right(columns[k].kind), !columns[k + 1].title);
    putchar('\n');
    json_array_foreach(rows, i, row)
    {
        for (size_t k = 0; columns[k].title; k++) {
            buf_clear(&cell);
            format_cell(json_object_get(row, columns[k].key), columns[k].kind, &cell);
            print_cell(buf_str(&cell), widths[k], is_right(columns[k].kind), !columns[k + 1].title);
        }
        putchar('\n');
    }
    buf_deinit(&cell);
}

void cli_print_object(const struct cli *cli, const json_t *object, const struct column *columns)
{
    int width = 0;
    if (cli->line.json) {
        cli_print_json(object);
        return;
    }
    for (const struct column *c = columns; c->title; c++)
        width = (int)strlen(c->title) > width ? (int)strlen(c->title) : width;
    for (const struct column *c = columns; c->title; c++) {
        struct buf cell = BUF_INIT;
        const json_t *value = json_object_get(object, c->key);
        if (value) {
            format_cell(value, c->kind, &cell);
            printf("%-*s  %s\n", width, c->title, buf_c(&cell));
        }
        buf_deinit(&cell);
    }
}

void cli_print_done(const struct cli *cli, const json_t *result, const char *fmt, ...)
{
    struct buf text = BUF_INIT, safe = BUF_INIT;
    va_list ap;
    if (cli->line.json) {
        cli_print_json(result);
        return;
    }
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    cli_add_safe(&safe, buf_str(&text));
    puts(buf_c(&safe));
    buf_deinit(&text);
    buf_deinit(&safe);
}
