#include "mime/charset.h"

#include "base/utf8.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

enum { UNIT_STEP_MAX = 4 };

/* Stored in records: append only, never reorder. */
static const struct {
    struct str name; /* canonical, and what iconv calls it */
    uint8_t unit;    /* bytes of the smallest unit: how far to go behind a wrong one */
} charsets[] = {
    { STR_INIT(""), 1 },
    { STR_INIT("us-ascii"), 1 },
    { STR_INIT("utf-8"), 1 },
    { STR_INIT("windows-1252"), 1 },
    { STR_INIT("iso-8859-2"), 1 },
    { STR_INIT("iso-8859-3"), 1 },
    { STR_INIT("iso-8859-4"), 1 },
    { STR_INIT("iso-8859-5"), 1 },
    { STR_INIT("iso-8859-6"), 1 },
    { STR_INIT("iso-8859-7"), 1 },
    { STR_INIT("iso-8859-8"), 1 },
    { STR_INIT("windows-1254"), 1 },
    { STR_INIT("iso-8859-10"), 1 },
    { STR_INIT("iso-8859-13"), 1 },
    { STR_INIT("iso-8859-14"), 1 },
    { STR_INIT("iso-8859-15"), 1 },
    { STR_INIT("iso-8859-16"), 1 },
    { STR_INIT("windows-1250"), 1 },
    { STR_INIT("windows-1251"), 1 },
    { STR_INIT("windows-1253"), 1 },
    { STR_INIT("windows-1255"), 1 },
    { STR_INIT("windows-1256"), 1 },
    { STR_INIT("windows-1257"), 1 },
    { STR_INIT("windows-1258"), 1 },
    { STR_INIT("cp874"), 1 },
    { STR_INIT("koi8-r"), 1 },
    { STR_INIT("koi8-u"), 1 },
    { STR_INIT("gb18030"), 1 },
    { STR_INIT("big5-hkscs"), 1 },
    { STR_INIT("euc-tw"), 1 },
    { STR_INIT("cp932"), 1 },
    { STR_INIT("euc-jp-ms"), 1 },
    { STR_INIT("iso-2022-jp-2"), 1 },
    { STR_INIT("cp949"), 1 },
    { STR_INIT("iso-2022-kr"), 1 },
    { STR_INIT("iso-2022-cn"), 1 },
    { STR_INIT("utf-7"), 1 },
    { STR_INIT("utf-16"), 2 },
    { STR_INIT("utf-16le"), 2 },
    { STR_INIT("utf-16be"), 2 },
    { STR_INIT("utf-32"), 4 },
    { STR_INIT("utf-32le"), 4 },
    { STR_INIT("utf-32be"), 4 },
    { STR_INIT("macintosh"), 1 },
    { STR_INIT("mac-cyrillic"), 1 },
    { STR_INIT("cp437"), 1 },
    { STR_INIT("cp850"), 1 },
    { STR_INIT("cp852"), 1 },
    { STR_INIT("cp855"), 1 },
    { STR_INIT("cp866"), 1 },
    { STR_INIT("cp862"), 1 },
    { STR_INIT("cp864"), 1 },
    { STR_INIT("cp858"), 1 },
    { STR_INIT("johab"), 1 },
    { STR_INIT("tcvn5712-1"), 1 },
    { STR_INIT("viscii"), 1 },
    { STR_INIT("koi8-t"), 1 },
    { STR_INIT("iso-ir-166"), 1 },
    { STR_INIT("iso646-de"), 1 },
    { STR_INIT("iso-2022-jp-3"), 1 },
    { STR_INIT("armscii-8"), 1 },
    { STR_INIT("georgian-ps"), 1 },
};

