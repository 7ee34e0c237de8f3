/* A draft: a list of nodes, each still the base's own or opened; an opened node is a list of slots, each
 * still the base's chunk or a writer with the chunk's rows. Whatever is the base's is borrowed from it: the
 * draft holds one reference, on the base.
 *
 *   draft   [ shared | open | shared ]
 *   open                [ chunk | writer | chunk ]          finish: writers become chunks, open nodes become nodes */
#include "mail/chunk_writer.h"
#include "mail/snapshot_build.h"

#include <assert.h>
#include <stdlib.h>

enum {
    CHUNK_MERGE_MAX = CHUNK_MESSAGES_MAX / 2, /* neighbours that fit this together become one */
    NODE_MERGE_MAX = NODE_CHUNKS_MAX / 2,
};

struct slot {
    struct chunk *chunk;         /* borrows the base; NULL when there is a writer */
    struct chunk_writer *writer; /* may be left with no rows until tidy() */
};

struct open_node {
    uint32_t count;
    struct slot slots[NODE_CHUNKS_MAX];
};

struct draft_node {
    struct snapshot_node *shared; /* borrows the base; NULL when open */
    struct open_node *open;
};

struct snapshot_draft {
    struct snapshot *base; /* own reference */
    struct draft_node *nodes;
    uint32_t node_count, node_cap;
    uint32_t exists, uidnext;
    uint64_t highest_modseq;
    struct keyword_table *keywords; /* own reference */
    bool changed;
};

static void *must_alloc(void *p)
{
    if (!p)
        abort();
    return p;
}

/* ---- slots ---- */

static uint32_t slot_count(const struct slot *slot)
{
    return slot->writer ? slot->writer->columns->count : slot->chunk->summary.count;
}

static uint32_t slot_uid_last(const struct slot *slot)
{
    return slot->writer ? slot->writer->uid[slot->writer->columns->count - 1] : slot->chunk->summary.uid_last;
}

static uint32_t slot_uid_first(const struct slot *slot)
{
    return slot->writer ? slot->writer->uid[0] : slot->chunk->summary.uid_first;
}

static int slot_columns(const struct slot *slot, const struct chunk_columns **columns_out, struct err *err)
{
    if (!slot->writer)
        return chunk_columns(slot->chunk, columns_out, err);
    *columns_out = slot->writer->columns;
    return 0;
}

static void slot_deinit(struct slot *slot)
{
    if (slot->writer) {
        chunk_writer_deinit(slot->writer);
        free(slot->writer);
    }
}

/* Put a new writer in place of what the slot holds. */
static struct chunk_writer *slot_renew(struct slot *slot, uint32_t cap, uint32_t keyword_words)
{
    struct chunk_writer *writer = must_alloc(malloc(sizeof *writer));
    chunk_writer_init(writer, cap, keyword_words);
    slot_deinit(slot);
    *slot = (struct slot){ .writer = writer };
    return writer;
}

/* The slot with rows to write to, and room for `more`. Its columns must be there already. */
static struct chunk_writer *slot_write(struct slot *slot, const struct chunk_columns *columns, uint32_t more)
{
    uint32_t cap = columns->count + more;
    if (!slot->writer) {
        slot_renew(slot, cap, columns->keyword_words);
        chunk_writer_append_rows(slot->writer, columns, 0, columns->count);
    } else if (cap > slot->writer->cap) {
        if (cap < 2 * slot->writer->cap)
            cap = 2 * slot->writer->cap < CHUNK_MESSAGES_MAX ? 2 * slot->writer->cap : CHUNK_MESSAGES_MAX;
        chunk_writer_reserve(slot->writer, cap, 0);
    }
    return slot->writer;
}

/* ---- nodes ---- */

static uint32_t node_chunks(const struct draft_node *node)
{
    return node->shared ? node->shared->chunk_count : node->open->count;
}

static struct slot node_slot(const struct draft_node *node, uint32_t i)
{
    return node->shared ? (struct slot){ .chunk = node->shared->chunks[i] } : node->open->slots[i];
}

static uint32_t node_uid_last(const struct draft_node *node)
{
    return node->shared ? node->shared->uid_last : slot_uid_last(&node->open->slots[node->open->count - 1]);
}

