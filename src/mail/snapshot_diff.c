/* Two snapshots of one mailbox, walked side by side.
 * `new` holds of `old` what is not gone, then what came since. */
#include "mail/chunk_writer.h"
#include "mail/snapshot_build.h"

#include <assert.h>
#include <inttypes.h>

/* ---- the walk ---- */

struct side {
    const struct snapshot *snapshot;
    uint32_t node, chunk, index; /* the message at hand; node == node_count: the end */
    uint32_t seq;                /* its sequence number */
    const struct chunk_columns *columns;
};

enum step {
    STEP_END,
    STEP_SHARED_NODE,  /* both stand before one and the same node */
    STEP_SHARED_CHUNK, /* ... chunk; or, unless rows matter, before chunks with the same messages */
    STEP_SAME_CHUNK,   /* where rows matter: before chunks with the same messages, which may have changed */
    STEP_BOTH,         /* one message, in both */
    STEP_GONE,         /* one message, in `old` alone */
    STEP_NEW,          /* one message, in `new` alone */
    STEP_NEW_CHUNK,    /* a whole chunk, in `new` alone */
};

struct walk {
    struct side old, new;
    bool rows_matter; /* false: only which messages there are */
    enum step step;   /* where we are; the next call moves on from there */
};

static struct walk walk_start(const struct snapshot *old, const struct snapshot *new, bool rows_matter)
{
    return (
        struct walk){ { .snapshot = old, .seq = 1 }, { .snapshot = new, .seq = 1 }, rows_matter, STEP_END };
}

static bool at_end(const struct side *side)
{
    return side->node == side->snapshot->node_count;
}

static struct snapshot_node *node_of(const struct side *side)
{
    return side->snapshot->nodes[side->node];
}

static struct chunk *chunk_of(const struct side *side)
{
    return node_of(side)->chunks[side->chunk];
}

static void pass_node(struct side *side)
{
    side->seq += node_of(side)->count;
    side->node++;
}

/* Leave the chunk behind; `left` messages of it were still to come. */
static void pass_chunk(struct side *side, uint32_t left)
{
    side->seq += left;
    side->index = 0;
    side->columns = NULL;
    if (++side->chunk == node_of(side)->chunk_count) {
        side->chunk = 0;
        side->node++;
    }
}

static void pass_message(struct side *side)
{
    if (++side->index == chunk_of(side)->summary.count)
        pass_chunk(side, 1);
    else
        side->seq++;
}

static void pass_step(struct walk *w)
{
    switch (w->step) {
    case STEP_END:
        break;
    case STEP_SHARED_NODE:
        pass_node(&w->old);
        pass_node(&w->new);
        break;
    case STEP_SHARED_CHUNK:
    case STEP_SAME_CHUNK:
        pass_chunk(&w->old, chunk_of(&w->old)->summary.count);
        pass_chunk(&w->new, chunk_of(&w->new)->summary.count);
        break;
    case STEP_BOTH:
        pass_message(&w->old);
        pass_message(&w->new);
        break;
    case STEP_GONE:
        pass_message(&w->old);
        break;
    case STEP_NEW:
        pass_message(&w->new);
        break;
    case STEP_NEW_CHUNK:
        pass_chunk(&w->new, chunk_of(&w->new)->summary.count);
        break;
    }
}

/* Known without columns at the start of a chunk; anywhere else they have been loaded. */
static uint32_t uid_of(const struct side *side)
{
    return side->index == 0 ? chunk_of(side)->summary.uid_first : side->columns->uid[side->index];
}

static int load(struct side *side, struct err *err)
{
    return side->columns ? 0 : chunk_columns(chunk_of(side), &side->columns, err);
}

/* `new` has no messages among the old ones but theirs: as many in the same range are the same. */
static bool same_messages(const struct chunk *a, const struct chunk *b)
{
    return a->summary.count == b->summary.count && a->summary.uid_first == b->summary.uid_first &&
           a->summary.uid_last == b->summary.uid_last;
}

static enum step next_step(const struct walk *w)
{
    const struct side *old = &w->old, *new = &w->new;
    if (at_end(old))
        return at_end(new) ? STEP_END : new->index == 0 ? STEP_NEW_CHUNK : STEP_NEW;
    if (at_end(new))
        return STEP_GONE;
    if (old->index == 0 && new->index == 0) {
        if (old->chunk == 0 && new->chunk == 0 && node_of(old) == node_of(new))
            return STEP_SHARED_NODE;
        if (chunk_of(old) == chunk_of(new))
            return STEP_SHARED_CHUNK;
        if (same_messages(chunk_of(old), chunk_of(new)))
            return w->rows_matter ? STEP_SAME_CHUNK : STEP_SHARED_CHUNK;
    }
    uint32_t old_uid = uid_of(old), new_uid = uid_of(new);
    return old_uid == new_uid ? STEP_BOTH : old_uid < new_uid ? STEP_GONE : STEP_NEW;
}

/* 1 with w->step set and the columns of the messages at hand loaded, 0 at the end. */
static int walk_next(struct walk *w, struct err *err)
{
    int r = 0;
    pass_step(w);
    w->step = next_step(w);
    if (w->step == STEP_NEW && !at_end(&w->old))
        return err_set(err, ERR_CORRUPT, "message UID %u appeared among older ones", uid_of(&w->new));
    bool both = w->step == STEP_BOTH || w->step == STEP_SAME_CHUNK;
    if (both || w->step == STEP_GONE)
        r = load(&w->old, err);
    if (r == 0 && (both || w->step == STEP_NEW))
        r = load(&w->new, err);
    return r < 0 ? r : w->step != STEP_END;
}

