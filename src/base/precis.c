#include "base/precis.h"

#include "base/utf8.h"

#include <utf8proc.h>

enum { DECOMPOSED_MAX = 32, STABLE_AFTER_MAX = 4 /* RFC 8264, 7 */, VIRAMA = 9 };

/* ---- one character: RFC 8264, 8 ---- */

enum property { PVALID, FREE_PVAL, CONTEXT, DISALLOWED };

struct range {
    int32_t from, to;
};

static bool is_in(int32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].from && c <= ranges[i].to)
            return true;
    return false;
}
#define IS_IN(c, ranges) is_in((c), (ranges), ARRAY_COUNT(ranges))

/* RFC 5892, 2.6 */
static const struct range exceptions_valid[] = {
    { 0xdf, 0xdf }, { 0x3c2, 0x3c2 }, { 0x6fd, 0x6fe }, { 0xf0b, 0xf0b }, { 0x3007, 0x3007 }
};
static const struct range exceptions_context[] = { { 0xb7, 0xb7 },   { 0x375, 0x375 }, { 0x5f3, 0x5f4 },
                                                   { 0x660, 0x669 }, { 0x6f0, 0x6f9 }, { 0x30fb, 0x30fb } };
static const struct range exceptions_disallowed[] = {
    { 0x640, 0x640 }, { 0x7fa, 0x7fa }, { 0x302e, 0x302f }, { 0x3031, 0x3035 }, { 0x303b, 0x303b }
};
/* RFC 8264, 9.9: conjoining jamo, which NFC has not made into syllables */
static const struct range old_hangul_jamo[] = { { 0x1100, 0x11ff }, { 0xa960, 0xa97c }, { 0xd7b0, 0xd7fb } };

static size_t decompose(int32_t c, int compat, utf8proc_int32_t out[DECOMPOSED_MAX])
{
    utf8proc_ssize_t n = utf8proc_decompose_char(c, out, DECOMPOSED_MAX,
                                                 (utf8proc_option_t)(UTF8PROC_DECOMPOSE | compat), NULL);
    return n < 0 || n > DECOMPOSED_MAX ? 0 : (size_t)n;
}

/* NFKC makes something else of a character that is in NFC. */
static bool has_compat(int32_t c)
{
    utf8proc_int32_t canonical[DECOMPOSED_MAX], compat[DECOMPOSED_MAX];
    size_t n = decompose(c, 0, canonical), k = decompose(c, UTF8PROC_COMPAT, compat);
    return n != k || memcmp(canonical, compat, n * sizeof *canonical) != 0;
}

static enum property by_category(int32_t c, const utf8proc_property_t *p)
{
    switch (p->category) {
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ND:
        return has_compat(c) ? FREE_PVAL : PVALID;
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return DISALLOWED;
    default: /* other letters and digits, spaces, symbols, punctuation */
        return FREE_PVAL;
    }
}

static enum property property_of(int32_t c)
{
    const utf8proc_property_t *p = utf8proc_get_property(c);
    if (IS_IN(c, exceptions_valid))
        return PVALID;
    if (IS_IN(c, exceptions_context) || c == 0x200c || c == 0x200d)
        return CONTEXT;
    if (IS_IN(c, exceptions_disallowed))
        return DISALLOWED;
    if (c >= 0x21 && c <= 0x7e)
        return PVALID;
    if (IS_IN(c, old_hangul_jamo) || p->ignorable)
        return DISALLOWED;
    return by_category(c, p);
}

/* ---- a character among others: RFC 5892, A ---- */

static const struct range greek[] = { { 0x370, 0x3ff }, { 0x1f00, 0x1fff } };
static const struct range hebrew[] = { { 0x591, 0x5f4 }, { 0xfb1d, 0xfb4f } };
static const struct range japanese[] = { { 0x3005, 0x3007 }, { 0x3041, 0x3096 },  { 0x309d, 0x309f },
                                         { 0x30a1, 0x30fa }, { 0x30fd, 0x30ff },  { 0x31f0, 0x31ff },
                                         { 0x3400, 0x4dbf }, { 0x4e00, 0x9fff },  { 0xf900, 0xfaff },
                                         { 0xff66, 0xff9d }, { 0x20000, 0x323af } };
static const struct range arabic_digits[] = { { 0x660, 0x669 } };
static const struct range extended_arabic_digits[] = { { 0x6f0, 0x6f9 } };

static bool has_any(struct str s, const struct range *ranges, size_t count)
{
    for (const char *p = s.p, *end = str_end(s); p < end;)
        if (is_in(utf8_next(&p, end), ranges, count))
            return true;
    return false;
}
#define HAS_ANY(s, ranges) has_any((s), (ranges), ARRAY_COUNT(ranges))

/* `before` and `after`: its neighbours, 0 at the edge. */
static bool fits(int32_t c, int32_t before, int32_t after, struct str whole)
{
    switch (c) {
    case 0x200c:
    case 0x200d:
        return before && utf8proc_get_property(before)->combining_class == VIRAMA;
    case 0xb7:
        return before == 'l' && after == 'l';
    case 0x375:
        return IS_IN(after, greek);
    case 0x5f3:
    case 0x5f4:
        return IS_IN(before, hebrew);
    case 0x30fb:
        return HAS_ANY(whole, japanese);
    default: /* digits, of one kind */
        return !HAS_ANY(whole, arabic_digits) || !HAS_ANY(whole, extended_arabic_digits);
    }
}