static const struct {
    struct str alias, name;
} aliases[] = {
    { STR_INIT("utf8"), STR_INIT("utf-8") },
    { STR_INIT("unicode-1-1-utf-8"), STR_INIT("utf-8") },
    { STR_INIT("x-utf-8"), STR_INIT("utf-8") },
    { STR_INIT("utf-8mb4"), STR_INIT("utf-8") },
    { STR_INIT("cp65001"), STR_INIT("utf-8") },
    { STR_INIT("ascii"), STR_INIT("us-ascii") },
    { STR_INIT("us_ascii"), STR_INIT("us-ascii") },
    { STR_INIT("usascii"), STR_INIT("us-ascii") },
    { STR_INIT("ansi_x3.4-1968"), STR_INIT("us-ascii") },
    { STR_INIT("ansi_x3.4-1986"), STR_INIT("us-ascii") },
    { STR_INIT("iso646-us"), STR_INIT("us-ascii") },
    { STR_INIT("iso-ir-6"), STR_INIT("us-ascii") },
    { STR_INIT("646"), STR_INIT("us-ascii") },
    { STR_INIT("cp367"), STR_INIT("us-ascii") },
    { STR_INIT("iso-8859-1"), STR_INIT("windows-1252") },
    { STR_INIT("iso8859-1"), STR_INIT("windows-1252") },
    { STR_INIT("iso_8859-1"), STR_INIT("windows-1252") },
    { STR_INIT("iso_8859-1:1987"), STR_INIT("windows-1252") },
    { STR_INIT("iso88591"), STR_INIT("windows-1252") },
    { STR_INIT("iso8859_1"), STR_INIT("windows-1252") },
    { STR_INIT("8859-1"), STR_INIT("windows-1252") },
    { STR_INIT("latin1"), STR_INIT("windows-1252") },
    { STR_INIT("latin-1"), STR_INIT("windows-1252") },
    { STR_INIT("l1"), STR_INIT("windows-1252") },
    { STR_INIT("cp819"), STR_INIT("windows-1252") },
    { STR_INIT("ibm819"), STR_INIT("windows-1252") },
    { STR_INIT("cp1252"), STR_INIT("windows-1252") },
    { STR_INIT("cp-1252"), STR_INIT("windows-1252") },
    { STR_INIT("win-1252"), STR_INIT("windows-1252") },
    { STR_INIT("windows1252"), STR_INIT("windows-1252") },
    { STR_INIT("x-cp1252"), STR_INIT("windows-1252") },
    { STR_INIT("x-ansi"), STR_INIT("windows-1252") },
    { STR_INIT("latin2"), STR_INIT("iso-8859-2") },
    { STR_INIT("latin-2"), STR_INIT("iso-8859-2") },
    { STR_INIT("latin3"), STR_INIT("iso-8859-3") },
    { STR_INIT("latin4"), STR_INIT("iso-8859-4") },
    { STR_INIT("latin5"), STR_INIT("windows-1254") },
    { STR_INIT("latin6"), STR_INIT("iso-8859-10") },
    { STR_INIT("latin9"), STR_INIT("iso-8859-15") },
    { STR_INIT("latin-9"), STR_INIT("iso-8859-15") },
    { STR_INIT("cyrillic"), STR_INIT("iso-8859-5") },
    { STR_INIT("arabic"), STR_INIT("iso-8859-6") },
    { STR_INIT("greek"), STR_INIT("iso-8859-7") },
    { STR_INIT("hebrew"), STR_INIT("iso-8859-8") },
    { STR_INIT("iso-8859-6-e"), STR_INIT("iso-8859-6") },
    { STR_INIT("iso-8859-6-i"), STR_INIT("iso-8859-6") },
    { STR_INIT("iso-8859-8-e"), STR_INIT("iso-8859-8") },
    { STR_INIT("iso-8859-8-i"), STR_INIT("iso-8859-8") },
    { STR_INIT("logical"), STR_INIT("iso-8859-8") },
    { STR_INIT("iso-8859-9"), STR_INIT("windows-1254") },
    { STR_INIT("iso8859-9"), STR_INIT("windows-1254") },
    { STR_INIT("iso-8859-9-windows-latin-5"), STR_INIT("windows-1254") },
    { STR_INIT("iso-8859-11"), STR_INIT("cp874") },
    { STR_INIT("tis-620"), STR_INIT("cp874") },
    { STR_INIT("tis620"), STR_INIT("cp874") },
    { STR_INIT("windows-874"), STR_INIT("cp874") },
    { STR_INIT("koi8r"), STR_INIT("koi8-r") },
    { STR_INIT("koi"), STR_INIT("koi8-r") },
    { STR_INIT("koi8"), STR_INIT("koi8-r") },
    { STR_INIT("cskoi8r"), STR_INIT("koi8-r") },
    { STR_INIT("koi8u"), STR_INIT("koi8-u") },
    { STR_INIT("koi8-ru"), STR_INIT("koi8-u") },
    { STR_INIT("gb2312"), STR_INIT("gb18030") },
    { STR_INIT("gb_2312-80"), STR_INIT("gb18030") },
    { STR_INIT("gb-2312"), STR_INIT("gb18030") },
    { STR_INIT("csgb2312"), STR_INIT("gb18030") },
    { STR_INIT("cn-gb"), STR_INIT("gb18030") },
    { STR_INIT("gbk"), STR_INIT("gb18030") },
    { STR_INIT("x-gbk"), STR_INIT("gb18030") },
    { STR_INIT("cp936"), STR_INIT("gb18030") },
    { STR_INIT("windows-936"), STR_INIT("gb18030") },
    { STR_INIT("euc-cn"), STR_INIT("gb18030") },
    { STR_INIT("chinese"), STR_INIT("gb18030") },
    { STR_INIT("gb18030-2005"), STR_INIT("gb18030") },
    { STR_INIT("big5"), STR_INIT("big5-hkscs") },
    { STR_INIT("big-5"), STR_INIT("big5-hkscs") },
    { STR_INIT("cn-big5"), STR_INIT("big5-hkscs") },
    { STR_INIT("csbig5"), STR_INIT("big5-hkscs") },
    { STR_INIT("x-x-big5"), STR_INIT("big5-hkscs") },
    { STR_INIT("cp950"), STR_INIT("big5-hkscs") },
    { STR_INIT("x-euc-tw"), STR_INIT("euc-tw") },
    { STR_INIT("shift_jis"), STR_INIT("cp932") },
    { STR_INIT("shift-jis"), STR_INIT("cp932") },
    { STR_INIT("x-sjis"), STR_INIT("cp932") },
    { STR_INIT("sjis"), STR_INIT("cp932") },
    { STR_INIT("ms_kanji"), STR_INIT("cp932") },
    { STR_INIT("windows-31j"), STR_INIT("cp932") },
    { STR_INIT("csshiftjis"), STR_INIT("cp932") },
    { STR_INIT("euc-jp"), STR_INIT("euc-jp-ms") },
    { STR_INIT("eucjp"), STR_INIT("euc-jp-ms") },
    { STR_INIT("x-euc-jp"), STR_INIT("euc-jp-ms") },
    { STR_INIT("iso-2022-jp"), STR_INIT("iso-2022-jp-2") },
    { STR_INIT("iso-2022-jp-1"), STR_INIT("iso-2022-jp-2") },
    { STR_INIT("iso-2022-jp-2004"), STR_INIT("iso-2022-jp-3") },
    { STR_INIT("csiso2022jp"), STR_INIT("iso-2022-jp-2") },
    { STR_INIT("jis"), STR_INIT("iso-2022-jp-2") },
    { STR_INIT("cp50220"), STR_INIT("iso-2022-jp-2") },
    { STR_INIT("cp50221"), STR_INIT("iso-2022-jp-2") },
    { STR_INIT("euc-kr"), STR_INIT("cp949") },
    { STR_INIT("euckr"), STR_INIT("cp949") },
    { STR_INIT("ks_c_5601-1987"), STR_INIT("cp949") },
    { STR_INIT("ks_c_5601-1989"), STR_INIT("cp949") },
    { STR_INIT("ks_c_5601"), STR_INIT("cp949") },
    { STR_INIT("ksc5601-1987"), STR_INIT("cp949") },
    { STR_INIT("ksc_5601"), STR_INIT("cp949") },
    { STR_INIT("ksc5601"), STR_INIT("cp949") },
    { STR_INIT("korean"), STR_INIT("cp949") },
    { STR_INIT("uhc"), STR_INIT("cp949") },
    { STR_INIT("windows-949"), STR_INIT("cp949") },
    { STR_INIT("csiso2022kr"), STR_INIT("iso-2022-kr") },
    { STR_INIT("unicode-1-1-utf-7"), STR_INIT("utf-7") },
    { STR_INIT("unicode-2-0-utf-7"), STR_INIT("utf-7") },
    { STR_INIT("x-unicode-2-0-utf-7"), STR_INIT("utf-7") },
    { STR_INIT("csunicode11utf7"), STR_INIT("utf-7") },
    { STR_INIT("utf7"), STR_INIT("utf-7") },
    { STR_INIT("utf16"), STR_INIT("utf-16") },
    { STR_INIT("ucs-2"), STR_INIT("utf-16") },
    { STR_INIT("iso-10646-ucs-2"), STR_INIT("utf-16be") },
    { STR_INIT("unicode"), STR_INIT("utf-16") },
    { STR_INIT("ucs-4"), STR_INIT("utf-32be") },
    { STR_INIT("iso-10646-ucs-4"), STR_INIT("utf-32be") },
    { STR_INIT("utf32"), STR_INIT("utf-32") },
    { STR_INIT("mac"), STR_INIT("macintosh") },
    { STR_INIT("macroman"), STR_INIT("macintosh") },
    { STR_INIT("x-mac-roman"), STR_INIT("macintosh") },
    { STR_INIT("x-mac-cyrillic"), STR_INIT("mac-cyrillic") },
    { STR_INIT("dos-862"), STR_INIT("cp862") },
    { STR_INIT("dos-874"), STR_INIT("cp874") },
    { STR_INIT("x-ias-german"), STR_INIT("iso646-de") },
    { STR_INIT("din_66003"), STR_INIT("iso646-de") },
    { STR_INIT("tcvn"), STR_INIT("tcvn5712-1") },
    { STR_INIT("x-viet-tcvn5712"), STR_INIT("tcvn5712-1") },
    { STR_INIT("ks_x_1001"), STR_INIT("cp949") },
};

