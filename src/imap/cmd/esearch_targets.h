/* esearch_targets.h: the mailboxes that the source options of ESEARCH mean.     RFC 7377, 2.2; RFC 5465, 6 */
#ifndef LOFT_IMAP_CMD_ESEARCH_TARGETS_H
#define LOFT_IMAP_CMD_ESEARCH_TARGETS_H

#include "imap/session.h"
#include "imap/wire/esearch_args.h"

enum { ESEARCH_TARGETS_MAX = 20000 };

struct esearch_target {
    struct account *account; /* own reference */
    struct mailbox *mailbox; /* own reference */
    struct str name;         /* as this client knows it */
    bool is_selected;
};

struct esearch_targets {
    struct esearch_target *items;
    size_t count, cap;
};

/* Each mailbox once, in the order in which the sources name them. What is not there, or not to be read by this user, is left out:
 * he needs `r`, and where it is not named itself `l` too (RFC 7377, 2.2).
 *   targets_out  in the session's arena, but for the references: esearch_targets_leave, also after an error
 *   errors       -ERR_STATE: the selected mailbox is meant and there is none; -ERR_LIMIT; errors of door_tree */
MUST_USE int esearch_targets_find(struct session *s, const struct esearch_args *args,
                                  struct esearch_targets *targets_out, struct err *err);
void esearch_targets_leave(struct esearch_targets *targets);

#endif