static struct open_node *node_open(struct draft_node *node)
{
    if (node->shared) {
        struct open_node *open = must_alloc(malloc(sizeof *open));
        open->count = node->shared->chunk_count;
        for (uint32_t i = 0; i < open->count; i++)
            open->slots[i] = (struct slot){ .chunk = node->shared->chunks[i] };
        *node = (struct draft_node){ .open = open };
    }
    return node->open;
}

static void node_deinit(struct draft_node *node)
{
    if (!node->open)
        return;
    for (uint32_t i = 0; i < node->open->count; i++)
        slot_deinit(&node->open->slots[i]);
    free(node->open);
}

static struct open_node *push_open_node(struct snapshot_draft *d)
{
    if (d->node_count == d->node_cap) {
        assert(d->node_cap > 0);
        d->node_cap *= 2;
        d->nodes = must_alloc(realloc(d->nodes, d->node_cap * sizeof *d->nodes));
    }
    struct open_node *open = must_alloc(calloc(1, sizeof *open));
    d->nodes[d->node_count++] = (struct draft_node){ .open = open };
    return open;
}

/* ---- life ---- */

static void drop_nodes(struct snapshot_draft *d)
{
    for (uint32_t i = 0; i < d->node_count; i++)
        node_deinit(&d->nodes[i]);
    free(d->nodes);
}

/* Begin anew on `base`, whose reference goes over to the draft. */
static void start_from(struct snapshot_draft *d, struct snapshot *base)
{
    d->base = base;
    d->node_count = base->node_count;
    d->node_cap = base->node_count + 1;
    d->nodes = must_alloc(malloc(d->node_cap * sizeof *d->nodes));
    for (uint32_t i = 0; i < base->node_count; i++)
        d->nodes[i] = (struct draft_node){ .shared = base->nodes[i] };
    d->exists = base->exists;
    d->uidnext = base->uidnext;
    d->highest_modseq = base->highest_modseq;
    d->changed = false;
}

struct snapshot_draft *snapshot_draft_new(struct snapshot *base)
{
    struct snapshot_draft *d = must_alloc(calloc(1, sizeof *d));
    start_from(d, snapshot_ref(base));
    d->keywords = keyword_table_ref(base->keywords);
    return d;
}

void snapshot_draft_free(struct snapshot_draft **draft)
{
    struct snapshot_draft *d = *draft;
    if (d) {
        drop_nodes(d);
        snapshot_unref(&d->base);
        keyword_table_unref(&d->keywords);
        free(d);
    }
    *draft = NULL;
}

static void build_node(struct snapshot_builder *b, struct draft_node *node)
{
    if (node->shared) {
        snapshot_builder_add_node(b, node->shared);
        return;
    }
    snapshot_builder_close_node(b);
    for (uint32_t i = 0; i < node->open->count; i++) {
        struct slot *slot = &node->open->slots[i];
        struct chunk *chunk = slot->writer ? chunk_writer_finish_chunk(slot->writer) : chunk_ref(slot->chunk);
        snapshot_builder_add_chunk(b, chunk);
    }
    snapshot_builder_close_node(b);
}

struct snapshot *snapshot_draft_finish(struct snapshot_draft *d)
{
    if (!d->changed)
        return snapshot_ref(d->base);
    struct snapshot_builder b;
    snapshot_builder_init(&b, d->node_count);
    for (uint32_t i = 0; i < d->node_count; i++)
        build_node(&b, &d->nodes[i]);
    struct snapshot *next = snapshot_builder_finish(&b, d->uidnext, d->highest_modseq, d->keywords);
    assert(next->exists == d->exists);
    drop_nodes(d);
    snapshot_unref(&d->base);
    start_from(d, snapshot_ref(next));
    return next;
}

/* ---- figures ---- */

void snapshot_draft_set_keywords(struct snapshot_draft *d, struct keyword_table *table)
{
    if (table == d->keywords)
        return;
    keyword_table_unref(&d->keywords);
    d->keywords = keyword_table_ref(table);
    d->changed = true;
}

const struct keyword_table *snapshot_draft_keywords(const struct snapshot_draft *d)
{
    return d->keywords;
}

uint32_t snapshot_draft_uidnext(const struct snapshot_draft *d)
{
    return d->uidnext;
}

