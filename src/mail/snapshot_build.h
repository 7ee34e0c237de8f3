/* snapshot_build.h: putting a snapshot together from nodes and chunks, in order. Private to snapshot*.c.
 * Threads: one owner. */
#ifndef LOFT_MAIL_SNAPSHOT_BUILD_H
#define LOFT_MAIL_SNAPSHOT_BUILD_H

#include "mail/snapshot.h"

struct snapshot_builder {
    struct snapshot_node **nodes; /* own references */
    uint32_t count, cap;
    /* The last of them while it takes chunks; NULL: the next chunk begins a new one. */
    struct snapshot_node *open;
};

void snapshot_builder_init(struct snapshot_builder *b, uint32_t nodes_expected);
void snapshot_builder_deinit(struct snapshot_builder *b); /* without a result */

/* The node as a whole, shared: takes a reference of its own. */
void snapshot_builder_add_node(struct snapshot_builder *b, struct snapshot_node *node);
/* Takes over the caller's reference. Begins a new node when the last one is full, shared or closed. */
void snapshot_builder_add_chunk(struct snapshot_builder *b, struct chunk *chunk);
void snapshot_builder_close_node(struct snapshot_builder *b);

/* Own reference. The builder is left as after deinit. `keywords` gets a reference of its own. */
struct snapshot *snapshot_builder_finish(struct snapshot_builder *b, uint32_t uidnext,
                                         uint64_t highest_modseq, struct keyword_table *keywords);

/* All uids from first to last are there: they are known without the columns. */
static inline bool chunk_is_dense(const struct chunk *chunk)
{
    return chunk->summary.uid_last - chunk->summary.uid_first + 1 == chunk->summary.count;
}

#endif
