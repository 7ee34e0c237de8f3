#include "imap/wire/fetch_args.h"

#include "mime/meta.h"

enum { FETCH_ATTS_MAX = 256, FIELD_NAME_BYTES_MAX = 256 };

enum section_form { NO_SECTION, OPTIONAL_SECTION, TEXT_SECTION, PART_SECTION };

/* clang-format off */
static const struct fetch_row {
    struct str name;
    enum fetch_item item;
    enum section_form section;
    bool sets_seen;
    enum fetch_text text; /* of those that have a section built in */
} fetch_rows[] = {
    { STR_INIT("UID"),           FETCH_UID,           NO_SECTION,       false, TEXT_ALL    },
    { STR_INIT("FLAGS"),         FETCH_FLAGS,         NO_SECTION,       false, TEXT_ALL    },
    { STR_INIT("INTERNALDATE"),  FETCH_INTERNALDATE,  NO_SECTION,       false, TEXT_ALL    },
    { STR_INIT("RFC822.SIZE"),   FETCH_RFC822_SIZE,   NO_SECTION,       false, TEXT_ALL    },
    { STR_INIT("ENVELOPE"),      FETCH_ENVELOPE,      NO_SECTION,       false, TEXT_ALL    },
    { STR_INIT("BODYSTRUCTURE"), FETCH_BODYSTRUCTURE, NO_SECTION,       false, TEXT_ALL    },
    { STR_INIT("BODY"),          FETCH_BODY,          OPTIONAL_SECTION, true,  TEXT_ALL    },
    { STR_INIT("BODY.PEEK"),     FETCH_SECTION,       TEXT_SECTION,     false, TEXT_ALL    },
    { STR_INIT("BINARY"),        FETCH_BINARY,        PART_SECTION,     true,  TEXT_ALL    },
    { STR_INIT("BINARY.PEEK"),   FETCH_BINARY,        PART_SECTION,     false, TEXT_ALL    },
    { STR_INIT("BINARY.SIZE"),   FETCH_BINARY_SIZE,   PART_SECTION,     false, TEXT_ALL    },
    { STR_INIT("RFC822"),        FETCH_RFC822,        NO_SECTION,       true,  TEXT_ALL    },
    { STR_INIT("RFC822.HEADER"), FETCH_RFC822_HEADER, NO_SECTION,       false, TEXT_HEADER },
    { STR_INIT("RFC822.TEXT"),   FETCH_RFC822_TEXT,   NO_SECTION,       true,  TEXT_BODY   },
    { STR_INIT("MODSEQ"),        FETCH_MODSEQ,        NO_SECTION,       false, TEXT_ALL    },
    { STR_INIT("EMAILID"),       FETCH_EMAILID,       NO_SECTION,       false, TEXT_ALL    },
    { STR_INIT("THREADID"),      FETCH_THREADID,      NO_SECTION,       false, TEXT_ALL    },
    { STR_INIT("SAVEDATE"),      FETCH_SAVEDATE,      NO_SECTION,       false, TEXT_ALL    },
    { STR_INIT("PREVIEW"),       FETCH_PREVIEW,       NO_SECTION,       false, TEXT_ALL    },
};
/* clang-format on */

static const struct macro_row { /* RFC 9051, 6.4.5: each stands alone, not in a list */
    struct str name;
    enum fetch_item items[6];
} macro_rows[] = {
    { STR_INIT("FAST"), { FETCH_FLAGS, FETCH_INTERNALDATE, FETCH_RFC822_SIZE } },
    { STR_INIT("ALL"), { FETCH_FLAGS, FETCH_INTERNALDATE, FETCH_RFC822_SIZE, FETCH_ENVELOPE } },
    { STR_INIT("FULL"), { FETCH_FLAGS, FETCH_INTERNALDATE, FETCH_RFC822_SIZE, FETCH_ENVELOPE, FETCH_BODY } },
};

