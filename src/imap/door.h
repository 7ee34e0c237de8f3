/* door.h: the one way from a mailbox name that a client gives to a mailbox that it may touch. Whatever
 * command, extension or helper has a name goes through here: the name may lie in any of the three namespaces
 * (RFC 2342), and what a user may do there is decided by one function (mail/acl.h), for all doors alike.
 *
 *   ""                  one's own
 *   "Other Users/NAME/" what user NAME has granted
 *   "Shared/"           public mailboxes of one's domain, which belong to nobody
 * Who has had a mailbox of his own under such a name keeps it.
 *
 * Each command names the rights that it needs (RFC 4314, 4). Who lacks one is told NO [NOPERM] (RFC 5530, 3) where he has
 * `l`; else the mailbox is as if it were not there (RFC 4314, 6).
 * Rights are in memory with the mailbox, and who is in which group is read again only when the directory has changed:
 * a check costs no round trip to the store.
 * Threads: those of the session. */
#ifndef LOFT_IMAP_DOOR_H
#define LOFT_IMAP_DOOR_H

#include "imap/session.h"
#include "mail/acl.h"

#define NAMESPACE_OTHERS "Other Users"
#define NAMESPACE_PUBLIC "Shared"

/* Where a name leads. */
struct place {
    struct account *account; /* own reference; not always the session's */
    struct mailbox *mailbox; /* own reference; NULL: no mailbox of this name that the user may see */
    struct str name;         /* the name inside that account; in the session's arena */
    struct str prefix;       /* what the client's name has in front of it: "", "Shared/" ...; in the arena */
    struct str owner;        /* user name; "" for public mailboxes; in the arena */
    unsigned rights;         /* enum right bits that the user has on the mailbox; 0 without one */
};

/* Find a mailbox that is there, on which the user has all rights of `needed` (enum right bits; 0: any that lets him
 * know of it, as MYRIGHTS).
 *   place_out  filled on success only; the caller calls place_leave
 *   errors     -ERR_NOT_FOUND: not there, or hidden; -ERR_DENIED; errors of opening an account */
MUST_USE int door_open(struct session *s, struct str name, unsigned needed, struct place *place_out,
                       struct err *err);

/* Find where a name would be, whether there is a mailbox or not: CREATE, RENAME. `place_out->mailbox` is NULL where
 * none can be seen.
 *   needed  on the mailbox when there is one
 *   errors  as above; -ERR_NOT_FOUND when the name lies in no account that the user can know of */
MUST_USE int door_find(struct session *s, struct str name, unsigned needed, struct place *place_out,
                       struct err *err);

/* The same for a name whose mailbox is to be made: the user has `k` on the nearest level above it that exists, or
 * it is a new top level of his own. -ERR_DENIED. RFC 4314, 4 */
MUST_USE int door_find_new(struct session *s, struct str name, struct place *place_out, struct err *err);

/* The most that this session may do with any mailbox: all, or, where the app password that let it in is for reading, look and
 * read. Rights of lists and owners are cut to it here, in one place. */
unsigned door_rights_most(const struct session *s);

/* What the user may do now with a mailbox that he has come to. */
MUST_USE int door_rights(struct session *s, struct mailbox *mailbox, unsigned *rights_out, struct err *err);

/* Whose \Seen counts in a mailbox of `account` (mailbox_snapshot_for): the user's, or 0 when the account is his own. */
uint64_t door_reader(const struct session *s, const struct account *account);

/* Who asks, as of now. Borrows the session. */
MUST_USE int door_identity(struct session *s, struct acl_identity *who_out, struct err *err);

/* Look again what the user may do in the selected mailbox: s->rights. When he may no longer read it the session says
 * BYE and -ERR_DENIED is returned (RFC 4314, 5.1.1 allows that); other changes are told with FLAGS and
 * PERMANENTFLAGS (there, too), with the updates of the command: some clients expect nothing but "+" for a literal. */
MUST_USE int door_check_selected(struct session *s, struct err *err);

/* The name that this client knows a mailbox of `account` by: the inverse of door_open, for accounts that it has
 * come to. In the arena. */
struct str door_shown_name(const struct session *s, const struct account *account, struct str name,
                           struct arena *arena);

/* Whose account it is, of those that the session has come to: "" for one's own; a user, or "Shared" or "Shared/DOMAIN" for
 * public mailboxes. Borrows the session. */
struct str door_owner(const struct session *s, const struct account *account);

/* One's own tree with all that others let the user see, under the names that he knows it by.
 *   accounts_out  own references, in the arena: keep them while the tree is in use, then door_leave_accounts
 *   patterns      only what may match one of them is needed: others need not be opened in vain */
struct door_accounts {
    struct door_account {
        struct account *account;
        uint64_t version; /* from before its tree was looked at */
    } * items;
    size_t count, cap;
};
MUST_USE int door_tree(struct session *s, const struct str *patterns, size_t pattern_count,
                       struct tree **tree_out, struct door_accounts *accounts_out, struct err *err);
void door_leave_accounts(struct door_accounts *accounts);

/* Flags that the user may set or clear with `rights`. RFC 4314, 4 (STORE) */
uint8_t door_flags_allowed(unsigned rights);

void place_leave(struct place *place);

/* The user leaves: forget what was remembered for him. */
void door_forget(struct session *s);

#endif
