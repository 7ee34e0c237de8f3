/* Any bytes as a segment: opened, checked, asked, merged with itself and with one that is whole; and as the list of an account.
 * Hashes are put right first, or little but them would be tried. */
#include "index/builder.h"
#include "index/layout.h"
#include "index/merge.h"
#include "index/query.h"
#include "index/record.h"

#include <assert.h>
#include <stdlib.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int append(void *ctx, struct str piece, struct err *err)
{
    (void)err;
    buf_add(ctx, piece);
    return 0;
}

static void put_right(struct buf *bytes)
{
    if (bytes->n < LAYOUT_FOOT_BYTES)
        return;
    char *foot = bytes->p + bytes->n - LAYOUT_FOOT_BYTES;
    uint64_t head_bytes = load_u64(foot + 16), before = bytes->n - LAYOUT_FOOT_BYTES;
    if (head_bytes > before)
        return;
    store_u64(foot, XXH3_64bits(bytes->p, before - head_bytes));
    store_u64(foot + 8, XXH3_64bits(foot - head_bytes, head_bytes));
    memcpy(foot + 24, LAYOUT_MAGIC, 8);
}

static void ask(struct index_segment *segment, const char *needle, enum index_kind kind)
{
    struct index_query *query = index_query_new(str_c(needle), INDEX_ANY, kind);
    struct index_set sure = INDEX_SET_INIT, maybe = INDEX_SET_INIT;
    if (index_query_run(query, segment, &sure, &maybe, NULL) == 0)
        assert(sure.count + (uint64_t)maybe.count <= index_segment_documents(segment));
    index_set_deinit(&sure);
    index_set_deinit(&maybe);
    index_query_free(&query);
}

static void merge(struct index_segment *a, struct index_segment *b)
{
    struct index_segment *result;
    struct buf out = BUF_INIT;
    struct index_merge m = {
        .segments = (struct index_segment *[]){ a, b }, .count = 2, .write = append, .ctx = &out
    };
    if (index_merge_run(&m, NULL) == 0) {
        int r = index_segment_open_bytes(buf_str(&out), &result, NULL);
        assert(r == 0);
        index_segment_unref(&result);
    }
    buf_deinit(&out);
}

static void try_segment(struct str bytes, struct str whole)
{
    struct index_segment *segment, *other;
    if (index_segment_open_bytes(bytes, &segment, NULL) < 0)
        return;
    int r = index_segment_open_bytes(whole, &other, NULL);
    assert(r == 0);
    r = index_segment_check(segment, NULL);
    assert(r <= 0);
    ask(segment, "mail", INDEX_EXACT);
    ask(segment, "e", INDEX_EXACT);
    ask(segment, "anna@example.org", INDEX_EXACT);
    ask(segment, "reprot", INDEX_FUZZY);
    for (uint32_t i = 0; i < index_segment_documents(segment); i++)
        assert(index_segment_seek(segment, index_segment_blob(segment, i), i / 2) == i);
    merge(segment, other);
    merge(segment, segment);
    index_segment_unref(&other);
    index_segment_unref(&segment);
}

static void try_record(struct str bytes)
{
    struct index_record record, again;
    struct buf out = BUF_INIT;
    if (index_record_decode(bytes, &record, NULL) < 0)
        return;
    index_record_encode(&record, &out);
    int r = index_record_decode(buf_str(&out), &again, NULL);
    assert(r == 0 && again.entry_count == record.entry_count && again.dead_count == record.dead_count);
    index_record_deinit(&again);
    index_record_deinit(&record);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf bytes = BUF_INIT, whole = BUF_INIT;
    struct index_builder *builder = index_builder_new();
    index_builder_begin(builder, (struct blob_id){ 3 });
    index_builder_feed(builder, INDEX_BODY, STR("mail for anna@example.org report 4f9a0c2be17d"));
    index_builder_end(builder);
    index_builder_finish(builder, &whole);
    index_builder_free(&builder);
    buf_add_bytes(&bytes, data, n);
    try_record(buf_str(&bytes));
    put_right(&bytes);
    try_segment(buf_str(&bytes), buf_str(&whole));
    buf_deinit(&bytes);
    buf_deinit(&whole);
    return 0;
}