/* 0x80 to 0x9f; 0 is not assigned. */
static const uint16_t windows_1252_high[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
};

struct charset_cache {
    iconv_t open[ARRAY_COUNT(charsets)];
    bool is_open[ARRAY_COUNT(charsets)];
};

static uint8_t find_canonical(struct str name)
{
    for (size_t i = 1; i < ARRAY_COUNT(charsets); i++)
        if (str_eq_nocase(charsets[i].name, name))
            return (uint8_t)i;
    return CHARSET_UNKNOWN;
}

/* "iso_8859-2:1987", "iso8859-2", "cp1250", "win1250" and the like, spelled our way. */
static uint8_t find_numbered(struct str name)
{
    static const struct {
        struct str prefix, ours;
    } spellings[] = {
        { STR_INIT("iso_8859-"), STR_INIT("iso-8859-") },
        { STR_INIT("iso8859-"), STR_INIT("iso-8859-") },
        { STR_INIT("iso8859_"), STR_INIT("iso-8859-") },
        { STR_INIT("iso-8859_"), STR_INIT("iso-8859-") },
        { STR_INIT("iso_8859_"), STR_INIT("iso-8859-") },
        { STR_INIT("8859-"), STR_INIT("iso-8859-") },
        { STR_INIT("windows-cp"), STR_INIT("windows-") },
        { STR_INIT("x-cp"), STR_INIT("windows-") },
        { STR_INIT("cp-"), STR_INIT("windows-") },
        { STR_INIT("cp"), STR_INIT("windows-") },
        { STR_INIT("win-"), STR_INIT("windows-") },
        { STR_INIT("win"), STR_INIT("windows-") },
        { STR_INIT("windows"), STR_INIT("windows-") },
        { STR_INIT("windows_"), STR_INIT("windows-") },
        { STR_INIT("ibm-"), STR_INIT("cp") },
        { STR_INIT("ibm"), STR_INIT("cp") },
        { STR_INIT("dos-"), STR_INIT("cp") },
        { STR_INIT("cp-"), STR_INIT("cp") },
        { STR_INIT("dos"), STR_INIT("cp") },
    };
    char text[32];
    for (size_t i = 0; i < ARRAY_COUNT(spellings); i++) {
        struct str rest, number = str_skip(name, spellings[i].prefix.n), ours = spellings[i].ours;
        if (!str_starts_nocase(name, spellings[i].prefix))
            continue;
        number = str_cut(number, ':', &rest);
        if (number.n == 0 || number.n > 4 || !ascii_is_digit(number.p[0]))
            continue;
        memcpy(text, ours.p, ours.n);
        memcpy(text + ours.n, number.p, number.n);
        struct str whole = str_make(text, ours.n + number.n);
        uint8_t id = find_canonical(whole);
        for (size_t a = 0; id == CHARSET_UNKNOWN && a < ARRAY_COUNT(aliases); a++)
            if (str_eq_nocase(aliases[a].alias, whole))
                id = find_canonical(aliases[a].name);
        if (id != CHARSET_UNKNOWN)
            return id;
    }
    return CHARSET_UNKNOWN;
}

