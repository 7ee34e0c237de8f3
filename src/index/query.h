/* query.h: which documents of a segment hold a needle.
 * The answer is two sets: `sure` hold it, `maybe` must be looked at; all others do not hold it. A document is in one of them at most.
 *
 *   one run of letters, at most INDEX_WORD_BYTES_MAX bytes (of a script without spaces: two letters)   `maybe` is empty
 *   anything else: "a@b.org", a phrase, longer words      in `maybe` is what has the words: the first as a token's end, the last as a
 *                                                        token's beginning, whole tokens between them
 *   a needle without words ("->"), or wrong UTF-8         all are in `maybe`
 *   partial documents (segment.h)                         in `maybe`
 *
 * A fuzzy query puts every document whose text may have a score above 0 (mime/fuzzy.h) into `maybe`.
 * Threads: a query may be run by any thread on any segment at once. */
#ifndef LOFT_INDEX_QUERY_H
#define LOFT_INDEX_QUERY_H

#include "index/segment.h"
#include "index/set.h"

enum {
    INDEX_NEEDLE_BYTES_MAX = 4096, /* what follows is not looked at: candidates only */
    INDEX_NEEDLE_WORDS_MAX = 32,   /* the same */
};

enum index_kind { INDEX_EXACT, INDEX_FUZZY };

struct index_query;

/* `needle` is folded as the texts are, and copied. `fields` are enum index_field; "" is held by all. */
struct index_query *index_query_new(struct str needle, unsigned fields, enum index_kind kind);
void index_query_free(struct index_query **query);

/* May it have `maybe` at all, partial documents aside? */
bool index_query_is_exact(const struct index_query *query);

/* Both sets are set up here (whatever they held is lost: pass INDEX_SET_INIT, or index_set_deinit first) and are the caller's,
 * on success only. -ERR_CORRUPT, or what reading failed with: then the segment knows nothing and its documents are to be scanned. */
MUST_USE int index_query_run(const struct index_query *query, struct index_segment *segment,
                             struct index_set *sure_out, struct index_set *maybe_out, struct err *err);

/* ---- the same, left now and then: a needle that is in no trigram makes it look at the whole segment ---- */

struct index_run;

/* Borrows `query`, holds `segment`. Never NULL. */
struct index_run *index_run_new(const struct index_query *query, struct index_segment *segment);
void index_run_free(struct index_run **run); /* accepts NULL, sets NULL */

/* Look at up to `blocks` more, of 4 to 32 KB. 1: it is done; 0: call again; errors as index_query_run. */
MUST_USE int index_run_step(struct index_run *run, uint32_t blocks, struct err *err);
/* Once it is done, as index_query_run. Not twice. */
void index_run_answer(struct index_run *run, struct index_set *sure_out, struct index_set *maybe_out);

#endif
