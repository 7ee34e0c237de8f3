/* Work on one account at a time: the thread in the background, and commands. */
#include "mail/account_private.h"
#include "mail/indexer_private.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { NICE = 10 }; /* below who serves, and yet never without a turn: it takes locks that others wait for */

static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

/* ---- working on an account ---- */

static struct indexer_claim *find_claim(struct indexer *indexer, struct account_id account)
{
    struct indexer_claim *c = indexer->claims;
    while (c && c->account.n != account.n)
        c = c->next;
    return c;
}

bool indexer_work_begin(struct indexer_work *work, struct indexer *indexer, struct account_id account,
                        bool in_background, uint32_t for_ms)
{
    struct indexer_claim *other;

    pthread_mutex_lock(&indexer->mutex);
    while ((other = find_claim(indexer, account)) && !in_background) {
        other->wanted = true;
        pthread_cond_broadcast(&indexer->changed);
        pthread_cond_wait(&indexer->changed, &indexer->mutex);
    }
    if (!other) {
        *work = (struct indexer_work){ .indexer = indexer,
                                       .store = indexer->options->store,
                                       .account = account,
                                       .in_background = in_background,
                                       .until_ms = for_ms ? indexer_now_ms(indexer) + for_ms : 0,
                                       .claim = { account, false, indexer->claims },
                                       .slice_cpu_us = cpu_us(),
                                       .charsets = charset_cache_new() };
        indexer->claims = &work->claim;
    }
    pthread_mutex_unlock(&indexer->mutex);
    return !other;
}

bool indexer_work_end(struct indexer_work *work)
{
    struct indexer *indexer = work->indexer;
    struct indexer_claim **c = &indexer->claims;

    pthread_mutex_lock(&indexer->mutex);
    while (*c != &work->claim)
        c = &(*c)->next;
    *c = work->claim.next;
    bool wanted = work->claim.wanted;
    pthread_cond_broadcast(&indexer->changed);
    pthread_mutex_unlock(&indexer->mutex);
    charset_cache_free(&work->charsets);
    buf_deinit(&work->message);
    buf_deinit(&work->extracted);
    return wanted;
}

static bool must_end(const struct indexer_work *work)
{
    return work->indexer->stopping || (work->in_background && work->claim.wanted);
}

/* After a slice of work: sleep so long that its share of the time is what the setting allows. */
static void rest(struct indexer_work *work)
{
    int64_t percent = work->indexer->options->index.cpu_percent, worked_us = cpu_us() - work->slice_cpu_us;

    if (worked_us < INDEXER_SLICE_US)
        return;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t now_us = t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
    int64_t until_us = now_us + worked_us * (100 - percent) / percent;
    while (now_us < until_us && !must_end(work)) {
        indexer_wait_us(work->indexer, until_us - now_us);
        clock_gettime(CLOCK_MONOTONIC, &t);
        now_us = t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
    }
    work->slice_cpu_us = cpu_us();
}

int indexer_pause(void *ctx, struct err *err)
{
    struct indexer_work *work = ctx;

    pthread_mutex_lock(&work->indexer->mutex);
    if (work->in_background)
        rest(work);
    bool ends = must_end(work);
    pthread_mutex_unlock(&work->indexer->mutex);
    if (ends)
        return err_set(err, ERR_UNAVAILABLE, "indexing was stopped");
    if (work->until_ms && indexer_now_ms(work->indexer) >= work->until_ms)
        return err_set(err, ERR_AGAIN, "not done yet");
    return 0;
}

bool indexer_must_end(struct indexer_work *work)
{
    pthread_mutex_lock(&work->indexer->mutex);
    bool ends = must_end(work);
    pthread_mutex_unlock(&work->indexer->mutex);
    return ends;
}

void indexer_tell_no_extractor(struct indexer_work *work, const struct err *why)
{
    struct indexer *indexer = work->indexer;

    pthread_mutex_lock(&indexer->mutex);
    bool tell = !indexer->told_no_extractor;
    indexer->told_no_extractor = true;
    pthread_mutex_unlock(&indexer->mutex);
    if (tell && indexer->options->index.failed)
        indexer->options->index.failed(indexer->options->index.failed_ctx, work->account, why);
}

/* ---- the thread ---- */

static bool is_gone(const struct indexer *indexer, struct account_id account)
{
    uint64_t version;
    return store_version(indexer->options->store, account, &version, NULL) == 0 && version == 0;
}

static void take_up(struct indexer *indexer, struct account_id account, bool suspect)
{
    struct indexer_work work;
    struct err err = { 0 };

    if (!indexer_work_begin(&work, indexer, account, true, 0)) {
        indexer_wait(indexer, account, 0, suspect, INDEXER_WANTED_MS);
        return;
    }
    work.suspect = suspect;
    int r = indexer_round(&work, false, &err);
    bool gave_way = indexer_work_end(&work);
    if (r == 0 || (r == -ERR_NOT_FOUND && is_gone(indexer, account)))
        return;
    bool stopped = r == -ERR_UNAVAILABLE || r == -ERR_CONFLICT;
    if (!stopped && indexer->options->index.failed)
        indexer->options->index.failed(indexer->options->index.failed_ctx, account, &err);
    indexer_wait(indexer, account, 0, suspect, gave_way ? INDEXER_WANTED_MS : INDEXER_RETRY_MS);
}

struct all_accounts {
    struct {
        struct account_id id;
        uint64_t version;
    } * list; /* heap */
    size_t count, cap;
};

