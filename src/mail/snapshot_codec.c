/* The stored form of a snapshot. Part of a mailbox record, so it knows its own length.
 *
 *   u8      format, SNAPSHOT_FORMAT
 *   varint  highest modseq
 *   varint  uidnext
 *   varint  number of keywords, then the name of each: varint length + 1, bytes
 *   varint  number of chunks, then the summary of each (chunk_codec.c), uids ascending */
#include "mail/snapshot_build.h"

#include <assert.h>

enum {
    SNAPSHOT_FORMAT = 1,
    SUMMARY_BYTES_MIN = 9 /* nine varints */
};

static int encode_chunk(void *ctx, struct chunk *chunk, struct err *err)
{
    (void)err;
    assert(chunk->summary.id > 0);
    chunk_summary_encode(&chunk->summary, ctx);
    return 0;
}

void snapshot_encode(const struct snapshot *s, struct buf *out)
{
    uint64_t chunk_count = 0;
    buf_put_u8(out, SNAPSHOT_FORMAT);
    buf_put_varint(out, s->highest_modseq);
    buf_put_varint(out, s->uidnext);
    buf_put_varint(out, s->keywords->count);
    for (uint32_t i = 0; i < s->keywords->count; i++)
        buf_put_str(out, s->keywords->names[i]);
    for (uint32_t i = 0; i < s->node_count; i++)
        chunk_count += s->nodes[i]->chunk_count;
    buf_put_varint(out, chunk_count);
    int r = snapshot_each(s, encode_chunk, out, NULL);
    assert(r == 0);
    (void)r;
}

static int decode_keywords(struct reader *r, struct keyword_table **table_out, struct err *err)
{
    struct str names[KEYWORDS_MAX];
    uint64_t count = reader_varint(r);
    if (r->bad || count > KEYWORDS_MAX)
        return err_set(err, ERR_CORRUPT, "the keywords of a mailbox are damaged");
    for (uint64_t i = 0; i < count; i++) {
        names[i] = reader_str(r);
        if (r->bad || !keyword_name_is_valid(names[i]))
            return err_set(err, ERR_CORRUPT, "keyword %u of a mailbox is damaged", (unsigned)i);
    }
    *table_out = keyword_table_new(names, count);
    return 0;
}

/* The builder asserts ascending uids: here is where they are checked. */
static int decode_chunks(struct reader *r, const struct chunk_source *source, uint32_t uidnext,
                         uint64_t highest_modseq, struct snapshot_builder *b, struct err *err)
{
    uint64_t count = reader_varint(r);
    uint32_t uid_last = 0;
    if (r->bad || count > reader_left(r) / SUMMARY_BYTES_MIN)
        return err_set(err, ERR_CORRUPT, "the list of messages of a mailbox is damaged");
    for (uint64_t i = 0; i < count; i++) {
        struct chunk_summary summary;
        if (!chunk_summary_decode(r, &summary) || summary.uid_first <= uid_last ||
            summary.uid_last >= uidnext || summary.modseq_max > highest_modseq)
            return err_set(err, ERR_CORRUPT, "the list of messages of a mailbox is damaged behind UID %u",
                           uid_last);
        uid_last = summary.uid_last;
        snapshot_builder_add_chunk(b, chunk_new_stored(&summary, source));
    }
    return 0;
}

int snapshot_decode(struct reader *r, const struct chunk_source *source, struct snapshot **out,
                    struct err *err)
{
    struct snapshot_builder b;
    struct keyword_table *keywords;
    uint8_t format = reader_u8(r);
    if (!r->bad && format != SNAPSHOT_FORMAT)
        return err_set(err, ERR_CORRUPT, "a mailbox is stored in format %u, which is not known", format);
    uint64_t highest_modseq = reader_varint(r), uidnext = reader_varint(r);
    if (r->bad || highest_modseq == 0 || highest_modseq > INT64_MAX || uidnext == 0 || uidnext > UINT32_MAX)
        return err_set(err, ERR_CORRUPT, "the head of a mailbox is damaged");
    int result = decode_keywords(r, &keywords, err);
    if (result < 0)
        return result;
    snapshot_builder_init(&b, (uint32_t)(reader_left(r) / SUMMARY_BYTES_MIN / NODE_CHUNKS_MAX));
    result = decode_chunks(r, source, (uint32_t)uidnext, highest_modseq, &b, err);
    if (result < 0)
        snapshot_builder_deinit(&b);
    else
        *out = snapshot_builder_finish(&b, (uint32_t)uidnext, highest_modseq, keywords);
    keyword_table_unref(&keywords);
    return result;
}
