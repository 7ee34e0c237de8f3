/* bench_client.h: clients of the load generator: plain or TLS, IMAP or LMTP, one at a time or many on one
 * epoll. Every answer is checked; a wrong one, or none within ANSWER_TIMEOUT_S, ends the process.
 * A response is one line together with the literals in it. */
#ifndef LOFT_BENCH_CLIENT_H
#define LOFT_BENCH_CLIENT_H

#include "base/buf.h"
#include "bench_server.h"

#include <openssl/ssl.h>

enum { ANSWER_TIMEOUT_S = 60 };

struct client {
    int fd;
    SSL *ssl;
    struct buf in, out;
    size_t line_end;   /* of the response in `in` that is being collected: bytes known to belong to it */
    unsigned tag;      /* of the command in flight */
    unsigned index;    /* among its crowd */
    unsigned round;    /* operations done */
    unsigned exists;   /* of the last EXISTS */
    unsigned untagged; /* responses of the command in flight that `check` counted */
    struct str body;   /* LMTP: to be sent after 354; borrows */
    double sent_s;
    /* Sees each untagged response; true counts it. NULL: none is looked at. */
    bool (*check)(struct client *c, struct str response);
    void *ctx; /* of check */
};

void client_connect(struct client *c, const struct bench_server *server, bool tls);
void client_connect_lmtp(struct client *c, const struct bench_server *server);
void client_close(struct client *c);

/* Queue a command with its tag. */
void client_send(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Wait for the end of it: the tagged OK, or "+". */
void client_wait(struct client *c);
/* Both; `count` untagged responses must be counted by check (-1: any number). */
void client_command(struct client *c, int count, const char *fmt, ...) PRINTF_LIKE(3, 4);
void client_login(struct client *c, const char *user);

/* Queue a delivery of `message` to `user`. */
void client_deliver(struct client *c, const char *user, struct str message);

/* Take what has come. 1: the operation in flight is done; 0: not yet. */
int client_take(struct client *c);
/* Read and write what can be now. */
void client_pump(struct client *c);

/* All `clients` at once, each with one operation in flight, until `total` are done.
 *   begin      queues the next operation of a client (c->round counts them)
 *   latencies  of each operation in seconds; room for `total` */
void crowd_run(struct client *clients, unsigned count, unsigned total, void (*begin)(struct client *c),
               double *latencies);

/* Wait until done(c) for all clients, reading. */
void crowd_wait(struct client *clients, unsigned count, bool (*done)(const struct client *c));

#endif
