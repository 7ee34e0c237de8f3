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

/* Call `each` for every process of the server. */
void usage_each_process(const struct target *t, void (*each)(pid_t pid, void *ctx), void *ctx);
/* The number behind `key` at the beginning of a line of a file of /proc; 0: none. */
uint64_t usage_proc_value(const char *path, const char *key);

uint64_t usage_disk_bytes(const char *folder); /* written, links counted once; syncs before */

#endif