uint8_t charset_find(struct str name)
{
    struct str language;
    name = str_trim(str_cut(name, '*', &language));
    while (name.n && (name.p[0] == '"' || name.p[0] == '\''))
        name = str_skip(name, 1);
    while (name.n && (name.p[name.n - 1] == '"' || name.p[name.n - 1] == '\''))
        name.n--;
    if (name.n == 0 || name.n > 40)
        return CHARSET_UNKNOWN;
    uint8_t id = find_canonical(name);
    for (size_t i = 0; id == CHARSET_UNKNOWN && i < ARRAY_COUNT(aliases); i++)
        if (str_eq_nocase(aliases[i].alias, name))
            id = find_canonical(aliases[i].name);
    return id != CHARSET_UNKNOWN ? id : find_numbered(name);
}

struct str charset_name(uint8_t id)
{
    return id < ARRAY_COUNT(charsets) ? charsets[id].name : STR("");
}

struct charset_cache *charset_cache_new(void)
{
    struct charset_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        abort();
    return cache;
}

void charset_cache_free(struct charset_cache **cache)
{
    if (!*cache)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(charsets); i++)
        if ((*cache)->is_open[i])
            iconv_close((*cache)->open[i]);
    free(*cache);
    *cache = NULL;
}

static int open_converter(struct charset_cache *cache, uint8_t id, iconv_t *cd_out, struct err *err)
{
    if (id >= ARRAY_COUNT(charsets))
        return err_set(err, ERR_CHARSET, "charset %u is not known", id);
    if (!cache->is_open[id]) {
        iconv_t cd = iconv_open("UTF-8", charsets[id].name.p); /* a literal: NUL-terminated */
        if (cd == (iconv_t)-1)
            return err_set(err, ERR_CHARSET, "charset " STR_FMT " is not installed",
                           STR_ARG(charsets[id].name));
        cache->open[id] = cd;
        cache->is_open[id] = true;
    }
    *cd_out = cache->open[id];
    return 0;
}

