#include "mime/header.h"

#include <stdlib.h>

enum line_kind { LINE_BLANK, LINE_FIELD, LINE_CONTINUATION, LINE_JUNK };

/* The line that begins at `at`, its line end included. */
static struct str line_at(struct str bytes, size_t at)
{
    const char *from = bytes.p + at;
    const char *lf = memchr(from, '\n', bytes.n - at);
    return str_make(from, lf ? (size_t)(lf - from) + 1 : bytes.n - at);
}

/* Bytes of the field name at the start of a line, 0 when it does not begin with one.
 * `*colon_out` is where ":" stands. */
static size_t name_length(struct str line, size_t *colon_out)
{
    size_t i = 0;
    while (i < line.n && (unsigned char)line.p[i] > ' ' && line.p[i] != ':' && line.p[i] != 0x7f)
        i++;
    size_t n = i;
    while (i < line.n && (line.p[i] == ' ' || line.p[i] == '\t')) /* RFC 5322, 4.5: obsolete syntax */
        i++;
    if (i == line.n || line.p[i] != ':')
        return 0;
    *colon_out = i;
    return n;
}

static bool is_blank(struct str line)
{
    return line.p[0] == '\n' || (line.n >= 2 && line.p[0] == '\r' && line.p[1] == '\n');
}

static enum line_kind line_kind(struct str line)
{
    size_t colon;
    if (is_blank(line))
        return LINE_BLANK;
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return LINE_CONTINUATION;
    return name_length(line, &colon) > 0 ? LINE_FIELD : LINE_JUNK;
}

static bool is_mbox_line(struct str line)
{
    return str_starts(line, STR("From ")) || str_starts(line, STR(">From "));
}

size_t header_length(struct str bytes, bool is_message, header_stop_fn *stop, void *ctx, bool *has_blank_out)
{
    size_t at = 0, junk_from = SIZE_MAX;
    bool any_field = false, ignored;

    if (!has_blank_out)
        has_blank_out = &ignored;
    *has_blank_out = false;
    if (is_message && bytes.n && is_mbox_line(bytes))
        at = line_at(bytes, 0).n;
    while (at < bytes.n) {
        struct str line = line_at(bytes, at);
        enum line_kind kind = line_kind(line);
        if (stop && str_starts(line, STR("--")) && stop(ctx, at, line))
            break;
        if (kind == LINE_FIELD) {
            any_field = true;
            junk_from = SIZE_MAX;
        } else if (kind == LINE_BLANK && junk_from == SIZE_MAX) {
            *has_blank_out = true;
            return at + line.n;
        } else if (!any_field) {
            return at; /* not one field: all of it is body */
        } else if (kind == LINE_BLANK) {
            return junk_from;
        } else if (kind == LINE_JUNK && junk_from == SIZE_MAX) {
            junk_from = at;
        }
        at += line.n;
    }
    return junk_from == SIZE_MAX ? at : junk_from;
}

struct header_reader header_each(struct str header)
{
    return (struct header_reader){ .header = header };
}

static struct str without_line_end(struct str s)
{
    if (s.n && s.p[s.n - 1] == '\n')
        s.n--;
    if (s.n && s.p[s.n - 1] == '\r')
        s.n--;
    return s;
}

bool header_next(struct header_reader *r, struct header_field *field_out)
{
    struct str header = r->header;
    size_t colon = 0;

    while (r->at < header.n) {
        struct str line = line_at(header, r->at);
        if (is_blank(line))
            return false;
        size_t from = r->at, name_n = name_length(line, &colon);
        r->at += line.n;
        if (name_n == 0)
            continue;
        while (r->at < header.n && (header.p[r->at] == ' ' || header.p[r->at] == '\t'))
            r->at += line_at(header, r->at).n;
        field_out->whole = str_sub(header, from, r->at - from);
        field_out->name = str_sub(field_out->whole, 0, name_n);
        field_out->value = without_line_end(str_skip(field_out->whole, colon + 1));
        field_out->offset = from;
        r->count++;
        return true;
    }
    return false;
}

