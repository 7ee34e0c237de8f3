#include "mail/snapshot.h"

#include "mail/snapshot_build.h"

#include <assert.h>

/* ---- places ---- */

struct place {
    uint32_t node, chunk;
    uint32_t before; /* messages before that chunk */
};

/* Index of the last element that is <= n; before[0] is 0. */
static uint32_t last_at_or_below(const uint32_t *before, uint32_t count, uint32_t n)
{
    uint32_t low = 0, high = count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (before[middle] <= n)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static struct place place_of_seq(const struct snapshot *s, uint32_t seq)
{
    assert(seq >= 1 && seq <= s->exists);
    uint32_t n = seq - 1;
    struct place p = { .node = last_at_or_below(s->before, s->node_count, n) };
    const struct snapshot_node *node = s->nodes[p.node];
    p.chunk = last_at_or_below(node->before, node->chunk_count, n - s->before[p.node]);
    p.before = s->before[p.node] + node->before[p.chunk];
    return p;
}

static struct chunk *chunk_at(const struct snapshot *s, struct place p)
{
    return s->nodes[p.node]->chunks[p.chunk];
}

/* The first chunk whose last uid is at or above `uid`; false when there is none. */
static bool place_of_uid(const struct snapshot *s, uint32_t uid, struct place *place_out)
{
    uint32_t low = 0, high = s->node_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->nodes[middle]->uid_last < uid)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->node_count)
        return false;
    const struct snapshot_node *node = s->nodes[low];
    struct place p = { .node = low };
    for (low = 0, high = node->chunk_count - 1; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (node->chunks[middle]->summary.uid_last < uid)
            low = middle + 1;
        else
            high = middle;
    }
    p.chunk = low;
    p.before = s->before[p.node] + node->before[p.chunk];
    *place_out = p;
    return true;
}

/* ---- one message ---- */

int snapshot_message(const struct snapshot *s, uint32_t seq, struct message *out, struct err *err)
{
    const struct chunk_columns *columns;
    if (seq == 0 || seq > s->exists)
        return err_set(err, ERR_NOT_FOUND, "no message %u: the mailbox has %u", seq, s->exists);
    struct place p = place_of_seq(s, seq);
    int r = chunk_columns(chunk_at(s, p), &columns, err);
    if (r < 0)
        return r;
    chunk_row(columns, seq - 1 - p.before, out);
    return 0;
}

int snapshot_lower_bound(const struct snapshot *s, uint32_t uid, uint32_t *seq_out, struct err *err)
{
    struct place p;
    const struct chunk_columns *columns;
    if (!place_of_uid(s, uid, &p)) {
        *seq_out = s->exists + 1;
        return 0;
    }
    struct chunk *chunk = chunk_at(s, p);
    uint32_t index = 0; /* answered without the columns where that can be done */
    if (uid == chunk->summary.uid_last) {
        index = chunk->summary.count - 1;
    } else if (uid > chunk->summary.uid_first && chunk_is_dense(chunk)) {
        index = uid - chunk->summary.uid_first;
    } else if (uid > chunk->summary.uid_first) {
        int r = chunk_columns(chunk, &columns, err);
        if (r < 0)
            return r;
        index = chunk_lower_bound(columns, uid);
    }
    *seq_out = p.before + index + 1;
    return 0;
}

int snapshot_seq_of_uid(const struct snapshot *s, uint32_t uid, uint32_t *seq_out, struct err *err)
{
    struct place p;
    const struct chunk_columns *columns;
    if (!place_of_uid(s, uid, &p) || uid < chunk_at(s, p)->summary.uid_first) {
        *seq_out = 0;
        return 0;
    }
    struct chunk *chunk = chunk_at(s, p);
    uint32_t index = uid - chunk->summary.uid_first;
    if (!chunk_is_dense(chunk)) {
        int r = chunk_columns(chunk, &columns, err);
        if (r < 0)
            return r;
        index = chunk_lower_bound(columns, uid);
        if (columns->uid[index] != uid) {
            *seq_out = 0;
            return 0;
        }
    }
    *seq_out = p.before + index + 1;
    return 0;
}

int snapshot_first_unseen(const struct snapshot *s, uint32_t *seq_out, struct err *err)
{
    uint32_t node = 0, chunk = 0, i = 0;
    const struct chunk_columns *columns;
    if (s->unseen == 0) {
        *seq_out = 0;
        return 0;
    }
    while (s->nodes[node]->unseen == 0)
        node++;
    while (s->nodes[node]->chunks[chunk]->summary.unseen == 0)
        chunk++;
    int r = chunk_columns(s->nodes[node]->chunks[chunk], &columns, err);
    if (r < 0)
        return r;
    while (columns->flags[i] & FLAG_SEEN)
        i++;
    *seq_out = s->before[node] + s->nodes[node]->before[chunk] + i + 1;
    return 0;
}

/* ---- walking ---- */

struct snapshot_cursor snapshot_cursor_at(const struct snapshot *s, uint32_t seq)
{
    return (struct snapshot_cursor){ s, seq ? seq : 1 };
}

