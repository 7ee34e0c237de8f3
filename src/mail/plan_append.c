/* APPEND, MULTIAPPEND, REPLACE, delivery, import.    RFC 9051, 6.3.12; RFC 3502; RFC 8508 */
#include "mail/plan.h"

#include <assert.h>

void plan_target_of(const struct plan_box *box, struct plan_target *target_out)
{
    *target_out = (struct plan_target){
        .mailbox_id = box->mailbox->id,
        .uidvalidity = box->mailbox->uidvalidity,
        .uidnext = plan_box_uidnext(box),
        .keywords = keyword_table_ref(box->keywords),
        .keyword_count_before = box->keywords->count,
    };
}

void plan_target_deinit(struct plan_target *target)
{
    keyword_table_unref(&target->keywords);
}

int plan_target_keywords(struct plan_target *target, const struct str *names, size_t count,
                         struct keyword_set *set_out, struct err *err)
{
    struct keyword_table *table;
    int r = keyword_table_intern(target->keywords, names, count, &table, set_out, err);
    if (r < 0)
        return r;
    keyword_table_unref(&target->keywords);
    target->keywords = table;
    return 0;
}

void plan_target_keyword_delta(const struct plan_target *target, uint64_t modseq, struct delta_list *deltas)
{
    size_t count = target->keywords->count - target->keyword_count_before;

    if (count == 0)
        return;
    struct str *names = arena_new_array(deltas->arena, struct str, count);
    for (size_t i = 0; i < count; i++)
        names[i] = arena_dup(deltas->arena, target->keywords->names[target->keyword_count_before + i]);
    struct delta *d = delta_add(deltas, DELTA_KEYWORDS, target->mailbox_id, modseq);
    d->keywords.names = names;
    d->keywords.count = count;
}

/* The mailbox named, made by the same change when it is missing and may be made. */
static int find_target(struct plan *p, struct change *c, struct delta_list *deltas,
                       struct plan_target *target_out, struct err *err)
{
    struct str name;
    int r = mailbox_name_check(c->append.mailbox, &p->arena, &name, err);
    if (r < 0 && !c->append.create)
        return err_set(err, ERR_NOT_FOUND, "no such mailbox");
    if (r < 0)
        return r;
    struct plan_box *box = plan_box_by_name(p, name);
    if (box) {
        plan_target_of(box, target_out);
        return 0;
    }
    if (!c->append.create)
        return err_set(err, ERR_NOT_FOUND, "no such mailbox");
    struct plan_new_boxes ids = plan_new_boxes(p);
    r = plan_make_boxes(p, &ids, name, 0, true, deltas, target_out, err);
    return r < 0 ? r : plan_quota_deltas(p, c, name, deltas, err);
}

/* Keywords that nobody asked for must not keep a message out. */
static void add_marks(struct plan_target *target, const struct new_message *message, struct keyword_set *set)
{
    struct keyword_set marks;
    if (plan_target_keywords(target, message->marks, message->mark_count, &marks, NULL) < 0)
        return;
    for (size_t i = 0; i < KEYWORD_WORDS; i++)
        set->words[i] |= marks.words[i];
}

/* \Seen of a reader is not that of the messages. */
static void set_seen_aside(const struct plan_box *box, const struct change *c, struct message *rows,
                           uint64_t modseq, struct delta_list *deltas)
{
    struct seqset uids;
    if (!box || !plan_box_has_seen(box, c->append.reader))
        return;
    seqset_init(&uids, deltas->arena);
    for (size_t i = 0; i < c->append.count; i++)
        if (rows[i].flags & FLAG_SEEN) {
            rows[i].flags &= (uint8_t)~FLAG_SEEN;
            seqset_add(&uids, rows[i].uid);
        }
    plan_seen_delta(box->mailbox->id, c->append.reader, &uids, true, modseq, deltas);
}

static int make_rows(struct plan *p, const struct change *c, struct plan_target *target,
                     struct delta_list *deltas, struct err *err)
{
    size_t count = c->append.count;
    uint64_t modseq = plan_modseq(p);
    struct message *rows = arena_new_array(&p->arena, struct message, count);

