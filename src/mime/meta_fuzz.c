/* Any bytes as a message: the tree stays inside the message, the record tells the same tree,
 * sections agree with it. */
#include "mime/header.h"
#include "mime/text.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* All text, a line feed in front of each, from pieces that overlap or do not. */
struct told {
    struct buf all;
    size_t overlap, text_bytes; /* of the text so far */
};

static int take_piece(void *ctx, const struct text_piece *piece)
{
    struct told *told = ctx;
    size_t again = told->text_bytes < told->overlap ? told->text_bytes : told->overlap;

    assert(piece->value_at <= piece->text.n && (piece->begins || !piece->name.p));
    if (piece->begins) {
        buf_add_char(&told->all, '\n');
        again = told->text_bytes = 0;
    }
    assert(piece->text.n >= again);
    assert(str_eq(str_sub(piece->text, 0, again), str_skip(buf_str(&told->all), told->all.n - again)));
    buf_add(&told->all, str_skip(piece->text, again));
    told->text_bytes += piece->text.n - again;
    return 0;
}

/* However much the pieces overlap, they are the same texts. */
static void check_text(struct str message, const struct meta_view *view, struct charset_cache *cache)
{
    struct told apart = { .overlap = 0 }, lapping = { .overlap = 10 };
    int r = mime_text_each(message, view, TEXT_HEADER | TEXT_BODY, 0, COLLATION_UNICODE_CASEMAP, cache,
                           take_piece, &apart, NULL);
    assert(r == 0);
    r = mime_text_each(message, view, TEXT_HEADER | TEXT_BODY, 10, COLLATION_UNICODE_CASEMAP, cache,
                       take_piece, &lapping, NULL);
    assert(r == 0);
    assert(str_eq(buf_str(&apart.all), buf_str(&lapping.all)));
    buf_deinit(&apart.all);
    buf_deinit(&lapping.all);
}

static void check_tree(const struct structure *s, const struct meta_view *view)
{
    struct meta_part_reader r = meta_each_part(view);
    struct meta_part told;
    for (size_t i = 1; i < s->count; i++) {
        const struct part *part = &s->parts[i];
        int more = meta_next_part(&r, &told, NULL);
        assert(more == 1 && told.body_offset == part->body_offset && told.body_bytes == part->body_bytes);
        assert(part->body_offset == part->header_offset + part->header_bytes);
        assert(part->body_offset + part->body_bytes <= s->message.n);
        const struct part *parent = &s->parts[part->parent];
        assert(part->header_offset >= parent->body_offset);
        assert(part->body_bytes == 0 ||
               part->body_offset + part->body_bytes <= parent->body_offset + parent->body_bytes);
    }
    int end = meta_next_part(&r, &told, NULL);
    assert(end == 0);
}

/* The record of the header tells the fields that the message has; any other bytes are refused or tell something. */
static void check_header_record(struct str record, struct str message, struct arena *arena)
{
    static const struct str asked[] = { STR_INIT("Subject"), STR_INIT("from"), STR_INIT("List-Id") };
    const struct header_names names = header_names_make(asked, ARRAY_COUNT(asked), arena);
    struct meta_kept kept;
    struct buf told = BUF_INIT, want = BUF_INIT;
    bool all = mime_header_record_keeps(asked, ARRAY_COUNT(asked), &kept);
    assert(all);
    if (mime_header_record_fields(record, &names, &kept, &told, NULL) == 1) {
        header_filter(str_sub(message, 0, header_length(message, true, NULL, NULL, NULL)), &names, false,
                      &want);
        assert(str_starts(buf_str(&want), buf_str(&told)) || str_starts(buf_str(&told), buf_str(&want)));
    }
    int r = mime_header_record_fields(message, &names, &kept, &told, NULL);
    assert(r == 1 || r == 0 || r == -ERR_CORRUPT);
    buf_deinit(&told);
    buf_deinit(&want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str message = str_make(n ? (const char *)data : "", n);
    struct arena arena = ARENA_INIT;
    struct charset_cache *cache = charset_cache_new();
    struct buf meta = BUF_INIT, header = BUF_INIT;
    struct structure s;
    struct meta_view view;

    int r = structure_parse(message, &arena, cache, &s, NULL);
    assert(r == 0);
    r = mime_meta_build(message, cache, &meta, &header, NULL);
    assert(r == 0);
    r = mime_meta_view(buf_str(&meta), &view, NULL);
    assert(r == 0);
    check_tree(&s, &view);
    check_text(message, &view, cache);
    check_header_record(buf_str(&header), message, &arena);
    arena_deinit(&arena);
    charset_cache_free(&cache);
    buf_deinit(&meta);
    buf_deinit(&header);
    return 0;
}
