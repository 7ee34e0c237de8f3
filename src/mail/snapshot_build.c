#include "mail/snapshot_build.h"

#include <assert.h>
#include <stdlib.h>

void snapshot_builder_init(struct snapshot_builder *b, uint32_t nodes_expected)
{
    *b = (struct snapshot_builder){ .cap = nodes_expected + 1 };
    b->nodes = malloc(b->cap * sizeof *b->nodes);
    if (!b->nodes)
        abort();
}

static void node_unref(struct snapshot_node *node)
{
    if (!ref_put(&node->ref))
        return;
    for (uint32_t i = 0; i < node->chunk_count; i++)
        chunk_unref(&node->chunks[i]);
    free(node);
}

void snapshot_builder_deinit(struct snapshot_builder *b)
{
    for (uint32_t i = 0; i < b->count; i++)
        node_unref(b->nodes[i]);
    free(b->nodes);
    *b = (struct snapshot_builder){ 0 };
}

static void push_node(struct snapshot_builder *b, struct snapshot_node *node)
{
    if (b->count == b->cap) {
        b->cap *= 2;
        b->nodes = realloc(b->nodes, b->cap * sizeof *b->nodes);
        if (!b->nodes)
            abort();
    }
    b->nodes[b->count++] = node;
}

void snapshot_builder_add_node(struct snapshot_builder *b, struct snapshot_node *node)
{
    ref_get(&node->ref);
    push_node(b, node);
    b->open = NULL;
}

void snapshot_builder_close_node(struct snapshot_builder *b)
{
    b->open = NULL;
}

void snapshot_builder_add_chunk(struct snapshot_builder *b, struct chunk *chunk)
{
    const struct chunk_summary *s = &chunk->summary;
    if (!b->open || b->open->chunk_count == NODE_CHUNKS_MAX) {
        b->open = calloc(1, sizeof *b->open);
        if (!b->open)
            abort();
        ref_init(&b->open->ref);
        b->open->uid_first = s->uid_first;
        push_node(b, b->open);
    }
    struct snapshot_node *node = b->open;
    assert(s->count > 0 && (node->chunk_count == 0 || node->uid_last < s->uid_first));
    node->before[node->chunk_count] = node->count;
    node->chunks[node->chunk_count++] = chunk;
    node->count += s->count;
    node->unseen += s->unseen;
    node->deleted += s->deleted;
    node->uid_last = s->uid_last;
    node->size_bytes += s->size_bytes;
    node->deleted_size_bytes += s->deleted_size_bytes;
    if (s->modseq_max > node->modseq_max)
        node->modseq_max = s->modseq_max;
}

struct snapshot *snapshot_builder_finish(struct snapshot_builder *b, uint32_t uidnext,
                                         uint64_t highest_modseq, struct keyword_table *keywords)
{
    struct snapshot *s = calloc(1, sizeof *s + b->count * (sizeof s->nodes[0] + sizeof s->before[0]));
    if (!s)
        abort();
    ref_init(&s->ref);
    s->uidnext = uidnext;
    s->highest_modseq = highest_modseq;
    s->keywords = keyword_table_ref(keywords);
    s->node_count = b->count;
    s->before = (uint32_t *)&s->nodes[b->count];
    for (uint32_t i = 0; i < b->count; i++) {
        struct snapshot_node *node = b->nodes[i];
        assert(i == 0 || s->nodes[i - 1]->uid_last < node->uid_first);
        s->nodes[i] = node;
        s->before[i] = s->exists;
        s->exists += node->count;
        s->unseen += node->unseen;
        s->deleted += node->deleted;
        s->size_bytes += node->size_bytes;
        s->deleted_size_bytes += node->deleted_size_bytes;
    }
    assert(b->count == 0 || s->nodes[b->count - 1]->uid_last < uidnext);
    free(b->nodes);
    *b = (struct snapshot_builder){ 0 };
    return s;
}

/* ---- life of a snapshot ---- */

struct snapshot *snapshot_new_empty(uint64_t modseq)
{
    struct snapshot_builder b;
    struct keyword_table *none = keyword_table_new(NULL, 0);
    assert(modseq > 0);
    snapshot_builder_init(&b, 0);
    struct snapshot *s = snapshot_builder_finish(&b, 1, modseq, none);
    keyword_table_unref(&none);
    return s;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    ref_get(&snapshot->ref);
    return snapshot;
}

void snapshot_unref(struct snapshot **snapshot)
{
    struct snapshot *s = *snapshot;
    if (s && ref_put(&s->ref)) {
        for (uint32_t i = 0; i < s->node_count; i++)
            node_unref(s->nodes[i]);
        keyword_table_unref(&s->keywords);
        free(s);
    }
    *snapshot = NULL;
}