bool header_next_named(struct header_reader *r, struct str name, struct header_field *field_out)
{
    struct str header = r->header;
    char first = name.n ? ascii_lower(name.p[0]) : ' ';
    for (;;) {
        while (r->at < header.n && ascii_lower(header.p[r->at]) != first && header.p[r->at] != '\r' &&
               header.p[r->at] != '\n')
            r->at += line_at(header, r->at).n;
        if (!header_next(r, field_out))
            return false;
        if (str_eq_nocase(field_out->name, name))
            return true;
    }
}

bool header_next_interpreted(struct header_reader *r, struct header_field *field_out)
{
    if (r->count >= HEADER_FIELDS_MAX || r->at >= HEADER_INTERPRETED_BYTES_MAX || !header_next(r, field_out))
        return false;
    return field_out->offset < HEADER_INTERPRETED_BYTES_MAX;
}

struct str header_find(struct str header, struct str name)
{
    struct header_field field;
    for (struct header_reader r = header_each(header); header_next_interpreted(&r, &field);)
        if (str_eq_nocase(field.name, name))
            return field.value;
    return STR_NIL;
}

void header_unfold_inner(struct str raw, struct buf *out)
{
    for (size_t i = 0; i < raw.n;) {
        size_t from = i;
        while (i < raw.n && raw.p[i] != '\r' && raw.p[i] != '\n' && raw.p[i] != '\0')
            i++;
        buf_add_bytes(out, raw.p + from, i - from);
        if (i == raw.n)
            return;
        if (raw.p[i] == '\0') {
            i++;
            continue;
        }
        i += raw.p[i] == '\r' && i + 1 < raw.n && raw.p[i + 1] == '\n' ? 2 : 1;
        if (i < raw.n && raw.p[i] != ' ' && raw.p[i] != '\t' && raw.p[i] != '\r' && raw.p[i] != '\n')
            buf_add_char(out, ' ');
    }
}

void header_unfold(struct str raw, struct buf *out)
{
    header_unfold_inner(str_trim(raw), out);
}

static int compare_names(const void *a, const void *b)
{
    return str_cmp_nocase(*(const struct str *)a, *(const struct str *)b);
}

struct header_names header_names_make(const struct str *names, size_t count, struct arena *arena)
{
    struct str *sorted = arena_new_array(arena, struct str, count ? count : 1);
    struct header_names set = { .sorted = sorted, .count = count };
    for (size_t i = 0; i < count; i++) {
        sorted[i] = names[i];
        set.lengths |= UINT64_C(1) << (names[i].n < 63 ? names[i].n : 63);
    }
    qsort(sorted, count, sizeof *sorted, compare_names);
    return set;
}

bool header_names_has(const struct header_names *names, struct str name)
{
    return names->lengths >> (name.n < 63 ? name.n : 63) & 1 &&
           bsearch(&name, names->sorted, names->count, sizeof name, compare_names);
}

/* A line of the header: does a field begin with it, and do we want that? */
static void begin_line(struct header_sieve *s, struct str line)
{
    size_t colon;
    if (line.p[0] == ' ' || line.p[0] == '\t') /* goes with what is before it */
        return;
    size_t n = name_length(line, &colon);
    s->keeps = n > 0 && header_names_has(s->names, str_make(line.p, n)) != s->all_but;
}

size_t header_sieve_feed(struct header_sieve *s, struct str bytes, bool last, struct buf *out)
{
    size_t at = 0;
    while (at < bytes.n && !s->ended) {
        struct str line = line_at(bytes, at);
        bool whole = line.p[line.n - 1] == '\n';
        if (!s->in_line) {
            if (!whole && !last && line.n < HEADER_SIEVE_BYTES)
                break;
            s->ended = is_blank(line);
            if (s->ended)
                buf_add_lit(out, "\r\n");
            else
                begin_line(s, line);
        }
        if (s->keeps && !s->ended)
            buf_add(out, line);
        s->in_line = !whole;
        at += line.n;
    }
    return at;
}

void header_filter(struct str header, const struct header_names *names, bool all_but, struct buf *out)
{
    struct header_sieve sieve = { .names = names, .all_but = all_but };
    (void)header_sieve_feed(&sieve, header, true, out);
}
