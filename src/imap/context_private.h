/* context_private.h: a context, as context.c and context_news.c see it. */
#ifndef LOFT_IMAP_CONTEXT_PRIVATE_H
#define LOFT_IMAP_CONTEXT_PRIVATE_H

#include "imap/cmd/search_match.h"
#include "imap/context.h"

struct context {
    struct context *next; /* in the session, oldest first */
    struct arena arena;   /* of all but the arrays */
    struct str tag, correlator;
    struct search_args args;
    struct search_program *program;
    struct sort_criterion criteria[SORT_CRITERIA_MAX];
    size_t criterion_count;   /* 0: SEARCH */
    enum collation collation; /* when it began */
    int64_t looked_s;         /* when OLDER and YOUNGER were evaluated */
    uint32_t *members;        /* UIDs that match, ascending */
    uint32_t *order;          /* the same in the order of SORT; NULL: SEARCH */
    size_t count;
};

/* One pair of a position and numbers: RFC 5267, 4.3.2. */
struct context_news {
    struct context_news *next;
    bool adds;
    uint32_t position; /* 0 of SEARCH */
    struct numbers numbers;
    struct numbers_place place;
};

/* Take `lost` out of the context and `gained` in.
 *   news_out  what the client must do to its list, in order, with UIDs; in `arena`
 *   errors    of reading sort keys */
MUST_USE int context_move(struct session *s, struct context *context, const struct seqset *lost,
                          const struct seqset *gained, struct arena *arena, struct context_news **news_out,
                          struct err *err);

#endif
