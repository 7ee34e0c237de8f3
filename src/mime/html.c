#include "mime/html.h"

#include "base/utf8.h"

enum state { HTML_TEXT, HTML_OPEN, HTML_NAME, HTML_TAG, HTML_QUOTED, HTML_BANG, HTML_COMMENT, HTML_ENTITY };

/* Elements that do not stand apart from the words around them. */
static const char *const inline_tags[] = { "a",     "abbr", "acronym", "b",      "bdi", "bdo",  "big",
                                           "cite",  "code", "del",     "dfn",    "em",  "font", "i",
                                           "ins",   "kbd",  "mark",    "o:p",    "q",   "s",    "samp",
                                           "small", "span", "strike",  "strong", "sub", "sup",  "tt",
                                           "u",     "var",  "wbr" };

/* Elements whose text nobody reads. */
static const char *const silent_tags[] = { "script", "style", "title", "noscript" };

/* U+00A0 to U+00FF */
static const char latin_entities[96][8] = {
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",    "copy",
    "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn", "sup2",   "sup3",
    "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",   "raquo",  "frac14", "frac12",
    "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde", "Auml",   "Aring",  "AElig",  "Ccedil",
    "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave", "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde",
    "Ograve", "Oacute", "Ocirc",  "Otilde", "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",
    "Uuml",   "Yacute", "THORN",  "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",
    "aelig",  "ccedil", "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",
    "eth",    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml",
};

static const struct {
    const char *name;
    uint32_t code;
} entities[] = {
    { "amp", '&' },       { "lt", '<' },       { "gt", '>' },       { "quot", '"' },     { "apos", '\'' },
    { "euro", 0x20ac },   { "ndash", 0x2013 }, { "mdash", 0x2014 }, { "lsquo", 0x2018 }, { "rsquo", 0x2019 },
    { "sbquo", 0x201a },  { "ldquo", 0x201c }, { "rdquo", 0x201d }, { "bdquo", 0x201e }, { "bull", 0x2022 },
    { "hellip", 0x2026 }, { "trade", 0x2122 }, { "ensp", ' ' },     { "emsp", ' ' },     { "thinsp", ' ' },
    { "zwnj", 0x200c },   { "zwj", 0x200d },   { "larr", 0x2190 },  { "rarr", 0x2192 },  { "lsaquo", 0x2039 },
    { "rsaquo", 0x203a }, { "OElig", 0x152 },  { "oelig", 0x153 },  { "Scaron", 0x160 }, { "scaron", 0x161 },
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f';
}

static bool is_name(char c)
{
    return ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == ':' || c == '-' ||
           c == '#';
}

static struct str name_of(const struct html_stripper *h)
{
    return str_make(h->name, h->name_n);
}

static bool name_in(struct str name, const char *const *table, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(name, str_c(table[i])))
            return true;
    return false;
}

static void tell_space(struct html_stripper *h, struct buf *out)
{
    if (!h->spaced && h->any)
        buf_add_char(out, ' ');
    h->spaced = true;
}

static void tell(struct html_stripper *h, struct str text, struct buf *out)
{
    buf_add(out, text);
    h->spaced = false;
    h->any = true;
}

/* -1: not known. */
static int32_t entity_code(struct str name)
{
    if (name.n > 1 && name.p[0] == '#') {
        bool hex = ascii_lower(name.p[1]) == 'x';
        int32_t code = 0;
        for (size_t i = hex ? 2 : 1; i < name.n; i++) {
            char c = ascii_lower(name.p[i]);
            int digit = ascii_is_digit(c) ? c - '0' : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
            if (digit < 0 || code > 0x10ffff)
                return -1;
            code = code * (hex ? 16 : 10) + digit;
        }
        return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? code : -1;
    }
    for (size_t i = 0; i < ARRAY_COUNT(entities); i++)
        if (str_eq(name, str_c(entities[i].name)))
            return (int32_t)entities[i].code;
    for (size_t i = 0; i < ARRAY_COUNT(latin_entities); i++)
        if (str_eq(name, str_c(latin_entities[i])))
            return (int32_t)(0xa0 + i);
    return -1;
}

static void tell_entity(struct html_stripper *h, struct buf *out)
{
    int32_t code = entity_code(name_of(h));
    if (code < 0) {
        tell(h, STR("&"), out);
        tell(h, name_of(h), out);
    } else if (code == 0xa0 || is_space((char)(code < 0x80 ? code : 'x'))) {
        tell_space(h, out);
    } else {
        utf8_put(out, (uint32_t)code);
        h->spaced = false;
        h->any = true;
    }
}

