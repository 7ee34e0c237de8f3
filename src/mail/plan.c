#include "mail/plan.h"

#include "mail/annotation.h"

#include <assert.h>
#include <stdlib.h>

void plan_init(struct plan *p, struct account *account, bool fresh)
{
    *p = (struct plan){ .account = account, .fresh = fresh };
    p->now_s = clock_wall_ms(account->mail->options.clock) / 1000;
    if (fresh) {
        p->record = (struct account_record){ .next_mailbox_id = 1, .next_email_id = 1, .next_chunk_id = 1 };
        p->tree = tree_new_empty();
        p->quota = quota_new_empty();
    } else {
        p->record = account->record;
        p->tree = tree_ref(account->tree);
        p->quota = quota_ref(account->quota);
    }
}

static void box_free(struct plan_box *box)
{
    if (box->mailbox->box == box)
        box->mailbox->box = NULL;
    snapshot_draft_free(&box->draft);
    snapshot_unref(&box->base);
    snapshot_unref(&box->next);
    keyword_table_unref(&box->keywords);
    acl_unref(&box->acl);
    readers_unref(&box->readers);
    mailbox_unref(&box->mailbox);
    free(box->stored_ids);
    free(box);
}

void plan_deinit(struct plan *p)
{
    while (p->boxes) {
        struct plan_box *box = p->boxes;
        p->boxes = box->following;
        box_free(box);
    }
    tree_unref(&p->tree);
    quota_unref(&p->quota);
    plan_quota_settle(p, false);
    map_deinit(&p->refs);
    map_deinit(&p->threads);
    free(p->refs_changed);
    arena_deinit(&p->arena);
    batch_deinit(&p->batch);
    buf_deinit(&p->log);
}

/* ---- mailboxes ---- */

struct plan_box *plan_box_add(struct plan *p, struct mailbox *mailbox, struct snapshot *base, struct str name)
{
    struct plan_box *box = calloc(1, sizeof *box);
    if (!box)
        abort();
    assert(!mailbox->box);
    box->mailbox = mailbox_ref(mailbox);
    box->base = snapshot_ref(base);
    box->keywords = keyword_table_ref(base->keywords);
    box->acl = p->fresh ? NULL : acl_ref(mailbox->acl);
    box->readers = p->fresh ? NULL : readers_ref(mailbox->readers);
    box->name = arena_dup(&p->arena, name);
    box->vanished_ranges = p->fresh ? 0 : mailbox->vanished_ranges;
    box->recent_uid = 1;
    box->following = p->boxes;
    p->boxes = box;
    mailbox->box = box;
    return box;
}

struct plan_box *plan_box(struct plan *p, uint64_t mailbox_id)
{
    struct mailbox *mailbox = account_find(p->account, mailbox_id);
    struct plan_box *box = mailbox ? mailbox->box : NULL;

    if (mailbox && !box && !p->fresh)
        box = plan_box_add(p, mailbox, mailbox_peek(mailbox), mailbox_peek_name(mailbox));
    if (!mailbox)
        for (box = p->boxes; box && box->mailbox->id != mailbox_id;)
            box = box->following;
    return box && !box->deleted ? box : NULL;
}

struct plan_box *plan_box_by_name(struct plan *p, struct str name)
{
    const struct tree_entry *entry = tree_find(p->tree, name);
    return entry && entry->mailbox ? plan_box(p, entry->mailbox->id) : NULL;
}

struct snapshot_draft *plan_box_draft(struct plan_box *box)
{
    if (!box->draft)
        box->draft = snapshot_draft_new(box->base);
    return box->draft;
}

uint32_t plan_box_uidnext(const struct plan_box *box)
{
    return box->draft ? snapshot_draft_uidnext(box->draft) : box->base->uidnext;
}

uint32_t plan_box_exists(const struct plan_box *box)
{
    return box->draft ? snapshot_draft_exists(box->draft) : box->base->exists;
}

uint64_t plan_box_size_bytes(const struct plan_box *box)
{
    if (!box->draft)
        return box->base->size_bytes;
    struct snapshot *now = snapshot_draft_finish(box->draft);
    uint64_t size_bytes = now->size_bytes;
    snapshot_unref(&now);
    return size_bytes;
}

/* ---- counts of blobs ---- */

uint64_t plan_blob_count(const struct plan *p, uint64_t blob)
{
    uintptr_t count = (uintptr_t)map_get(&p->refs, map_key_u64(&blob));
    if (count == 0 && !p->fresh)
        count = (uintptr_t)map_get(&p->account->refs, map_key_u64(&blob));
    return count ? count : 1;
}

void plan_set_blob_count(struct plan *p, uint64_t blob, uint64_t count)
{
    assert(count > 0);
    if (!p->refs.slots)
        map_init(&p->refs);
    map_put(&p->refs, map_key_u64(&blob), (void *)(uintptr_t)count);
    list_add_u64(&p->refs_changed, &p->refs_changed_count, &p->refs_changed_cap, blob);
}