/* clang-format off */
static const struct section_row {
    struct str name;
    enum fetch_text text;
} section_rows[] = {
    { STR_INIT("HEADER"),            TEXT_HEADER            },
    { STR_INIT("HEADER.FIELDS"),     TEXT_HEADER_FIELDS     },
    { STR_INIT("HEADER.FIELDS.NOT"), TEXT_HEADER_FIELDS_NOT },
    { STR_INIT("TEXT"),              TEXT_BODY              },
    { STR_INIT("MIME"),              TEXT_MIME              },
};
/* clang-format on */

/* ---- sections ---- */

/* section-part = nz-number *("." nz-number); the dot before a word, as in "1.MIME", is eaten too:
 * *text_follows_out tells. */
static bool parse_section_part(struct parser *p, struct fetch_section *section, bool *text_follows_out)
{
    size_t cap = 0;
    *text_follows_out = false;
    for (;;) {
        uint32_t number;
        if (!parse_nz_number(p, &number))
            return false;
        if (section->part_count >= SECTION_PARTS_MAX)
            return parser_fail_limit(p, "numbers of a body part");
        section->parts = arena_grow(p->arena, section->parts, section->part_count, &cap, sizeof number);
        section->parts[section->part_count++] = number;
        if (!try_char(p, '.'))
            return true;
        if (parser_peek(p) < '0' || parser_peek(p) > '9') {
            *text_follows_out = true;
            return true;
        }
    }
}

/* header-fld-name = astring. Only printable ASCII: the name is told back in the answer. */
static bool parse_field_name(struct parser *p, struct str *out)
{
    if (!parse_astring(p, out))
        return false;
    if (out->n > FIELD_NAME_BYTES_MAX)
        return parser_fail_limit(p, "a header field name");
    for (size_t i = 0; i < out->n; i++)
        if (out->p[i] < 0x20 || out->p[i] > 0x7e)
            return parser_fail(p, "a header field name in ASCII");
    return true;
}

static bool parse_header_list(struct parser *p, struct fetch_section *section)
{
    size_t cap = 0;
    if (!parse_sp(p) || !parse_list_open(p))
        return false;
    while (parse_list_next(p, section->field_count)) {
        struct str name;
        if (!parse_field_name(p, &name))
            return false;
        section->fields = arena_grow(p->arena, section->fields, section->field_count, &cap, sizeof name);
        section->fields[section->field_count++] = name;
    }
    if (section->field_count == 0)
        return parser_fail(p, "a header field name");
    return !parser_failed(p);
}

static bool parse_section_text(struct parser *p, struct fetch_section *section)
{
    static const char expected[] = "HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME";
    struct str name;
    size_t from = p->at;
    if (!parse_label(p, &name, expected))
        return false;
    const struct section_row *row = FIND_ROW(name, section_rows);
    /* RFC 9051, 9: MIME only behind a part. */
    if (!row || (row->text == TEXT_MIME && section->part_count == 0)) {
        p->at = from;
        return parser_fail(p, expected);
    }
    section->text = row->text;
    if (row->text != TEXT_HEADER_FIELDS && row->text != TEXT_HEADER_FIELDS_NOT)
        return true;
    if (!parse_header_list(p, section))
        return false;
    section->names = header_names_make(section->fields, section->field_count, p->arena);
    section->in_record = row->text == TEXT_HEADER_FIELDS && section->part_count == 0 &&
                         mime_header_record_keeps(section->fields, section->field_count, &section->kept);
    return true;
}

/* section-spec, or section-part alone */
static bool parse_spec(struct parser *p, bool with_text, struct fetch_section *section)
{
    bool text_follows = with_text;
    if (parser_peek(p) >= '0' && parser_peek(p) <= '9' && !parse_section_part(p, section, &text_follows))
        return false;
    if (text_follows && !with_text)
        return parser_fail(p, "a body part by numbers");
    return !text_follows || parse_section_text(p, section);
}

bool parse_section_spec(struct parser *p, struct fetch_section *section_out)
{
    return parse_spec(p, true, section_out);
}

