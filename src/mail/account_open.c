/* Reading an account: the records as of the last fold, then the log;
 * and what another machine committed since. */
#include "mail/plan.h"

#include <assert.h>
#include <stdlib.h>

enum { LOAD_TRIES_MAX = 100 };

/* ---- the log ---- */

struct log_part {
    uint64_t version;
    struct str bytes;
};

struct log_parts {
    struct arena *arena;
    struct log_part *items;
    size_t count, cap;
};

/* One value of a log record; parts of one record follow each other and are joined. */
static int take_log_part(struct log_parts *parts, struct str key, struct str value, struct err *err)
{
    struct reader k = reader_make(str_skip(key, 1));
    uint64_t version = reader_be64(&k);
    unsigned part = reader_u8(&k);
    struct log_part *last = parts->count ? &parts->items[parts->count - 1] : NULL;

    if (k.bad || reader_left(&k) > 0 || (part > 0 && (!last || last->version != version)))
        return err_set(err, ERR_CORRUPT, "key of a log record is damaged");
    if (part > 0) {
        char *joined = arena_alloc(parts->arena, last->bytes.n + value.n);
        memcpy(joined, last->bytes.p, last->bytes.n);
        memcpy(joined + last->bytes.n, value.p, value.n);
        last->bytes = str_make(joined, last->bytes.n + value.n);
        return 0;
    }
    parts->items = arena_grow(parts->arena, parts->items, parts->count, &parts->cap, sizeof *parts->items);
    parts->items[parts->count++] = (struct log_part){ version, arena_dup(parts->arena, value) };
    return 0;
}

/* Does each record follow the one before, from `version` to `until`?
 * Otherwise a fold has taken some of them away. */
static int log_is_whole(const struct log_parts *parts, uint64_t version, uint64_t until, struct err *err)
{
    for (size_t i = 0; i < parts->count; i++) {
        struct log_record record;
        int r = log_record_open(parts->items[i].bytes, &record, err);
        if (r < 0)
            return r;
        if (record.version_before != version)
            return 0;
        version = parts->items[i].version;
    }
    return version == until;
}

static int replay_record(struct plan *p, const struct log_part *part, struct err *err)
{
    struct log_record record;
    struct arena arena = ARENA_INIT;
    struct delta delta;

    int r = log_record_open(part->bytes, &record, err);
    if (r < 0)
        return r;
    while ((r = log_record_next(&record, &arena, &delta, err)) == 1) {
        r = plan_apply(p, &delta, err);
        if (r < 0)
            break;
    }
    arena_deinit(&arena);
    if (r < 0)
        return r;
    p->record.version = part->version;
    p->record.log_count++;
    p->record.log_bytes += part->bytes.n;
    return 0;
}

static int replay(struct plan *p, const struct log_parts *parts, struct err *err)
{
    for (size_t i = 0; i < parts->count; i++) {
        int r = replay_record(p, &parts->items[i], err);
        if (r < 0)
            return err_context(err, "log record %llu", (unsigned long long)parts->items[i].version);
    }
    return 0;
}

/* ---- all of it ---- */

struct loader {
    struct plan *plan;
    struct log_parts log;
    struct tree_entry *entries;
    size_t count, cap;
};

static struct tree_entry *add_entry(struct loader *l, struct str name)
{
    l->entries = arena_grow(l->log.arena, l->entries, l->count, &l->cap, sizeof *l->entries);
    l->entries[l->count] = (struct tree_entry){ .name = arena_dup(l->log.arena, name) };
    return &l->entries[l->count++];
}

static int compare_chunk_id(const void *a, const void *b)
{
    const struct chunk *const *x = a, *const *y = b;
    return (*x)->summary.id < (*y)->summary.id ? -1 : (*x)->summary.id > (*y)->summary.id;
}

struct chunk_list {
    struct chunk **items;
    size_t count;
};

static int keep_stored_chunk(void *ctx, struct chunk *chunk, struct err *err)
{
    struct chunk_list *list = ctx;
    (void)err;
    if (!chunk_is_dirty(chunk))
        list->items[list->count++] = chunk;
    return 0;
}

static size_t chunk_count(const struct snapshot *s)
{
    size_t count = 0;
    for (uint32_t i = 0; i < s->node_count; i++)
        count += s->nodes[i]->chunk_count;
    return count;
}

/* A mailbox read again: a chunk that we have under the same id is the same chunk.
 * So diffs stay cheap, and what is loaded stays. */
