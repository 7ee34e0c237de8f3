/* reply.h: what untagged responses say, whatever the order in which a server puts it: FETCH, SEARCH, SORT,
 * THREAD.   RFC 9051, 7.5.2; RFC 5256 */
#ifndef LOFT_BENCH_LOAD_REPLY_H
#define LOFT_BENCH_LOAD_REPLY_H

#include "base/str.h"

/* "* 5 FETCH (...)": its number; 0: it is another response. */
unsigned reply_fetch_seq(struct str response);

/* The value of the first item whose name begins with `name` ("BODY[HEADER", "FLAGS"), case ignored; of a literal
 * or quoted string what is in it (escapes as they are), of all else the bytes as they stand. False: no such
 * item, or the response cannot be read. */
bool reply_fetch_item(struct str response, const char *name, struct str *value_out);

bool reply_has_flag(struct str flags, const char *flag); /* in "(\Seen \Flagged)" */

/* Numbers of "* SEARCH 1 2 3", "* SORT ...", "* THREAD (1 (2)(3))", one after the other; `rest` begins behind the
 * word. False: no more. */
bool reply_next_number(struct str *rest, unsigned *number_out);

#endif
