/* quota_args.h: GETQUOTA and SETQUOTA.     RFC 9208, 7. (GETQUOTAROOT takes a mailbox: mailbox_args.h.) */
#ifndef LOFT_IMAP_WIRE_QUOTA_ARGS_H
#define LOFT_IMAP_WIRE_QUOTA_ARGS_H

#include "imap/wire/parser.h"
#include "mail/quota_resource.h"

/* RFC 9208, 5: "STORAGE" and so on. */
struct str quota_resource_name(enum quota_resource resource);

struct quota_args {
    struct str root; /* UTF-8: modified UTF-7 is decoded where it is such and the client reads names so */
};

struct setquota_args {
    struct str root;
    struct quota_amounts limits; /* in the units of RFC 9208, 5; QUOTA_NONE: not named */
    struct str unknown;          /* a resource that we do not have; NIL: none */
};

/* `p` stands behind the command name.
 *   args_out  lives in p->arena
 *   returns   0; -ERR_SYNTAX (also for a resource that is named twice), -ERR_LIMIT */
MUST_USE int quota_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int setquota_args_parse(struct parser *p, const void **args_out, struct err *err);

#endif
