/* numbers.h: sequence numbers or UIDs in some order, told in pieces.     Threads: one owner. */
#ifndef LOFT_IMAP_CMD_NUMBERS_H
#define LOFT_IMAP_CMD_NUMBERS_H

#include "base/seqset.h"

struct numbers {
    const uint32_t *list; /* borrowed, in this order; NULL: `set`, ascending */
    struct seqset set;
    size_t count;
};

struct numbers numbers_of_set(struct seqset set);
struct numbers numbers_of_list(const uint32_t *list, size_t count);

uint32_t numbers_first(const struct numbers *n); /* 0 when there are none */
uint32_t numbers_last(const struct numbers *n);

/* `count` of them from number `from` (0-based) on: all of them must be there. Lives in `arena`, borrows n->list. */
struct numbers numbers_slice(const struct numbers *n, size_t from, size_t count, struct arena *arena);

/* A place among them, zeroed at the start. */
struct numbers_place {
    size_t at;       /* in the list, or in the ranges of the set */
    uint32_t inside; /* the range */
};

/* Append about `max` of them, or ranges, and move on; false when none is left.
 *   as_set  as a sequence-set, in their order: a range only where they ascend (RFC 5267, 3.2); else each with a space before it */
bool numbers_write(const struct numbers *n, bool as_set, size_t max, struct numbers_place *place,
                   struct buf *out);

#endif
