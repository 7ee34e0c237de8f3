#include "store/rocks/segment.h"

#include "base/codec.h"
#include "base/hash.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

static const char segment_magic[8] = "LOFTSEG1";
static const char record_magic[4] = "LSR1";
enum { RECORD_FORMAT = 1, HEAD_CHECKED_BYTES = 48 };

void segment_head_encode(uint64_t number, uint64_t salt, unsigned char out[SEGMENT_HEAD_BYTES])
{
    memcpy(out, segment_magic, sizeof segment_magic);
    store_u64(out + 8, number);
    store_u64(out + 16, salt);
    store_u64(out + 24, hash_xxh3(out, 24));
}

int segment_head_decode(const unsigned char in[SEGMENT_HEAD_BYTES], uint64_t *number_out, uint64_t *salt_out,
                        struct err *err)
{
    if (memcmp(in, segment_magic, sizeof segment_magic) != 0)
        return err_set(err, ERR_CORRUPT, "not a segment file");
    if (load_u64(in + 24) != hash_xxh3(in, 24))
        return err_set(err, ERR_CORRUPT, "head of the segment file is damaged");
    *number_out = load_u64(in + 8);
    *salt_out = load_u64(in + 16);
    return 0;
}

/* ---- writing ---- */

static uint64_t block_count_of(uint64_t raw_bytes, unsigned shift)
{
    return (raw_bytes >> shift) + ((raw_bytes & ((UINT64_C(1) << shift) - 1)) != 0);
}

size_t record_table_bytes(uint64_t raw_bytes, unsigned block_shift)
{
    return (size_t)block_count_of(raw_bytes, block_shift) * BLOCK_ENTRY_BYTES;
}

void record_encode_block(struct compressor *c, enum codec codec, struct str raw_block, char *entry,
                         struct buf *out)
{
    assert(raw_block.n <= (size_t)1 << BLOCK_SHIFT);
    size_t before = out->n;
    codec = compress_block(c, codec, raw_block, out);
    memset(entry, 0, BLOCK_ENTRY_BYTES);
    store_u32(entry, (uint32_t)(out->n - before));
    entry[4] = (char)codec;
    store_u64(entry + 8, hash_xxh3(out->p + before, out->n - before));
}

void record_encode_head(struct account_id account, struct blob_id blob, unsigned block_shift,
                        uint64_t raw_bytes, uint64_t stored_bytes, struct str table,
                        char head[RECORD_HEAD_BYTES])
{
    memset(head, 0, RECORD_HEAD_BYTES);
    memcpy(head, record_magic, sizeof record_magic);
    head[4] = RECORD_FORMAT;
    head[5] = (char)block_shift;
    store_u64(head + 8, stored_bytes);
    store_u64(head + 16, raw_bytes);
    store_u64(head + 24, account.n);
    store_u64(head + 32, blob.n);
    store_u64(head + 40, hash_xxh3(table.p, table.n));
}

void record_encode(struct compressor *c, struct packing packing, struct account_id account,
                   struct blob_id blob, struct str bytes, struct buf *out)
{
    size_t start = out->n, table_n = record_table_bytes(bytes.n, packing.block_shift), raw_bytes = bytes.n;
    buf_reserve(out, RECORD_HEAD_BYTES + table_n);
    out->n += RECORD_HEAD_BYTES + table_n;
    for (size_t i = 0; bytes.n > 0; i++) {
        struct str block = str_sub(bytes, 0, (size_t)1 << packing.block_shift);
        char entry[BLOCK_ENTRY_BYTES];
        record_encode_block(c, packing.codec, block, entry, out);
        memcpy(out->p + start + RECORD_HEAD_BYTES + i * BLOCK_ENTRY_BYTES, entry, sizeof entry);
        bytes = str_skip(bytes, block.n);
    }
    uint64_t stored = out->n - start;
    record_encode_head(account, blob, packing.block_shift, raw_bytes, stored,
                       str_make(out->p + start + RECORD_HEAD_BYTES, table_n), out->p + start);
    size_t padding = (size_t)(record_padded(stored) - stored);
    memset(buf_reserve(out, padding + 1), 0, padding + 1);
    out->n += padding;
}

uint64_t record_seal(char *record, uint64_t seed)
{
    uint64_t check = XXH3_64bits_withSeed(record, HEAD_CHECKED_BYTES, seed);
    store_u64(record + HEAD_CHECKED_BYTES, check);
    return check;
}

/* ---- verifying ---- */