static void put_windows_1252(unsigned char c, struct buf *out)
{
    uint32_t code = c;
    if (c >= 0x80 && c < 0xa0)
        code = windows_1252_high[c - 0x80] ? windows_1252_high[c - 0x80] : 0xfffd;
    utf8_put(out, code);
}

static void convert_windows_1252(struct str in, struct buf *out)
{
    for (size_t i = 0; i < in.n;) {
        size_t from = i;
        while (i < in.n && in.p[i] >= 0)
            i++;
        buf_add_bytes(out, in.p + from, i - from);
        for (; i < in.n && in.p[i] < 0; i++)
            put_windows_1252((unsigned char)in.p[i], out);
    }
}

/* Bytes at the end of `in` that may be the beginning of a UTF-8 character. */
static size_t utf8_tail(struct str in)
{
    for (size_t back = 1; back <= 3 && back <= in.n; back++) {
        unsigned char c = (unsigned char)in.p[in.n - back];
        if ((c & 0xc0) == 0x80)
            continue;
        size_t length = c >= 0xf0 && c <= 0xf4  ? 4
                        : c >= 0xe0 && c < 0xf0 ? 3
                        : c >= 0xc2 && c < 0xe0 ? 2
                                                : 1;
        return length > back ? back : 0;
    }
    return 0;
}