/* section = "[" [section-spec] "]" */
static bool parse_section(struct parser *p, bool with_text, struct fetch_section *section)
{
    if (!parse_char(p, '[', "\"[\""))
        return false;
    if (try_char(p, ']'))
        return true;
    return parse_spec(p, with_text, section) && parse_char(p, ']', "\"]\"");
}

/* partial = "<" number64 "." nz-number64 ">" */
static bool parse_partial(struct parser *p, struct fetch_att *att)
{
    if (!try_char(p, '<'))
        return true;
    att->has_partial = true;
    return parse_number64(p, &att->offset) && parse_char(p, '.', "\".\"") &&
           parse_nz_number64(p, &att->length) && parse_char(p, '>', "\">\"");
}

/* ---- items ---- */

/* [SP "(" preview-mod *(SP preview-mod) ")"], RFC 8970, 6.
 * Behind a single item, " (" may begin FETCH modifiers instead. */
static bool parse_preview_mods(struct parser *p, struct fetch_att *att)
{
    size_t from = p->at;
    if (!try_char(p, ' ') || !try_char(p, '(') || !try_word(p, STR("LAZY"))) {
        p->at = from;
        return true;
    }
    att->lazy = true;
    while (try_char(p, ' '))
        if (!try_word(p, STR("LAZY")))
            return parser_fail(p, "LAZY");
    return parse_char(p, ')', "\")\"");
}

static void add_att(struct parser *p, struct fetch_args *args, const struct fetch_att *att, size_t *cap)
{
    bool repeats = (args->items & att->item) &&
                   !(att->item & (FETCH_SECTION | FETCH_BINARY | FETCH_BINARY_SIZE));
    if (repeats)
        return;
    args->atts = arena_grow(p->arena, args->atts, args->att_count, cap, sizeof *att);
    args->atts[args->att_count++] = *att;
    args->items |= att->item;
    args->sets_seen |= att->sets_seen;
}

static bool parse_att(struct parser *p, struct fetch_args *args, size_t *cap)
{
    size_t from = p->at;
    struct str name;
    if (args->att_count >= FETCH_ATTS_MAX)
        return parser_fail_limit(p, "FETCH items");
    if (!parse_label(p, &name, "a FETCH item"))
        return false;
    const struct fetch_row *row = FIND_ROW(name, fetch_rows);
    if (!row) {
        p->at = from;
        return parser_fail(p, "a FETCH item");
    }
    struct fetch_att att = { .item = row->item, .sets_seen = row->sets_seen, .section.text = row->text };
    enum section_form kind = row->section;
    if (kind == OPTIONAL_SECTION) { /* BODY is one thing and BODY[...] another */
        kind = parser_peek(p) == '[' ? TEXT_SECTION : NO_SECTION;
        att.item = kind == TEXT_SECTION ? FETCH_SECTION : FETCH_BODY;
        att.sets_seen = kind == TEXT_SECTION;
    }
    if (kind != NO_SECTION && !parse_section(p, kind == TEXT_SECTION, &att.section))
        return false;
    if (kind != NO_SECTION && att.item != FETCH_BINARY_SIZE && !parse_partial(p, &att))
        return false;
    if (att.item == FETCH_PREVIEW && !parse_preview_mods(p, &att))
        return false;
    add_att(p, args, &att, cap);
    return true;
}

static bool try_macro(struct parser *p, struct fetch_args *args, size_t *cap)
{
    for (size_t i = 0; i < ARRAY_COUNT(macro_rows); i++) {
        if (!try_word(p, macro_rows[i].name))
            continue;
        for (size_t k = 0; k < ARRAY_COUNT(macro_rows[i].items) && macro_rows[i].items[k]; k++)
            add_att(p, args, &(struct fetch_att){ .item = macro_rows[i].items[k] }, cap);
        return true;
    }
    return false;
}

bool parse_fetch_att_list(struct parser *p, struct fetch_args *args)
{
    size_t cap = 0;
    if (!parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++)
        if (!parse_att(p, args, &cap))
            return false;
    if (args->att_count == 0)
        return parser_fail(p, "a FETCH item");
    return !parser_failed(p);
}

