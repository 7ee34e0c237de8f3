#include "base/codec.h"
#include "mime/header.h"
#include "mime/meta_layout.h"

#include <xxhash.h>

enum { MESSAGE_ID_BYTES_MAX = 1024 }; /* that are hashed */

static uint16_t load_u16(const char *p)
{
    return (uint16_t)((unsigned char)p[0] | (unsigned char)p[1] << 8);
}

int mime_meta_view(struct str record, struct meta_view *v, struct err *err)
{
    const char *p = record.p;
    if (record.n < META_HEAD_BYTES || p[0] != META_VERSION)
        return err_set(err, ERR_CORRUPT, "message meta of %zu bytes is damaged or of another version",
                       record.n);
    uint64_t need = META_HEAD_BYTES;
    for (size_t i = 0; i < 4; i++)
        need += load_u32(p + 32 + 4 * i);
    for (size_t i = 0; i < META_SMALL_COUNT; i++)
        need += (uint64_t)load_u16(p + 48 + 2 * i) * (i >= META_IN_REPLY_TO ? 8 : 1);
    if (need != record.n || load_u64(p + 8) > MESSAGE_BYTES_MAX || load_u32(p + 4) > load_u64(p + 8))
        return err_set(err, ERR_CORRUPT, "message meta of %zu bytes is damaged", record.n);

    v->flags = (unsigned char)p[1];
    v->zone_minutes = (int16_t)load_u16(p + 2);
    v->header_bytes = load_u32(p + 4);
    v->message_bytes = load_u64(p + 8);
    v->sent_s = (int64_t)load_u64(p + 16);
    v->message_id_hash = load_u64(p + 24);
    struct str *const wire[] = { &v->envelope, &v->body, &v->bodystructure, &v->parts };
    struct str *const small[] = { &v->subject,      &v->from,       &v->to,     &v->cc,
                                  &v->display_from, &v->display_to, &v->preview };
    const char *at = p + META_HEAD_BYTES;
    for (size_t i = 0; i < ARRAY_COUNT(wire); i++) {
        *wire[i] = str_make(at, load_u32(p + 32 + 4 * i));
        at += wire[i]->n;
    }
    for (size_t i = 0; i < ARRAY_COUNT(small); i++) {
        *small[i] = str_make(at, load_u16(p + 48 + 2 * i));
        at += small[i]->n;
    }
    v->in_reply_to_count = load_u16(p + 48 + 2 * META_IN_REPLY_TO);
    v->reference_count = load_u16(p + 48 + 2 * META_REFERENCES);
    v->hashes = at;
    return 0;
}

uint64_t meta_in_reply_to(const struct meta_view *view, size_t i)
{
    return load_u64(view->hashes + 8 * i);
}

uint64_t meta_reference(const struct meta_view *view, size_t i)
{
    return load_u64(view->hashes + 8 * (view->in_reply_to_count + i));
}

uint64_t meta_hash_id(struct str id)
{
    char text[MESSAGE_ID_BYTES_MAX];
    size_t n = 0;
    bool quoted = false;

    for (size_t i = 0; i < id.n && n < sizeof text; i++) {
        char c = id.p[i];
        if (c == '"') {
            quoted = !quoted;
        } else if (c == '\\' && quoted && i + 1 < id.n) {
            text[n++] = id.p[++i];
        } else if ((unsigned char)c > ' ' && c != '<' && c != '>') {
            text[n++] = c;
        }
    }
    uint64_t hash = XXH3_64bits(text, n);
    return hash ? hash : 1;
}

/* ---- header record ---- */

static const struct str kept_names[] = {
    STR_INIT("From"),
    STR_INIT("To"),
    STR_INIT("Cc"),
    STR_INIT("Bcc"),
    STR_INIT("Reply-To"),
    STR_INIT("Sender"),
    STR_INIT("Subject"),
    STR_INIT("Date"),
    STR_INIT("Message-ID"),
    STR_INIT("In-Reply-To"),
    STR_INIT("References"),
    STR_INIT("Newsgroups"),
    STR_INIT("Content-Type"),
    STR_INIT("Content-Transfer-Encoding"),
    STR_INIT("Content-Disposition"),
    STR_INIT("Content-Description"),
    STR_INIT("Content-ID"),
    STR_INIT("Content-Language"),
    STR_INIT("MIME-Version"),
    STR_INIT("X-Priority"),
    STR_INIT("Importance"),
    STR_INIT("Priority"),
    STR_INIT("X-MSMail-Priority"),
    STR_INIT("Disposition-Notification-To"),
    STR_INIT("Return-Receipt-To"),
    STR_INIT("Auto-Submitted"),
    STR_INIT("Precedence"),
    STR_INIT("X-Mailer"),
    STR_INIT("User-Agent"),
    STR_INIT("Delivered-To"),
    STR_INIT("Return-Path"),
    STR_INIT("Resent-From"),
    STR_INIT("Resent-Date"),
    STR_INIT("Mail-Followup-To"),
    STR_INIT("Mail-Reply-To"),
    STR_INIT("Followup-To"),
    STR_INIT("X-Label"),
    STR_INIT("Autocrypt"),
}; /* of header record versions 1 and 2: a change needs a new version, since records tell by it what they are complete for,
    * and name fields by their place here */
