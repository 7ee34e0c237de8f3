/* What each delta does to the working state.
 * Deltas may come from disk or from another machine: what cannot be is -ERR_CORRUPT. */
#include "mail/annotation.h"
#include "mail/plan.h"

#include <assert.h>

static int corrupt(const struct delta *d, const char *what, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "change %llu of mailbox %llu: %s", (unsigned long long)d->modseq,
                   (unsigned long long)d->mailbox_id, what);
}

static int apply_add(struct plan *p, const struct delta *d, struct err *err)
{
    struct plan_box *box = plan_box(p, d->mailbox_id);
    if (!box)
        return corrupt(d, "no such mailbox", err);
    if (d->add.rows[0].uid < plan_box_uidnext(box))
        return corrupt(d, "a UID is used twice", err);
    int r = snapshot_draft_add(plan_box_draft(box), d->add.rows, d->add.count, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < d->add.count; i++) {
        p->record.size_bytes += d->add.rows[i].size_bytes;
        if (d->add.rows[i].email_id >= p->record.next_email_id)
            p->record.next_email_id = d->add.rows[i].email_id + 1;
    }
    p->record.message_count += d->add.count;
    p->added += d->add.count;
    box->changed = true;
    return 0;
}

static int apply_keywords(struct plan *p, const struct delta *d, struct err *err)
{
    struct plan_box *box = plan_box(p, d->mailbox_id);
    struct keyword_table *table;
    struct keyword_set set;

    if (!box)
        return corrupt(d, "no such mailbox", err);
    uint32_t before = box->keywords->count;
    int r = keyword_table_intern(box->keywords, d->keywords.names, d->keywords.count, &table, &set, err);
    if (r < 0)
        return r;
    if (table->count != before + d->keywords.count) {
        keyword_table_unref(&table);
        return corrupt(d, "a keyword is added twice", err);
    }
    snapshot_draft_set_keywords(plan_box_draft(box), table);
    keyword_table_unref(&box->keywords);
    box->keywords = table;
    box->changed = true;
    return 0;
}

struct edit {
    const struct delta *delta;
    uint64_t count, size_bytes;
};

static int edit_flags(void *ctx, struct message *row, struct err *err)
{
    struct edit *e = ctx;
    (void)err;
    store_apply(e->delta->flags.mode, e->delta->flags.flags, &e->delta->flags.keywords, row);
    row->modseq = e->delta->modseq;
    e->count++;
    return 1;
}

static int apply_flags(struct plan *p, const struct delta *d, struct err *err)
{
    struct plan_box *box = plan_box(p, d->mailbox_id);
    struct edit e = { .delta = d };

    if (!box)
        return corrupt(d, "no such mailbox", err);
    int r = snapshot_draft_edit(plan_box_draft(box), &d->flags.uids, edit_flags, &e, err);
    if (r < 0)
        return r;
    if (e.count != seqset_count(&d->flags.uids))
        return corrupt(d, "flags of a message that is not there", err);
    box->changed = true;
    return 0;
}

static int edit_vanish(void *ctx, struct message *row, struct err *err)
{
    struct edit *e = ctx;
    (void)err;
    e->count++;
    e->size_bytes += row->size_bytes;
    return 1;
}

static int apply_vanish(struct plan *p, const struct delta *d, struct err *err)
{
    struct plan_box *box = plan_box(p, d->mailbox_id);
    struct edit e = { .delta = d };

    if (!box)
        return corrupt(d, "no such mailbox", err);
    int r = snapshot_draft_remove(plan_box_draft(box), &d->vanish.uids, edit_vanish, &e, err);
    if (r < 0)
        return r;
    if (e.count != seqset_count(&d->vanish.uids) || e.count > p->record.message_count ||
        e.size_bytes > p->record.size_bytes)
        return corrupt(d, "a message vanished that is not there", err);
    snapshot_draft_touch(box->draft, d->modseq);
    p->record.message_count -= e.count;
    p->record.size_bytes -= e.size_bytes;
    box->vanished_ranges += (uint32_t)d->vanish.uids.count;
    box->changed = true;
    return 0;
}

static int apply_refs(struct plan *p, const struct delta *d, struct err *err)
{
    for (size_t i = 0; i < d->refs.count; i++) {
        const struct blob_ref_change *change = &d->refs.items[i];
        int64_t count = (int64_t)plan_blob_count(p, change->blob);
        if (change->by == 0 || change->by > INT32_MAX || change->by < -INT32_MAX || count + change->by < 1)
            return corrupt(d, "count of a blob out of range", err);
        plan_set_blob_count(p, change->blob, (uint64_t)(count + change->by));
    }
    return 0;
}

