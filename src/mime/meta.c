#include "mime/meta.h"

#include "base/codec.h"
#include "base/utf8.h"
#include "mime/address.h"
#include "mime/bodystructure.h"
#include "mime/date.h"
#include "mime/encoded_word.h"
#include "mime/envelope.h"
#include "mime/header.h"
#include "mime/meta_layout.h"
#include "mime/subject.h"
#include "mime/text.h"

enum {
    IN_REPLY_TO_MAX = 8,
    PREVIEW_PIECE_BYTES = 1024,
    PREVIEW_INPUT_BYTES_MAX = 64 * 1024, /* of a part that are looked at for its preview */
    KEY_INPUT_BYTES_MAX = 4096,          /* of an address field, for the sort keys */
};

struct builder {
    struct structure s;
    struct arena arena;
    struct charset_cache *cache;
    struct buf *meta, *header;
    struct str subject, date, from, to, cc, message_id, in_reply_to, references; /* raw; NIL when absent */
};

/* ---- the header: fields to interpret, fields to keep ---- */

/* The fields that are kept, and their table. */
struct keeper {
    struct buf *record;
    size_t start, fields_at; /* the record; its fields, while their table is not there */
    char table[KEPT_FIELDS_MAX * KEPT_ENTRY_BYTES];
    size_t count; /* of fields */
    bool too_large;
};

static struct keeper keep_begin(struct buf *record)
{
    struct keeper k = { .record = record, .start = record->n };
    buf_put_u8(record, 1); /* until there is a table */
    buf_put_u8(record, 0);
    k.fields_at = record->n;
    return k;
}

static void keep_field(struct keeper *k, const struct header_field *field)
{
    int which = k->too_large ? KEPT_NONE : meta_kept_field(field->name);
    if (which == KEPT_NONE)
        return;
    k->too_large = k->record->n - k->fields_at + field->whole.n > META_HEADER_BYTES_MAX;
    if (k->too_large)
        return;
    if (k->count < KEPT_FIELDS_MAX) {
        char *entry = k->table + k->count * KEPT_ENTRY_BYTES;
        entry[0] = (char)which;
        entry[1] = (char)field->whole.n; /* META_HEADER_BYTES_MAX fits two bytes */
        entry[2] = (char)(field->whole.n >> 8);
    }
    k->count++;
    buf_add(k->record, field->whole);
}

static void keep_end(struct keeper *k, bool has_blank)
{
    struct buf *record = k->record;
    if (k->too_large) {
        record->n = k->fields_at;
        k->count = 0;
    }
    record->p[k->start + 1] = (char)((k->too_large ? META_HEADER_TOO_LARGE : 0) |
                                     (has_blank ? META_HEADER_HAS_BLANK : 0));
    if (k->count > KEPT_FIELDS_MAX)
        return;
    size_t table_n = k->count * KEPT_ENTRY_BYTES;
    buf_reserve(record, 1 + table_n);
    char *at = record->p + k->fields_at;
    memmove(at + 1 + table_n, at, record->n - k->fields_at);
    at[0] = (char)k->count;
    memcpy(at + 1, k->table, table_n);
    record->n += 1 + table_n;
    record->p[k->start] = META_HEADER_VERSION;
}

static void collect_fields(struct builder *b, struct str header, bool has_blank)
{
    const struct {
        struct str name;
        struct str *slot;
    } slots[] = {
        { STR("Subject"), &b->subject },
        { STR("Date"), &b->date },
        { STR("From"), &b->from },
        { STR("To"), &b->to },
        { STR("Cc"), &b->cc },
        { STR("Message-ID"), &b->message_id },
        { STR("In-Reply-To"), &b->in_reply_to },
        { STR("References"), &b->references },
    };
    struct header_field field;
    struct keeper keeper = keep_begin(b->header);
    struct header_reader r = header_each(header);
    while (header_next(&r, &field)) {
        keep_field(&keeper, &field);
        if (r.count > HEADER_FIELDS_MAX || field.offset >= HEADER_INTERPRETED_BYTES_MAX)
            continue;
        for (size_t i = 0; i < ARRAY_COUNT(slots); i++)
            if (str_is_nil(*slots[i].slot) && str_eq_nocase(field.name, slots[i].name))
                *slots[i].slot = field.value;
    }
    keep_end(&keeper, has_blank);
}

/* ---- parts ---- */

static size_t composite_begin(struct builder *b, const struct part *part)
{
    uint32_t children = 0;
    for (uint32_t i = part->first_child; i; i = b->s.parts[i].next)
        children++;
    buf_put_varint(b->meta, children);
    size_t at = b->meta->n;
    buf_put_u32(b->meta, 0); /* bytes of what is inside, once known */
    return at;
}

