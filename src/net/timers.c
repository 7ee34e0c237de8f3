/* A binary heap of connections by deadline. A deadline that moves later, which is what most commands do to
 * autologout, leaves the heap alone: when the old one passes, the owner finds that its own is not due yet and
 * sets it again. */
#include "net/net_private.h"

#include <stdlib.h>

void timers_init(struct timers *t)
{
    *t = (struct timers){ .heap = NULL };
    pthread_mutex_init(&t->lock, NULL);
}

void timers_deinit(struct timers *t)
{
    free(t->heap);
    pthread_mutex_destroy(&t->lock);
}

static void put(struct timers *t, size_t at, struct conn *c)
{
    t->heap[at] = c;
    c->timer_at = at;
}

static void sift_up(struct timers *t, size_t at, struct conn *c)
{
    while (at > 0 && t->heap[(at - 1) / 2]->timer_mono_ms > c->timer_mono_ms) {
        put(t, at, t->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(t, at, c);
}

static void sift_down(struct timers *t, size_t at, struct conn *c)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= t->count)
            break;
        if (child + 1 < t->count && t->heap[child + 1]->timer_mono_ms < t->heap[child]->timer_mono_ms)
            child++;
        if (t->heap[child]->timer_mono_ms >= c->timer_mono_ms)
            break;
        put(t, at, t->heap[child]);
        at = child;
    }
    put(t, at, c);
}

static void add(struct timers *t, struct conn *c)
{
    if (t->count == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 64;
        t->heap = realloc(t->heap, t->cap * sizeof(struct conn *));
        if (!t->heap)
            abort();
    }
    sift_up(t, t->count++, c);
}

static void take_out(struct timers *t, struct conn *c)
{
    size_t at = c->timer_at;
    struct conn *last = t->heap[--t->count];
    c->timer_at = TIMER_NOT_SET;
    if (last == c)
        return;
    if (at > 0 && t->heap[(at - 1) / 2]->timer_mono_ms > last->timer_mono_ms)
        sift_up(t, at, last);
    else
        sift_down(t, at, last);
}

void timer_set(struct conn *c, int64_t mono_ms)
{
    struct timers *t = &c->net->timers;
    bool earlier = false;

    pthread_mutex_lock(&t->lock);
    if (mono_ms != CONN_DEADLINE_NONE && (c->timer_at == TIMER_NOT_SET || mono_ms < c->timer_mono_ms)) {
        earlier = true;
        c->timer_mono_ms = mono_ms;
        if (c->timer_at == TIMER_NOT_SET)
            add(t, c);
        else
            sift_up(t, c->timer_at, c);
    }
    pthread_mutex_unlock(&t->lock);
    if (earlier)
        net_timer_changed(c->net, mono_ms);
}

void timer_unset(struct conn *c)
{
    struct timers *t = &c->net->timers;
    pthread_mutex_lock(&t->lock);
    if (c->timer_at != TIMER_NOT_SET)
        take_out(t, c);
    pthread_mutex_unlock(&t->lock);
}

int64_t timers_expire(struct timers *t, int64_t now_mono_ms)
{
    pthread_mutex_lock(&t->lock);
    while (t->count > 0 && t->heap[0]->timer_mono_ms <= now_mono_ms) {
        struct conn *c = t->heap[0];
        take_out(t, c);
        conn_post(c, DUE_TIMER); /* it unsets its timer before it goes, so it is alive */
    }
    int64_t next = t->count > 0 ? t->heap[0]->timer_mono_ms : CONN_DEADLINE_NONE;
    pthread_mutex_unlock(&t->lock);
    return next;
}
