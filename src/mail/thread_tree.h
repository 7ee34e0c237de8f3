/* thread_tree.h: messages of one mailbox as trees of replies.     RFC 5256, 3 (THREAD); REFS: draft-ietf-morg-inthread
 *
 *   thread_input_init -> thread_input_add for each message, by uid ascending -> thread_input_take_meta for each of in->missing that has a
 *   record, in any order -> thread_tree_build -> thread_writer
 *
 * Message-IDs are known by their hashes (meta.h), of References the newest META_REFERENCES_MAX; subjects, cut at META_KEY_BYTES_MAX, too.
 * Nothing here recurses: a thread may be as deep as there are messages. Time grows as the number of messages, their references and
 * the sorting: the search for loops has THREAD_LOOP_STEPS for each message on average, which only mail made for the purpose uses up;
 * from then on a link that would need a longer search is not made.     Threads: one owner. */
#ifndef LOFT_MAIL_THREAD_TREE_H
#define LOFT_MAIL_THREAD_TREE_H

#include "base/rand.h"
#include "mail/chunk.h"
#include "mail/sort_key.h"
#include "mail/thread_keys.h"
#include "mime/meta_collate.h"

enum { THREAD_LOOP_STEPS = 256 };

struct thread_message {
    uint32_t number; /* what is written: sequence number or UID */
    uint32_t uid;
    bool is_known; /* its references are among those of in->known, or of in->references */
    int64_t internal_s;
    struct thread_key key;
};

struct thread_input {
    enum thread_algorithm algorithm;
    struct thread_keys *known; /* own reference; NULL: nothing */
    uint32_t known_at;
    uint64_t seed; /* of the hashes of subjects */
    struct thread_message *messages;
    size_t count, cap;
    uint32_t *missing; /* indexes of those that `known` has not, ascending */
    size_t missing_count, missing_cap;
    uint64_t *references; /* of those */
    size_t reference_count, reference_cap;
    struct collator collator;
};

/* Subjects are the same by `collation`: RFC 5255, 4.2.
 *   known   NULL, or the keys of messages of this mailbox, by the same collation: takes a reference of its own
 *   random  for hashes, so that a stranger who chooses subjects cannot make two of them one */
void thread_input_init(struct thread_input *in, enum thread_algorithm algorithm, enum collation collation,
                       struct thread_keys *known, struct rand_source *random);
void thread_input_deinit(struct thread_input *in);

/* The next message: index 0, 1, ... When it is missing it has no header fields until its record is taken, and its date is
 * INTERNALDATE. */
void thread_input_add(struct thread_input *in, uint32_t number, const struct message *row);
/* The record of message in->missing[i]. */
void thread_input_take_meta(struct thread_input *in, uint32_t i, const struct meta_view *view);
/* Keep the keys of those that were missing. */
void thread_input_keep(const struct thread_input *in, struct key_cache *cache, uint64_t account,
                       uint64_t mailbox);

enum { THREAD_NONE = UINT32_MAX };

/* nodes[0] is the root, nodes[1 + i] message i, those behind are dummies: no number, only as children of the root, with children. */
struct thread_node {
    uint32_t parent, first, last, next, prev; /* THREAD_NONE: none */
};

struct thread_tree {
    const struct thread_input *in;
    struct thread_node *nodes;
    size_t count, cap;
};

/* `in` is borrowed for the tree's life.   random: keys a hash table, so that a stranger who chooses Message-IDs cannot make it slow */
void thread_tree_build(const struct thread_input *in, struct rand_source *random,
                       struct thread_tree *tree_out);
void thread_tree_deinit(struct thread_tree *tree);

/* "(2)(3 6 (4 23)(44 7 96))": RFC 5256, 4. In pieces, so that a slow reader needs no large buffer:
 * struct thread_writer w = thread_writer_make(&tree); while (thread_writer_next(&w, out, some)) ... */
struct thread_writer {
    const struct thread_tree *tree;
    uint32_t node; /* next to write; THREAD_NONE: done */
};
struct thread_writer thread_writer_make(const struct thread_tree *tree);

/* Append the next `nodes_max` nodes, a few more at most; false when all is written. */
bool thread_writer_next(struct thread_writer *w, struct buf *out, size_t nodes_max);

#endif
