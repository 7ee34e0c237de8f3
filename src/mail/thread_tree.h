/* thread_tree.h: messages of one mailbox as trees of replies.     RFC 5256, 3 (THREAD); REFS: draft-ietf-morg-inthread
 *
 *   thread_input_add for each message, in order of sequence number -> thread_input_take_meta for each that has a record, in any order
 *   -> thread_tree_build -> thread_writer
 *
 * Message-IDs are known by their hashes (meta.h), of References the newest META_REFERENCES_MAX; subjects are cut at META_KEY_BYTES_MAX.
 * Nothing here recurses: a thread may be as deep as there are messages. Time grows as the number of messages, their references and
 * the sorting: the search for loops has THREAD_LOOP_STEPS for each message on average, which only mail made for the purpose uses up;
 * from then on a link that would need a longer search is not made.     Threads: one owner. */
#ifndef LOFT_MAIL_THREAD_TREE_H
#define LOFT_MAIL_THREAD_TREE_H

#include "base/rand.h"
#include "mail/chunk.h"
#include "mail/sort_key.h"
#include "mime/meta_collate.h"

enum { THREAD_LOOP_STEPS = 256 };

struct thread_message {
    uint32_t number; /* what is written: sequence number or UID */
    bool is_reply;   /* or forward: RFC 5256, 3, REFERENCES */
    uint16_t subject_n, reference_count;
    int64_t sent_s, internal_s;
    uint64_t id;      /* hash; 0: none */
    size_t subject;   /* base subject: offset in strings */
    size_t reference; /* first of its references */
};

struct thread_input {
    enum thread_algorithm algorithm;
    struct thread_message *messages;
    size_t count, cap;
    uint64_t *references;
    size_t reference_count, reference_cap;
    struct buf strings;
    struct collator collator;
};

/* Subjects are the same by `collation`: RFC 5255, 4.2. */
void thread_input_init(struct thread_input *in, enum thread_algorithm algorithm, enum collation collation);
void thread_input_deinit(struct thread_input *in);

/* The next message: index 0, 1, ... Until its record is taken it has no header fields, and its date is INTERNALDATE. */
void thread_input_add(struct thread_input *in, uint32_t number, const struct message *row);
void thread_input_take_meta(struct thread_input *in, uint32_t index, const struct meta_view *view);

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
