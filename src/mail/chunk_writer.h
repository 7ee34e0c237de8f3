/* chunk_writer.h: the columns of a chunk that is being made. Private to chunk*.c and snapshot*.c.
 * Rows go in by appending; the result is exactly as large as it needs to be.     Threads: one owner. */
#ifndef LOFT_MAIL_CHUNK_WRITER_H
#define LOFT_MAIL_CHUNK_WRITER_H

#include "mail/chunk.h"

struct chunk_writer {
    struct chunk_columns *columns; /* for readers; the pointers below are the same columns, to write to */
    uint32_t cap;
    uint32_t *uid, *size_bytes;
    uint64_t *modseq, *blob, *email_id, *thread_id, *keywords;
    int64_t *internal_date_s, *save_date_s;
    int16_t *internal_zone_min;
    uint8_t *flags;
};

void chunk_writer_init(struct chunk_writer *w, uint32_t cap, uint32_t keyword_words);
void chunk_writer_deinit(struct chunk_writer *w);

/* Make room for `cap` rows and `keyword_words` words of keywords; never less than there is. */
void chunk_writer_reserve(struct chunk_writer *w, uint32_t cap, uint32_t keyword_words);

/* There is room: asserted. Keywords widen by themselves. */
void chunk_writer_append(struct chunk_writer *w, const struct message *row);
void chunk_writer_append_rows(struct chunk_writer *w, const struct chunk_columns *from, uint32_t first,
                              uint32_t count);

/* What may change in a message's life: flags, keywords, modseq. */
void chunk_writer_set(struct chunk_writer *w, uint32_t i, const struct message *row);

/* The columns alone (free() them), or a dirty chunk; at least one row. The writer is left as after deinit. */
struct chunk_columns *chunk_writer_finish(struct chunk_writer *w);
struct chunk *chunk_writer_finish_chunk(struct chunk_writer *w);

/* The memory that they take. */
size_t chunk_columns_bytes(const struct chunk_columns *columns);

/* What the columns say of themselves; id is 0. */
struct chunk_summary chunk_summarize(const struct chunk_columns *columns);

#endif
