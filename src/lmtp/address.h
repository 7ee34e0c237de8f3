/* address.h: what stands behind MAIL FROM: and RCPT TO:, "<anna+lists@example.org> SIZE=100".
 * RFC 5321, 4.1.2 and 4.1.1; RFC 6531, 3.3
 * Threads: none needed. */
#ifndef LOFT_LMTP_ADDRESS_H
#define LOFT_LMTP_ADDRESS_H

#include "base/arena.h"
#include "base/err.h"

enum { LMTP_PATH_BYTES_MAX = 512 }; /* RFC 5321, 4.5.3.1.3 asks for 256; without brackets and source route */

/* Both are "" for "<>". Neither holds control bytes; both are UTF-8. */
struct lmtp_path {
    struct str text;    /* as it stood between the brackets: fit for a header field and for a reply */
    struct str address; /* with the quotes of the local part undone: fit for looking up */
};

/* Read "<path>" at the start of `in`. A source route is dropped (RFC 5321, 4.1.1.3); a domain may be missing,
 * since whom we deliver to is local.
 *   path_out  borrows `arena`
 *   rest_out  borrows `in`: what follows the path, trimmed: the parameters
 *   errors    -ERR_SYNTAX: no brackets, NUL or control bytes, not UTF-8, empty local part (also the quoted
 *             one: CVE-2020-10967), empty domain, two "@"; -ERR_LIMIT above LMTP_PATH_BYTES_MAX */
MUST_USE int lmtp_path_parse(struct str in, struct arena *arena, struct lmtp_path *path_out,
                             struct str *rest_out, struct err *err);

/* The next "KEY=value" or "KEY" (value NIL) of `*rest`; false at the end. */
bool lmtp_parameter_next(struct str *rest, struct str *key_out, struct str *value_out);

#endif
