/* options.h: the command line of mail_bench (README.md). */
#ifndef LOFT_BENCH_LOAD_OPTIONS_H
#define LOFT_BENCH_LOAD_OPTIONS_H

#include "load/workload.h"

struct options {
    const char *loft, *folder; /* --loft: that one is started */
    const char *restart;       /* command, or NULL */
    bool tolerate, list;
};

/* Fill `b` and `out` from the arguments; the index of the first workload. Ends with a text and status 2 when they
 * make no sense. Strings borrow argv. */
int options_read(int argc, char **argv, struct bench *b, struct options *out);

/* "name:key=value,..." into b->workload and b->params. NULL, with a text on stderr, when it makes no sense. */
const struct workload *options_workload(const char *argument, struct bench *b);

/* "1,2,3" into roots. */
bool options_pids(const char *list, pid_t roots[BENCH_ROOTS_MAX]);

/* The address of a port on loopback, of a local socket. */
struct endpoint endpoint_tcp(const char *host, int port);
struct endpoint endpoint_local(const char *path);

/* Map the counter of flushes. */
const volatile uint64_t *options_map_flushes(const char *path);

#endif
