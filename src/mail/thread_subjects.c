/* thread_subjects.c: RFC 5256, 3: ORDEREDSUBJECT, and step (5) of REFERENCES. */
#include "mail/thread_private.h"

#include "mail/thread_table.h"

#include <stdlib.h>

/* ---- ORDEREDSUBJECT ---- */

static bool was_sent_before(const struct thread_tree *t, uint32_t a, uint32_t b)
{
    int64_t x = thread_message_of(t, a)->key.sent_s, y = thread_message_of(t, b)->key.sent_s;
    return x != y ? x < y : a < b;
}

/* The first message of each subject by sent date, the others as its children. All are sorted by the caller. */
void thread_by_subject(struct thread_tree *t, struct rand_source *random)
{
    struct thread_table heads;
    thread_table_init(&heads, t->in->count, random);
    for (uint32_t node = 1; node <= t->in->count; node++) {
        uint64_t subject = thread_message_of(t, node)->key.subject;
        struct thread_slot *slot = thread_table_find(&heads, subject);
        if (!slot->node)
            thread_table_put(&heads, slot, subject, node);
        else if (was_sent_before(t, node, slot->node))
            slot->node = node;
    }
    for (uint32_t node = 1; node <= t->in->count; node++) {
        uint32_t head = thread_table_find(&heads, thread_message_of(t, node)->key.subject)->node;
        thread_link(t, head == node ? THREAD_ROOT : head, node);
    }
    thread_table_deinit(&heads);
}

/* ---- REFERENCES, (5) ---- */

/* The message by whose subject a thread is known. */
static uint32_t subject_node(const struct thread_tree *t, uint32_t head)
{
    return thread_is_dummy(t, head) ? t->nodes[head].first : head;
}

static bool is_reply(const struct thread_tree *t, uint32_t head)
{
    return !thread_is_dummy(t, head) && thread_message_of(t, head)->key.is_reply;
}

static uint64_t subject_of(const struct thread_tree *t, uint32_t head)
{
    return thread_message_of(t, subject_node(t, head))->key.subject;
}

/* (B) */
static void fill_table(const struct thread_tree *t, struct thread_table *table)
{
    for (uint32_t head = t->nodes[THREAD_ROOT].first; head != THREAD_NONE; head = t->nodes[head].next) {
        uint64_t subject = subject_of(t, head);
        struct thread_slot *slot = subject ? thread_table_find(table, subject) : NULL;
        if (!slot)
            continue;
        if (!slot->node)
            thread_table_put(table, slot, subject, head);
        else if (!thread_is_dummy(t, slot->node) &&
                 (thread_is_dummy(t, head) || (is_reply(t, slot->node) && !is_reply(t, head))))
            slot->node = head;
    }
}

static void move(struct thread_tree *t, uint32_t node, uint32_t parent)
{
    thread_unlink(t, node);
    thread_link(t, parent, node);
}

/* (C) of one head, which is not the one in the table */
static void merge(struct thread_tree *t, uint32_t head, uint32_t *in_table)
{
    if (thread_is_dummy(t, head) && thread_is_dummy(t, *in_table)) {
        while (t->nodes[head].first != THREAD_NONE)
            move(t, t->nodes[head].first, *in_table);
        thread_unlink(t, head);
    } else if (thread_is_dummy(t, *in_table) || (is_reply(t, head) && !is_reply(t, *in_table))) {
        move(t, head, *in_table);
    } else {
        uint32_t dummy = thread_new_node(t);
        thread_link(t, THREAD_ROOT, dummy);
        move(t, *in_table, dummy);
        move(t, head, dummy);
        *in_table = dummy;
    }
}

void thread_merge_subjects(struct thread_tree *t, struct rand_source *random)
{
    struct thread_table table;
    size_t count = 0;
    uint32_t *heads = calloc(t->count, sizeof *heads);
    if (!heads)
        abort();
    for (uint32_t head = t->nodes[THREAD_ROOT].first; head != THREAD_NONE; head = t->nodes[head].next)
        heads[count++] = head;
    thread_table_init(&table, count, random);
    fill_table(t, &table);
    for (size_t i = 0; i < count; i++) {
        uint32_t head = heads[i];
        if (t->nodes[head].parent !=
            THREAD_ROOT) /* has become a child of the dummy that took its place in the table */
            continue;
        uint64_t subject = subject_of(t, head);
        struct thread_slot *slot = subject ? thread_table_find(&table, subject) : NULL;
        if (slot && slot->node && slot->node != head)
            merge(t, head, &slot->node);
    }
    thread_table_deinit(&table);
    free(heads);
}
