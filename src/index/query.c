/* query.c: which blocks of a segment a pattern may be in, and the documents of the tokens there that fit it. */
#include "index/query_private.h"

#include "mime/fuzzy.h"

#include <stdlib.h>

enum {
    KEYS_MAX = 16,         /* of a pattern that are looked up */
    SPAN_GAP_BYTES = 1024, /* lists of postings that lie so close are read at once */
    SPAN_BYTES_MAX = 64 * 1024,
};

static void *checked(void *p)
{
    if (!p)
        abort();
    return p;
}

/* ---- which blocks ---- */

static void want_all(struct index_run *run)
{
    memset(run->wanted[TRIGRAM_DICTIONARY], 0xff, ((size_t)run->blocks[TRIGRAM_DICTIONARY] / 64 + 1) * 8);
    memset(run->wanted[TRIGRAM_HEAP], 0, ((size_t)run->blocks[TRIGRAM_HEAP] / 64 + 1) * 8);
    for (uint32_t i = 0; i < run->blocks[TRIGRAM_HEAP]; i++)
        if (run->segment->heap_fields[i] & run->query->fields)
            run->wanted[TRIGRAM_HEAP][i / 64] |= UINT64_C(1) << (i % 64);
}

bool query_next_block(const struct index_run *run, enum trigram_section section, uint32_t *at)
{
    for (uint32_t i = *at; i < run->blocks[section]; i = (i / 64 + 1) * 64) {
        uint64_t word = run->wanted[section][i / 64] & (~UINT64_C(0) << (i % 64));
        if (word) {
            *at = i / 64 * 64 + (uint32_t)__builtin_ctzll(word);
            return *at < run->blocks[section];
        }
    }
    return false;
}

static int filter_by(struct index_run *run, uint32_t key)
{
    const struct index_segment *s = run->segment;
    uint32_t page = key >> s->page_shift;
    if (page != run->page_at) {
        run->page_at = UINT32_MAX;
        int r = layout_read(run->segment, s->pages.at[page], s->pages.at[page + 1], &run->page, run->err);
        if (r < 0)
            return r;
        run->page_at = page;
    }
    return trigram_filter(buf_str(&run->page), s->page_shift, key, run->blocks, run->wanted, run->err);
}

int query_choose_blocks(struct index_run *run, struct str bytes)
{
    int r = 0;
    want_all(run);
    if (run->segment->pages.count == 0)
        return 0;
    for (size_t i = 0, n = 0; r == 0 && i + 3 <= bytes.n && n < KEYS_MAX; i++) {
        uint32_t key, dictionary = 0, heap = 0;
        if (!trigram_key(bytes.p + i, &key))
            continue;
        n++;
        r = filter_by(run, key);
        if (r == 0 && !query_next_block(run, TRIGRAM_DICTIONARY, &dictionary) &&
            !query_next_block(run, TRIGRAM_HEAP, &heap))
            break;
    }
    return r;
}

/* ---- what is in them ---- */

/* The token around `at`. */
static struct str token_at(struct str text, size_t at)
{
    size_t from = at, to = at;
    while (text.p[from - 1] != LAYOUT_EDGE)
        from--;
    while (text.p[to] != LAYOUT_EDGE)
        to++;
    return str_sub(text, from, to - from);
}

/* The first token from *at on that fits the pattern: where its bytes are, past an edge. *at moves to the token's end. */
static bool find(struct str text, const struct query_pattern *pattern, size_t *at, size_t *found_out)
{
    struct str bytes = pattern->bytes;
    for (;;) {
        ptrdiff_t found = str_find(str_skip(text, *at), bytes);
        if (found < 0)
            return false;
        *found_out = *at + (size_t)found + (bytes.p[0] == LAYOUT_EDGE);
        const char *end = memchr(text.p + *found_out, LAYOUT_EDGE, text.n - *found_out);
        *at = (size_t)(end - text.p);
        if (str_is_nil(pattern->near) || fuzzy_is_near(pattern->near, token_at(text, *found_out)))
            return true;
    }
}

static void add_place(struct index_run *run, uint64_t from, uint64_t to)
{
    if (run->place_count == run->place_cap) {
        run->place_cap = run->place_cap ? run->place_cap * 2 : 64;
        run->places = checked(realloc(run->places, run->place_cap * sizeof *run->places));
    }
    run->places[run->place_count++] = (struct query_place){ from, to };
}

static void need_entries(struct index_run *run, size_t count)
{
    if (count <= run->entry_cap)
        return;
    run->entry_cap = count * 2;
    run->entries = checked(realloc(run->entries, run->entry_cap * sizeof *run->entries));
}

