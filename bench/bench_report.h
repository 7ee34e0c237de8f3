/* bench_report.h: rows of figures, as a table while they come, or as JSON. */
#ifndef LOFT_BENCH_REPORT_H
#define LOFT_BENCH_REPORT_H

#include <stdbool.h>

void report_begin(bool json);
void report_end(void);

/* `count` operations took so long and so much CPU; `samples` latencies in seconds (0: none),
 * which are sorted. */
void report_row(const char *name, unsigned count, double wall_s, double cpu_s, double *latencies,
                unsigned samples);
void report_rate(const char *name, double rate);
/* A single figure; target 0: none. */
void report_value(const char *name, double value, const char *unit, double target, bool at_least);

/* What the row before was to be; said only where `applies`. */
void report_target_cpu_us(double target, bool applies);
void report_target_p99_ms(double target);

#endif
