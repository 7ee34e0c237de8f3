/* The table of all connections, the right to run one, and the queue of those that are due without an event of
 * epoll. */
#include "net/net_private.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BUCKETS_MIN = 256 };

/* ---- table ---- */

void table_init(struct net *net)
{
    pthread_mutex_init(&net->table_lock, NULL);
    net->bucket_count = BUCKETS_MIN;
    net->buckets = calloc(net->bucket_count, sizeof(struct conn *));
    if (!net->buckets)
        abort();
}

void table_deinit(struct net *net)
{
    free(net->buckets);
    pthread_mutex_destroy(&net->table_lock);
}

/* Ids count up, so their low bits spread evenly by themselves. */
static struct conn **bucket(struct net *net, uint64_t id)
{
    return &net->buckets[id & (net->bucket_count - 1)];
}

static void table_grow(struct net *net)
{
    struct conn **old = net->buckets;
    size_t old_count = net->bucket_count;

    net->bucket_count *= 2;
    net->buckets = calloc(net->bucket_count, sizeof(struct conn *));
    if (!net->buckets)
        abort();
    for (size_t i = 0; i < old_count; i++) {
        for (struct conn *c = old[i], *next; c; c = next) {
            next = c->table_next;
            c->table_next = *bucket(net, c->id);
            *bucket(net, c->id) = c;
        }
    }
    free(old);
}

void table_add(struct conn *c)
{
    struct net *net = c->net;
    pthread_mutex_lock(&net->table_lock);
    if (atomic_fetch_add(&net->connections, 1) >= net->bucket_count)
        table_grow(net);
    c->id = ++net->last_id;
    c->table_next = *bucket(net, c->id);
    *bucket(net, c->id) = c;
    pthread_mutex_unlock(&net->table_lock);
}

void table_remove(struct conn *c)
{
    struct net *net = c->net;
    pthread_mutex_lock(&net->table_lock);
    struct conn **at = bucket(net, c->id);
    while (*at != c)
        at = &(*at)->table_next;
    *at = c->table_next;
    pthread_mutex_unlock(&net->table_lock);
}

struct conn *table_find(struct net *net, uint64_t id)
{
    pthread_mutex_lock(&net->table_lock);
    struct conn *c = *bucket(net, id);
    while (c && c->id != id)
        c = c->table_next;
    if (c)
        ref_get(&c->ref);
    pthread_mutex_unlock(&net->table_lock);
    return c;
}

void table_post_all(struct net *net, unsigned due)
{
    pthread_mutex_lock(&net->table_lock);
    for (size_t i = 0; i < net->bucket_count; i++)
        for (struct conn *c = net->buckets[i]; c; c = c->table_next)
            conn_post(c, due);
    pthread_mutex_unlock(&net->table_lock);
}

void conn_unref(struct conn *c)
{
    if (ref_put(&c->ref))
        free(c);
}

/* ---- the right to run ---- */

void conn_queue(struct conn *c)
{
    struct net *net = c->net;
    ref_get(&c->ref);
    pthread_mutex_lock(&net->ready_lock);
    c->ready_next = NULL;
    if (net->ready_tail)
        net->ready_tail->ready_next = c;
    else
        net->ready_head = c;
    net->ready_tail = c;
    atomic_fetch_add(&net->ready_count, 1);
    pthread_mutex_unlock(&net->ready_lock);
    ready_signal(net);
}

void conn_post(struct conn *c, unsigned due)
{
    unsigned old = atomic_load_explicit(&c->flags, memory_order_relaxed), new;
    do {
        if (old & CLOSED)
            return;
        /* Written also where it changes nothing: what the caller did before must be seen by who takes the
         * flags next. */
        new = old | due | (old & RUNNING ? 0 : QUEUED);
    } while (!atomic_compare_exchange_weak(&c->flags, &old, new));
    if (!(old & (RUNNING | QUEUED)))
        conn_queue(c);
}

bool conn_take(struct conn *c, unsigned due)
{
    unsigned old = atomic_load_explicit(&c->flags, memory_order_relaxed), new;
    do {
        if (old & CLOSED)
            return false;
        new = old &(RUNNING | QUEUED) ? old | due : RUNNING; /* at rest nothing is due */
    } while (!atomic_compare_exchange_weak(&c->flags, &old, new));
    return new == RUNNING && !(old & RUNNING);
}

void conn_leave(struct conn *c)
{
    unsigned old = RUNNING, new;
    do {
        new = old &DUE_ANY ? (old & ~(unsigned)RUNNING) | QUEUED : 0;
    } while (!atomic_compare_exchange_weak(&c->flags, &old, new));
    if (new &QUEUED)
        conn_queue(c);
}

struct conn *ready_pop(struct net *net)
{
    pthread_mutex_lock(&net->ready_lock);
    struct conn *c = net->ready_head;
    bool more = false;
    if (c) {
        net->ready_head = c->ready_next;
        atomic_fetch_sub(&net->ready_count, 1);
        more = net->ready_head != NULL;
        if (!more)
            net->ready_tail = NULL;
    }
    pthread_mutex_unlock(&net->ready_lock);
    if (more)
        ready_signal(net); /* one more worker for the rest: each that comes calls the next */
    return c;
}

unsigned conn_take_queued(struct conn *c)
{
    return atomic_exchange(&c->flags, RUNNING) & DUE_ANY;
}

/* The eventfd is in epoll edge-triggered and never read: each write is one event for one worker. Workers that are not
 * idle look at the queue by themselves before they are. */
void ready_signal(struct net *net)
{
    if (atomic_load(&net->idle) > 0 && atomic_load(&net->looks_next) != (uintptr_t)pthread_self() &&
        !atomic_exchange(&net->ready_signalled, true))
        eventfd_write(net->ready_fd, 1);
}
