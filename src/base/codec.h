/* codec.h: bytes to values and back: little-endian and big-endian integers, varints, base64, base32, hex.
 * The reader is for bytes that may be damaged or hostile: it never reads past the end, and a failed read
 * makes it `bad` for good, so that a decoder checks once at its end.
 * Threads: none. */
#ifndef LOFT_BASE_CODEC_H
#define LOFT_BASE_CODEC_H

#include "base/buf.h"

struct reader {
    const unsigned char *p, *end;
    bool bad;
};

struct reader reader_make(struct str s);
size_t reader_left(const struct reader *r);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r); /* little-endian, like all fixed widths here */
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
uint64_t reader_be64(struct reader *r);
uint64_t reader_varint(struct reader *r);            /* LEB128, at most 10 bytes */
struct str reader_bytes(struct reader *r, size_t n); /* borrows */
struct str reader_str(struct reader *r);             /* varint length, bytes; NIL is told apart from "" */

void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_be64(struct buf *b, uint64_t v); /* sorts as the number does: for keys */
void buf_put_varint(struct buf *b, uint64_t v);
void buf_put_str(struct buf *b, struct str s);

uint32_t load_u32(const void *p);
uint64_t load_u64(const void *p);
uint64_t load_be64(const void *p);
void store_u32(void *p, uint32_t v);
void store_u64(void *p, uint64_t v);
void store_be64(void *p, uint64_t v);

/* RFC 4648, 4: with padding, no white space. Decoding is strict: -ERR_SYNTAX as false. Appends to `out`. */
void base64_encode(struct str in, struct buf *out);
bool base64_decode(struct str in, struct buf *out);
/* RFC 7515, 2 (base64url): "-_" in place of "+/", and no padding. As strict; leaves no copy of what it decoded. */
bool base64url_decode(struct str in, struct buf *out);
void base64url_encode(struct str in, struct buf *out);
void base32_encode(struct str in, struct buf *out); /* RFC 4648, 6, without padding */
void hex_encode(struct str in, struct buf *out);    /* lower case */
bool hex_decode(struct str in, struct buf *out);

#endif
