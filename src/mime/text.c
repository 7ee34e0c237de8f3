#include "mime/text.h"

#include "mime/encoded_word.h"
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

/* ---- texts, one after the other ---- */

void text_reader_init_from(struct text_reader *r, text_read_fn *read, void *read_ctx,
                           const struct meta_view *view, unsigned scope, size_t overlap,
                           enum collation collation, struct charset_cache *cache)
{
    assert(overlap <= TEXT_OVERLAP_BYTES_MAX);
    *r = (struct text_reader){ .read = read,
                               .read_ctx = read_ctx,
                               .message_bytes = view->message_bytes,
                               .scope = scope,
                               .overlap = overlap,
                               .collation = collation,
                               .cache = cache,
                               .parts = meta_each_part(view) };
}

int text_reader_init(struct text_reader *r, struct str message, const struct meta_view *view, unsigned scope,
                     size_t overlap, enum collation collation, struct charset_cache *cache, struct err *err)
{
    text_reader_init_from(r, NULL, NULL, view, scope, overlap, collation, cache);
    r->message = message;
    if (message.n != view->message_bytes)
        return err_set(err, ERR_CORRUPT, "message of %zu bytes where its meta tells of %llu", message.n,
                       (unsigned long long)view->message_bytes);
    return 0;
}

void text_reader_add(struct text_reader *r, struct str extra)
{
    r->extra = extra;
}

void text_reader_deinit(struct text_reader *r)
{
    part_text_deinit(&r->decoder);
    buf_deinit(&r->plain);
    buf_deinit(&r->folded);
    buf_deinit(&r->window);
}

/* So many bytes of the message, clipped; they stay until the next call. */
static int bytes_at(struct text_reader *r, uint64_t offset, uint64_t n, struct str *out, struct err *err)
{
    if (!r->read) {
        *out = str_sub(r->message, (size_t)offset, (size_t)n);
        return 0;
    }
    uint64_t left = offset < r->message_bytes ? r->message_bytes - offset : 0;
    n = n < left ? n : left;
    if (offset < r->window_at || offset + n > r->window_at + r->window.n) {
        uint64_t more = n > TEXT_WINDOW_BYTES ? n : TEXT_WINDOW_BYTES;
        more = more < left ? more : left;
        buf_clear(&r->window);
        r->window_at = offset;
        int got = r->read(r->read_ctx, offset, more, &r->window, err);
        if (got < 0)
            return got;
        if (r->window.n != more)
            return err_set(err, ERR_CORRUPT, "the message is shorter than its meta tells");
    }
    *out = str_sub(buf_str(&r->window), (size_t)(offset - r->window_at), (size_t)n);
    return 0;
}

static bool next_file_name(struct text_reader *r, struct text_piece *piece_out)
{
    struct arena arena = ARENA_INIT;
    struct str name = hidden_file_name(&r->field, &arena, r->cache);
    bool is_there = name.n > 0;

    if (is_there) {
        buf_clear(&r->folded);
        mime_text_of_value(name, r->collation, r->cache, &r->folded);
        *piece_out = (struct text_piece){
            .text = buf_str(&r->folded), .begins = true, .from = r->from, .name = r->field.name
        };
    }
    arena_deinit(&arena);
    return is_there;
}

static bool next_field(struct text_reader *r, struct text_piece *piece_out)
{
    if (!header_next(&r->fields, &r->field))
        return false;
    buf_clear(&r->folded);
    collation_fold(r->collation, str_sub(r->field.name, 0, HEADER_INTERPRETED_BYTES_MAX), &r->folded);
    buf_add_lit(&r->folded, ": ");
    size_t value_at = r->folded.n;
    mime_text_of_value(r->field.value, r->collation, r->cache, &r->folded);
    *piece_out = (struct text_piece){ .text = buf_str(&r->folded),
                                      .begins = true,
                                      .from = r->from,
                                      .name = r->field.name,
                                      .value_at = value_at };
    return true;
}

static void begin_body(struct text_reader *r)
{
    part_text_deinit(&r->decoder);
    part_text_init(&r->decoder, r->part.transfer, r->part.charset, r->part.is_html, r->cache);
    buf_clear(&r->folded);
    r->body_at = 0;
    r->begins = true;
}

