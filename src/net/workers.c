/* The threads: workers around one epoll, one more for time; start and stop. net.h */
#include "net/net_private.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    WORKERS = 64,
    WORKERS_MAX = 512,
    WORKERS_UP_MIN = 2, /* one may write to the disk */
    CONNECTIONS_MAX = 50000,
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    STACK_BYTES = 2 * 1024 * 1024, /* sanitizers pad every frame */
#else
    STACK_BYTES = 256 * 1024,
#endif
    EVENTS_AT_ONCE = 32, /* of epoll */
    TURNS_AT_ONCE = 8,   /* of the queue, between two looks at epoll */
    TICK_MIN_MS = 20,    /* the timer thread sleeps at least this long: deadlines come in handfuls */
    TICK_MAX_MS = 60 * 1000,
    BLOCKED_AFTER_MS = 3, /* busy for so long without one coming back: they are blocked */
    SURPLUS_IDLE_MS = 30 * 1000,
    ACCEPT_PAUSE_MS = 200,
    KILL_WAIT_MS = 50,
    PUSH_AFTER_MS = 2, /* before_wait is called as often though there is always more to do */
};

static const uint64_t ready_event = 0; /* connections count from 1 */

/* ---- workers ---- */

static int64_t real_ms(void)
{
    return clock_mono_ms(&clock_system);
}

static void take_turn(struct conn *c, unsigned due)
{
    struct net *net = c->net;
    conn_run(c, due);
    atomic_fetch_add_explicit(&net->turns, 1, memory_order_relaxed);
}

/* A reference, and why; NULL when it is nothing about a connection. */
static struct conn *conn_of(struct net *net, const struct epoll_event *event, unsigned *due_out)
{
    if (event->data.u64 == ready_event) {
        atomic_store(&net->ready_signalled, false);
        return NULL;
    }
    *due_out = (event->events & EPOLLIN ? DUE_INPUT : 0u) | (event->events & EPOLLOUT ? DUE_OUTPUT : 0u) |
               (event->events & (EPOLLHUP | EPOLLERR) ? DUE_HANGUP : 0u);
    return table_find(net, event->data.u64); /* NULL: closed since */
}

/* Clients that come. */
static void dispatch_listener(struct net *net, const struct epoll_event *event, bool is_last)
{
    struct conn *c = listener_socket_ready(
        (struct listener_socket *)(uintptr_t)(event->data.u64 & ~LISTENER_EVENT));
    if (!c)
        return;
    if (is_last && atomic_load(&net->ready_count) == 0)
        take_turn(c, conn_take_queued(c));
    else
        conn_queue(c);
    conn_unref(c);
}

/* The last one is run at once when nobody was queued before it; the others go through the queue, so that another worker
 * may take them. */
static void dispatch(struct net *net, const struct epoll_event *events, int count)
{
    bool queued = atomic_load(&net->ready_count) > 0;
    for (int i = 0; i < count; i++) {
        unsigned due;
        if (events[i].data.u64 & LISTENER_EVENT) {
            dispatch_listener(net, &events[i], i == count - 1);
            continue;
        }
        struct conn *c = conn_of(net, &events[i], &due);
        if (!c)
            continue;
        if (queued || i < count - 1)
            conn_post(c, due);
        else if (conn_take(c, due))
            take_turn(c, due);
        conn_unref(c);
    }
}

static void wake_ticker(struct net *net)
{
    pthread_mutex_lock(&net->lock);
    net->poked = true;
    pthread_cond_signal(&net->tick);
    pthread_mutex_unlock(&net->lock);
}

static void leave_idle(struct net *net)
{
    if (atomic_fetch_sub(&net->idle, 1) == 1 && !atomic_exchange(&net->crowded, true))
        wake_ticker(net);
}

static void push(struct net *net)
{
    if (net->options.before_wait)
        net->options.before_wait(net->options.before_wait_ctx);
}

/* What it makes ready on this thread calls no other worker: this one looks at the queue next. */
static void before_wait(struct net *net)
{
    uintptr_t nobody = 0;
    bool ours = atomic_compare_exchange_strong(&net->looks_next, &nobody, (uintptr_t)pthread_self());
    push(net);
    if (ours)
        atomic_store(&net->looks_next, 0);
}

/* Look at epoll; sleep there when nothing is queued. */
static void wait_and_dispatch(struct net *net)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    bool queued = atomic_load(&net->ready_count) > 0;
    if (!queued) {
        before_wait(net);
        atomic_fetch_add(&net->idle, 1);
        queued = atomic_load(&net->ready_count) > 0; /* since, and nobody was idle to be called */
        if (queued)
            leave_idle(net);
    }
    int count = epoll_wait(net->epoll_fd, events, EVENTS_AT_ONCE, queued ? 0 : -1);
    if (!queued)
        leave_idle(net);
    dispatch(net, events, count);
}

