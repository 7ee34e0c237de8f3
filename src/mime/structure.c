#include "mime/structure.h"

#include "mime/encoded_word.h"
#include "mime/header.h"

#include <assert.h>
#include <xxhash.h>

/* A part whose end is not known yet. */
struct open_part {
    uint32_t part, last_child;
    uint64_t lf_before; /* LF bytes of the message in front of its body */
    uint64_t boundary_hash;
    struct str boundary;
    bool active; /* its boundary lines count: a multipart without its end boundary so far */
};

struct scan {
    struct structure *s;
    struct arena *arena;
    struct charset_cache *cache;
    size_t at;         /* always at the start of a line */
    uint64_t lf_count; /* LF bytes in front of `at` */
    size_t parts_cap;
    struct open_part open[STRUCTURE_DEPTH_MAX + 2];
    size_t depth; /* open parts */
    size_t active_count;
    bool full; /* no more parts: what follows is opaque */
};

struct boundary_match {
    size_t open; /* index into scan.open */
    bool is_end;
};

/* In pieces that a byte can count, so that the compiler counts 16 and more bytes at once. */
static uint64_t count_lf(struct str s)
{
    uint64_t count = 0;
    for (size_t at = 0; at < s.n; at += UINT8_MAX) {
        const char *p = s.p + at;
        size_t n = s.n - at < UINT8_MAX ? s.n - at : UINT8_MAX;
        uint8_t found = 0;
        for (size_t i = 0; i < n; i++)
            found = (uint8_t)(found + (p[i] == '\n'));
        count += found;
    }
    return count;
}

static uint64_t hash_of(struct str s)
{
    return XXH3_64bits(s.p, s.n);
}

/* boundary line = "--" boundary ["--"] transport-padding CRLF
 * RFC 2046, 5.1.1. The innermost open multipart wins. */
static bool match_boundary(const struct scan *scan, struct str line, struct boundary_match *match_out)
{
    struct str s = str_skip(line, 2);
    while (s.n &&
           (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r' || s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    if (scan->active_count == 0 || s.n > BOUNDARY_BYTES_MAX + 2)
        return false;
    struct str shorter = str_ends(s, STR("--")) ? str_sub(s, 0, s.n - 2) : STR_NIL;
    uint64_t hash = hash_of(s), end_hash = str_is_nil(shorter) ? 0 : hash_of(shorter);
    for (size_t i = scan->depth; i-- > 0;) {
        const struct open_part *open = &scan->open[i];
        if (!open->active)
            continue;
        if (open->boundary_hash == hash && str_eq(open->boundary, s)) {
            *match_out = (struct boundary_match){ i, false };
            return true;
        }
        if (!str_is_nil(shorter) && open->boundary_hash == end_hash && str_eq(open->boundary, shorter)) {
            *match_out = (struct boundary_match){ i, true };
            return true;
        }
    }
    return false;
}

static bool stop_at_boundary(void *ctx, size_t offset, struct str line)
{
    struct boundary_match ignored;
    (void)offset;
    return match_boundary(ctx, line, &ignored);
}

/* ---- one part's header ---- */

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f ||
            strchr("()<>@,;:\\\"[]?=/", s.p[i]))
            return false;
    return s.n > 0;
}

static void set_default_type(struct part *part, struct str type, struct str subtype)
{
    part->type = type;
    part->subtype = subtype;
    part->params = (struct param_list){ NULL, 0 };
    part->defaulted = true;
}

/* content = "Content-Type" ":" type "/" subtype *(";" parameter)     RFC 2045, 5.1 */
static bool parse_type(const struct scan *scan, struct str raw, struct part *part)
{
    struct str value, subtype, rest;
    struct buf decoded = BUF_INIT;

    if (str_starts(str_trim(raw), STR("=?"))) { /* old Apple Mail sends the whole as encoded-word */
        encoded_word_decode(raw, scan->cache, &decoded);
        raw = arena_dup(scan->arena, buf_str(&decoded));
        buf_deinit(&decoded);
    }
    param_parse(raw, scan->arena, scan->cache, &value, &part->params);
    part->type = str_trim(str_cut(value, '/', &subtype));
    subtype = str_trim(subtype);
    size_t n = 0;
    while (n < subtype.n && subtype.p[n] != ' ' && subtype.p[n] != '\t')
        n++;
    rest = str_sub(subtype, 0, n);
    part->subtype = rest;
    return is_token(part->type) && is_token(part->subtype);
}

struct content_fields {
    struct str type, disposition;
};

static void keep_first(struct str *slot, struct str value)
{
    if (str_is_nil(*slot))
        *slot = value;
}

