/* thread_references.c: RFC 5256, 3, REFERENCES, steps (1) to (3). */
#include "mail/thread_private.h"

#include <stdlib.h>

/* Message-ID hash -> node. Open addressing; slots are chosen by a keyed mix, since senders choose the hashes. */
struct id_table {
    struct id_slot {
        uint64_t id;
        uint32_t node; /* 0: free (the root has no id) */
    } * slots;
    unsigned shift; /* 64 - log2 of the number of slots */
    size_t count;
    uint64_t key[2];
};

enum { TABLE_BITS_MIN = 8 };

static size_t slot_of(const struct id_table *table, uint64_t id)
{
    __uint128_t product = (__uint128_t)(id ^ table->key[0]) * (table->key[1] | 1);
    return (size_t)(((uint64_t)product ^ (uint64_t)(product >> 64)) * UINT64_C(0x9e3779b97f4a7c15) >>
                    table->shift);
}

static size_t table_size(const struct id_table *table)
{
    return (size_t)1 << (64 - table->shift);
}

static void table_allocate(struct id_table *table, unsigned bits)
{
    table->shift = 64 - bits;
    table->slots = calloc(table_size(table), sizeof *table->slots);
    if (!table->slots)
        abort();
}

/* The slot of `id`, or the free one where it belongs. */
static struct id_slot *table_find(const struct id_table *table, uint64_t id)
{
    size_t mask = table_size(table) - 1;
    for (size_t i = slot_of(table, id);; i = (i + 1) & mask)
        if (table->slots[i].node == 0 || table->slots[i].id == id)
            return &table->slots[i];
}

static void table_put(struct id_table *table, struct id_slot *free_slot, uint64_t id, uint32_t node)
{
    *free_slot = (struct id_slot){ id, node };
    if (++table->count * 2 <= table_size(table))
        return;
    struct id_table larger = *table;
    table_allocate(&larger, 64 - table->shift + 1);
    for (size_t i = 0; i < table_size(table); i++)
        if (table->slots[i].node)
            *table_find(&larger, table->slots[i].id) = table->slots[i];
    free(table->slots);
    *table = larger;
}

/* The message with this id, or the dummy that stands for it. */
static uint32_t node_of(struct thread_tree *t, struct id_table *table, uint64_t id)
{
    struct id_slot *slot = table_find(table, id);
    if (slot->node)
        return slot->node;
    uint32_t node = thread_new_node(t);
    table_put(table, slot, id, node);
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
static void link_message(struct thread_tree *t, struct id_table *table, uint32_t node, uint64_t *steps_left)
{
    const struct thread_message *m = thread_message_of(t, node);
    uint32_t parent = THREAD_NONE;
    for (size_t i = 0; i < m->reference_count; i++) { /* (A) */
        uint32_t next = node_of(t, table, t->in->references[m->reference + i]);
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
    struct id_table table = { .key = { rand_u64(random), rand_u64(random) } };
    uint64_t steps_left = (uint64_t)THREAD_LOOP_STEPS * (t->in->count + THREAD_LOOP_STEPS);
    unsigned bits = TABLE_BITS_MIN;
    while (bits < 32 && (size_t)1 << bits < 2 * t->in->count)
        bits++;
    table_allocate(&table, bits);
    for (uint32_t node = 1; node <= t->in->count;
         node++) { /* an id belongs to the first message that has it */
        uint64_t id = thread_message_of(t, node)->id;
        struct id_slot *slot = id ? table_find(&table, id) : NULL;
        if (slot && !slot->node)
            table_put(&table, slot, id, node);
    }
    for (uint32_t node = 1; node <= t->in->count; node++)
        link_message(t, &table, node, &steps_left);
    free(table.slots);
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