bool record_head_decode(const unsigned char in[RECORD_HEAD_BYTES], uint64_t seed,
                        struct record_head *head_out)
{
    if (memcmp(in, record_magic, sizeof record_magic) != 0 || in[4] != RECORD_FORMAT ||
        in[5] < BLOCK_SHIFT_MIN || in[5] > BLOCK_SHIFT_MAX)
        return false;
    struct record_head h = {
        .block_shift = in[5],
        .stored_bytes = load_u64(in + 8),
        .raw_bytes = load_u64(in + 16),
        .account = { load_u64(in + 24) },
        .blob = { load_u64(in + 32) },
        .table_check = load_u64(in + 40),
        .check = load_u64(in + HEAD_CHECKED_BYTES),
    };
    if (h.check != XXH3_64bits_withSeed(in, HEAD_CHECKED_BYTES, seed) || h.raw_bytes > STORE_BLOB_BYTES_MAX)
        return false;
    h.block_count = (uint32_t)block_count_of(h.raw_bytes, h.block_shift);
    uint64_t least = RECORD_HEAD_BYTES + (uint64_t)h.block_count * BLOCK_ENTRY_BYTES;
    if (h.stored_bytes < least || h.stored_bytes > least + h.raw_bytes)
        return false; /* blocks never grow */
    *head_out = h;
    return true;
}

static uint64_t block_raw_bytes(const struct record_head *head, uint32_t block)
{
    uint64_t size = UINT64_C(1) << head->block_shift;
    return block + 1 < head->block_count ? size : head->raw_bytes - ((uint64_t)block << head->block_shift);
}

bool record_table_valid(const struct record_head *head, struct str table)
{
    if (table.n != (size_t)head->block_count * BLOCK_ENTRY_BYTES ||
        hash_xxh3(table.p, table.n) != head->table_check)
        return false;
    uint64_t sum = RECORD_HEAD_BYTES + table.n;
    for (uint32_t i = 0; i < head->block_count; i++) {
        const char *entry = table.p + (size_t)i * BLOCK_ENTRY_BYTES;
        uint32_t n = load_u32(entry);
        if (n > block_raw_bytes(head, i) || (unsigned char)entry[4] >= CODEC_COUNT)
            return false;
        sum += n;
    }
    return sum == head->stored_bytes;
}

/* ---- reading ---- */

struct record_source {
    int fd;
    const char *folder;
    const struct place *place;
    struct buf *bytes; /* of the record, from its first byte, as far as they have been read */
};

static int corrupt(const struct record_source *s, const char *what, struct err *err)
{
    return err_set(err, ERR_CORRUPT, SEGMENT_PATH_FMT " at offset %llu: %s", s->folder,
                   (unsigned long long)s->place->segment, (unsigned long long)s->place->offset, what);
}

