#include "index/heap.h"

enum { LONG_BYTES = 25, LONG_NUMBER_BYTES = 9, MIXED_BYTES_MIN = 6 };

bool index_heap_takes(struct str token)
{
    size_t digits = 0, wide = 0;
    for (size_t i = 0; i < token.n; i++) {
        digits += ascii_is_digit(token.p[i]);
        wide += (unsigned char)token.p[i] >= 0x80;
    }
    if (wide > 0)
        return token.n > 3 * LONG_BYTES;
    return token.n >= LONG_BYTES || (digits == token.n && digits >= LONG_NUMBER_BYTES) ||
           (digits > 0 && digits < token.n && token.n >= MIXED_BYTES_MIN);
}
