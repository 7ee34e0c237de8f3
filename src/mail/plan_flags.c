/* STORE and EXPUNGE.    RFC 9051, 6.4.6 and 6.4.3; RFC 7162, 3.1.3; RFC 4315, 2.1 */
#include "mail/plan.h"

#include <assert.h>
#include <stdlib.h>

static struct plan_box *find_box(struct plan *p, uint64_t mailbox_id, struct err *err)
{
    struct plan_box *box = plan_box(p, mailbox_id);
    if (!box)
        err_set(err, ERR_NOT_FOUND, "the mailbox was deleted");
    return box;
}

/* ---- \Seen of readers ---- */

bool plan_box_has_seen(const struct plan_box *box, uint64_t reader)
{
    return reader && !(box->acl && box->acl->seen_shared);
}

void plan_seen_delta(uint64_t mailbox_id, uint64_t reader, const struct seqset *uids, bool seen,
                     uint64_t modseq, struct delta_list *deltas)
{
    if (seqset_is_empty(uids))
        return;
    struct delta *d = delta_add(deltas, DELTA_SEEN, mailbox_id, modseq);
    d->seen.user = reader;
    d->seen.seen = seen;
    d->seen.uids = *uids;
}

void plan_carry_seen(const struct plan_box *source, const struct plan_rows *rows, uint64_t mailbox_id,
                     uint32_t uid, uint64_t modseq, struct delta_list *deltas)
{
    for (uint32_t i = 0; source->readers && i < source->readers->count; i++) {
        const struct seen *seen = source->readers->items[i];
        struct seqset uids;
        seqset_init(&uids, deltas->arena);
        for (size_t k = 0; k < rows->count; k++) {
            const struct seen_range *range = seen_find(seen, rows->items[k].uid);
            if (range && range->seen)
                seqset_add(&uids, uid + (uint32_t)k);
        }
        plan_seen_delta(mailbox_id, seen->user, &uids, true, modseq, deltas);
    }
}

/* ---- STORE ---- */

struct store_plan {
    struct change *change;
    const struct seen *seen;    /* of change->store.reader */
    bool has_seen;              /* \Seen is his, not that of the messages */
    struct seqset changed;      /* other than in his \Seen */
    struct seqset seen_changed; /* in his \Seen */
    struct keyword_set keywords;
    struct seqset found;
};

/* What the message would become; sort its uid into changed, modified or neither. */
static int look_at_row(void *ctx, struct message *row, struct err *err)
{
    struct store_plan *s = ctx;
    struct change *c = s->change;
    struct message mine = *row;

    (void)err;
    if (s->has_seen)
        seen_apply(s->seen, &mine);
    struct message next = mine;
    seqset_add(&s->found, row->uid);
    if (c->store.conditional && mine.modseq > c->store.unchanged_since) {
        seqset_add(&c->modified, row->uid);
        return 0;
    }
    store_apply(c->store.mode, c->store.flags & FLAG_ALL, &s->keywords, &next);
    next.flags = (uint8_t)((next.flags & ~c->store.protected_flags) |
                           (mine.flags & c->store.protected_flags));
    if (c->store.protect_keywords)
        next.keywords = row->keywords;
    unsigned differ = (unsigned)(next.flags ^ mine.flags), own = s->has_seen ? differ & FLAG_SEEN : 0;
    bool changed = (differ & ~own) || memcmp(&next.keywords, &row->keywords, sizeof next.keywords) != 0;
    if (changed)
        seqset_add(&s->changed, row->uid);
    if (own)
        seqset_add(&s->seen_changed, row->uid);
    if (changed || own)
        seqset_add(&c->uids, row->uid);
    return 0;
}

/* Removing needs no name in the table; setting does. */
static int store_keywords(const struct change *c, struct plan_target *target, struct keyword_set *set_out,
                          struct err *err)
{
    if (c->store.mode != STORE_REMOVE && !c->store.protect_keywords)
        return plan_target_keywords(target, c->store.keywords, c->store.keyword_count, set_out, err);
    *set_out = (struct keyword_set){ 0 };
    for (size_t i = 0; i < c->store.keyword_count; i++) {
        int at = keyword_table_find(target->keywords, c->store.keywords[i]);
        if (at >= 0)
            keyword_set_add(set_out, (unsigned)at);
    }
    return 0;
}

