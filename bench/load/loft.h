/* loft.h: Loft itself as the server under measurement: a child process on loopback with a data folder of its own
 * and users in it. All of these end the process with a text when something fails. */
#ifndef LOFT_BENCH_LOAD_LOFT_H
#define LOFT_BENCH_LOAD_LOFT_H

#include "load/bench.h"

struct loft {
    const char *binary;
    char data[80]; /* made by loft_prepare, removed by loft_remove */
    char flush_path[96];
    pid_t pid; /* 0: not running */
    int imap_port, imaps_port;
    char lmtp_path[108];
};

/* `folder`: where data goes, e.g. /tmp. */
void loft_prepare(struct loft *l, const char *binary, const char *folder);
void loft_start(struct loft *l);
void loft_stop(struct loft *l);
void loft_remove(struct loft *l); /* stops, too */
void loft_add_user(struct loft *l, const char *name, const char *password);

/* Stop, push the data folder out of the page cache, start. */
void loft_restart_cold(struct loft *l);

#endif
