/* transfer.h: Content-Transfer-Encoding, decoded in pieces.     RFC 2045, 6; RFC 3516.     Threads: none. */
#ifndef LOFT_MIME_TRANSFER_H
#define LOFT_MIME_TRANSFER_H

#include "base/buf.h"
#include "base/err.h"

/* Stored: never renumber. */
enum transfer {
    TRANSFER_IDENTITY = 0, /* 7bit, 8bit, binary, or none named */
    TRANSFER_QUOTED_PRINTABLE = 1,
    TRANSFER_BASE64 = 2,
    TRANSFER_UNKNOWN = 3,
};

/* What a field's value names; trailing junk and comments are passed over. */
enum transfer transfer_parse(struct str raw);

struct transfer_decoder {
    enum transfer kind;
    uint32_t bits; /* base64: the sextets held */
    uint8_t count; /* base64: how many */
    uint8_t state; /* quoted-printable: see transfer.c */
    uint16_t held_n;
    char held[256]; /* quoted-printable: white space that goes if a line end follows; longer runs stay */
};

/* -ERR_UNKNOWN_CTE for TRANSFER_UNKNOWN (RFC 3516, 4: the client is told). */
MUST_USE int transfer_init(struct transfer_decoder *d, enum transfer kind, struct err *err);

/* Append what `in` decodes to. Tolerant: base64 passes over foreign bytes and goes on behind padding; a "="
 * of quoted-printable that starts nothing known stays as it is; white space before a line end goes
 * (RFC 2045, 6.7 rule 3). Output is never longer than what was fed so far. Cutting the input anywhere gives
 * the same output. */
void transfer_feed(struct transfer_decoder *d, struct str in, struct buf *out);
void transfer_finish(struct transfer_decoder *d, struct buf *out);

/* The whole of `in` at once, and how long that would be. */
MUST_USE int transfer_decode(enum transfer kind, struct str in, struct buf *out, struct err *err);
MUST_USE int transfer_decoded_size(enum transfer kind, struct str in, uint64_t *size_out, struct err *err);

#endif
