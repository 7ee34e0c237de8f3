/* context.h: results of searching commands that are kept up to date while the mailbox is selected: RETURN (UPDATE).
 * RFC 5267, 4.3
 *
 * A context has a copy of its command's arguments, its search program, and the UIDs that match: four bytes a message,
 * eight for SORT, whose order is kept too. It costs nothing until the view moves; then only the messages that came,
 * went or changed are looked at (update.c calls here), with those that `OLDER`, `YOUNGER` or "*" may mean now.
 * Threads: those of the session. */
#ifndef LOFT_IMAP_CONTEXT_H
#define LOFT_IMAP_CONTEXT_H

#include "imap/cmd/numbers.h"
#include "imap/session.h"
#include "imap/wire/sort_args.h"

enum {
    CONTEXTS_MAX = 16,             /* of one session; the first is never refused: RFC 5267, 4.3.1 */
    CONTEXT_RESULTS_MAX = 1 << 20, /* of all contexts of a session */
    CONTEXT_PROGRAM_BYTES_MAX = 1 << 20,
    CONTEXT_LOOK_S = 60, /* how often OLDER and YOUNGER are looked at anew: RFC 5032, 2 */
};

/* -ERR_INVALID (BAD) when the command in progress asks for UPDATE under a tag that a context has: RFC 5267, 4.3. */
MUST_USE int context_check_tag(const struct session *s, const struct search_args *args, struct err *err);

/* From now on tell of changes to this result of the command in progress, or say NOUPDATE: RFC 5267, 4.3.1.
 *   criteria  of SORT; count 0: SEARCH
 *   uids        all that match, in order, in the view's snapshot
 *   correlator  what the answer to the command begins with: "(TAG "a")"
 *   errors    those of search_program_new */
MUST_USE int context_add(struct session *s, const struct search_args *args,
                         const struct sort_criterion *criteria, size_t criterion_count,
                         const struct numbers *uids, struct str correlator, struct err *err);

/* Say that the command in progress is not kept up to date: NOUPDATE. */
void context_refuse(struct session *s);

/* Tell no more of the contexts with these tags. -ERR_INVALID when there is none for one of them: then all stay. */
MUST_USE int context_cancel(struct session *s, const struct str *tags, size_t count, struct err *err);

/* UIDONLY has been enabled: results by number are told no more, NOUPDATE says so (RFC 9586, 3). */
void contexts_end_numbers(struct session *s);

/* The mailbox is left. */
void contexts_drop(struct session *s);

/* ---- for update.c ---- */

/* What the view has moved over, and how far we are in telling of it. Zeroed but for the first four. */
struct context_round {
    struct arena *arena;
    const struct snapshot *before; /* what the client knew */
    const struct snapshot_diff *diff;
    bool
        gone; /* of messages that were expunged, with the numbers that they had: before EXPUNGE is told (RFC 5267, 4.3.4);
                  else of messages that came and changed: after EXISTS and FETCH (4.3.3) */
    struct context *at;
    enum { ROUND_BEGIN, ROUND_LOOK, ROUND_TELL, ROUND_END } stage;
    struct seqset aged;
    struct seqset_iter aged_left;
    size_t next;
    struct seqset lost, gained;
    struct context_news *news; /* NULL-terminated list */
};

/* RFC 5465, 7: the items with which a message that came and belongs to contexts is told, of all of them; added to `args`, in
 * the arena. False: none wants any. */
bool contexts_add_items(const struct session *s, uint32_t uid, struct fetch_args *args, struct arena *arena);
/* Does any want items? */
bool contexts_want_items(const struct session *s);

/* Has time alone made messages match, or not any more, long enough ago? */
bool contexts_due(const struct session *s);

/* Tell of all contexts. -ERR_AGAIN to be called again with the same round; errors of chunk_columns. */
MUST_USE int contexts_tell(struct session *s, struct context_round *round, struct err *err);

#endif
