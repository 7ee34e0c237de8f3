/* ranking.h: the order of many messages of a mailbox by sort criteria, with stored keys taken from the key cache where it has them.
 *
 *   ranking_init -> ranking_add for each message, by uid ascending -> ranking_take_meta for each of r->missing, in any order
 *   -> ranking_order -> ranking_deinit
 *
 * What was missing is kept for the next time.     Threads: one owner. */
#ifndef LOFT_MAIL_RANKING_H
#define LOFT_MAIL_RANKING_H

#include "mail/key_column.h"

struct ranking_key {
    struct sort_criterion criterion; /* not reversed: for the sorter */
    struct key_column *column;       /* own reference; NULL: nothing is known yet */
    struct sorter sorter;            /* of r->missing */
    uint32_t at;                     /* in the column */
    uint64_t *numbers;               /* by message: they sort as the keys do */
};

struct ranking {
    struct key_cache *cache;
    struct key_cache_id id;
    enum collation collation;
    const struct sort_criterion *criteria;
    size_t criterion_count;
    struct ranking_key keys[SORT_CRITERIA_MAX]; /* one a criterion */
    uint32_t *uids, *missing; /* missing: indexes of the messages of which a key is to be read, ascending */
    size_t count, missing_count, cap;
};

/*   criteria  1..SORT_CRITERIA_MAX of them, borrowed until ranking_deinit
 *   exists    messages in the mailbox: what is kept of many more than that is not used */
void ranking_init(struct ranking *r, struct key_cache *cache, uint64_t account, uint64_t mailbox,
                  uint32_t exists, const struct sort_criterion *criteria, size_t count,
                  enum collation collation);
void ranking_deinit(struct ranking *r);

/*   relevancy  1 to 100: RFC 6203, 6; 0 when it is no criterion */
void ranking_add(struct ranking *r, const struct message *row, unsigned relevancy);

/* The keys of message r->missing[i]. Those whose record is not there count as without header fields. */
void ranking_take_meta(struct ranking *r, uint32_t i, const struct meta_view *view);

/* Indexes of the messages, in order; equal ones in the order they were added.
 *   keep       what was missing may be kept: every record could be read
 *   order_out  room for r->count */
void ranking_order(struct ranking *r, bool keep, uint32_t *order_out);

#endif