    if (count > (size_t)UID_MAX - target->uidnext + 1)
        return err_set(err, ERR_LIMIT, "the mailbox has no UIDs left: copy its messages to a new one");
    for (size_t i = 0; i < count; i++) {
        const struct new_message *message = &c->append.messages[i];
        rows[i] = (struct message){
            .uid = target->uidnext + (uint32_t)i,
            .size_bytes = message->size_bytes,
            .modseq = modseq,
            .internal_date_s = message->internal_date_s,
            .internal_zone_min = message->internal_zone_min,
            .flags = message->flags & FLAG_ALL,
            .save_date_s = p->now_s,
            .blob = message->blob.n,
            .email_id = p->record.next_email_id + i,
        };
        int r = plan_target_keywords(target, message->keywords, message->keyword_count, &rows[i].keywords,
                                     err);
        if (r < 0)
            return r;
        add_marks(target, message, &rows[i].keywords);
    }
    /* Last, because it leaves traces. */
    for (size_t i = 0; i < count; i++) {
        int r = plan_thread(p, &c->append.messages[i], rows[i].email_id, &rows[i].thread_id, err);
        if (r < 0)
            return r;
    }
    plan_target_keyword_delta(target, modseq, deltas);
    struct delta *d = delta_add(deltas, DELTA_ADD, target->mailbox_id, modseq);
    d->add.rows = rows;
    d->add.count = count;
    set_seen_aside(plan_box(p, target->mailbox_id), c, rows, modseq, deltas);
    return 0;
}

/* The message that REPLACE takes away, as if by UID EXPUNGE. */
struct replaced {
    struct plan_rows rows; /* one, or none when nothing is replaced */
    struct plan_drops drops;
};

static int release_replaced(struct plan *p, struct change *c, struct delta_list *deltas,
                            struct replaced *replaced, struct err *err)
{
    struct seqset_range range = { c->append.replaced_uid, c->append.replaced_uid };
    struct seqset uids = { .ranges = &range, .count = 1 };
    struct plan_box *box;

    if (c->append.replaced_uid == 0)
        return 0;
    box = plan_box(p, c->append.replaced_mailbox_id);
    if (!box)
        return err_set(err, ERR_EXPUNGED, "the mailbox of the message to replace was deleted");
    int r = plan_read(p, box, &uids, &replaced->rows, err);
    if (r < 0)
        return r;
    if (replaced->rows.count == 0)
        return err_set(err, ERR_EXPUNGED, "the message to replace is gone");
    return plan_release(p, &replaced->rows, plan_modseq(p), deltas, &replaced->drops, err);
}

/* RFC 8508, 3.4: what is replaced does not count. */
static int check_quota(struct plan *p, struct change *c, const struct replaced *replaced, struct err *err)
{
    struct quota_need need = { .add.of[QUOTA_MESSAGE] = c->append.count };

    for (size_t i = 0; i < c->append.count; i++)
        need.add.of[QUOTA_STORAGE] += c->append.messages[i].size_bytes;
    if (replaced->rows.count > 0) {
        need.lost.of[QUOTA_MESSAGE] = 1;
        need.lost.of[QUOTA_STORAGE] = replaced->rows.items[0].size_bytes;
        need.lost_from = plan_box(p, c->append.replaced_mailbox_id)->name;
    }
    int r = mailbox_name_check(c->append.mailbox, &p->arena, &need.mailbox, err);
    return r < 0 ? r : plan_quota(p, c, &need, err);
}

/* After ADD: within one mailbox the old uid goes, the new one stays. */
static void vanish_replaced(const struct plan *p, struct change *c, struct delta_list *deltas)
{
    if (c->append.replaced_uid == 0)
        return;
    seqset_add(&c->source_uids, c->append.replaced_uid);
    delta_add(deltas, DELTA_VANISH, c->append.replaced_mailbox_id, plan_modseq(p))->vanish.uids =
        c->source_uids;
}

int plan_append(struct plan *p, struct change *c, struct err *err)
{
    struct delta_list deltas = { .arena = &p->arena };
    struct plan_target target = { 0 };
    struct replaced replaced = { 0 };

    if (c->append.warning && !plan_quota_tell(p, c->append.warning, &deltas))
        return err_set(err, ERR_EXISTS, "the warning was given before");
    int r = find_target(p, c, &deltas, &target, err);
    if (r == 0)
        r = release_replaced(p, c, &deltas, &replaced, err);
    if (r == 0)
        r = check_quota(p, c, &replaced, err);
    if (r == 0 && c->append.count > 0)
        r = make_rows(p, c, &target, &deltas, err);
    if (r == 0)
        vanish_replaced(p, c, &deltas);
    if (r == 0 && deltas.count > 0)
        r = plan_accept(p, c, &deltas, err);
    if (r == 0) {
        c->mailbox_id = target.mailbox_id;
        c->uidvalidity = target.uidvalidity;
        if (c->append.count > 0)
            seqset_add_range(&c->uids, target.uidnext, target.uidnext + (uint32_t)c->append.count - 1);
        for (size_t i = 0; i < c->append.count; i++)
            batch_add_blob(&p->batch, c->append.messages[i].blob);
        plan_drop_blobs(p, &replaced.drops);
    }
    plan_target_deinit(&target);
    return r;
}