static void flags_delta(const struct store_plan *s, uint64_t modseq, enum store_mode mode, uint8_t flags,
                        const struct keyword_set *keywords, struct delta_list *deltas)
{
    const struct change *c = s->change;
    unsigned protected = c->store.protected_flags | (s->has_seen ? FLAG_SEEN : 0u);
    struct delta *d = delta_add(deltas, DELTA_FLAGS, c->store.mailbox_id, modseq);
    d->flags.uids = s->changed;
    d->flags.mode = mode;
    d->flags.flags = (uint8_t)(flags & FLAG_ALL & ~protected);
    if (!c->store.protect_keywords)
        d->flags.keywords = *keywords;
}

/* Where something is protected, FLAGS means: remove all others, then add. */
static void flags_deltas(const struct store_plan *s, uint64_t modseq, struct delta_list *deltas)
{
    const struct change *c = s->change;
    struct keyword_set others;
    if (seqset_is_empty(&s->changed))
        return;
    if (c->store.mode != STORE_REPLACE ||
        (!c->store.protected_flags && !c->store.protect_keywords && !s->has_seen)) {
        flags_delta(s, modseq, c->store.mode, c->store.flags, &s->keywords, deltas);
        return;
    }
    for (size_t i = 0; i < KEYWORD_WORDS; i++)
        others.words[i] = ~s->keywords.words[i];
    flags_delta(s, modseq, STORE_REMOVE, (uint8_t)~c->store.flags, &others, deltas);
    flags_delta(s, modseq, STORE_ADD, c->store.flags, &s->keywords, deltas);
}

static int store_in(struct plan *p, struct change *c, struct plan_box *box, struct plan_target *target,
                    struct err *err)
{
    struct store_plan s = { .change = c,
                            .has_seen = plan_box_has_seen(box, c->store.reader),
                            .seen = readers_find(box->readers, c->store.reader) };
    struct delta_list deltas = { .arena = &p->arena };

    seqset_init(&s.found, &p->arena);
    seqset_init(&s.changed, &p->arena);
    seqset_init(&s.seen_changed, &p->arena);
    int r = store_keywords(c, target, &s.keywords, err);
    if (r < 0)
        return r;
    r = snapshot_draft_read(plan_box_draft(box), c->store.uids, look_at_row, &s, err);
    if (r < 0)
        return r;
    seqset_difference(c->store.uids, &s.found, c->arena, &c->missing);
    if (seqset_is_empty(&c->uids))
        return 0;
    plan_target_keyword_delta(target, plan_modseq(p), &deltas);
    flags_deltas(&s, plan_modseq(p), &deltas);
    plan_seen_delta(c->store.mailbox_id, c->store.reader, &s.seen_changed,
                    c->store.mode != STORE_REMOVE && c->store.flags & FLAG_SEEN, plan_modseq(p), &deltas);
    return plan_accept(p, c, &deltas, err);
}

int plan_store(struct plan *p, struct change *c, struct err *err)
{
    struct plan_target target;
    struct plan_box *box = find_box(p, c->store.mailbox_id, err);

    if (!box)
        return -ERR_NOT_FOUND;
    plan_target_of(box, &target);
    int r = store_in(p, c, box, &target, err);
    plan_target_deinit(&target);
    return r;
}

/* ---- reading and releasing messages ---- */

static int keep_row(void *ctx, struct message *row, struct err *err)
{
    struct plan_rows *rows = ctx;
    (void)err;
    rows->items = arena_grow(rows->arena, rows->items, rows->count, &rows->cap, sizeof *rows->items);
    rows->items[rows->count++] = *row;
    return 0;
}

static int keep_deleted_row(void *ctx, struct message *row, struct err *err)
{
    return row->flags & FLAG_DELETED ? keep_row(ctx, row, err) : 0;
}

