/* segment.h: an immutable piece of the search index: some documents and their tokens. A document is the blob of a message, so COPY and MOVE
 * change nothing. Read in ranges: opening reads a small head and the table of documents, a query what it needs (query.h).
 *
 * Bytes of a segment may be damaged or hostile: everything that reads them answers -ERR_CORRUPT, and never a wrong "no". (The store
 * has a checksum of its own; what it hands out is what was written.)
 * Threads: a segment may be used by any, if its source may. */
#ifndef LOFT_INDEX_SEGMENT_H
#define LOFT_INDEX_SEGMENT_H

#include "base/buf.h"
#include "base/err.h"
#include "store/store.h"

enum {
    INDEX_DOCUMENTS_MAX = 1u << 24,       /* of a segment */
    INDEX_DOCUMENT_TOKENS_MAX = 1u << 18, /* different ones of a document; one that has more is partial, */
    INDEX_DOCUMENT_TEXT_BYTES_MAX = 16 * 1024 * 1024, /* or whose tokens take more */
};
#define INDEX_SEGMENT_BYTES_MAX (UINT64_C(1) << 30)

/* Where a token was met. A posting keeps a set of them; a query asks for one. */
enum index_field {
    INDEX_BODY = 1u << 0,    /* what SEARCH BODY sees */
    INDEX_SUBJECT = 1u << 1, /* values of these fields of the message's own header */
    INDEX_FROM = 1u << 2,
    INDEX_TO = 1u << 3,
    INDEX_CC = 1u << 4,
    INDEX_BCC = 1u << 5,
    INDEX_HEADER = 1u << 6,    /* values of all other fields of it, and all names */
    INDEX_ANY = (1u << 7) - 1, /* what SEARCH TEXT sees */
};

/* Where bytes of a segment come from. */
struct index_source {
    /* Append bytes [offset, offset + length) to `out`: all of them, or an error. */
    int (*read)(void *ctx, uint64_t offset, uint64_t length, struct buf *out, struct err *err);
    void (*close)(void *ctx); /* when the segment is freed; may be NULL */
    void *ctx;
    uint64_t bytes; /* how many there are */
};

struct index_segment;

/* On an error the source is not closed. -ERR_CORRUPT, or what reading failed with. */
MUST_USE int index_segment_open(const struct index_source *source, struct index_segment **segment_out,
                                struct err *err);
/* A segment in memory; `bytes` are borrowed as long as it is open. */
MUST_USE int index_segment_open_bytes(struct str bytes, struct index_segment **segment_out, struct err *err);
struct index_segment *index_segment_ref(struct index_segment *segment);
void index_segment_unref(struct index_segment **segment);

uint64_t index_segment_bytes(const struct index_segment *segment);
size_t index_segment_memory_bytes(const struct index_segment *segment); /* what it takes while open */

/* ---- documents: numbered from 0, ascending by blob id ---- */

uint32_t index_segment_documents(const struct index_segment *segment);
struct blob_id index_segment_blob(const struct index_segment *segment, uint32_t document);

/* The first document whose id is `blob` or more; the number of documents when there is none. `hint` is where the last one was
 * found: fast when blobs are asked for in ascending order, right in any. */
uint32_t index_segment_seek(const struct index_segment *segment, struct blob_id blob, uint32_t hint);

/* Is the text of this document not all there? It is in every `maybe`. */
bool index_segment_is_partial(const struct index_segment *segment, uint32_t document);

/* Read all of it and see whether it is as it should be: -ERR_CORRUPT with what is wrong. */
MUST_USE int index_segment_check(struct index_segment *segment, struct err *err);

/* A number for each document (there is room for index_segment_documents of them) that follows from its tokens and their fields alone: two
 * segments say the same of a document when the numbers are the same. -ERR_CORRUPT, or what reading failed with. */
MUST_USE int index_segment_digest(struct index_segment *segment, uint64_t *digests_out, struct err *err);

#endif