/* ---- diff ---- */

struct numbers {
    uint32_t *n;
    size_t count, cap;
};

static void push_number(struct numbers *numbers, uint32_t n, struct arena *arena)
{
    numbers->n = arena_grow(arena, numbers->n, numbers->count, &numbers->cap, sizeof *numbers->n);
    numbers->n[numbers->count++] = n;
}

/* Most changes are of flags, and most messages of their chunk are as they were. */
static void push_changed(struct numbers *changed, const struct side *old, const struct side *new,
                         struct arena *arena)
{
    const uint64_t *before = old->columns->modseq, *now = new->columns->modseq;
    for (uint32_t i = 0, count = chunk_of(new)->summary.count; i < count; i++)
        if (before[i] != now[i])
            push_number(changed, new->seq + i, arena);
}

int snapshot_diff(const struct snapshot *old, const struct snapshot *new, struct arena *arena,
                  struct snapshot_diff *diff_out, struct err *err)
{
    struct snapshot_diff diff = { .keywords_changed = old->keywords->count != new->keywords->count };
    struct numbers expunged = { 0 }, changed = { 0 };
    struct walk w = walk_start(old, new, true);
    int r = 0;
    seqset_init(&diff.vanished, arena);
    while (old != new && (r = walk_next(&w, err)) == 1 && !at_end(&w.old)) {
        if (w.step == STEP_GONE) {
            seqset_add(&diff.vanished, w.old.columns->uid[w.old.index]);
            push_number(&expunged, w.old.seq, arena);
        } else if (w.step == STEP_SAME_CHUNK) {
            push_changed(&changed, &w.old, &w.new, arena);
        } else if (w.step == STEP_BOTH &&
                   w.old.columns->modseq[w.old.index] != w.new.columns->modseq[w.new.index]) {
            push_number(&changed, w.new.seq, arena);
        }
    }
    if (r < 0)
        return r;
    diff.expunged_seqs = expunged.n;
    diff.expunged_count = (uint32_t)expunged.count;
    diff.changed_seqs = changed.n;
    diff.changed_count = (uint32_t)changed.count;
    diff.added_count = new->exists - (old->exists - diff.expunged_count);
    *diff_out = diff;
    return 0;
}

/* ---- keep_expunged ---- */

struct keeper {
    struct snapshot_builder builder;
    struct chunk_writer rows; /* not yet a chunk; columns NULL: none */
};

static void flush_rows(struct keeper *k)
{
    if (k->rows.columns)
        snapshot_builder_add_chunk(&k->builder, chunk_writer_finish_chunk(&k->rows));
}

static void keep_row(struct keeper *k, const struct side *side)
{
    if (k->rows.columns && k->rows.columns->count == CHUNK_MESSAGES_MAX)
        flush_rows(k);
    if (!k->rows.columns)
        chunk_writer_init(&k->rows, CHUNK_MESSAGES_MAX, side->columns->keyword_words);
    chunk_writer_append_rows(&k->rows, side->columns, side->index, 1);
}

static void keep_chunk(struct keeper *k, struct chunk *chunk)
{
    flush_rows(k);
    snapshot_builder_add_chunk(&k->builder, chunk_ref(chunk));
}

static void keep_step(struct keeper *k, const struct walk *w)
{
    switch (w->step) {
    case STEP_END:
        break;
    case STEP_SHARED_NODE:
        flush_rows(k);
        snapshot_builder_add_node(&k->builder, node_of(&w->new));
        break;
    case STEP_SHARED_CHUNK:
    case STEP_SAME_CHUNK:
    case STEP_NEW_CHUNK:
        keep_chunk(k, chunk_of(&w->new));
        break;
    case STEP_BOTH:
    case STEP_NEW:
        keep_row(k, &w->new);
        break;
    case STEP_GONE:
        keep_row(k, &w->old);
        break;
    }
}

/* Nothing is gone when `new` has as many messages below the old uidnext as `old` has. */
static int something_is_gone(const struct snapshot *old, const struct snapshot *new, struct err *err)
{
    uint32_t seq;
    int r = snapshot_lower_bound(new, old->uidnext, &seq, err);
    return r < 0 ? r : seq - 1 != old->exists;
}

int snapshot_keep_expunged(struct snapshot *old, struct snapshot *new, struct snapshot **out, struct err *err)
{
    int r = something_is_gone(old, new, err);
    if (r < 0)
        return r;
    if (r == 0) {
        *out = snapshot_ref(new);
        return 0;
    }
    struct keeper k = { 0 };
    struct walk w = walk_start(old, new, false);
    snapshot_builder_init(&k.builder, old->node_count);
    while ((r = walk_next(&w, err)) == 1)
        keep_step(&k, &w);
    if (r < 0) {
        chunk_writer_deinit(&k.rows);
        snapshot_builder_deinit(&k.builder);
        return r;
    }
    flush_rows(&k);
    *out = snapshot_builder_finish(&k.builder, new->uidnext, new->highest_modseq, new->keywords);
    return 0;
}