static void put_part(struct builder *b, const struct part *part)
{
    bool html = part->kind == PART_TEXT && str_eq_nocase(part->subtype, STR("html"));
    bool attached = str_eq_nocase(part->disposition, STR("attachment"));
    buf_put_u8(b->meta,
               (uint8_t)(part->kind | part->transfer << 2 | (html ? PART_BIT_HTML : 0) |
                         (attached ? PART_BIT_ATTACHED : 0) | (part->header_has_blank ? PART_BIT_BLANK : 0)));
    if (part->kind == PART_TEXT)
        buf_put_u8(b->meta, part->charset);
    buf_put_varint(b->meta, part->header_offset);
    buf_put_varint(b->meta, part->header_bytes);
    buf_put_varint(b->meta, part->body_bytes);
    buf_put_varint(b->meta, part->lines);
}

/* All parts but parts[0], parents first: see meta_layout.h. */
static void put_parts(struct builder *b)
{
    size_t open[STRUCTURE_DEPTH_MAX + 2], depth = 0;
    for (uint32_t i = 1; i < b->s.count; i++) {
        const struct part *part = &b->s.parts[i];
        for (; depth >= part->depth; depth--)
            if (open[depth])
                store_u32(b->meta->p + open[depth], (uint32_t)(b->meta->n - open[depth] - 4));
        put_part(b, part);
        depth = part->depth;
        open[depth] = part->first_child ? composite_begin(b, part) : 0;
    }
    for (; depth >= 1; depth--)
        if (open[depth])
            store_u32(b->meta->p + open[depth], (uint32_t)(b->meta->n - open[depth] - 4));
}

static bool has_file_name(const struct part *part)
{
    return !str_is_nil(param_find(&part->disposition_params, STR("filename"))) ||
           !str_is_nil(param_find(&part->params, STR("name")));
}

/* What people call an attachment. Signatures, reports on delivery,
 * and what a page shows inside itself are none. */
static bool is_attachment(const struct structure *s, const struct part *part)
{
    static const struct str silent[] = {
        STR_INIT("pgp-signature"),     STR_INIT("pgp-encrypted"), STR_INIT("pkcs7-signature"),
        STR_INIT("x-pkcs7-signature"), STR_INIT("pgp-keys"),
    };
    const struct part *parent = &s->parts[part->parent];
    bool inside_page = str_eq_nocase(parent->subtype, STR("related")) && !str_is_nil(part->id);

    if (part->kind == PART_MULTIPART)
        return false;
    if (str_eq_nocase(part->disposition, STR("attachment")))
        return true;
    if (part->kind == PART_MESSAGE)
        return !str_eq_nocase(parent->subtype, STR("digest")) &&
               !str_eq_nocase(parent->subtype, STR("report"));
    if (part->kind == PART_TEXT)
        return has_file_name(part) && !str_eq_nocase(part->disposition, STR("inline"));
    for (size_t i = 0; i < ARRAY_COUNT(silent); i++)
        if (str_eq_nocase(part->subtype, silent[i]))
            return false;
    return !inside_page && !str_eq_nocase(part->type, STR("message"));
}

static bool has_attachment(const struct structure *s)
{
    for (size_t i = 1; i < s->count; i++)
        if (is_attachment(s, &s->parts[i]))
            return true;
    return false;
}

/* ---- keys ---- */

/* Append at most META_KEY_BYTES_MAX bytes; returns how many. */
static uint16_t put_key(struct builder *b, struct str key)
{
    key = utf8_prefix(key, META_KEY_BYTES_MAX);
    buf_add(b->meta, key);
    return (uint16_t)key.n;
}

static uint16_t put_subject(struct builder *b, bool *is_reply)
{
    struct buf key = BUF_INIT;
    subject_base(b->subject, b->cache, &key, is_reply);
    uint16_t n = put_key(b, buf_str(&key));
    buf_deinit(&key);
    return n;
}

static bool first_address(struct builder *b, struct str raw, struct address *a)
{
    struct address_reader r = address_each(str_sub(raw, 0, KEY_INPUT_BYTES_MAX), &b->arena);
    return raw.n && address_next(&r, a);
}

/* RFC 5256, 3: addr-mailbox of the first address; folded, since i;unicode-casemap compares without case. */
static uint16_t put_mailbox(struct builder *b, struct str raw)
{
    struct address a;
    struct buf key = BUF_INIT;
    if (first_address(b, raw, &a))
        utf8_fold(a.mailbox, &key);
    uint16_t n = put_key(b, buf_str(&key));
    buf_deinit(&key);
    return n;
}

