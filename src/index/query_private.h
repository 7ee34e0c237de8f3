/* query_private.h: what a query asks of the tokens: query_plan.c makes it of the needle, query.c answers it. */
#ifndef LOFT_INDEX_QUERY_PRIVATE_H
#define LOFT_INDEX_QUERY_PRIVATE_H

#include "base/arena.h"
#include "index/query.h"

enum { QUERY_TERMS_MAX = 32, QUERY_PATTERNS_MAX = 4 };

/* Some token holds `bytes`: with the edge in front it begins with the rest, with the edge behind it ends so (layout.h). */
struct query_pattern {
    struct str bytes;
    struct str near; /* not NIL: and it is one typo away from this, or less */
};

/* One of the patterns. */
struct query_term {
    struct query_pattern patterns[QUERY_PATTERNS_MAX];
    unsigned count;
};

/* All of the terms. None: nothing is known. */
struct index_query {
    struct arena arena;
    unsigned fields;
    bool is_exact; /* a document that has the term holds the needle */
    struct query_term terms[QUERY_TERMS_MAX];
    unsigned term_count;
};

#endif
