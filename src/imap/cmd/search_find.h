/* search_find.h: all that a search program matches in one mailbox, or the page of it that is asked for.
 * Threads: one owner. */
#ifndef LOFT_IMAP_CMD_SEARCH_FIND_H
#define LOFT_IMAP_CMD_SEARCH_FIND_H

#include "imap/cmd/answer.h"
#include "imap/cmd/search_walk.h"

struct search_find {
    struct search_walk walk;
    struct arena *arena;
    bool uid, needs_uids;
    bool any; /* some message has matched, on the page or not */

    /* Of a search that stops as soon as it has its page: hits still to be passed over, and to be taken. */
    bool page_only;
    size_t skip, wanted;
    uint32_t *seqs, *page_uids;
    size_t page_count, seqs_cap, uids_cap;

    /* Hits. */
    struct seqset numbers,
        uids; /* numbers: sequence numbers, none in the UID form; uids: none unless needs_uids */
    uint64_t modseq_max;
    uint8_t *scores; /* RELEVANCY; NULL: not wanted */
    size_t score_count, scores_cap;
};

/* errors: those of search_walk_init */
MUST_USE int search_find_init(struct search_find *f, struct session *s, const struct search_place *place,
                              const struct search_args *args, struct arena *arena, struct err *err);
void search_find_deinit(struct search_find *f);

/* Find: 0, -ERR_AGAIN to be called again, or another error of search_walk_next.
 *   found_out  borrows `f` and its arena */
MUST_USE int search_find_run(struct search_find *f, struct session *s, struct found *found_out,
                             struct err *err);

#endif
