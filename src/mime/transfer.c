#include "mime/transfer.h"

enum { PIECE_BYTES = 64 * 1024 };

/* Quoted-printable, RFC 2045, 6.7. What is held is in `held`:
 *   QP_TEXT   trailing white space         QP_EQUALS  "="                   QP_HEX  "=" and the hex digit held[0]
 *   QP_SOFT   "=" and the white space held QP_SOFT_CR "=", perhaps white space, and CR */
enum qp_state { QP_TEXT, QP_EQUALS, QP_HEX, QP_SOFT, QP_SOFT_CR };

static const signed char base64_value[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
}; /* value + 1; 0 is a foreign byte */

static const struct {
    struct str name;
    enum transfer kind;
} names[] = {
    { STR_INIT("7bit"), TRANSFER_IDENTITY },   { STR_INIT("8bit"), TRANSFER_IDENTITY },
    { STR_INIT("binary"), TRANSFER_IDENTITY }, { STR_INIT("quoted-printable"), TRANSFER_QUOTED_PRINTABLE },
    { STR_INIT("base64"), TRANSFER_BASE64 },
};

enum transfer transfer_parse(struct str raw)
{
    struct str s = str_trim(raw);
    size_t n = 0;

    while (s.n && (s.p[0] == '"' || s.p[0] == '\''))
        s = str_skip(s, 1);
    while (n < s.n && (s.p[n] == '-' || s.p[n] == '_' || ascii_is_digit(s.p[n]) ||
                       (ascii_lower(s.p[n]) >= 'a' && ascii_lower(s.p[n]) <= 'z')))
        n++;
    s = str_sub(s, 0, n);
    if (s.n == 0)
        return TRANSFER_IDENTITY;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (str_eq_nocase(s, names[i].name))
            return names[i].kind;
    return TRANSFER_UNKNOWN;
}

int transfer_init(struct transfer_decoder *d, enum transfer kind, struct err *err)
{
    d->kind = kind;
    d->bits = 0;
    d->count = 0;
    d->state = QP_TEXT;
    d->held_n = 0;
    if (kind == TRANSFER_UNKNOWN)
        return err_set(err, ERR_UNKNOWN_CTE, "unknown Content-Transfer-Encoding");
    return 0;
}

/* Padding or the end: what is held becomes one or two bytes. */
static char *base64_flush(struct transfer_decoder *d, char *to)
{
    if (d->count >= 2)
        *to++ = (char)(d->bits >> (d->count == 2 ? 4 : 10));
    if (d->count == 3)
        *to++ = (char)(d->bits >> 2);
    d->count = 0;
    d->bits = 0;
    return to;
}

static void base64_feed(struct transfer_decoder *d, struct str in, struct buf *out)
{
    const unsigned char *p = (const unsigned char *)in.p, *end = p + in.n;
    char *to = buf_reserve(out, in.n + 3);

    while (p < end) {
        int a, b, c, e;
        if (d->count == 0 && end - p >= 4 && (a = base64_value[p[0]]) && (b = base64_value[p[1]]) &&
            (c = base64_value[p[2]]) && (e = base64_value[p[3]])) {
            uint32_t v = (uint32_t)(a - 1) << 18 | (uint32_t)(b - 1) << 12 | (uint32_t)(c - 1) << 6 |
                         (uint32_t)(e - 1);
            *to++ = (char)(v >> 16);
            *to++ = (char)(v >> 8);
            *to++ = (char)v;
            p += 4;
            continue;
        }
        a = base64_value[*p];
        if (a) {
            d->bits = d->bits << 6 | (uint32_t)(a - 1);
            if (++d->count == 4) {
                *to++ = (char)(d->bits >> 16);
                *to++ = (char)(d->bits >> 8);
                *to++ = (char)d->bits;
                d->count = 0;
                d->bits = 0;
            }
        } else if (*p == '=') {
            to = base64_flush(d, to);
        }
        p++;
    }
    out->n = (size_t)(to - out->p);
}

