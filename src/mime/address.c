#include "mime/address.h"

#include "base/buf.h"

/* One address while it is read. Offsets are into `text`; SIZE_MAX: not there. */
struct entry {
    struct buf text;    /* the phrase, or an addr-spec without "<>", quoting removed */
    struct buf comment; /* the newest comment */
    struct buf spec;    /* what stands inside "<>" */
    size_t at;          /* the last "@" outside quotes */
    size_t word;        /* where the last word begins */
    size_t local;       /* where the word with that "@" begins */
    size_t host_end;    /* where the word behind it ends */
    bool blank;         /* white space since the last byte */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

struct address_reader address_each(struct str raw, struct arena *arena)
{
    return (struct address_reader){ .p = raw.p, .end = str_end(raw), .arena = arena };
}

/* quoted-string at r->p: appended without its quotes. An open quote is passed over, and no further one is
 * tried, so that hostile input is not scanned again and again. */
static void read_quoted(struct address_reader *r, struct buf *out)
{
    const char *p = r->p + 1;
    while (!r->no_more_quotes && p < r->end && *p != '"')
        p += *p == '\\' && p + 1 < r->end ? 2 : 1;
    if (r->no_more_quotes || p >= r->end) {
        r->no_more_quotes = true;
        r->p++;
        return;
    }
    for (const char *q = r->p + 1; q < p; q++) {
        if (*q == '\\' && q + 1 < p)
            q++;
        if (*q != '\r' && *q != '\n' && *q != '\0')
            buf_add_char(out, *q);
    }
    r->p = p + 1;
}

/* comment at r->p, its text replaces what `out` holds. */
static void read_comment(struct address_reader *r, struct buf *out)
{
    size_t depth = 0;
    const char *p = r->p;

    if (r->no_more_comments) {
        r->p++;
        return;
    }
    buf_clear(out);
    for (; p < r->end; p++) {
        if (*p == '(' && depth++ == 0)
            continue;
        if (*p == ')' && --depth == 0)
            break;
        if (*p == '\\' && p + 1 < r->end)
            p++;
        if (*p != '\r' && *p != '\n' && *p != '\0')
            buf_add_char(out, *p);
    }
    if (p >= r->end) {
        r->no_more_comments = true;
        buf_clear(out);
        r->p++;
        return;
    }
    r->p = p + 1;
}

static struct str keep(struct address_reader *r, struct str s)
{
    return arena_dup(r->arena, s.p ? s : STR(""));
}

static struct str keep_or_nil(struct address_reader *r, struct str s)
{
    s = str_trim(s);
    return s.n ? arena_dup(r->arena, s) : STR_NIL;
}

static void skip_to_separator(struct address_reader *r, struct entry *e)
{
    while (r->p < r->end && *r->p != ',' && *r->p != ';') {
        if (*r->p == '(') {
            read_comment(r, &e->comment);
        } else if (*r->p == '"') {
            buf_clear(&e->spec);
            read_quoted(r, &e->spec);
        } else {
            r->p++;
        }
    }
}

/* angle-addr = "<" [obs-route] addr-spec ">"
 * RFC 5322, 3.4 and 4.4. Ends at a "," or ";" when the ">" is missing. */
static void read_angle(struct address_reader *r, struct entry *e, struct address *a)
{
    size_t at = SIZE_MAX, from = 0;
    bool in_route = false, any = false;

    buf_clear(&e->spec);
    for (r->p++; r->p < r->end && *r->p != '>';) {
        char c = *r->p;
        if (is_blank(c)) {
            r->p++;
            continue;
        }
        if (c == '(') {
            read_comment(r, &e->comment);
            continue;
        }
        if (c == '"') {
            any = true;
            read_quoted(r, &e->spec);
            continue;
        }
        if ((c == ',' || c == ';') && !in_route)
            break;
        if (c == '@') {
            in_route = in_route || !any;
            at = e->spec.n;
        }
        any = true;
        if (c == ':' && in_route) {
            a->route = arena_dup(r->arena, buf_str(&e->spec));
            in_route = false;
            at = SIZE_MAX;
            from = e->spec.n;
        } else {
            buf_add_char(&e->spec, c);
        }
        r->p++;
    }
    struct str spec = buf_str(&e->spec);
    if (at == SIZE_MAX) {
        a->mailbox = keep(r, str_skip(spec, from));
        a->host = STR("");
    } else {
        a->mailbox = keep(r, str_sub(spec, from, at - from));
        a->host = keep(r, str_skip(spec, at + 1));
    }
    skip_to_separator(r, e);
}

/* A byte of the phrase, or of an addr-spec that stands without "<>". */
static void add_byte(struct entry *e, char c)
{
    bool after_at = e->at != SIZE_MAX && e->text.n == e->at + 1;
    if (e->blank && e->text.n && c != '@' && !after_at) {
        if (e->at != SIZE_MAX && e->host_end == SIZE_MAX)
            e->host_end = e->text.n;
        buf_add_char(&e->text, ' ');
        e->word = e->text.n;
    }
    e->blank = false;
    if (c == '@') {
        e->at = e->text.n;
        e->local = e->word;
        e->host_end = SIZE_MAX;
    }
    buf_add_char(&e->text, c);
}

static void add_quoted(struct address_reader *r, struct entry *e)
{
    size_t at = e->at;
    add_byte(e, 'q'); /* settles the blank in front */
    e->text.n--;
    e->at = at;
    read_quoted(r, &e->text);
}

/* An address without "<>": "user@host", "user@host (Name)", "Name user@host", "user".
 * False when there is nothing. */
static bool finish_bare(struct address_reader *r, struct entry *e, struct address *a)
{
    struct str text = buf_str(&e->text);
    if (str_trim(text).n == 0)
        return false;
    if (e->at == SIZE_MAX) {
        a->mailbox = keep(r, str_trim(text));
        a->host = STR("");
    } else {
        size_t end = e->host_end == SIZE_MAX ? text.n : e->host_end;
        a->mailbox = keep(r, str_sub(text, e->local, e->at - e->local));
        a->host = keep(r, str_sub(text, e->at + 1, end - e->at - 1));
        a->name = keep_or_nil(r, str_sub(text, 0, e->local));
    }
    if (str_is_nil(a->name))
        a->name = keep_or_nil(r, buf_str(&e->comment));
    return true;
}

/* Read up to the next separator. False when there was nothing but blanks. */
static bool read_entry(struct address_reader *r, struct entry *e, struct address *a)
{
    while (r->p < r->end && *r->p != ',' && *r->p != ';') {
        char c = *r->p;
        if (is_blank(c)) {
            e->blank = true;
            r->p++;
        } else if (c == '(') {
            e->blank = true;
            read_comment(r, &e->comment);
        } else if (c == '"') {
            add_quoted(r, e);
        } else if (c == '<') {
            struct str phrase = buf_str(&e->text);
            a->name = keep_or_nil(r, phrase);
            read_angle(r, e, a);
            if (str_is_nil(a->name))
                a->name = keep_or_nil(r, buf_str(&e->comment));
            return true;
        } else if (c == ':' && !r->in_group && e->text.n && e->at == SIZE_MAX) {
            r->p++;
            r->in_group = true;
            a->kind = ADDRESS_GROUP_START;
            a->mailbox = keep(r, str_trim(buf_str(&e->text)));
            return true;
        } else {
            if (c != '>')
                add_byte(e, c);
            r->p++;
        }
    }
    return finish_bare(r, e, a);
}

static bool end_group(struct address_reader *r, struct address *a)
{
    bool was_open = r->in_group;
    r->in_group = false;
    *a = (struct address){ .kind = ADDRESS_GROUP_END };
    return was_open;
}

bool address_next(struct address_reader *r, struct address *address_out)
{
    while (r->p < r->end && r->count < ADDRESSES_MAX) {
        if (*r->p == ';') {
            r->p++;
            if (end_group(r, address_out))
                return true;
            continue;
        }
        if (*r->p == ',' || is_blank(*r->p)) {
            r->p++;
            continue;
        }
        struct entry e = { .at = SIZE_MAX, .host_end = SIZE_MAX };
        *address_out = (struct address){ .kind = ADDRESS_MAILBOX };
        bool found = read_entry(r, &e, address_out);
        buf_deinit(&e.text);
        buf_deinit(&e.comment);
        buf_deinit(&e.spec);
        if (found) {
            r->count++;
            return true;
        }
    }
    return end_group(r, address_out);
}
