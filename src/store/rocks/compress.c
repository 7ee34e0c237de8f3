#include "store/rocks/compress.h"

#include <assert.h>
#include <lz4.h>
#include <stdlib.h>
#include <zstd.h>

enum {
    SCRATCH_COUNT = 2,
    SCRATCH_KEEP_BYTES = 1024 * 1024, /* a larger buffer is freed when the compressor is given back */
    PROBE_BYTES = 4096,               /* of a large block: if they do not shrink, the rest is not tried */
    ZSTD_LEVEL = 1,
};

struct compressor {
    struct compressor *next;
    ZSTD_CCtx *zstd_out;
    ZSTD_DCtx *zstd_in;
    void *lz4;
    struct buf scratch[SCRATCH_COUNT];
};

void compressor_pool_init(struct compressor_pool *pool)
{
    pthread_mutex_init(&pool->lock, NULL);
    pool->idle = NULL;
}

static void compressor_free(struct compressor *c)
{
    ZSTD_freeCCtx(c->zstd_out);
    ZSTD_freeDCtx(c->zstd_in);
    free(c->lz4);
    for (unsigned i = 0; i < SCRATCH_COUNT; i++)
        buf_deinit(&c->scratch[i]);
    free(c);
}

void compressor_pool_deinit(struct compressor_pool *pool)
{
    while (pool->idle) {
        struct compressor *c = pool->idle;
        pool->idle = c->next;
        compressor_free(c);
    }
    pthread_mutex_destroy(&pool->lock);
}

struct compressor *compressor_take(struct compressor_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct compressor *c = pool->idle;
    if (c)
        pool->idle = c->next;
    pthread_mutex_unlock(&pool->lock);
    if (!c)
        c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->next = NULL;
    return c;
}

void compressor_give(struct compressor_pool *pool, struct compressor **c)
{
    for (unsigned i = 0; i < SCRATCH_COUNT; i++) {
        if ((*c)->scratch[i].cap > SCRATCH_KEEP_BYTES)
            buf_deinit(&(*c)->scratch[i]);
        buf_clear(&(*c)->scratch[i]);
    }
    pthread_mutex_lock(&pool->lock);
    (*c)->next = pool->idle;
    pool->idle = *c;
    pthread_mutex_unlock(&pool->lock);
    *c = NULL;
}

struct buf *compressor_scratch(struct compressor *c, unsigned which)
{
    assert(which < SCRATCH_COUNT);
    return &c->scratch[which];
}

/* Bytes written at `out` (room for `cap`), or 0 when they do not fit there. */
static size_t try_compress(struct compressor *c, enum codec want, struct str in, char *out, size_t cap)
{
    if (want == CODEC_LZ4) {
        if (!c->lz4 && !(c->lz4 = malloc((size_t)LZ4_sizeofState())))
            abort();
        int n = LZ4_compress_fast_extState(c->lz4, in.p, out, (int)in.n, (int)cap, 1);
        return n > 0 ? (size_t)n : 0;
    }
    if (!c->zstd_out && !(c->zstd_out = ZSTD_createCCtx()))
        abort();
    size_t n = ZSTD_compressCCtx(c->zstd_out, out, cap, in.p, in.n, ZSTD_LEVEL);
    return ZSTD_isError(n) ? 0 : n;
}

enum codec compress_block(struct compressor *c, enum codec want, struct str in, struct buf *out)
{
    char *to = buf_reserve(out, in.n);
    size_t worthwhile = in.n - in.n / 20;
    size_t n = 0;
    if (want != CODEC_RAW && in.n > 0) {
        struct str probe = str_sub(in, in.n / 2, PROBE_BYTES);
        bool hopeless = in.n >= 8 * PROBE_BYTES &&
                        try_compress(c, want, probe, to, PROBE_BYTES - PROBE_BYTES / 20) == 0 &&
                        try_compress(c, want, str_sub(in, 0, PROBE_BYTES), to,
                                     PROBE_BYTES - PROBE_BYTES / 20) == 0;
        if (!hopeless)
            n = try_compress(c, want, in, to, worthwhile);
    }
    if (n == 0 || n >= in.n) {
        buf_add(out, in);
        return CODEC_RAW;
    }
    out->n += n;
    return want;
}

bool decompress_block(struct compressor *c, enum codec codec, struct str in, char *out, size_t first_n,
                      size_t raw_n)
{
    assert(first_n <= raw_n);
    if (codec == CODEC_RAW) {
        if (in.n != raw_n)
            return false;
        if (first_n > 0)
            memcpy(out, in.p, first_n);
        return true;
    }
    if (codec == CODEC_LZ4 && first_n < raw_n)
        return LZ4_decompress_safe_partial(in.p, out, (int)in.n, (int)first_n, (int)raw_n) == (int)first_n;
    if (codec == CODEC_LZ4)
        return LZ4_decompress_safe(in.p, out, (int)in.n, (int)raw_n) == (int)raw_n;
    if (codec != CODEC_ZSTD)
        return false;
    if (!c->zstd_in && !(c->zstd_in = ZSTD_createDCtx()))
        abort();
    size_t n = ZSTD_decompressDCtx(c->zstd_in, out, raw_n, in.p, in.n);
    return !ZSTD_isError(n) && n == raw_n;
}
