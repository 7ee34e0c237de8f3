/* crowd.h: many clients on one epoll, each with one operation in flight.
 * An operation is a function that is called with c->step 0, and again, with the next step, each time what it
 * queued is done; it returns true when it is over, having queued nothing. */
#ifndef LOFT_BENCH_LOAD_CROWD_H
#define LOFT_BENCH_LOAD_CROWD_H

#include "load/client.h"
#include "load/row.h"

typedef bool client_op(struct client *c);

struct crowd {
    struct bench *bench;
    struct client *clients;
    unsigned count;
    int epoll;
};

/* `count` clients, numbered, closed. */
void crowd_init(struct crowd *crowd, struct bench *b, unsigned count);
void crowd_deinit(struct crowd *crowd); /* closes all */

/* Until `total` operations are done; at most one a client (c->round counts them). The time that each took goes
 * to `samples` (or NULL), which has room for them. */
void crowd_run(struct crowd *crowd, unsigned total, client_op *op, struct samples *samples);

/* One operation each, at most `parallel` at a time. */
void crowd_each(struct crowd *crowd, unsigned parallel, client_op *op);

/* Read until is_done(c) for all clients. */
void crowd_wait(struct crowd *crowd, bool (*is_done)(const struct client *c));

void crowd_watch(struct crowd *crowd, struct client *c); /* for client_open */

#endif
