/* thread_table.h: from hashes (of Message-IDs, of subjects) to nodes of a thread tree. Slots are chosen by a keyed mix, since senders choose the
 * hashes.     Threads: one owner. */
#ifndef LOFT_MAIL_THREAD_TABLE_H
#define LOFT_MAIL_THREAD_TABLE_H

#include "base/rand.h"

#include <stddef.h>

struct thread_slot {
    uint64_t hash;
    uint32_t node; /* 0: free (the root has no hash) */
};

struct thread_table {
    struct thread_slot *slots; /* open addressing */
    unsigned shift;            /* 64 - log2 of the number of slots */
    size_t count;
    uint64_t key[2];
};

/*   expected  as many are likely to come */
void thread_table_init(struct thread_table *table, size_t expected, struct rand_source *random);
void thread_table_deinit(struct thread_table *table);

/* The slot of `hash`, or the free one where it belongs. Valid until the next put. */
struct thread_slot *thread_table_find(const struct thread_table *table, uint64_t hash);
/* Fill a free slot that find has given. */
void thread_table_put(struct thread_table *table, struct thread_slot *slot, uint64_t hash, uint32_t node);

#endif
