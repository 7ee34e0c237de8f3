/* committer.c: one at a time, groups of requests become durable.
 *
 *   committer_run ----> queue ----> take all ----> apply each ----> fdatasync segments ----> one WriteBatch, sync ----> publish, answer
 *                                   (`busy`)       or refuse it     with new bytes           with the segments' counts
 *
 * Whoever sets `busy` is the committer: normally the engine's thread, which goes on while anything is queued;
 * with inline_commit also a caller that finds the committer idle, which saves the two thread switches of a
 * lone commit. A waiter sleeps on a futex of its own request. What was queued without a waiter lies there until
 * somebody pushes or the next group takes it along: so groups grow, and flushes and switches become few. */
#include "store/rocks/group.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    GROUP_REQUESTS_MAX = 512,
    GROUP_BYTES_MAX = 64 << 20,
};

/* ---- one group ---- */

/* True when its effects are in the group. */
static bool apply(struct group *g, struct request *rq)
{
    struct group_mark mark = group_mark(g);
    char *error = NULL;
    rocksdb_writebatch_set_save_point(g->batch);
    rq->result = rq->apply(g, rq, rq->err);
    if (rq->result == 0)
        rq->result = space_check(&g->engine->space, rq->use, rq->bytes, rq->err);
    if (rq->result == 0) {
        rocksdb_writebatch_pop_save_point(g->batch, &error);
    } else {
        rocksdb_writebatch_rollback_to_save_point(g->batch, &error);
        group_undo_to(g, mark);
    }
    assert(!error);
    return rq->result == 0;
}

static void answer(struct request *rq, bool self)
{
    if (self)
        return;
    if (rq->answer) {
        rq->answer(rq);
        return;
    }
    atomic_store_explicit(&rq->done, 1, memory_order_release);
    /* rq may be gone from here on: its address is only a name to wake, and a wake too many is harmless. */
    syscall(SYS_futex, &rq->done, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void run_group(struct engine *e, struct request *list, const struct request *self)
{
    struct group *g = e->committer.group;
    struct err why = { 0 };
    unsigned good = 0;
    int r = 0;
    for (struct request *rq = list; rq; rq = rq->next) {
        if (atomic_load(&e->failed))
            rq->result = err_set(rq->err, ERR_UNAVAILABLE, "the store is read-only after a write error");
        else
            good += apply(g, rq);
    }
    if (good > 0) {
        r = group_write(g, &why);
        if (r == 0) {
            group_publish(g);
            atomic_fetch_add(&e->committer.group_count, 1);
        } else {
            engine_fail(e, &why);
            atomic_store(&e->first_version, VERSION_UNKNOWN);
            group_undo_to(g, (struct group_mark){ 0 });
        }
    }
    for (struct request *rq = list, *next; rq; rq = next) {
        next = rq->next;
        if (rq->result == 0 && r < 0)
            rq->result = err_set(rq->err, ERR_IO, "%s", why.text);
        answer(rq, rq == self);
    }
    for (size_t i = 0; i < g->version_count; i++)
        engine_notify(e, g->versions[i].account, g->versions[i].version);
    group_reset(g);
}

/* ---- the queue ---- */

/* As many as one group takes. Called with the lock held. */
static struct request *take(struct committer *c)
{
    struct request *list = c->first, *last = list;
    size_t bytes = list->bytes;
    for (unsigned n = 1; last->next && n < GROUP_REQUESTS_MAX && bytes + last->next->bytes <= GROUP_BYTES_MAX;
         n++) {
        last = last->next;
        bytes += last->bytes;
    }
    c->first = last->next;
    if (!c->first)
        c->last = &c->first;
    last->next = NULL;
    return list;
}

static void *committer_main(void *arg)
{
    struct engine *e = arg;
    struct committer *c = &e->committer;
    pthread_mutex_lock(&c->lock);
    for (;;) {
        while (!c->stop && (!c->first || c->busy))
            pthread_cond_wait(&c->work, &c->lock);
        if (!c->first)
            break; /* told to stop, and nothing is left */
        c->busy = true;
        while (c->first) {
            struct request *list = take(c);
            pthread_mutex_unlock(&c->lock);
            run_group(e, list, NULL);
            pthread_mutex_lock(&c->lock);
        }
        c->busy = false;
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

static void wait_done(struct request *rq)
{
    while (atomic_load_explicit(&rq->done, memory_order_acquire) == 0)
        syscall(SYS_futex, &rq->done, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

/* One group on the caller's thread. Called with the lock held, returns without. */
static void run_inline(struct engine *e, struct request *list, const struct request *self)
{
    struct committer *c = &e->committer;
    c->busy = true;
    pthread_mutex_unlock(&c->lock);
    run_group(e, list, self);
    pthread_mutex_lock(&c->lock);
    c->busy = false;
    bool more = c->first || c->stop;
    pthread_mutex_unlock(&c->lock);
    if (more)
        pthread_cond_signal(&c->work);
}

/* With the lock held. */
static void add(struct committer *c, struct request *rq)
{
    rq->next = NULL;
    *c->last = rq;
    c->last = &rq->next;
}

void committer_queue(struct engine *e, struct request *rq)
{
    struct committer *c = &e->committer;
    pthread_mutex_lock(&c->lock);
    add(c, rq);
    pthread_mutex_unlock(&c->lock);
}

void committer_push(struct engine *e)
{
    struct committer *c = &e->committer;
    pthread_mutex_lock(&c->lock);
    bool lone = c->first && !c->first->next;
    if (lone && !c->busy && e->options.inline_commit) {
        run_inline(e, take(c), NULL);
        return;
    }
    bool wake = c->first && !c->busy;
    pthread_mutex_unlock(&c->lock);
    if (wake)
        pthread_cond_signal(&c->work);
}

int committer_run(struct engine *e, struct request *rq, struct err *err)
{
    struct committer *c = &e->committer;
    rq->err = err;
    rq->next = NULL;
    atomic_store(&rq->done, 0);
    pthread_mutex_lock(&c->lock);
    if (e->options.inline_commit && !c->busy && !c->first) {
        run_inline(e, rq, rq);
        return rq->result;
    }
    add(c, rq);
    bool wake = !c->busy;
    pthread_mutex_unlock(&c->lock);
    if (wake)
        pthread_cond_signal(&c->work);
    wait_done(rq);
    return rq->result;
}

int committer_start(struct engine *e, struct err *err)
{
    struct committer *c = &e->committer;
    c->group = group_new(e);
    c->last = &c->first;
    int error = pthread_create(&c->thread, NULL, committer_main, e);
    c->started = error == 0;
    return error ? err_set_errno(err, error, "cannot start the committer") : 0;
}

void committer_stop(struct engine *e)
{
    struct committer *c = &e->committer;
    if (c->started) {
        pthread_mutex_lock(&c->lock);
        c->stop = true;
        pthread_mutex_unlock(&c->lock);
        pthread_cond_signal(&c->work);
        pthread_join(c->thread, NULL);
        c->started = false;
    }
    group_free(&c->group);
}