static void run_queued(struct worker *w)
{
    struct net *net = w->net;
    struct conn *c;
    for (unsigned i = 0; i < TURNS_AT_ONCE && (c = ready_pop(net)); i++) {
        int64_t now_ms = real_ms();
        if (now_ms - w->pushed_real_ms >= PUSH_AFTER_MS) { /* those who work long leave no queue empty */
            push(net); /* calls others for what it makes ready: the turn below may be long */
            w->pushed_real_ms = now_ms;
        }
        take_turn(c, conn_take_queued(c));
        conn_unref(c);
    }
}

/* More are up than need be, since some were blocked, and one of them has nothing to do. */
static bool is_surplus(struct net *net)
{
    return atomic_load(&net->up_count) > net->options.workers_up && atomic_load(&net->idle) > 0;
}

/* Sleep until called. False: for so long that a worker of those that were added may end. */
static bool lie_down(struct worker *w)
{
    struct net *net = w->net;
    struct timespec until;
    bool in_time = true;
    push(net); /* what it has begun must not sleep with it */
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += SURPLUS_IDLE_MS / 1000;
    pthread_mutex_lock(&net->lock);
    if (is_surplus(net)) {
        atomic_fetch_sub(&net->up_count, 1);
        while (net->calls == 0 && in_time && !atomic_load(&net->quitting))
            in_time = w->added ? pthread_cond_timedwait(&net->up, &net->lock, &until) != ETIMEDOUT
                               : pthread_cond_wait(&net->up, &net->lock) == 0;
        if (net->calls > 0) {
            net->calls--;
            in_time = true;
        }
        if (in_time)
            atomic_fetch_add(&net->up_count, 1);
    }
    pthread_mutex_unlock(&net->lock);
    return in_time;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct net *net = w->net;

    while (!atomic_load(&net->quitting)) {
        run_queued(w);
        if (is_surplus(net)) {
            if (!lie_down(w))
                break;
        } else {
            wait_and_dispatch(net);
        }
    }
    if (atomic_load(&net->quitting))
        eventfd_write(net->ready_fd, 1); /* the next one */
    pthread_mutex_lock(&net->lock);
    w->state = WORKER_DONE;
    net->worker_count--;
    pthread_mutex_unlock(&net->lock);
    return NULL;
}

/* With net->lock held. Threads of ours take no signals: those are main's, and a lost client is an error of
 * write, no SIGPIPE. */
static int start_thread(struct net *net, pthread_t *thread, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, net->options.stack_bytes);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int errnum = pthread_create(thread, &attr, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return errnum;
}

/* With net->lock held. 0 or an errno. */
static int add_worker(struct net *net, bool added)
{
    for (unsigned i = 0; i < net->options.workers_max; i++) {
        struct worker *w = &net->workers[i];
        if (w->state == WORKER_ALIVE)
            continue;
        if (w->state == WORKER_DONE)
            pthread_join(w->thread, NULL);
        *w = (struct worker){ .net = net, .state = WORKER_ALIVE, .added = added };
        atomic_fetch_add(&net->up_count, 1);
        int errnum = start_thread(net, &w->thread, worker_main, w);
        if (errnum != 0) {
            w->state = WORKER_NONE;
            atomic_fetch_sub(&net->up_count, 1);
        } else {
            net->worker_count++;
        }
        return errnum;
    }
    return EAGAIN;
}

/* ---- time ---- */

/* With net->lock held. */
static void get_one_up(struct net *net)
{
    if (atomic_load(&net->up_count) + net->calls < net->worker_count) {
        net->calls++;
        pthread_cond_signal(&net->up);
    } else if (add_worker(net, true) == 0) {
        log_debug(&net->log, "worker-added", KV("workers", net->worker_count));
    }
}

struct blocked_watch {
    int64_t looked_real_ms;
    unsigned long turns;
};

/* With net->lock held. Workers that all stay away are blocked on something slow, or work long: one more serves the
 * others. */
static void look_for_blocked(struct net *net, struct blocked_watch *watch)
{
    int64_t now_ms = real_ms();
    if (!atomic_load(&net->crowded) || now_ms - watch->looked_real_ms < BLOCKED_AFTER_MS)
        return;
    unsigned long turns = atomic_load(&net->turns);
    if (atomic_load(&net->idle) > 0) {
        atomic_store(&net->crowded, false);
        if (atomic_load(&net->idle) == 0) /* the last one left before that: it called nobody */
            atomic_store(&net->crowded, true);
    } else if (turns == watch->turns) {
        get_one_up(net);
    }
    *watch = (struct blocked_watch){ .looked_real_ms = now_ms, .turns = turns };
}

