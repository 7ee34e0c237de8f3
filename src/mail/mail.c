/* All accounts on one store: which are in memory, and the thread that works behind them. */
#include "mail/key_cache.h"
#include "mail/plan.h"

#include <assert.h>
#include <stdlib.h>

/* ---- who is in memory; under mail->mutex ---- */

static void idle_add(struct mail *mail, struct account *a)
{
    a->idle_next = NULL;
    a->idle_previous = mail->idle_last;
    if (mail->idle_last)
        mail->idle_last->idle_next = a;
    else
        mail->idle_first = a;
    mail->idle_last = a;
    mail->idle_count++;
    a->idle_bytes = atomic_load(&a->loaded_bytes);
    mail->idle_bytes += a->idle_bytes;
}

static void idle_remove(struct mail *mail, struct account *a)
{
    if (a->idle_previous)
        a->idle_previous->idle_next = a->idle_next;
    else
        mail->idle_first = a->idle_next;
    if (a->idle_next)
        a->idle_next->idle_previous = a->idle_previous;
    else
        mail->idle_last = a->idle_previous;
    mail->idle_count--;
    mail->idle_bytes -= a->idle_bytes;
}

static void take_reference(struct account *a)
{
    if (a->references++ == 0)
        idle_remove(a->mail, a);
}

static void queue_job(struct account *a, unsigned jobs)
{
    struct mail *mail = a->mail;

    a->jobs |= jobs;
    if (a->job_queued || mail->closing)
        return;
    take_reference(a);
    a->job_queued = true;
    a->job_next = NULL;
    if (mail->job_last)
        mail->job_last->job_next = a;
    else
        mail->job_first = a;
    mail->job_last = a;
    pthread_cond_signal(&mail->work);
}

static bool has_too_many(const struct mail *mail)
{
    return mail->idle_count > mail->options.accounts_cached_max ||
           (mail->idle_count > 0 && mail->idle_bytes > mail->options.idle_bytes_max);
}

/* The account that has been idle longest, when there are too many or they take too much; NULL otherwise.
 * One with a long log is folded first. */
static struct account *evict_one(struct mail *mail)
{
    while (has_too_many(mail)) {
        struct account *a = mail->idle_first;
        if (fold_is_worth_it(a) && !a->fold_tried && !mail->closing) {
            a->fold_tried = true;
            queue_job(a, JOB_FOLD);
            continue;
        }
        idle_remove(mail, a);
        map_remove(&mail->accounts, map_key_u64(&a->id.n));
        return a;
    }
    return NULL;
}

struct account *account_ref(struct account *account)
{
    pthread_mutex_lock(&account->mail->mutex);
    assert(account->references > 0);
    account->references++;
    pthread_mutex_unlock(&account->mail->mutex);
    return account;
}

void account_unref(struct account **account)
{
    struct account *a = *account, *evicted;
    struct mail *mail;

    *account = NULL;
    if (!a)
        return;
    mail = a->mail;
    pthread_mutex_lock(&mail->mutex);
    assert(a->references > 0);
    bool last = --a->references == 0;
    if (last && !a->forgotten)
        idle_add(mail, a);
    bool forgotten = last && a->forgotten;
    while ((evicted = evict_one(mail))) {
        pthread_mutex_unlock(&mail->mutex);
        account_free(evicted);
        pthread_mutex_lock(&mail->mutex);
    }
    pthread_mutex_unlock(&mail->mutex);
    if (forgotten)
        account_free(a);
}

void mail_queue_job(struct account *account, unsigned jobs)
{
    pthread_mutex_lock(&account->mail->mutex);
    queue_job(account, jobs);
    pthread_mutex_unlock(&account->mail->mutex);
}

void mail_forget(struct account *account)
{
    struct mail *mail = account->mail;

    pthread_mutex_lock(&mail->mutex);
    if (!account->forgotten) {
        assert(account->references > 0);
        account->forgotten = true;
        map_remove(&mail->accounts, map_key_u64(&account->id.n));
    }
    pthread_mutex_unlock(&mail->mutex);
}

/* ---- background ---- */

