/* Compressed input from a stranger: the first byte says how it is cut, how much room there is, and where the session ends it. */
#include "net/deflate.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char out[257];
    struct err err;
    if (size < 2)
        return 0;
    size_t piece = 1 + data[0] % 64, room = 1 + data[0] / 2, end_at = data[1] < 200 ? data[1] : SIZE_MAX,
           all = 0;
    struct deflate_pool *pool = deflate_pool_new();
    struct deflate *d = deflate_new(pool);
    int r = 0;
    for (size_t at = 2; at < size && r >= 0 && r != DEFLATE_ENDED; at += piece) {
        deflate_feed(d, str_make(data + at, size - at < piece ? size - at : piece));
        do {
            size_t n = SIZE_MAX;
            r = deflate_in(d, out, room, &n, &err);
            assert(n <= room);
            all += n;
            if (all >= end_at)
                deflate_in_end(d);
            if (data[0] % 2)
                deflate_rest(d);
        } while ((r == DEFLATE_FULL || r == DEFLATE_FLUSHED) && all < 1000000);
        assert(r != DEFLATE_STARVED || deflate_in_starved(d));
    }
    deflate_free(&d);
    deflate_pool_free(&pool);
    return 0;
}