void snapshot_draft_set_uidnext(struct snapshot_draft *d, uint32_t uidnext)
{
    assert(uidnext >= d->uidnext);
    d->changed |= uidnext != d->uidnext;
    d->uidnext = uidnext;
}

void snapshot_draft_touch(struct snapshot_draft *d, uint64_t modseq)
{
    if (modseq > d->highest_modseq) {
        d->highest_modseq = modseq;
        d->changed = true;
    }
}

uint32_t snapshot_draft_exists(const struct snapshot_draft *d)
{
    return d->exists;
}

/* ---- adding ---- */

/* The last slot, if rows can be appended to it. */
static struct slot *slot_with_room(struct snapshot_draft *d, const struct chunk_columns **columns_out)
{
    if (d->node_count == 0)
        return NULL;
    struct draft_node *node = &d->nodes[d->node_count - 1];
    struct slot last = node_slot(node, node_chunks(node) - 1);
    if (slot_count(&last) == CHUNK_MESSAGES_MAX || slot_columns(&last, columns_out, NULL) < 0)
        return NULL;
    struct open_node *open = node_open(node);
    return &open->slots[open->count - 1];
}

static struct slot *push_slot(struct snapshot_draft *d)
{
    struct open_node *open;
    if (d->node_count == 0 || node_chunks(&d->nodes[d->node_count - 1]) == NODE_CHUNKS_MAX)
        open = push_open_node(d);
    else
        open = node_open(&d->nodes[d->node_count - 1]);
    struct slot *slot = &open->slots[open->count++];
    *slot = (struct slot){ 0 };
    return slot;
}

/* Append as many rows as one chunk takes; returns how many. */
static size_t append_some(struct snapshot_draft *d, const struct message *rows, size_t count)
{
    const struct chunk_columns *columns;
    struct chunk_writer *writer;
    struct slot *slot = slot_with_room(d, &columns);
    size_t room = slot ? CHUNK_MESSAGES_MAX - columns->count : CHUNK_MESSAGES_MAX;
    size_t n = count < room ? count : room;
    if (slot)
        writer = slot_write(slot, columns, (uint32_t)n);
    else
        writer = slot_renew(push_slot(d), (uint32_t)n, 0);
    for (size_t i = 0; i < n; i++) {
        assert(rows[i].uid >= d->uidnext);
        chunk_writer_append(writer, &rows[i]);
        d->uidnext = rows[i].uid + 1;
        snapshot_draft_touch(d, rows[i].modseq);
    }
    d->exists += (uint32_t)n;
    d->changed = true;
    return n;
}

int snapshot_draft_add(struct snapshot_draft *d, const struct message *rows, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].uid > UID_MAX)
            return err_set(err, ERR_LIMIT, "the mailbox has used up its UIDs");
    while (count > 0) {
        size_t n = append_some(d, rows, count);
        rows += n;
        count -= n;
    }
    return 0;
}

/* ---- visiting the messages of a set ---- */

struct place {
    uint32_t node, chunk;
};

/* Move `at` forward to the first slot whose last uid is at or above `uid`; false when there is none. */
static bool seek(const struct snapshot_draft *d, struct place *at, uint32_t uid)
{
    if (at->node < d->node_count && at->chunk == node_chunks(&d->nodes[at->node]))
        *at = (struct place){ at->node + 1, 0 };
    uint32_t low = at->node, high = d->node_count;
    if (low < high && node_uid_last(&d->nodes[low]) < uid) {
        for (low++; low < high;) {
            uint32_t middle = low + (high - low) / 2;
            if (node_uid_last(&d->nodes[middle]) < uid)
                low = middle + 1;
            else
                high = middle;
        }
        *at = (struct place){ low, 0 };
    }
    if (at->node == d->node_count)
        return false;
    const struct draft_node *node = &d->nodes[at->node];
    for (low = at->chunk, high = node_chunks(node) - 1; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        struct slot slot = node_slot(node, middle);
        if (slot_uid_last(&slot) < uid)
            low = middle + 1;
        else
            high = middle;
    }
    at->chunk = low;
    return true;
}

enum visit { VISIT_READ, VISIT_EDIT, VISIT_REMOVE };

