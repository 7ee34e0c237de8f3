#include "load/bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int die_to = -1; /* who ends cannot be handed anything */

double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void bench_die_to(int supervisor)
{
    die_to = supervisor;
}

void bench_die(const char *fmt, ...)
{
    char text[BENCH_ERROR_BYTES] = "F";
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text + 1, sizeof text - 1, fmt, ap);
    va_end(ap);
    fflush(stdout);
    if (die_to >= 0 && send(die_to, text, strlen(text), MSG_NOSIGNAL) > 0)
        _exit(1);
    fprintf(stderr, "mail_bench: %s\n", text + 1);
    exit(1);
}

void bench_wrong(struct bench *b, const char *fmt, ...)
{
    va_list ap;
    if (b->errors++ > 0)
        return;
    va_start(ap, fmt);
    vsnprintf(b->error, sizeof b->error, fmt, ap);
    va_end(ap);
}

static const struct bench_param *find(const struct bench *b, const char *key)
{
    for (size_t i = 0; i < BENCH_PARAMS_MAX && b->params[i].key[0]; i++)
        if (strcmp(b->params[i].key, key) == 0)
            return &b->params[i];
    return NULL;
}

unsigned bench_param(const struct bench *b, const char *key, unsigned fallback, unsigned least)
{
    const struct bench_param *p = find(b, key);
    if (p)
        return p->value;
    if (b->quick)
        fallback /= BENCH_QUICK;
    return fallback < least ? least : fallback;
}

static void add_name(const struct bench *b, const char *pattern, unsigned n, struct buf *out)
{
    const char *at = strstr(pattern, "%u");
    buf_add_bytes(out, pattern, (size_t)(at - pattern));
    buf_add_u64(out, n % b->target.users);
    buf_add(out, str_c(at + 2));
}

void bench_user(const struct bench *b, unsigned n, struct buf *out)
{
    add_name(b, b->target.user_pattern, n, out);
}

void bench_recipient(const struct bench *b, unsigned n, struct buf *out)
{
    add_name(b, b->target.recipient_pattern, n, out);
}

void bench_restart_cold(struct bench *b)
{
    struct restarted answer;
    if (!b->target.can_restart || send(b->supervisor, "R", 1, 0) != 1 ||
        recv(b->supervisor, &answer, sizeof answer, 0) != sizeof answer)
        bench_die("the server could not be started again");
    memcpy(b->target.roots, answer.roots, sizeof answer.roots);
}
