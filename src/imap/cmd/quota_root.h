/* quota_root.h: quota roots by name.     RFC 9208, 3.2
 *
 *   user/NAME            an account        user/NAME/MAILBOX      a mailbox of it and all below
 *   account/ID           one that belongs to nobody, in the same way
 *   domain/NAME          all accounts of a domain
 * User names hold no '/', so the names are plain. Everybody sees the roots of the own account; an administrator (a
 * setting) sees all, and alone may set limits: what RFC 9208, 6 gives to the right "a" would let users lift their own.
 * A root of another account is shown to who may read a mailbox that it governs, with that mailbox (GETQUOTAROOT).
 * The domain's figures are those of other people: they are for administrators.
 * Threads: those of the session. */
#ifndef LOFT_IMAP_CMD_QUOTA_ROOT_H
#define LOFT_IMAP_CMD_QUOTA_ROOT_H

#include "imap/session.h"

struct quota_place {
    struct account *account; /* own reference; NULL: a domain */
    struct str owner;        /* "user/NAME" or "account/ID": what the names of its roots begin with */
    struct str mailbox;      /* of a tree; "" for the account */
    struct str domain;
};

bool quota_is_administrator(const struct session *s);

/* The root that a client names. -ERR_NOT_FOUND: there is none, or the user may not see it. */
MUST_USE int quota_root_find(struct session *s, struct str root, struct quota_place *place_out,
                             struct err *err);
void quota_place_leave(struct quota_place *place);

/* What the names of an account's roots begin with, in the session's arena. `name`: of the owner, "" for nobody. */
struct str quota_owner(struct session *s, const struct account *account, struct str name);
/* The name of the root of `mailbox`, NIL or "": of the account. */
struct str quota_root_name(struct session *s, struct str owner, struct str mailbox);

/* "* NO [OVERQUOTA]" when the change went past a limit within the grace: RFC 9208, 4.3.1 */
void quota_tell_soft(struct session *s, const struct change *change);

/* A message came into the selected mailbox, from whomever: the same, once each time its account goes past a limit. */
void quota_tell_passed(struct session *s);
/* A mailbox was selected: what is so already is no news. */
void quota_selected(struct session *s);

#endif
