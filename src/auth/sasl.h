/* sasl.h: the messages of SASL mechanisms. PLAIN so far (RFC 4616); bytes in, values out, no I/O.     Threads: none needed. */
#ifndef LOFT_AUTH_SASL_H
#define LOFT_AUTH_SASL_H

#include "base/buf.h"
#include "base/err.h"

enum { SASL_MESSAGE_BYTES_MAX = 4096 }; /* decoded */

/* The base64 of a client response, as IMAP and LMTP carry it, into `out` (cleared first). RFC 4959, 3: a lone "=" is an empty
 * initial response; pass it only for those. -ERR_SYNTAX; -ERR_LIMIT above SASL_MESSAGE_BYTES_MAX. `out` holds secrets: sasl_wipe it. */
MUST_USE int sasl_decode(struct str base64, struct buf *out, struct err *err);
void sasl_wipe(struct buf *secret); /* overwrites, then frees */

struct sasl_plain {
    struct str authzid; /* who to act as; "" for the same as authcid */
    struct str authcid; /* whose password */
    struct str password;
};

/* message = [authzid] UTF8NUL authcid UTF8NUL passwd      RFC 4616, 2
 *   plain_out  borrows `message`
 *   errors     -ERR_SYNTAX: not two NULs, empty authcid or password, not UTF-8; -ERR_LIMIT: a part above 255 bytes (password: 1024);
 *              -ERR_DENIED: authzid names somebody else than authcid: nobody may act for others here */
MUST_USE int sasl_plain_parse(struct str message, struct sasl_plain *plain_out, struct err *err);

#endif