int snapshot_cursor_next(struct snapshot_cursor *c, struct chunk_span *span_out, struct err *err)
{
    if (c->next_seq > c->snapshot->exists)
        return 0;
    struct place p = place_of_seq(c->snapshot, c->next_seq);
    struct chunk_span span = {
        .chunk = chunk_at(c->snapshot, p),
        .first = c->next_seq - 1 - p.before,
        .seq = c->next_seq,
    };
    int r = chunk_columns(span.chunk, &span.columns, err);
    if (r < 0)
        return r;
    c->next_seq = p.before + span.columns->count + 1;
    *span_out = span;
    return 1;
}

int snapshot_each(const struct snapshot *s, snapshot_chunk_fn *fn, void *ctx, struct err *err)
{
    for (uint32_t n = 0; n < s->node_count; n++) {
        for (uint32_t i = 0; i < s->nodes[n]->chunk_count; i++) {
            int r = fn(ctx, s->nodes[n]->chunks[i], err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

struct dirty_filter {
    snapshot_chunk_fn *fn;
    void *ctx;
};

static int visit_if_dirty(void *ctx, struct chunk *chunk, struct err *err)
{
    const struct dirty_filter *filter = ctx;
    return chunk_is_dirty(chunk) ? filter->fn(filter->ctx, chunk, err) : 0;
}

int snapshot_each_dirty(const struct snapshot *s, snapshot_chunk_fn *fn, void *ctx, struct err *err)
{
    struct dirty_filter filter = { fn, ctx };
    return snapshot_each(s, visit_if_dirty, &filter, err);
}

/* ---- sets ---- */

/* Add the uids of messages [first, end) of a chunk. */
static int add_uids(struct chunk *chunk, uint32_t first, uint32_t end, struct seqset *uids, struct err *err)
{
    const struct chunk_columns *columns;
    if (chunk_is_dense(chunk)) {
        seqset_add_range(uids, chunk->summary.uid_first + first, chunk->summary.uid_first + end - 1);
        return 0;
    }
    int r = chunk_columns(chunk, &columns, err);
    if (r < 0)
        return r;
    for (uint32_t i = first; i < end; i++)
        seqset_add(uids, columns->uid[i]);
    return 0;
}

static int add_uids_of_range(const struct snapshot *s, struct seqset_range range, struct seqset *uids,
                             struct err *err)
{
    for (uint64_t seq = range.first; seq <= range.last;) {
        struct place p = place_of_seq(s, (uint32_t)seq);
        struct chunk *chunk = chunk_at(s, p);
        uint32_t end = range.last - p.before < chunk->summary.count ? range.last - p.before
                                                                    : chunk->summary.count;
        int r = add_uids(chunk, (uint32_t)seq - 1 - p.before, end, uids, err);
        if (r < 0)
            return r;
        seq = (uint64_t)p.before + end + 1;
    }
    return 0;
}

int snapshot_seqs_to_uids(const struct snapshot *s, const struct seqset *seqs, struct arena *arena,
                          struct seqset *uids_out, struct err *err)
{
    struct seqset uids;
    if (seqset_last(seqs) > s->exists)
        return err_set(err, ERR_INVALID, "no message %u: the mailbox has %u", seqset_last(seqs), s->exists);
    seqset_init(&uids, arena);
    for (size_t i = 0; i < seqs->count; i++) {
        int r = add_uids_of_range(s, seqs->ranges[i], &uids, err);
        if (r < 0)
            return r;
    }
    *uids_out = uids;
    return 0;
}

int snapshot_uids_to_seqs(const struct snapshot *s, const struct seqset *uids, struct arena *arena,
                          struct seqset *seqs_out, struct err *err)
{
    struct seqset seqs;
    assert(uids->star_from == 0 && !uids->saved);
    seqset_init(&seqs, arena);
    for (size_t i = 0; i < uids->count && uids->ranges[i].first < s->uidnext; i++) {
        uint32_t first, end = s->exists + 1;
        int r = snapshot_lower_bound(s, uids->ranges[i].first, &first, err);
        if (r == 0 && uids->ranges[i].last < s->uidnext)
            r = snapshot_lower_bound(s, uids->ranges[i].last + 1, &end, err);
        if (r < 0)
            return r;
        if (first < end)
            seqset_add_range(&seqs, first, end - 1);
    }
    *seqs_out = seqs;
    return 0;
}

int snapshot_uids(const struct snapshot *s, struct arena *arena, struct seqset *uids_out, struct err *err)
{
    struct seqset uids;
    seqset_init(&uids, arena);
    for (uint32_t n = 0; n < s->node_count; n++) {
        for (uint32_t i = 0; i < s->nodes[n]->chunk_count; i++) {
            struct chunk *chunk = s->nodes[n]->chunks[i];
            int r = add_uids(chunk, 0, chunk->summary.count, &uids, err);
            if (r < 0)
                return r;
        }
    }
    *uids_out = uids;
    return 0;
}
