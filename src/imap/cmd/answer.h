/* answer.h: telling what SEARCH, SORT or ESEARCH found, in pieces, and saving it.
 * RFC 9051, 7.3.4; RFC 4731; RFC 5267, 3; RFC 9394, 3; RFC 5182, 2; RFC 7162, 3.1.9 and 3.1.10; RFC 6203, 4 */
#ifndef LOFT_IMAP_CMD_ANSWER_H
#define LOFT_IMAP_CMD_ANSWER_H

#include "imap/cmd/numbers.h"
#include "imap/cmd/search_match.h"

/* What was found, in the order in which it is told. */
struct found {
    struct numbers numbers, uids; /* numbers: what is told; the same as uids in the UID form */
    const uint8_t *scores;        /* RELEVANCY of each; borrowed; NULL: not wanted */
    bool is_page;                 /* only the results that PARTIAL asks for were looked for */
    uint64_t modseq_max;          /* of all of them */
};

struct answer {
    const struct search_args *args;
    struct found found; /* borrows */
    struct numbers page;
    size_t page_from;
    struct seqset told_uids; /* that SAVE saves and whose MODSEQ is told */
    uint64_t modseq;         /* 0: not told */
    struct str correlator;   /* "(TAG "a")"; NIL: none, the answer is `plain` */
    const char *plain;       /* "* SEARCH", "* SORT" */
    enum { ANSWER_HEAD, ANSWER_NUMBERS, ANSWER_SCORES, ANSWER_TAIL } stage;
    struct numbers_place place;
    size_t next_score;
};

/* May the search stop as soon as it has the page that PARTIAL asks for? */
bool answer_needs_page_only(const struct search_args *args);

/* Does anything that it is to do ask for UIDs of what was found by sequence number? Then found.uids must be there. */
bool answer_needs_uids(const struct search_args *args);

/* Make ready to tell.
 *   place   where it was found
 *   plain   the untagged response that the command has without RETURN; NULL: ESEARCH, also without
 *   source  what ESEARCH tells beside the tag, with a space before it: " MAILBOX x UIDVALIDITY 1"; NIL: nothing
 *   errors  of chunk_columns */
MUST_USE int answer_init(struct answer *answer, struct session *s, const struct search_args *args,
                         const struct found *found, const struct search_place *place, const char *plain,
                         struct str source, struct arena *arena, struct err *err);

/* Tell it: 0, or -ERR_AGAIN with s->half_said set, to be called again. Nothing is told when only SAVE was asked for. */
MUST_USE int answer_write(struct answer *answer, struct session *s);

/* "$" becomes what the answer tells: RFC 5182, 2.1; RFC 9394, 3.2. */
void answer_save(const struct answer *answer, struct session *s);
/* RFC 5182, 2.1: a search that fails with NO leaves an empty result. */
void answer_save_nothing(struct session *s);

#endif