static int read_rows(struct plan *p, struct plan_box *box, const struct seqset *uids, bool only_deleted,
                     struct plan_rows *rows_out, struct err *err)
{
    struct seqset_range every = { 1, UID_MAX };
    struct seqset all = { .ranges = &every, .count = 1 };
    struct snapshot_draft *draft = plan_box_draft(box);

    uids = uids ? uids : &all;
    *rows_out = (struct plan_rows){ .arena = &p->arena };
    return only_deleted ? snapshot_draft_read_deleted(draft, uids, keep_deleted_row, rows_out, err)
                        : snapshot_draft_read(draft, uids, keep_row, rows_out, err);
}

int plan_read(struct plan *p, struct plan_box *box, const struct seqset *uids, struct plan_rows *rows_out,
              struct err *err)
{
    return read_rows(p, box, uids, false, rows_out, err);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t *sorted_blobs(struct arena *arena, const struct plan_rows *rows)
{
    uint64_t *blobs = arena_new_array(arena, uint64_t, rows->count);
    for (size_t i = 0; i < rows->count; i++)
        blobs[i] = rows->items[i].blob;
    if (rows->count > 1)
        qsort(blobs, rows->count, sizeof *blobs, compare_u64);
    return blobs;
}

static void refs_delta(struct delta_list *deltas, uint64_t modseq, const struct blob_ref_change *items,
                       size_t count)
{
    if (count == 0)
        return;
    struct delta *d = delta_add(deltas, DELTA_REFS, 0, modseq);
    d->refs.items = items;
    d->refs.count = count;
}

int plan_release(struct plan *p, const struct plan_rows *rows, uint64_t modseq, struct delta_list *deltas,
                 struct plan_drops *drops_out, struct err *err)
{
    uint64_t *blobs = sorted_blobs(deltas->arena, rows);
    struct blob_ref_change *items = arena_new_array(deltas->arena, struct blob_ref_change, rows->count);
    size_t count = 0, drop_count = 0;

    for (size_t i = 0, n; i < rows->count; i += n) {
        uint64_t blob = blobs[i];
        for (n = 1; i + n < rows->count && blobs[i + n] == blob;)
            n++;
        uint64_t before = plan_blob_count(p, blob);
        if (n > before)
            return err_set(err, ERR_CORRUPT, "blob %llu has more messages than its count says",
                           (unsigned long long)blob);
        uint64_t less = n == before ? before - 1 : n;
        if (less > 0)
            items[count++] = (struct blob_ref_change){ blob, -(int64_t)less };
        if (n == before)
            blobs[drop_count++] = blob;
    }
    refs_delta(deltas, modseq, items, count);
    *drops_out = (struct plan_drops){ blobs, drop_count };
    return 0;
}

void plan_drop_blobs(struct plan *p, const struct plan_drops *drops)
{
    for (size_t i = 0; i < drops->count; i++)
        batch_drop_blob(&p->batch, (struct blob_id){ drops->blobs[i] });
}

/* ---- EXPUNGE ---- */

int plan_expunge(struct plan *p, struct change *c, struct err *err)
{
    struct delta_list deltas = { .arena = &p->arena };
    struct plan_rows rows;
    struct plan_drops drops;
    struct plan_box *box = find_box(p, c->expunge.mailbox_id, err);

    if (!box)
        return -ERR_NOT_FOUND;
    int r = read_rows(p, box, c->expunge.uids, c->expunge.only_deleted, &rows, err);
    if (r < 0 || rows.count == 0)
        return r;
    r = plan_release(p, &rows, plan_modseq(p), &deltas, &drops, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < rows.count; i++)
        seqset_add(&c->uids, rows.items[i].uid);
    delta_add(&deltas, DELTA_VANISH, c->expunge.mailbox_id, plan_modseq(p))->vanish.uids = c->uids;
    r = plan_accept(p, c, &deltas, err);
    if (r == 0)
        plan_drop_blobs(p, &drops);
    return r;
}
