/* Mailbox names and flags as the grammar spells them: parser.h. */
#include "base/utf8.h"
#include "imap/wire/chars.h"
#include "imap/wire/mutf7.h"
#include "imap/wire/parser.h"

/* ---- mailbox names ---- */

static bool decode_mutf7(struct parser *p, struct str in, struct str *out)
{
    struct buf decoded = BUF_INIT;
    int r = mutf7_decode(in, &decoded, NULL);
    if (r == 0)
        *out = arena_dup(p->arena, buf_str(&decoded));
    buf_deinit(&decoded);
    return r == 0 || parser_fail_value(p, "mailbox name is not valid modified UTF-7");
}

/* From the wire's encoding to UTF-8 (decoded_out), and that in NFC. */
static bool decode_name(struct parser *p, struct str in, struct str *decoded_out, struct str *out)
{
    bool ascii = utf8_is_ascii(in);
    *decoded_out = in;
    if (ascii && (p->utf8 || mutf7_is_plain(in))) {
        *out = in;
        return true;
    }
    if (ascii && !decode_mutf7(p, in, decoded_out))
        return false;
    return utf8_to_nfc(*decoded_out, p->arena, out) ||
           parser_fail_value(p, "mailbox name is not valid UTF-8");
}

/* RFC 9051, 5.1: INBOX in any case is one mailbox; so is what lies below it. */
static struct str fold_inbox(struct arena *arena, struct str name)
{
    struct str inbox = STR("INBOX");
    if (!str_starts_nocase(name, inbox) || (name.n > inbox.n && name.p[inbox.n] != '/') ||
        str_starts(name, inbox))
        return name;
    return arena_printf(arena, "INBOX" STR_FMT, STR_ARG(str_skip(name, inbox.n)));
}

static struct str cut_separator(struct str name)
{
    return name.n > 1 && name.p[name.n - 1] == '/' ? str_sub(name, 0, name.n - 1) : name;
}

bool parse_mailbox_given(struct parser *p, struct str *out, struct str *given_out)
{
    size_t from = p->at;
    struct str text, decoded, name;
    if (!parse_astring(p, &text))
        return false;
    if (!decode_name(p, text, &decoded, &name)) {
        p->error_at = from;
        return false;
    }
    *out = fold_inbox(p->arena, cut_separator(name));
    decoded = cut_separator(decoded);
    *given_out = str_eq(decoded, *out) ? STR_NIL : decoded;
    return true;
}

bool mailbox_name_from_utf8(struct str utf8, struct arena *arena, struct str *out)
{
    struct str name;
    if (!utf8_to_nfc(utf8, arena, &name))
        return false;
    *out = fold_inbox(arena, cut_separator(name));
    return true;
}

bool parse_mailbox(struct parser *p, struct str *out)
{
    struct str given;
    return parse_mailbox_given(p, out, &given);
}

bool parse_list_reference(struct parser *p, struct str *out)
{
    struct str text, decoded;
    return parse_astring(p, &text) && decode_name(p, text, &decoded, out);
}

bool parse_list_mailbox(struct parser *p, struct str *out)
{
    struct str text, decoded;
    if (parser_peek(p) == '"' || parser_peek(p) == '{')
        return parse_string(p, &text) && decode_name(p, text, &decoded, out);
    size_t from = p->at;
    while (p->at < p->in.n && char_is_list((unsigned char)p->in.p[p->at]))
        p->at++;
    if (p->at == from)
        return parser_fail(p, "a mailbox pattern");
    if (p->at - from > p->limits->string_max)
        return parser_fail_limit(p, "a mailbox pattern");
    return decode_name(p, str_sub(p->in, from, p->at - from), &decoded, out);
}

/* ---- flags ---- */

static const struct flag_row {
    struct str name;
    enum flag flag;
} flag_rows[] = {
    /* RFC 9051, 2.3.2 */
    { STR_INIT("\\Seen"), FLAG_SEEN },       { STR_INIT("\\Answered"), FLAG_ANSWERED },
    { STR_INIT("\\Flagged"), FLAG_FLAGGED }, { STR_INIT("\\Deleted"), FLAG_DELETED },
    { STR_INIT("\\Draft"), FLAG_DRAFT },
};

enum flag flag_by_name(struct str name)
{
    const struct flag_row *row = FIND_ROW(name, flag_rows);
    return row ? row->flag : (enum flag)0;
}

struct str flag_name(enum flag one_bit)
{
    for (size_t i = 0; i < ARRAY_COUNT(flag_rows); i++)
        if (flag_rows[i].flag == one_bit)
            return flag_rows[i].name;
    return STR_NIL;
}

bool parse_keyword(struct parser *p, struct str *out)
{
    struct str atom;
    if (!parse_atom(p, &atom))
        return false;
    if (atom.n > KEYWORD_BYTES_MAX)
        return parser_fail_limit(p, "a keyword");
    *out = atom;
    return true;
}

static bool parse_system_flag(struct parser *p, struct flag_list *list)
{
    size_t from = p->at;
    struct str atom;
    p->at++; /* the backslash */
    if (!parse_atom(p, &atom))
        return false;
    enum flag flag = flag_by_name(str_sub(p->in, from, 1 + atom.n));
    if (!flag) {
        p->at = from;
        return parser_fail(
            p, "a flag that a client can set: \\Seen \\Answered \\Flagged \\Deleted \\Draft or a keyword");
    }
    list->flags |= (uint8_t)flag;
    return true;
}

static bool parse_flag(struct parser *p, struct flag_list *list, size_t *cap)
{
    struct str keyword;
    if (parser_peek(p) == '\\')
        return parse_system_flag(p, list);
    if (!parse_keyword(p, &keyword))
        return false;
    for (size_t i = 0; i < list->keyword_count; i++)
        if (str_eq_nocase(list->keywords[i], keyword))
            return true;
    if (list->keyword_count >= KEYWORDS_MAX)
        return parser_fail_limit(p, "keywords");
    list->keywords = arena_grow(p->arena, list->keywords, list->keyword_count, cap, sizeof keyword);
    list->keywords[list->keyword_count++] = keyword;
    return true;
}

bool parse_flag_list(struct parser *p, struct flag_list *out)
{
    struct flag_list list = { 0 };
    size_t cap = 0;
    if (!parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++)
        if (!parse_flag(p, &list, &cap))
            return false;
    *out = list;
    return !parser_failed(p);
}

bool parse_store_flags(struct parser *p, struct flag_list *out)
{
    struct flag_list list = { 0 };
    size_t cap = 0, i = 0;
    if (parser_peek(p) == '(')
        return parse_flag_list(p, out);
    do {
        if (i++ >= p->limits->items_max)
            return parser_fail_limit(p, "flags");
        if (!parse_flag(p, &list, &cap))
            return false;
    } while (!parser_at_end(p) && parse_sp(p));
    *out = list;
    return !parser_failed(p);
}
