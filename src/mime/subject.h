/* subject.h: the base subject, by which messages are sorted and threaded.
 * RFC 5256, 2.1.
 * Threads: see charset.h. */
#ifndef LOFT_MIME_SUBJECT_H
#define LOFT_MIME_SUBJECT_H

#include "mime/charset.h"

/* Append the base subject of a raw Subject value, decoded, in UTF-8.
 *   is_reply_out  RFC 5256, REFERENCES (5): "re:", "fwd:" or the like was removed; may be NULL */
void subject_base_text(struct str raw, struct charset_cache *cache, struct buf *out, bool *is_reply_out);
/* The same, folded by utf8_fold. */
void subject_base(struct str raw, struct charset_cache *cache, struct buf *out, bool *is_reply_out);

#endif
