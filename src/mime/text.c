#include "mime/text.h"

#include "mime/encoded_word.h"
#include "mime/header.h"

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

int mime_text_each_field(struct str header, enum collation collation, struct charset_cache *cache,
                         mime_text_fn *fn, void *ctx)
{
    struct header_field field;
    struct buf piece = BUF_INIT;
    int r = 0;

    for (struct header_reader h = header_each(header); r == 0 && header_next(&h, &field);) {
        buf_clear(&piece);
        collation_fold(collation, str_sub(field.name, 0, HEADER_INTERPRETED_BYTES_MAX), &piece);
        buf_add_lit(&piece, ": ");
        mime_text_of_value(field.value, collation, cache, &piece);
        r = fn(ctx, buf_str(&piece));
    }
    buf_deinit(&piece);
    return r;
}

/* The body of a text part, piece by piece; each begins with the last `overlap` bytes of the one before. */
static int each_piece(struct str body, const struct meta_part *part, size_t overlap, enum collation collation,
                      struct charset_cache *cache, mime_text_fn *fn, void *ctx)
{
    struct part_text text;
    struct buf plain = BUF_INIT, piece = BUF_INIT;
    int r = 0;

    part_text_init(&text, part->transfer, part->charset, part->is_html, cache);
    for (size_t at = 0; r == 0 && at < body.n; at += TEXT_PIECE_BYTES) {
        if (piece.n > overlap)
            buf_drop(&piece, piece.n - overlap);
        buf_clear(&plain);
        part_text_feed(&text, str_sub(body, at, TEXT_PIECE_BYTES), at + TEXT_PIECE_BYTES >= body.n, &plain);
        if (plain.n == 0)
            continue;
        collation_fold(collation, buf_str(&plain), &piece);
        r = fn(ctx, buf_str(&piece));
    }
    part_text_deinit(&text);
    buf_deinit(&plain);
    buf_deinit(&piece);
    return r;
}

int mime_text_each(struct str message, const struct meta_view *view, unsigned scope, size_t overlap,
                   enum collation collation, struct charset_cache *cache, mime_text_fn *fn, void *ctx,
                   struct err *err)
{
    struct meta_part part;
    struct meta_part_reader parts = meta_each_part(view);
    int r;

    assert(overlap <= TEXT_OVERLAP_BYTES_MAX);
    if (message.n != view->message_bytes)
        return err_set(err, ERR_CORRUPT, "message of %zu bytes where its meta tells of %llu", message.n,
                       (unsigned long long)view->message_bytes);
    while ((r = meta_next_part(&parts, &part, err)) > 0) {
        bool is_own_header = part.depth == 1;
        struct str header = str_sub(message, part.header_offset, part.header_bytes);
        int found = 0;
        if (scope & (is_own_header ? TEXT_HEADER : TEXT_BODY))
            found = mime_text_each_field(header, collation, cache, fn, ctx);
        if (found == 0 && (scope & TEXT_BODY) && part.kind == PART_TEXT)
            found = each_piece(str_sub(message, part.body_offset, part.body_bytes), &part, overlap, collation,
                               cache, fn, ctx);
        if (found != 0)
            return found;
    }
    return r;
}
