/* thread_references.c: RFC 5256, 3, REFERENCES, steps (1) to (3). */
#include "mail/thread_private.h"

#include "mail/thread_table.h"

#include <stdlib.h>

/* The message with this id, or the dummy that stands for it. */
static uint32_t node_of(struct thread_tree *t, struct thread_table *table, uint64_t id)
{
    struct thread_slot *slot = thread_table_find(table, id);
    if (slot->node)
        return slot->node;
    uint32_t node = thread_new_node(t);
    thread_table_put(table, slot, id, node);
    return node;
}

/* Would making `parent` the parent of `node` close a circle? */
static bool would_loop(const struct thread_tree *t, uint32_t parent, uint32_t node, uint64_t *steps_left)
{
    if (parent == node)
        return true;
    if (t->nodes[node].first == THREAD_NONE)
        return false;
    for (uint32_t n = t->nodes[parent].parent; n != THREAD_NONE; n = t->nodes[n].parent) {
        if (n == node || *steps_left == 0)
            return true;
        --*steps_left;
    }
    return false;
}

/* (1) of one message */
static void link_message(struct thread_tree *t, struct thread_table *table, uint32_t node,
                         uint64_t *steps_left)
{
    const struct thread_message *m = thread_message_of(t, node);
    uint32_t parent = THREAD_NONE;
    const uint64_t *references = thread_references_of(t, m);
    for (size_t i = 0; i < m->key.reference_count; i++) { /* (A) */
        uint32_t next = node_of(t, table, references[i]);
        if (parent != THREAD_NONE && t->nodes[next].parent == THREAD_NONE &&
            !would_loop(t, parent, next, steps_left))
            thread_link(t, parent, next);
        parent = next;
    }
    if (t->nodes[node].parent != THREAD_NONE && t->nodes[node].parent != parent) /* (B) */
        thread_unlink(t, node);
    if (parent != THREAD_NONE && t->nodes[node].parent == THREAD_NONE &&
        !would_loop(t, parent, node, steps_left))
        thread_link(t, parent, node);
}

void thread_link_references(struct thread_tree *t, struct rand_source *random)
{
    struct thread_table table;
    uint64_t steps_left = (uint64_t)THREAD_LOOP_STEPS * (t->in->count + THREAD_LOOP_STEPS);
    thread_table_init(&table, t->in->count, random);
    for (uint32_t node = 1; node <= t->in->count;
         node++) { /* an id belongs to the first message that has it */
        uint64_t id = thread_message_of(t, node)->key.id;
        struct thread_slot *slot = id ? thread_table_find(&table, id) : NULL;
        if (slot && !slot->node)
            thread_table_put(&table, slot, id, node);
    }
    for (uint32_t node = 1; node <= t->in->count; node++)
        link_message(t, &table, node, &steps_left);
    thread_table_deinit(&table);
    for (uint32_t node = 1; node < t->count; node++) /* (2) */
        if (t->nodes[node].parent == THREAD_NONE)
            thread_link(t, THREAD_ROOT, node);
}

/* ---- (3) ---- */

/* Next in a walk in which parents come before their children; THREAD_NONE at the end. */
static uint32_t next_in_walk(const struct thread_tree *t, uint32_t node)
{
    if (t->nodes[node].first != THREAD_NONE)
        return t->nodes[node].first;
    while (node != THREAD_ROOT && t->nodes[node].next == THREAD_NONE)
        node = t->nodes[node].parent;
    return node == THREAD_ROOT ? THREAD_NONE : t->nodes[node].next;
}

static uint32_t *walk(const struct thread_tree *t, size_t *count_out)
{
    uint32_t *order = malloc(t->count * sizeof *order);
    if (!order)
        abort();
    *count_out = 0;
    for (uint32_t node = next_in_walk(t, THREAD_ROOT); node != THREAD_NONE; node = next_in_walk(t, node))
        order[(*count_out)++] = node;
    return order;
}

/* Under the root a dummy stays only where it holds siblings together. */
static void prune_heads(struct thread_tree *t)
{
    for (uint32_t next, node = t->nodes[THREAD_ROOT].first; node != THREAD_NONE; node = next) {
        uint32_t child = t->nodes[node].first;
        next = t->nodes[node].next;
        if (!thread_is_dummy(t, node) || child != t->nodes[node].last)
            continue;
        thread_unlink(t, node);
        if (child == THREAD_NONE)
            continue;
        thread_unlink(t, child);
        thread_link(t, THREAD_ROOT, child);
    }
}

/* Children of a dummy go to the nearest ancestor that is no dummy, or to the dummy at the head of their thread. Each node moves at
 * most once, however many dummies lie above it. */
void thread_prune(struct thread_tree *t)
{
    size_t count;
    uint32_t *order = walk(t, &count);
    uint32_t *target = calloc(t->count, sizeof *target); /* by node: where its children go */
    if (!target)
        abort();
    for (size_t i = 0; i < count; i++) {
        uint32_t node = order[i], parent = t->nodes[node].parent;
        bool goes = thread_is_dummy(t, node) && parent != THREAD_ROOT;
        target[node] = goes ? target[parent] : node;
        if (!goes && target[parent] == parent)
            continue;
        thread_unlink(t, node);
        if (!goes)
            thread_link(t, target[parent], node);
    }
    free(order);
    free(target);
    prune_heads(t);
}
