#include "load/crowd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_MAX = 1024 };

void crowd_init(struct crowd *crowd, struct bench *b, unsigned count)
{
    *crowd = (struct crowd){ b, calloc(count, sizeof *crowd->clients), count, epoll_create1(EPOLL_CLOEXEC) };
    if (!crowd->clients || crowd->epoll < 0)
        bench_die("%u clients: %s", count, strerror(errno));
    for (unsigned i = 0; i < count; i++) {
        client_init(&crowd->clients[i], b, i);
        crowd->clients[i].crowd = crowd;
    }
}

void crowd_deinit(struct crowd *crowd)
{
    for (unsigned i = 0; i < crowd->count; i++)
        client_deinit(&crowd->clients[i]);
    free(crowd->clients);
    close(crowd->epoll);
    *crowd = (struct crowd){ .epoll = -1 };
}

void crowd_watch(struct crowd *crowd, struct client *c)
{
    struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = c->index };
    if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, c->fd, &e) < 0)
        bench_die("epoll: %s", strerror(errno));
}

static int wait_events(struct crowd *crowd, struct epoll_event *events)
{
    int n = epoll_wait(crowd->epoll, events, EVENTS_MAX, (int)crowd->bench->timeout_s * 1000);
    if (n <= 0)
        bench_die("no answer within %u s", crowd->bench->timeout_s);
    return n;
}

/* Who does what next. */
struct schedule {
    struct crowd *crowd;
    client_op *op;
    struct samples *samples;
    unsigned total, begun, done;
    bool each; /* the next operation is the next client's */
};

/* Go on with operations until something is in flight, or none is left. */
static void drive(struct schedule *s, struct client *c, bool is_new, double *begun_s)
{
    for (;;) {
        if (is_new) {
            if (s->begun == s->total)
                return;
            if (s->each)
                c = &s->crowd->clients[s->begun];
            s->begun++;
            c->step = 0;
            begun_s[c->index] = now_s();
        }
        is_new = s->op(c);
        if (is_new) {
            if (s->samples)
                s->samples->s[s->samples->n++] = now_s() - begun_s[c->index];
            s->done++;
            c->round += !s->each;
        } else if (client_pump(c)) {
            c->step++;
        } else {
            return;
        }
    }
}

static void schedule_run(struct schedule *s, unsigned parallel)
{
    struct crowd *crowd = s->crowd;
    struct epoll_event events[EVENTS_MAX];
    double *begun_s = calloc(crowd->count, sizeof *begun_s);
    if (!begun_s)
        bench_die("no memory");
    for (unsigned i = 0; i < crowd->count && i < parallel; i++)
        drive(s, &crowd->clients[i], true, begun_s);
    while (s->done < s->total) {
        int n = wait_events(crowd, events);
        for (int i = 0; i < n; i++) {
            struct client *c = &crowd->clients[events[i].data.u32];
            if (c->state == CLIENT_CLOSED || !client_pump(c))
                continue;
            c->step++;
            drive(s, c, false, begun_s);
        }
    }
    free(begun_s);
}

void crowd_run(struct crowd *crowd, unsigned total, client_op *op, struct samples *samples)
{
    struct schedule s = { crowd, op, samples, total, 0, 0, false };
    schedule_run(&s, crowd->count);
}

void crowd_each(struct crowd *crowd, unsigned parallel, client_op *op)
{
    struct schedule s = { crowd, op, NULL, crowd->count, 0, 0, true };
    schedule_run(&s, parallel);
}

void crowd_wait(struct crowd *crowd, bool (*is_done)(const struct client *c))
{
    struct epoll_event events[EVENTS_MAX];
    unsigned left = 0;
    for (unsigned i = 0; i < crowd->count; i++) {
        while (client_pump(&crowd->clients[i])) /* until there is nothing more to read: edges are told once */
            ;
        left += !is_done(&crowd->clients[i]);
    }
    while (left > 0) {
        int n = wait_events(crowd, events);
        for (int i = 0; i < n; i++) {
            struct client *c = &crowd->clients[events[i].data.u32];
            bool was = is_done(c);
            while (client_pump(c))
                ;
            left -= !was && is_done(c);
        }
    }
}
