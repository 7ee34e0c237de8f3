#include "mime/meta_collate.h"

#include "base/utf8.h"
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

static struct span add_key(struct collator *c, struct str text)
{
    struct span span = { .offset = c->room.n };
    collation_key(c->collation, text, &c->room);
    span.n = utf8_prefix(str_skip(buf_str(&c->room), span.offset), META_KEY_BYTES_MAX).n;
    return span;
}

static struct span add_subject(struct collator *c, struct str raw)
{
    struct buf text = BUF_INIT;
    subject_base_text(raw, c->cache, &text, NULL);
    struct span span = add_key(c, buf_str(&text));
    buf_deinit(&text);
    return span;
}

/* RFC 5957, 3: the decoded name, else mailbox@host */
static struct span add_display(struct collator *c, const struct envelope_reader *r)
{
    struct buf text = BUF_INIT;
    if (!r->is_nil[NAME])
        encoded_word_decode(buf_str(&r->strings[NAME]), c->cache, &text);
    if (text.n == 0) {
        buf_add(&text, buf_str(&r->strings[MAILBOX]));
        if (r->strings[HOST].n)
            buf_add_char(&text, '@');
        buf_add(&text, buf_str(&r->strings[HOST]));
    }
    struct span span = add_key(c, buf_str(&text));
    buf_deinit(&text);
    return span;
}

static bool add_mailbox(struct collator *c, struct envelope_reader *r, struct span *mailbox,
                        struct span *display)
{
    bool has_one;
    if (!take(r, " ") || !read_addresses(r, &has_one))
        return false;
    if (has_one)
        *mailbox = add_key(c, buf_str(&r->strings[MAILBOX]));
    if (has_one && display)
        *display = add_display(c, r);
    return true;
}

static struct str key_at(const struct collator *c, struct span span)
{
    return str_sub(buf_str(&c->room), span.offset, span.n);
}

void collator_init(struct collator *c, enum collation collation)
{
    *c = (struct collator){ .collation = collation };
    if (collation != COLLATION_UNICODE_CASEMAP)
        c->cache = charset_cache_new();
}

void collator_deinit(struct collator *c)
{
    charset_cache_free(&c->cache);
    buf_deinit(&c->room);
}

const struct meta_view *collator_view(struct collator *c, const struct meta_view *view)
{
    struct envelope_reader r = { .rest = view->envelope };
    struct span subject = { 0 }, from = { 0 }, to = { 0 }, cc = { 0 }, display_from = { 0 },
                display_to = { 0 };
    bool ignored;

    if (c->collation == COLLATION_UNICODE_CASEMAP)
        return view;
    buf_clear(&c->room);
    /* (date subject from sender reply-to to cc ... */
    if (take(&r, "(") && read_string(&r, 0) && take(&r, " ") && read_string(&r, 0)) {
        subject = add_subject(c, buf_str(&r.strings[0]));
        bool ok = add_mailbox(c, &r, &from, &display_from) && take(&r, " ") && read_addresses(&r, &ignored) &&
                  take(&r, " ") && read_addresses(&r, &ignored) && add_mailbox(c, &r, &to, &display_to) &&
                  add_mailbox(c, &r, &cc, NULL);
        (void)ok; /* what could be read is told */
    }
    c->view = *view;
    c->view.subject = key_at(c, subject);
    c->view.from = key_at(c, from);
    c->view.to = key_at(c, to);
    c->view.cc = key_at(c, cc);
    c->view.display_from = key_at(c, display_from);
    c->view.display_to = key_at(c, display_to);
    for (unsigned i = 0; i < ADDRESS_STRINGS; i++)
        buf_deinit(&r.strings[i]);
    return &c->view;
}