static void replace_tree(struct plan *p, struct tree *tree)
{
    tree_unref(&p->tree);
    p->tree = tree;
    p->tree_changed = true;
}

static int apply_create(struct plan *p, const struct delta *d, struct err *err)
{
    const struct tree_entry *old = tree_find(p->tree, d->create.name);

    if (plan_box(p, d->mailbox_id) || (old && old->mailbox) || d->create.uidvalidity == 0)
        return corrupt(d, "mailbox is made twice", err);
    struct snapshot *empty = snapshot_new_empty(d->modseq);
    struct mailbox *mailbox = p->fresh ? account_find(p->account, d->mailbox_id)
                                       : NULL; /* read again: sessions hold on to it */
    mailbox = mailbox ? mailbox_ref(mailbox)
                      : mailbox_new(p->account, d->mailbox_id, d->create.uidvalidity, empty, d->create.name);
    struct plan_box *box = plan_box_add(p, mailbox, empty, d->create.name);
    box->created = box->changed = true;
    if (old)
        p->subscriptions_changed = true;
    struct tree_entry entry = { .name = box->name,
                                .mailbox = mailbox,
                                .subscribed = d->create.subscribed || (old && old->subscribed),
                                .use = d->create.use };
    replace_tree(p, tree_put(p->tree, &entry));
    snapshot_unref(&empty);
    mailbox_unref(&mailbox);

    p->record.mailbox_count++;
    if (d->mailbox_id >= p->record.next_mailbox_id)
        p->record.next_mailbox_id = d->mailbox_id + 1;
    if (d->create.uidvalidity > p->record.last_uidvalidity)
        p->record.last_uidvalidity = d->create.uidvalidity;
    return 0;
}

static int apply_delete(struct plan *p, const struct delta *d, struct err *err)
{
    struct plan_box *box = plan_box(p, d->mailbox_id);
    const struct tree_entry *old = box ? tree_find(p->tree, box->name) : NULL;

    if (!old || p->record.mailbox_count == 0)
        return corrupt(d, "no such mailbox", err);
    /* RFC 9051, 6.3.8: a subscription stays, even when its mailbox goes. */
    struct tree_entry rest = { .name = box->name, .subscribed = true };
    p->subscriptions_changed |= old->subscribed;
    replace_tree(p, old->subscribed ? tree_put(p->tree, &rest) : tree_remove(p->tree, box->name));
    p->record.mailbox_count--;
    p->record.message_count -= plan_box_exists(box);
    p->record.size_bytes -= plan_box_size_bytes(box);
    box->deleted = box->changed = true;
    plan_quota_forget(p, d->mailbox_id);
    return 0;
}

/* The mailbox `from`, when there is one, and all mailboxes below it. Names that are only subscribed stay. */
static int apply_rename(struct plan *p, const struct delta *d, struct err *err)
{
    uint32_t first, end;
    size_t count = 0;
    const struct tree_entry *self = tree_find(p->tree, d->rename.from);

    tree_children(p->tree, d->rename.from, &first, &end);
    size_t room = (end > first ? end - first : 0) + 1;
    struct str *removes = arena_new_array(&p->arena, struct str, room);
    struct tree_entry *puts = arena_new_array(&p->arena, struct tree_entry, room);
    if (self && self->mailbox)
        puts[count++] = *self;
    for (uint32_t i = first; i < end; i++)
        if (p->tree->entries[i].mailbox)
            puts[count++] = p->tree->entries[i];
    if (count == 0)
        return corrupt(d, "nothing to rename", err);
    for (size_t i = 0; i < count; i++) {
        struct str rest = str_skip(puts[i].name, d->rename.from.n);
        struct str name = arena_printf(&p->arena, STR_FMT STR_FMT, STR_ARG(d->rename.to), STR_ARG(rest));
        const struct tree_entry *old = tree_find(p->tree, name);
        if (old && old->mailbox)
            return corrupt(d, "renamed to a name in use", err);
        if (old)
            p->subscriptions_changed = true;
        removes[i] = arena_dup(&p->arena, puts[i].name);
        puts[i].name = name;
        puts[i].subscribed |= old && old->subscribed;
        struct plan_box *box = plan_box(p, puts[i].mailbox->id);
        assert(box);
        box->name = name;
        box->changed = true;
    }
    replace_tree(p, tree_edit(p->tree, removes, count, puts, count));
    return 0;
}

