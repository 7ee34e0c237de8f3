/* collector.c: gives the space of dropped mail back. A segment with little alive is rewritten: its live
 * records are copied as they are into the cold head, and their places moved by the committer, which knows
 * what was dropped meanwhile. A segment with nothing alive is removed. One that holds damage keeps its file:
 * what is left in it may still be read. */
#include "store/rocks/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum {
    STEP_RECORDS = 128,
    STEP_BYTES = 4 << 20,
};

/* ---- one step: records that move together ---- */

struct moving {
    struct account_id account;
    struct blob_id blob;
    struct place from;
    struct appended to;
};

struct step {
    struct request request; /* first */
    struct moving moving[STEP_RECORDS];
    size_t count;
    uint64_t bytes;
};

static int step_apply(struct group *g, struct request *request, struct err *err)
{
    const struct step *s = (const struct step *)request;
    for (size_t i = 0; i < s->count; i++) {
        const struct moving *m = &s->moving[i];
        int r = group_move_blob(g, m->account, m->blob, &m->from, &m->to, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int step_finish(struct engine *e, struct step *s, struct err *err)
{
    s->request.apply = step_apply;
    int r = s->count > 0 ? committer_run(e, &s->request, err) : 0;
    for (size_t i = 0; i < s->count; i++)
        segments_settle(&e->segments, &s->moving[i].to);
    s->count = 0;
    s->bytes = 0;
    return r;
}

/* ---- one segment ---- */

static void pause_for(struct engine *e, uint64_t bytes)
{
    struct collector *c = &e->collector;
    if (e->options.collect_bytes_per_s == 0)
        return;
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + bytes * 1000 / (e->options.collect_bytes_per_s / 1000000 + 1);
    until.tv_sec += (time_t)(ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    pthread_mutex_lock(&c->lock);
    while (!c->stop && pthread_cond_timedwait(&c->wake, &c->lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&c->lock);
}

static bool should_stop(struct engine *e)
{
    pthread_mutex_lock(&e->collector.lock);
    bool stop = e->collector.stop;
    pthread_mutex_unlock(&e->collector.lock);
    return stop;
}

/* Copy one record that was found at `offset`, if the database says that it is what lives there. */
static int copy_record(struct engine *e, struct segment *s, const struct record_head *head, uint64_t offset,
                       struct step *step, struct err *err)
{
    struct moving *m = &step->moving[step->count];
    struct buf record = BUF_INIT;
    int r = db_get_place(&e->db, head->account, head->blob, &m->from, err);
    if (r == -ERR_NOT_FOUND || (r == 0 && (m->from.segment != s->number || m->from.offset != offset)))
        return 0; /* dead */
    if (r == 0)
        r = record_read_stored(s->fd, e->segments.folder, s->salt, &m->from, head->account, head->blob,
                               &record, err);
    if (r == 0)
        r = segments_append(&e->segments, HEAD_COLD, &record, &m->to, err);
    if (r == 0) {
        m->account = head->account;
        m->blob = head->blob;
        step->count++;
        step->bytes += record.n;
    }
    buf_deinit(&record);
    return r;
}

static int rewrite(struct engine *e, struct segment *s, bool limited, struct step *step, struct err *err)
{
    struct segment_walk walk;
    struct record_head head;
    uint64_t offset;
    int r;
    segment_walk_init(&walk, s->fd, s->salt, s->reserved);
    while ((r = segment_walk_next(&walk, &head, &offset, err)) == 1) {
        r = copy_record(e, s, &head, offset, step, err);
        if (r == -ERR_CORRUPT) {
            engine_event(e, ROCKS_DAMAGE, err->text);
            continue; /* stays where it is, and so does the file */
        }
        if (r < 0)
            break;
        if (step->count < STEP_RECORDS && step->bytes < STEP_BYTES)
            continue;
        uint64_t bytes = step->bytes;
        r = step_finish(e, step, err);
        if (r < 0)
            break;
        if (limited)
            pause_for(e, bytes);
        if (should_stop(e))
            break;
    }
    segment_walk_deinit(&walk);
    struct err ignored;
    int finished = step_finish(e, step, r < 0 ? &ignored : err);
    return r < 0 ? r : finished;
}

struct retirement {
    struct request request; /* first */
    uint64_t number;
    bool done;
};

static int retire_apply(struct group *g, struct request *request, struct err *err)
{
    struct retirement *r = (struct retirement *)request;
    (void)err;
    r->done = group_retire(g, r->number) == 1;
    return 0;
}

static int retire(struct engine *e, uint64_t number, bool *done_out, struct err *err)
{
    struct retirement rt = { .request = { .apply = retire_apply, .use = SPACE_RELEASE }, .number = number };
    pthread_mutex_lock(&e->files_gone);
    int r = committer_run(e, &rt.request, err);
    pthread_mutex_unlock(&e->files_gone);
    *done_out = r == 0 && rt.done;
    return r;
}

static int collect_segment(struct engine *e, uint64_t number, bool limited, struct err *err)
{
    struct buf text = BUF_INIT;
    struct segment *s;
    bool done = false;
    int r = retire(e, number, &done, err);
    if (r < 0 || done)
        goto out;
    r = segments_acquire(&e->segments, number, &s, err);
    if (r == -ERR_NOT_FOUND) {
        r = 0;
        goto out;
    }
    if (r == 0) {
        struct step *step = calloc(1, sizeof *step);
        if (!step)
            abort();
        r = rewrite(e, s, limited, step, err);
        free(step);
        segments_release(&e->segments, s);
    }
    if (r == 0)
        r = retire(e, number, &done, err);
    if (r == -ERR_CORRUPT || (r == 0 && !done && !should_stop(e))) {
        segments_mark_damaged(&e->segments, number);
        buf_printf(&text, "segment %llu has live records that cannot be found: it is kept",
                   (unsigned long long)number);
        engine_event(e, ROCKS_DAMAGE, r < 0 ? err->text : buf_c(&text));
        r = 0;
    }
out:
    if (done) {
        buf_clear(&text);
        buf_printf(&text, "segment %llu", (unsigned long long)number);
        engine_event(e, ROCKS_SEGMENT_COLLECTED, buf_c(&text));
    }
    buf_deinit(&text);
    return r;
}

/* Rewriting needs room first: when that is short only empty segments go. */
static int collect_all(struct engine *e, bool limited, struct err *err)
{
    int r = 0;
    uint64_t number;
    struct err ignored;
    pthread_mutex_lock(&e->collector.run);
    while (r == 0 && !should_stop(e) && !atomic_load(&e->failed)) {
        bool room = space_check(&e->space, SPACE_CHANGE, e->options.segment_bytes / 2, &ignored) == 0;
        if (!segments_worst(&e->segments, room ? e->options.collect_below_percent : 0, &number))
            break;
        r = collect_segment(e, number, limited, err);
    }
    pthread_mutex_unlock(&e->collector.run);
    return r;
}

int rocks_collect(struct store *store, struct err *err)
{
    struct err local;
    return collect_all(engine_of(store), false, err ? err : &local);
}

/* ---- the thread ---- */

static void *collector_main(void *arg)
{
    struct engine *e = arg;
    struct collector *c = &e->collector;
    pthread_mutex_lock(&c->lock);
    while (!c->stop) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += e->options.collect_interval_ms / 1000;
        until.tv_nsec += (long)(e->options.collect_interval_ms % 1000) * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        while (!c->stop && !c->asked && pthread_cond_timedwait(&c->wake, &c->lock, &until) != ETIMEDOUT)
            ;
        c->asked = false;
        if (c->stop)
            break;
        pthread_mutex_unlock(&c->lock);
        struct err err;
        (void)!collect_all(e, true, &err); /* a write error has been reported by the committer */
        pthread_mutex_lock(&c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

void collector_init(struct engine *e)
{
    struct collector *c = &e->collector;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&c->lock, NULL);
    pthread_mutex_init(&c->run, NULL);
}

int collector_start(struct engine *e, struct err *err)
{
    struct collector *c = &e->collector;
    int error = pthread_create(&c->thread, NULL, collector_main, e);
    c->started = error == 0;
    return error ? err_set_errno(err, error, "cannot start the collector") : 0;
}

void collector_stop(struct engine *e)
{
    struct collector *c = &e->collector;
    if (!c->started)
        return;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_mutex_unlock(&c->lock);
    pthread_cond_broadcast(&c->wake);
    pthread_join(c->thread, NULL);
    c->started = false;
}

void collector_ask(struct engine *e)
{
    struct collector *c = &e->collector;
    pthread_mutex_lock(&c->lock);
    c->asked = true;
    pthread_mutex_unlock(&c->lock);
    pthread_cond_signal(&c->wake);
}
