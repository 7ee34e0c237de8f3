/* status.h: the STATUS response, for STATUS and for LIST RETURN (STATUS ...).
 * RFC 9051, 7.3.4; RFC 5819 */
#ifndef LOFT_IMAP_CMD_STATUS_H
#define LOFT_IMAP_CMD_STATUS_H

#include "imap/session.h"

/* "* STATUS name (MESSAGES 3 ...)". `items`: enum status_item bits.
 * All from the snapshot's counts: no message is read. */
MUST_USE int status_write(struct session *s, struct mailbox *mailbox, struct str name, unsigned items,
                          struct err *err);

/* The same of one snapshot of the mailbox, unasked: it enables nothing (RFC 5465, 5). */
void status_write_of(struct session *s, struct mailbox *mailbox, const struct snapshot *snapshot,
                     struct str name, unsigned items);

#endif
