/* collation.h: how strings are compared: the collations of RFC 4790 (and i;unicode-casemap, RFC 5051) as foldings of a text, after which
 * bytes decide.     Threads: none needed. */
#ifndef LOFT_BASE_COLLATION_H
#define LOFT_BASE_COLLATION_H

#include "base/buf.h"

enum collation {
    COLLATION_UNICODE_CASEMAP, /* the default; stored sort keys are folded by it */
    COLLATION_ASCII_CASEMAP,
    COLLATION_ASCII_NUMERIC, /* has no substring operation: i;octet takes its place (RFC 5255, 4.6) */
    COLLATION_OCTET,
    COLLATION_COUNT
};

enum { COLLATION_NAME_BYTES_MAX = 254 }; /* RFC 4790, 3.1 */

struct str collation_name(enum collation collation);

/* Does a collation-order of a client, perhaps with "*" in it, mean this one? RFC 4790, 3.2. Letters in any case. */
bool collation_matches(enum collation collation, struct str wild);

/* Append `text` (UTF-8) folded for the substring operation: the folded text holds the folded needle when the collation says that the
 * text holds the needle. */
void collation_fold(enum collation collation, struct str text, struct buf *out);

/* Append a key of `text` (UTF-8) for equality and ordering: keys compare byte by byte, shorter first.
 * Of i;unicode-casemap the key is what utf8_fold makes: it decides equality, utf8_collate makes its order. */
void collation_key(enum collation collation, struct str text, struct buf *out);

#endif