/* ---- changes ---- */

void plan_change(struct plan *p, struct change *c)
{
    static plan_fn *const kinds[] = {
        [CHANGE_APPEND] = plan_append,      [CHANGE_STORE] = plan_store,
        [CHANGE_EXPUNGE] = plan_expunge,    [CHANGE_COPY] = plan_copy,
        [CHANGE_CREATE] = plan_create,      [CHANGE_DELETE] = plan_delete,
        [CHANGE_RENAME] = plan_rename,      [CHANGE_SUBSCRIBE] = plan_subscribe,
        [CHANGE_ANNOTATE] = plan_annotate,  [CHANGE_SET_ACL] = plan_set_acl,
        [CHANGE_QUOTA] = plan_change_quota,
    };

    assert((size_t)c->kind < ARRAY_COUNT(kinds));
    c->err = (struct err){ 0 };
    c->modseq = c->mailbox_id = 0;
    c->uidvalidity = 0;
    c->soft_quota = false;
    seqset_init(&c->uids, c->arena);
    seqset_init(&c->source_uids, c->arena);
    seqset_init(&c->modified, c->arena);
    seqset_init(&c->missing, c->arena);
    c->result = kinds[c->kind](p, c, &c->err);
}

bool plan_is_empty(const struct plan *p)
{
    return p->log.n == 0;
}

static void put_vanished(struct plan *p, const struct delta *d)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    uids_encode(&d->vanish.uids, &value);
    batch_put(&p->batch, key_numbers(KEY_VANISHED, d->mailbox_id, d->modseq, &key), buf_str(&value));
    buf_deinit(&key);
    buf_deinit(&value);
}

int plan_accept(struct plan *p, struct change *c, const struct delta_list *deltas, struct err *err)
{
    uint64_t modseq = plan_modseq(p);

    assert(!p->broken && deltas->count > 0);
    for (size_t i = 0; i < deltas->count; i++) {
        assert(deltas->items[i].modseq == modseq);
        int r = plan_apply(p, &deltas->items[i], err);
        if (r < 0) {
            p->broken = true;
            return r;
        }
    }
    if (plan_is_empty(p)) {
        p->log_modseq = p->account->record.version;
        log_record_begin(p->log_modseq, &p->log);
    }
    for (size_t i = 0; i < deltas->count; i++) {
        delta_encode(&deltas->items[i], &p->log_modseq, &p->log);
        if (deltas->items[i].kind == DELTA_VANISH)
            put_vanished(p, &deltas->items[i]);
        if (deltas->items[i].kind == DELTA_ANNOTATION)
            plan_put_annotations(p, &deltas->items[i]);
    }
    struct delta less;
    if (plan_quota_told_less(p, &less)) {
        int r = plan_apply_quota(p, &less, err);
        if (r < 0) {
            p->broken = true;
            return r;
        }
        delta_encode(&less, &p->log_modseq, &p->log);
    }
    p->record.version = modseq;
    c->modseq = modseq;
    return 0;
}

int plan_seal(struct plan *p, struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    struct str log = buf_str(&p->log);
    size_t part_bytes = p->account->mail->log_part_bytes;

    if (log.n > LOG_RECORD_BYTES_MAX)
        return err_set(err, ERR_LIMIT,
                       "change takes %zu bytes of log, above %d: change fewer messages at once", log.n,
                       LOG_RECORD_BYTES_MAX);
    p->record.log_count++;
    p->record.log_bytes += log.n;
    for (size_t part = 0; part * part_bytes < log.n; part++)
        batch_put(&p->batch, key_log(p->record.version, (uint8_t)part, &key),
                  str_sub(log, part * part_bytes, part_bytes));
    account_record_encode(&p->record, &value);
    batch_put(&p->batch, key_letter(KEY_ACCOUNT, &key), buf_str(&value));
    buf_deinit(&key);
    buf_deinit(&value);
    return 0;
}

/* ---- publishing ---- */

static void publish_refs(struct plan *p)
{
    struct account *a = p->account;

    if (p->fresh) { /* all of them: copied blobs are many */
        map_deinit(&a->refs);
        a->refs = p->refs;
        p->refs = (struct map){ 0 };
        if (!a->refs.slots)
            map_init(&a->refs);
        a->refs_changed_count = 0;
    }
    for (size_t i = 0; i < p->refs_changed_count; i++) {
        struct str key = map_key_u64(&p->refs_changed[i]);
        void *count = map_get(p->fresh ? &a->refs : &p->refs, key);
        if ((uintptr_t)count <= 1)
            map_remove(&a->refs, key);
        else if (!p->fresh)
            map_put(&a->refs, key, count);
        list_add_u64(&a->refs_changed, &a->refs_changed_count, &a->refs_changed_cap, p->refs_changed[i]);
    }
}

