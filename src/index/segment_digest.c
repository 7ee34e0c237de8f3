/* A number for each document, from its tokens and their fields alone: the same from whichever segment it is taken. For
 * `loft index check`. */
#include "index/layout.h"
#include "index/posting.h"

#include <xxhash.h>

struct digesting {
    struct index_segment *segment;
    uint64_t *digests; /* one a document */
    struct buf bytes, lists;
    struct posting_list numbers;
};

/* Sums, since the same tokens may come in another order. */
static void add(struct digesting *d, uint32_t document, unsigned fields, uint64_t token)
{
    d->digests[document] += (token ^ fields * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xff51afd7ed558ccd);
}

static int add_lists(struct digesting *d, struct str token, struct str lists, struct err *err)
{
    uint64_t hash = XXH3_64bits(token.p, token.n);
    unsigned fields;
    int r;
    while ((r = posting_next(&lists, d->segment->documents, INDEX_ANY, &d->numbers, &fields, err)) > 0)
        for (size_t i = 0; i < d->numbers.count; i++)
            add(d, d->numbers.numbers[i], fields, hash);
    return r;
}

static int add_words(struct digesting *d, uint32_t block, struct err *err)
{
    struct layout_words words;
    int r = layout_read_words(d->segment, block, &d->bytes, &words, err);
    if (r == 0)
        r = layout_read(d->segment, words.postings_at, words.postings_end, &d->lists, err);
    if (r < 0)
        return r;
    struct reader lengths = reader_make(words.lengths);
    struct str token, rest = str_skip(words.text, 1), lists = buf_str(&d->lists);
    for (uint32_t i = 0; r == 0 && i < words.count; i++) {
        uint64_t length = reader_varint(&lengths);
        token = str_cut(rest, LAYOUT_EDGE, &rest);
        if (lengths.bad || length > lists.n || token.n == 0)
            return layout_corrupt(err, "a block of words");
        r = add_lists(d, token, str_sub(lists, 0, (size_t)length), err);
        lists = str_skip(lists, (size_t)length);
    }
    return r;
}

static int add_heap(struct digesting *d, uint32_t block, struct err *err)
{
    struct layout_heap heap;
    struct layout_entry entry;
    int r = layout_read_heap(d->segment, block, &d->bytes, &heap, err);
    if (r < 0)
        return r;
    while ((r = layout_next_entry(d->segment, &heap, &entry, err)) > 0) {
        struct str token, rest = str_sub(heap.text, entry.at, entry.bytes);
        while (rest.n > 0) {
            token = str_cut(rest, LAYOUT_EDGE, &rest);
            add(d, entry.document, entry.fields, XXH3_64bits(token.p, token.n));
        }
    }
    return r;
}

int index_segment_digest(struct index_segment *segment, uint64_t *digests_out, struct err *err)
{
    struct digesting d = { .segment = segment, .digests = digests_out };
    int r = 0;
    for (uint32_t i = 0; i < segment->documents; i++)
        digests_out[i] = index_segment_is_partial(segment, i);
    for (uint32_t i = 0; r == 0 && i < segment->dictionary.count; i++)
        r = add_words(&d, i, err);
    for (uint32_t i = 0; r == 0 && i < segment->heap.count; i++)
        r = add_heap(&d, i, err);
    buf_deinit(&d.bytes);
    buf_deinit(&d.lists);
    posting_list_deinit(&d.numbers);
    return r;
}