static int apply_subscribe(struct plan *p, const struct delta *d, struct err *err)
{
    const struct tree_entry *old = tree_find(p->tree, d->subscribe.name);
    struct tree_entry entry = old ? *old : (struct tree_entry){ .name = d->subscribe.name };

    (void)err;
    entry.subscribed = d->subscribe.subscribed;
    if (entry.mailbox) {
        struct plan_box *box = plan_box(p, entry.mailbox->id);
        assert(box);
        box->changed = true;
    } else {
        p->subscriptions_changed = true;
    }
    replace_tree(p, entry.mailbox || entry.subscribed ? tree_put(p->tree, &entry)
                                                      : tree_remove(p->tree, d->subscribe.name));
    return 0;
}

static int apply_annotation(struct plan *p, const struct delta *d, struct err *err)
{
    /* While an account is read, only what the log has is counted; its record knows the rest. */
    if (!p->fresh && d->annotation.bytes < 0 && p->record.annotation_bytes < -(uint64_t)d->annotation.bytes)
        return corrupt(d, "more annotations go than there are", err);
    p->record.annotation_bytes += (uint64_t)d->annotation.bytes;
    p->record.annotation_modseq = d->modseq;
    for (size_t i = 0; i < d->annotation.count; i++) {
        p->annotation_changes = arena_grow(&p->arena, p->annotation_changes, p->annotation_change_count,
                                           &p->annotation_change_cap, sizeof *p->annotation_changes);
        p->annotation_changes[p->annotation_change_count++] = (struct annotation_change){
            .modseq = d->modseq,
            .mailbox_id = d->mailbox_id,
            .user = d->annotation.items[i].user,
            .entry = arena_dup(&p->arena, d->annotation.items[i].entry),
        };
    }
    return 0;
}

static int apply_use(struct plan *p, const struct delta *d, struct err *err)
{
    struct plan_box *box = plan_box(p, d->mailbox_id);
    const struct tree_entry *old = box ? tree_find(p->tree, box->name) : NULL;

    if (!old)
        return corrupt(d, "no such mailbox", err);
    struct tree_entry entry = *old;
    entry.use = d->use;
    box->changed = true;
    replace_tree(p, tree_put(p->tree, &entry));
    return 0;
}

static int apply_acl(struct plan *p, const struct delta *d, struct err *err)
{
    struct plan_box *box = plan_box(p, d->mailbox_id);
    struct acl *acl;

    if (!box)
        return corrupt(d, "no such mailbox", err);
    int r = acl_decode(d->acl.bytes, &acl, err);
    if (r < 0)
        return r;
    acl_unref(&box->acl);
    box->acl = acl;
    box->changed = true;
    p->tree_changed = true; /* who may see it: a change of the tree for those who watch that */
    return 0;
}

static int apply_seen(struct plan *p, const struct delta *d, struct err *err)
{
    struct plan_box *box = plan_box(p, d->mailbox_id);

    if (!box)
        return corrupt(d, "no such mailbox", err);
    struct seen *seen = seen_change(readers_find(box->readers, d->seen.user), d->seen.user, &d->seen.uids,
                                    d->seen.seen, d->modseq);
    struct readers *readers = readers_put(box->readers, seen);
    readers_unref(&box->readers);
    box->readers = readers;
    box->changed = true;
    seen_unref(&seen);
    return 0;
}

int plan_apply(struct plan *p, const struct delta *d, struct err *err)
{
    switch (d->kind) {
    case DELTA_ADD:
        return apply_add(p, d, err);
    case DELTA_KEYWORDS:
        return apply_keywords(p, d, err);
    case DELTA_FLAGS:
        return apply_flags(p, d, err);
    case DELTA_VANISH:
        return apply_vanish(p, d, err);
    case DELTA_REFS:
        return apply_refs(p, d, err);
    case DELTA_CREATE:
        return apply_create(p, d, err);
    case DELTA_DELETE:
        return apply_delete(p, d, err);
    case DELTA_RENAME:
        return apply_rename(p, d, err);
    case DELTA_SUBSCRIBE:
        return apply_subscribe(p, d, err);
    case DELTA_CHUNK_IDS:
        if (d->next_chunk_id < p->record.next_chunk_id)
            return corrupt(d, "chunk ids go back", err);
        p->record.next_chunk_id = d->next_chunk_id;
        return 0;
    case DELTA_ANNOTATION:
        return apply_annotation(p, d, err);
    case DELTA_USE:
        return apply_use(p, d, err);
    case DELTA_SEEN:
        return apply_seen(p, d, err);
    case DELTA_ACL:
        return apply_acl(p, d, err);
    case DELTA_QUOTA:
        return plan_apply_quota(p, d, err);
    }
    return corrupt(d, "unknown kind", err);
}
