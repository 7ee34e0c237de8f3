/* Group commit. Requests queue. One group at a time is planned, committed and published; what comes meanwhile makes
 * up the next.
 *
 *   queued -> in the turn that somebody planned -> the store answers -> somebody publishes: done
 *
 * No thread belongs to a turn. Whoever looks at the account (a thread that waits, a session that was woken) does
 * what can be done now: step(). So a session costs no thread while the disk works, and whoever waits needs nobody
 * else to go on. */
#include "mail/account_commit.h"

#include <assert.h>
#include <stdlib.h>

struct pending_commit {
    struct account *account;
    struct request request;
};

/* ---- one look at the account ---- */

/* Under the mutex: this request is done, or somebody must look. */
static void call(struct request *q)
{
    if (q->wake)
        q->wake(q->wake_ctx);
    else
        pthread_cond_signal(&q->look);
}

/* Under the mutex. A thread that waits is preferred: a session comes when a worker is free, and all workers may be
 * among those who wait. */
static void call_somebody(const struct account *a)
{
    struct request *lists[] = { a->turn ? a->turn->first : NULL, a->queue_first }, *any = NULL;
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
        for (struct request *q = lists[i]; q; q = q->next) {
            if (!q->wake) {
                call(q);
                return;
            }
            any = any ? any : q;
        }
    if (any)
        call(any);
}

/* From the store, on any thread. */
static void turn_answered(struct store_commit *commit)
{
    struct turn *t = (struct turn *)commit;
    struct account *a = t->account;
    pthread_mutex_lock(&a->mutex);
    t->complete = true;
    call_somebody(a);
    pthread_mutex_unlock(&a->mutex);
}

/* The requests are settled: tell those who asked and those who watch. The lead is free again. */
static void end_lead(struct account *a, struct request *first)
{
    struct notice notice = a->notice;
    a->notice = (struct notice){ 0 };
    bool fold = !a->gone && (a->record.log_count >= a->fold_at || a->record.log_bytes > FOLD_LOG_BYTES) &&
                a->record.log_count > 0;
    bool warn = !a->gone && account_warning_due(a) > 0;

    pthread_mutex_lock(&a->mutex);
    a->led = false;
    while (first) {
        struct request *q = first;
        first = q->next; /* once it is done its owner may go, and the request with it */
        q->done = true;
        call(q);
    }
    pthread_mutex_unlock(&a->mutex);
    if (notice.count > 0 || notice.tree || notice.gone || notice.annotations)
        account_tell(a, &notice);
    free(notice.mailboxes);
    if (fold || warn)
        mail_queue_job(a, (fold ? JOB_FOLD : 0u) | (warn ? JOB_WARN : 0u));
}

/* Take the queue and set it going. */
static void lead(struct account *a, struct request *first)
{
    struct turn *t = turn_new(a, first);
    if (t && !turn_is_empty(t)) {
        t->commit.done = turn_answered;
        pthread_mutex_lock(&a->mutex);
        a->turn = t;
        pthread_mutex_unlock(&a->mutex);
        turn_start(t); /* from here on it may be anybody's */
        return;
    }
    if (t)
        turn_end(&t);
    else
        account_run_requests(a, first);
    end_lead(a, first);
}

static void end_turn(struct account *a, struct turn *t)
{
    struct request *first = t->first;
    turn_end(&t);
    end_lead(a, first);
}

/* Under the mutex: is there something to do for who asked for `self`, but to wait for the store? A fold, say, blocks
 * on the disk: that is for the thread that wants it and waits, not for a session that comes by. */
static bool can_step(const struct account *a, const struct request *self)
{
    if (a->turn)
        return a->turn->complete;
    return !a->led && a->queue_first && (a->queue_first->kind == REQUEST_CHANGES || a->queue_first == self);
}

/* Under the mutex: off the queue with the first, and those behind it that are of its kind. */
static struct request *take(struct account *a)
{
    struct request *first = a->queue_first, *last = first;
    while (last->next && last->next->kind == first->kind)
        last = last->next;
    a->queue_first = last->next;
    if (!a->queue_first)
        a->queue_last = NULL;
    last->next = NULL;
    return first;
}

