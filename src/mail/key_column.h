/* key_column.h: one sort key of many messages of a mailbox as ranks: equal keys have the same rank, a greater key a greater one. The keys
 * themselves are kept once each, so that messages which came later find their rank.
 * Threads: any; a column never changes. */
#ifndef LOFT_MAIL_KEY_COLUMN_H
#define LOFT_MAIL_KEY_COLUMN_H

#include "mail/key_cache.h"
#include "mail/sort.h"

struct key_column {
    struct cached_keys cached;
    uint32_t count;        /* messages */
    uint32_t value_count;  /* different keys: ranks are below */
    const uint64_t *begin; /* value_count + 1: where each begins in `bytes` */
    const uint32_t *uids;  /* ascending */
    const uint32_t *ranks;
    const char *bytes;
};

/* `old` (NULL: nothing) with the messages of `sorter`, which sorts by one criterion, not reversed; uids[i] is that of its message i, ascending.
 * What `old` knows already stays as it is. Own reference. */
struct key_column *key_column_extend(const struct key_column *old, struct sorter *sorter,
                                     const uint32_t *uids);
void key_column_unref(struct key_column **column);

/* False: `uid` is not there. `at` is 0 at first; fast for uids that ascend from call to call. */
bool key_column_rank(const struct key_column *column, uint32_t uid, uint32_t *at, uint32_t *rank_out);

#endif
