/* query_private.h: what a query asks of the tokens: query_plan.c makes it of the needle, query_run.c answers it with what query.c finds. */
#ifndef LOFT_INDEX_QUERY_PRIVATE_H
#define LOFT_INDEX_QUERY_PRIVATE_H

#include "base/arena.h"
#include "index/layout.h"
#include "index/posting.h"
#include "index/query.h"
#include "index/trigram.h"

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

/* A list of postings: where it lies. */
struct query_place {
    uint64_t from, to;
};

struct index_run {
    const struct index_query *query;
    struct index_segment *segment;
    struct err *err; /* of the step that is made */

    /* How far it has come. */
    unsigned term, pattern;
    bool has_begun; /* that pattern */
    enum trigram_section section;
    uint32_t next_block, looked_count;
    struct index_set here;  /* what the patterns of this term have found */
    struct index_set found; /* what all terms before have */

    /* Of the pattern: the blocks to look at. */
    uint32_t blocks[TRIGRAM_SECTIONS];
    uint64_t *wanted[TRIGRAM_SECTIONS];

    /* Room that is used again. */
    struct buf page, block, lists;
    uint32_t page_at; /* which is in `page`; UINT32_MAX: none */
    struct posting_list list;
    struct query_place *places;
    size_t place_count, place_cap;
    struct layout_entry *entries;
    size_t entry_cap;
};

/* ---- query.c ---- */

/* The blocks of both sections that a token with these bytes may be in: run->wanted. */
MUST_USE int query_choose_blocks(struct index_run *run, struct str bytes);
/* The next of them from *at on. */
bool query_next_block(const struct index_run *run, enum trigram_section section, uint32_t *at);
/* Set the bits of the documents that a fitting token of the block has. */
MUST_USE int query_look_at_words(struct index_run *run, uint32_t block, const struct query_pattern *pattern,
                                 uint64_t *bits);
/* The same; documents whose bits are set already are not looked at. */
MUST_USE int query_look_at_heap(struct index_run *run, uint32_t block, const struct query_pattern *pattern,
                                uint64_t *bits);

#endif