bool precis_is_allowed(struct str s, enum precis_class class)
{
    const char *end = str_end(s);
    int32_t before = 0;
    if (s.n == 0 || !utf8_is_valid(s))
        return false;
    for (const char *p = s.p; p < end;) {
        int32_t c = utf8_next(&p, end);
        const char *next = p;
        int32_t after = next < end ? utf8_next(&next, end) : 0;
        enum property property = property_of(c);
        if (property == DISALLOWED || (property == FREE_PVAL && class == PRECIS_IDENTIFIER) ||
            (property == CONTEXT && !fits(c, before, after, s)))
            return false;
        before = c;
    }
    return true;
}

/* ---- from right to left: RFC 5893, 2 ---- */

#define BIDI(name) (UINT32_C(1) << UTF8PROC_BIDI_CLASS_##name)
enum { BIDI_ANYWHERE = BIDI(EN) | BIDI(ES) | BIDI(CS) | BIDI(ET) | BIDI(ON) | BIDI(BN) | BIDI(NSM) };

struct directions {
    uint32_t first, last, all; /* bits of classes; `last` is the last that is no NSM */
};

static struct directions look_at_directions(struct str s)
{
    struct directions d = { 0 };
    for (const char *p = s.p, *end = str_end(s); p < end;) {
        uint32_t bit = UINT32_C(1) << utf8proc_get_property(utf8_next(&p, end))->bidi_class;
        d.first = d.first ? d.first : bit;
        d.last = bit == BIDI(NSM) ? d.last : bit;
        d.all |= bit;
    }
    return d;
}

static bool keeps_direction(struct str s)
{
    const struct directions d = look_at_directions(s);
    const uint32_t rtl = BIDI(R) | BIDI(AL);
    if (!(d.all & (rtl | BIDI(AN))))
        return true;
    if (d.first & rtl)
        return !(d.all & ~(rtl | BIDI(AN) | (uint32_t)BIDI_ANYWHERE)) &&
               (d.last & (rtl | BIDI(EN) | BIDI(AN))) && !((d.all & BIDI(EN)) && (d.all & BIDI(AN)));
    return false; /* it has such letters, and does not begin with one */
}

/* ---- the profile ---- */

static void put_narrow(int32_t c, struct buf *out)
{
    const utf8proc_property_t *p = utf8proc_get_property(c);
    utf8proc_int32_t parts[DECOMPOSED_MAX];
    size_t n = 0;
    if (p->decomp_type == UTF8PROC_DECOMP_TYPE_WIDE || p->decomp_type == UTF8PROC_DECOMP_TYPE_NARROW)
        n = decompose(c, UTF8PROC_COMPAT, parts);
    for (size_t i = 0; i < n; i++)
        utf8_put(out, (uint32_t)parts[i]);
    if (n == 0)
        utf8_put(out, (uint32_t)c);
}

static void put_lower(int32_t c, struct buf *out)
{
    if (c == 0x130) { /* the one letter whose lower case is two; utf8proc would make it the ordinary i */
        utf8_put(out, 'i');
        utf8_put(out, 0x307);
    } else {
        utf8_put(out, (uint32_t)utf8proc_tolower(c));
    }
}

static void map_each(struct str s, void (*put)(int32_t c, struct buf *out), struct buf *out)
{
    buf_clear(out);
    for (const char *p = s.p, *end = str_end(s); p < end;)
        put(utf8_next(&p, end), out);
}

/* The mappings once. */
static void map_once(struct str s, struct buf *room, struct buf *out)
{
    struct arena arena = ARENA_INIT;
    struct str nfc;
    map_each(s, put_narrow, out);
    map_each(buf_str(out), put_lower, room);
    buf_clear(out);
    if (utf8_to_nfc(buf_str(room), &arena, &nfc))
        buf_add(out, nfc);
    arena_deinit(&arena);
}

/* RFC 8264, 7: again until it is stable, or it is none. */
static bool map_until_stable(struct str s, struct buf *room, struct buf *mapped)
{
    struct buf before = BUF_INIT;
    bool stable = false;
    buf_add(&before, s);
    for (int i = 0; i < STABLE_AFTER_MAX && !stable; i++) {
        map_once(buf_str(&before), room, mapped);
        stable = str_eq(buf_str(mapped), buf_str(&before));
        buf_clear(&before);
        buf_add(&before, buf_str(mapped));
    }
    buf_deinit(&before);
    return stable;
}

bool precis_userpart(struct str s, struct buf *out)
{
    struct buf room = BUF_INIT, mapped = BUF_INIT;
    bool good = s.n > 0 && utf8_is_valid(s) && map_until_stable(s, &room, &mapped) &&
                precis_is_allowed(buf_str(&mapped), PRECIS_IDENTIFIER) && keeps_direction(buf_str(&mapped));
    if (good)
        buf_add(out, buf_str(&mapped));
    buf_deinit(&room);
    buf_deinit(&mapped);
    return good;
}
