/* annotation.h: named values on the mailboxes of an account and on the account itself: what METADATA shows.
 * RFC 5464, 3
 * A value is shared, or private to one user: of a mailbox that several people read each has their own. Values
 * lie in the store under "N" and are read from there; the account in memory knows how many bytes they take in
 * all, and which ones changed of late. They change by CHANGE_ANNOTATE, follow their mailbox when it is renamed
 * and go with it.
 * Threads: any. */
#ifndef LOFT_MAIL_ANNOTATION_H
#define LOFT_MAIL_ANNOTATION_H

#include "mail/account.h"

#include <limits.h>

enum {
    ANNOTATION_CHANGES_KEPT = 1024, /* of those that account_annotation_changes can tell */
};
#define ANNOTATION_SHARED     UINT64_C(0) /* as user: the value that all see; else an account id */
#define ANNOTATION_ON_ACCOUNT UINT64_C(0) /* as mailbox id */
#define ANNOTATION_DEPTH_ALL  UINT_MAX
#define ANNOTATION_SPECIAL_USE                                                                               \
    STR("/specialuse") /* RFC 6154, 4: kept with the mailbox, not here; changes of it are told */

/* One value; both borrow until the callback returns. 0 to go on, 1 to stop, -ERR_x to fail. */
typedef int annotation_fn(void *ctx, struct str entry, struct str value, struct err *err);

/* Is `name` the entry itself, or does it lie below it, down to `depth` levels? "/a-b" is not below "/a". */
bool annotation_is_within(struct str name, struct str entry, unsigned depth);

/* The value of `entry`, if there is one, and those of entries below it, down to `depth` levels (RFC 5464,
 * 4.2.2), by name. `entry` is "" for the root of all, else as CHANGE_ANNOTATE has it.
 * -ERR_IO, -ERR_CORRUPT, or what `fn` returned. A mailbox that does not exist has none. */
MUST_USE int account_annotations(struct account *account, uint64_t mailbox_id, uint64_t user,
                                 struct str entry, unsigned depth, annotation_fn *fn, void *ctx,
                                 struct err *err);

/* A name whose value was set or deleted. */
struct annotation_change {
    uint64_t modseq, mailbox_id, user;
    struct str entry;
};

/* The modseq of the last change to any annotation of the account; 0: never. */
uint64_t account_annotation_modseq(struct account *account);

/* What changed after `since`, each name once, with its latest modseq; oldest first.
 *   returns  false when that is longer ago than is kept (ANNOTATION_CHANGES_KEPT, or another instance folded):
 *            then only a part is given */
bool account_annotation_changes(struct account *account, uint64_t since, struct arena *arena,
                                struct annotation_change **changes_out, size_t *count_out);

#endif
