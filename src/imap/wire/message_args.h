/* message_args.h: STORE, COPY, MOVE, UID EXPUNGE and UIDBATCHES.
 * RFC 9051, 6.4.6 to 6.4.9 and 9; RFC 7162, 3.1.3; RFC 4315, 2.1; RFC 10022 */
#ifndef LOFT_IMAP_WIRE_MESSAGE_ARGS_H
#define LOFT_IMAP_WIRE_MESSAGE_ARGS_H

#include "imap/wire/parser.h"

struct store_args {
    bool uid;
    struct seqset set;
    enum store_mode mode; /* FLAGS, +FLAGS, -FLAGS */
    bool silent;
    struct flag_list flags;
    bool conditional; /* UNCHANGEDSINCE was given, also 0 */
    uint64_t unchanged_since;
};

struct copy_args { /* COPY and MOVE */
    bool uid;
    struct seqset set;
    struct str mailbox;
};

struct set_args { /* UID EXPUNGE */
    bool uid;
    struct seqset set;
};

struct uidbatches_args {
    uint32_t size; /* messages in a batch; at least 1 */
    uint32_t first,
        last; /* batches, as given: at least 1, not always ascending; all of them: 1 and UINT32_MAX */
};

/* `p` stands behind the command name.
 *   args_out  lives in p->arena
 *   returns   0; -ERR_SYNTAX, -ERR_LIMIT, -ERR_INVALID (mailbox name) */
MUST_USE int store_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int copy_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int set_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int uidbatches_args_parse(struct parser *p, const void **args_out, struct err *err);

#endif