struct visitor {
    struct snapshot_draft *d;
    enum visit visit;
    bool only_deleted; /* pass over nodes and chunks without \Deleted */
    snapshot_edit_fn *fn;
    void *ctx;
    struct draft_node *node; /* where we are */
    uint32_t chunk;
    bool gone[CHUNK_MESSAGES_MAX]; /* VISIT_REMOVE: of this chunk */
    uint32_t gone_count;
};

/* Only what may change in a message's life is taken from `row`. */
static void put_row(struct visitor *v, uint32_t i, const struct chunk_columns *columns,
                    const struct message *row)
{
    struct slot *slot = &node_open(v->node)->slots[v->chunk];
    chunk_writer_set(slot_write(slot, columns, 0), i, row);
    snapshot_draft_touch(v->d, row->modseq);
    v->d->changed = true;
}

static int visit_rows(struct visitor *v, uint32_t first, uint32_t end, struct err *err)
{
    for (uint32_t i = first; i < end; i++) {
        const struct chunk_columns *columns;
        struct message row;
        struct slot slot = node_slot(v->node, v->chunk); /* anew each time: an edit puts a writer there */
        int r = slot_columns(&slot, &columns, err);
        if (r < 0)
            return r;
        chunk_row(columns, i, &row);
        r = v->fn ? v->fn(v->ctx, &row, err) : 1;
        if (r < 0)
            return r;
        if (r > 0 && v->visit == VISIT_EDIT)
            put_row(v, i, columns, &row);
        if (r > 0 && v->visit == VISIT_REMOVE) {
            v->gone[i] = true;
            v->gone_count++;
        }
    }
    return 0;
}

/* Leave in the slot only the rows that stay; none may be left until tidy(). */
static void remove_rows(struct visitor *v, const struct chunk_columns *columns)
{
    struct slot *slot = &node_open(v->node)->slots[v->chunk], kept = { 0 };
    uint32_t stay = columns->count - v->gone_count;
    slot_renew(&kept, stay ? stay : 1, columns->keyword_words);
    for (uint32_t i = 0, end; i < columns->count; i = end) {
        for (end = i + 1; end < columns->count && v->gone[end] == v->gone[i];)
            end++;
        if (!v->gone[i])
            chunk_writer_append_rows(kept.writer, columns, i, end - i);
    }
    slot_deinit(slot);
    *slot = kept;
    v->d->exists -= v->gone_count;
    v->d->changed = true;
}

/* All rows of the chunk at hand that ranges[0 ...) name. */
static int visit_chunk(struct visitor *v, const struct seqset_range *ranges, size_t range_count,
                       struct err *err)
{
    const struct chunk_columns *columns;
    struct slot slot = node_slot(v->node, v->chunk);
    uint32_t uid_last = slot_uid_last(&slot);
    int r = slot_columns(&slot, &columns, err);
    if (r < 0)
        return r;
    if (v->visit == VISIT_REMOVE) {
        memset(v->gone, 0, sizeof v->gone);
        v->gone_count = 0;
    }
    for (size_t k = 0; k < range_count && ranges[k].first <= uid_last; k++) {
        uint32_t first = chunk_lower_bound(columns, ranges[k].first);
        uint32_t end = ranges[k].last >= uid_last ? columns->count
                                                  : chunk_lower_bound(columns, ranges[k].last + 1);
        r = visit_rows(v, first, end, err);
        if (r < 0)
            return r;
        slot = node_slot(v->node, v->chunk);
        r = slot_columns(&slot, &columns, err);
        if (r < 0)
            return r;
    }
    if (v->gone_count > 0)
        remove_rows(v, columns);
    return 0;
}

/* Nothing there is to be visited: not in this chunk, or not in its whole node, whose last UID that is. `at` goes behind it. */
static bool pass_over(const struct visitor *v, struct place *at, uint32_t *uid_last)
{
    const struct snapshot_node *shared = v->node->shared;
    struct slot slot = node_slot(v->node, at->chunk);
    if (!v->only_deleted)
        return false;
    if (shared && shared->deleted == 0) {
        *uid_last = shared->uid_last;
        *at = (struct place){ at->node + 1, 0 };
        return true;
    }
    if (!slot.chunk || slot.chunk->summary.deleted > 0)
        return false;
    at->chunk++;
    return true;
}