/* RFC 5957, 3: the decoded name, else mailbox@host, else the mailbox (of a group). */
static uint16_t put_display(struct builder *b, struct str raw)
{
    struct address a;
    struct buf text = BUF_INIT, key = BUF_INIT;
    if (first_address(b, raw, &a)) {
        if (!str_is_nil(a.name))
            encoded_word_decode(a.name, b->cache, &text);
        if (text.n == 0) {
            buf_add(&text, a.mailbox);
            if (a.host.n)
                buf_add_char(&text, '@');
            buf_add(&text, a.host);
        }
        utf8_fold(buf_str(&text), &key);
    }
    uint16_t n = put_key(b, buf_str(&key));
    buf_deinit(&text);
    buf_deinit(&key);
    return n;
}

/* ---- message ids ---- */

/* msg-id = "<" id-left "@" id-right ">"; the next of a list. */
static bool next_id(struct str *rest, struct str *id_out)
{
    ptrdiff_t open = str_find_char(*rest, '<');
    if (open < 0)
        return false;
    struct str s = str_skip(*rest, (size_t)open + 1);
    ptrdiff_t close = str_find_char(s, '>');
    if (close < 0)
        return false;
    *rest = str_skip(s, (size_t)close + 1);
    *id_out = str_sub(s, 0, (size_t)close);
    return true;
}

/* A lone id, which some senders forget to put into "<>". */
static bool lone_id(struct str raw, struct str *id_out)
{
    struct str rest = raw;
    if (next_id(&rest, id_out))
        return id_out->n > 0;
    *id_out = str_trim(raw);
    return id_out->n > 0 && str_find_char(*id_out, '@') > 0 && str_find_char(*id_out, ' ') < 0;
}

/* Append the hashes of at most `max` ids, the last ones; returns how many. */
static uint16_t put_ids(struct builder *b, struct str raw, size_t max)
{
    struct str id, rest = raw;
    size_t total = 0, seen = 0;

    while (next_id(&rest, &id))
        total += id.n > 0;
    for (rest = raw; next_id(&rest, &id);) {
        if (id.n == 0)
            continue;
        if (total - seen++ <= max)
            buf_put_u64(b->meta, meta_hash_id(id));
    }
    return (uint16_t)(total < max ? total : max);
}

/* ---- preview: RFC 8970, 3.3 ---- */

static bool is_invisible(int32_t c)
{
    return c == 0xad || c == 0x34f || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x2064) || c == 0xfeff;
}

