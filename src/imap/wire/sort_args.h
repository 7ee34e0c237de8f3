/* sort_args.h: SORT, THREAD and their UID forms.          RFC 5256, 5; RFC 5957, 5 (DISPLAYFROM, DISPLAYTO); RFC 5267, 3 (RETURN) */
#ifndef LOFT_IMAP_WIRE_SORT_ARGS_H
#define LOFT_IMAP_WIRE_SORT_ARGS_H

#include "imap/wire/search_args.h"
#include "mail/sort_key.h"

struct sort_args {
    struct search_args search; /* charset always given */
    struct sort_criterion
        criteria[SORT_CRITERIA_MAX]; /* each key once, as first named: a second time it decides nothing */
    size_t criterion_count;          /* at least 1 */
};

struct thread_args {
    struct search_args search; /* charset always given; no RETURN */
    enum thread_algorithm algorithm;
};

/* `p` stands behind the command name. args_out: struct sort_args, struct thread_args in p->arena. -ERR_SYNTAX (also for a key, a
 * return option or an algorithm that is not known), -ERR_LIMIT as search_args_parse. */
MUST_USE int sort_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int thread_args_parse(struct parser *p, const void **args_out, struct err *err);

#endif
