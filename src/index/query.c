#include "index/query.h"

#include "index/layout.h"
#include "index/posting.h"
#include "index/query_private.h"
#include "index/trigram.h"
#include "mime/fuzzy.h"

#include <stdlib.h>

enum {
    KEYS_MAX = 16,         /* of a pattern that are looked up */
    SPAN_GAP_BYTES = 1024, /* lists of postings that lie so close are read at once */
    SPAN_BYTES_MAX = 64 * 1024,
    LOOKS_FULL_EVERY = 16, /* blocks */
};

/* A list of postings: where it lies. */
struct place {
    uint64_t from, to;
};

/* What one run keeps. */
struct run {
    const struct index_query *query;
    struct index_segment *segment;
    struct err *err;
    uint32_t blocks[TRIGRAM_SECTIONS];
    uint64_t *wanted[TRIGRAM_SECTIONS]; /* blocks to look at */
    struct buf page, block, lists;
    uint32_t page_at; /* which is in `page`; UINT32_MAX: none */
    struct posting_list list;
    struct place *places;
    size_t place_count, place_cap;
    struct layout_entry *entries;
    size_t entry_cap;
};

static void *checked(void *p)
{
    if (!p)
        abort();
    return p;
}

static void run_init(struct run *run, const struct index_query *query, struct index_segment *segment,
                     struct err *err)
{
    *run = (struct run){ .query = query, .segment = segment, .err = err, .page_at = UINT32_MAX };
    run->blocks[TRIGRAM_DICTIONARY] = segment->dictionary.count;
    run->blocks[TRIGRAM_HEAP] = segment->heap.count;
    for (unsigned i = 0; i < TRIGRAM_SECTIONS; i++)
        run->wanted[i] = checked(calloc((size_t)run->blocks[i] / 64 + 1, sizeof *run->wanted[i]));
}

static void run_deinit(struct run *run)
{
    for (unsigned i = 0; i < TRIGRAM_SECTIONS; i++)
        free(run->wanted[i]);
    buf_deinit(&run->page);
    buf_deinit(&run->block);
    buf_deinit(&run->lists);
    posting_list_deinit(&run->list);
    free(run->places);
    free(run->entries);
}

/* ---- which blocks ---- */

static void want_all(struct run *run)
{
    memset(run->wanted[TRIGRAM_DICTIONARY], 0xff, ((size_t)run->blocks[TRIGRAM_DICTIONARY] / 64 + 1) * 8);
    memset(run->wanted[TRIGRAM_HEAP], 0, ((size_t)run->blocks[TRIGRAM_HEAP] / 64 + 1) * 8);
    for (uint32_t i = 0; i < run->blocks[TRIGRAM_HEAP]; i++)
        if (run->segment->heap_fields[i] & run->query->fields)
            run->wanted[TRIGRAM_HEAP][i / 64] |= UINT64_C(1) << (i % 64);
}

static bool next_wanted(const struct run *run, enum trigram_section section, uint32_t *at)
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

static int filter_by(struct run *run, uint32_t key)
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

static int choose_blocks(struct run *run, struct str bytes)
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
        if (r == 0 && !next_wanted(run, TRIGRAM_DICTIONARY, &dictionary) &&
            !next_wanted(run, TRIGRAM_HEAP, &heap))
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

static void add_place(struct run *run, uint64_t from, uint64_t to)
{
    if (run->place_count == run->place_cap) {
        run->place_cap = run->place_cap ? run->place_cap * 2 : 64;
        run->places = checked(realloc(run->places, run->place_cap * sizeof *run->places));
    }
    run->places[run->place_count++] = (struct place){ from, to };
}

static void need_entries(struct run *run, size_t count)
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
static int find_places(struct run *run, const struct layout_words *words, const struct query_pattern *pattern)
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

static int add_lists(struct run *run, struct str lists, uint64_t *bits)
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

static int add_places(struct run *run, uint64_t *bits)
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

static int look_at_words(struct run *run, uint32_t block, const struct query_pattern *pattern, uint64_t *bits)
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

/* Entries of documents that are found already need not be looked at. */
static int look_at_heap(struct run *run, uint32_t block, const struct query_pattern *pattern, uint64_t *bits)
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

static bool is_full(const struct run *run, const uint64_t *bits)
{
    uint32_t documents = run->segment->documents, count = 0;
    for (uint32_t i = 0; i <= documents / 64; i++)
        count += (uint32_t)__builtin_popcountll(bits[i]);
    return count == documents;
}

static int look(struct run *run, const struct query_pattern *pattern, uint64_t *bits)
{
    int r = choose_blocks(run, pattern->bytes);
    unsigned n = 0;
    for (uint32_t i = 0; r == 0 && next_wanted(run, TRIGRAM_DICTIONARY, &i); i++) {
        r = look_at_words(run, i, pattern, bits);
        if (++n % LOOKS_FULL_EVERY == 0 && is_full(run, bits))
            return r;
    }
    for (uint32_t i = 0; r == 0 && next_wanted(run, TRIGRAM_HEAP, &i); i++) {
        r = look_at_heap(run, i, pattern, bits);
        if (++n % LOOKS_FULL_EVERY == 0 && is_full(run, bits))
            return r;
    }
    return r;
}

/* ---- the answer ---- */

static int run_term(struct run *run, const struct query_term *term, struct index_set *set)
{
    int r = 0;
    index_set_init(set, run->segment->documents);
    index_set_use_bits(set);
    for (unsigned i = 0; r == 0 && i < term->count; i++)
        r = look(run, &term->patterns[i], set->bits);
    index_set_settle(set);
    return r;
}

static int run_terms(struct run *run, struct index_set *set)
{
    int r = 0;
    index_set_init(set, run->segment->documents);
    if (run->query->term_count == 0)
        index_set_add_all(set);
    for (unsigned i = 0; r == 0 && i < run->query->term_count && (i == 0 || set->count > 0); i++) {
        struct index_set term = INDEX_SET_INIT;
        r = run_term(run, &run->query->terms[i], &term);
        if (i == 0) {
            *set = term;
            continue;
        }
        index_set_intersect(set, &term);
        index_set_deinit(&term);
    }
    return r;
}

static void add_partial(const struct index_segment *s, struct index_set *set)
{
    struct index_set partial;
    index_set_init(&partial, s->documents);
    for (uint32_t i = 0; i < s->partial_count; i++)
        index_set_add(&partial, s->partial[i]);
    index_set_unite(set, &partial);
    index_set_deinit(&partial);
}

int index_query_run(const struct index_query *query, struct index_segment *segment,
                    struct index_set *sure_out, struct index_set *maybe_out, struct err *err)
{
    struct index_set found = INDEX_SET_INIT, other;
    struct run run;
    run_init(&run, query, segment, err);
    int r = run_terms(&run, &found);
    run_deinit(&run);
    if (r < 0) {
        index_set_deinit(&found);
        return r;
    }
    index_set_init(&other, segment->documents);
    add_partial(segment, query->is_exact ? &other : &found);
    if (query->is_exact)
        index_set_subtract(&found, &other);
    *sure_out = query->is_exact ? found : other;
    *maybe_out = query->is_exact ? other : found;
    return 0;
}