/* Do what can be done now. Called and returns with the mutex held; the caller keeps the account. */
static void step(struct account *a, const struct request *self)
{
    while (can_step(a, self)) {
        struct turn *t = a->turn;
        struct request *first = NULL;
        a->turn = NULL;
        if (!t) {
            a->led = true;
            first = take(a);
        }
        pthread_mutex_unlock(&a->mutex);
        if (t)
            end_turn(a, t);
        else
            lead(a, first);
        pthread_mutex_lock(&a->mutex);
    }
    if (!a->turn && !a->led && a->queue_first && a->queue_first != self)
        call(a->queue_first);
}

/* ---- requests ---- */

static void add(struct account *a, struct request *q)
{
    pthread_cond_init(&q->look, NULL);
    q->done = false;
    q->next = NULL;
    pthread_mutex_lock(&a->mutex);
    if (a->queue_last)
        a->queue_last->next = q;
    else
        a->queue_first = q;
    a->queue_last = q;
    pthread_mutex_unlock(&a->mutex);
}

static void wait_until_done(struct account *a, struct request *q)
{
    struct store *store = a->mail->options.store;
    pthread_mutex_lock(&a->mutex);
    q->wake = NULL;
    for (;;) {
        step(a, q);
        if (q->done)
            break;
        pthread_mutex_unlock(&a->mutex);
        store_push(store); /* it may lie there for others */
        pthread_mutex_lock(&a->mutex);
        if (!q->done && !can_step(a, q))
            pthread_cond_wait(&q->look, &a->mutex);
    }
    pthread_mutex_unlock(&a->mutex);
    store_push(store); /* what we have set going for those behind us */
}

void account_submit(struct account *a, struct request *request)
{
    request->wake = NULL;
    add(a, request);
    wait_until_done(a, request);
    pthread_cond_destroy(&request->look);
}

static int result_of(const struct request *q, struct err *err)
{
    for (size_t i = 0; i < q->count; i++)
        if (q->changes[i].result < 0) {
            if (err)
                *err = q->changes[i].err;
            return q->changes[i].result;
        }
    return 0;
}

int account_commit(struct account *account, struct change *changes, size_t count, struct err *err)
{
    struct request request = { .kind = REQUEST_CHANGES, .changes = changes, .count = count };

    account_submit(account, &request);
    return result_of(&request, err);
}

struct pending_commit *account_commit_begin(struct account *account, struct change *changes, size_t count,
                                            void (*wake)(void *ctx), void *ctx)
{
    struct pending_commit *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->account = account;
    c->request = (struct request){
        .kind = REQUEST_CHANGES, .changes = changes, .count = count, .wake = wake, .wake_ctx = ctx
    };
    add(account, &c->request);
    return c;
}

bool account_commit_is_done(struct pending_commit *commit)
{
    struct account *a = commit->account;
    pthread_mutex_lock(&a->mutex);
    if (!commit->request.done)
        step(a, &commit->request);
    bool done = commit->request.done;
    pthread_mutex_unlock(&a->mutex);
    return done;
}

int account_commit_end(struct pending_commit **commit, struct err *err)
{
    struct pending_commit *c = *commit;
    *commit = NULL;
    pthread_mutex_lock(&c->account->mutex);
    bool done = c->request.done;
    pthread_mutex_unlock(&c->account->mutex);
    if (!done)
        wait_until_done(c->account, &c->request);
    int r = result_of(&c->request, err);
    pthread_cond_destroy(&c->request.look);
    free(c);
    return r;
}

int account_refresh(struct account *account, struct err *err)
{
    struct request request = { .kind = REQUEST_REFRESH };
    bool gone;

    pthread_mutex_lock(&account->mutex);
    gone = account->gone;
    pthread_mutex_unlock(&account->mutex);
    if (!gone && !account_is_behind(account))
        return 0;
    account_submit(account, &request);
    if (request.result < 0 && err)
        *err = request.err;
    return request.result;
}

int account_fold(struct account *account, struct err *err)
{
    struct request request = { .kind = REQUEST_FOLD, .bodies = fold_encode_ahead(account) };

    account_submit(account, &request);
    fold_bodies_free(&request.bodies);
    if (request.result < 0 && err)
        *err = request.err;
    return request.result;
}
