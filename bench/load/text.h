/* text.h: messages that look like mail: the headers mail has, multipart/alternative of running words. Number n is
 * always the same message, so that whoever reads it back knows each byte, each search its hits, each sort its
 * order. Real ones: corpus.h. */
#ifndef LOFT_BENCH_LOAD_TEXT_H
#define LOFT_BENCH_LOAD_TEXT_H

#include "base/buf.h"

enum {
    TEXT_SENDERS = 10, /* sender of n: n % TEXT_SENDERS */
    TEXT_THREAD = 8,   /* messages of a thread */
    TEXT_BYTES_MIN = 2000,
    TEXT_NUMBER_MIN = 1000, /* messages that a mailbox needs to hold the rare word three times */
};

#define TEXT_SUBJECT    "Re: message %08u of topic %06u"
#define TEXT_MESSAGE_ID "<%08u.bench@example.org>"
#define TEXT_SENDER     "sender%u@example.org"

struct text {
    struct buf words; /* lines of words */
};

void text_init(struct text *t);
void text_deinit(struct text *t);

/* Append message `n` (from 1), `bytes` long. Below TEXT_BYTES_MIN it is a small header and two or more lines,
 * without the words to search for. */
void text_message(const struct text *t, unsigned n, unsigned bytes, struct buf *out);

unsigned text_topic(unsigned n);  /* of its subject: the number of its thread */
unsigned text_parent(unsigned n); /* that it answers; 0: none */
int64_t text_date_s(unsigned n);  /* of the Date header, +0000; different for all below a million */
void text_internal_date(unsigned n, struct buf *out); /* the same, as APPEND writes it */

bool text_is_seen(unsigned n); /* flags that a mailbox is filled with */
bool text_is_flagged(unsigned n);

/* Words to search for. None of them comes about in the other text. */
enum text_word { TEXT_RARE, TEXT_COMMON, TEXT_THREE, TEXT_ABSENT };
const char *text_word(enum text_word word);
bool text_has_word(unsigned n, enum text_word word);

#endif
