/* precis.h: strings in which people are named, and their passwords: which characters they may have, and the one spelling of a
 * name. RFC 8264 (the classes), RFC 8265 (the profiles), RFC 5893 (writing from right to left).
 * Debian has no library for it in C; what its algorithm asks about a character, utf8proc knows. It knows no scripts and no joining
 * types, so two rules of context (RFC 5892, A) are narrower: scripts are ranges of blocks, and ZERO WIDTH NON-JOINER is allowed
 * behind a virama only.
 * Threads: none needed. */
#ifndef LOFT_BASE_PRECIS_H
#define LOFT_BASE_PRECIS_H

#include "base/buf.h"

enum precis_class { PRECIS_IDENTIFIER, PRECIS_FREEFORM };

/* May `s` be, in NFC, a string of that class? False also for what is no UTF-8, and for "". */
bool precis_is_allowed(struct str s, enum precis_class class);

/* One userpart by the profile UsernameCaseMapped (RFC 8265, 3.3): full and half width made ordinary, lower case, NFC. Appended
 * to `out`; false: it can be none, and `out` is as before. */
bool precis_userpart(struct str s, struct buf *out);

#endif