/* Valid UTF-8 stays; a wrong byte becomes U+FFFD, or is read as windows-1252 when the charset was not
 * told. */
static void convert_utf8(struct str in, bool guess, struct buf *out)
{
    const char *p = in.p, *end = str_end(in);
    while (p < end) {
        const char *from = p;
        while (p < end && *p >= 0)
            p++;
        buf_add_bytes(out, from, (size_t)(p - from));
        if (p == end)
            return;
        from = p;
        if (utf8_next(&p, end) >= 0)
            buf_add_bytes(out, from, (size_t)(p - from));
        else if (guess)
            put_windows_1252((unsigned char)*from, out);
        else
            utf8_put(out, 0xfffd);
    }
}

void charset_stream_init(struct charset_stream *s, struct charset_cache *cache, uint8_t id)
{
    *s = (struct charset_stream){ .cache = cache, .id = id, .fresh = true };
}

static void run_iconv(struct charset_stream *s, iconv_t cd, struct str in, bool last, struct buf *out)
{
    /* iconv's prototype is not const-correct; it does not write to its input. */
    union {
        const char *in;
        char *p;
    } from = { in.p };
    size_t left = in.n;

    while (left > 0) {
        size_t room = (left < 4096 ? left : 4096) * 4 + 16;
        char *to = buf_reserve(out, room), *start = to;
        size_t r = iconv(cd, &from.p, &left, &to, &room);
        int reason = errno;
        out->n += (size_t)(to - start);
        if (r != (size_t)-1 || reason == E2BIG)
            continue;
        if (reason == EINVAL && !last && left <= sizeof s->hold) {
            memcpy(s->hold, from.in, left);
            s->held = (uint8_t)left;
            return;
        }
        utf8_put(out, 0xfffd);
        size_t step = reason == EINVAL ? left : charsets[s->id].unit;
        step = step < left ? step : left;
        from.in += step;
        left -= step;
    }
    if (last) {
        size_t room = 64;
        char *to = buf_reserve(out, room), *start = to;
        iconv(cd, NULL, NULL, &to, &room);
        out->n += (size_t)(to - start);
    }
}

int charset_stream_feed(struct charset_stream *s, struct str in, bool last, struct buf *out, struct err *err)
{
    struct buf joined = BUF_INIT;
    bool ours = s->id <= CHARSET_WINDOWS_1252;
    iconv_t cd = NULL;

    if (!ours) {
        int r = open_converter(s->cache, s->id, &cd, err);
        if (r < 0)
            return r;
        if (s->fresh)
            iconv(cd, NULL, NULL, NULL, NULL); /* forget what the last text left */
    }
    s->fresh = last;
    if (s->held) {
        buf_add_bytes(&joined, s->hold, s->held);
        buf_add(&joined, in);
        in = buf_str(&joined);
        s->held = 0;
    }
    if (s->id == CHARSET_WINDOWS_1252) {
        convert_windows_1252(in, out);
    } else if (ours) {
        size_t tail = last ? 0 : utf8_tail(in);
        memcpy(s->hold, in.p ? in.p + in.n - tail : "", tail);
        s->held = (uint8_t)tail;
        if (in.n > tail)
            convert_utf8(str_sub(in, 0, in.n - tail), s->id != CHARSET_UTF8, out);
    } else {
        run_iconv(s, cd, in, last, out);
    }
    buf_deinit(&joined);
    return 0;
}

int charset_to_utf8(struct charset_cache *cache, uint8_t id, struct str in, struct buf *out, struct err *err)
{
    struct charset_stream s;
    charset_stream_init(&s, cache, id);
    return charset_stream_feed(&s, in, true, out, err);
}
