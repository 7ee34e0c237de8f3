/* bench_text.h: messages that look like mail: some headers, multipart/alternative of running words,
 * told apart by a number. */
#ifndef LOFT_BENCH_TEXT_H
#define LOFT_BENCH_TEXT_H

#include "base/buf.h"

#define TEXT_SUBJECT "Re: message %08u of many"

struct text {
    struct buf words; /* lines of words */
};

void text_init(struct text *t);
void text_deinit(struct text *t);

/* Append message `n`, `bytes` long; the shortest is only a small header with two lines.
 * Always the same for the same n and bytes. */
void text_message(const struct text *t, unsigned n, unsigned bytes, struct buf *out);

#endif
