/* One commit of a group of changes, with what may get in between: changes that are refused, another machine that
 * was faster, a group that is too large for one. account_queue.c decides who is in the group. */
#include "mail/account_commit.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    GROUP_LOG_BYTES = 1024 * 1024, /* a commit takes no further change above this */
    COMMIT_TRIES_MAX = 200,        /* after conflicts */
};

/* ---- one commit ---- */

static void refuse(struct change *c, int r, const struct err *err)
{
    c->result = r;
    c->err = *err;
    c->modseq = 0;
    seqset_init(&c->uids, c->arena);
    seqset_init(&c->source_uids, c->arena);
}

/* All that were planned: one that changed nothing may have found so because of one before it. */
static void refuse_all(struct change **changes, size_t count, int r, const struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (changes[i]->result == 0)
            refuse(changes[i], r, err);
}

static int commit_plan(struct plan *p, struct err *err)
{
    struct account *a = p->account;

    int r = plan_seal(p, err);
    if (r < 0)
        return r;
    atomic_store(&a->committing_version, p->record.version);
    r = store_commit(a->mail->options.store, a->id, a->record.version, p->record.version, &p->batch, err);
    if (r == 0)
        plan_publish(p);
    else if (r == -ERR_IO)
        a->reread = true; /* the batch may be there, now or later */
    atomic_store(&a->committing_version, 0);
    return r;
}

/* Plan as many as go into one commit; returns how many. The one that broke the plan is not among them, unless
 * it is the first: then it is settled. */
static size_t plan_some(struct plan *p, struct change **changes, size_t count, size_t limit)
{
    size_t n = 0;

    while (n < count && n < limit && p->log.n < GROUP_LOG_BYTES) {
        plan_change(p, changes[n]);
        if (p->broken)
            break;
        n++;
    }
    return n;
}

/* A change was refused: was it planned on what is the present of the store? A mailbox may have been made
 * meanwhile by another machine, or a chunk folded away. */
static bool was_planned_too_early(struct account *a, struct change **changes, size_t count)
{
    uint64_t now;
    size_t i = 0;

    while (i < count && changes[i]->result == 0)
        i++;
    return i < count && store_version(a->mail->options.store, a->id, &now, NULL) == 0 &&
           now != a->record.version;
}

static int plan_and_commit(struct account *a, struct change **changes, size_t count, size_t limit,
                           size_t *n_out, struct err *err)
{
    struct plan plan;
    int r = 0;

    plan_init(&plan, a, false);
    *n_out = plan_some(&plan, changes, count, limit);
    if (was_planned_too_early(a, changes, *n_out + plan.broken)) {
        plan_deinit(&plan);
        return err_set(err, ERR_CONFLICT, "another machine changed the account");
    }
    if (plan.broken && *n_out > 0) { /* those before it, on a plan of their own */
        plan_deinit(&plan);
        return plan_and_commit(a, changes, *n_out, *n_out, n_out, err);
    }
    if (plan.broken)
        *n_out = 1;
    else if (!plan_is_empty(&plan))
        r = commit_plan(&plan, err);
    plan_deinit(&plan);
    return r;
}

static int catch_up(struct account *a, int tries, struct err *err)
{
    if (tries > 4) /* two machines in step: fall out of it */
        usleep((useconds_t)(50 * (tries < 40 ? tries : 40) + (int)(a->id.n * 37 + (uintptr_t)a / 64) % 200));
    return account_catch_up(a, err);
}

/* Settle some changes from the front; returns how many.
 *   limit  in and out: changes a commit; 1 once a commit of several was refused, so that the innocent go
 *          through */
static size_t commit_some(struct account *a, struct change **changes, size_t count, size_t *limit)
{
    struct err err = { 0 };
    size_t n = count;
    int r;

    for (int tries = 0; tries < COMMIT_TRIES_MAX; tries++) {
        r = plan_and_commit(a, changes, count, *limit, &n, &err);
        if (r == 0)
            return n;
        if (r == -ERR_CONFLICT) {
            n = n ? n : 1;
            r = catch_up(a, tries, &err);
            if (r < 0) {
                refuse_all(changes, n, r, &err);
                return n;
            }
            continue;
        }
        if (n == 1 || r == -ERR_IO || r == -ERR_UNAVAILABLE) {
            refuse_all(changes, n, r, &err);
            return n;
        }
        *limit = 1;
    }
    r = err_set(&err, ERR_UNAVAILABLE, "other machines change the account all the time");
    refuse_all(changes, n, r, &err);
    return n;
}

static int fold_now(struct account *a, const struct fold_bodies *bodies, struct err *err)
{
    int r = -ERR_CONFLICT;
    for (int tries = 0; tries < COMMIT_TRIES_MAX && r == -ERR_CONFLICT; tries++) {
        r = fold_commit(a, bodies, err);
        if (r == -ERR_CONFLICT) {
            int caught_up = catch_up(a, tries, err);
            if (caught_up < 0)
                return caught_up;
        }
    }
    return r;
}