_Static_assert(ARRAY_COUNT(kept_names) <= 64, "struct meta_kept has a bit for each");

static const struct str kept_prefixes[] = { STR_INIT("List-"), STR_INIT("X-Spam-") };

int meta_kept_field(struct str name)
{
    for (size_t i = 0; i < ARRAY_COUNT(kept_names); i++)
        if (str_eq_nocase(name, kept_names[i]))
            return (int)i;
    for (size_t i = 0; i < ARRAY_COUNT(kept_prefixes); i++)
        if (str_starts_nocase(name, kept_prefixes[i]))
            return KEPT_OTHER;
    return KEPT_NONE;
}

struct header_record {
    unsigned flags;
    struct str table; /* NIL: version 1 */
    struct str fields;
};

static int read_header_record(struct str record, struct header_record *out, struct err *err)
{
    *out = (struct header_record){ .table = STR_NIL };
    size_t table_n = record.n > 2 ? (size_t)(unsigned char)record.p[2] * KEPT_ENTRY_BYTES : 0;
    if (record.n < 2 || (record.p[0] != 1 && record.p[0] != META_HEADER_VERSION) ||
        (record.p[0] == META_HEADER_VERSION && record.n < 3 + table_n))
        return err_set(err, ERR_CORRUPT, "header record of %zu bytes is damaged or of another version",
                       record.n);
    out->flags = (unsigned char)record.p[1];
    out->fields = str_skip(record, record.p[0] == 1 ? 2 : 3 + table_n);
    if (record.p[0] != 1)
        out->table = str_sub(record, 3, table_n);
    return 0;
}

int mime_header_record_view(struct str record, struct str *fields_out, bool *too_large_out, struct err *err)
{
    struct header_record view;
    int r = read_header_record(record, &view, err);
    if (r < 0)
        return r;
    *too_large_out = (view.flags & META_HEADER_TOO_LARGE) != 0;
    *fields_out = view.fields;
    return 0;
}

bool mime_header_record_keeps(const struct str *names, size_t count, struct meta_kept *kept_out)
{
    struct meta_kept kept = { .names = 0 };
    for (size_t i = 0; i < count; i++) {
        int which = meta_kept_field(names[i]);
        if (which == KEPT_NONE)
            return false;
        if (which == KEPT_OTHER)
            kept.others = true;
        else
            kept.names |= UINT64_C(1) << which;
    }
    if (kept_out)
        *kept_out = kept;
    return true;
}

static bool is_wanted(unsigned which, struct str field, const struct header_names *names,
                      const struct meta_kept *kept)
{
    struct header_field f;
    if (which < 64)
        return kept->names >> which & 1;
    struct header_reader r = header_each(field);
    return which == KEPT_OTHER && kept->others && header_next(&r, &f) && header_names_has(names, f.name);
}

static int add_by_table(const struct header_record *record, const struct header_names *names,
                        const struct meta_kept *kept, struct buf *out, struct err *err)
{
    struct str fields = record->fields;
    for (size_t i = 0; i < record->table.n; i += KEPT_ENTRY_BYTES) {
        const unsigned char *entry = (const unsigned char *)record->table.p + i;
        size_t n = entry[1] | (size_t)entry[2] << 8;
        if (n > fields.n)
            return err_set(err, ERR_CORRUPT, "the table of a header record is damaged");
        if (is_wanted(entry[0], str_make(fields.p, n), names, kept))
            buf_add_bytes(out, fields.p, n);
        fields = str_skip(fields, n);
    }
    return 0;
}

int mime_header_record_fields(struct str record, const struct header_names *names,
                              const struct meta_kept *kept, struct buf *out, struct err *err)
{
    struct header_record view;
    int r = read_header_record(record, &view, err);
    if (r < 0)
        return r;
    if (view.flags & META_HEADER_TOO_LARGE)
        return 0;
    size_t before = out->n;
    if (str_is_nil(view.table))
        header_filter(view.fields, names, false, out);
    else
        r = add_by_table(&view, names, kept, out, err);
    if (r < 0) {
        out->n = before;
        return r;
    }
    if (view.flags & META_HEADER_HAS_BLANK)
        buf_add_lit(out, "\r\n");
    return 1;
}

/* ---- parts and sections ---- */

/* One entry of the part table. */
struct entry {
    struct meta_part part;
    uint32_t children;
    struct str inside; /* the entries of the children */
};

