/* acl_args.h: SETACL, DELETEACL, LISTRIGHTS; GETACL and MYRIGHTS have a name only (mailbox_args.h).     RFC 4314, 7 */
#ifndef LOFT_IMAP_WIRE_ACL_ARGS_H
#define LOFT_IMAP_WIRE_ACL_ARGS_H

#include "imap/wire/parser.h"

#define ACL_LETTERS "lrswipkxteacd"

struct acl_args { /* DELETEACL, LISTRIGHTS */
    struct str mailbox;
    struct str identifier; /* as given */
};

struct setacl_args {
    struct str mailbox, identifier;
    char sign;         /* '+' to add, '-' to remove, '=' to replace */
    struct str rights; /* letters of ACL_LETTERS */
};

/* `p` stands behind the command name.
 *   args_out  lives in p->arena
 *   returns   0; -ERR_SYNTAX, also for a right that is none: RFC 4314, 3.1 wants BAD; -ERR_LIMIT, -ERR_INVALID */
MUST_USE int acl_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int setacl_args_parse(struct parser *p, const void **args_out, struct err *err);

#endif
