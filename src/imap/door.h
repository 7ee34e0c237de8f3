/* door.h: the one way from a mailbox name that a client gives to a mailbox that it may touch. Whatever
 * command, extension or helper has a name goes through here: the name may lie in any of the three namespaces
 * (RFC 2342), and what a user may do there is decided by one function (mail/acl.h), for all doors alike.
 *
 * A mailbox on which the user lacks `l` is hidden: it is answered like one that is not there (RFC 4314, 4 and
 * 8). On one that can be seen a right that lacks is -ERR_DENIED: NO [NOPERM] (RFC 5530, 3).
 * Threads: those of the session. */
#ifndef LOFT_IMAP_DOOR_H
#define LOFT_IMAP_DOOR_H

#include "imap/session.h"
#include "mail/acl.h"

/* Where a name leads. */
struct place {
    struct account *account; /* own reference; not always the session's */
    struct mailbox *mailbox; /* own reference; NULL: no mailbox of this name that the user may see */
    struct str name;         /* the name inside that account; in the session's arena */
    unsigned rights;         /* enum right bits that the user has on the mailbox; 0 without one */
};

/* Find a mailbox that is there, on which the user has all rights of `needed` (enum right bits).
 *   place_out  filled on success only; the caller calls place_leave
 *   errors     -ERR_NOT_FOUND: not there, or hidden; -ERR_DENIED; errors of opening an account */
MUST_USE int door_open(struct session *s, struct str name, unsigned needed, struct place *place_out,
                       struct err *err);

/* Find where a name would be, whether there is a mailbox or not: CREATE, RENAME. `place_out->mailbox` is NULL where
 * none can be seen.
 *   needed  on the mailbox when there is one
 *   errors  as above; -ERR_NOT_FOUND when the name lies in no namespace */
MUST_USE int door_find(struct session *s, struct str name, unsigned needed, struct place *place_out,
                       struct err *err);

/* Is it allowed to make the mailbox that `place` names? RIGHT_CREATE on the nearest level above that exists.
 * -ERR_DENIED. RFC 4314, 4 */
MUST_USE int door_may_create(struct session *s, const struct place *place, struct err *err);

/* The name that this client knows a mailbox by: the inverse of door_open. In the arena. */
struct str door_shown_name(const struct session *s, const struct account *account, struct str name,
                           struct arena *arena);

void place_leave(struct place *place);

#endif
