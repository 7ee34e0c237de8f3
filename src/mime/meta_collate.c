#include "mime/meta_collate.h"

#include "mime/encoded_word.h"
#include "mime/subject.h"

enum { NAME, ROUTE, MAILBOX, HOST, ADDRESS_STRINGS }; /* RFC 9051, 7.5.2 */

/* An ENVELOPE as we wrote it: what does not look like one ends the reading. */
struct envelope_reader {
    struct str rest;
    struct buf strings[ADDRESS_STRINGS]; /* unquoted */
    bool is_nil[ADDRESS_STRINGS];
};

static bool take(struct envelope_reader *r, const char *literal)
{
    struct str s = str_c(literal);
    if (!str_starts(r->rest, s))
        return false;
    r->rest = str_skip(r->rest, s.n);
    return true;
}

static bool read_quoted(struct envelope_reader *r, struct buf *out)
{
    for (size_t i = 0; i < r->rest.n; i++) {
        char c = r->rest.p[i];
        if (c == '"') {
            r->rest = str_skip(r->rest, i + 1);
            return true;
        }
        if (c == '\\' && ++i == r->rest.n)
            return false;
        buf_add_char(out, r->rest.p[i]);
    }
    return false;
}

static bool read_literal(struct envelope_reader *r, struct buf *out)
{
    uint64_t n;
    ptrdiff_t close = str_find_char(r->rest, '}');
    if (close < 0 || !str_to_u64(str_sub(r->rest, 0, (size_t)close), r->rest.n, &n))
        return false;
    struct str bytes = str_skip(r->rest, (size_t)close + 3); /* "}\r\n" */
    if (n > bytes.n)
        return false;
    buf_add(out, str_sub(bytes, 0, (size_t)n));
    r->rest = str_skip(bytes, (size_t)n);
    return true;
}

/* nstring */
static bool read_string(struct envelope_reader *r, unsigned i)
{
    buf_clear(&r->strings[i]);
    r->is_nil[i] = take(r, "NIL");
    if (r->is_nil[i])
        return true;
    if (take(r, "\""))
        return read_quoted(r, &r->strings[i]);
    return take(r, "{") && read_literal(r, &r->strings[i]);
}

static bool read_address(struct envelope_reader *r)
{
    for (unsigned i = 0; i < ADDRESS_STRINGS; i++)
        if ((i > 0 && !take(r, " ")) || !read_string(r, i))
            return false;
    return take(r, ")");
}

/* "((name route mailbox host)...)" or NIL; the first address stays in r->strings. */
static bool read_addresses(struct envelope_reader *r, bool *has_one_out)
{
    *has_one_out = false;
    if (take(r, "NIL"))
        return true;
    if (!take(r, "(") || !take(r, "(") || !read_address(r))
        return false;
    *has_one_out = true;
    struct envelope_reader others = { .rest = r->rest };
    while (take(&others, "("))
        if (!read_address(&others))
            break;
    r->rest = others.rest;
    for (unsigned i = 0; i < ADDRESS_STRINGS; i++)
        buf_deinit(&others.strings[i]);
    return take(r, ")");
}

struct span {
    size_t offset, n;
};

struct keys {
    enum collation collation;
    struct charset_cache *cache;
    struct buf *room;
    struct buf text; /* scratch */
};

static struct span add_key(struct keys *k, struct str text)
{
    struct span span = { .offset = k->room->n };
    collation_key(k->collation, text, k->room);
    span.n = k->room->n - span.offset;
    return span;
}

/* RFC 5957, 3: the decoded name, else mailbox@host */
static struct span add_display(struct keys *k, const struct envelope_reader *r)
{
    buf_clear(&k->text);
    if (!r->is_nil[NAME])
        encoded_word_decode(buf_str(&r->strings[NAME]), k->cache, &k->text);
    if (k->text.n == 0) {
        buf_add(&k->text, buf_str(&r->strings[MAILBOX]));
        if (r->strings[HOST].n)
            buf_add_char(&k->text, '@');
        buf_add(&k->text, buf_str(&r->strings[HOST]));
    }
    return add_key(k, buf_str(&k->text));
}

static bool add_mailbox(struct keys *k, struct envelope_reader *r, struct span *mailbox, struct span *display)
{
    bool has_one;
    if (!take(r, " ") || !read_addresses(r, &has_one))
        return false;
    if (has_one)
        *mailbox = add_key(k, buf_str(&r->strings[MAILBOX]));
    if (has_one && display)
        *display = add_display(k, r);
    return true;
}

static struct str at(const struct buf *room, struct span span)
{
    return str_sub(buf_str(room), span.offset, span.n);
}

void meta_view_collate(const struct meta_view *view, enum collation collation, struct charset_cache *cache,
                       struct buf *room, struct meta_view *view_out)
{
    struct keys k = { .collation = collation, .cache = cache, .room = room };
    struct envelope_reader r = { .rest = view->envelope };
    struct span subject = { 0 }, from = { 0 }, to = { 0 }, cc = { 0 }, display_from = { 0 }, display_to = { 0 };
    bool ignored;

    buf_clear(room);
    /* (date subject from sender reply-to to cc ... */
    if (take(&r, "(") && read_string(&r, 0) && take(&r, " ") && read_string(&r, 0)) {
        subject_base_text(buf_str(&r.strings[0]), cache, &k.text, NULL);
        subject = add_key(&k, buf_str(&k.text));
        bool ok = add_mailbox(&k, &r, &from, &display_from) && take(&r, " ") && read_addresses(&r, &ignored) &&
                  take(&r, " ") && read_addresses(&r, &ignored) && add_mailbox(&k, &r, &to, &display_to) &&
                  add_mailbox(&k, &r, &cc, NULL);
        (void)ok; /* what could be read is told */
    }
    *view_out = *view;
    view_out->subject = at(room, subject);
    view_out->from = at(room, from);
    view_out->to = at(room, to);
    view_out->cc = at(room, cc);
    view_out->display_from = at(room, display_from);
    view_out->display_to = at(room, display_to);
    for (unsigned i = 0; i < ADDRESS_STRINGS; i++)
        buf_deinit(&r.strings[i]);
    buf_deinit(&k.text);
}
