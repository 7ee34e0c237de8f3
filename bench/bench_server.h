/* bench_server.h: the server under measurement: a child process on loopback with a temporary data folder,
 * and what it consumes. */
#ifndef LOFT_BENCH_SERVER_H
#define LOFT_BENCH_SERVER_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_PASSWORD "correct horse"

struct bench_server {
    const char *binary;
    char data[80]; /* made by server_prepare, removed by server_remove */
    pid_t pid;     /* 0: not running */
    int imap_port, imaps_port;
    char lmtp_path[108];
};

/* All of these end the process with a text when something fails. */
void bench_die(const char *fmt, ...) PRINTF_LIKE(1, 2) __attribute__((noreturn));

/* `folder`: where data goes, e.g. /tmp. */
void server_prepare(struct bench_server *s, const char *binary, const char *folder);
void server_start(struct bench_server *s);
void server_stop(struct bench_server *s);
void server_remove(struct bench_server *s); /* stops, too */
void server_add_user(struct bench_server *s, const char *name);

/* Stop, push the data folder out of the page cache, start. */
void server_restart_cold(struct bench_server *s);

/* Wait until background work (folds, compactions) has come to rest. */
void server_settle(const struct bench_server *s);

double server_cpu_s(const struct bench_server *s); /* user + system so far */
uint64_t server_pss_bytes(const struct bench_server *s);
uint64_t server_flushes(const struct bench_server *s); /* fsync and fdatasync so far */

double now_s(void);

/* Messages a second that a plain file takes, preallocated, with one fdatasync every `group` messages. */
double raw_append_rate(const char *folder, struct str message, unsigned group, unsigned count);

#endif