static void read_content_field(const struct header_field *field, struct part *part,
                               struct content_fields *fields)
{
    if (!str_starts_nocase(field->name, STR("content-")))
        return;
    struct str name = str_skip(field->name, 8);
    const struct {
        struct str name;
        struct str *slot;
    } slots[] = {
        { STR("type"), &fields->type },
        { STR("transfer-encoding"), &part->encoding },
        { STR("disposition"), &fields->disposition },
        { STR("id"), &part->id },
        { STR("description"), &part->description },
        { STR("md5"), &part->md5 },
        { STR("language"), &part->language },
        { STR("location"), &part->location },
    };
    for (size_t i = 0; i < ARRAY_COUNT(slots); i++)
        if (str_eq_nocase(name, slots[i].name))
            keep_first(slots[i].slot, field->value);
}

static void classify(struct part *part)
{
    if (str_eq_nocase(part->type, STR("text")))
        part->kind = PART_TEXT;
    else if (str_eq_nocase(part->type, STR("multipart")))
        part->kind = PART_MULTIPART;
    else if (str_eq_nocase(part->type, STR("message")) &&
             (str_eq_nocase(part->subtype, STR("rfc822")) || str_eq_nocase(part->subtype, STR("global"))))
        part->kind = PART_MESSAGE; /* RFC 9051, 6.4.5.1 */
    else
        part->kind = PART_OTHER;
}

static void read_part_header(const struct scan *scan, struct str header, bool in_digest, struct part *part)
{
    struct content_fields fields = { STR_NIL, STR_NIL };
    struct header_field field;

    for (struct header_reader r = header_each(header); header_next_interpreted(&r, &field);)
        read_content_field(&field, part, &fields);
    if (!str_is_nil(fields.type) && !parse_type(scan, fields.type, part))
        set_default_type(part, STR("text"), STR("plain")); /* RFC 2045, 5.2 */
    else if (str_is_nil(fields.type) && in_digest)
        set_default_type(part, STR("message"), STR("rfc822")); /* RFC 2046, 5.1.5 */
    else if (str_is_nil(fields.type))
        set_default_type(part, STR("text"), STR("plain"));
    if (!str_is_nil(fields.disposition))
        param_parse(fields.disposition, scan->arena, scan->cache, &part->disposition,
                    &part->disposition_params);
    part->encoding = str_is_nil(part->encoding) ? STR_NIL : str_trim(part->encoding);
    part->transfer = transfer_parse(part->encoding);
    classify(part);
    if (part->kind == PART_TEXT)
        part->charset = charset_find(param_find(&part->params, STR("charset")));
}

/* ---- the tree ---- */

static uint32_t add_part(struct scan *scan, uint32_t parent)
{
    struct structure *s = scan->s;
    s->parts = arena_grow(scan->arena, s->parts, s->count, &scan->parts_cap, sizeof *s->parts);
    s->parts[s->count] = (struct part){ .parent = parent };
    return (uint32_t)s->count++;
}

static void make_opaque(struct scan *scan, struct part *part)
{
    set_default_type(part, STR("application"), STR("octet-stream"));
    part->kind = PART_OTHER;
    scan->s->truncated = true;
}

static void push(struct scan *scan, uint32_t index)
{
    assert(scan->depth < ARRAY_COUNT(scan->open));
    struct open_part *open = &scan->open[scan->depth++];
    *open = (struct open_part){ .part = index, .lf_before = scan->lf_count };
    struct part *part = &scan->s->parts[index];
    if (part->kind != PART_MULTIPART)
        return;
    struct str boundary = param_find(&part->params, STR("boundary"));
    while (boundary.n && (boundary.p[boundary.n - 1] == ' ' || boundary.p[boundary.n - 1] == '\t'))
        boundary.n--;
    if (boundary.n == 0 || boundary.n > BOUNDARY_BYTES_MAX)
        return;
    open->boundary = boundary;
    open->boundary_hash = hash_of(boundary);
    open->active = true;
    scan->active_count++;
}

/* Begin the part whose header is at scan->at, and those that begin right inside it: embedded messages. */
static void begin_part(struct scan *scan, bool is_message)
{
    struct structure *s = scan->s;
    for (bool again = true; again;) {
        struct open_part *parent = &scan->open[scan->depth - 1];
        uint32_t index = add_part(scan, parent->part);
        struct part *part = &s->parts[index], *parent_part = &s->parts[parent->part];
        if (parent->last_child)
            s->parts[parent->last_child].next = index;
        else
            parent_part->first_child = index;
        parent->last_child = index;

        struct str rest = str_skip(s->message, scan->at);
        part->header_offset = scan->at;
        part->header_bytes = header_length(rest, is_message, stop_at_boundary, scan, &part->header_has_blank);
        part->depth = (uint32_t)scan->depth;
        bool in_digest = parent_part->kind == PART_MULTIPART &&
                         str_eq_nocase(parent_part->subtype, STR("digest"));
        struct str header = str_sub(rest, 0, part->header_bytes);
        read_part_header(scan, header, in_digest, part);
        scan->at += part->header_bytes;
        scan->lf_count += count_lf(header);
        part->body_offset = scan->at;

        bool composite = part->kind == PART_MULTIPART || part->kind == PART_MESSAGE;
        scan->full = scan->full || s->count >= STRUCTURE_PARTS_MAX;
        if ((composite && scan->depth >= STRUCTURE_DEPTH_MAX) || scan->full)
            make_opaque(scan, part);
        push(scan, index);
        is_message = again = part->kind == PART_MESSAGE;
    }
}

