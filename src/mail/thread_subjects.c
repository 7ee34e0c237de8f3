/* thread_subjects.c: RFC 5256, 3: ORDEREDSUBJECT, and step (5) of REFERENCES. */
#include "mail/thread_private.h"

#include "base/map.h"

#include <stdlib.h>

/* ---- ORDEREDSUBJECT ---- */

struct titled {
    const struct thread_message *message;
    struct str subject;
    uint32_t node;
};

static int compare_titled(const void *x, const void *y)
{
    const struct titled *a = x, *b = y;
    int d = str_cmp(a->subject, b->subject);
    if (d)
        return d;
    if (a->message->sent_s != b->message->sent_s)
        return a->message->sent_s < b->message->sent_s ? -1 : 1;
    return (a->node > b->node) - (a->node < b->node);
}

/* The first message of each subject by sent date, the others as its children. Threads are sorted by the caller. */
void thread_by_subject(struct thread_tree *t)
{
    size_t count = t->in->count;
    struct titled *all = calloc(count ? count : 1, sizeof *all);
    if (!all)
        abort();
    for (uint32_t i = 0; i < count; i++)
        all[i] = (struct titled){ thread_message_of(t, i + 1), thread_subject(t, i + 1), i + 1 };
    qsort(all, count, sizeof *all, compare_titled);
    for (size_t i = 0, head = 0; i < count; i++) {
        if (!str_eq(all[i].subject, all[head].subject))
            head = i;
        thread_link(t, head == i ? THREAD_ROOT : all[head].node, all[i].node);
    }
    free(all);
}

/* ---- REFERENCES, (5) ---- */

/* The message by whose subject a thread is known. */
static uint32_t subject_node(const struct thread_tree *t, uint32_t head)
{
    return thread_is_dummy(t, head) ? t->nodes[head].first : head;
}

static bool is_reply(const struct thread_tree *t, uint32_t head)
{
    return !thread_is_dummy(t, head) && thread_message_of(t, head)->is_reply;
}

/* (B) Map values are nodes as pointers into `handles`, since a map holds no numbers. */
static void fill_table(const struct thread_tree *t, struct map *table, uint32_t *handles)
{
    for (uint32_t head = t->nodes[THREAD_ROOT].first; head != THREAD_NONE; head = t->nodes[head].next) {
        struct str subject = thread_subject(t, subject_node(t, head));
        if (subject.n == 0)
            continue;
        uint32_t *in_table = map_get(table, subject);
        handles[head] = head;
        if (!in_table)
            map_put(table, subject, &handles[head]);
        else if (!thread_is_dummy(t, *in_table) &&
                 (thread_is_dummy(t, head) || (is_reply(t, *in_table) && !is_reply(t, head))))
            *in_table = head;
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

void thread_merge_subjects(struct thread_tree *t)
{
    struct map table;
    size_t count = 0;
    uint32_t *handles = calloc(t->count, sizeof *handles);
    uint32_t *heads = calloc(t->count, sizeof *heads);
    if (!handles || !heads)
        abort();
    map_init(&table);
    fill_table(t, &table, handles);
    for (uint32_t head = t->nodes[THREAD_ROOT].first; head != THREAD_NONE; head = t->nodes[head].next)
        heads[count++] = head;
    for (size_t i = 0; i < count; i++) {
        uint32_t head = heads[i];
        if (t->nodes[head].parent !=
            THREAD_ROOT) /* has become a child of the dummy that took its place in the table */
            continue;
        struct str subject = thread_subject(t, subject_node(t, head));
        uint32_t *in_table = subject.n ? map_get(&table, subject) : NULL;
        if (in_table && *in_table != head)
            merge(t, head, in_table);
    }
    map_deinit(&table);
    free(heads);
    free(handles);
}
