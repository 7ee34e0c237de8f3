/* notify.h: what a client has asked to be told of with NOTIFY: which mailboxes are watched, what it knows of each, and
 * the responses that tell the difference.     RFC 5465
 *
 * For each watched mailbox the session holds the snapshot that its client was last told of. Whoever commits marks the
 * mailboxes that changed and wakes the session (mail/account.h, watching); the session looks at those that are marked
 * and tells the difference of two snapshots, or of two trees of names. So nothing piles up: a thousand changes between
 * two looks are one STATUS, a client that does not read costs no more than one that does, and a mailbox that does not
 * change costs nothing.
 *
 * Of the selected mailbox update.c tells, as ever; here stand what of it is wanted, and when.
 *
 * Where groups of one command overlap (RFC 5465, 6): events add up. A group with NONE takes back what groups of the same
 * kind or a broader one ask for (MAILBOXES is narrower than SUBTREE, and that than the others): "(personal (...))
 * (mailboxes Trash NONE)" is all but Trash.
 * Threads: those of the session; watchers are called on others. */
#ifndef LOFT_IMAP_NOTIFY_H
#define LOFT_IMAP_NOTIFY_H

#include "imap/notify_names.h"
#include "imap/session.h"
#include "imap/wire/notify_args.h"

/* All events that can be asked for; others are refused with BADEVENT. */
extern const unsigned notify_supported;

/* Watch what `args` says, in place of what was watched before. STATUS responses are told by notify_tell.
 *   errors  -ERR_LIMIT: too many mailboxes: NOTIFICATIONOVERFLOW; then all stays as it was */
MUST_USE int notify_set(struct session *s, const struct notify_args *args, struct err *err);
/* NOTIFY NONE: tell of nothing. */
void notify_none(struct session *s);
/* As if NOTIFY had never been used. */
void notify_drop(struct session *s);

/* ---- the selected mailbox ---- */

/* What of it is to be told: enum notify_event bits; all message events while NOTIFY has not been used. */
unsigned notify_selected_events(const struct session *s);
/* Everything once, whatever is asked for from now on: NOTIFY SET is a NOOP too (RFC 5465, 3.1). */
void notify_catch_up(struct session *s, bool on);
/* Between commands, is there something to tell? Asking takes the mark away. */
bool notify_selected_is_due(struct session *s);
/* EXPUNGE between commands: SELECTED, not SELECTED-DELAYED. */
bool notify_may_expunge(const struct session *s);
/* The items with which new messages are told; NULL: none. */
const struct fetch_args *notify_new_message_items(const struct session *s);
/* UIDs that this client added itself and is not to be told the items of; they are forgotten. */
void notify_take_own_new(struct session *s, struct arena *arena, struct seqset *uids_out);

/* A mailbox was opened, or is about to be closed: s->view. */
void notify_opened(struct session *s);
void notify_closing(struct session *s);

/* ---- other mailboxes ---- */

/* Tell what is new, if something is. -ERR_AGAIN: the client must read first. */
MUST_USE int notify_tell(struct session *s, struct err *err);
/* Would it tell something now? */
bool notify_is_due(struct session *s);
/* When it will, if that is later than now; 0: nothing waits. After a STATUS others come after a moment, all that has
 * changed by then at once. */
int64_t notify_deadline_ms(const struct session *s);

/* ---- what the client does itself: of that it is not told (RFC 5465, 5) ---- */

/* Call after the commit that put `uids` into the mailbox. */
void notify_own_messages(struct session *s, struct account *account, uint64_t mailbox_id,
                         const struct seqset *uids);
/* Call after a commit that changed annotations, with its modseq; 0: it changed nothing. */
void notify_own_annotations(struct session *s, const struct account *account, uint64_t modseq);
/* Call after a commit that changed names. Names as they are inside the account. */
void notify_own_naming(struct session *s, struct account *account, const struct name_doing *doing);

#endif
