/* sort_hits.h: what SORT and THREAD begin with: the messages that match, and their stored keys.     RFC 5256, 3 */
#ifndef LOFT_IMAP_CMD_SORT_HITS_H
#define LOFT_IMAP_CMD_SORT_HITS_H

#include "imap/cmd/search_walk.h"
#include "mail/records.h"

/* A message that matches, in order of sequence number; `number` is its UID in the UID form. */
typedef void sort_hit_fn(void *ctx, uint32_t number, const struct message *row);

struct sort_hits {
    struct search_walk walk;
    bool uid;
    sort_hit_fn *fn;
    void *ctx;
    struct record_wanted *wanted; /* the matches, or those of them whose keys are to be read */
    size_t count, cap;
    size_t next_key; /* the first whose keys have not been read */
    size_t damaged;  /* whose keys cannot be understood */
};

/* errors: those of search_walk_init */
MUST_USE int sort_hits_init(struct sort_hits *h, struct session *s, const struct search_args *search,
                            sort_hit_fn *fn, void *ctx, struct err *err);
void sort_hits_deinit(struct sort_hits *h);

/* Call `fn` for every match. 0, or an error of search_walk_next: after -ERR_AGAIN call again. */
MUST_USE int sort_hits_find(struct sort_hits *h, struct session *s, struct err *err);

/* Of these matches alone the keys are to be read: indexes, ascending. sort_hits_read_keys tells of keep[i] as i. Once, before it. */
void sort_hits_keep(struct sort_hits *h, const uint32_t *keep, size_t count);

/* Hand the stored keys of the matches to `fn`; after -ERR_AGAIN call again. Records that are damaged are passed over, and a
 * word of it goes to the log. */
MUST_USE int sort_hits_read_keys(struct sort_hits *h, struct session *s, meta_fn *fn, void *ctx,
                                 struct err *err);

#endif