static uint32_t count_edges(struct str text)
{
    uint32_t count = 0;
    for (size_t i = 0; i < text.n; i++) /* many bytes at once, when it is compiled for speed */
        count += text.p[i] == LAYOUT_EDGE;
    return count;
}

/* The lists of the tokens that fit. */
static int find_places(struct index_run *run, const struct layout_words *words,
                       const struct query_pattern *pattern)
{
    struct reader lengths = reader_make(words->lengths);
    uint64_t list_at = words->postings_at;
    uint32_t passed = 0; /* lists that were passed over */
    size_t at = 0, found, counted = 0;
    run->place_count = 0;
    for (uint32_t edges = 0; find(words->text, pattern, &at, &found);) {
        edges += count_edges(str_sub(words->text, counted, found - counted));
        counted = found;
        for (; passed < edges - 1; passed++)
            list_at += reader_varint(&lengths);
        uint64_t length = reader_varint(&lengths);
        passed++;
        if (lengths.bad || edges > words->count || list_at > words->postings_end ||
            length > words->postings_end - list_at)
            return layout_corrupt(run->err, "a block of words");
        add_place(run, list_at, list_at + length);
        list_at += length;
    }
    return 0;
}

static bool has_bit(const uint64_t *bits, uint32_t n)
{
    return bits[n / 64] >> (n % 64) & 1;
}

static void set_bit(uint64_t *bits, uint32_t n)
{
    bits[n / 64] |= UINT64_C(1) << (n % 64);
}

static int add_lists(struct index_run *run, struct str lists, uint64_t *bits)
{
    const struct posting_list *list = &run->list;
    unsigned fields;
    int r;
    while ((r = posting_next(&lists, run->segment->documents, run->query->fields, &run->list, &fields,
                             run->err)) > 0)
        for (size_t i = 0; i < list->count; i++)
            set_bit(bits, list->numbers[i]);
    return r;
}

static int add_places(struct index_run *run, uint64_t *bits)
{
    int r = 0;
    for (size_t i = 0, end; r == 0 && i < run->place_count; i = end) {
        uint64_t from = run->places[i].from, to = run->places[i].to;
        for (end = i + 1; end < run->place_count && run->places[end].from - to <= SPAN_GAP_BYTES &&
                          run->places[end].to - from <= SPAN_BYTES_MAX;
             end++)
            to = run->places[end].to;
        r = layout_read(run->segment, from, to, &run->lists, run->err);
        for (size_t k = i; r == 0 && k < end; k++)
            r = add_lists(run,
                          str_sub(buf_str(&run->lists), (size_t)(run->places[k].from - from),
                                  (size_t)(run->places[k].to - run->places[k].from)),
                          bits);
    }
    return r;
}

int query_look_at_words(struct index_run *run, uint32_t block, const struct query_pattern *pattern,
                        uint64_t *bits)
{
    struct layout_words words;
    int r = layout_read_words(run->segment, block, &run->block, &words, run->err);
    if (r == 0)
        r = find_places(run, &words, pattern);
    return r < 0 ? r : add_places(run, bits);
}

/* In the tokens of some entries, one behind the other. */
static void look_at_entries(struct str text, const struct layout_entry *entries, size_t count,
                            const struct query_pattern *pattern, uint64_t *bits)
{
    size_t begin = entries[0].at - 1, at = 0, found, i = 0; /* from the edge before them on */
    text = str_sub(text, begin, entries[count - 1].at + entries[count - 1].bytes - begin);
    while (find(text, pattern, &at, &found)) {
        while (entries[i].at + entries[i].bytes <= begin + found)
            i++;
        set_bit(bits, entries[i].document);
        at = entries[i].at + entries[i].bytes - 1 - begin; /* one is enough */
    }
}

int query_look_at_heap(struct index_run *run, uint32_t block, const struct query_pattern *pattern,
                       uint64_t *bits)
{
    struct layout_heap heap;
    struct layout_entry entry;
    int r = layout_read_heap(run->segment, block, &run->block, &heap, run->err);
    if (r < 0)
        return r;
    need_entries(run, heap.left);
    for (size_t n = 0; r >= 0;) {
        r = layout_next_entry(run->segment, &heap, &entry, run->err);
        bool wanted = r > 0 && (entry.fields & run->query->fields) && !has_bit(bits, entry.document);
        if (!wanted && n > 0) {
            look_at_entries(heap.text, run->entries, n, pattern, bits);
            n = 0;
        }
        if (r == 0)
            break;
        if (wanted)
            run->entries[n++] = entry;
    }
    return r;
}
