/* limit.h: how many messages one command may work on.     RFC 9738
 * A command that names more works on those with the highest UIDs, and its reply says [MESSAGELIMIT n uid] with the
 * lowest of them: the client goes on below it. COPY and APPEND, which are whole or not at all, are refused. Without a
 * limit (imap.message_limit = 0, as delivered) all this costs a look at the setting.
 * The code stands in the tagged OK, or, where that has another one, in an untagged NO (3.1): session_finish. */
#ifndef LOFT_IMAP_CMD_LIMIT_H
#define LOFT_IMAP_CMD_LIMIT_H

#include "imap/session.h"
#include "imap/wire/partial_range.h"

/* What COPY and APPEND may take at a time: MESSAGELIMIT, or else SAVELIMIT; 0: no limit. */
uint32_t limit_of_saving(const struct session *s);
/* -ERR_LIMIT with the code, when APPEND has so many messages. */
MUST_USE int limit_append(struct session *s, size_t count, struct err *err);
/* The same for COPY of the messages of `uids` that are in the view. */
MUST_USE int limit_copy(struct session *s, const struct seqset *uids, struct err *err);

/* Keep those of `seqs`, all of them in the view, that the command may work on. */
MUST_USE int limit_seqs(struct session *s, struct seqset *seqs, struct err *err);
/* The same for UIDs; those that are not in the view go too when there are too many. */
MUST_USE int limit_uids(struct session *s, struct seqset *uids, struct err *err);
/* The same for UID EXPUNGE: messages with \Deleted count. */
MUST_USE int limit_deleted(struct session *s, struct seqset *uids, struct err *err);
/* A PARTIAL range of more messages is refused: -ERR_LIMIT with the code. */
MUST_USE int limit_page(struct session *s, const struct partial_range *range, struct err *err);

/* SORT and THREAD have nothing to say of a part of their messages: -ERR_LIMIT with the code. RFC 9738, 3.3 */
MUST_USE int limit_whole(struct session *s, uint64_t count, struct err *err);

/* Were messages left out? */
static inline bool limit_was_met(const struct session *s)
{
    return !str_is_nil(s->limit_code);
}

#endif