static int visit_set(struct visitor *v, const struct seqset *uids, struct err *err)
{
    struct place at = { 0, 0 };
    assert(uids->star_from == 0 && !uids->saved);
    for (size_t k = 0; k < uids->count && seek(v->d, &at, uids->ranges[k].first);) {
        v->node = &v->d->nodes[at.node];
        v->chunk = at.chunk;
        struct slot slot = node_slot(v->node, v->chunk);
        uint32_t uid_first = slot_uid_first(&slot), uid_last = slot_uid_last(&slot);
        if (uids->ranges[k].last < uid_first) {
            uid_last = uids->ranges[k].last; /* this range falls between two chunks */
        } else if (!pass_over(v, &at, &uid_last)) {
            int r = visit_chunk(v, &uids->ranges[k], uids->count - k, err);
            if (r < 0)
                return r;
            at.chunk++;
        }
        while (k < uids->count && uids->ranges[k].last <= uid_last)
            k++;
    }
    return 0;
}

int snapshot_draft_edit(struct snapshot_draft *d, const struct seqset *uids, snapshot_edit_fn *fn, void *ctx,
                        struct err *err)
{
    struct visitor v = { .d = d, .visit = VISIT_EDIT, .fn = fn, .ctx = ctx };
    return visit_set(&v, uids, err);
}

int snapshot_draft_read(struct snapshot_draft *d, const struct seqset *uids, snapshot_edit_fn *fn, void *ctx,
                        struct err *err)
{
    struct visitor v = { .d = d, .visit = VISIT_READ, .fn = fn, .ctx = ctx };
    return visit_set(&v, uids, err);
}

int snapshot_draft_read_deleted(struct snapshot_draft *d, const struct seqset *uids, snapshot_edit_fn *fn,
                                void *ctx, struct err *err)
{
    struct visitor v = { .d = d, .visit = VISIT_READ, .only_deleted = true, .fn = fn, .ctx = ctx };
    return visit_set(&v, uids, err);
}

/* ---- tidying up after a removal ---- */

/* Put the rows of `slot` behind those of `last`.
 * Where one of them cannot be read, two small chunks do no harm. */
static bool merge_slots(struct slot *last, struct slot *slot)
{
    const struct chunk_columns *a, *b;
    if (slot_count(last) + slot_count(slot) > CHUNK_MERGE_MAX)
        return false;
    if (slot_columns(last, &a, NULL) < 0 || slot_columns(slot, &b, NULL) < 0)
        return false;
    chunk_writer_append_rows(slot_write(last, a, b->count), b, 0, b->count);
    slot_deinit(slot);
    return true;
}

/* Move `slot` to the end of an open node: dropped when it is empty, merged when it can be. */
static void move_slot(struct open_node *open, struct slot slot)
{
    if (slot_count(&slot) == 0)
        slot_deinit(&slot);
    else if (open->count == 0 || !merge_slots(&open->slots[open->count - 1], &slot))
        open->slots[open->count++] = slot;
}

static void tidy_node(struct open_node *open)
{
    uint32_t count = open->count;
    open->count = 0;
    for (uint32_t i = 0; i < count; i++)
        move_slot(open, open->slots[i]);
}

/* Move all of `node` to the end of `last`, if both are small and one of them is to be written anyway. */
static bool merge_nodes(struct draft_node *last, struct draft_node *node)
{
    if (node_chunks(last) + node_chunks(node) > NODE_MERGE_MAX || (last->shared && node->shared))
        return false;
    struct open_node *to = node_open(last), *from = node_open(node);
    for (uint32_t i = 0; i < from->count; i++)
        move_slot(to, from->slots[i]);
    free(from);
    return true;
}

static void tidy(struct snapshot_draft *d)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < d->node_count; i++) {
        struct draft_node *node = &d->nodes[i];
        if (node->open)
            tidy_node(node->open);
        if (node_chunks(node) == 0)
            node_deinit(node);
        else if (kept == 0 || !merge_nodes(&d->nodes[kept - 1], node))
            d->nodes[kept++] = *node;
    }
    d->node_count = kept;
}

int snapshot_draft_remove(struct snapshot_draft *d, const struct seqset *uids, snapshot_edit_fn *fn,
                          void *ctx, struct err *err)
{
    struct visitor v = { .d = d, .visit = VISIT_REMOVE, .fn = fn, .ctx = ctx };
    int r = visit_set(&v, uids, err);
    tidy(d);
    return r;
}
