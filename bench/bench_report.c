#include "bench_report.h"

#include <stdio.h>
#include <stdlib.h>

static struct {
    bool json, has_row;
    double cpu_us, p99_ms; /* of the last row */
} report;

void report_begin(bool json)
{
    report.json = json;
    printf(json ? "[" : "%-44s %12s %14s %11s %11s\n", "", "rate", "server CPU", "p50", "p99");
}

/* A row waits for its target; whatever comes next ends it. */
static void end_row(void)
{
    if (report.has_row)
        printf(report.json ? "}" : "\n");
    report.has_row = false;
    fflush(stdout);
}

static void begin_row(const char *name)
{
    static bool any;
    end_row();
    if (report.json)
        printf("%s\n{\"name\":\"%s\"", any ? "," : "", name);
    else
        printf("%-44s ", name);
    any = report.has_row = true;
    fflush(stdout);
}

void report_end(void)
{
    end_row();
    if (report.json)
        printf("\n]\n");
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void report_row(const char *name, unsigned count, double wall_s, double cpu_s, double *latencies,
                unsigned samples)
{
    double p50 = 0;
    begin_row(name);
    report.cpu_us = cpu_s / count * 1e6;
    qsort(latencies, samples, sizeof *latencies, compare);
    if (samples) {
        p50 = latencies[samples / 2] * 1e3;
        report.p99_ms = latencies[samples - 1 - samples / 100] * 1e3;
    }
    printf(report.json ? ",\"count\":%u,\"rate_per_s\":%.1f,\"cpu_us\":%.3f" : "%.0u%10.0f /s %11.3f us",
           report.json ? count : 0, count / wall_s, report.cpu_us);
    if (samples)
        printf(report.json ? ",\"p50_ms\":%.3f,\"p99_ms\":%.3f" : " %8.3f ms %8.3f ms", p50, report.p99_ms);
    else if (!report.json)
        printf("%24s", "");
    fflush(stdout);
}

void report_rate(const char *name, double rate)
{
    begin_row(name);
    printf(report.json ? ",\"rate_per_s\":%.1f" : "%10.0f /s", rate);
}

static void target(double value, double limit, bool at_least, const char *unit)
{
    bool met = at_least ? value >= limit : value <= limit;
    if (report.json)
        printf(",\"target\":%g,\"met\":%s", limit, met ? "true" : "false");
    else
        printf("   %s %s %g %s", met ? "ok" : "MISSED", at_least ? "at least" : "at most", limit, unit);
}

void report_value(const char *name, double value, const char *unit, double limit, bool at_least)
{
    begin_row(name);
    if (report.json)
        printf(",\"value\":%.3f,\"unit\":\"%s\"", value, unit);
    else
        printf("%10.3f %-40s", value, unit);
    if (limit > 0)
        target(value, limit, at_least, unit);
}

void report_target_cpu_us(double limit, bool applies)
{
    if (applies)
        target(report.cpu_us, limit, false, "us");
}

void report_target_p99_ms(double limit)
{
    target(report.p99_ms, limit, false, "ms");
}
