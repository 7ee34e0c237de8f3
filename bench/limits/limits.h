/* limits.h: what this machine can do at all, without a mail server: the work that no server can do without.
 * Each function measures some rows and prints them. All end the process with a text when something fails. */
#ifndef LOFT_BENCH_LIMITS_H
#define LOFT_BENCH_LIMITS_H

#include "base/str.h"

#include <time.h>

enum { LIMITS_MESSAGE_BYTES = 24 * 1024 }; /* as the load generator's */

struct limits {
    const char *folder; /* on the disk to measure */
    struct str message; /* one that looks like mail */
    unsigned scale;     /* divides the work */
};

struct limits_meter {
    double wall_s, cpu_s; /* of this thread */
};

struct limits_meter limits_start(void);

/* Print a row: `count` operations since `m` was started. */
void limits_row(const struct limits_meter *m, const char *row, const char *name, unsigned count);

void limits_die(const char *what) __attribute__((noreturn));

void limits_disk(const struct limits *l);   /* append + fdatasync */
void limits_memory(const struct limits *l); /* copying, compressing, looking through */
void limits_socket(const struct limits *l); /* what the kernel takes for an answer, a connection */
void limits_tls(const struct limits *l);    /* handshakes */

#endif
