/* thread_private.h: what the files that build a thread_tree share. */
#ifndef LOFT_MAIL_THREAD_PRIVATE_H
#define LOFT_MAIL_THREAD_PRIVATE_H

#include "mail/thread_tree.h"

enum { THREAD_ROOT = 0 };

static inline bool thread_is_dummy(const struct thread_tree *t, uint32_t node)
{
    return node > t->in->count;
}

static inline const struct thread_message *thread_message_of(const struct thread_tree *t, uint32_t node)
{
    return &t->in->messages[node - 1];
}

static inline const uint64_t *thread_references_of(const struct thread_tree *t,
                                                   const struct thread_message *m)
{
    if (m->key.reference_count == 0)
        return NULL;
    return (m->is_known ? t->in->known->references : t->in->references) + m->key.reference;
}

uint32_t thread_new_node(struct thread_tree *t); /* a dummy without parent; moves t->nodes */
void thread_link(struct thread_tree *t, uint32_t parent, uint32_t node); /* as the last child */
void thread_unlink(struct thread_tree *t, uint32_t node);

/* thread_references.c: steps 1 to 3 */
void thread_link_references(struct thread_tree *t, struct rand_source *random);
void thread_prune(struct thread_tree *t);

/* thread_subjects.c: ORDEREDSUBJECT, and step 5 of REFERENCES */
void thread_by_subject(struct thread_tree *t, struct rand_source *random);
void thread_merge_subjects(struct thread_tree *t, struct rand_source *random);

#endif
