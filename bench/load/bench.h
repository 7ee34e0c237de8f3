/* bench.h: one run of the load generator: the server that is measured, what was asked for, and the way to end
 * when there is no going on.
 * A workload runs in a process of its own: whatever goes wrong in it, the next one starts afresh, and the server
 * and the supervisor (mail_bench.c) live on. What it finds wrong it counts here; the next row tells. */
#ifndef LOFT_BENCH_LOAD_BENCH_H
#define LOFT_BENCH_LOAD_BENCH_H

#include "base/buf.h"
#include "load/text.h"

#include <sys/socket.h>
#include <sys/types.h>

enum { BENCH_ROOTS_MAX = 64, BENCH_PARAMS_MAX = 8, BENCH_ERROR_BYTES = 512, BENCH_QUICK = 20 };

struct endpoint {
    struct sockaddr_storage address;
    socklen_t length; /* 0: the server has none */
};

/* What is measured; README.md says what the options mean. */
struct target {
    const char *name, *user_pattern, *recipient_pattern, *password, *prefix;
    unsigned users;
    struct endpoint imap, imaps, lmtp;
    pid_t roots[BENCH_ROOTS_MAX]; /* ends with 0; none: what it consumes is not known */
    const char *data;             /* NULL: not known */
    const volatile uint64_t *flushes;
    bool can_restart;
};

struct bench_param {
    char key[16];
    unsigned value;
};

struct bench {
    struct target target;
    bool json, quick;
    unsigned timeout_s;
    const char *corpus; /* NULL: none */
    struct text text;
    int supervisor; /* socket to it */
    /* Of the workload that runs: */
    const char *workload;
    struct bench_param params[BENCH_PARAMS_MAX]; /* as given */
    struct ssl_ctx_st *tls;                      /* OpenSSL's */
    struct buf capabilities;                     /* " A B C " */
    unsigned errors;                             /* since the last row */
    char error[BENCH_ERROR_BYTES];
};

double now_s(void);

/* No way on: tells the supervisor and ends this process. */
void bench_die(const char *fmt, ...) PRINTF_LIKE(1, 2) __attribute__((noreturn));
/* Where bench_die tells it, as "F" and the text; -1: it ends with a line on stderr and status 1. */
void bench_die_to(int supervisor);

/* An answer that is wrong; the work goes on. */
void bench_wrong(struct bench *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The value given for `key`, or `fallback`, which --quick divides by BENCH_QUICK, down to `least`. */
unsigned bench_param(const struct bench *b, const char *key, unsigned fallback, unsigned least);

/* The name of user number `n` (modulo the number of users), and the recipient's; append to `out`. */
void bench_user(const struct bench *b, unsigned n, struct buf *out);
void bench_recipient(const struct bench *b, unsigned n, struct buf *out);

/* Stop the server, push its data out of the page cache, start it. Dies without target.can_restart. */
void bench_restart_cold(struct bench *b);

/* What passes between a workload and its supervisor: requests 'R' (restart) and 'F' (fatal, with text); the
 * answer to 'R' is a struct restarted. */
struct restarted {
    pid_t roots[BENCH_ROOTS_MAX];
};

#endif
