/* partial_range.h: a page of results, "1:500" or, from the newest on, "-1:-100".     RFC 9394, 4; RFC 5267, 4.4 */
#ifndef LOFT_IMAP_WIRE_PARTIAL_RANGE_H
#define LOFT_IMAP_WIRE_PARTIAL_RANGE_H

#include "imap/wire/parser.h"

struct partial_range {
    bool from_end;        /* 1 is the last result */
    uint32_t first, last; /* as the client gave them: either may be the greater; 0: no range was given */
};

/* partial-range = nz-number ":" nz-number / MINUS nz-number ":" MINUS nz-number */
bool parse_partial_range(struct parser *p, struct partial_range *out);

/* The part of `count` results in their order: from *from_out (0-based) on *count_out of them, 0 when there are none such. */
void partial_range_window(const struct partial_range *range, size_t count, size_t *from_out,
                          size_t *count_out);

/* As it was given: RFC 9394, 3.1, "the original range". */
void partial_range_write(const struct partial_range *range, struct buf *out);

#endif
