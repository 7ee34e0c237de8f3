#include "imap/wire/writer.h"

#include "base/utf8.h"
#include "imap/wire/chars.h"
#include "imap/wire/mutf7.h"
#include "imap/wire/parser.h"

/* ---- strings ---- */

static bool fits_atom(struct str s)
{
    if (s.n == 0 || s.n > WRITE_QUOTED_MAX || str_eq_nocase(s, STR("NIL")))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!char_is_astring((unsigned char)s.p[i]))
            return false;
    return true;
}

static bool fits_quoted(struct str s, bool utf8)
{
    bool eight_bit = false;
    if (s.n > WRITE_QUOTED_MAX)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\0' || c == '\r' || c == '\n')
            return false;
        eight_bit |= c < 0; /* char is signed here */
    }
    return !eight_bit || (utf8 && utf8_is_valid(s));
}

static void write_quoted(struct buf *out, struct str s)
{
    char *from = buf_reserve(out, 2 * s.n + 2), *to = from;
    *to++ = '"';
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            *to++ = '\\';
        *to++ = s.p[i];
    }
    *to++ = '"';
    out->n += (size_t)(to - from);
}

void write_literal_head(struct buf *out, uint64_t n_bytes)
{
    buf_add_char(out, '{');
    buf_add_u64(out, n_bytes);
    buf_add_lit(out, "}\r\n");
}

void write_literal8_head(struct buf *out, uint64_t n_bytes)
{
    buf_add_char(out, '~');
    write_literal_head(out, n_bytes);
}

void write_string(struct buf *out, struct str s, bool utf8)
{
    if (fits_quoted(s, utf8)) {
        write_quoted(out, s);
        return;
    }
    write_literal_head(out, s.n);
    buf_add(out, s);
}

void write_astring(struct buf *out, struct str s, bool utf8)
{
    if (fits_atom(s))
        buf_add(out, s);
    else
        write_string(out, s, utf8);
}

void write_nstring(struct buf *out, struct str s, bool utf8)
{
    if (str_is_nil(s))
        buf_add_lit(out, "NIL");
    else
        write_string(out, s, utf8);
}

void write_mailbox(struct buf *out, struct str name, bool utf8)
{
    struct buf encoded = BUF_INIT;
    if (utf8 || mutf7_is_plain(name)) {
        write_astring(out, name, utf8);
        return;
    }
    mutf7_encode(name, &encoded);
    write_astring(out, buf_str(&encoded), false);
    buf_deinit(&encoded);
}

void write_list(struct buf *out, const char *attributes, struct str name, struct str old_name, bool utf8)
{
    buf_printf(out, "* LIST (%s) \"/\" ", attributes);
    write_mailbox(out, name, utf8);
    if (!str_is_nil(old_name)) {
        buf_add_lit(out, " (\"OLDNAME\" (");
        write_mailbox(out, old_name, utf8);
        buf_add_lit(out, "))");
    }
    buf_add_lit(out, "\r\n");
}

/* ---- flags ---- */

/* Appends "name" with a space before it unless it is the first in its list. */
static void write_flag(struct buf *out, struct str name, bool *first)
{
    if (!*first)
        buf_add_char(out, ' ');
    *first = false;
    buf_add(out, name);
}

static void write_system_flags(struct buf *out, uint8_t flags, bool *first)
{
    for (unsigned left = flags & FLAG_ALL; left; left &= left - 1)
        write_flag(out, flag_name((enum flag)(left & -left)), first);
}

void write_flags(struct buf *out, uint8_t flags, bool recent, const struct keyword_set *set,
                 const struct keyword_table *table)
{
    bool first = true;
    buf_add_char(out, '(');
    write_system_flags(out, flags, &first);
    if (recent)
        write_flag(out, STR("\\Recent"), &first);
    for (unsigned word = 0; set && table && word < KEYWORD_WORDS; word++) {
        for (uint64_t left = set->words[word]; left; left &= left - 1) {
            unsigned i = word * 64 + (unsigned)__builtin_ctzll(left);
            if (i < table->count)
                write_flag(out, table->names[i], &first);
        }
    }
    buf_add_char(out, ')');
}

void write_flag_names(struct buf *out, uint8_t flags, const struct str *keywords, size_t keyword_count,
                      bool with_star)
{
    bool first = true;
    buf_add_char(out, '(');
    write_system_flags(out, flags, &first);
    for (size_t i = 0; i < keyword_count; i++)
        write_flag(out, keywords[i], &first);
    if (with_star)
        write_flag(out, STR("\\*"), &first);
    buf_add_char(out, ')');
}

/* ---- dates ---- */

static char *put_digits(char *to, unsigned value, unsigned width)
{
    for (unsigned i = width; i-- > 0; value /= 10)
        to[i] = (char)('0' + value % 10);
    return to + width;
}

static char *put_date(char *to, int64_t days)
{
    int year;
    unsigned month, day;
    civil_from_days(days, &year, &month, &day);
    to = put_digits(to, day, 2);
    *to++ = '-';
    memcpy(to, month_names[month - 1], 3);
    to += 3;
    *to++ = '-';
    return put_digits(to, (unsigned)year, 4);
}

static char *put_zone(char *to, int zone_min)
{
    *to++ = zone_min < 0 ? '-' : '+';
    unsigned minutes = (unsigned)(zone_min < 0 ? -zone_min : zone_min);
    to = put_digits(to, minutes / 60, 2);
    return put_digits(to, minutes % 60, 2);
}

void write_date_time(struct buf *out, int64_t unix_s, int16_t zone_min)
{
    static const int64_t first = -62167219200, last = 253402300799;  /* years 0 to 9999 */
    int zone = zone_min <= -6000 || zone_min >= 6000 ? 0 : zone_min; /* four digits, "hhmm" */
    int64_t local = unix_s < first || unix_s > last ? (unix_s < first ? first : last)
                                                    : unix_s + (int64_t)zone * 60;
    if (local < first || local > last)
        local = local < first ? first : last;
    int64_t since = local - first; /* not negative: divides as expected */
    unsigned second = (unsigned)(since % 86400);
    char *from = buf_reserve(out, 32), *to = from;
    *to++ = '"';
    to = put_date(to, since / 86400 + first / 86400);
    *to++ = ' ';
    to = put_digits(to, second / 3600, 2);
    *to++ = ':';
    to = put_digits(to, second / 60 % 60, 2);
    *to++ = ':';
    to = put_digits(to, second % 60, 2);
    *to++ = ' ';
    to = put_zone(to, zone);
    *to++ = '"';
    out->n += (size_t)(to - from);
}

/* ---- status lines ---- */

void write_text(struct buf *out, struct str text, bool utf8)
{
    bool keep_8bit = utf8 && utf8_is_valid(text);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\0' || c == '\r' || c == '\n')
            c = ' ';
        buf_add_char(out, c < 0 && !keep_8bit ? '?' : c);
    }
    if (text.n == 0)
        buf_add_char(out, '.');
}

void write_status(struct buf *out, struct str tag, const char *kind, struct str code, struct str text,
                  bool utf8)
{
    buf_add(out, str_is_nil(tag) ? STR("*") : tag);
    buf_add_char(out, ' ');
    buf_add(out, str_c(kind));
    buf_add_char(out, ' ');
    if (code.n) {
        buf_add_char(out, '[');
        buf_add(out, code);
        buf_add_lit(out, "] ");
    }
    write_text(out, text, utf8);
    buf_add_lit(out, "\r\n");
}
