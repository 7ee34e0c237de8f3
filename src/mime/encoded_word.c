#include "mime/encoded_word.h"

#include "base/codec.h"
#include "base/utf8.h"
#include "mime/header.h"
#include "mime/transfer.h"

enum { CHARSET_NAME_BYTES_MAX = 64 };

struct word {
    uint8_t charset;
    char encoding; /* 'b' or 'q' */
    struct str text;
    size_t length; /* from "=?" to "?=" */
};

struct decoder {
    struct str in;
    size_t next_end; /* where the next "?=" stands: looked for once, so that hostile input costs no more */
    struct charset_cache *cache;
    struct buf *out;
    struct buf bytes; /* of adjacent words of one charset */
    uint8_t charset;
};

/* Where the byte `a` stands with `b` behind it, at or behind `from`; SIZE_MAX: nowhere. */
static size_t find_pair(struct str s, size_t from, char a, char b)
{
    while (from + 1 < s.n) {
        const char *at = memchr(s.p + from, a, s.n - from - 1);
        if (!at)
            break;
        if (at[1] == b)
            return (size_t)(at - s.p);
        from = (size_t)(at - s.p) + 1;
    }
    return SIZE_MAX;
}

/* encoded-word = "=?" charset "?" encoding "?" encoded-text "?="
 * RFC 2047, 2; blanks inside the text are tolerated. */
static bool parse_word(struct decoder *d, size_t at, struct word *w)
{
    struct str rest = str_skip(d->in, at + 2);
    ptrdiff_t mark = str_find_char(str_sub(rest, 0, CHARSET_NAME_BYTES_MAX + 1), '?');
    if (mark <= 0 || rest.n < (size_t)mark + 3 || rest.p[mark + 2] != '?')
        return false;
    w->encoding = ascii_lower(rest.p[mark + 1]);
    if (w->encoding != 'b' && w->encoding != 'q')
        return false;
    w->charset = charset_find(str_sub(rest, 0, (size_t)mark));
    if (w->charset == CHARSET_UNKNOWN)
        return false;
    size_t from = at + 2 + (size_t)mark + 3;
    if (d->next_end < from)
        d->next_end = find_pair(d->in, from, '?', '=');
    if (d->next_end == SIZE_MAX)
        return false;
    w->text = str_sub(d->in, from, d->next_end - from);
    w->length = d->next_end + 2 - at;
    return find_pair(w->text, 0, '=', '?') == SIZE_MAX;
}

/* RFC 2047, 4.2: quoted-printable's "=XX" and "_" for a space. */
static void decode_q(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '=' && text.n - i > 2 && hex_decode(str_sub(text, i + 1, 2), out))
            i += 2;
        else if (text.p[i] != '\r' && text.p[i] != '\n')
            buf_add_char(out, text.p[i] == '_' ? ' ' : text.p[i]);
    }
}

/* Drop NUL from what was added: a name may not be cut by what it holds. */
static void drop_nul(struct buf *out, size_t from)
{
    size_t to = from;
    if (!memchr(out->p + from, 0, out->n - from))
        return;
    for (size_t i = from; i < out->n; i++)
        if (out->p[i])
            out->p[to++] = out->p[i];
    out->n = to;
}

static void flush_words(struct decoder *d)
{
    size_t from = d->out->n;
    if (d->bytes.n == 0)
        return;
    if (charset_to_utf8(d->cache, d->charset, buf_str(&d->bytes), d->out, NULL) < 0)
        buf_add_lit(d->out, "\xef\xbf\xbd"); /* the charset is known but not installed on this system */
    drop_nul(d->out, from);
    buf_clear(&d->bytes);
}

static void add_word(struct decoder *d, const struct word *w)
{
    if (d->bytes.n && d->charset != w->charset)
        flush_words(d);
    d->charset = w->charset;
    if (w->encoding == 'q') {
        decode_q(w->text, &d->bytes);
    } else {
        int r = transfer_decode(TRANSFER_BASE64, w->text, &d->bytes, NULL);
        (void)r; /* base64 is known */
    }
}

static void add_raw(struct decoder *d, struct str raw)
{
    struct buf text = BUF_INIT;
    flush_words(d);
    if (utf8_is_ascii(raw)) {
        header_unfold_inner(raw, d->out);
        return;
    }
    header_unfold_inner(raw, &text);
    int r = charset_to_utf8(d->cache, CHARSET_UNKNOWN, buf_str(&text), d->out, NULL);
    (void)r; /* guessing does not fail */
    buf_deinit(&text);
}

void encoded_word_decode(struct str raw, struct charset_cache *cache, struct buf *out)
{
    struct decoder d = { .in = str_trim(raw), .cache = cache, .out = out };
    size_t done = 0; /* what is in front is in `out` or `bytes` */
    bool after_word = false;

    for (size_t at = 0; (at = find_pair(d.in, at, '=', '?')) != SIZE_MAX;) {
        struct word word;
        struct str gap = str_sub(d.in, done, at - done);
        if (!parse_word(&d, at, &word)) {
            at += 2;
            continue;
        }
        /* RFC 2047, 6.2: blanks between two words are not shown. */
        if (gap.n && !(after_word && str_trim(gap).n == 0))
            add_raw(&d, gap);
        add_word(&d, &word);
        at += word.length;
        done = at;
        after_word = true;
    }
    add_raw(&d, str_skip(d.in, done));
    buf_deinit(&d.bytes);
}
