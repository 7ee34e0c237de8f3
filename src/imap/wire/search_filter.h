/* search_filter.h: named searches, in place of the SEARCH key FILTER.     RFC 5466
 * A filter stands for all its keys together, as if they were in parentheses. Filters may name filters.
 * Threads: none. */
#ifndef LOFT_IMAP_WIRE_SEARCH_FILTER_H
#define LOFT_IMAP_WIRE_SEARCH_FILTER_H

#include "imap/wire/parser.h"

enum {
    SEARCH_FILTER_DEPTH_MAX = 5,           /* filters within filters; RFC 5466, 3.1: 3 at least */
    SEARCH_FILTER_BYTES_MAX = 1024 * 1024, /* of all values that stand in one search, each time they do */
};

/* Where a parser looks filters up: parser.filters. */
struct search_filters {
    /* The search of that name, in the arena. -ERR_NOT_FOUND, or an error of the store. */
    int (*find)(void *ctx, struct str name, struct arena *arena, struct str *value_out, struct err *err);
    void *ctx;
};

/* filter-name = 1*<any ATOM-CHAR except "/">. -ERR_INVALID. */
MUST_USE int search_filter_check_name(struct str name, struct err *err);

/* Is `value` a whole search, in UTF-8? Filters that it names need not exist. -ERR_INVALID with what is wrong,
 * -ERR_LIMIT. */
MUST_USE int search_filter_check(struct str value, struct err *err);

#endif
