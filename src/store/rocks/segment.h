/* segment.h: the bytes of a segment file and how one record is written and read. Files as a set are in
 * segments.h.
 *
 * A segment file
 *   0   8  "LOFTSEG1"
 *   8   8  number of the segment               all numbers little-endian
 *  16   8  salt, random                        unknown to senders of mail: nobody can forge a record inside a message
 *  24   8  XXH3 of bytes 0..23
 *  32      records, each beginning at a multiple of 8
 *
 * A record
 *   0   4  "LSR1"
 *   4   1  format, 1
 *   5   1  block shift: raw bytes of a block, as a power of two (18: 256 KiB; 16 of what is read in parts)
 *   6   2  zero
 *   8   8  stored bytes: this head, the table and all blocks, without padding
 *  16   8  raw bytes of the blob
 *  24   8  account
 *  32   8  blob id
 *  40   8  XXH3 of the block table
 *  48   8  XXH3 of bytes 0..47, seeded with salt + offset of the record: a record is valid at its own place only
 *  56      block table, 16 bytes for each of ceil(raw bytes / block bytes) blocks:
 *            0  4  stored bytes of the block
 *            4  1  codec (enum codec)
 *            5  3  zero
 *            8  8  XXH3 of the stored bytes of the block
 *  ...     the blocks, one behind the other, each compressed alone: reading a part decodes the blocks it touches and no others
 *  ...     zero bytes up to a multiple of 8
 *
 * Space is reserved first and written later, by several threads at once, so a crash can leave holes: no head,
 * or a head without its blocks. Checksums tell; a place in the database never points to such a record because
 * it is synced before it is referred to.
 *
 * Threads: none; the caller gives descriptors and compressors. */
#ifndef LOFT_STORE_ROCKS_SEGMENT_H
#define LOFT_STORE_ROCKS_SEGMENT_H

#include "store/rocks/compress.h"
#include "store/store.h"

enum {
    SEGMENT_HEAD_BYTES = 32,
    RECORD_HEAD_BYTES = 56,
    BLOCK_ENTRY_BYTES = 16,
    BLOCK_SHIFT = 18,
    BLOCK_SHIFT_PARTS = 16, /* of a blob that is read in parts: STORE_PART_BYTES */
    BLOCK_SHIFT_MIN = 12,   /* what a reader accepts */
    BLOCK_SHIFT_MAX = 24,
    RECORD_ALIGN = 8,
};

/* Of a file: its folder and its number. */
#define SEGMENT_PATH_FMT "%s/%010llu.seg"

void segment_head_encode(uint64_t number, uint64_t salt, unsigned char out[SEGMENT_HEAD_BYTES]);
/* -ERR_CORRUPT. */
MUST_USE int segment_head_decode(const unsigned char in[SEGMENT_HEAD_BYTES], uint64_t *number_out,
                                 uint64_t *salt_out, struct err *err);

/* Where a blob is; stored in the database.
 * `check` is the checksum in the record's head, and so covers everything. */
struct place {
    uint64_t segment, offset, stored_bytes, raw_bytes, check;
};

static inline uint64_t record_padded(uint64_t stored_bytes)
{
    return (stored_bytes + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
}

struct record_head {
    unsigned block_shift;
    uint32_t block_count;
    uint64_t stored_bytes, raw_bytes;
    struct account_id account;
    struct blob_id blob;
    uint64_t table_check, check;
};

/* Decode and verify a head that was read at a place with seed salt + offset. False: no record begins here. */
bool record_head_decode(const unsigned char in[RECORD_HEAD_BYTES], uint64_t seed,
                        struct record_head *head_out);
/* True when `table` (block_count entries) belongs to the head and adds up to its stored bytes. */
bool record_table_valid(const struct record_head *head, struct str table);

/* How the blocks of a record are made. */
struct packing {
    enum codec codec;
    unsigned block_shift;
};

/* Append a whole record, padding included, with an open head: record_seal() it once its place is known. */
void record_encode(struct compressor *c, struct packing packing, struct account_id account,
                   struct blob_id blob, struct str bytes, struct buf *out);
/* Writes the checksum of the head for its place; returns it. */
uint64_t record_seal(char *record, uint64_t seed);

/* The parts of a record that is written block by block because it is too large for memory. */
size_t record_table_bytes(uint64_t raw_bytes, unsigned block_shift);
void record_encode_block(struct compressor *c, enum codec codec, struct str raw_block, char *entry,
                         struct buf *out);
void record_encode_head(struct account_id account, struct blob_id blob, unsigned block_shift,
                        uint64_t raw_bytes, uint64_t stored_bytes, struct str table,
                        char head[RECORD_HEAD_BYTES]);

/* Append raw bytes [offset, offset + length), clipped, of the record at `place` to `out`. `folder`, where the file
 * of place->segment is, is for messages. -ERR_IO; -ERR_CORRUPT naming file and offset; then `out` is as before. */
MUST_USE int record_read(int fd, const char *folder, uint64_t salt, const struct place *place,
                         struct account_id account, struct blob_id blob, uint64_t offset, uint64_t length,
                         struct compressor *c, struct buf *out, struct err *err);

/* Append the record as it is stored, padding included, after verifying all of its checksums
 * (for the collector). */
MUST_USE int record_read_stored(int fd, const char *folder, uint64_t salt, const struct place *place,
                                struct account_id account, struct blob_id blob, struct buf *out,
                                struct err *err);

/* Walk the records of one file without the database. Heads and tables are verified, blocks are not. What is
 * no record (holes, damage) is passed over in steps of 8 bytes until one begins again; how much is
 * counted. */
struct segment_walk {
    int fd;
    uint64_t salt, at, end;
    uint64_t skipped_bytes; /* that were neither record nor zero */
    struct buf window;      /* bytes of the file from window_at */
    uint64_t window_at;
};

void segment_walk_init(struct segment_walk *w, int fd, uint64_t salt, uint64_t end);
void segment_walk_deinit(struct segment_walk *w);
/* 1 and a record, 0 at the end, -ERR_IO. */
MUST_USE int segment_walk_next(struct segment_walk *w, struct record_head *head_out, uint64_t *offset_out,
                               struct err *err);

#endif