/* As file_pread, but the end of the file is damage here: a place was given for bytes that were synced. */
static int source_pread(const struct record_source *s, char *to, size_t n, uint64_t at, struct err *err)
{
    while (n > 0) {
        ssize_t got = pread(s->fd, to, n, (off_t)(s->place->offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set_errno(err, errno, "cannot read " SEGMENT_PATH_FMT ", record at offset %llu",
                                 s->folder, (unsigned long long)s->place->segment,
                                 (unsigned long long)s->place->offset);
        if (got == 0)
            return corrupt(s, "the file ends inside the record", err);
        to += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

static int source_fill(struct record_source *s, uint64_t n, struct err *err)
{
    if (s->bytes->n >= n)
        return 0;
    size_t more = (size_t)n - s->bytes->n;
    int r = source_pread(s, buf_reserve(s->bytes, more), more, s->bytes->n, err);
    if (r == 0)
        s->bytes->n += more;
    return r;
}

/* Read and verify head and table; a small record is read whole at once. */
static int source_open(struct record_source *s, uint64_t salt, struct account_id account, struct blob_id blob,
                       struct record_head *head_out, struct err *err)
{
    const struct place *p = s->place;
    uint64_t table_end = RECORD_HEAD_BYTES + (uint64_t)record_table_bytes(p->raw_bytes, BLOCK_SHIFT);
    if (p->stored_bytes < RECORD_HEAD_BYTES || p->raw_bytes > STORE_BLOB_BYTES_MAX)
        return corrupt(s, "its place makes no sense", err);
    uint64_t at_once = block_count_of(p->raw_bytes, BLOCK_SHIFT) <= 1 ? p->stored_bytes : table_end;
    if (at_once > table_end &&
        at_once > RECORD_HEAD_BYTES + record_table_bytes(p->raw_bytes, BLOCK_SHIFT_MIN) + p->raw_bytes)
        return corrupt(s, "its place makes no sense", err);
    int r = source_fill(s, at_once, err);
    if (r < 0)
        return r;
    if (!record_head_decode((const unsigned char *)s->bytes->p, salt + p->offset, head_out))
        return corrupt(s, "head of the record is damaged", err);
    if (head_out->check != p->check || head_out->stored_bytes != p->stored_bytes ||
        head_out->raw_bytes != p->raw_bytes || head_out->account.n != account.n || head_out->blob.n != blob.n)
        return corrupt(s, "another record is there", err);
    table_end = RECORD_HEAD_BYTES + (uint64_t)head_out->block_count * BLOCK_ENTRY_BYTES;
    r = source_fill(s, table_end, err);
    if (r < 0)
        return r;
    if (!record_table_valid(
            head_out, str_make(s->bytes->p + RECORD_HEAD_BYTES, (size_t)(table_end - RECORD_HEAD_BYTES))))
        return corrupt(s, "block table of the record is damaged", err);
    return 0;
}

/* The stored bytes of one block, verified; they borrow `scratch` or the source. */
static int block_load(struct record_source *s, const char *entry, uint64_t at, struct buf *scratch,
                      struct str *stored_out, struct err *err)
{
    uint32_t n = load_u32(entry);
    if (s->bytes->n >= at + n) {
        *stored_out = str_make(s->bytes->p + at, n);
    } else {
        buf_clear(scratch);
        int r = source_pread(s, buf_reserve(scratch, n), n, at, err);
        if (r < 0)
            return r;
        *stored_out = str_make(scratch->p, n);
    }
    return hash_xxh3(stored_out->p, n) == load_u64(entry + 8)
               ? 0
               : corrupt(s, "a block of the record is damaged", err);
}

int record_read(int fd, const char *folder, uint64_t salt, const struct place *place,
                struct account_id account, struct blob_id blob, uint64_t offset, uint64_t length,
                struct compressor *c, struct buf *out, struct err *err)
{
    struct record_source s = { fd, folder, place, compressor_scratch(c, 0) };
    struct record_head head;
    size_t before = out->n;
    buf_clear(s.bytes);
    int r = source_open(&s, salt, account, blob, &head, err);
    if (r < 0)
        return r;
    if (offset > head.raw_bytes)
        offset = head.raw_bytes;
    uint64_t end = length > head.raw_bytes - offset ? head.raw_bytes : offset + length;
    uint64_t at = RECORD_HEAD_BYTES + (uint64_t)head.block_count * BLOCK_ENTRY_BYTES;
    for (uint32_t i = 0; i < head.block_count; i++) {
        uint64_t from = (uint64_t)i << head.block_shift, raw_n = block_raw_bytes(&head, i);
        if (from >= end)
            break;
        const char *entry = s.bytes->p + RECORD_HEAD_BYTES + (size_t)i * BLOCK_ENTRY_BYTES;
        uint32_t stored_n = load_u32(entry);
        if (from + raw_n > offset) {
            struct str stored;
            r = block_load(&s, entry, at, compressor_scratch(c, 1), &stored, err);
            if (r < 0)
                break;
            uint64_t first = end < from + raw_n ? end - from : raw_n;
            uint64_t skip = offset > from ? offset - from : 0, keep = first - skip;
            char *to = buf_reserve(out, (size_t)raw_n);
            if (!decompress_block(c, (enum codec)entry[4], stored, to, (size_t)first, (size_t)raw_n)) {
                r = corrupt(&s, "a block of the record does not decompress", err);
                break;
            }
            if (skip > 0)
                memmove(to, to + skip, (size_t)keep);
            out->n += (size_t)keep;
        }
        at += stored_n;
    }
    if (r < 0)
        out->n = before;
    return r;
}

int record_read_stored(int fd, const char *folder, uint64_t salt, const struct place *place,
                       struct account_id account, struct blob_id blob, struct buf *out, struct err *err)
{
    size_t before = out->n;
    struct buf bytes = BUF_INIT;
    struct record_source s = { fd, folder, place, &bytes };
    struct record_head head;
    int r = source_open(&s, salt, account, blob, &head, err);
    if (r == 0)
        r = source_fill(&s, head.stored_bytes, err);
    uint64_t at = RECORD_HEAD_BYTES + (uint64_t)head.block_count * BLOCK_ENTRY_BYTES;
    for (uint32_t i = 0; r == 0 && i < head.block_count; i++) {
        const char *entry = bytes.p + RECORD_HEAD_BYTES + (size_t)i * BLOCK_ENTRY_BYTES;
        struct str stored;
        r = block_load(&s, entry, at, NULL, &stored, err);
        at += load_u32(entry);
    }
    if (r == 0) {
        buf_add(out, buf_str(&bytes));
        size_t padding = (size_t)(record_padded(out->n - before) - (out->n - before));
        memset(buf_reserve(out, padding + 1), 0, padding + 1);
        out->n += padding;
    }
    buf_deinit(&bytes);
    return r;
}
