/* bodystructure.h: BODY and BODYSTRUCTURE as sent to clients.
 * RFC 9051, 7.5.2 and 9; RFC 3501, 7.4.2.
 * Threads: none.
 * Types, encodings and parameters as the message spells them. A text/plain without charset gets ("charset"
 * "us-ascii") (RFC 2046, 4.1.2). Parameters of RFC 2231 are joined; those with a charset are told as "name*"
 * with the value "utf-8''percent-encoded": 7-bit, and what clients decode since long before RFC 9051. */
#ifndef LOFT_MIME_BODYSTRUCTURE_H
#define LOFT_MIME_BODYSTRUCTURE_H

#include "mime/structure.h"

enum { BODYSTRUCTURE_BYTES_MAX = 4 * 1024 * 1024 };

/* Append the structure of s->parts[1]; `extended` is BODYSTRUCTURE, else BODY. `scratch` is for use inside.
 *   returns  0; -ERR_LIMIT when it would be longer than BODYSTRUCTURE_BYTES_MAX: `out` is as before */
MUST_USE int bodystructure_write(const struct structure *s, bool extended, struct arena *scratch,
                                 struct buf *out, struct err *err);

#endif
