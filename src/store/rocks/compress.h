/* compress.h: one block of mail in, fewer bytes out, and back. Contexts of LZ4 and zstd are large, so they
 * are pooled: whoever compresses borrows one for a moment.
 * Threads: the pool any; a compressor has one owner at a time. */
#ifndef LOFT_STORE_ROCKS_COMPRESS_H
#define LOFT_STORE_ROCKS_COMPRESS_H

#include "base/buf.h"
#include "base/err.h"

#include <pthread.h>

enum codec { CODEC_RAW = 0, CODEC_LZ4 = 1, CODEC_ZSTD = 2, CODEC_COUNT };

struct compressor; /* contexts and scratch memory */

struct compressor_pool {
    pthread_mutex_t lock;
    struct compressor *idle;
};

void compressor_pool_init(struct compressor_pool *pool);
void compressor_pool_deinit(struct compressor_pool *pool); /* all have been given back */
struct compressor *compressor_take(struct compressor_pool *pool);
void compressor_give(struct compressor_pool *pool, struct compressor **c);

/* Two buffers that keep their memory (up to a limit) between uses. */
struct buf *compressor_scratch(struct compressor *c, unsigned which);

/* Append `in` compressed to `out`; the codec used is returned:
 * CODEC_RAW when `want` saves less than a twentieth. */
enum codec compress_block(struct compressor *c, enum codec want, struct str in, struct buf *out);

/* Decode `in`, which is `raw_n` bytes, to `out`: at least the first `first_n` of them; there is room for all.
 * False when it is no such thing (damaged; never reads or writes beyond), as far as was decoded. */
bool decompress_block(struct compressor *c, enum codec codec, struct str in, char *out, size_t first_n,
                      size_t raw_n);

#endif