static void forget_mailbox(struct account *a, struct mailbox *mailbox)
{
    struct mailbox *kept = map_remove(&a->mailboxes, map_key_u64(&mailbox->id));
    atomic_store(&mailbox->deleted, true);
    notice_add(&a->notice, mailbox->id, NOTICE_ALL);
    mailbox_unref(&kept);
}

/* Those who have seen something else than before. */
static void notice_readers(struct notice *notice, uint64_t mailbox_id, const struct readers *before,
                           const struct readers *now)
{
    for (uint32_t i = 0; before && i < before->count; i++)
        if (readers_find(now, before->items[i]->user) != before->items[i])
            notice_add(notice, mailbox_id, before->items[i]->user);
    for (uint32_t i = 0; now && i < now->count; i++)
        if (!readers_find(before, now->items[i]->user))
            notice_add(notice, mailbox_id, now->items[i]->user);
}

static void publish_box(struct plan *p, struct plan_box *box)
{
    struct account *a = p->account;
    struct mailbox *mailbox = box->mailbox;

    if (box->deleted) {
        list_add_u64(&a->deleted_ids, &a->deleted_count, &a->deleted_cap, mailbox->id);
        forget_mailbox(a, mailbox);
        return;
    }
    if (!map_get(&a->mailboxes, map_key_u64(&mailbox->id)))
        map_put(&a->mailboxes, map_key_u64(&mailbox->id), mailbox_ref(mailbox));
    if (!str_eq(mailbox_peek_name(mailbox), box->name))
        mailbox_set_name(mailbox, box->name);
    mailbox->vanished_ranges = box->vanished_ranges;
    if (mailbox->readers != box->readers) {
        struct readers *old_readers = mailbox->readers;
        mailbox->readers = box->readers;
        box->readers = old_readers;
        notice_readers(&a->notice, mailbox->id, old_readers, mailbox->readers);
    }
    if (mailbox->acl != box->acl) {
        struct acl *old_acl = mailbox->acl;
        mailbox->acl = box->acl;
        box->acl = old_acl;
        notice_add(&a->notice, mailbox->id, NOTICE_ALL);
    }
    if (p->fresh) {
        mailbox->changed = box->changed;
        free(mailbox->stored_ids);
        mailbox->stored_ids = box->stored_ids;
        mailbox->stored_count = box->stored_count;
        box->stored_ids = NULL;
        if (box->recent_uid > mailbox->recent_uid)
            mailbox->recent_uid = box->recent_uid;
    } else {
        mailbox->changed = true;
    }
    struct snapshot *old = mailbox_peek(mailbox);
    if (old != box->next) { /* the old one goes with the plan, when the mutex is free again */
        atomic_store(&mailbox->snapshot, box->next);
        box->next = old;
        notice_add(&a->notice, mailbox->id, NOTICE_ALL);
    }
}

static void publish_annotations(struct plan *p)
{
    struct account *a = p->account;

    if (p->record.annotation_modseq == a->record.annotation_modseq)
        return;
    a->notice.annotations = true;
    if (p->fresh) /* the log may have been folded over some */
        annotation_history_forget(&a->annotations, p->record.annotation_modseq);
    for (size_t i = 0; i < p->annotation_change_count && !p->fresh; i++)
        annotation_history_add(&a->annotations, &p->annotation_changes[i]);
}

/* What was read afresh lacks it: another machine deleted it. */
static void publish_missing(struct plan *p)
{
    struct str key;
    void *value;

    for (size_t i = 0; map_next(&p->account->mailboxes, &i, &key, &value);) {
        struct mailbox *mailbox = value;
        if (!mailbox->box)
            forget_mailbox(p->account, mailbox);
    }
}

void plan_publish(struct plan *p)
{
    struct account *a = p->account;

    publish_refs(p);
    for (struct plan_box *box = p->boxes; box; box = box->following)
        box->next = box->draft ? snapshot_draft_finish(box->draft) : snapshot_ref(box->base);
    if (p->fresh) {
        a->deleted_count = 0;
        a->subscriptions_changed = p->subscriptions_changed;
        a->quota_changed = p->quota_changed;
    }
    a->subscriptions_changed |= p->subscriptions_changed;
    a->quota_changed |= p->quota_changed;
    plan_quota_settle(p, true);

    pthread_mutex_lock(&a->mutex);
    if (p->fresh)
        publish_missing(p);
    for (struct plan_box *box = p->boxes; box; box = box->following)
        if (box->changed || p->fresh)
            publish_box(p, box);
    publish_annotations(p);
    struct tree *old = a->tree;
    a->tree = p->tree;
    p->tree = old;
    struct quota *old_quota = a->quota;
    a->quota = p->quota;
    p->quota = old_quota;
    a->record = p->record;
    atomic_store(&a->version, a->record.version);
    pthread_mutex_unlock(&a->mutex);
    a->notice.tree |= p->tree_changed || p->fresh;
    if (p->added > 0 && !p->fresh)
        indexer_tell(a->mail->indexer, a->id, p->added);
}