static void warn(struct account *a)
{
    const struct quota_settings *quota = &a->mail->options.quota;

    pthread_mutex_lock(&a->mutex);
    unsigned level = a->gone ? 0 : account_warning_due(a);
    pthread_mutex_unlock(&a->mutex);
    if (level)
        quota->warn(quota->warn_ctx, a, level);
}

static void run_jobs(struct account *a, unsigned jobs)
{
    struct err err; /* who uses the account next meets the error again */

    int r = jobs & JOB_REFRESH ? account_refresh(a, &err) : 0;
    if (r == 0 && (jobs & JOB_WARN))
        warn(a);
    if (r == 0 && (jobs & JOB_FOLD))
        r = account_fold(a, &err);
    (void)r;
}

static void *work(void *ctx)
{
    struct mail *mail = ctx;

    pthread_mutex_lock(&mail->mutex);
    for (;;) {
        while (!mail->job_first && !mail->closing)
            pthread_cond_wait(&mail->work, &mail->mutex);
        struct account *a = mail->job_first;
        if (!a)
            break;
        mail->job_first = a->job_next;
        if (!mail->job_first)
            mail->job_last = NULL;
        unsigned jobs = a->jobs;
        a->jobs = 0;
        a->job_queued = false;
        pthread_mutex_unlock(&mail->mutex);
        run_jobs(a, jobs);
        account_unref(&a);
        pthread_mutex_lock(&mail->mutex);
    }
    pthread_mutex_unlock(&mail->mutex);
    return NULL;
}

static void raise_to(_Atomic uint64_t *value, uint64_t to)
{
    uint64_t now = atomic_load(value);
    while (now < to && !atomic_compare_exchange_weak(value, &now, to))
        ;
}

/* From the store, maybe in the midst of our own commit: see store_watch_fn. */
static void store_told(void *ctx, struct account_id id, uint64_t version)
{
    struct mail *mail = ctx;

    if (account_id_is_index(id))
        return;
    if (id.n == 0)
        raise_to(&mail->directory_version, version);
    else if (version == 0)
        indexer_tell_gone(mail->indexer, id);
    pthread_mutex_lock(&mail->mutex);
    struct account *a = map_get(&mail->accounts, map_key_u64(&id.n));
    if (!a && id.n != 0 && version != 0)
        indexer_tell(mail->indexer, id, 0);
    if (a) {
        if (version == 0)
            atomic_store(&a->told_dropped, true);
        else
            raise_to(&a->told_version, version);
        if (a->state == ACCOUNT_OPEN && account_is_behind(a))
            queue_job(a, JOB_REFRESH);
    }
    pthread_mutex_unlock(&mail->mutex);
}

uint64_t mail_directory_version(const struct mail *mail)
{
    return atomic_load(&mail->directory_version);
}

/* ---- opening and closing ---- */

/* RFC 6154 */
static const struct first_mailbox standard_mailboxes[] = {
    { "Drafts", USE_DRAFTS }, { "Sent", USE_SENT },       { "Trash", USE_TRASH },
    { "Junk", USE_JUNK },     { "Archive", USE_ARCHIVE },
};

static void fill_defaults(struct mail_options *o)
{
    if (!o->first_mailboxes) {
        o->first_mailboxes = standard_mailboxes;
        o->first_mailbox_count = ARRAY_COUNT(standard_mailboxes);
    }
    o->mailboxes_max = o->mailboxes_max ? o->mailboxes_max : 10000;
    o->fold_log_records = o->fold_log_records ? o->fold_log_records : 1024;
    o->accounts_cached_max = o->accounts_cached_max ? o->accounts_cached_max : 1024;
    o->idle_bytes_max = o->idle_bytes_max ? o->idle_bytes_max : UINT64_C(256) << 20;
    o->message_bytes_max = o->message_bytes_max ? o->message_bytes_max : UINT64_C(64) << 20;
    o->annotation_bytes_max = o->annotation_bytes_max ? o->annotation_bytes_max : 64 << 10;
    o->annotations_max = o->annotations_max ? o->annotations_max : 100;
    o->annotations_bytes_max = o->annotations_bytes_max ? o->annotations_bytes_max : UINT64_C(64) << 20;
    o->key_cache_bytes_max = o->key_cache_bytes_max ? o->key_cache_bytes_max : UINT64_C(64) << 20;
    o->vanished_ranges_max = o->vanished_ranges_max ? o->vanished_ranges_max : 100000;
    indexer_fill_defaults(&o->index);
}