/* Without net->lock: the lock of a socket comes before it. */
static void look_for_paused(struct net *net)
{
    pthread_mutex_lock(&net->lock);
    bool due = net->accept_paused && real_ms() >= net->accept_resume_real_ms;
    struct listener *listeners = net->listeners; /* only net_listen adds, at the front */
    if (due)
        net->accept_paused = false;
    pthread_mutex_unlock(&net->lock);
    for (struct listener *l = listeners; due && l; l = l->next)
        listener_resume(l);
}

/* With net->lock held: sleep until someone pokes or `ms` have passed. */
static void sleep_for(struct net *net, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (!net->poked && !atomic_load(&net->quitting))
        if (pthread_cond_timedwait(&net->tick, &net->lock, &until) == ETIMEDOUT)
            break;
    net->poked = false;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Deadlines are of the clock that was handed in; the thread itself sleeps in real time. */
static void *ticker_main(void *arg)
{
    struct net *net = arg;
    struct blocked_watch watch = { .turns = 0 };

    pthread_mutex_lock(&net->lock);
    while (!atomic_load(&net->quitting)) {
        net->tick_mono_ms = INT64_MAX; /* whoever sets a timer while we look must poke */
        pthread_mutex_unlock(&net->lock);
        int64_t now_ms = clock_mono_ms(net->clock);
        int64_t next_ms = timers_expire(&net->timers, now_ms);
        look_for_paused(net);
        pthread_mutex_lock(&net->lock);

        look_for_blocked(net, &watch);
        int64_t sleep_ms = next_ms == CONN_DEADLINE_NONE ? TICK_MAX_MS : least(next_ms - now_ms, TICK_MAX_MS);
        if (sleep_ms < TICK_MIN_MS)
            sleep_ms = TICK_MIN_MS;
        if (atomic_load(&net->crowded))
            sleep_ms = BLOCKED_AFTER_MS;
        if (net->accept_paused)
            sleep_ms = least(sleep_ms, ACCEPT_PAUSE_MS);
        net->tick_mono_ms = now_ms + sleep_ms;
        sleep_for(net, sleep_ms);
    }
    pthread_mutex_unlock(&net->lock);
    return NULL;
}

void net_timer_changed(struct net *net, int64_t mono_ms)
{
    pthread_mutex_lock(&net->lock);
    if (mono_ms < net->tick_mono_ms) {
        net->poked = true;
        pthread_cond_signal(&net->tick);
    }
    pthread_mutex_unlock(&net->lock);
}

void net_accept_paused(struct net *net)
{
    pthread_mutex_lock(&net->lock);
    net->accept_paused = true;
    net->accept_resume_real_ms = real_ms() + ACCEPT_PAUSE_MS;
    net->poked = true;
    pthread_cond_signal(&net->tick);
    pthread_mutex_unlock(&net->lock);
}

void net_connection_gone(struct net *net)
{
    if (atomic_fetch_sub(&net->connections, 1) > 1)
        return;
    pthread_mutex_lock(&net->lock);
    pthread_cond_broadcast(&net->gone);
    pthread_mutex_unlock(&net->lock);
}

void net_poke(struct net *net)
{
    wake_ticker(net);
}

/* ---- start and stop ---- */

static unsigned processors(void)
{
    cpu_set_t set;
    unsigned count = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 0;
    return count > WORKERS_UP_MIN ? count : WORKERS_UP_MIN;
}

static void fill_defaults(struct net_options *options)
{
    if (!options->workers)
        options->workers = WORKERS;
    if (!options->workers_max)
        options->workers_max = WORKERS_MAX;
    if (options->workers_max < options->workers)
        options->workers_max = options->workers;
    if (!options->workers_up)
        options->workers_up = processors();
    if (!options->stack_bytes)
        options->stack_bytes = STACK_BYTES;
    if (!options->connections_max)
        options->connections_max = CONNECTIONS_MAX;
}

static void init_conds(struct net *net)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&net->tick, &attr);
    pthread_cond_init(&net->gone, &attr);
    pthread_cond_init(&net->up, &attr);
    pthread_condattr_destroy(&attr);
}

int net_new(const struct net_options *options, struct net **net_out, struct err *err)
{
    struct epoll_event ready = { .events = EPOLLIN | EPOLLET, .data.u64 = ready_event };
    struct net *net = calloc(1, sizeof *net);
    if (!net)
        abort();
    net->clock = options->clock;
    net->log = options->log;
    net->limits = options->limits;
    net->options = *options;
    fill_defaults(&net->options);
    net->tick_mono_ms = INT64_MAX;
    net->workers = calloc(net->options.workers_max, sizeof *net->workers);
    if (!net->workers)
        abort();
    pthread_mutex_init(&net->lock, NULL);
    pthread_mutex_init(&net->ready_lock, NULL);
    init_conds(net);
    table_init(net);
    timers_init(&net->timers);
    net->deflate_pool = deflate_pool_new();
    net->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    net->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (net->epoll_fd < 0 || net->ready_fd < 0 ||
        epoll_ctl(net->epoll_fd, EPOLL_CTL_ADD, net->ready_fd, &ready) < 0) {
        int r = err_set_errno(err, errno, "cannot make an epoll");
        net_free(&net);
        return r;
    }
    *net_out = net;
    return 0;
}

