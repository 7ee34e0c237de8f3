/* trail.h: what a session does, for auditors (base/audit.h): who it is, and what it takes away. One event a command, however many
 * messages it is about. Nothing is recorded where the server has no audit log. */
#ifndef LOFT_IMAP_TRAIL_H
#define LOFT_IMAP_TRAIL_H

#include "imap/door.h"

/* A sign-in that auth.h let in. `failure`: it could not be made a session; NULL: it is one. */
void trail_signed_in(struct session *s, const struct auth_outcome *outcome, const struct err *failure);
void trail_signed_out(struct session *s);
/* It has said what it is, after its sign-in. */
void trail_client(struct session *s);
/* By now a client has said what it is, if it ever does: it is noted as a device, once a sign-in. Many say so after they have
 * signed in, and with nothing known they would all look alike. So: with ID, before or after, when a mailbox is selected, at the end, or
 * when TRAIL_DEVICE_MS have passed. */
enum { TRAIL_DEVICE_MS = 5000 };
void trail_device(struct session *s);

/* The command in progress has removed `count` messages from the selected mailbox; 0 is no event.
 *   to  where they are now, by the client's name of that mailbox; NULL: they are gone */
void trail_expunged(struct session *s, uint64_t count, const struct str *to);

/* `place` was deleted, or renamed to `to`, a name in the same account. */
void trail_mailbox(struct session *s, enum audit_event event, const struct place *place, struct str to);

/* change: "set", "add", "remove" or "delete", static */
void trail_acl(struct session *s, const struct place *place, struct str who, const char *change,
               struct str rights);

#endif
