#include "index/record.h"

#include "base/codec.h"

#include <stdlib.h>

void index_record_deinit(struct index_record *record)
{
    free(record->entries);
    free(record->dead);
    *record = (struct index_record){ 0 };
}

void index_record_encode(const struct index_record *record, struct buf *out)
{
    buf_put_u8(out, INDEX_RECORD_FORMAT);
    buf_put_varint(out, record->mark.n);
    buf_add(out, record->mark);
    buf_put_varint(out, record->entry_count);
    for (size_t i = 0; i < record->entry_count; i++) {
        const struct index_entry *e = &record->entries[i];
        buf_put_varint(out, e->blob.n);
        buf_put_varint(out, e->documents);
        buf_put_varint(out, e->bytes);
        buf_put_varint(out, e->first.n);
        buf_put_varint(out, e->last.n);
    }
    buf_put_varint(out, record->dead_count);
    for (size_t i = 0; i < record->dead_count; i++)
        buf_put_varint(out, record->dead[i].n);
}

static void decode_entry(struct reader *r, struct index_entry *e)
{
    e->blob.n = reader_varint(r);
    uint64_t documents = reader_varint(r);
    e->documents = (uint32_t)documents;
    e->bytes = reader_varint(r);
    e->first.n = reader_varint(r);
    e->last.n = reader_varint(r);
    if (documents > INDEX_DOCUMENTS_MAX || e->bytes > INDEX_SEGMENT_BYTES_MAX)
        r->bad = true;
}

static void *new_array(size_t count, size_t size)
{
    void *p = calloc(count + 1, size);
    if (!p)
        abort();
    return p;
}

int index_record_decode(struct str bytes, struct index_record *record_out, struct err *err)
{
    struct index_record record = { .mark = STR("") };
    struct reader r = reader_make(bytes);
    uint8_t format = reader_u8(&r);
    uint64_t mark_bytes = reader_varint(&r);
    if (!r.bad && format != INDEX_RECORD_FORMAT)
        return err_set(err, ERR_CORRUPT, "index: a list of format %u", format);
    if (mark_bytes > INDEX_MARK_BYTES_MAX)
        r.bad = true;
    record.mark = reader_bytes(&r, (size_t)mark_bytes);
    uint64_t count = reader_varint(&r);
    if (!r.bad && count <= INDEX_SEGMENTS_MAX) {
        record.entries = new_array((size_t)count, sizeof *record.entries);
        for (record.entry_count = 0; record.entry_count < count; record.entry_count++)
            decode_entry(&r, &record.entries[record.entry_count]);
        count = reader_varint(&r);
        if (!r.bad && count <= INDEX_DEAD_MAX) {
            record.dead = new_array((size_t)count, sizeof *record.dead);
            for (record.dead_count = 0; record.dead_count < count; record.dead_count++)
                record.dead[record.dead_count].n = reader_varint(&r);
        }
    }
    if (r.bad || !record.dead || reader_left(&r) > 0) {
        index_record_deinit(&record);
        return err_set(err, ERR_CORRUPT, "index: the list of segments is damaged");
    }
    *record_out = record;
    return 0;
}
