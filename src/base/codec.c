#include "base/codec.h"

#include <endian.h>
#include <sodium.h>

uint32_t load_u32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

uint64_t load_u64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

uint64_t load_be64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return be64toh(v);
}

void store_u32(void *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof v);
}

void store_u64(void *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof v);
}

void store_be64(void *p, uint64_t v)
{
    v = htobe64(v);
    memcpy(p, &v, sizeof v);
}

struct reader reader_make(struct str s)
{
    const unsigned char *p = (const unsigned char *)(s.p ? s.p : "");
    return (struct reader){ p, p + s.n, false };
}

size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->p);
}

/* The next `n` bytes, or NULL and `bad`. */
static const unsigned char *take(struct reader *r, size_t n)
{
    if (r->bad || reader_left(r) < n) {
        r->bad = true;
        return NULL;
    }
    const unsigned char *p = r->p;
    r->p += n;
    return p;
}

uint8_t reader_u8(struct reader *r)
{
    const unsigned char *p = take(r, 1);
    return p ? *p : 0;
}

uint16_t reader_u16(struct reader *r)
{
    const unsigned char *p = take(r, 2);
    return p ? (uint16_t)(p[0] | p[1] << 8) : 0;
}

uint32_t reader_u32(struct reader *r)
{
    const unsigned char *p = take(r, 4);
    return p ? load_u32(p) : 0;
}

uint64_t reader_u64(struct reader *r)
{
    const unsigned char *p = take(r, 8);
    return p ? load_u64(p) : 0;
}

uint64_t reader_be64(struct reader *r)
{
    const unsigned char *p = take(r, 8);
    return p ? load_be64(p) : 0;
}

uint64_t reader_varint(struct reader *r)
{
    const unsigned char *p = r->p;
    uint64_t v = 0;
    for (unsigned shift = 0; p < r->end && !r->bad && shift < 64; shift += 7) {
        uint8_t byte = *p++;
        if (shift == 63 && byte > 1)
            break;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            r->p = p;
            return v;
        }
    }
    r->bad = true;
    return 0;
}

struct str reader_bytes(struct reader *r, size_t n)
{
    const unsigned char *p = take(r, n);
    return p ? str_make(p, n) : STR_NIL;
}

/* On disk: varint of length + 1, so that 0 is NIL. */
struct str reader_str(struct reader *r)
{
    uint64_t n = reader_varint(r);
    if (n == 0)
        return STR_NIL;
    if (n - 1 > reader_left(r)) {
        r->bad = true;
        return STR_NIL;
    }
    return reader_bytes(r, (size_t)(n - 1));
}

void buf_put_u8(struct buf *b, uint8_t v)
{
    buf_add_char(b, (char)v);
}

void buf_put_u16(struct buf *b, uint16_t v)
{
    buf_put_u8(b, (uint8_t)v);
    buf_put_u8(b, (uint8_t)(v >> 8));
}

void buf_put_u32(struct buf *b, uint32_t v)
{
    store_u32(buf_reserve(b, sizeof v), v);
    b->n += sizeof v;
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    store_u64(buf_reserve(b, sizeof v), v);
    b->n += sizeof v;
}

void buf_put_be64(struct buf *b, uint64_t v)
{
    store_be64(buf_reserve(b, sizeof v), v);
    b->n += sizeof v;
}

void buf_put_varint(struct buf *b, uint64_t v)
{
    while (v >= 0x80) {
        buf_put_u8(b, (uint8_t)(v | 0x80));
        v >>= 7;
    }
    buf_put_u8(b, (uint8_t)v);
}

void buf_put_str(struct buf *b, struct str s)
{
    if (str_is_nil(s)) {
        buf_put_varint(b, 0);
        return;
    }
    buf_put_varint(b, (uint64_t)s.n + 1);
    buf_add(b, s);
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct str in, struct buf *out)
{
    const unsigned char *p = (const unsigned char *)in.p;
    for (size_t i = 0; i < in.n; i += 3) {
        size_t left = in.n - i;
        uint32_t v = (uint32_t)p[i] << 16;
        if (left > 1)
            v |= (uint32_t)p[i + 1] << 8;
        if (left > 2)
            v |= p[i + 2];
        char four[4] = { base64_digits[v >> 18], base64_digits[v >> 12 & 63],
                         left > 1 ? base64_digits[v >> 6 & 63] : '=',
                         left > 2 ? base64_digits[v & 63] : '=' };
        buf_add_bytes(out, four, sizeof four);
    }
}

void base32_encode(struct str in, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint32_t bits = 0;
    unsigned count = 0; /* of them not written yet: below 5 between two bytes */
    for (size_t i = 0; i < in.n; i++) {
        bits = (bits << 8 | (unsigned char)in.p[i]) & 0xfff;
        for (count += 8; count >= 5; count -= 5)
            buf_add_char(out, digits[bits >> (count - 5) & 31]);
    }
    if (count > 0)
        buf_add_char(out, digits[bits << (5 - count) & 31]);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct str in, struct buf *out)
{
    size_t before = out->n;
    if (in.n % 4 != 0)
        return false;
    for (size_t i = 0; i < in.n; i += 4) {
        bool last = i + 4 == in.n;
        size_t pad = last && in.p[i + 3] == '=' ? (in.p[i + 2] == '=' ? 2 : 1) : 0;
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int digit = k >= 4 - pad ? 0 : base64_value(in.p[i + k]);
            if (digit < 0) {
                out->n = before;
                return false;
            }
            v = v << 6 | (uint32_t)digit;
        }
        /* Stray bits: two spellings of one value. */
        if ((pad == 2 && (v & 0xffff)) || (pad == 1 && (v & 0xff))) {
            out->n = before;
            return false;
        }
        char three[3] = { (char)(v >> 16), (char)(v >> 8), (char)v };
        buf_add_bytes(out, three, 3 - pad);
    }
    return true;
}

/* By way of the other alphabet: tokens are short. (sodium_base642bin takes bytes above 0x7f for digits.) */
bool base64url_decode(struct str in, struct buf *out)
{
    struct buf other = BUF_INIT;
    bool ok = true;
    buf_reserve(&other, in.n + 3);
    for (size_t i = 0; i < in.n && ok; i++) {
        char c = in.p[i];
        ok = c != '+' && c != '/' && c != '=';
        buf_add_char(&other, c == '-' ? '+' : c == '_' ? '/' : c);
    }
    while (other.n % 4 != 0)
        buf_add_char(&other, '=');
    ok = ok && base64_decode(buf_str(&other), out);
    sodium_memzero(other.p, other.cap); /* tokens are secrets */
    buf_deinit(&other);
    return ok;
}

void base64url_encode(struct str in, struct buf *out)
{
    size_t from = out->n;
    base64_encode(in, out);
    while (out->n > from && out->p[out->n - 1] == '=')
        out->n--;
    for (size_t i = from; i < out->n; i++)
        out->p[i] = out->p[i] == '+' ? '-' : out->p[i] == '/' ? '_' : out->p[i];
}

void hex_encode(struct str in, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        buf_add_char(out, digits[c >> 4]);
        buf_add_char(out, digits[c & 15]);
    }
}

static int hex_value(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(struct str in, struct buf *out)
{
    size_t before = out->n;
    if (in.n % 2 != 0)
        return false;
    for (size_t i = 0; i < in.n; i += 2) {
        int high = hex_value(in.p[i]), low = hex_value(in.p[i + 1]);
        if (high < 0 || low < 0) {
            out->n = before;
            return false;
        }
        buf_add_char(out, (char)(high << 4 | low));
    }
    return true;
}
