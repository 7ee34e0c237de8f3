/* glob.h: LIST patterns: "*" matches anything, "%" anything without the hierarchy separator.
 * RFC 9051, 6.3.9
 * Time is O(pattern * name) whatever the pattern: "*%*%*%*a" is as cheap as "*a".
 * Threads: none needed. */
#ifndef LOFT_IMAP_WIRE_GLOB_H
#define LOFT_IMAP_WIRE_GLOB_H

#include "base/str.h"

enum { GLOB_PATTERN_BYTES_MAX = 2048 }; /* longer patterns match nothing: no mailbox name is that long */

/* Case matters, but not in the first level when that is INBOX ("inbox", "INbox/a"): RFC 9051, 5.1.
 * Both are UTF-8 in NFC. */
bool glob_match(struct str pattern, struct str name, char separator);

/* Whether a name below `name` could match: with "Sent" and pattern "S%/2%" true.
 * For LIST, to show levels that only lead somewhere. */
bool glob_match_below(struct str pattern, struct str name, char separator);

#endif