void net_set_audit(struct net *net, struct audit *audit)
{
    net->audit = audit;
}

int net_start(struct net *net, struct err *err)
{
    assert(!net->started);
    pthread_mutex_lock(&net->lock);
    int errnum = start_thread(net, &net->ticker, ticker_main, net);
    net->started = errnum == 0;
    for (unsigned i = 0; errnum == 0 && i < net->options.workers; i++)
        errnum = add_worker(net, false);
    pthread_mutex_unlock(&net->lock);
    if (errnum == 0)
        return 0;
    net_stop(net, 0);
    return err_set_errno(err, errnum, "cannot start %u worker threads", net->options.workers);
}

/* With net->lock held. True when all connections are gone within `ms` of real time. */
static bool wait_gone(struct net *net, unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    while (atomic_load(&net->connections) > 0)
        if (pthread_cond_timedwait(&net->gone, &net->lock, &until) == ETIMEDOUT)
            return false;
    return true;
}

static void join_threads(struct net *net)
{
    atomic_store(&net->quitting, true);
    eventfd_write(net->ready_fd, 1);
    pthread_mutex_lock(&net->lock);
    pthread_cond_broadcast(&net->up);
    pthread_mutex_unlock(&net->lock);
    wake_ticker(net);
    pthread_join(net->ticker, NULL); /* first: it might add workers */
    for (unsigned i = 0; i < net->options.workers_max; i++) {
        pthread_mutex_lock(&net->lock);
        bool made = net->workers[i].state != WORKER_NONE;
        pthread_mutex_unlock(&net->lock);
        if (made)
            pthread_join(net->workers[i].thread, NULL);
    }
}

void net_stop(struct net *net, unsigned drain_ms)
{
    pthread_mutex_lock(&net->lock);
    struct listener *listeners = net->listeners; /* only net_listen adds, at the front */
    bool started = net->started;
    pthread_mutex_unlock(&net->lock);
    for (struct listener *l = listeners; l; l = l->next)
        listener_close(l);
    if (!started)
        return;
    table_post_all(net, DUE_SHUTDOWN);
    pthread_mutex_lock(&net->lock);
    bool gone = wait_gone(net, drain_ms);
    while (!gone) { /* a handler that blocks holds its connection: wait for it */
        pthread_mutex_unlock(&net->lock);
        table_post_all(net, DUE_KILL);
        pthread_mutex_lock(&net->lock);
        gone = wait_gone(net, KILL_WAIT_MS);
    }
    pthread_mutex_unlock(&net->lock);
    join_threads(net);
    net->started = false;
}

void net_free(struct net **net_io)
{
    struct net *net = *net_io;
    *net_io = NULL;
    if (!net)
        return;
    assert(!net->started);
    for (struct listener *l = net->listeners, *next; l; l = next) {
        next = l->next;
        listener_free(l);
    }
    if (net->epoll_fd >= 0)
        close(net->epoll_fd);
    if (net->ready_fd >= 0)
        close(net->ready_fd);
    timers_deinit(&net->timers);
    table_deinit(net);
    pthread_cond_destroy(&net->tick);
    pthread_cond_destroy(&net->gone);
    pthread_cond_destroy(&net->up);
    pthread_mutex_destroy(&net->ready_lock);
    pthread_mutex_destroy(&net->lock);
    deflate_pool_free(&net->deflate_pool);
    free(net->workers);
    free(net);
}

/* ---- for administration ---- */

int net_shutdown_conn(struct net *net, uint64_t id, struct err *err)
{
    struct conn *c = table_find(net, id);
    if (!c)
        return err_set(err, ERR_NOT_FOUND, "no connection %llu", (unsigned long long)id);
    conn_post(c, DUE_SHUTDOWN);
    conn_unref(c);
    return 0;
}

struct net_stats net_stats(struct net *net)
{
    pthread_mutex_lock(&net->lock);
    unsigned workers = net->worker_count, up = atomic_load(&net->up_count);
    pthread_mutex_unlock(&net->lock);
    return (struct net_stats){
        .connections = atomic_load(&net->connections),
        .workers = workers,
        .workers_idle = workers - up + atomic_load(&net->idle),
        .accepted = atomic_load(&net->accepted),
        .refused = atomic_load(&net->refused),
        .accept_pauses = atomic_load(&net->accept_pauses),
        .bytes_in = atomic_load(&net->bytes_in),
        .bytes_out = atomic_load(&net->bytes_out),
    };
}
