#include "base/utf8.h"

#include <stdlib.h>
#include <utf8proc.h>

/* Pointers into it may be added to. */
static struct str not_nil(struct str s)
{
    return s.p ? s : STR("");
}

int32_t utf8_next(const char **p, const char *end)
{
    const unsigned char *s = (const unsigned char *)*p;
    size_t left = (size_t)(end - *p);
    unsigned char c = s[0];
    *p += 1;
    if (c < 0x80)
        return c;
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || left < n)
        return -1;
    uint32_t v = c & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return -1;
        v = v << 6 | (s[i] & 0x3f);
    }
    if ((n == 3 && (v < 0x800 || (v >= 0xd800 && v <= 0xdfff))) || (n == 4 && (v < 0x10000 || v > 0x10ffff)))
        return -1;
    *p += n - 1;
    return (int32_t)v;
}

bool utf8_is_valid(struct str s)
{
    s = not_nil(s);
    for (const char *p = s.p, *end = str_end(s); p < end;)
        if (utf8_next(&p, end) < 0)
            return false;
    return true;
}

bool utf8_is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0) /* char is signed here: 0 and above 127 */
            return false;
    return true;
}

void utf8_put(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_add_char(out, (char)c);
    } else if (c < 0x800) {
        buf_add_bytes(out, (char[]){ (char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f)) }, 2);
    } else if (c < 0x10000) {
        buf_add_bytes(
            out,
            (char[]){ (char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f)) }, 3);
    } else {
        buf_add_bytes(out,
                      (char[]){ (char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3f)),
                                (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f)) },
                      4);
    }
}

size_t utf8_hidden(const char *p, const char *end)
{
    const unsigned char *c = (const unsigned char *)p;
    size_t n = (size_t)(end - p);
    if (c[0] < 0x80)
        return c[0] < 0x20 || c[0] == 0x7f;
    if (n < 2)
        return 0;
    if (c[0] == 0xc2) /* C1 */
        return c[1] >= 0x80 && c[1] < 0xa0 ? 2 : 0;
    if (c[0] == 0xd8) /* U+061C */
        return c[1] == 0x9c ? 2 : 0;
    if (c[0] != 0xe2 || n < 3)
        return 0;
    if (c[1] == 0x80) /* U+200E, U+200F; U+2028 to U+202E */
        return c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae) ? 3 : 0;
    return c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9 ? 3 : 0; /* U+2066 to U+2069 */
}

bool utf8_to_nfc(struct str s, struct arena *arena, struct str *out)
{
    if (!utf8_is_valid(s))
        return false;
    if (utf8_is_ascii(s)) {
        *out = arena_dup(arena, s.p ? s : STR(""));
        return true;
    }
    utf8proc_uint8_t *mapped = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &mapped,
                                      UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n < 0)
        return false;
    *out = arena_dup(arena, str_make(mapped, (size_t)n));
    free(mapped);
    return true;
}

/* Case fold and decompose one code point into `out`. COMPAT alone would do nothing: it says how to DECOMPOSE. */
static void fold_code_point(uint32_t c, struct buf *out)
{
    enum { ROOM = 32 };
    utf8proc_int32_t parts[ROOM];
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, parts, ROOM,
                                                 UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD,
                                                 &boundary);
    if (n < 0 || n > ROOM) {
        utf8_put(out, c);
        return;
    }
    for (utf8proc_ssize_t i = 0; i < n; i++)
        utf8_put(out, (uint32_t)parts[i]);
}

void utf8_fold(struct str s, struct buf *out)
{
    s = not_nil(s);
    const char *p = s.p, *end = str_end(s);
    char *to = buf_reserve(out, s.n);
    while (p < end && *p >= 0)
        *to++ = ascii_lower(*p++);
    out->n += (size_t)(p - s.p);
    while (p < end) {
        if (*p >= 0) {
            buf_add_char(out, ascii_lower(*p++));
            continue;
        }
        int32_t c = utf8_next(&p, end);
        fold_code_point(c < 0 ? 0xfffd : (uint32_t)c, out);
    }
}

void utf8_collate(struct str folded, struct buf *out)
{
    folded = not_nil(folded);
    const char *p = folded.p, *end = folded.p + folded.n;
    buf_reserve(out, folded.n);
    while (p < end) {
        if (*p >= 0) {
            buf_add_char(out, ascii_upper(*p));
            p++;
            continue;
        }
        int32_t c = utf8_next(&p, end);
        utf8_put(out, c < 0 ? 0xfffd : (uint32_t)utf8proc_totitle(c));
    }
}

void utf8_sanitize(struct str s, struct buf *out)
{
    s = not_nil(s);
    for (const char *p = s.p, *end = str_end(s); p < end;) {
        const char *from = p;
        int32_t c = utf8_next(&p, end);
        if (c < 0)
            utf8_put(out, 0xfffd);
        else if (c > 0)
            buf_add_bytes(out, from, (size_t)(p - from));
    }
}

struct str utf8_prefix(struct str s, size_t n_bytes)
{
    if (n_bytes >= s.n)
        return s;
    while (n_bytes > 0 && ((unsigned char)s.p[n_bytes] & 0xc0) == 0x80)
        n_bytes--;
    return str_sub(s, 0, n_bytes);
}
