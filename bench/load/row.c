#include "load/row.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void row_init(struct row *r, const char *row, const char *unit, const char *name_fmt, ...)
{
    va_list ap;
    *r = (struct row){ .row = row, .unit = unit };
    va_start(ap, name_fmt);
    vsnprintf(r->name, sizeof r->name, name_fmt, ap);
    va_end(ap);
}

void row_param(struct row *r, const char *key, unsigned value)
{
    assert(r->params_n < BENCH_PARAMS_MAX);
    struct bench_param *p = &r->params[r->params_n++];
    snprintf(p->key, sizeof p->key, "%s", key);
    p->value = value;
}

void row_figure(struct row *r, const char *key, double value, const char *unit)
{
    assert(r->figures_n < ROW_FIGURES_MAX);
    r->figures[r->figures_n++] = (struct row_figure){ key, value, unit };
}

/* ---- printing ---- */

static void print_string(const char *s)
{
    putchar('"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            printf("\\%c", *s);
        else if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x7f)
            printf("\\u%04x", (unsigned char)*s); /* bytes of an answer: which charset, nobody knows */
        else
            putchar(*s);
    }
    putchar('"');
}

static void print_head(const struct bench *b, const struct row *r)
{
    if (!b->json) {
        printf("%-56.56s ", r->name);
        return;
    }
    printf("{\"server\":");
    print_string(b->target.name);
    printf(",\"workload\":\"%s\",\"row\":\"%s\",\"name\":", b->workload, r->row);
    print_string(r->name);
    if (r->unit)
        printf(",\"unit\":\"%s\"", r->unit);
    printf(",\"params\":{");
    for (unsigned i = 0; i < r->params_n; i++)
        printf("%s\"%s\":%u", i ? "," : "", r->params[i].key, r->params[i].value);
    putchar('}');
}

static void print_tail(const struct bench *b)
{
    printf(b->json ? "}\n" : "\n");
    fflush(stdout);
}

static void print_errors(const struct bench *b)
{
    if (b->json)
        printf(",\"errors\":%u", b->errors);
    if (b->errors == 0)
        return;
    if (b->json) {
        printf(",\"error\":");
        print_string(b->error);
    } else {
        printf("  %u WRONG: ", b->errors);
        for (const char *p = b->error; *p; p++)
            putchar((unsigned char)*p < 0x20 ? ' ' : *p);
    }
}

static void print_rate(const struct bench *b, const struct row *r)
{
    double rate = (double)r->count / (r->wall_s > 0 ? r->wall_s : 1e-9);
    if (b->json)
        printf(",\"count\":%llu,\"wall_s\":%.6f,\"rate\":%.3f", (unsigned long long)r->count, r->wall_s,
               rate);
    else
        printf("%11.0f /s", rate);
}

static void print_figure(const struct bench *b, const struct row_figure *f)
{
    if (b->json)
        printf(",\"%s\":%.9g", f->key, f->value);
    else if (f->unit)
        printf(" %9.4g %s", f->value, f->unit);
}

void row_print(struct bench *b, const struct row *r)
{
    print_head(b, r);
    if (r->count > 0)
        print_rate(b, r);
    for (unsigned i = 0; i < r->figures_n; i++)
        print_figure(b, &r->figures[i]);
    print_errors(b);
    print_tail(b);
    if (b->errors > 0)
        (void)!send(b->supervisor, "E", 1, 0);
    b->errors = 0;
}

void row_unsupported(const struct bench *b, const struct row *r, const char *what)
{
    print_head(b, r);
    if (b->json) {
        printf(",\"unsupported\":");
        print_string(what);
    } else {
        printf("  unsupported: %s", what);
    }
    print_tail(b);
}

void row_fatal(const struct bench *b, const char *error)
{
    struct row r;
    row_init(&r, b->workload, NULL, "%s", b->workload);
    print_head(b, &r);
    printf(b->json ? ",\"errors\":1,\"error\":" : "  FAILED: ");
    if (b->json)
        print_string(error);
    else
        fputs(error, stdout);
    print_tail(b);
}

void row_header(const struct bench *b)
{
    if (!b->json)
        printf("%-56s %14s\n", b->target.name, "rate");
    fflush(stdout);
}

/* ---- taking ---- */

void samples_init(struct samples *s, unsigned max)
{
    *s = (struct samples){ calloc(max ? max : 1, sizeof *s->s), 0, max };
    if (!s->s)
        bench_die("no memory for %u samples", max);
}

void samples_deinit(struct samples *s)
{
    free(s->s);
    *s = (struct samples){ NULL, 0, 0 };
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void meter_start(const struct bench *b, struct meter *m)
{
    usage_settle(b);
    *m = (struct meter){ .wall_s = 0 };
    usage_read(&b->target, &m->begin);
    m->begin_s = now_s();
}

void meter_hold(struct meter *m)
{
    m->wall_s = now_s() - m->begin_s;
}

static void add_latencies(struct row *r, struct samples *samples)
{
    if (!samples || samples->n == 0)
        return;
    qsort(samples->s, samples->n, sizeof *samples->s, compare);
    row_figure(r, "p50_ms", samples->s[samples->n / 2] * 1e3, "ms p50");
    row_figure(r, "p99_ms", samples->s[samples->n - 1 - samples->n / 100] * 1e3, "ms p99");
}

static void add_usage(const struct bench *b, const struct meter *m, struct row *r)
{
    struct usage end;
    double count = (double)r->count;
    usage_read(&b->target, &end);
    if (b->target.roots[0] > 0) {
        row_figure(r, "server_cpu_s_per_1000", (end.cpu_s - m->begin.cpu_s) / count * 1e3, "ms CPU");
        row_figure(r, "written_bytes_per_op", (double)(end.written_bytes - m->begin.written_bytes) / count,
                   "B written");
    }
    if (b->target.flushes)
        row_figure(r, "flushes_per_op", (double)(end.flushes - m->begin.flushes) / count, "flushes");
}

void meter_stop(struct bench *b, struct meter *m, struct row *r, uint64_t count, struct samples *samples)
{
    if (m->wall_s == 0)
        meter_hold(m);
    usage_settle(b);
    r->wall_s = m->wall_s;
    r->count = count ? count : 1;
    add_usage(b, m, r);
    add_latencies(r, samples);
    row_print(b, r);
}
