#include "imap/wire/url.h"

#include "base/buf.h"

enum { BAD_URL_BYTES_MAX = 1000 };

static const char hex_digits[] = "0123456789ABCDEF";

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* unreserved / sub-delims-sh / "&" / "=" / ":" / "@" / "/", and "%" of an escape     RFC 5092, 11 (bchar) */
static bool is_bchar(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && str_find_char(STR("-._~!$'()*+,&=:@/%"), c) >= 0);
}

/* %-escapes undone. */
static bool decode(struct str in, struct arena *arena, struct str *out)
{
    char *bytes = arena_alloc(arena, in.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        bytes[n] = in.p[i];
        if (!is_bchar(in.p[i]))
            return false;
        if (in.p[i] == '%') {
            int high = i + 2 < in.n ? hex_value(in.p[i + 1]) : -1;
            int low = i + 2 < in.n ? hex_value(in.p[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return false;
            bytes[n] = (char)(high * 16 + low);
            i += 2;
        }
        n++;
    }
    *out = str_make(bytes, n);
    return n > 0;
}

/* What stands before the next ";", which no enc-mailbox or enc-section holds; the rest begins with it. */
static struct str take_path(struct str *rest)
{
    ptrdiff_t semicolon = str_find_char(*rest, ';');
    struct str path = str_sub(*rest, 0, semicolon < 0 ? rest->n : (size_t)semicolon);
    *rest = str_skip(*rest, path.n);
    return path;
}

static bool take_name(struct str *rest, struct str name)
{
    if (!str_starts_nocase(*rest, name))
        return false;
    *rest = str_skip(*rest, name.n);
    return true;
}

/* number, at most `max`; digits alone. */
static bool take_number(struct str *rest, uint64_t min, uint64_t max, uint64_t *out)
{
    size_t n = 0;
    while (n < rest->n && rest->p[n] >= '0' && rest->p[n] <= '9')
        n++;
    if (!str_to_u64(str_sub(*rest, 0, n), max, out) || *out < min)
        return false;
    *rest = str_skip(*rest, n);
    return true;
}

static bool take_u32(struct str *rest, uint32_t *out)
{
    uint64_t value;
    if (!take_number(rest, 1, UINT32_MAX, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

/* enc-mailbox [";UIDVALIDITY=" nz-number] "/": dot segments are path arithmetic (RFC 5092, 7), no names. */
static bool take_mailbox(struct str *rest, struct arena *arena, struct url_message *url)
{
    struct str path = take_path(rest), name;
    bool ends = false;
    if (path.n > 0 && path.p[path.n - 1] == '/') {
        path.n--;
        ends = true;
    } else if (!take_name(rest, STR(";UIDVALIDITY=")) || !take_u32(rest, &url->uidvalidity)) {
        return false;
    }
    if (str_starts(path, STR("/")))
        return false;
    for (struct str segments = path; !str_is_nil(segments);) {
        struct str segment = str_cut(segments, '/', &segments);
        if (str_eq(segment, STR(".")) || str_eq(segment, STR("..")))
            return false;
    }
    return decode(path, arena, &name) && mailbox_name_from_utf8(name, arena, &url->mailbox) &&
           (ends || take_name(rest, STR("/")));
}

static bool take_section(struct str *rest, struct arena *arena, struct url_message *url)
{
    struct str path = take_path(rest), spec;
    bool more = path.n > 0 && path.p[path.n - 1] == '/' && rest->n > 0;
    struct parser p;
    if (more) {
        path.n--;
        *rest = str_make(rest->p - 1, rest->n + 1); /* "/;PARTIAL=" */
    }
    if (!decode(path, arena, &spec))
        return false;
    parser_init(&p, spec, &parser_limits_after_login, false, arena);
    return parse_section_spec(&p, &url->section) && p.at == spec.n;
}

static bool take_partial(struct str *rest, struct url_message *url)
{
    url->has_partial = true;
    url->length = UINT64_MAX;
    return take_number(rest, 0, INT64_MAX, &url->offset) &&
           (!take_name(rest, STR(".")) || take_number(rest, 1, INT64_MAX, &url->length));
}

int url_parse_message(struct str text, struct arena *arena, struct url_message *url_out, struct err *err)
{
    struct url_message url = { .length = UINT64_MAX };
    struct str rest = text;
    bool good = take_name(&rest, STR("/")) && take_mailbox(&rest, arena, &url) &&
                take_name(&rest, STR(";UID=")) && take_u32(&rest, &url.uid);
    if (good && take_name(&rest, STR("/;SECTION=")))
        good = take_section(&rest, arena, &url);
    if (good && take_name(&rest, STR("/;PARTIAL=")))
        good = take_partial(&rest, &url);
    if (!good || rest.n > 0)
        return err_set(err, ERR_INVALID, "no URL of a message or part on this server");
    *url_out = url;
    return 0;
}

void url_write_bad(struct str text, struct buf *out)
{
    struct str shown = str_sub(text, 0, BAD_URL_BYTES_MAX);
    for (size_t i = 0; i < shown.n; i++) {
        unsigned char c = (unsigned char)shown.p[i];
        if (c > ' ' && c < 0x7F && c != '"' && c != '\\' && c != ']') {
            buf_add_char(out, (char)c);
            continue;
        }
        buf_add_char(out, '%');
        buf_add_char(out, hex_digits[c >> 4]);
        buf_add_char(out, hex_digits[c & 15]);
    }
}
