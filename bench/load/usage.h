/* usage.h: what the server consumes: CPU, bytes written, memory of a process tree, flushes, disk. Works for any
 * server; all figures add up over the roots and everything below them. */
#ifndef LOFT_BENCH_LOAD_USAGE_H
#define LOFT_BENCH_LOAD_USAGE_H

#include "load/bench.h"

struct usage {
    double cpu_s; /* user + system, of children that ended too */
    uint64_t written_bytes;
    uint64_t flushes;
};

void usage_read(const struct target *t, struct usage *out);

/* Wait until what the server does in the background has come to rest, or 30 s. */
void usage_settle(const struct bench *b);

uint64_t usage_pss_bytes(const struct target *t);

/* What the kernel of the whole machine holds that connections and processes make it hold. */
uint64_t usage_kernel_bytes(void);
/* What of this one open connection takes, at one of its ends. */
double usage_kernel_bytes_of_end(void);

uint64_t usage_disk_bytes(const char *folder); /* written, links counted once; syncs before */

#endif