static int note_account(void *ctx, struct account_id account, uint64_t version, struct err *err)
{
    struct all_accounts *all = ctx;

    (void)err;
    if (account.n == 0) /* the directory */
        return 0;
    if (all->count == all->cap) {
        all->cap = all->cap ? 2 * all->cap : 256;
        all->list = realloc(all->list, all->cap * sizeof *all->list);
        if (!all->list)
            abort();
    }
    all->list[all->count].id = account;
    all->list[all->count++].version = version;
    return 0;
}

static int look_at(struct indexer *indexer, struct account_id id, uint64_t version, struct err *err)
{
    struct store *store = indexer->options->store;
    bool behind;

    if (account_id_is_index(id)) { /* was its account deleted just before a crash? */
        int r = store_version(store, account_id_of_indexed(id), &version, err);
        return r < 0 || version > 0 ? r : store_drop_account(store, id, err);
    }
    int r = indexer_is_behind(indexer, id, version, &behind, err);
    if (r == 0 && behind)
        indexer_wait(indexer, id, 0, false, 0);
    return r;
}

/* After a start: which accounts went on without us? */
static void look_at_all(struct indexer *indexer)
{
    struct all_accounts all = { .count = 0 };
    struct indexer_work work;
    struct err err = { 0 };

    if (!indexer_work_begin(&work, indexer, (struct account_id){ 0 }, true, 0))
        return;
    int r = store_accounts(indexer->options->store, note_account, &all, &err);
    for (size_t i = 0; r == 0 && i < all.count; i++) {
        r = indexer_pause(&work, &err);
        if (r == 0 && look_at(indexer, all.list[i].id, all.list[i].version, &err) < 0)
            indexer_wait(indexer, account_id_of_indexed(all.list[i].id), 0, false, INDEXER_RETRY_MS);
    }
    indexer_work_end(&work);
    free(all.list);
}

static void *run(void *ctx)
{
    struct indexer *indexer = ctx;
    struct account_id account;
    bool suspect;

    prctl(PR_SET_NAME, "indexer", 0, 0, 0);
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    look_at_all(indexer);
    while (indexer_next_due(indexer, &account, &suspect))
        take_up(indexer, account, suspect);
    return NULL;
}

/* ---- life ---- */

void indexer_fill_defaults(struct index_settings *s)
{
    s->cpu_percent = s->cpu_percent ? s->cpu_percent : INDEXER_CPU_PERCENT;
    s->delay_s = s->delay_s ? s->delay_s : INDEXER_DELAY_S;
    s->memory_bytes = s->memory_bytes ? s->memory_bytes : UINT64_C(128) << 20;
    s->cache_bytes = s->cache_bytes ? s->cache_bytes : UINT64_C(64) << 20;
}

struct indexer *indexer_new(struct mail *mail)
{
    const struct mail_options *options = mail_options(mail);
    struct indexer *indexer = calloc(1, sizeof *indexer);
    pthread_condattr_t monotonic;

    if (!indexer)
        abort();
    indexer->mail = mail;
    indexer->options = options;
    if (!options->index.off)
        indexer->shelf = index_shelf_new(options->store, options->index.cache_bytes);
    map_init(&indexer->waiting);
    pthread_mutex_init(&indexer->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&indexer->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return indexer;
}

void indexer_free(struct indexer **indexer_in)
{
    struct indexer *indexer = *indexer_in;

    *indexer_in = NULL;
    if (!indexer)
        return;
    indexer_stop(indexer);
    assert(!indexer->claims);
    indexer_waiting_deinit(indexer);
    index_shelf_free(&indexer->shelf);
    pthread_cond_destroy(&indexer->changed);
    pthread_mutex_destroy(&indexer->mutex);
    free(indexer);
}

int indexer_start(struct indexer *indexer, struct err *err)
{
    if (!indexer->shelf)
        return 0;
    pthread_mutex_lock(&indexer->mutex);
    indexer->running = true; /* before it looks: what comes meanwhile is told */
    pthread_mutex_unlock(&indexer->mutex);
    int errnum = pthread_create(&indexer->thread, NULL, run, indexer);
    if (errnum == 0)
        return 0;
    pthread_mutex_lock(&indexer->mutex);
    indexer->running = false;
    pthread_mutex_unlock(&indexer->mutex);
    return err_set_errno(err, errnum, "start the indexer's thread");
}

void indexer_stop(struct indexer *indexer)
{
    pthread_mutex_lock(&indexer->mutex);
    bool running = indexer->running;
    indexer->running = false;
    indexer->stopping = true;
    pthread_cond_broadcast(&indexer->changed);
    pthread_mutex_unlock(&indexer->mutex);
    if (running)
        pthread_join(indexer->thread, NULL);
}

/* ---- for commands and searches ---- */

struct index_view *account_index_view(struct account *account)
{
    struct index_shelf *shelf = account->mail->indexer->shelf;
    struct index *index;

    if (!shelf || index_open(shelf, account->id, &index, NULL) < 0)
        return NULL;
    struct index_view *view = index_view(index);
    index_close(&index);
    if (index_view_count(view) == 0)
        index_view_unref(&view);
    return view;
}

int indexer_run(struct indexer *indexer, struct account_id account, bool afresh, uint32_t for_ms,
                uint64_t *looked_out, struct err *err)
{
    struct indexer_work work;
    uint64_t version;

    *looked_out = 0;
    if (!indexer->shelf)
        return err_set(err, ERR_CANNOT, "search indexes are switched off (index.enabled)");
    int r = store_version(indexer->options->store, account, &version, err);
    if (r == 0 && version == 0)
        r = err_set(err, ERR_NOT_FOUND, "no such account");
    if (r < 0)
        return r;
    indexer_work_begin(&work, indexer, account, false, for_ms);
    r = indexer_round(&work, afresh, err);
    *looked_out = work.looked;
    indexer_work_end(&work);
    return r;
}
