/* search_match.h: does a message match a search program?     RFC 9051, 6.4.4
 * Evaluated in stages that cost more and more; each answers yes, no or not known yet, and a message is decided as early as
 * possible: by its row (flags, dates, size) and by the search index, with all others of its chunk at once; by its stored records
 * (header fields, sent date); by its bytes (BODY, TEXT).
 * A FUZZY key (RFC 6203) matches all that the key alone does, and more.
 * Threads: one owner. */
#ifndef LOFT_IMAP_CMD_SEARCH_MATCH_H
#define LOFT_IMAP_CMD_SEARCH_MATCH_H

#include "imap/cmd/search_lanes.h"
#include "imap/session.h"
#include "imap/wire/search_args.h"

struct search_index;
struct search_program;

/* Where the messages are. All of it is borrowed. */
struct search_place {
    struct account *account;
    const struct snapshot *snapshot; /* sequence numbers of the program are its own */
    const struct view *view;         /* whose \Recent; NULL: no message is */
    const struct seqset *saved;      /* "$", UIDs; NULL: empty */
    int64_t now_s;                   /* OLDER, YOUNGER */
    enum collation collation;        /* of text */
    /* The program will be asked about later snapshots too: sequence numbers and "$" stand for the messages that
     * they are now (RFC 5267, 4.3); "*" among UIDs follows the mailbox. See search_program_follow. */
    bool lasting;
    /* Of the account, with what it has answered for the same arguments at other places; NULL: the program takes one of its own. */
    struct search_index *index;
};

/* The mailbox that the session has selected, as its client knows it. */
struct search_place search_place_selected(struct session *s);

/* Make ready for a place: texts decoded from their charset and folded, sets resolved, keywords looked up.
 *   args, place  borrows what they point to, until search_program_free
 *   program_out  lives partly in `arena`
 *   errors       -ERR_CHARSET: charset not known; -ERR_IO, -ERR_CORRUPT */
MUST_USE int search_program_new(const struct search_place *place, const struct search_args *args,
                                struct arena *arena, struct search_program **program_out, struct err *err);
/* A lasting program is asked about `snapshot` from now on: keywords may have got their place in the table, "*" is
 * another message, time has gone on. Borrows `snapshot` for the call. -ERR_IO, -ERR_CORRUPT */
MUST_USE int search_program_follow(struct search_program *program, const struct snapshot *snapshot,
                                   int64_t now_s, struct err *err);
/* Messages which no change of their own makes match or not any more, now that a lasting program has moved on:
 * the last one of either snapshot where "*" is among the UIDs, and those whose age has come since `since_s`.
 *   uids_out  in `arena` */
MUST_USE int search_program_aged(const struct search_program *program, const struct snapshot *before,
                                 const struct snapshot *now, int64_t since_s, struct arena *arena,
                                 struct seqset *uids_out, struct err *err);
/* Does time alone make messages match or not? */
bool search_program_ages(const struct search_program *program);

/* The messages that come into question by the sets of UIDs and sequence numbers alone, of those keys that every match
 * must meet. As sequence numbers, in the program's arena. */
MUST_USE int search_program_scope(const struct search_program *program, struct seqset *seqs_out,
                                  struct err *err);

/* The search index of an account, for places of it; NULL: there is none. Frees by search_index_free, before the account goes.
 *   args  of all programs that share it */
struct search_index *search_index_of(struct account *account, const struct search_args *args);

/* It will not be used for some time: let go of the message read last, and if it is a lasting one, of the index. */
void search_program_rest(struct search_program *program);
void search_program_free(struct search_program **program);

/* ---- matching, a chunk of messages at a time ---- */

/* Records of a message that were read with those of others; NIL: not there, it is looked for when it is needed. */
struct search_records {
    struct str meta, header;
};

/* Which records (bits 1 << enum blob_slot) it looks at for messages that stay open. */
unsigned search_program_slots(const struct search_program *program);

/* A chunk is at hand from now on: `columns` is borrowed until the next, its first message has the number `first_seq`. */
void search_program_begin(struct search_program *program, const struct chunk_columns *columns,
                          uint32_t first_seq);
/* What can be said of its messages without reading them, by their rows and by the search index. False: to be called again with the same
 * `verdicts`, after others have had their turn. */
bool search_program_look(struct search_program *program, struct lane_verdicts *verdicts);

/* An open message, by its place in the chunk: 1 it matches, 0 not, or an error; -ERR_AGAIN when `s` must wait (NULL: nobody): to be
 * called again with the same. A message whose bytes are gone meanwhile
 * (expunged) matches nothing that needs them.
 *   records  borrows, until the next call; NULL: none were read ahead */
MUST_USE int search_program_decide(struct search_program *program, uint32_t lane,
                                   const struct search_records *records, struct session *s, struct err *err);

/* The same of one message alone. */
MUST_USE int search_program_match(struct search_program *program, uint32_t seq, const struct message *row,
                                  struct err *err);

/* How relevant a message of the chunk is that matches, 1 to 100: RFC 6203, 4. A FUZZY key on text has the score of fuzzy.h, TEXT a body at
 * BODY_PERCENT of it; on a date or a size it matches what is near, the less the farther. Of several keys it is the mean; of
 * OR the best. Where nothing is fuzzy it is 100. Otherwise as search_program_decide. */
MUST_USE int search_program_score(struct search_program *program, uint32_t lane,
                                  const struct search_records *records, struct session *s,
                                  unsigned *score_out, struct err *err);

#endif
