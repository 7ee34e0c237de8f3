#include "imap/wire/mutf7.h"

#include "base/utf8.h"

static const char alphabet[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static bool is_plain_char(unsigned char c)
{
    return c >= 0x20 && c <= 0x7e && c != '&';
}

bool mutf7_is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_plain_char((unsigned char)s.p[i]))
            return false;
    return true;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == ',' ? 63 : -1;
}

/* ---- decoding ---- */

struct units {     /* UTF-16 code units on their way to code points */
    uint32_t bits; /* not yet a whole unit */
    unsigned bit_count;
    uint32_t high; /* high surrogate that waits for its low one; 0: none */
};

static bool add_unit(struct units *u, uint32_t unit, struct buf *out)
{
    bool is_high = unit >= 0xd800 && unit <= 0xdbff, is_low = unit >= 0xdc00 && unit <= 0xdfff;
    if (is_low != (u->high != 0))
        return false;
    if (is_high) {
        u->high = unit;
        return true;
    }
    if (is_low)
        unit = 0x10000 + ((u->high - 0xd800) << 10) + (unit - 0xdc00);
    else if (unit >= 0x20 && unit <= 0x7e)
        return false; /* stands for itself: RFC 3501, 5.1.3 */
    u->high = 0;
    utf8_put(out, unit);
    return true;
}

/* `in` is what stands between "&" and "-", not empty. */
static bool decode_shifted(struct str in, struct buf *out)
{
    struct units u = { 0 };
    for (size_t i = 0; i < in.n; i++) {
        int value = base64_value(in.p[i]);
        if (value < 0)
            return false;
        u.bits = u.bits << 6 | (uint32_t)value;
        u.bit_count += 6;
        if (u.bit_count >= 16) {
            u.bit_count -= 16;
            if (!add_unit(&u, u.bits >> u.bit_count & 0xffff, out))
                return false;
        }
    }
    uint32_t padding = u.bits & ((1u << u.bit_count) - 1);
    return u.high == 0 && u.bit_count < 6 && padding == 0;
}

static bool decode(struct str in, struct buf *out)
{
    size_t i = 0, shift_end = SIZE_MAX; /* where the last base64 shift ended */
    while (i < in.n) {
        if (in.p[i] != '&') {
            if (!is_plain_char((unsigned char)in.p[i]))
                return false;
            buf_add_char(out, in.p[i++]);
            continue;
        }
        ptrdiff_t length = str_find_char(str_skip(in, i + 1), '-');
        if (length < 0)
            return false;
        if (length == 0) {
            buf_add_char(out, '&');
            i += 2;
            continue;
        }
        if (i == shift_end || !decode_shifted(str_sub(in, i + 1, (size_t)length), out))
            return false;
        i += (size_t)length + 2;
        shift_end = i;
    }
    return true;
}

int mutf7_decode(struct str in, struct buf *out, struct err *err)
{
    size_t before = out->n;
    if (decode(in, out))
        return 0;
    out->n = before;
    return err_set(err, ERR_INVALID, "mailbox name is not valid modified UTF-7");
}

/* ---- encoding ---- */

struct shift {
    uint32_t bits;
    unsigned bit_count;
    bool open;
};

static void put_unit(struct shift *s, uint32_t unit, struct buf *out)
{
    s->bits = s->bits << 16 | unit;
    s->bit_count += 16;
    while (s->bit_count >= 6) {
        s->bit_count -= 6;
        buf_add_char(out, alphabet[s->bits >> s->bit_count & 0x3f]);
    }
}

static void put_shifted(struct shift *s, uint32_t c, struct buf *out)
{
    if (!s->open) {
        buf_add_char(out, '&');
        *s = (struct shift){ .open = true };
    }
    if (c >= 0x10000) {
        put_unit(s, 0xd800 + ((c - 0x10000) >> 10), out);
        c = 0xdc00 + ((c - 0x10000) & 0x3ff);
    }
    put_unit(s, c, out);
}

static void close_shift(struct shift *s, struct buf *out)
{
    if (!s->open)
        return;
    if (s->bit_count)
        buf_add_char(out, alphabet[s->bits << (6 - s->bit_count) & 0x3f]);
    buf_add_char(out, '-');
    s->open = false;
}

void mutf7_encode(struct str utf8, struct buf *out)
{
    struct shift shift = { 0 };
    for (const char *p = utf8.p, *end = utf8.p + utf8.n; p < end;) {
        int32_t c = utf8_next(&p, end);
        if (c < 0x20 || c > 0x7e) {
            put_shifted(&shift, c < 0 ? 0xfffd : (uint32_t)c, out);
            continue;
        }
        close_shift(&shift, out);
        buf_add_char(out, (char)c);
        if (c == '&')
            buf_add_char(out, '-');
    }
    close_shift(&shift, out);
}