static int hex_value(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void qp_release(struct transfer_decoder *d, struct buf *out)
{
    buf_add_bytes(out, d->held, d->held_n);
    d->held_n = 0;
}

static void qp_hold(struct transfer_decoder *d, char c, struct buf *out)
{
    if (d->held_n == sizeof d->held) {
        if (d->state == QP_SOFT) {
            buf_add_char(out, '=');
            d->state = QP_TEXT;
        }
        qp_release(d, out);
    }
    d->held[d->held_n++] = c;
}

/* One byte in a state other than QP_TEXT. False: the state is now QP_TEXT, look at the byte again. */
static bool qp_step(struct transfer_decoder *d, char c, struct buf *out)
{
    bool space = c == ' ' || c == '\t';
    switch ((enum qp_state)d->state) {
    case QP_EQUALS:
        if (hex_value(c) >= 0) {
            d->state = QP_HEX;
            d->held[0] = c;
            return true;
        }
        break;
    case QP_HEX:
        d->state = QP_TEXT;
        if (hex_value(c) >= 0) {
            buf_add_char(out, (char)(hex_value(d->held[0]) << 4 | hex_value(c)));
            return true;
        }
        buf_add_char(out, '=');
        buf_add_char(out, d->held[0]);
        return false;
    case QP_SOFT_CR:
        d->state = QP_TEXT;
        return c == '\n';
    case QP_SOFT:
    case QP_TEXT:
        break;
    }
    if (space || c == '\r' || c == '\n') { /* a soft line break, perhaps with transport padding */
        d->state = space ? QP_SOFT : c == '\r' ? QP_SOFT_CR : QP_TEXT;
        if (space)
            qp_hold(d, c, out);
        else
            d->held_n = 0;
        return true;
    }
    buf_add_char(out, '=');
    qp_release(d, out);
    d->state = QP_TEXT;
    return false;
}

static void qp_feed(struct transfer_decoder *d, struct str in, struct buf *out)
{
    for (size_t i = 0; i < in.n;) {
        if (d->state != QP_TEXT) {
            if (qp_step(d, in.p[i], out))
                i++;
            continue;
        }
        size_t from = i;
        while (i < in.n && in.p[i] != '=' && in.p[i] != ' ' && in.p[i] != '\t' && in.p[i] != '\r' &&
               in.p[i] != '\n')
            i++;
        if (i > from) {
            qp_release(d, out);
            buf_add_bytes(out, in.p + from, i - from);
        }
        if (i == in.n)
            return;
        char c = in.p[i++];
        if (c == '=') {
            qp_release(d, out);
            d->state = QP_EQUALS;
        } else if (c == ' ' || c == '\t') {
            qp_hold(d, c, out);
        } else {
            d->held_n = 0;
            buf_add_char(out, c);
        }
    }
}

void transfer_feed(struct transfer_decoder *d, struct str in, struct buf *out)
{
    if (in.n == 0)
        return;
    if (d->kind == TRANSFER_BASE64)
        base64_feed(d, in, out);
    else if (d->kind == TRANSFER_QUOTED_PRINTABLE)
        qp_feed(d, in, out);
    else
        buf_add(out, in);
}

void transfer_finish(struct transfer_decoder *d, struct buf *out)
{
    if (d->kind == TRANSFER_BASE64) {
        char *to = buf_reserve(out, 3);
        out->n += (size_t)(base64_flush(d, to) - to);
    } else if (d->kind == TRANSFER_QUOTED_PRINTABLE && d->state == QP_HEX) {
        buf_add_char(out, '=');
        buf_add_char(out, d->held[0]);
    } /* what else is held is a soft line break or white space at the end of a line: it goes */
    d->state = QP_TEXT;
    d->held_n = 0;
}

int transfer_decode(enum transfer kind, struct str in, struct buf *out, struct err *err)
{
    struct transfer_decoder d;
    int r = transfer_init(&d, kind, err);
    if (r < 0)
        return r;
    transfer_feed(&d, in, out);
    transfer_finish(&d, out);
    return 0;
}

int transfer_decoded_size(enum transfer kind, struct str in, uint64_t *size_out, struct err *err)
{
    struct transfer_decoder d;
    struct buf piece = BUF_INIT;
    uint64_t size = 0;

    int r = transfer_init(&d, kind, err);
    if (r < 0)
        return r;
    if (kind == TRANSFER_IDENTITY) {
        *size_out = in.n;
        return 0;
    }
    for (size_t at = 0; at < in.n; at += PIECE_BYTES) {
        transfer_feed(&d, str_sub(in, at, PIECE_BYTES), &piece);
        size += piece.n;
        buf_clear(&piece);
    }
    transfer_finish(&d, &piece);
    *size_out = size + piece.n;
    buf_deinit(&piece);
    return 0;
}
