/* writer.h: a segment from its parts in order: documents, tokens of the dictionary, tokens of the heap. The bytes leave in pieces.
 * Memory: the documents, the dictionary without its lists, the trigrams.     Threads: one owner. */
#ifndef LOFT_INDEX_WRITER_H
#define LOFT_INDEX_WRITER_H

#include "index/posting.h"
#include "index/segment.h"

typedef int index_write_fn(void *ctx, struct str piece, struct err *err);

struct index_writer;

struct index_writer *index_writer_new(index_write_fn *write, void *ctx);
void index_writer_free(struct index_writer **writer);

/* The first error of `write` is kept and told by index_writer_finish. */

/* 1: all documents, ascending by id. */
void index_writer_add_document(struct index_writer *writer, struct blob_id blob, bool partial);
/* 2: tokens, ascending, each with its documents. */
void index_writer_add_token(struct index_writer *writer, struct str token, struct posting_lists *lists);
/* 3: tokens that are met in one document; `text` has LAYOUT_EDGE behind each. */
void index_writer_add_heap(struct index_writer *writer, uint32_t document, unsigned fields, struct str text);

/* -ERR_LIMIT above INDEX_SEGMENT_BYTES_MAX; or what `write` failed with. */
MUST_USE int index_writer_finish(struct index_writer *writer, struct err *err);

uint64_t index_writer_bytes(const struct index_writer *writer); /* so far */

#endif
