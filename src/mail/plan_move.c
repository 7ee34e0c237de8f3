/* COPY and MOVE: references, never bytes.    RFC 9051, 6.4.7 and 6.4.8; RFC 8474, 5.1 */
#include "mail/plan.h"

#include <assert.h>
#include <stdlib.h>

/* Names of a keyword set by its table. */
static size_t keyword_names(const struct keyword_table *table, const struct keyword_set *set,
                            struct str names_out[KEYWORDS_MAX])
{
    size_t count = 0;
    for (unsigned i = 0; i < table->count; i++)
        if (keyword_set_has(set, i))
            names_out[count++] = table->names[i];
    return count;
}

static int map_keywords(const struct plan_rows *rows, const struct keyword_table *from,
                        struct plan_target *target, struct message *out, struct err *err)
{
    static const struct keyword_set none;
    struct keyword_set from_before = none, to_before = none;
    struct str names[KEYWORDS_MAX];

    for (size_t i = 0; i < rows->count; i++) {
        const struct keyword_set *set = &rows->items[i].keywords;
        if (memcmp(set, &from_before, sizeof *set) != 0) { /* runs of messages have the same ones */
            int r = plan_target_keywords(target, names, keyword_names(from, set, names), &to_before, err);
            if (r < 0)
                return r;
            from_before = *set;
        }
        out[i].keywords = to_before;
    }
    return 0;
}

int plan_transfer(struct plan *p, const struct plan_rows *rows, const struct keyword_table *from,
                  struct plan_target *target, uint64_t modseq, struct delta_list *deltas, struct err *err)
{
    struct message *out = arena_new_array(&p->arena, struct message, rows->count);

    if (rows->count > (size_t)UID_MAX - target->uidnext + 1)
        return err_set(err, ERR_LIMIT, "the mailbox has no UIDs left: copy its messages to a new one");
    for (size_t i = 0; i < rows->count; i++) {
        out[i] = rows->items[i];
        out[i].uid = target->uidnext + (uint32_t)i;
        out[i].modseq = modseq;
        out[i].save_date_s = p->now_s; /* RFC 8514, 2: when it came into this mailbox */
    }
    int r = map_keywords(rows, from, target, out, err);
    if (r < 0)
        return r;
    plan_target_keyword_delta(target, modseq, deltas);
    struct delta *d = delta_add(deltas, DELTA_ADD, target->mailbox_id, modseq);
    d->add.rows = out;
    d->add.count = rows->count;
    return 0;
}

static int compare_blob(const void *a, const void *b)
{
    const struct blob_ref_change *x = a, *y = b;
    return x->blob < y->blob ? -1 : x->blob > y->blob;
}

/* Each blob gains a message. */
static void retain(const struct plan_rows *rows, uint64_t modseq, struct delta_list *deltas)
{
    struct blob_ref_change *items = arena_new_array(deltas->arena, struct blob_ref_change, rows->count);
    size_t count = 0;

    for (size_t i = 0; i < rows->count; i++)
        items[i] = (struct blob_ref_change){ rows->items[i].blob, 1 };
    qsort(items, rows->count, sizeof *items, compare_blob);
    for (size_t i = 0; i < rows->count; i++) {
        if (count > 0 && items[count - 1].blob == items[i].blob)
            items[count - 1].by++;
        else
            items[count++] = items[i];
    }
    struct delta *d = delta_add(deltas, DELTA_REFS, 0, modseq);
    d->refs.items = items;
    d->refs.count = count;
}

static int copy_rows(struct plan *p, struct change *c, struct plan_box *source, const struct plan_rows *rows,
                     bool carries_seen, struct plan_target *target, struct err *err)
{
    struct delta_list deltas = { .arena = &p->arena };
    uint64_t modseq = plan_modseq(p);

    if (!c->copy.move)
        retain(rows, modseq, &deltas);
    int r = plan_transfer(p, rows, source->keywords, target, modseq, &deltas, err);
    if (r < 0)
        return r;
    if (carries_seen)
        plan_carry_seen(source, rows, target->mailbox_id, target->uidnext, modseq, &deltas);
    if (c->copy.move) /* after ADD: within one mailbox the old uids go, the new ones stay */
        delta_add(&deltas, DELTA_VANISH, c->copy.mailbox_id, modseq)->vanish.uids = c->source_uids;
    r = plan_accept(p, c, &deltas, err);
    if (r == 0)
        seqset_add_range(&c->uids, target->uidnext, target->uidnext + (uint32_t)rows->count - 1);
    return r;
}

/* RFC 9208: what moves inside a root adds nothing to it. */
static int check_quota(struct plan *p, struct change *c, const struct plan_box *source,
                       const struct plan_box *target, const struct plan_rows *rows, struct err *err)
{
    struct quota_need need = { .mailbox = target->name,
                               .from = c->copy.move ? source->name : STR_NIL,
                               .add.of[QUOTA_MESSAGE] = rows->count };

    for (size_t i = 0; i < rows->count; i++)
        need.add.of[QUOTA_STORAGE] += rows->items[i].size_bytes;
    return plan_quota(p, c, &need, err);
}

int plan_copy(struct plan *p, struct change *c, struct err *err)
{
    struct plan_target target;
    struct plan_rows rows;
    struct str name;
    struct plan_box *source = plan_box(p, c->copy.mailbox_id);

    if (!source)
        return err_set(err, ERR_NOT_FOUND, "the mailbox was deleted");
    struct plan_box *box = mailbox_name_check(c->copy.target, &p->arena, &name, NULL) == 0
                               ? plan_box_by_name(p, name)
                               : NULL;
    if (!box)
        return err_set(err, ERR_NOT_FOUND, "no such mailbox to copy to");
    int r = plan_read(p, source, c->copy.uids, &rows, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < rows.count; i++) {
        seqset_add(&c->source_uids, rows.items[i].uid);
        if (plan_box_has_seen(source, c->copy.reader) && !plan_box_has_seen(box, c->copy.reader))
            seen_apply(readers_find(source->readers, c->copy.reader),
                       &rows.items[i]); /* private becomes shared */
        rows.items[i].flags &= (uint8_t)~c->copy.lose_flags;
        if (c->copy.lose_keywords)
            rows.items[i].keywords = (struct keyword_set){ 0 };
    }
    seqset_difference(c->copy.uids, &c->source_uids, c->arena, &c->missing);
    c->mailbox_id = box->mailbox->id;
    c->uidvalidity = box->mailbox->uidvalidity;
    if (rows.count == 0)
        return 0;
    r = check_quota(p, c, source, box, &rows, err);
    if (r < 0)
        return r;
    plan_target_of(box, &target);
    r = copy_rows(p, c, source, &rows, !(box->acl && box->acl->seen_shared), &target, err);
    plan_target_deinit(&target);
    return r;
}