static bool read_entry(struct reader *r, struct entry *e)
{
    uint8_t bits = reader_u8(r);
    *e = (struct entry){ .children = 0 };
    e->part.kind = (enum part_kind)(bits & 3);
    e->part.transfer = (enum transfer)(bits >> 2 & 3);
    e->part.is_html = bits & PART_BIT_HTML;
    e->part.is_attached = bits & PART_BIT_ATTACHED;
    e->part.has_blank = bits & PART_BIT_BLANK;
    if (e->part.kind == PART_TEXT)
        e->part.charset = reader_u8(r);
    e->part.header_offset = reader_varint(r);
    e->part.header_bytes = reader_varint(r);
    e->part.body_bytes = reader_varint(r);
    e->part.lines = reader_varint(r);
    e->part.body_offset = e->part.header_offset + e->part.header_bytes;
    if (e->part.kind == PART_MULTIPART || e->part.kind == PART_MESSAGE) {
        uint64_t children = reader_varint(r);
        uint32_t inside = reader_u32(r);
        if (children == 0 || children > STRUCTURE_PARTS_MAX || inside > reader_left(r))
            return false;
        e->children = (uint32_t)children;
        e->inside = str_make(r->p, inside);
    }
    return !r->bad && e->part.header_offset <= MESSAGE_BYTES_MAX &&
           e->part.header_bytes <= MESSAGE_BYTES_MAX && e->part.body_bytes <= MESSAGE_BYTES_MAX;
}

static int damaged(struct err *err)
{
    return err_set(err, ERR_CORRUPT, "part table of a message is damaged");
}

/* The entry of child number `n` (from 1) among the entries `inside`. 1 found, 0 no such, -ERR_CORRUPT. */
static int find_child(struct str inside, uint32_t children, uint32_t n, struct entry *e, struct err *err)
{
    struct reader r = reader_make(inside);
    if (n == 0 || n > children)
        return 0;
    for (uint32_t i = 1; i <= n; i++) {
        if (!read_entry(&r, e))
            return damaged(err);
        if (i < n)
            reader_bytes(&r, e->inside.n);
    }
    return 1;
}

/* One step down: number `n` below `e`, which is the message itself or a part.
 * RFC 9051, 6.4.5.1: a message's numbers are those of its body if that is a multipart; else 1 is the body. */
static int step_down(struct entry *e, uint32_t n, struct err *err)
{
    struct entry body;
    if (e->part.kind == PART_MESSAGE) {
        int r = find_child(e->inside, e->children, 1, &body, err);
        if (r <= 0)
            return r < 0 ? r : damaged(err);
        if (body.part.kind != PART_MULTIPART) {
            *e = body;
            return n == 1;
        }
        *e = body;
    }
    if (e->part.kind != PART_MULTIPART)
        return 0;
    struct entry parent = *e;
    return find_child(parent.inside, parent.children, n, e, err);
}

static int not_found(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "the message has no such part");
}

int meta_find_section(const struct meta_view *view, const uint32_t *path, size_t path_count,
                      enum section_kind kind, struct section *out, struct err *err)
{
    struct entry e = { .part = { .kind = PART_MESSAGE, .body_bytes = view->message_bytes },
                       .children = 1,
                       .inside = view->parts };
    struct entry inner;
    int r;

    for (size_t i = 0; i < path_count; i++) {
        r = step_down(&e, path[i], err);
        if (r <= 0)
            return r < 0 ? r : not_found(err);
    }
    out->part = e.part;
    out->part.depth = (uint32_t)path_count;
    switch (kind) {
    case SECTION_WHOLE:
        out->offset = e.part.body_offset;
        out->length = e.part.body_bytes;
        break;
    case SECTION_MIME:
        if (path_count == 0)
            return not_found(err);
        out->offset = e.part.header_offset;
        out->length = e.part.header_bytes;
        break;
    case SECTION_HEADER:
    case SECTION_TEXT:
        if (e.part.kind != PART_MESSAGE)
            return not_found(err);
        r = find_child(e.inside, e.children, 1, &inner, err);
        if (r <= 0)
            return r < 0 ? r : damaged(err);
        out->part.has_blank = inner.part.has_blank;
        out->offset = kind == SECTION_HEADER ? inner.part.header_offset : inner.part.body_offset;
        out->length = kind == SECTION_HEADER ? inner.part.header_bytes : inner.part.body_bytes;
        break;
    }
    if (out->offset > view->message_bytes || out->length > view->message_bytes - out->offset)
        return damaged(err);
    return 0;
}

struct meta_part_reader meta_each_part(const struct meta_view *view)
{
    struct meta_part_reader r = { .p = view->parts.p, .end = str_end(view->parts), .depth = 1 };
    r.depth_left[1] = 1;
    r.message_bytes = view->message_bytes;
    return r;
}

int meta_next_part(struct meta_part_reader *r, struct meta_part *part_out, struct err *err)
{
    struct reader table = reader_make(str_make(r->p, (size_t)(r->end - r->p)));
    struct entry e;

    while (r->depth > 0 && r->depth_left[r->depth] == 0)
        r->depth--;
    if (r->depth == 0)
        return reader_left(&table) == 0 ? 0 : damaged(err);
    if (!read_entry(&table, &e) || e.part.body_offset + e.part.body_bytes > r->message_bytes)
        return damaged(err);
    r->p = (const char *)table.p;
    r->depth_left[r->depth]--;
    e.part.depth = r->depth;
    if (e.children) {
        if (r->depth >= STRUCTURE_DEPTH_MAX)
            return damaged(err);
        r->depth_left[++r->depth] = e.children;
    }
    *part_out = e.part;
    return 1;
}
