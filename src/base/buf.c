#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_deinit(struct buf *b)
{
    free(b->p);
    *b = BUF_INIT;
}

void buf_clear(struct buf *b)
{
    b->n = 0;
}

void buf_grow(struct buf *b, size_t more)
{
    if (more > SIZE_MAX / 2 - b->n)
        abort();
    size_t cap = b->cap ? b->cap : 128;
    while (cap < b->n + more)
        cap *= 2;
    b->p = realloc(b->p, cap);
    if (!b->p)
        abort();
    b->cap = cap;
}

void buf_add_u64(struct buf *b, uint64_t decimal)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + decimal % 10);
    while (decimal /= 10);
    buf_add_bytes(b, digits + at, sizeof digits - at);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    size_t room = 64;
    int n = vsnprintf(buf_reserve(b, room), room, fmt, ap);
    if (n < 0)
        abort(); /* only a wrong format string of ours */
    if ((size_t)n >= room)
        vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
    b->n += (size_t)n;
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_drop(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

const char *buf_c(struct buf *b)
{
    *buf_reserve(b, 1) = '\0';
    return b->p;
}
