/* A message into a builder: each text with its field. */
#include "mail/indexer_private.h"
#include "mime/text.h"

/* Those of the message's own header that SEARCH has keys for. */
static enum index_field field_of(const struct text_piece *piece)
{
    static const struct {
        struct str name;
        enum index_field field;
    } fields[] = {
        { STR_INIT("Subject"), INDEX_SUBJECT }, { STR_INIT("From"), INDEX_FROM },
        { STR_INIT("To"), INDEX_TO },           { STR_INIT("Cc"), INDEX_CC },
        { STR_INIT("Bcc"), INDEX_BCC },
    };
    if (piece->from == TEXT_BODY)
        return INDEX_BODY;
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
        if (str_eq_nocase(piece->name, fields[i].name))
            return fields[i].field;
    return INDEX_HEADER;
}

static void feed(struct index_builder *builder, const struct text_piece *piece)
{
    enum index_field field = field_of(piece);
    struct str text = piece->text;

    if (piece->begins)
        index_builder_end_text(builder);
    if (field != INDEX_BODY && field != INDEX_HEADER) { /* SEARCH SUBJECT sees no "subject: " */
        index_builder_feed(builder, INDEX_HEADER, str_sub(text, 0, piece->value_at));
        index_builder_end_text(builder);
        text = str_skip(text, piece->value_at);
    }
    index_builder_feed(builder, field, text);
}

static int feed_all(struct indexer_work *work, struct index_builder *builder, const struct meta_view *view,
                    struct err *err)
{
    struct text_reader reader;
    struct text_piece piece;

    int r = text_reader_init(&reader, buf_str(&work->message), view, TEXT_HEADER | TEXT_BODY, 0,
                             COLLATION_UNICODE_CASEMAP, work->charsets, err);
    text_reader_add(&reader, buf_str(&work->extracted));
    while (r == 0 && (r = text_reader_next(&reader, &piece, err)) == 1) {
        feed(builder, &piece);
        r = 0;
    }
    text_reader_deinit(&reader);
    return r;
}

static bool may_pass(int r)
{
    return r == -ERR_UNAVAILABLE || r == -ERR_IO;
}

static uint64_t share(const struct indexer_work *work, unsigned part, uint64_t max)
{
    uint64_t bytes = work->indexer->options->index.memory_bytes / part;
    return bytes < max ? bytes : max;
}

bool indexer_is_full(const struct indexer_work *work, const struct index_builder *builder)
{
    return index_builder_memory_bytes(builder) >= share(work, 4, INDEXER_BUILDER_BYTES_MAX) ||
           index_builder_documents(builder) >= INDEX_DOCUMENTS_MAX;
}

int indexer_add_document(struct indexer_work *work, struct index_builder *builder, struct blob_id blob,
                         struct str meta, struct err *err)
{
    struct meta_view view;

    int r = mime_meta_view(meta, &view, err);
    bool fits = r == 0 && view.message_bytes <= share(work, 2, INDEXER_TEXT_BYTES_MAX);
    buf_clear(&work->message);
    r = store_blob_read(work->store, work->account, blob, 0, fits ? UINT64_MAX : 0, &work->message, err);
    if (r == -ERR_NOT_FOUND || may_pass(r))
        return r;
    bool whole = fits && r == 0;
    buf_clear(&work->extracted);
    if (whole) {
        r = indexer_extract(work, blob, &work->extracted, err);
        if (may_pass(r))
            return r;
        whole = r == 0; /* else nobody knows which text a scan sees */
    }
    index_builder_begin(builder, blob);
    if (whole)
        whole = feed_all(work, builder, &view, err) == 0;
    if (!whole)
        index_builder_mark_partial(builder);
    index_builder_end(builder);
    return 0;
}