static int share_chunks(const struct snapshot *old, struct snapshot *fresh, struct err *err)
{
    struct chunk_list list = { .items = calloc(chunk_count(old) + 1, sizeof *list.items) };
    if (!list.items)
        abort();
    int r = snapshot_each(old, keep_stored_chunk, &list, err);
    qsort(list.items, list.count, sizeof(struct chunk *), compare_chunk_id);
    for (uint32_t i = 0; r == 0 && i < fresh->node_count; i++) {
        struct snapshot_node *node = fresh->nodes[i];
        for (uint32_t k = 0; k < node->chunk_count; k++) {
            struct chunk **same = bsearch(&node->chunks[k], list.items, list.count, sizeof(struct chunk *),
                                          compare_chunk_id);
            if (same) {
                chunk_unref(&node->chunks[k]);
                node->chunks[k] = chunk_ref(*same);
            }
        }
    }
    free(list.items);
    return r;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void note_stored_ids(struct plan_box *box)
{
    const struct snapshot *s = box->base;
    size_t count = chunk_count(s);

    box->stored_ids = calloc(count + 1, sizeof *box->stored_ids);
    if (!box->stored_ids)
        abort();
    for (uint32_t i = 0; i < s->node_count; i++)
        for (uint32_t k = 0; k < s->nodes[i]->chunk_count; k++)
            box->stored_ids[box->stored_count++] = s->nodes[i]->chunks[k]->summary.id;
    qsort(box->stored_ids, box->stored_count, sizeof *box->stored_ids, compare_u64);
}

static int read_mailbox(struct loader *l, struct mailbox *mailbox, struct reader *r,
                        const struct mailbox_record *record, struct err *err)
{
    struct plan *p = l->plan;
    struct snapshot *snapshot;

    int result = snapshot_decode(r, &mailbox->source, &snapshot, err);
    if (result < 0)
        return result;
    result = share_chunks(mailbox_peek(mailbox), snapshot, err);
    if (result == 0) {
        struct plan_box *box = plan_box_add(p, mailbox, snapshot, record->name);
        box->vanished_ranges = record->vanished_ranges;
        box->recent_uid = record->recent_uid;
        note_stored_ids(box);
        struct tree_entry *entry = add_entry(l, record->name);
        entry->mailbox = mailbox;
        entry->subscribed = record->subscribed;
        entry->use = record->use;
        p->record.mailbox_count++;
        p->record.message_count += snapshot->exists;
        p->record.size_bytes += snapshot->size_bytes;
    }
    snapshot_unref(&snapshot);
    return result;
}

static int take_mailbox(struct loader *l, struct str key, struct str value, struct err *err)
{
    struct account *a = l->plan->account;
    struct reader k = reader_make(str_skip(key, 1)), r = reader_make(value);
    struct mailbox_record record;
    uint64_t id = reader_be64(&k);

    if (k.bad || reader_left(&k) > 0 || !mailbox_record_decode(&r, &record))
        return err_set(err, ERR_CORRUPT, "record of mailbox %llu is damaged", (unsigned long long)id);
    struct mailbox *mailbox = account_find(a, id);
    if (mailbox) {
        mailbox_ref(mailbox);
    } else {
        struct snapshot *empty = snapshot_new_empty(1);
        mailbox = mailbox_new(a, id, record.uidvalidity, empty, record.name);
        snapshot_unref(&empty);
    }
    int result = read_mailbox(l, mailbox, &r, &record, err);
    mailbox_unref(&mailbox); /* the plan's box has its own */
    return result < 0 ? err_context(err, "mailbox %llu", (unsigned long long)id) : 0;
}

static int take_references(struct loader *l, struct str key, struct str value, struct err *err)
{
    struct reader k = reader_make(str_skip(key, 1)), v = reader_make(value);
    uint64_t blob = reader_be64(&k), count = reader_varint(&v);

    if (k.bad || v.bad || count < 2 || count > UINT32_MAX)
        return err_set(err, ERR_CORRUPT, "count of blob %llu is damaged", (unsigned long long)blob);
    plan_set_blob_count(l->plan, blob, count);
    return 0;
}

/* After the record of its mailbox: keys are read in order. */
static int take_acl(struct loader *l, struct str key, struct str value, struct err *err)
{
    struct reader k = reader_make(str_skip(key, 1));
    struct plan_box *box = plan_box(l->plan, reader_be64(&k));

    if (k.bad || reader_left(&k) > 0 || !box)
        return err_set(err, ERR_CORRUPT, "an access control list belongs to no mailbox");
    return acl_decode(value, &box->acl, err);
}

static int take_quota(struct loader *l, struct str key, struct str value, struct err *err)
{
    struct reader k = reader_make(str_skip(key, 1)), v = reader_make(value);
    struct quota_root root = { .mailbox_id = reader_be64(&k) };

    quota_root_decode(&v, &root);
    if (k.bad || v.bad || reader_left(&v) > 0)
        return err_set(err, ERR_CORRUPT, "quota of mailbox %llu is damaged",
                       (unsigned long long)root.mailbox_id);
    struct quota *next = quota_put(l->plan->quota, &root);
    quota_unref(&l->plan->quota);
    l->plan->quota = next;
    return 0;
}

static int take_seen(struct loader *l, struct str key, struct str value, struct err *err)
{
    struct reader k = reader_make(str_skip(key, 1));
    struct plan_box *box = plan_box(l->plan, reader_be64(&k));
    uint64_t user = reader_be64(&k);
    struct seen *seen;

    if (k.bad || reader_left(&k) > 0 || !box)
        return err_set(err, ERR_CORRUPT, "what a reader has seen belongs to no mailbox");
    int r = seen_decode(value, user, &seen, err);
    if (r < 0)
        return r;
    struct readers *readers = readers_put(box->readers, seen);
    readers_unref(&box->readers);
    box->readers = readers;
    seen_unref(&seen);
    return 0;
}

static int take_pair(void *ctx, struct str key, struct str value, struct err *err)
{
    struct loader *l = ctx;
    struct tree_entry *entry;

    switch ((enum state_key)(unsigned char)key.p[0]) {
    case KEY_LOG:
        return take_log_part(&l->log, key, value, err);
    case KEY_MAILBOX:
        return take_mailbox(l, key, value, err);
    case KEY_ACL:
        return take_acl(l, key, value, err);
    case KEY_SEEN:
        return take_seen(l, key, value, err);
    case KEY_REFERENCES:
        return take_references(l, key, value, err);
    case KEY_SUBSCRIPTION:
        entry = add_entry(l, value);
        entry->subscribed = true;
        return 0;
    case KEY_ANNOTATION: /* stays where it is */
        return 0;
    case KEY_QUOTA:
        return take_quota(l, key, value, err);
    case KEY_ACCOUNT:
    case KEY_CHUNK:
    case KEY_THREAD:
    case KEY_VANISHED:
        break;
    }
    return err_set(err, ERR_CORRUPT, "state has an unknown key");
}

int account_read_record(struct store *store, struct account_id id, struct account_record *record_out,
                        struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    int r = store_get(store, id, key_letter(KEY_ACCOUNT, &key), &value, err);
    if (r == 0)
        r = account_record_decode(buf_str(&value), record_out, err);
    else if (r == -ERR_NOT_FOUND)
        r = err_set(err, ERR_NOT_FOUND, "no such account");
    buf_deinit(&key);
    buf_deinit(&value);
    return r;
}

/* What was counted on the way must be what the account record says. */
static int check_totals(const struct plan *p, const struct account_record *stored, struct err *err)
{
    const struct account_record *now = &p->record;

    if (now->mailbox_count != stored->mailbox_count || now->message_count != stored->message_count ||
        now->size_bytes != stored->size_bytes)
        return err_set(err, ERR_CORRUPT,
                       "account has %u mailboxes, %llu messages, %llu bytes; its record says %u, %llu, %llu",
                       now->mailbox_count, (unsigned long long)now->message_count,
                       (unsigned long long)now->size_bytes, stored->mailbox_count,
                       (unsigned long long)stored->message_count, (unsigned long long)stored->size_bytes);
    return 0;
}

static int replay_and_publish(struct loader *l, const struct account_record *stored, struct err *err)
{
    struct plan *p = l->plan;
    struct tree *tree = tree_edit(p->tree, NULL, 0, l->entries, l->count);

    tree_unref(&p->tree);
    p->tree = tree;
    p->refs_changed_count = 0; /* as of the fold so far */
    int r = log_is_whole(&l->log, stored->fold_version, stored->version, err);
    if (r == 0)
        r = err_set(err, ERR_CORRUPT, "the log does not lead from version %llu to %llu",
                    (unsigned long long)stored->fold_version, (unsigned long long)stored->version);
    if (r > 0)
        r = replay(p, &l->log, err);
    if (r == 0)
        r = check_totals(p, stored, err);
    if (r < 0)
        return r;
    p->record = *stored;
    plan_publish(p);
    return 0;
}

/* A chunk that the log needs is not there: another machine has folded since, or it is lost. 0: the former. */
static int find_out_why(struct account *a, uint64_t version, struct err *err)
{
    uint64_t now;
    struct err why;

    int r = store_version(a->mail->options.store, a->id, &now, &why);
    if (r == 0 && now != version)
        return 0;
    if (r == 0)
        r = err_set(&why, ERR_CORRUPT, "state is missing: %s", err->text);
    *err = why;
    return r;
}

/* 1 loaded, 0 somebody committed meanwhile: try again.
 *   seen  the store's version of the last try: when it stands still and the record does not reach it, nobody
 *         is committing */
static int load_once(struct account *a, uint64_t *seen, struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct plan plan;
    struct loader l = { .plan = &plan, .log.arena = &arena };
    struct account_record stored;
    uint64_t version = 0;
    struct buf from = BUF_INIT, to = BUF_INIT;

    plan_init(&plan, a, true);
    _Static_assert(KEY_LOG < KEY_MAILBOX && KEY_MAILBOX < KEY_ACL && KEY_ACL < KEY_SEEN &&
                       KEY_SEEN < KEY_REFERENCES && KEY_REFERENCES < KEY_SUBSCRIPTION &&
                       KEY_SUBSCRIPTION < KEY_THREAD,
                   "one scan reads them, of one version");
    int r = account_read_record(a->mail->options.store, a->id, &stored, err);
    if (r == 0)
        r = store_scan(a->mail->options.store, a->id, key_letter(KEY_LOG, &from), key_letter(KEY_THREAD, &to),
                       &version, take_pair, &l, err);
    if (r == 0 && version == stored.version) {
        r = replay_and_publish(&l, &stored, err);
        if (r == 0)
            r = 1;
        else if (r == -ERR_NOT_FOUND)
            r = find_out_why(a, version, err);
    } else if (r == 0 && *seen == version && stored.version < version) {
        r = err_set(err, ERR_CORRUPT, "account record says version %llu, the store %llu",
                    (unsigned long long)stored.version, (unsigned long long)version);
    } else if (r == 0) {
        *seen = version;
    }
    plan_deinit(&plan);
    arena_deinit(&arena);
    buf_deinit(&from);
    buf_deinit(&to);
    return r;
}

int account_load(struct account *a, struct err *err)
{
    uint64_t seen = 0;
    struct err why = { 0 };

    for (int i = 0; i < LOAD_TRIES_MAX; i++) {
        int r = load_once(a, &seen, &why);
        if (r < 0 && err)
            *err = why;
        if (r != 0)
            return r < 0 ? r : 0;
    }
    return err_set(err, ERR_UNAVAILABLE, "the account changes all the time");
}

/* ---- what others committed ---- */

bool account_is_behind(const struct account *a)
{
    uint64_t told = atomic_load(&a->told_version);
    return atomic_load(&a->told_dropped) ||
           (told > atomic_load(&a->version) && told > atomic_load(&a->committing_version));
}

static int take_new_log_part(void *ctx, struct str key, struct str value, struct err *err)
{
    return take_log_part(ctx, key, value, err);
}

static int account_is_gone(struct account *a, struct err *err)
{
    pthread_mutex_lock(&a->mutex);
    a->gone = true;
    pthread_mutex_unlock(&a->mutex);
    a->notice.gone = true;
    account_quota_gone(a);
    mail_forget(a);
    return err_set(err, ERR_UNAVAILABLE, "the account was deleted");
}

static int replay_new(struct account *a, const struct log_parts *log, struct err *err)
{
    struct plan plan;
    plan_init(&plan, a, false);
    int r = replay(&plan, log, err);
    if (r == 0)
        plan_publish(&plan);
    plan_deinit(&plan);
    return r;
}

int account_catch_up(struct account *a, struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct log_parts log = { .arena = &arena };
    struct buf from = BUF_INIT, to = BUF_INIT;
    uint64_t version;

    atomic_store(&a->told_dropped, false); /* what is told from here on is looked at the next time */
    int r = store_scan(a->mail->options.store, a->id, key_log(a->record.version + 1, 0, &from),
                       key_letter(KEY_MAILBOX, &to), &version, take_new_log_part, &log, err);
    if (r == 0 && version < a->record.version) {
        r = account_is_gone(a, err);
    } else if (r == 0 && a->reread_all) {
        r = account_load(a, err);
    } else if (r == 0 && version > a->record.version) {
        r = log_is_whole(&log, a->record.version, version, err);
        if (r == 1)
            r = replay_new(a, &log, err);
        if (r == 0 && a->record.version < version) /* folded */
            r = account_load(a, err);
        else if (r == -ERR_NOT_FOUND) /* and folded again, so that a chunk is gone which the log needs */
            r = account_load(a, err);
    }
    if (r == -ERR_NOT_FOUND)
        r = account_is_gone(a, err);
    if (r == 0)
        a->reread = a->reread_all = false;
    arena_deinit(&arena);
    buf_deinit(&from);
    buf_deinit(&to);
    return r;
}
