/* str.h: borrowed views of bytes. A `struct str` is no C string: it may hold NUL and has no terminator.
 * p == NULL is NIL (absent); n == 0 with p != NULL is the empty string. Comparison treats both as empty;
 * str_is_nil tells them apart. Case functions fold ASCII only; Unicode is in utf8.h.
 * Threads: none needed; values. */
#ifndef LOFT_BASE_STR_H
#define LOFT_BASE_STR_H

#include "base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){ "" literal "", sizeof(literal) - 1 })
/* For static tables. */
#define STR_INIT(literal)                                                                                    \
    {                                                                                                        \
        "" literal "", sizeof(literal) - 1                                                                   \
    }
#define STR_NIL    ((struct str){ NULL, 0 })
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct str str_make(const void *p, size_t n)
{
    return (struct str){ (const char *)p, n };
}

/* Where it ends: p + n, also for NIL, to which C forbids adding even 0. */
static inline const char *str_end(struct str s)
{
    return s.n ? s.p + s.n : s.p;
}

struct str str_c(const char *c_string); /* borrows; NULL gives NIL */

static inline bool str_is_nil(struct str s)
{
    return s.p == NULL;
}

bool str_eq(struct str a, struct str b);
int str_cmp(struct str a, struct str b); /* as memcmp, shorter first */
int str_cmp_nocase(struct str a, struct str b);

/* Most that is compared differs in its length or its first letter: names of fields, say, with those of a table. */
static inline bool str_eq_nocase(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || (((a.p[0] ^ b.p[0]) & ~0x20) == 0 && str_cmp_nocase(a, b) == 0));
}

bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Position of the first match, or -1. */
ptrdiff_t str_find_char(struct str s, char c);
ptrdiff_t str_rfind_char(struct str s, char c);
ptrdiff_t str_find(struct str haystack, struct str needle);

/* Part of `s` from `from`, at most `n` bytes; clipped to what is there. */
struct str str_sub(struct str s, size_t from, size_t n);
struct str str_skip(struct str s, size_t n);
struct str str_trim(struct str s); /* white space (SP HTAB CR LF) at both ends */

/* Cut `s` at the first `separator`: returns what is before, `*rest` is what follows
 * (NIL when there was none). */
struct str str_cut(struct str s, char separator, struct str *rest);

/* The next word of `*rest`, which goes on behind it: words have spaces or commas between them. NIL after the last. */
struct str str_next_word(struct str *rest);

/* Letters to insert, leave out or change (Levenshtein, ASCII case ignored) to make one of the other: for "did
 * you mean". Bytes behind STR_DISTANCE_BYTES_MAX are not looked at. */
enum { STR_DISTANCE_BYTES_MAX = 64 };
size_t str_edit_distance(struct str a, struct str b);

/* Decimal digits only, whole string, no sign. Returns false (value untouched) otherwise or above `max`. */
bool str_to_u64(struct str s, uint64_t max, uint64_t *value_out);

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
static inline char ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
}
static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

#endif
