/* Attachments to text, once a message. */
#include "base/utf8.h"
#include "mail/extracted.h"
#include "mail/extractor.h"
#include "mail/indexer_private.h"
#include "mime/structure.h"

enum { EXTRACT_PARTS_MAX = 32, EXTRACT_TIME_MS = 30 * 1000, EXTRACT_CPU_S = 20 };

static const struct extractor_limits limits = { .time_ms = EXTRACT_TIME_MS,
                                                .cpu_s = EXTRACT_CPU_S,
                                                .memory_bytes = UINT64_C(1) << 30,
                                                .output_bytes = EXTRACTED_BYTES_MAX,
                                                .file_bytes = UINT64_C(256) << 20 };

/* What programs know text of. */
static bool is_document(const struct part *part)
{
    static const struct str subtypes[] = {
        STR_INIT("pdf"),      STR_INIT("msword"),       STR_INIT("rtf"),
        STR_INIT("epub+zip"), STR_INIT("octet-stream"), /* then FILE_NAME says more */
    };
    if (part->kind != PART_OTHER || !str_eq_nocase(part->type, STR("application")))
        return false;
    for (size_t i = 0; i < ARRAY_COUNT(subtypes); i++)
        if (str_eq_nocase(part->subtype, subtypes[i]))
            return true;
    return str_starts_nocase(part->subtype, STR("vnd.openxmlformats-officedocument")) ||
           str_starts_nocase(part->subtype, STR("vnd.oasis.opendocument")) ||
           str_starts_nocase(part->subtype, STR("vnd.ms-"));
}

static struct str name_of(const struct part *part)
{
    struct str name = param_find(&part->disposition_params, STR("filename"));
    return str_is_nil(name) ? param_find(&part->params, STR("name")) : name;
}

static int extract_part(struct indexer_work *work, const struct structure *s, const struct part *part,
                        struct buf *text, struct err *err)
{
    struct transfer_decoder decoder;
    struct buf bytes = BUF_INIT, type = BUF_INIT, found = BUF_INIT;
    struct str body = structure_body(s, part);

    if (transfer_init(&decoder, part->transfer, NULL) == 0 && part->transfer != TRANSFER_IDENTITY) {
        transfer_feed(&decoder, body, &bytes);
        transfer_finish(&decoder, &bytes);
        body = buf_str(&bytes);
    }
    buf_printf(&type, STR_FMT "/" STR_FMT, STR_ARG(part->type), STR_ARG(part->subtype));
    int r = extractor_run(work->indexer->options->index.extractor, &limits, buf_str(&type), name_of(part),
                          body, &found, err);
    if (r == 0 && found.n > 0) {
        buf_add(text, buf_str(&found));
        buf_add_char(text, '\n');
    }
    buf_deinit(&bytes);
    buf_deinit(&type);
    buf_deinit(&found);
    return r;
}

/* Run the program over each attachment. */
static int extract(struct indexer_work *work, struct buf *text, struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct structure s;
    unsigned done = 0;

    int r = structure_parse(buf_str(&work->message), &arena, work->charsets, &s, err);
    for (size_t i = 0; r == 0 && i < s.count && done < EXTRACT_PARTS_MAX && text->n < EXTRACTED_BYTES_MAX;
         i++) {
        if (!is_document(&s.parts[i]))
            continue;
        done++;
        r = extract_part(work, &s, &s.parts[i], text, err);
    }
    arena_deinit(&arena);
    return r;
}

int indexer_extract(struct indexer_work *work, struct blob_id blob, struct buf *text_out, struct err *err)
{
    const char *program = work->indexer->options->index.extractor;

    int r = extracted_get(work->store, work->account, blob, text_out, err);
    if (r != 0 || !program || !*program || work->checks)
        return r < 0 ? r : 0;
    r = extract(work, text_out, err);
    text_out->n = utf8_prefix(buf_str(text_out), EXTRACTED_BYTES_MAX).n; /* what is indexed is what is kept */
    return r < 0 ? r : extracted_put(work->store, work->account, blob, buf_str(text_out), err);
}
