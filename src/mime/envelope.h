/* envelope.h: the ENVELOPE of a header, as sent to clients.
 * RFC 9051, 7.5.2; RFC 3501, 7.4.2.
 * Threads: none. */
#ifndef LOFT_MIME_ENVELOPE_H
#define LOFT_MIME_ENVELOPE_H

#include "base/arena.h"
#include "base/buf.h"

enum {
    ENVELOPE_TEXT_BYTES_MAX = 16 * 1024, /* of Subject and the like: the rest is cut, BODY[HEADER] has it */
    ENVELOPE_BYTES_MAX = 512 * 1024,     /* of the whole: addresses beyond are left out */
    WIRE_QUOTED_BYTES_MAX = 1000,        /* longer strings are literals */
};

/* Append "(date subject from sender reply-to to cc bcc in-reply-to message-id)" for a header (as measured by
 * header_length). Valid for IMAP4rev1 and IMAP4rev2: what is not 7-bit is a literal. Encoded-words stay as
 * sent. `arena` is scratch: it may be reset after. */
void envelope_write(struct str header, struct arena *arena, struct buf *out);

/* Append a string of the IMAP grammar: NIL for NIL, quoted when it is short and 7-bit, else "{n}\r\n" and the
 * bytes. NUL is dropped (RFC 9051, 9: CHAR8 has none). */
void wire_add_nstring(struct buf *out, struct str s);

#endif
