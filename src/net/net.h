/* net.h: worker threads on one epoll: the core that carries every protocol.     doc/architecture.md, Threads
 * Whichever worker gets a ready connection runs its handler and re-arms it (EPOLLONESHOT); a connection is on
 * one worker at most. Wakes, new connections and what epoll gives many of at once pass through a ready queue,
 * signalled by an eventfd in the same epoll. A few workers are up, about one a processor, and share all there is to do; the others
 * sleep. One more thread keeps the timers, and gets more workers up while those are blocked.
 * Order: net_new, net_listen..., net_start, net_stop, net_free.
 * Threads: any. */
#ifndef LOFT_NET_NET_H
#define LOFT_NET_NET_H

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "net/limits.h"

struct net;
struct listener;

/* Zero means the default. */
struct net_options {
    const struct clock *clock; /* borrows */
    struct logger log;
    struct limits *limits; /* borrows; counts each client's connections as "client/" and addr_client_key() */
    unsigned workers;      /* default 64 */
    unsigned workers_max;  /* while all are blocked; default 512 */
    unsigned workers_up;   /* while none is blocked; default: processors, at least 2 */
    /* A worker has nothing to do: called before it waits, and every few ms while there is always more. NULL: nothing. */
    void (*before_wait)(void *ctx);
    void *before_wait_ctx;
    size_t stack_bytes;       /* of a worker; default 256 KiB */
    unsigned connections_max; /* all listeners together; default 50000 */
};

MUST_USE int net_new(const struct net_options *options, struct net **net_out, struct err *err);

/* Before net_start: where certificates of clients that are refused are recorded, too; borrows until net_free. */
struct audit;
void net_set_audit(struct net *net, struct audit *audit);

/* Threads run from here on; listeners may come before and after. */
MUST_USE int net_start(struct net *net, struct err *err);

/* Graceful end, once: stop accepting, tell every session CONN_SHUTDOWN, wait until all have closed or
 * `drain_ms` of real time have passed, close the rest, join the threads. Waits beyond that for a handler that
 * blocks. */
void net_stop(struct net *net, unsigned drain_ms);
void net_free(struct net **net); /* stopped or never started; accepts NULL */

/* Look at the timers again: a test has moved its clock. */
void net_poke(struct net *net);

/* CONN_SHUTDOWN for one connection ("kick").
 *   returns  0; -ERR_NOT_FOUND */
MUST_USE int net_shutdown_conn(struct net *net, uint64_t conn_id, struct err *err);

struct net_stats {
    unsigned connections, workers, workers_idle;
    uint64_t accepted, refused; /* since the start */
    uint64_t accept_pauses;     /* times that descriptors ran out */
    uint64_t bytes_in, bytes_out;
};
struct net_stats net_stats(struct net *net);

#endif
