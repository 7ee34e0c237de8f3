/* merge.h: several segments to one, in one pass over each. Memory: what each has open, a block and its lists; and of the result the
 * dictionary and the trigrams, about a fifth of it.     Threads: one owner. */
#ifndef LOFT_INDEX_MERGE_H
#define LOFT_INDEX_MERGE_H

#include "index/segment.h"

enum { INDEX_MERGE_SEGMENTS_MAX = 64 };

struct index_merge {
    struct index_segment *const *segments; /* borrowed. A document that several have is taken from the last */
    size_t count;                          /* at most INDEX_MERGE_SEGMENTS_MAX */
    /* Whether a document is to be kept; NULL keeps all. Asked once each, ascending by segment and id. */
    bool (*keep)(void *ctx, struct blob_id blob);
    /* The result, in pieces. */
    int (*write)(void *ctx, struct str piece, struct err *err);
    /* Called again and again, so that it may sleep, or end the work (-ERR_x); may be NULL. */
    int (*pause)(void *ctx, struct err *err);
    void *ctx;
};

/* -ERR_CORRUPT, -ERR_LIMIT (more than INDEX_DOCUMENTS_MAX or INDEX_SEGMENT_BYTES_MAX), what reading, `write` or `pause` failed with.
 * The result answers as the segment that a builder makes of the same documents. */
MUST_USE int index_merge_run(const struct index_merge *merge, struct err *err);

#endif
