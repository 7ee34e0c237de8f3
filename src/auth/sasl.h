/* sasl.h: the messages of SASL mechanisms; PLAIN so far. Bytes in, values out, no I/O.     RFC 4422, RFC 4616
 * Threads: none needed. */
#ifndef LOFT_AUTH_SASL_H
#define LOFT_AUTH_SASL_H

#include "base/buf.h"
#include "base/err.h"

enum {
    SASL_MESSAGE_BYTES_MAX = 12000, /* decoded: in base64, with a tag, it fits into a line of a stranger */
    SASL_BASE64_BYTES_MAX = (SASL_MESSAGE_BYTES_MAX + 2) / 3 * 4, /* for the limit of a response line */
};

/* The base64 of a client response, as IMAP carries it, into `out` (cleared first).
 *   initial  it came with the command (RFC 4959, 3): then a lone "=" is an empty message
 *   errors   -ERR_SYNTAX; -ERR_LIMIT above SASL_MESSAGE_BYTES_MAX
 * `out` holds a secret: sasl_wipe() it. */
MUST_USE int sasl_decode(struct str base64, bool initial, struct buf *out, struct err *err);

/* Overwrite, then free. */
void sasl_wipe(struct buf *secret);

struct sasl_plain {
    struct str authzid; /* who to act as; "" for the same as authcid */
    struct str authcid; /* whose password it is */
    struct str password;
};

/* message = [authzid] UTF8NUL authcid UTF8NUL passwd      RFC 4616, 2
 *   plain_out  borrows `message`
 *   errors     -ERR_SYNTAX: not two NULs, empty authcid or passwd, not UTF-8;
 *              -ERR_LIMIT: a name above USER_NAME_BYTES_MAX, a password above USER_PASSWORD_BYTES_MAX;
 *              -ERR_DENIED: authzid names somebody other than authcid, and nobody may act for others here */
MUST_USE int sasl_plain_parse(struct str message, struct sasl_plain *plain_out, struct err *err);

#endif