/* ---- a group of requests ---- */

static int get_ready(struct account *a, struct err *err)
{
    if (a->gone)
        return err_set(err, ERR_UNAVAILABLE, "the account was deleted");
    if (!a->reread && !account_is_behind(a))
        return 0;
    return catch_up(a, 0, err);
}

static void refuse_requests(struct request *first, int r, const struct err *err)
{
    for (struct request *q = first; q; q = q->next) {
        q->result = r;
        q->err = *err;
        for (size_t i = 0; i < q->count; i++)
            refuse(&q->changes[i], r, err);
    }
}

/* The changes of all requests in one array (heap). */
static struct change **gather(struct request *first, size_t *count_out)
{
    size_t count = 0;

    for (struct request *q = first; q; q = q->next)
        count += q->count;
    struct change **changes = calloc(count ? count : 1, sizeof(struct change *));
    if (!changes)
        abort();
    *count_out = count;
    count = 0;
    for (struct request *q = first; q; q = q->next)
        for (size_t i = 0; i < q->count; i++)
            changes[count++] = &q->changes[i];
    return changes;
}

static void run_changes(struct account *a, struct request *first)
{
    size_t count, at = 0, limit = SIZE_MAX;
    struct change **changes = gather(first, &count);

    while (at < count) {
        struct err err;
        int r = at > 0 ? get_ready(a, &err) : 0; /* after an error the next group must read first */
        if (r < 0) {
            for (; at < count; at++)
                refuse(changes[at], r, &err);
            break;
        }
        at += commit_some(a, changes + at, count - at, &limit);
    }
    free(changes);
}

static int drop(struct account *a, struct err *err)
{
    int r = store_drop_account(a->mail->options.store, a->id, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&a->mutex);
    a->gone = true;
    pthread_mutex_unlock(&a->mutex);
    a->notice.gone = true;
    account_quota_gone(a);
    mail_forget(a);
    return 0;
}

void account_run_requests(struct account *a, struct request *first)
{
    struct err err = { 0 };

    int r = get_ready(a, &err);
    if (r < 0) {
        refuse_requests(first, r, &err);
        return;
    }
    run_changes(a, first);
    for (struct request *q = first; q; q = q->next) {
        q->result = q->kind == REQUEST_CHANGES ? 0 : get_ready(a, &q->err);
        if (q->kind == REQUEST_FOLD && q->result == 0)
            q->result = fold_now(a, q->bodies, &q->err);
        if (q->kind == REQUEST_DROP && q->result == 0)
            q->result = drop(a, &q->err);
    }
}

/* ---- a group as one commit ---- */

static void turn_free(struct turn *t)
{
    plan_deinit(&t->plan);
    free(t->changes);
    free(t);
}

static bool is_usual(const struct account *a, const struct request *first)
{
    for (const struct request *q = first; q; q = q->next)
        if (q->kind != REQUEST_CHANGES)
            return false;
    return !a->gone && !a->reread && !account_is_behind(a);
}

struct turn *turn_new(struct account *a, struct request *first)
{
    if (!is_usual(a, first))
        return NULL;
    struct turn *t = calloc(1, sizeof *t);
    if (!t)
        abort();
    t->account = a;
    t->first = first;
    t->changes = gather(first, &t->count);
    plan_init(&t->plan, a, false);
    size_t n = plan_some(&t->plan, t->changes, t->count, SIZE_MAX);
    if (n == t->count && !was_planned_too_early(a, t->changes, n) &&
        (plan_is_empty(&t->plan) || plan_seal(&t->plan, NULL) == 0))
        return t;
    turn_free(t);
    return NULL;
}

bool turn_is_empty(const struct turn *t)
{
    return plan_is_empty(&t->plan);
}

void turn_start(struct turn *t)
{
    struct account *a = t->account;
    atomic_store(&a->committing_version, t->plan.record.version);
    store_commit_start(a->mail->options.store, a->id, a->record.version, t->plan.record.version,
                       &t->plan.batch, &t->commit);
}

void turn_end(struct turn **turn)
{
    struct turn *t = *turn;
    struct account *a = t->account;
    int r = t->commit.result;

    *turn = NULL;
    if (r == 0 && !plan_is_empty(&t->plan))
        plan_publish(&t->plan);
    a->reread |= r == -ERR_IO; /* the batch may be there, now or later */
    atomic_store(&a->committing_version, 0);
    bool final = r == -ERR_IO || r == -ERR_UNAVAILABLE || (t->count == 1 && r != -ERR_CONFLICT);
    struct request *first = t->first;
    if (r < 0 && final)
        refuse_all(t->changes, t->count, r, &t->commit.err);
    turn_free(t);
    if (r < 0 && !final)
        account_run_requests(a, first);
}
