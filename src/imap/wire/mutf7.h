/* mutf7.h: mailbox names on the wire of IMAP4rev1: modified UTF-7.          RFC 3501, 5.1.3
 * Strict: every name has one encoding only, so that two names on the wire are never one mailbox.
 * Threads: none needed. */
#ifndef LOFT_IMAP_WIRE_MUTF7_H
#define LOFT_IMAP_WIRE_MUTF7_H

#include "base/buf.h"
#include "base/err.h"

/* Append `in` decoded to UTF-8.
 * -ERR_INVALID, nothing appended: 8-bit or control bytes, "&" without "-", base64 that is cut, that has bits
 * left over or that encodes what stands for itself, lone surrogates, and a shift that directly follows
 * another ("&AOQ-&AOQ-"). */
MUST_USE int mutf7_decode(struct str in, struct buf *out, struct err *err);

/* Append `utf8` encoded. Bytes that are not UTF-8 become U+FFFD. */
void mutf7_encode(struct str utf8, struct buf *out);

/* Encodes to itself: printable ASCII without "&". */
bool mutf7_is_plain(struct str s);

#endif