static void free_mail(struct mail *mail)
{
    key_cache_free(&mail->keys);
    indexer_free(&mail->indexer);
    map_deinit(&mail->accounts);
    pthread_mutex_destroy(&mail->mutex);
    pthread_cond_destroy(&mail->opened);
    pthread_cond_destroy(&mail->work);
    free(mail->spool_folder);
    free(mail);
}

int mail_open(const struct mail_options *options, struct mail **mail_out, struct err *err)
{
    struct mail *mail = calloc(1, sizeof *mail);
    if (!mail)
        abort();
    mail->options = *options;
    fill_defaults(&mail->options);
    mail->log_part_bytes = LOG_PART_BYTES;
    mail->fold_batch_bytes = FOLD_BATCH_BYTES;
    if (options->spool_folder) {
        mail->spool_folder = strdup(options->spool_folder);
        mail->options.spool_folder = mail->spool_folder;
    }
    mail->keys = key_cache_new(mail->options.key_cache_bytes_max);
    map_init(&mail->accounts);
    pthread_mutex_init(&mail->mutex, NULL);
    pthread_cond_init(&mail->opened, NULL);
    pthread_cond_init(&mail->work, NULL);
    mail->indexer = indexer_new(mail);
    int r = store_watch(options->store, store_told, mail, err);
    if (r == 0 && (r = -pthread_create(&mail->worker, NULL, work, mail)) < 0) {
        int errnum = -r;
        r = store_watch(options->store, NULL, NULL, NULL);
        r = err_set_errno(err, errnum, "start the model's thread");
    }
    if (r < 0) {
        free_mail(mail);
        return r;
    }
    *mail_out = mail;
    return 0;
}

void mail_close(struct mail **mail_in)
{
    struct mail *mail = *mail_in;
    struct err err;
    struct str key;
    void *value;

    *mail_in = NULL;
    if (!mail)
        return;
    indexer_stop(mail->indexer); /* it uses accounts */
    if (store_watch(mail->options.store, NULL, NULL, &err) < 0)
        abort(); /* it would call what is gone */
    pthread_mutex_lock(&mail->mutex);
    mail->closing = true;
    pthread_cond_signal(&mail->work);
    pthread_mutex_unlock(&mail->mutex);
    pthread_join(mail->worker, NULL);
    for (size_t i = 0; map_next(&mail->accounts, &i, &key, &value);) {
        struct account *a = value;
        assert(a->references == 0);
        a->references = 1;
        int r = fold_is_worth_it(a) ? account_fold(a, &err) : 0;
        (void)r; /* the log is as good, only longer */
        account_free(a);
    }
    free_mail(mail);
}

struct key_cache *mail_key_cache(const struct mail *mail)
{
    return mail->keys;
}

struct indexer *mail_indexer(struct mail *mail)
{
    return mail->indexer;
}

const struct mail_options *mail_options(const struct mail *mail)
{
    return &mail->options;
}

/* Wait until who opens it is done. Under the mutex, with a reference. */
static int wait_until_open(struct mail *mail, struct account *a, struct err *err)
{
    while (a->state == ACCOUNT_OPENING)
        pthread_cond_wait(&mail->opened, &mail->mutex);
    if (a->state == ACCOUNT_FAILED && err)
        *err = a->open_err;
    return a->state == ACCOUNT_OPEN ? 0 : a->open_result;
}

static struct account *find_or_add(struct mail *mail, struct account_id id, bool *found_out)
{
    struct account *a = map_get(&mail->accounts, map_key_u64(&id.n));

    *found_out = a != NULL;
    if (a) {
        take_reference(a);
    } else {
        a = account_new(mail, id);
        map_put(&mail->accounts, map_key_u64(&id.n), a);
    }
    return a;
}

