#include "index/testing_index.h"

#include "base/utf8.h"

#include <stdlib.h>

static const char *const vocabulary[] = {
    "the",
    "and",
    "mail",
    "email",
    "mailing",
    "list",
    "meeting",
    "re",
    "fw",
    "a",
    "to",
    "of",
    "is",
    "report",
    "quarter",
    "budget",
    "na\xc3\xafve",
    "gr\xc3\xbc\xc3\x9f",
    "\xd0\xbf\xd0\xb8\xd1\x81\xd1\x8c\xd0\xbc\xd0\xbe",
    "e\xcc\x81t\xc3\xa9",
    "linux",
    "kernel",
    "\xe6\xbc\xa2\xe5\xad\x97",
    "\xe6\xbc\xa2",
    "\xe3\x81\x8b\xe3\x82\x99",
    "\xe0\xb8\xaa\xe0\xb8\xa7\xe0\xb8\xb1\xe0\xb8\xaa",
    "2023",
    "1",
    "x86",
    "\xf0\x9f\x8e\x89",
    "o",
    "don",
    "t",
    "anna",
    "example",
    "org",
    "com",
    "aaaa",
    "abab",
};
static const char *const gaps[] = {
    " ", " ", " ", "\n", ", ", ".", "@", "-", "_", "'", "/", "=", "\xe2\x80\x94", "\xc2\xa0", "\xe3\x80\x82",
    "",  "  "
};

static void add_garbage(struct rand_source *source, const char *letters, size_t count, size_t n,
                        struct buf *out)
{
    for (size_t i = 0; i < n; i++)
        buf_add_char(out, letters[rand_below(source, count)]);
}

void testing_add_word(struct rand_source *source, struct buf *out)
{
    switch (rand_below(source, 24)) {
    case 0: /* hex, base64 without its case */
        add_garbage(source, "0123456789abcdef", 16, 8 + rand_below(source, 33), out);
        return;
    case 1:
        add_garbage(source, "0123456789abcdefghijklmnopqrstuvwxyz+/", 38, 4 + rand_below(source, 90), out);
        return;
    case 2: /* long runs, of little variety too */
        if (rand_below(source, 8) == 0)
            add_garbage(source, "ab", 2, rand_below(source, 1400), out);
        return;
    case 3: /* Han */
        for (uint64_t n = rand_below(source, 9); n > 0; n--)
            utf8_put(out, 0x4e00 + (uint32_t)rand_below(source, 30));
        return;
    case 4: /* anything */
        for (uint64_t n = rand_below(source, 4); n > 0; n--)
            utf8_put(out, 0x20 + (uint32_t)rand_below(source, 0x3100));
        return;
    default:
        buf_add(out, str_c(vocabulary[rand_below(source, ARRAY_COUNT(vocabulary))]));
    }
}

static void add_text(struct rand_source *source, size_t bytes, struct buf *out)
{
    while (out->n < bytes) {
        testing_add_word(source, out);
        buf_add(out, str_c(gaps[rand_below(source, ARRAY_COUNT(gaps))]));
    }
}

void testing_documents_init(struct testing_documents *d, struct rand_source *source, uint32_t count,
                            size_t bytes, uint64_t first)
{
    static const enum index_field fields[] = { INDEX_BODY,   INDEX_SUBJECT, INDEX_FROM,
                                               INDEX_HEADER, INDEX_HEADER,  INDEX_BODY };
    *d = (struct testing_documents){ calloc(count + 1, sizeof *d->documents), count };
    if (!d->documents)
        abort();
    for (uint32_t i = 0; i < count; i++) {
        struct testing_document *document = &d->documents[i];
        first += 1 + rand_below(source, 3);
        document->blob.n = first;
        document->is_partial = rand_below(source, 40) == 0;
        document->count = (unsigned)rand_below(source, TESTING_TEXTS_MAX + 1);
        for (unsigned k = 0; k < document->count; k++) {
            document->fields[k] = fields[k];
            add_text(source, rand_below(source, bytes / TESTING_TEXTS_MAX * 2 + 1), &document->texts[k]);
        }
    }
}

void testing_documents_deinit(struct testing_documents *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        for (unsigned k = 0; k < TESTING_TEXTS_MAX; k++)
            buf_deinit(&d->documents[i].texts[k]);
    free(d->documents);
}

/* To the next edge of a code point. */
static size_t whole_letters(struct str s, size_t at)
{
    while (at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static void feed(struct index_builder *b, enum index_field field, struct str text, struct rand_source *source)
{
    for (size_t at = 0, end; at < text.n; at = end) {
        end = whole_letters(text, at + 1 + rand_below(source, 400));
        if (end > text.n)
            end = text.n;
        index_builder_feed(b, field, str_sub(text, at, end - at));
    }
    index_builder_end_text(b);
}

void testing_build(const struct testing_documents *d, uint32_t from, uint32_t to, struct rand_source *source,
                   bool (*keep)(void *ctx, struct blob_id blob), struct buf *out)
{
    struct index_builder *b = index_builder_new();
    for (uint32_t i = from; i < to; i++) {
        const struct testing_document *document = &d->documents[i];
        if (keep && !keep(NULL, document->blob))
            continue;
        index_builder_begin(b, document->blob);
        for (unsigned k = 0; k < document->count; k++)
            feed(b, document->fields[k], buf_str(&document->texts[k]), source);
        if (document->is_partial)
            index_builder_mark_partial(b);
        index_builder_end(b);
    }
    index_builder_finish(b, out);
    index_builder_free(&b);
}

static void add_piece(const struct testing_documents *d, struct rand_source *source, struct buf *out)
{
    const struct testing_document *document = &d->documents[rand_below(source, d->count)];
    if (document->count == 0)
        return;
    struct str text = buf_str(&document->texts[rand_below(source, document->count)]);
    if (text.n == 0)
        return;
    size_t length = 1 + rand_below(source, rand_below(source, 4) ? 12 : 300);
    size_t from = whole_letters(text, rand_below(source, text.n)), to = whole_letters(text, from + length);
    buf_add(out, str_sub(text, from, to - from));
}

void testing_needle(const struct testing_documents *d, struct rand_source *source, struct buf *out)
{
    buf_clear(out);
    while (out->n == 0)
        if (rand_below(source, 5) == 0)
            testing_add_word(source, out);
        else
            add_piece(d, source, out);
    if (rand_below(source, 6) == 0) /* nearly */
        out->p[rand_below(source, out->n)] = 'q';
    if (!utf8_is_valid(buf_str(out)))
        buf_clear(out), buf_add_lit(out, "mail");
}

bool testing_holds(const struct testing_document *document, struct str needle, unsigned fields)
{
    for (unsigned i = 0; i < document->count; i++)
        if ((document->fields[i] & fields) && str_find(buf_str(&document->texts[i]), needle) >= 0)
            return true;
    return false;
}

const struct testing_document *testing_find(const struct testing_documents *d, struct blob_id blob)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->documents[i].blob.n == blob.n)
            return &d->documents[i];
    return NULL;
}
