/* encoded_word.h: =?charset?Q?text?= in header text.
 * RFC 2047; RFC 2231, 5 (language).
 * Threads: see charset.h. */
#ifndef LOFT_MIME_ENCODED_WORD_H
#define LOFT_MIME_ENCODED_WORD_H

#include "mime/charset.h"

/* Append header text as people read it, in UTF-8: unfolded, trimmed, encoded-words decoded wherever they
 * stand (many senders put them into quotes or words), white space between two of them dropped, a character
 * split between two of one charset joined. What is no whole encoded-word, or has a charset we do not know,
 * stays as sent. Raw 8-bit text: UTF-8, else windows-1252. NUL is dropped. Linear in the input. */
void encoded_word_decode(struct str raw, struct charset_cache *cache, struct buf *out);

#endif
