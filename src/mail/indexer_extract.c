/* Attachments to text, once a message. */
#include "base/clock.h"
#include "base/utf8.h"
#include "mail/extracted.h"
#include "mail/extractor.h"
#include "mail/indexer_private.h"
#include "mime/structure.h"

enum {
    EXTRACT_PARTS_MAX = 32,
    EXTRACT_TIME_MS = 30 * 1000,
    EXTRACT_MESSAGE_TIME_MS = 90 * 1000, /* all parts of one together: other accounts wait meanwhile */
    EXTRACT_CPU_S = 20
};

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

static bool must_stop(void *ctx)
{
    return indexer_must_end(ctx);
}

/* As extractor_run. */
static int extract_part(struct indexer_work *work, const struct structure *s, const struct part *part,
                        int64_t left_ms, struct buf *text, struct err *err)
{
    struct extractor_limits of_part = limits;
    struct transfer_decoder decoder;
    struct buf bytes = BUF_INIT, type = BUF_INIT, found = BUF_INIT;
    struct str body = structure_body(s, part);

    if (transfer_init(&decoder, part->transfer, NULL) == 0 && part->transfer != TRANSFER_IDENTITY) {
        transfer_feed(&decoder, body, &bytes);
        transfer_finish(&decoder, &bytes);
        body = buf_str(&bytes);
    }
    buf_printf(&type, STR_FMT "/" STR_FMT, STR_ARG(part->type), STR_ARG(part->subtype));
    of_part.time_ms = (uint32_t)(left_ms < EXTRACT_TIME_MS ? left_ms : EXTRACT_TIME_MS);
    of_part.must_stop = must_stop;
    of_part.ctx = work;
    int r = extractor_run(work->indexer->options->index.extractor, &of_part, buf_str(&type), name_of(part),
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

/* Between two parts. A command whose time is up finishes the message: it would begin with it again. */
static int pause_between(struct indexer_work *work, struct err *err)
{
    int r = indexer_pause(work, err);
    return r == -ERR_AGAIN ? 0 : r;
}

/* Run the program over each attachment. 1 when it read all of them, 0 when it failed with some, as far as was tried;
 * -ERR_UNAVAILABLE. */
static int extract(struct indexer_work *work, struct buf *text, struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct structure s;
    unsigned done = 0;
    bool whole = true;
    int64_t until_ms = clock_mono_ms(&clock_system) + EXTRACT_MESSAGE_TIME_MS, left_ms;

    int r = structure_parse(buf_str(&work->message), &arena, work->charsets, &s, err);
    if (r < 0) { /* a scan sees no attachments in it either */
        arena_deinit(&arena);
        return 0;
    }
    for (size_t i = 0; r == 0 && i < s.count && done < EXTRACT_PARTS_MAX; i++) {
        if (!is_document(&s.parts[i]))
            continue;
        if (text->n >= EXTRACTED_BYTES_MAX)
            break;
        r = done++ > 0 ? pause_between(work, err) : 0;
        if (r < 0)
            break;
        left_ms = until_ms - clock_mono_ms(&clock_system);
        int ran = left_ms > 0 ? extract_part(work, &s, &s.parts[i], left_ms, text, err) : -ERR_CANNOT;
        whole = whole && ran == 0;
        if (ran == -ERR_UNAVAILABLE)
            r = ran;
        else if (ran < 0 && ran != -ERR_CANNOT)
            indexer_tell_no_extractor(work, err);
    }
    arena_deinit(&arena);
    return r < 0 ? r : whole;
}

/* What failed is not kept, so that it is asked for again when the message becomes a document anew: `loft index rebuild`. */
int indexer_extract(struct indexer_work *work, struct blob_id blob, struct buf *text_out, struct err *err)
{
    const char *program = work->indexer->options->index.extractor;
    struct buf found = BUF_INIT;
    bool whole;

    int r = extracted_get(work->store, work->account, blob, text_out, &whole, err);
    if (r < 0 || (r == 1 && whole) || !program || !*program || work->checks)
        return r < 0 ? r : 0;
    r = extract(work, &found, err);
    found.n = utf8_prefix(buf_str(&found), EXTRACTED_BYTES_MAX).n; /* what is indexed is what is kept */
    if (r == 1 || (r == 0 && found.n > text_out->n)) {
        r = extracted_put(work->store, work->account, blob, buf_str(&found), r == 1, err);
        buf_clear(text_out);
        buf_add(text_out, buf_str(&found));
    }
    buf_deinit(&found);
    return r;
}
