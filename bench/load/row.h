/* row.h: figures of one piece of work, as a line of a table or as JSON (README.md says which keys), and the meter
 * that takes them. */
#ifndef LOFT_BENCH_LOAD_ROW_H
#define LOFT_BENCH_LOAD_ROW_H

#include "load/usage.h"

enum { ROW_FIGURES_MAX = 12 };

struct row_figure {
    const char *key;
    double value;
    const char *unit; /* for the table */
};

struct row {
    const char *row, *unit;
    char name[96];
    struct bench_param params[BENCH_PARAMS_MAX];
    struct row_figure figures[ROW_FIGURES_MAX];
    unsigned params_n, figures_n;
    double wall_s, cpu_s;
    uint64_t count;
};

/* Seconds that single commands took. */
struct samples {
    double *s;
    unsigned n, max;
};

/* All strings but the name must live as long as the row. */
void row_init(struct row *r, const char *row, const char *unit, const char *name_fmt, ...) PRINTF_LIKE(4, 5);
void row_param(struct row *r, const char *key, unsigned value);
void row_figure(struct row *r, const char *key, double value, const char *unit);

/* Print it, with the errors since the last one. */
void row_print(struct bench *b, const struct row *r);
void row_unsupported(const struct bench *b, const struct row *r, const char *what);
/* What the supervisor tells of a workload that died. */
void row_fatal(const struct bench *b, const char *error);
void row_header(const struct bench *b);

void samples_init(struct samples *s, unsigned max);
void samples_deinit(struct samples *s);

struct meter {
    struct usage begin;
    double begin_s, wall_s;
};

/* Settles, then begins. */
void meter_start(const struct bench *b, struct meter *m);
/* The clock on the wall stops; for work between it and meter_stop that is not to count in the rate. */
void meter_hold(struct meter *m);
/* Settles, fills in what `count` operations took, prints. `samples` are sorted; NULL: none. */
void meter_stop(struct bench *b, struct meter *m, struct row *r, uint64_t count, struct samples *samples);

#endif
