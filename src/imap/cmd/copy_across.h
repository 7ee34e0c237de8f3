/* copy_across.h: COPY and MOVE into another account.     RFC 9051, 6.4.7, 6.4.8; RFC 4314, 4 */
#ifndef LOFT_IMAP_CMD_COPY_ACROSS_H
#define LOFT_IMAP_CMD_COPY_ACROSS_H

#include "imap/door.h"
#include "mail/change.h"

enum { COPY_ACROSS_MAX = 10000 }; /* messages at once: their bytes are copied */

/* Copy `uids` of the selected mailbox to `target`, all or none; with `move` they are expunged here once they are durable
 * there: a crash in between leaves two copies, never none.
 *   change  gets the results that CHANGE_COPY would have: uidvalidity, uids, source_uids, missing; modseq is that of the
 *           expunge
 *   errors  -ERR_OVERQUOTA of the target's account; -ERR_LIMIT above COPY_ACROSS_MAX; of reading blobs, incoming_prepare and account_commit */
MUST_USE int copy_across(struct session *s, const struct place *target, const struct seqset *uids, bool move,
                         struct change *change, struct err *err);

/* Expunge `sources`, UIDs in a mailbox of the selected account, of which `append` has put copies into `account`, in the same order.
 * Of messages that somebody else has moved or expunged meanwhile the copies are taken back, and so are all of them when it fails.
 *   sources  loses those, as does append->uids; both may be empty then
 *   append   gets the modseq of the expunge
 *   errors   of account_commit; after -ERR_IO the copies stay, since the messages may be gone */
MUST_USE int across_expunge(struct session *s, uint64_t mailbox_id, struct seqset *sources,
                            struct account *account, struct change *append, struct err *err);

#endif