static bool is_white(int32_t c)
{
    return c <= ' ' || c == 0x7f || (c >= 0x80 && c <= 0xa0) || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* White space squeezed, fillers that mailers hide behind the preview dropped.
 * Returns the characters told so far. */
static size_t add_preview(struct str text, size_t chars, bool *space, struct buf *out)
{
    for (const char *p = text.p, *end = str_end(text); p < end && chars < META_PREVIEW_CHARS_MAX;) {
        const char *from = p;
        int32_t c = utf8_next(&p, end);
        if (c >= 0 && is_white(c)) {
            *space = chars > 0;
        } else if (c >= 0 && !is_invisible(c)) {
            if (*space && ++chars < META_PREVIEW_CHARS_MAX)
                buf_add_char(out, ' ');
            *space = false;
            if (chars < META_PREVIEW_CHARS_MAX) {
                buf_add_bytes(out, from, (size_t)(p - from));
                chars++;
            }
        }
    }
    return chars;
}

static void preview_part(struct builder *b, const struct part *part, struct buf *out)
{
    struct part_text text;
    struct buf piece = BUF_INIT;
    size_t chars = 0;
    bool space = false;
    struct str body = str_sub(structure_body(&b->s, part), 0, PREVIEW_INPUT_BYTES_MAX);

    part_text_init(&text, part->transfer, part->charset, str_eq_nocase(part->subtype, STR("html")), b->cache);
    for (size_t at = 0; at < body.n && chars < META_PREVIEW_CHARS_MAX; at += PREVIEW_PIECE_BYTES) {
        buf_clear(&piece);
        part_text_feed(&text, str_sub(body, at, PREVIEW_PIECE_BYTES), at + PREVIEW_PIECE_BYTES >= body.n,
                       &piece);
        chars = add_preview(buf_str(&piece), chars, &space, out);
    }
    part_text_deinit(&text);
    buf_deinit(&piece);
}

/* The first text/plain that says something, else the first HTML, else the first other text. */
static uint16_t put_preview(struct builder *b)
{
    const char *const subtypes[] = { "plain", "html", NULL };
    size_t before = b->meta->n;
    for (size_t t = 0; t < ARRAY_COUNT(subtypes) && b->meta->n == before; t++)
        for (size_t i = 1; i < b->s.count; i++) {
            const struct part *part = &b->s.parts[i];
            if (part->kind != PART_TEXT || str_eq_nocase(part->disposition, STR("attachment")))
                continue;
            if (subtypes[t] && !str_eq_nocase(part->subtype, str_c(subtypes[t])))
                continue;
            preview_part(b, part, b->meta);
            break;
        }
    return (uint16_t)(b->meta->n - before);
}

/* ---- the record ---- */

/* BODY and BODYSTRUCTURE. What is too large to be told becomes one opaque leaf, which fits. */
static void put_structure(struct builder *b, uint32_t *body_bytes, uint32_t *bodystructure_bytes)
{
    size_t before = b->meta->n;
    for (bool fits = false; !fits;) {
        b->meta->n = before;
        fits = bodystructure_write(&b->s, false, &b->arena, b->meta, NULL) == 0;
        *body_bytes = (uint32_t)(b->meta->n - before);
        fits = fits && bodystructure_write(&b->s, true, &b->arena, b->meta, NULL) == 0;
        *bodystructure_bytes = (uint32_t)(b->meta->n - before) - *body_bytes;
        if (!fits)
            structure_collapse(&b->s);
    }
}

static void store_u16(char *p, uint16_t v)
{
    p[0] = (char)v;
    p[1] = (char)(v >> 8);
}

static void put_record(struct builder *b)
{
    const struct part *body = &b->s.parts[1];
    size_t start = b->meta->n, at;
    uint32_t wire[4];
    uint16_t small[META_SMALL_COUNT];
    uint8_t flags = body->header_has_blank ? META_HAS_BLANK : 0;
    uint64_t header_bytes = body->header_bytes;
    struct mail_date date = { 0, 0 };
    struct str id;
    bool is_reply;

    memset(buf_reserve(b->meta, META_HEAD_BYTES), 0, META_HEAD_BYTES);
    b->meta->n += META_HEAD_BYTES;
    envelope_write(structure_header(&b->s, body), &b->arena, b->meta);
    wire[0] = (uint32_t)(b->meta->n - start - META_HEAD_BYTES);
    put_structure(b, &wire[1], &wire[2]);
    at = b->meta->n;
    put_parts(b);
    wire[3] = (uint32_t)(b->meta->n - at);

    small[META_SUBJECT] = put_subject(b, &is_reply);
    small[META_FROM] = put_mailbox(b, b->from);
    small[META_TO] = put_mailbox(b, b->to);
    small[META_CC] = put_mailbox(b, b->cc);
    small[META_DISPLAY_FROM] = put_display(b, b->from);
    small[META_DISPLAY_TO] = put_display(b, b->to);
    small[META_PREVIEW] = put_preview(b);
    small[META_IN_REPLY_TO] = put_ids(b, b->in_reply_to, IN_REPLY_TO_MAX);
    small[META_REFERENCES] = put_ids(b, b->references, META_REFERENCES_MAX);

    if (!str_is_nil(b->date) && date_parse_field(b->date, &date, NULL) == 0)
        flags |= META_HAS_DATE;
    flags |= (uint8_t)((has_attachment(&b->s) ? META_HAS_ATTACHMENT : 0) | (is_reply ? META_IS_REPLY : 0) |
                       (b->s.truncated ? META_TRUNCATED : 0));
    char *head = b->meta->p + start;
    head[0] = META_VERSION;
    head[1] = (char)flags;
    store_u16(head + 2, (uint16_t)date.zone_minutes);
    store_u32(head + 4, (uint32_t)header_bytes);
    store_u64(head + 8, b->s.message.n);
    store_u64(head + 16, (uint64_t)date.utc_s);
    store_u64(head + 24, lone_id(b->message_id, &id) ? meta_hash_id(id) : 0);
    for (size_t i = 0; i < ARRAY_COUNT(wire); i++)
        store_u32(head + 32 + 4 * i, wire[i]);
    for (size_t i = 0; i < META_SMALL_COUNT; i++)
        store_u16(head + 48 + 2 * i, small[i]);
}

int mime_meta_build(struct str message, struct charset_cache *cache, struct buf *meta_out,
                    struct buf *header_out, struct err *err)
{
    struct charset_cache *own = cache ? NULL : charset_cache_new();
    struct builder b = {
        .arena = ARENA_INIT, .cache = cache ? cache : own, .meta = meta_out, .header = header_out
    };

    int r = structure_parse(message, &b.arena, b.cache, &b.s, err);
    if (r == 0) {
        const struct part *body = &b.s.parts[1];
        collect_fields(&b, structure_header(&b.s, body), body->header_has_blank);
        put_record(&b);
    }
    arena_deinit(&b.arena);
    charset_cache_free(&own);
    return r;
}
