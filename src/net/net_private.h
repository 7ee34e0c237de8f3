/* net_private.h: what the files of net/ share. Nobody else includes it.
 *
 *   workers.c   threads, the epoll loop, start and stop
 *   timers.c    one heap of deadlines
 *   ready.c     ready queue, table of connections, the right to run one
 *   accept.c    sockets that listen (listener.h)
 *   conn_run.c  the life of a connection, phase by phase
 *   conn_io.c   bytes in, bytes out, plain or TLS, compressed or not
 *   conn.c      what sessions may call (conn.h)
 *
 * Who may touch a connection. `flags` says whether it is on a worker (RUNNING) or in the ready queue
 * (QUEUED), and collects the reasons to run it. Whoever turns RUNNING on, owns all that is marked "owner"
 * until it turns it off again; the pair is acquire and release. Everybody else only adds reasons, by
 * conn_post(). An event of epoll carries an id, never a pointer: it may come late. Locks, outermost first:
 * waker; a listening socket's; timers or table; ready or net. No handler runs under any. */
#ifndef LOFT_NET_PRIVATE_H
#define LOFT_NET_PRIVATE_H

#include "base/ref.h"
#include "net/deflate.h"
#include "net/listener.h"

#include <pthread.h>

enum conn_flag {
    RUNNING = 1u << 0,
    QUEUED = 1u << 1,
    CLOSED = 1u << 2, /* for good */
    /* Reasons to run. */
    DUE_INPUT = 1u << 3,    /* epoll: readable */
    DUE_OUTPUT = 1u << 4,   /* epoll: writable */
    DUE_HANGUP = 1u << 5,   /* epoll: both directions are gone */
    DUE_WAKE = 1u << 6,     /* conn_wake, conn_yield */
    DUE_TIMER = 1u << 7,    /* some deadline has passed */
    DUE_SHUTDOWN = 1u << 8, /* say goodbye */
    DUE_KILL = 1u << 9,     /* go at once */
    DUE_MORE = 1u << 10,    /* it had enough turns in a row: others first */
    DUE_ANY = ~(RUNNING | QUEUED | CLOSED),
};

/*   START -> [PROXY] -> [HANDSHAKE] -> OPEN -> CLOSING -> LINGER -> GONE
 *                            ^           v
 *                            +--- STARTTLS                            any -> GONE */
enum conn_phase {
    PHASE_START,
    PHASE_PROXY,     /* reads the PROXY header */
    PHASE_HANDSHAKE, /* TLS */
    PHASE_OPEN,      /* the session has it */
    PHASE_STARTTLS,  /* sends the last clear output */
    PHASE_CLOSING,   /* sends the last output */
    PHASE_LINGER,    /* our side is shut: swallows what the peer still sends */
    PHASE_GONE,
};

enum conn_closing { CLOSE_NOT, CLOSE_AFTER_FLUSH, CLOSE_NOW };

#define TIMER_NOT_SET SIZE_MAX
/* In an event of epoll: the rest is a listener_socket, which lives as long as net. */
#define LISTENER_EVENT (UINT64_C(1) << 63)

struct conn {
    /* shared */
    struct ref ref; /* one of the table, one of each queue entry or lookup */
    atomic_uint flags;
    struct net *net;
    struct listener *listener;
    uint64_t id;
    struct conn *table_next; /* table lock */
    struct conn *ready_next; /* ready lock */
    int64_t timer_mono_ms;   /* timers lock: its key in the heap */
    size_t timer_at;         /* timers lock: its place in the heap, or TIMER_NOT_SET */

    /* owner */
    int fd;
    uint8_t phase;    /* enum conn_phase */
    uint8_t closing;  /* enum conn_closing */
    bool in_epoll;    /* fd was added */
    bool readable;    /* the last read did not empty the socket, as far as we know */
    bool write_stuck; /* the last write did: wait for EPOLLOUT */
    bool paused;      /* conn_pause_input */
    bool drain_due;   /* output was full: owe CONN_DRAINED */
    bool eof;         /* the peer sends no more */
    bool eof_told;    /* CONN_EOF was given */
    bool hangup;      /* epoll has nothing more to tell */
    bool broken;      /* reading or writing failed */
    bool behind; /* the session has input that it could not act on yet: it waits for output or its turn */
    bool session_open;
    bool client_counted, refusal_counted; /* places held in limits */
    uint8_t read_shift;                   /* bytes of a read: READ_BYTES_MIN << read_shift */
    unsigned armed;                       /* what epoll waits for; 0: nothing, it is disarmed */
    unsigned events_due;                  /* enum conn_event that wait for the next turn */
    struct buf in, out;
    size_t in_at, out_at;    /* bytes at the front that are done with */
    struct deflate *deflate; /* NULL: no compression */
    struct buf wire; /* goes out before `out`: compressed, or left from before or behind compression */
    size_t wire_at;
    size_t in_max;
    int64_t deadline_mono_ms;       /* the session's */
    int64_t phase_deadline_mono_ms; /* ours, in every phase but OPEN */
    void *session;
    struct conn_waker *waker;
    struct err *refusal; /* why it will not be served; NULL mostly */
    struct tls_session tls;
    struct net_addr peer, local; /* local: from a PROXY header, or ADDR_UNIX; ADDR_NONE: conn_local() asks */
};

struct listener_socket {
    struct listener *listener;
    pthread_mutex_t lock; /* over fd, paused */
    int fd;               /* -1: closed */
    bool paused;          /* descriptors ran out: the timer thread takes it up again */
    struct net_addr addr;
};