/* Each begins with the last `overlap` bytes of the one before. 1; 0: it is over; or an error. */
static int next_body(struct text_reader *r, struct text_piece *piece_out, struct err *err)
{
    const uint64_t left = r->message_bytes - r->part.body_offset, all = r->part.body_bytes;
    const uint64_t n = r->part.body_offset > r->message_bytes ? 0 : all < left ? all : left;

    while (r->body_at < n) {
        struct str raw;
        uint64_t more = n - r->body_at < TEXT_PIECE_BYTES ? n - r->body_at : TEXT_PIECE_BYTES;
        int got = bytes_at(r, r->part.body_offset + r->body_at, more, &raw, err);
        if (got < 0)
            return got;
        r->body_at += raw.n;
        if (r->folded.n > r->overlap)
            buf_drop(&r->folded, r->folded.n - r->overlap);
        buf_clear(&r->plain);
        part_text_feed(&r->decoder, raw, r->body_at == n, &r->plain);
        if (r->plain.n == 0)
            continue;
        collation_fold(r->collation, buf_str(&r->plain), &r->folded);
        *piece_out =
            (struct text_piece){ .text = buf_str(&r->folded), .begins = r->begins, .from = TEXT_BODY };
        r->begins = false;
        return 1;
    }
    return 0;
}

static int next_part(struct text_reader *r, struct err *err)
{
    int got = meta_next_part(&r->parts, &r->part, err);
    if (got == 0 && r->extra.n > 0) {
        r->message = r->extra;
        r->message_bytes = r->extra.n;
        r->read = NULL;
        r->extra = STR_NIL;
        r->part =
            (struct meta_part){ .kind = PART_TEXT, .charset = CHARSET_UTF8, .body_bytes = r->message.n };
        r->from = TEXT_BODY;
        r->state = TEXT_READER_BODY_BEGIN;
        return 1;
    }
    if (got <= 0)
        return got;
    r->from = r->part.depth == 1 ? TEXT_HEADER : TEXT_BODY;
    r->state = r->scope & r->from ? TEXT_READER_FIELD : TEXT_READER_BODY_BEGIN;
    if (r->state == TEXT_READER_FIELD) {
        struct str header;
        int read = bytes_at(r, r->part.header_offset, r->part.header_bytes, &header, err);
        if (read < 0)
            return read;
        r->fields = header_each(header);
    }
    return 1;
}

int text_reader_next(struct text_reader *r, struct text_piece *piece_out, struct err *err)
{
    for (;;) {
        int got;
        switch (r->state) {
        case TEXT_READER_PART:
            got = next_part(r, err);
            if (got <= 0)
                return got;
            break;
        case TEXT_READER_FIELD:
            r->state = TEXT_READER_FILE_NAME;
            if (next_field(r, piece_out))
                return 1;
            r->state = TEXT_READER_BODY_BEGIN;
            break;
        case TEXT_READER_FILE_NAME:
            r->state = TEXT_READER_FIELD;
            if (next_file_name(r, piece_out))
                return 1;
            break;
        case TEXT_READER_BODY_BEGIN:
            r->state = TEXT_READER_PART;
            if (!(r->scope & TEXT_BODY) || r->part.kind != PART_TEXT)
                break;
            begin_body(r);
            r->state = TEXT_READER_BODY;
            break;
        case TEXT_READER_BODY:
            got = next_body(r, piece_out, err);
            if (got != 0)
                return got;
            r->state = TEXT_READER_PART;
            break;
        }
    }
}

int mime_text_each(struct str message, const struct meta_view *view, unsigned scope, size_t overlap,
                   enum collation collation, struct charset_cache *cache, mime_text_fn *fn, void *ctx,
                   struct err *err)
{
    struct text_reader reader;
    struct text_piece piece;
    int r = text_reader_init(&reader, message, view, scope, overlap, collation, cache, err);

    while (r == 0 && (r = text_reader_next(&reader, &piece, err)) == 1)
        r = fn(ctx, &piece);
    text_reader_deinit(&reader);
    return r;
}
