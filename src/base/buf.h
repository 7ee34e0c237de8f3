/* buf.h: a byte buffer that grows. Aborts when memory is out (STYLE section 4); whoever fills it from outside
 * checks a limit first.
 * Threads: one owner at a time. */
#ifndef LOFT_BASE_BUF_H
#define LOFT_BASE_BUF_H

#include "base/str.h"

#include <stdarg.h>
#include <string.h>

struct buf {
    char *p; /* heap; NULL while cap is 0 */
    size_t n, cap;
};

#define BUF_INIT ((struct buf){ NULL, 0, 0 })

void buf_deinit(struct buf *b); /* frees, leaves BUF_INIT */
void buf_clear(struct buf *b);  /* keeps the memory */

void buf_grow(struct buf *b, size_t more); /* see buf_reserve */

/* Room for `more` bytes behind n; returns where they go. The caller adds to n what it wrote. */
static inline char *buf_reserve(struct buf *b, size_t more)
{
    if (more > b->cap - b->n || !b->p)
        buf_grow(b, more);
    return b->p + b->n;
}

static inline void buf_add_bytes(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(buf_reserve(b, n), p, n);
    b->n += n;
}

static inline void buf_add(struct buf *b, struct str s)
{
    buf_add_bytes(b, s.p, s.n);
}

static inline void buf_add_char(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    b->n++;
}

void buf_add_u64(struct buf *b, uint64_t decimal); /* decimal digits */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

/* Append a string literal. */
#define buf_add_lit(b, literal) buf_add_bytes((b), "" literal "", sizeof(literal) - 1)

/* Drop the first `n` bytes (moves the rest down). */
void buf_drop(struct buf *b, size_t n);

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){ b->p ? b->p : "", b->n };
}

/* NUL-terminate (not counted in n) and borrow as a C string, valid until the next change. */
const char *buf_c(struct buf *b);

#endif
