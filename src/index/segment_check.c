/* Reading all of a segment and comparing it with itself: for `loft index check`. */
#include "index/layout.h"
#include "index/posting.h"

#include <stdlib.h>
#include <xxhash.h>

enum { READ_BYTES = 256 * 1024 };

struct check {
    struct index_segment *segment;
    struct buf bytes, lists, before;
    struct posting_list numbers;
};

/* All bytes are those that were written. */
static int check_hash(struct check *c, struct err *err)
{
    struct index_segment *s = c->segment;
    uint64_t foot = s->source.bytes - LAYOUT_FOOT_BYTES, body = s->body_bytes;
    XXH3_state_t *hash = XXH3_createState();
    int r = 0;
    if (!hash)
        abort();
    XXH3_64bits_reset(hash);
    for (uint64_t at = 0; r == 0 && at < body; at += READ_BYTES) {
        r = layout_read(s, at, body - at < READ_BYTES ? body : at + READ_BYTES, &c->bytes, err);
        if (r == 0)
            XXH3_64bits_update(hash, c->bytes.p, c->bytes.n);
    }
    uint64_t found = XXH3_64bits_digest(hash);
    XXH3_freeState(hash);
    buf_clear(&c->bytes);
    if (r == 0)
        r = s->source.read(s->source.ctx, foot, LAYOUT_FOOT_BYTES, &c->bytes, err);
    if (r < 0)
        return r;
    return c->bytes.n == LAYOUT_FOOT_BYTES && load_u64(c->bytes.p) == found
               ? 0
               : layout_corrupt(err, "a segment");
}

static int check_lists(struct check *c, struct str lists, struct err *err)
{
    unsigned fields;
    int r = lists.n > 0 ? 1 : layout_corrupt(err, "a list of documents");
    while (r > 0)
        r = posting_next(&lists, c->segment->documents, INDEX_ANY, &c->numbers, &fields, err);
    return r;
}

/* Tokens ascend, each has documents. */
static int check_words(struct check *c, uint32_t block, struct err *err)
{
    struct layout_words words;
    int r = layout_read_words(c->segment, block, &c->bytes, &words, err);
    if (r == 0)
        r = layout_read(c->segment, words.postings_at, words.postings_end, &c->lists, err);
    if (r < 0)
        return r;
    struct reader lengths = reader_make(words.lengths);
    struct str token, rest = str_skip(words.text, 1), lists = buf_str(&c->lists);
    for (uint32_t i = 0; r == 0 && i < words.count; i++) {
        uint64_t length = reader_varint(&lengths);
        token = str_cut(rest, LAYOUT_EDGE, &rest);
        if (lengths.bad || length > lists.n || token.n == 0 || str_cmp(buf_str(&c->before), token) >= 0)
            return layout_corrupt(err, "a block of words");
        buf_clear(&c->before);
        buf_add(&c->before, token);
        r = check_lists(c, str_sub(lists, 0, (size_t)length), err);
        lists = str_skip(lists, (size_t)length);
    }
    if (r == 0 && (rest.n > 0 || lists.n > 0 || reader_left(&lengths) > 0))
        return layout_corrupt(err, "a block of words");
    return r;
}

static int check_heap(struct check *c, uint32_t block, struct err *err)
{
    struct layout_heap heap;
    struct layout_entry entry;
    int r = layout_read_heap(c->segment, block, &c->bytes, &heap, err);
    if (r < 0)
        return r;
    while ((r = layout_next_entry(c->segment, &heap, &entry, err)) > 0)
        if (entry.fields & ~(unsigned)c->segment->heap_fields[block])
            return layout_corrupt(err, "a block of the heap");
    return r;
}

int index_segment_check(struct index_segment *segment, struct err *err)
{
    struct check c = { .segment = segment };
    int r = check_hash(&c, err);
    for (uint32_t i = 0; r == 0 && i < segment->dictionary.count; i++)
        r = check_words(&c, i, err);
    for (uint32_t i = 0; r == 0 && i < segment->heap.count; i++)
        r = check_heap(&c, i, err);
    buf_deinit(&c.bytes);
    buf_deinit(&c.lists);
    buf_deinit(&c.before);
    posting_list_deinit(&c.numbers);
    return r;
}