int mail_account_open(struct mail *mail, struct account_id id, struct account **account_out, struct err *err)
{
    bool found;
    int r;

    pthread_mutex_lock(&mail->mutex);
    struct account *a = find_or_add(mail, id, &found);
    if (found) {
        r = wait_until_open(mail, a, err);
    } else {
        pthread_mutex_unlock(&mail->mutex);
        struct err open_err = { 0 };
        r = account_load(a, &open_err);
        free(a->notice.mailboxes);
        a->notice = (struct notice){ 0 };
        pthread_mutex_lock(&mail->mutex);
        a->open_result = r;
        a->open_err = open_err;
        a->state = r < 0 ? ACCOUNT_FAILED : ACCOUNT_OPEN;
        if (r == 0 && account_warning_due(a)) /* we ended before it was given */
            queue_job(a, JOB_WARN);
        if (r < 0) {
            a->forgotten = true;
            map_remove(&mail->accounts, map_key_u64(&id.n));
            if (err)
                *err = open_err;
        }
        pthread_cond_broadcast(&mail->opened);
    }
    pthread_mutex_unlock(&mail->mutex);
    if (r < 0)
        account_unref(&a);
    else
        *account_out = a;
    return r;
}

static int plan_mailbox(struct plan *p, const struct first_mailbox *first, struct err *err)
{
    struct change c = { .kind = CHANGE_CREATE,
                        .arena = &p->arena,
                        .ignore_quota = true,
                        .create = { str_c(first->name), first->use, true } };
    plan_change(p, &c);
    if (c.result < 0 && err)
        *err = c.err;
    return c.result < 0 ? err_context(err, "mailbox %s of a new account", first->name) : 0;
}

static int plan_first_mailboxes(struct plan *p, const struct mail_options *options, struct err *err)
{
    int r = plan_mailbox(p, &(struct first_mailbox){ "INBOX", 0 }, err);

    for (size_t i = 0; r == 0 && i < options->first_mailbox_count; i++)
        r = plan_mailbox(p, &options->first_mailboxes[i], err);
    return r < 0 ? r : plan_seal(p, err);
}

int mail_account_create(struct mail *mail, struct account_id id, struct err *err)
{
    struct account *a = account_new(mail, id); /* never seen by anyone: it is opened from the store */
    struct plan plan;

    plan_init(&plan, a, false);
    int r = plan_first_mailboxes(&plan, &mail->options, err);
    if (r == 0)
        r = store_commit(mail->options.store, id, 0, plan.record.version, &plan.batch, err);
    if (r == -ERR_CONFLICT)
        r = err_set(err, ERR_EXISTS, "account already exists");
    plan_deinit(&plan);
    account_free(a);
    return r;
}

int mail_account_create_empty(struct mail *mail, struct account_id id, struct err *err)
{
    struct account_record record = {
        .version = 1, .fold_version = 1, .next_mailbox_id = 1, .next_email_id = 1, .next_chunk_id = 1
    };
    struct batch batch = BATCH_INIT;
    struct buf key = BUF_INIT, value = BUF_INIT;

    account_record_encode(&record, &value);
    batch_put(&batch, key_letter(KEY_ACCOUNT, &key), buf_str(&value));
    int r = store_commit(mail->options.store, id, 0, record.version, &batch, err);
    batch_deinit(&batch);
    buf_deinit(&key);
    buf_deinit(&value);
    return r == -ERR_CONFLICT ? err_set(err, ERR_EXISTS, "account already exists") : r;
}

int mail_account_delete(struct mail *mail, struct account_id id, struct err *err)
{
    struct request request = { .kind = REQUEST_DROP };
    struct account *a;
    uint64_t version;

    int r = mail_account_open(mail, id, &a, err);
    if (r == 0) {
        account_submit(a, &request);
        account_unref(&a);
        if (request.result < 0 && err)
            *err = request.err;
        return request.result;
    }
    if (r != -ERR_CORRUPT && r != -ERR_CANNOT) /* a damaged one can be removed too */
        return r;
    r = store_version(mail->options.store, id, &version, err);
    return r < 0 ? r : store_drop_account(mail->options.store, id, err);
}