struct listener {
    struct net *net;
    struct listener *next; /* net->listeners */
    struct listener_options options;
    struct tls_alpn alpn;
    char *unix_path; /* to unlink; NULL for IP */
    struct listener_socket *sockets;
    size_t socket_count;
};

struct timers {
    pthread_mutex_t lock;
    struct conn **heap; /* earliest first */
    size_t count, cap;
};

struct worker {
    struct net *net;
    pthread_t thread;
    enum { WORKER_NONE, WORKER_ALIVE, WORKER_DONE } state; /* net->lock */
    bool added;             /* while others were blocked: ends when it has been idle for long */
    int64_t pushed_real_ms; /* when it last called before_wait with more to do */
};

struct net {
    const struct clock *clock;
    struct logger log;
    struct limits *limits;
    struct audit *audit;        /* NULL: none */
    struct net_options options; /* with the defaults filled in */
    int epoll_fd, ready_fd;

    pthread_mutex_t table_lock;
    struct conn **buckets; /* by id */
    size_t bucket_count;   /* power of two */
    uint64_t last_id;
    atomic_uint connections;
    struct deflate_pool *deflate_pool;

    pthread_mutex_t ready_lock;
    struct conn *ready_head, *ready_tail;
    atomic_uint ready_count;
    _Atomic uintptr_t looks_next; /* a thread that will look at the queue before it sleeps; 0: none */
    atomic_bool ready_signalled;  /* a worker has been called and has not come yet */

    struct timers timers;

    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t tick;  /* the timer thread sleeps on it */
    pthread_cond_t gone;  /* a connection went, for net_stop */
    pthread_cond_t up;    /* workers that are not up sleep on it */
    unsigned calls;       /* of them that have been called and have not got up yet */
    int64_t tick_mono_ms; /* when the timer thread will look by itself */
    bool poked;
    bool accept_paused;
    int64_t accept_resume_real_ms;
    struct listener *listeners;
    struct worker *workers; /* options.workers_max of them */
    unsigned worker_count;  /* alive */
    pthread_t ticker;
    bool started;

    atomic_bool quitting;
    atomic_bool crowded;  /* all workers were busy: the timer thread looks whether they are blocked */
    atomic_uint up_count; /* workers that are up: they run something or wait in epoll */
    atomic_uint idle;     /* those that wait in epoll */
    atomic_ulong turns;   /* of connections: progress */
    atomic_ulong accepted, refused, accept_pauses, bytes_in, bytes_out;
};

/* ready.c */
void table_init(struct net *net);
void table_deinit(struct net *net);
void table_add(struct conn *c); /* gives it its id; the table takes the first reference */
void table_remove(struct conn *c);
struct conn *table_find(struct net *net, uint64_t id); /* a reference, or NULL */
void table_post_all(struct net *net, unsigned due);
void conn_unref(struct conn *c);
void conn_post(struct conn *c, unsigned due); /* any thread that holds a reference or a lock that keeps one */
bool conn_take(struct conn *c, unsigned due); /* true: RUNNING is ours; else `due` is noted */
void conn_leave(struct conn *c);              /* RUNNING off; queued again if more is due */
void conn_queue(struct conn *c);              /* one that is QUEUED by its flags: into the queue */
struct conn *ready_pop(struct net *net);      /* a reference, or NULL */
unsigned conn_take_queued(struct conn *c);    /* after ready_pop: RUNNING is ours */
void ready_signal(struct net *net);

/* timers.c */
void timers_init(struct timers *t);
void timers_deinit(struct timers *t);
/* A deadline later than the one that is set, or none at all, leaves the heap alone: see timers.c. */
void timer_set(struct conn *c, int64_t mono_ms);
void timer_unset(struct conn *c);
/* Post DUE_TIMER to all that are due and take them out. Returns the next deadline, or CONN_DEADLINE_NONE. */
int64_t timers_expire(struct timers *t, int64_t now_mono_ms);

/* workers.c */
void net_timer_changed(struct net *net, int64_t mono_ms);
void net_accept_paused(struct net *net);
void net_connection_gone(struct net *net);

/* accept.c */
/* Accept. The last of those that came, still to be run or queued, with a reference; NULL: none. It is QUEUED by its flags. */
struct conn *listener_socket_ready(struct listener_socket *socket);
void listener_resume(struct listener *listener);
void listener_free(struct listener *listener);

/* conn_run.c */
void conn_run(struct conn *c, unsigned due); /* RUNNING is the caller's; left by it */
/* As listener_socket_ready says. NULL: refused. */
struct conn *conn_start(struct listener *listener, int fd, const struct net_addr *peer);
int64_t conn_now(const struct conn *c);

/* conn_io.c */
unsigned conn_read(struct conn *c); /* CONN_INPUT when bytes came; sets eof, broken */
void conn_write(struct conn *c);    /* until empty or stuck; sets broken */
void conn_encode(struct conn *c,
                 bool last); /* `out` into `wire`; `last`: our compressed stream ends with it */
void conn_arm(struct conn *c, unsigned events);
bool conn_wants_input(const struct conn *c);
size_t conn_in_bytes(const struct conn *c);
size_t conn_out_bytes(const struct conn *c);
void conn_trim(struct conn *c); /* gives back what an idle connection needs not */

/* conn.c */
void waker_detach(struct conn *c);

#endif
