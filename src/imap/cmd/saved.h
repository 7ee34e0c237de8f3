/* saved.h: message sets of a command, resolved: "*", "$" (RFC 5182), sequence numbers and UIDs. */
#ifndef LOFT_IMAP_CMD_SAVED_H
#define LOFT_IMAP_CMD_SAVED_H

#include "imap/session.h"

/* The UIDs that `set` means in the command in progress: UIDs in its UID form, else sequence numbers. "*" is
 * the last message, "$" the saved result.
 *   uids_out  in the session's arena. In the UID form numbers that do not exist are left in: the caller meets
 *             them as missing; but nothing above the last UID, so that "1:4294967295" costs nothing
 *   returns   0; -ERR_INVALID: a sequence number above what exists (BAD, RFC 9051, 6.4.5) */
MUST_USE int message_set_uids(struct session *s, const struct seqset *set, struct seqset *uids_out,
                              struct err *err);

/* The UIDs that a set of UIDs means, there or not: "*" is `max`, "$" the saved result. */
void message_set_resolve(struct session *s, const struct seqset *set, uint32_t max, struct seqset *uids_out);

/* The same as sequence numbers of the view; those that are not there are left out. */
MUST_USE int message_set_seqs(struct session *s, const struct seqset *set, bool are_uids,
                              struct seqset *seqs_out, struct err *err);

#endif
