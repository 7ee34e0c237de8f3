#include "mime/text.h"

#include "mime/encoded_word.h"
#include "mime/header.h"
#include "mime/param.h"

#include <assert.h>

void part_text_init(struct part_text *t, enum transfer transfer, uint8_t charset, bool is_html,
                    struct charset_cache *cache)
{
    *t = (struct part_text){ .is_html = is_html };
    if (transfer_init(&t->transfer, transfer, NULL) < 0)
        t->transfer.kind = TRANSFER_IDENTITY;
    charset_stream_init(&t->charset, cache, charset);
}

void part_text_feed(struct part_text *t, struct str in, bool last, struct buf *out)
{
    struct buf *text = t->is_html ? &t->utf8 : out;

    if (t->transfer.kind != TRANSFER_IDENTITY) {
        buf_clear(&t->bytes);
        transfer_feed(&t->transfer, in, &t->bytes);
        if (last)
            transfer_finish(&t->transfer, &t->bytes);
        in = buf_str(&t->bytes);
    }
    if (t->is_html)
        buf_clear(&t->utf8);
    if (charset_stream_feed(&t->charset, in, last, text, NULL) < 0) {
        charset_stream_init(&t->charset, t->charset.cache, CHARSET_UNKNOWN);
        int r = charset_stream_feed(&t->charset, in, last, text, NULL);
        (void)r; /* guessing does not fail */
    }
    if (t->is_html)
        html_strip(&t->html, buf_str(&t->utf8), last, out);
}

void part_text_deinit(struct part_text *t)
{
    buf_deinit(&t->bytes);
    buf_deinit(&t->utf8);
}

/* Printable ASCII without encoded-words: most values. */
static bool is_plain(struct str s)
{
    unsigned odd = 0;
    for (size_t i = 0; i < s.n; i++)
        odd |= (unsigned)(unsigned char)(s.p[i] - ' ') > '~' - ' ';
    return !odd && str_find(s, STR("=?")) < 0;
}

void mime_text_of_value(struct str raw, enum collation collation, struct charset_cache *cache,
                        struct buf *out)
{
    struct buf text = BUF_INIT;
    struct str trimmed = str_trim(raw);
    if (trimmed.n <= HEADER_INTERPRETED_BYTES_MAX && is_plain(trimmed)) {
        collation_fold(collation, trimmed, out);
        return;
    }
    encoded_word_decode(str_sub(raw, 0, HEADER_INTERPRETED_BYTES_MAX), cache, &text);
    collation_fold(collation, buf_str(&text), out);
    buf_deinit(&text);
}

/* What is handed on from one text of a message to the next. */
struct teller {
    enum collation collation;
    struct charset_cache *cache;
    size_t overlap;
    mime_text_fn *fn;
    void *ctx;
};

/* The file name that a Content-Type or Content-Disposition holds in the forms that decoding the whole value does not
 * show: RFC 2231, and backslashes. NIL: none. */
static struct str hidden_file_name(const struct header_field *field, struct arena *arena,
                                   struct charset_cache *cache)
{
    bool disposition = str_eq_nocase(field->name, STR("Content-Disposition"));
    struct str main, value = str_sub(field->value, 0, HEADER_INTERPRETED_BYTES_MAX);
    struct param_list params;

    if (!disposition && !str_eq_nocase(field->name, STR("Content-Type")))
        return STR_NIL;
    if (str_find_char(value, '*') < 0 && str_find_char(value, '\\') < 0)
        return STR_NIL;
    param_parse(value, arena, cache, &main, &params);
    return param_find(&params, disposition ? STR("filename") : STR("name"));
}

static int tell_file_name(const struct teller *t, const struct header_field *field, enum text_scope from)
{
    struct arena arena = ARENA_INIT;
    struct str name = hidden_file_name(field, &arena, t->cache);
    struct buf folded = BUF_INIT;
    int r = 0;

    if (name.n > 0) {
        mime_text_of_value(name, t->collation, t->cache, &folded);
        r = t->fn(t->ctx, &(struct text_piece){
                              .text = buf_str(&folded), .begins = true, .from = from, .name = field->name });
    }
    buf_deinit(&folded);
    arena_deinit(&arena);
    return r;
}

static int tell_header(const struct teller *t, struct str header, enum text_scope from)
{
    struct header_field field;
    struct buf text = BUF_INIT;
    int r = 0;

    for (struct header_reader h = header_each(header); r == 0 && header_next(&h, &field);) {
        buf_clear(&text);
        collation_fold(t->collation, str_sub(field.name, 0, HEADER_INTERPRETED_BYTES_MAX), &text);
        buf_add_lit(&text, ": ");
        size_t value_at = text.n;
        mime_text_of_value(field.value, t->collation, t->cache, &text);
        r = t->fn(t->ctx, &(struct text_piece){ .text = buf_str(&text),
                                                .begins = true,
                                                .from = from,
                                                .name = field.name,
                                                .value_at = value_at });
        if (r == 0)
            r = tell_file_name(t, &field, from);
    }
    buf_deinit(&text);
    return r;
}

/* The body of a text part, piece by piece; each begins with the last `overlap` bytes of the one before. */
static int tell_body(const struct teller *t, struct str body, const struct meta_part *part)
{
    struct part_text text;
    struct text_piece piece = { .begins = true, .from = TEXT_BODY };
    struct buf plain = BUF_INIT, folded = BUF_INIT;
    int r = 0;

    part_text_init(&text, part->transfer, part->charset, part->is_html, t->cache);
    for (size_t at = 0; r == 0 && at < body.n; at += TEXT_PIECE_BYTES) {
        if (folded.n > t->overlap)
            buf_drop(&folded, folded.n - t->overlap);
        buf_clear(&plain);
        part_text_feed(&text, str_sub(body, at, TEXT_PIECE_BYTES), at + TEXT_PIECE_BYTES >= body.n, &plain);
        if (plain.n == 0)
            continue;
        collation_fold(t->collation, buf_str(&plain), &folded);
        piece.text = buf_str(&folded);
        r = t->fn(t->ctx, &piece);
        piece.begins = false;
    }
    part_text_deinit(&text);
    buf_deinit(&plain);
    buf_deinit(&folded);
    return r;
}

int mime_text_each(struct str message, const struct meta_view *view, unsigned scope, size_t overlap,
                   enum collation collation, struct charset_cache *cache, mime_text_fn *fn, void *ctx,
                   struct err *err)
{
    const struct teller t = { collation, cache, overlap, fn, ctx };
    struct meta_part part;
    struct meta_part_reader parts = meta_each_part(view);
    int r;

    assert(overlap <= TEXT_OVERLAP_BYTES_MAX);
    if (message.n != view->message_bytes)
        return err_set(err, ERR_CORRUPT, "message of %zu bytes where its meta tells of %llu", message.n,
                       (unsigned long long)view->message_bytes);
    while ((r = meta_next_part(&parts, &part, err)) > 0) {
        enum text_scope from = part.depth == 1 ? TEXT_HEADER : TEXT_BODY;
        int found = 0;
        if (scope & from)
            found = tell_header(&t, str_sub(message, part.header_offset, part.header_bytes), from);
        if (found == 0 && (scope & TEXT_BODY) && part.kind == PART_TEXT)
            found = tell_body(&t, str_sub(message, part.body_offset, part.body_bytes), &part);
        if (found != 0)
            return found;
    }
    return r;
}
