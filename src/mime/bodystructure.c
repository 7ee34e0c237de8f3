#include "mime/bodystructure.h"

#include "base/utf8.h"
#include "mime/envelope.h"
#include "mime/header.h"

struct writer {
    const struct structure *s;
    struct buf *out;
    struct arena *scratch;
    bool extended;
};

static void add_space(struct writer *w)
{
    buf_add_char(w->out, ' ');
}

/* nstring of a raw header value; NIL when absent. */
static void add_raw(struct writer *w, struct str raw)
{
    struct buf text = BUF_INIT;
    if (!str_is_nil(raw))
        header_unfold(raw, &text);
    wire_add_nstring(w->out, str_is_nil(raw) ? raw : utf8_prefix(buf_str(&text), PARAM_VALUE_BYTES_MAX));
    buf_deinit(&text);
}

static bool is_attribute_char(char c)
{
    return (c > ' ' && c < 0x7f) && !strchr("*'%()<>@,;:\\\"/[]?=", c); /* RFC 2231, 7 */
}

/* RFC 2231, 4, in UTF-8: utf-8''na%C3%AFve */
static void add_extended_value(struct writer *w, struct str value)
{
    static const char hex[] = "0123456789ABCDEF";
    struct buf text = BUF_INIT;
    buf_add_lit(&text, "utf-8''");
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (is_attribute_char(value.p[i]))
            buf_add_char(&text, value.p[i]);
        else
            buf_add_bytes(&text, (char[]){ '%', hex[c >> 4], hex[c & 15] }, 3);
    }
    wire_add_nstring(w->out, buf_str(&text));
    buf_deinit(&text);
}

static void add_param(struct writer *w, const struct param *param)
{
    if (!param->extended) {
        wire_add_nstring(w->out, param->name);
        add_space(w);
        wire_add_nstring(w->out, param->value);
        return;
    }
    wire_add_nstring(w->out, arena_printf(w->scratch, STR_FMT "*", STR_ARG(param->name)));
    add_space(w);
    add_extended_value(w, param->value);
}

/* body-fld-param = "(" string SP string *(SP string SP string) ")" / nil */
static void add_params(struct writer *w, const struct param_list *params, bool default_charset)
{
    default_charset = default_charset && str_is_nil(param_find(params, STR("charset")));
    if (params->count == 0 && !default_charset) {
        buf_add_lit(w->out, "NIL");
        return;
    }
    buf_add_char(w->out, '(');
    for (size_t i = 0; i < params->count; i++) {
        if (i)
            add_space(w);
        add_param(w, &params->items[i]);
    }
    if (default_charset) {
        if (params->count)
            add_space(w);
        buf_add_lit(w->out, "\"charset\" \"us-ascii\""); /* RFC 2046, 4.1.2 */
    }
    buf_add_char(w->out, ')');
}

/* body-fld-dsp = "(" string SP body-fld-param ")" / nil */
static void add_disposition(struct writer *w, const struct part *part)
{
    if (str_is_nil(part->disposition) || part->disposition.n == 0) {
        buf_add_lit(w->out, "NIL");
        return;
    }
    buf_add_char(w->out, '(');
    wire_add_nstring(w->out, part->disposition);
    add_space(w);
    add_params(w, &part->disposition_params, false);
    buf_add_char(w->out, ')');
}

/* body-fld-lang = nstring / "(" string *(SP string) ")" */
static void add_language(struct writer *w, struct str raw)
{
    struct buf text = BUF_INIT;
    size_t count = 0, before = w->out->n;

    header_unfold(raw, &text);
    buf_add_char(w->out, '(');
    for (struct str rest = utf8_prefix(buf_str(&text), PARAM_VALUE_BYTES_MAX); !str_is_nil(rest);) {
        struct str tag = str_trim(str_cut(rest, ',', &rest));
        if (tag.n == 0)
            continue;
        if (count++)
            add_space(w);
        wire_add_nstring(w->out, tag);
    }
    buf_add_char(w->out, ')');
    if (count == 0) {
        w->out->n = before;
        buf_add_lit(w->out, "NIL");
    }
    buf_deinit(&text);
}

/* [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc]]] */
static void add_extension_tail(struct writer *w, const struct part *part)
{
    add_space(w);
    add_disposition(w, part);
    add_space(w);
    add_language(w, part->language);
    add_space(w);
    add_raw(w, part->location);
}

/* media SP body-fields: what every part but a multipart begins with. */
static void add_fields(struct writer *w, const struct part *part)
{
    wire_add_nstring(w->out, part->type);
    add_space(w);
    wire_add_nstring(w->out, part->subtype);
    add_space(w);
    add_params(w, &part->params, part->kind == PART_TEXT && str_eq_nocase(part->subtype, STR("plain")));
    add_space(w);
    add_raw(w, part->id);
    add_space(w);
    add_raw(w, part->description);
    add_space(w);
    if (part->encoding.n == 0)
        buf_add_lit(w->out, "\"7BIT\""); /* RFC 9051, 9, body-fld-enc: never NIL */
    else
        add_raw(w, part->encoding);
    add_space(w);
    buf_add_u64(w->out, part->body_bytes);
}

/* What stands in front of a part's children, or all of a leaf. True when its children follow. */
static bool begin_part(struct writer *w, const struct part *part)
{
    buf_add_char(w->out, '(');
    if (part->kind == PART_MULTIPART)
        return true;
    add_fields(w, part);
    if (part->kind == PART_MESSAGE) {
        add_space(w);
        envelope_write(structure_header(w->s, &w->s->parts[part->first_child]), w->scratch, w->out);
        add_space(w);
        return true;
    }
    return false;
}

static void end_part(struct writer *w, const struct part *part)
{
    if (part->kind == PART_MULTIPART) {
        add_space(w);
        wire_add_nstring(w->out, part->subtype);
        if (w->extended) {
            add_space(w);
            add_params(w, &part->params, false);
        }
    } else {
        if (part->kind != PART_OTHER) {
            add_space(w);
            buf_add_u64(w->out, part->lines);
        }
        if (w->extended) {
            add_space(w);
            add_raw(w, part->md5);
        }
    }
    if (w->extended)
        add_extension_tail(w, part);
    buf_add_char(w->out, ')');
}

int bodystructure_write(const struct structure *s, bool extended, struct arena *scratch, struct buf *out,
                        struct err *err)
{
    struct writer w = { .s = s, .out = out, .scratch = scratch, .extended = extended };
    size_t before = out->n;
    uint32_t at = 1;

    for (bool done = false; !done;) {
        bool has_children = begin_part(&w, &s->parts[at]);
        if (has_children)
            at = s->parts[at].first_child;
        while (!has_children && !done) { /* up to the next part that has a younger sibling */
            end_part(&w, &s->parts[at]);
            done = at == 1;
            bool has_next = s->parts[at].next != 0;
            at = has_next ? s->parts[at].next : s->parts[at].parent;
            if (has_next)
                break;
        }
        if (out->n - before > BODYSTRUCTURE_BYTES_MAX) {
            out->n = before;
            return err_set(err, ERR_LIMIT, "structure is longer than %d bytes", BODYSTRUCTURE_BYTES_MAX);
        }
    }
    return 0;
}