/* "ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")" */
static bool parse_atts(struct parser *p, struct fetch_args *args)
{
    size_t cap = 0;
    if (parser_peek(p) == '(')
        return parse_fetch_att_list(p, args);
    return try_macro(p, args, &cap) || parse_att(p, args, &cap);
}

/* fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"     RFC 4466; RFC 7162, 7; RFC 9394, 4 */
static bool parse_modifiers(struct parser *p, struct fetch_args *args)
{
    if (!parse_sp(p) || !parse_list_open(p))
        return false;
    for (size_t i = 0; parse_list_next(p, i); i++) {
        if (try_word(p, STR("CHANGEDSINCE")) && !args->has_changed_since) {
            args->has_changed_since = true;
            if (!parse_sp(p) || !parse_number64(p, &args->changed_since))
                return false;
        } else if (try_word(p, STR("VANISHED"))) {
            args->vanished = true;
        } else if (args->uid && !args->partial.first && try_word(p, STR("PARTIAL"))) {
            if (!parse_sp(p) || !parse_partial_range(p, &args->partial))
                return false;
        } else {
            return parser_fail(p, "a FETCH modifier");
        }
    }
    if (args->vanished && !(args->uid && args->has_changed_since)) /* RFC 7162, 3.2.6 */
        return parser_fail(p, "VANISHED with UID FETCH and CHANGEDSINCE only");
    return !parser_failed(p);
}

int fetch_args_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct fetch_args *args = arena_new(p->arena, struct fetch_args);
    args->uid = p->uid;
    if (!parse_sp(p) || !parse_seqset(p, &args->set) || !parse_sp(p) || !parse_atts(p, args) ||
        (!parser_at_end(p) && !parse_modifiers(p, args)) || !parse_end(p))
        return parser_error(p, err);
    *args_out = args;
    return 0;
}

struct fetch_args *fetch_args_copy_atts(const struct fetch_args *args, struct arena *arena)
{
    struct fetch_args *copy = arena_new(arena, struct fetch_args);
    *copy = (struct fetch_args){ .att_count = args->att_count,
                                 .items = args->items,
                                 .sets_seen = args->sets_seen };
    copy->atts = arena_new_array(arena, struct fetch_att, args->att_count);
    for (size_t i = 0; i < args->att_count; i++) {
        const struct fetch_section *from = &args->atts[i].section;
        struct fetch_section *to = &copy->atts[i].section;
        copy->atts[i] = args->atts[i];
        to->parts = arena_new_array(arena, uint32_t, from->part_count);
        for (size_t k = 0; k < from->part_count; k++)
            to->parts[k] = from->parts[k];
        to->fields = arena_new_array(arena, struct str, from->field_count);
        for (size_t k = 0; k < from->field_count; k++)
            to->fields[k] = arena_dup(arena, from->fields[k]);
        to->names = header_names_make(to->fields, to->field_count, arena);
    }
    return copy;
}

static bool is_same_item(const struct fetch_att *a, const struct fetch_att *b)
{
    struct buf x = BUF_INIT, y = BUF_INIT;
    fetch_att_write_name(a, &x);
    fetch_att_write_name(b, &y);
    bool same = a->item == b->item && str_eq(buf_str(&x), buf_str(&y));
    buf_deinit(&x);
    buf_deinit(&y);
    return same;
}

void fetch_args_merge(struct fetch_args *args, const struct fetch_args *more, struct arena *arena)
{
    struct fetch_att *atts = arena_new_array(arena, struct fetch_att, args->att_count + more->att_count);
    size_t own_count = args->att_count;
    for (size_t i = 0; i < own_count; i++)
        atts[i] = args->atts[i];
    args->atts = atts;
    for (size_t i = 0; i < more->att_count; i++) {
        size_t k = 0;
        while (k < own_count && !is_same_item(&atts[k], &more->atts[i]))
            k++;
        if (k == own_count)
            atts[args->att_count++] = more->atts[i];
    }
    args->items |= more->items;
}
