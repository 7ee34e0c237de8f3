/* search_walk.h: the messages that a search program matches, one after the other, left now and then so that others are served.
 * A client that waits long is told how far we are: RFC 9585.
 * Threads: one owner. */
#ifndef LOFT_IMAP_CMD_SEARCH_WALK_H
#define LOFT_IMAP_CMD_SEARCH_WALK_H

#include "imap/cmd/search_match.h"
#include "mail/records.h"

struct search_walk {
    struct search_place place;
    struct search_program *program;
    bool backward;      /* from the last message to the first */
    uint32_t next_seq;  /* 0: at the end */
    uint32_t first_seq; /* nothing before it is looked at */
    struct chunk_span span;
    bool is_looked;             /* at the span */
    struct lane_verdicts left;  /* of its messages: those that match and those that stay to be looked at */
    uint32_t done_before, goal; /* for the progress that is told: messages of other mailboxes, and of all */
    bool scores;                /* the relevancy is wanted */
    unsigned score;             /* of the match found last, 1 to 100 */

    /* Messages of the span whose records were read ahead. */
    unsigned slots;
    struct lanes ahead;
    uint32_t ahead_next_count;                /* more each time: who stops early shall not have read much */
    uint32_t ahead_index[CHUNK_MESSAGES_MAX]; /* in the batches */
    struct record_batch meta, header;
};

/*   args    borrows, until search_walk_deinit
 *   arena   where the program lives
 *   errors  those of search_program_new; BADCHARSET is told as the reply's code */
MUST_USE int search_walk_init(struct search_walk *walk, struct session *s, const struct search_place *place,
                              const struct search_args *args, struct arena *arena, bool backward,
                              struct err *err);
/* Of more messages than one command may look at, look at the newest only (RFC 9738): `whole` refuses instead. To be
 * called before the first search_walk_next, for the mailbox that is selected. */
MUST_USE int search_walk_limit(struct search_walk *walk, struct session *s, bool whole, struct err *err);
void search_walk_deinit(struct search_walk *walk);

/* Matches of one chunk. */
struct search_hits {
    const struct chunk_columns *columns; /* borrows, until the next call */
    uint32_t first_seq;
    struct lanes lanes;
};

/* All matches of the next chunk that has some: 1, and else as search_walk_next. For a walk forward without scores, which uses nothing else. */
MUST_USE int search_walk_next_chunk(struct search_walk *walk, struct session *s, struct search_hits *hits_out,
                                    struct err *err);

/* 1 and the next match, 0 at the end, -ERR_AGAIN when session_must_wait (call again later; place.snapshot must still be there),
 * or an error of search_program_match. */
MUST_USE int search_walk_next(struct search_walk *walk, struct session *s, uint32_t *seq_out,
                              struct message *row_out, struct err *err);

#endif
