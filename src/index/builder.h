/* builder.h: texts to a segment, in memory.     Threads: one owner. */
#ifndef LOFT_INDEX_BUILDER_H
#define LOFT_INDEX_BUILDER_H

#include "index/segment.h"

struct index_builder;

struct index_builder *index_builder_new(void);
void index_builder_free(struct index_builder **builder);

/* A document begins. Ids ascend from one to the next (asserted). */
void index_builder_begin(struct index_builder *builder, struct blob_id blob);

/* A piece of folded text, cut between code points; pieces of one field that follow each other are one text until index_builder_end_text.
 * A token never crosses from one text into the next. */
void index_builder_feed(struct index_builder *builder, enum index_field field, struct str piece);
void index_builder_end_text(struct index_builder *builder);

/* Not all of its text could be had: it is to be in every `maybe`. What was fed still counts. */
void index_builder_mark_partial(struct index_builder *builder);

/* The document ends. */
void index_builder_end(struct index_builder *builder);

uint32_t index_builder_documents(const struct index_builder *builder);
/* About what it takes now; index_builder_finish takes about as much again. */
size_t index_builder_memory_bytes(const struct index_builder *builder);

/* Append the segment of all documents to `out`, and begin anew. Without documents too. */
void index_builder_finish(struct index_builder *builder, struct buf *out);

#endif