/* A tag is over. */
static void end_tag(struct html_stripper *h, struct buf *out)
{
    struct str name = name_of(h);
    h->state = HTML_TEXT;
    if (h->skip_n) {
        if (h->is_end_tag && str_eq_nocase(name, str_make(h->skip, h->skip_n)))
            h->skip_n = 0;
        return;
    }
    if (!h->is_end_tag && name_in(name, silent_tags, ARRAY_COUNT(silent_tags))) {
        memcpy(h->skip, h->name, sizeof h->skip);
        h->skip_n = h->name_n;
    }
    if (!name_in(name, inline_tags, ARRAY_COUNT(inline_tags)))
        tell_space(h, out);
}

static void tell_text(struct html_stripper *h, struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n;) {
        size_t from = i;
        while (i < text.n && !is_space(text.p[i]))
            i++;
        if (i > from)
            tell(h, str_sub(text, from, i - from), out);
        for (; i < text.n && is_space(text.p[i]); i++)
            tell_space(h, out);
    }
}

/* From `i` in HTML_TEXT to the next tag or entity. */
static size_t pass_text(struct html_stripper *h, struct str in, size_t i, struct buf *out)
{
    size_t from = i;
    if (h->skip_n) {
        ptrdiff_t tag = str_find_char(str_skip(in, i), '<');
        i = tag < 0 ? in.n : i + (size_t)tag;
    } else {
        while (i < in.n && in.p[i] != '<' && in.p[i] != '&')
            i++;
        tell_text(h, str_sub(in, from, i - from), out);
    }
    if (i == in.n)
        return i;
    h->state = in.p[i] == '<' ? HTML_OPEN : HTML_ENTITY;
    h->name_n = 0;
    h->is_end_tag = false;
    return i + 1;
}

static void add_name(struct html_stripper *h, char c)
{
    if (h->name_n < sizeof h->name)
        h->name[h->name_n++] = c;
}

/* The byte behind "<". False: it begins no tag; look at it again as text. */
static bool open_tag(struct html_stripper *h, char c, struct buf *out)
{
    if (c == '/' && !h->is_end_tag) {
        h->is_end_tag = true;
    } else if (h->skip_n && !h->is_end_tag) { /* a script ends with its end tag only */
        h->state = HTML_TEXT;
        return false;
    } else if (c == '!' || c == '?') {
        h->state = HTML_BANG;
    } else if (is_name(c) && !ascii_is_digit(c)) {
        h->state = HTML_NAME;
        add_name(h, c);
    } else {
        h->state = HTML_TEXT;
        if (!h->skip_n)
            tell(h, h->is_end_tag ? STR("</") : STR("<"), out);
        return false;
    }
    return true;
}

static void pass_tag_byte(struct html_stripper *h, char c, struct buf *out)
{
    if (c == '>') {
        end_tag(h, out);
    } else if ((c == '"' || c == '\'') && h->after_equals) {
        h->quote = c;
        h->state = HTML_QUOTED;
    }
    h->after_equals = c == '=' || (h->after_equals && is_space(c));
}

/* Inside "<!...": a comment ends with "-->", anything else with ">". name_n counts the dashes seen. */
static void pass_bang_byte(struct html_stripper *h, char c)
{
    if (c == '-') {
        if (h->name_n < 2)
            h->name_n++;
        if (h->state == HTML_BANG && h->name_n == 2) {
            h->state = HTML_COMMENT;
            h->name_n = 2; /* "<!-->" is a whole comment */
        }
        return;
    }
    if (c == '>' && (h->state == HTML_BANG || h->name_n == 2))
        h->state = HTML_TEXT;
    h->name_n = 0;
}

void html_strip(struct html_stripper *h, struct str in, bool last, struct buf *out)
{
    for (size_t i = 0; i < in.n;) {
        char c = in.p[i];
        switch ((enum state)h->state) {
        case HTML_TEXT:
            i = pass_text(h, in, i, out);
            continue;
        case HTML_OPEN:
            if (!open_tag(h, c, out))
                continue;
            break;
        case HTML_NAME:
            if (is_name(c)) {
                add_name(h, c);
                break;
            }
            h->state = HTML_TAG;
            h->after_equals = false;
            continue;
        case HTML_TAG:
            pass_tag_byte(h, c, out);
            break;
        case HTML_QUOTED:
            if (c == h->quote)
                h->state = HTML_TAG;
            break;
        case HTML_BANG:
        case HTML_COMMENT:
            pass_bang_byte(h, c);
            break;
        case HTML_ENTITY:
            if (is_name(c) && h->name_n < sizeof h->name) {
                add_name(h, c);
                break;
            }
            tell_entity(h, out);
            h->state = HTML_TEXT;
            if (c != ';')
                continue;
            break;
        }
        i++;
    }
    if (last && h->state == HTML_ENTITY)
        tell_entity(h, out);
    else if (last && h->state == HTML_OPEN && !h->skip_n)
        tell(h, STR("<"), out);
}
