/* param.h: values with parameters: Content-Type, Content-Disposition.
 * RFC 2045, 5.1; RFC 2231.
 * Threads: see charset.h. */
#ifndef LOFT_MIME_PARAM_H
#define LOFT_MIME_PARAM_H

#include "base/arena.h"
#include "mime/charset.h"

enum {
    PARAM_SEGMENTS_MAX = 128, /* parameters and RFC 2231 segments of one field; the rest is passed over */
    PARAM_VALUE_BYTES_MAX = 8 * 1024 /* of one value, segments joined; the rest is cut */
};

struct param {
    struct str name;  /* as sent, without the marks of RFC 2231 ("*0*") */
    struct str value; /* quoting removed, continuations joined; when `extended`: decoded, UTF-8 */
    bool extended;    /* RFC 2231, 4: it had a charset */
};

struct param_list {
    struct param *items; /* in the order of first mention */
    size_t count;
};

/* Split "value; name=value ..." into the part before the first ";" (trimmed, comments removed) and its
 * parameters. All borrow `arena`. Junk is passed over; cost is linear in `raw`. */
void param_parse(struct str raw, struct arena *arena, struct charset_cache *cache, struct str *value_out,
                 struct param_list *params_out);

/* Value of a parameter (ASCII case-insensitive), the extended one if both were sent; NIL when absent. */
struct str param_find(const struct param_list *params, struct str name);

#endif
