/* esearch_args.h: ESEARCH, a search of several mailboxes.     RFC 7377, 4 */
#ifndef LOFT_IMAP_WIRE_ESEARCH_ARGS_H
#define LOFT_IMAP_WIRE_ESEARCH_ARGS_H

#include "imap/wire/notify_args.h"
#include "imap/wire/search_args.h"

enum { ESEARCH_SOURCES_MAX = 64 };

struct esearch_source {
    enum notify_filter filter; /* never NOTIFY_SELECTED_DELAYED */
    struct str *names;         /* SUBTREE, SUBTREE_ONE, MAILBOXES */
    size_t name_count;
};

struct esearch_args {
    struct search_args search; /* always in the UID form: RFC 7377, 2.1 */
    struct esearch_source *sources;
    size_t source_count; /* at least 1: without IN it is NOTIFY_SELECTED */
};

/* `p` stands behind the command name. SAVE beside another source than SELECTED is refused here (RFC 7377, 2.2).
 *   args_out  struct esearch_args in p->arena
 *   returns   0; -ERR_SYNTAX, -ERR_LIMIT, -ERR_INVALID (names); as search_args_parse */
MUST_USE int esearch_args_parse(struct parser *p, const void **args_out, struct err *err);

#endif
