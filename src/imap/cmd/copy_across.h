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

#endif
