/* Arbitrary bytes as a segment record. Checksums would turn nearly all of them away, so they are made right
 * first: what lies behind them must stand anything, too. The first byte chooses which are left alone. */
#include "base/codec.h"
#include "store/rocks/segment.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIX_BLOCKS = 1, FIX_TABLE = 2, FIX_HEAD = 4, RAW_BYTES_MAX = 1 << 22 };

static void fix_checks(char *p, size_t n, unsigned what)
{
    uint64_t raw = load_u64(p + 16);
    unsigned shift = (unsigned char)p[5];
    if (raw > RAW_BYTES_MAX || shift < BLOCK_SHIFT_MIN || shift > BLOCK_SHIFT_MAX)
        return;
    size_t table_n = (size_t)((raw + (UINT64_C(1) << shift) - 1) >> shift) * BLOCK_ENTRY_BYTES;
    if (table_n > n - RECORD_HEAD_BYTES)
        return;
    char *table = p + RECORD_HEAD_BYTES;
    size_t at = RECORD_HEAD_BYTES + table_n;
    for (size_t i = 0; (what & FIX_BLOCKS) && i < table_n; i += BLOCK_ENTRY_BYTES) {
        uint32_t stored = load_u32(table + i);
        if (stored > n - at)
            break;
        store_u64(table + i + 8, XXH3_64bits(p + at, stored));
        at += stored;
    }
    if (what & FIX_TABLE)
        store_u64(p + 40, XXH3_64bits(table, table_n));
    if (what & FIX_HEAD)
        record_seal(p, 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + RECORD_HEAD_BYTES)
        return 0;
    size_t n = size - 1;
    char *p = malloc(n);
    if (!p)
        abort();
    memcpy(p, data + 1, n);
    fix_checks(p, n, data[0]);
    int fd = memfd_create("segment", MFD_CLOEXEC);
    if (fd < 0 || write(fd, p, n) != (ssize_t)n)
        abort();
    struct compressor_pool pool;
    compressor_pool_init(&pool);
    struct compressor *c = compressor_take(&pool);
    struct buf out = BUF_INIT;
    struct err err;
    struct place place = { .segment = 1,
                           .offset = 0,
                           .stored_bytes = load_u64(p + 8),
                           .raw_bytes = load_u64(p + 16),
                           .check = load_u64(p + 48) };
    struct account_id account = { load_u64(p + 24) };
    struct blob_id blob = { load_u64(p + 32) };
    if (place.raw_bytes <= RAW_BYTES_MAX) {
        int r = record_read(fd, "f", 1000, &place, account, blob, 0, UINT64_MAX, c, &out, &err);
        if (r == 0 ? out.n != place.raw_bytes : out.n != 0)
            abort();
        buf_clear(&out);
        if (record_read_stored(fd, "f", 1000, &place, account, blob, &out, &err) == 0 &&
            out.n != record_padded(place.stored_bytes))
            abort();
    }
    struct segment_walk w;
    struct record_head head;
    uint64_t offset;
    segment_walk_init(&w, fd, 1000, n);
    w.at = 0;
    while (segment_walk_next(&w, &head, &offset, &err) == 1)
        ;
    segment_walk_deinit(&w);
    buf_deinit(&out);
    compressor_give(&pool, &c);
    compressor_pool_deinit(&pool);
    close(fd);
    free(p);
    return 0;
}
