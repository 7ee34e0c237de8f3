/* grants.h: where to look for mailboxes of others: an index from those to whom something was granted to the
 * accounts that granted it, and the accounts that belong to no person. They live in the directory:
 *
 *   "IU" be64 user   "/" be64 account     account granted something to that user; the value is its owner's name,
 *   "IG" be64 group  "/" be64 account     empty for an account that belongs to nobody
 *   "IA" domain      "/" be64 account     ... to anyone, which means all users of the owner's domain
 *   "P/" domain                           be64 id of the account with the public mailboxes of a domain
 *
 * An entry is written before the right is committed to the account. It may outlive the right, and the account:
 * the access control lists are the truth, the index says only where one must look.
 * The domain of a user is what follows the last "@" of the name; it may be empty.
 * Threads: any. */
#ifndef LOFT_AUTH_GRANTS_H
#define LOFT_AUTH_GRANTS_H

#include "auth/directory/users.h"
#include "mail/acl.h"

struct str users_domain(struct str user_name); /* borrows it; "" for none */

/* What an identifier of an access control list means: "anyone", "group:NAME" or a user's name, each perhaps with "-" in
 * front. `entry_out` has no rights; its name lives in the arena, spelled as it is kept.
 *   domain  of the mailbox's owner: only its users and groups, and groups without a domain, are known, unless every_domain
 *   errors  -ERR_INVALID for what can be no name (RFC 4314, 3: BAD); -ERR_CANNOT: no such user or group */
MUST_USE int grants_resolve(struct users *users, struct str identifier, struct str domain, bool every_domain,
                            struct arena *arena, struct acl_entry *entry_out, struct err *err);

/* Note that `entry` was, or will be, put into a list of `account`, which belongs to `owner` (a user name; "" for the
 * public account of `domain`). Costs no commit when it is noted already. */
MUST_USE int grants_note(struct users *users, const struct acl_entry *entry, struct account_id account,
                         struct str owner, struct str domain, struct err *err);

/* Accounts in which `who`, a user of `domain`, may have rights; each once for every way he comes by them. The owner
 * still has this account when users_find says so.
 *   every_domain  what anyone of any domain was granted counts, too
 *   fn            returns 0, or -ERR_x to fail; `owner` borrows until it returns */
typedef int grants_fn(void *ctx, struct account_id account, struct str owner, struct err *err);
MUST_USE int grants_find(struct users *users, const struct acl_identity *who, struct str domain,
                         bool every_domain, grants_fn *fn, void *ctx, struct err *err);

/* The account of a domain's public mailboxes. -ERR_NOT_FOUND. */
MUST_USE int grants_public_account(struct users *users, struct str domain, struct account_id *account_out,
                                   struct err *err);
/* The same, given an id when there is none yet: the caller makes the account before anybody can see it. */
MUST_USE int grants_add_public_account(struct users *users, struct str domain, struct account_id *account_out,
                                       struct err *err);

#endif
