/* limits_bench.c: what the machine can do at all, as JSON lines.
 *
 *   limits_bench FOLDER [--quick]
 *
 * FOLDER is on the disk to measure. In a row, `rate` is operations a second of the wall clock, `cpu_us` the CPU
 * of the thread that stands for the server, the kernel's share included. */
#include "limits.h"

#include "load/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void limits_die(const char *what)
{
    fprintf(stderr, "limits_bench: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double clock_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct limits_meter limits_start(void)
{
    return (struct limits_meter){ clock_s(CLOCK_MONOTONIC), clock_s(CLOCK_THREAD_CPUTIME_ID) };
}

void limits_row(const struct limits_meter *m, const char *row, const char *name, unsigned count)
{
    double cpu = clock_s(CLOCK_THREAD_CPUTIME_ID) - m->cpu_s, wall = clock_s(CLOCK_MONOTONIC) - m->wall_s;
    printf("{\"row\":\"%s\",\"name\":\"%s\",\"count\":%u,\"rate\":%.1f,\"cpu_us\":%.4f}\n", row, name, count,
           count / wall, cpu * 1e6 / count);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct text text;
    struct buf message = BUF_INIT;
    if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "--quick") != 0)) {
        fputs("usage: limits_bench FOLDER [--quick]\n", stderr);
        return 2;
    }
    text_init(&text);
    text_message(&text, 1, LIMITS_MESSAGE_BYTES, &message);
    struct limits l = { argv[1], buf_str(&message), argc == 3 ? 20 : 1 };
    limits_disk(&l);
    limits_memory(&l);
    limits_socket(&l);
    limits_tls(&l);
    buf_deinit(&message);
    text_deinit(&text);
    return 0;
}