/* Close the innermost open part: its body ends at `end`, in front of which there are `lf` LF bytes. */
static void pop(struct scan *scan, uint64_t end, uint64_t lf)
{
    struct open_part *open = &scan->open[--scan->depth];
    struct part *part = &scan->s->parts[open->part];

    scan->active_count -= open->active;
    part->body_bytes = end > part->body_offset ? end - part->body_offset : 0;
    part->lines = lf > open->lf_before && part->body_bytes ? lf - open->lf_before : 0;
    if (part->kind == PART_MULTIPART && part->first_child == 0) {
        set_default_type(part, STR("text"), STR("plain"));
        part->kind = PART_TEXT;
    } else if (part->kind == PART_MULTIPART) {
        part->transfer = TRANSFER_IDENTITY; /* RFC 2045, 6.4: no other is allowed */
    }
}

/* A boundary line at scan->at. The line end in front of it belongs to it: RFC 2046, 5.1.1. */
static void pass_boundary(struct scan *scan, size_t line_n, bool has_lf, struct boundary_match match)
{
    uint64_t end = scan->at, lf = scan->lf_count;
    const char *p = scan->s->message.p;

    if (end > 0 && p[end - 1] == '\n') {
        end--;
        lf--;
        if (end > 0 && p[end - 1] == '\r')
            end--;
    }
    while (scan->depth > match.open + 1)
        pop(scan, end, lf);
    scan->at += line_n;
    scan->lf_count += has_lf;
    if (match.is_end) {
        scan->open[match.open].active = false;
        scan->active_count--;
    } else {
        begin_part(scan, false);
    }
}

/* From a line that is no boundary to the next that begins with "--", or the end. */
static void skip_lines(struct scan *scan)
{
    const char *from = scan->s->message.p + scan->at, *p = from, *end = str_end(scan->s->message);
    if (scan->active_count == 0 || scan->full) {
        scan->lf_count += count_lf(str_make(p, (size_t)(end - p)));
        p = end;
    }
    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        p = lf ? lf + 1 : end;
        scan->lf_count += lf != NULL;
        if (end - p >= 2 && p[0] == '-' && p[1] == '-')
            break;
    }
    scan->at += (size_t)(p - from);
}

int structure_parse(struct str message, struct arena *arena, struct charset_cache *cache,
                    struct structure *out, struct err *err)
{
    if (message.n > MESSAGE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "message of %zu bytes is larger than %d", message.n,
                       MESSAGE_BYTES_MAX);
    if (!message.p)
        message = STR("");
    *out = (struct structure){ .message = message };
    struct scan scan = { .s = out, .arena = arena, .cache = cache };

    add_part(&scan, 0);
    struct part *root = &out->parts[0];
    root->kind = PART_MESSAGE;
    root->type = STR("message");
    root->subtype = STR("rfc822");
    push(&scan, 0);
    begin_part(&scan, true);
    while (scan.at < message.n) {
        struct boundary_match match;
        struct str rest = str_skip(message, scan.at);
        if (!scan.full && scan.active_count && str_starts(rest, STR("--"))) {
            ptrdiff_t lf = str_find_char(rest, '\n');
            size_t line_n = lf < 0 ? rest.n : (size_t)lf + 1;
            if (match_boundary(&scan, str_sub(rest, 0, line_n), &match)) {
                pass_boundary(&scan, line_n, lf >= 0, match);
                continue;
            }
        }
        skip_lines(&scan);
    }
    while (scan.depth)
        pop(&scan, message.n, scan.lf_count);
    return 0;
}

void structure_collapse(struct structure *s)
{
    struct part *body = &s->parts[1];
    set_default_type(body, STR("application"), STR("octet-stream"));
    body->kind = PART_OTHER;
    body->first_child = 0;
    body->description = body->id = body->md5 = body->language = body->location = STR_NIL;
    body->disposition = STR_NIL;
    body->encoding = STR_NIL;
    body->transfer = TRANSFER_IDENTITY;
    s->count = 2;
    s->truncated = true;
}

struct str structure_header(const struct structure *s, const struct part *part)
{
    return part == s->parts ? STR_NIL : str_sub(s->message, part->header_offset, part->header_bytes);
}

struct str structure_body(const struct structure *s, const struct part *part)
{
    return str_sub(s->message, part->body_offset, part->body_bytes);
}
