/* list_args.h: LIST, basic and extended, and LSUB.
 * RFC 9051, 6.3.9 and 9 (list); RFC 5258; RFC 5819; RFC 6154; RFC 9590; RFC 3501, 6.3.9 */
#ifndef LOFT_IMAP_WIRE_LIST_ARGS_H
#define LOFT_IMAP_WIRE_LIST_ARGS_H

#include "imap/wire/mailbox_args.h"
#include "imap/wire/metadata_args.h"

enum { LIST_PATTERNS_MAX = 256 }; /* each is tried on each mailbox, for RECURSIVEMATCH on each below each */

enum list_select {
    LIST_SELECT_SUBSCRIBED = 1u << 0,
    LIST_SELECT_REMOTE = 1u << 1,
    LIST_SELECT_RECURSIVEMATCH = 1u << 2, /* only with SUBSCRIBED: checked here (RFC 5258, 3.1) */
    LIST_SELECT_SPECIAL_USE = 1u << 3,
};

enum list_return {
    LIST_RETURN_SUBSCRIBED = 1u << 0,
    LIST_RETURN_CHILDREN = 1u << 1,
    LIST_RETURN_SPECIAL_USE = 1u << 2,
    LIST_RETURN_STATUS = 1u << 3,
    LIST_RETURN_METADATA = 1u << 4,
    LIST_RETURN_MYRIGHTS = 1u << 5,
};

struct list_args {
    bool extended;                    /* any of the extended forms was used: RFC 5258, 3 */
    unsigned select;                  /* enum list_select bits */
    unsigned ret;                     /* enum list_return bits */
    unsigned status;                  /* enum status_item bits, with LIST_RETURN_STATUS */
    struct metadata_entries metadata; /* with LIST_RETURN_METADATA */
    struct str reference;
    struct str *patterns; /* as given; the name to match is reference followed by pattern (RFC 9051, 6.3.9) */
    size_t pattern_count; /* at least 1 */
};

/* `p` stands behind the command name.
 *   args_out  struct list_args in p->arena
 *   returns   0; -ERR_SYNTAX, -ERR_LIMIT, -ERR_INVALID (names) */
MUST_USE int list_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int lsub_args_parse(struct parser *p, const void **args_out, struct err *err);

#endif
