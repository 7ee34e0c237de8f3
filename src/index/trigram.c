#include "index/trigram.h"

#include "base/codec.h"
#include "index/layout.h"

#include <stdlib.h>

enum {
    CODE_EDGE = 36,
    CODE_WIDE = 37,
    CODES_WIDE = 64 - CODE_WIDE,
    GROUP_BLOCKS = 64, /* a word of the matrix has one bit for each */
};

static unsigned code_of(unsigned char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= '0' && c <= '9')
        return 26u + c - '0';
    return c == LAYOUT_EDGE ? CODE_EDGE : CODE_WIDE + c % CODES_WIDE;
}

bool trigram_key(const char *p, uint32_t *key_out)
{
    if (p[1] == LAYOUT_EDGE)
        return false;
    *key_out = code_of((unsigned char)p[0]) << 12 | code_of((unsigned char)p[1]) << 6 |
               code_of((unsigned char)p[2]);
    return true;
}

/* ---- writing: a matrix of keys by GROUP_BLOCKS blocks is filled and then packed ---- */

/* A matrix that is full: its keys that are not empty, ascending. */
struct group {
    uint32_t count, at;
    uint32_t *keys;
    uint64_t *bits;
};

struct section {
    uint32_t blocks;
    uint64_t *matrix; /* TRIGRAM_KEYS; the last, open group */
    struct group *groups;
    uint32_t group_count;
};

struct trigram_writer {
    unsigned char codes[256];
    struct section sections[TRIGRAM_SECTIONS];
    struct buf early[TRIGRAM_BLOCKS_MIN]; /* texts of the first blocks: a small segment needs no matrix */
    enum trigram_section early_section[TRIGRAM_BLOCKS_MIN];
    unsigned early_count;
};

static void *checked(void *p)
{
    if (!p)
        abort();
    return p;
}

struct trigram_writer *trigram_writer_new(void)
{
    struct trigram_writer *w = checked(calloc(1, sizeof *w));
    for (unsigned c = 0; c < 256; c++)
        w->codes[c] = (unsigned char)code_of((unsigned char)c);
    return w;
}

void trigram_writer_free(struct trigram_writer **writer)
{
    if (!*writer)
        return;
    for (unsigned i = 0; i < TRIGRAM_SECTIONS; i++) {
        struct section *s = &(*writer)->sections[i];
        for (uint32_t g = 0; g < s->group_count; g++) {
            free(s->groups[g].keys);
            free(s->groups[g].bits);
        }
        free(s->groups);
        free(s->matrix);
    }
    for (unsigned i = 0; i < TRIGRAM_BLOCKS_MIN; i++)
        buf_deinit(&(*writer)->early[i]);
    free(*writer);
    *writer = NULL;
}

static void pack_group(struct section *s)
{
    struct group g = { 0 };
    for (uint32_t key = 0; key < TRIGRAM_KEYS; key++)
        g.count += s->matrix[key] != 0;
    g.keys = checked(malloc((g.count + 1) * sizeof *g.keys));
    g.bits = checked(malloc((g.count + 1) * sizeof *g.bits));
    for (uint32_t key = 0; key < TRIGRAM_KEYS; key++)
        if (s->matrix[key]) {
            g.keys[g.at] = key;
            g.bits[g.at++] = s->matrix[key];
        }
    g.at = 0;
    s->groups = checked(realloc(s->groups, (s->group_count + 1) * sizeof *s->groups));
    s->groups[s->group_count++] = g;
    free(s->matrix);
    s->matrix = NULL;
}

static void add_block(struct trigram_writer *writer, enum trigram_section section, struct str text)
{
    struct section *s = &writer->sections[section];
    uint64_t bit = UINT64_C(1) << (s->blocks % GROUP_BLOCKS);
    uint32_t key = 0;
    if (!s->matrix)
        s->matrix = checked(calloc(TRIGRAM_KEYS, sizeof *s->matrix));
    for (size_t i = 0; i < text.n; i++) {
        key = (key << 6 | writer->codes[(unsigned char)text.p[i]]) & (TRIGRAM_KEYS - 1);
        if (i >= 2 && (key >> 6 & 63) != CODE_EDGE)
            s->matrix[key] |= bit;
    }
    if (++s->blocks % GROUP_BLOCKS == 0)
        pack_group(s);
}

void trigram_writer_add(struct trigram_writer *writer, enum trigram_section section, struct str text)
{
    if (writer->early_count == TRIGRAM_BLOCKS_MIN) {
        add_block(writer, section, text);
        return;
    }
    writer->early_section[writer->early_count] = section;
    buf_add(&writer->early[writer->early_count++], text);
    for (unsigned i = 0; writer->early_count == TRIGRAM_BLOCKS_MIN && i < TRIGRAM_BLOCKS_MIN; i++) {
        add_block(writer, writer->early_section[i], buf_str(&writer->early[i]));
        buf_deinit(&writer->early[i]);
    }
}

/* The blocks that hold `key`, as bits; keys are asked for in ascending order. 0: none. */
static uint32_t take_bits(struct section *s, uint32_t key, uint64_t *bits)
{
    uint32_t count = 0;
    for (uint32_t g = 0; g < s->group_count; g++) {
        struct group *group = &s->groups[g];
        bits[g] = group->at < group->count && group->keys[group->at] == key ? group->bits[group->at++] : 0;
        count += (uint32_t)__builtin_popcountll(bits[g]);
    }
    return count;
}

static size_t bit_bytes(uint32_t blocks)
{
    return ((size_t)blocks + 7) / 8;
}

/* Append the list and return its bytes. */
static size_t put_list(const struct section *s, const uint64_t *bits, uint32_t count, struct buf *out)
{
    size_t from = out->n;
    uint32_t next = 0;
    if (count == 0)
        return 0;
    for (uint32_t g = 0; count < bit_bytes(s->blocks) && g < s->group_count; g++)
        for (uint64_t word = bits[g]; word; word &= word - 1) {
            uint32_t block = g * GROUP_BLOCKS + (uint32_t)__builtin_ctzll(word);
            buf_put_varint(out, block - next);
            next = block + 1;
        }
    if (out->n - from > 0 && out->n - from < bit_bytes(s->blocks))
        return out->n - from;
    out->n = from;
    for (size_t i = 0; i < bit_bytes(s->blocks); i++)
        buf_add_char(out, (char)(bits[i / 8] >> (i % 8 * 8)));
    return bit_bytes(s->blocks);
}

struct page {
    uint32_t keys, last;
    struct buf entries, lists;
};

static void end_page(struct page *page, struct buf *out, struct buf *lengths_out)
{
    size_t from = out->n;
    if (page->keys > 0) {
        buf_put_varint(out, page->keys);
        buf_add(out, buf_str(&page->entries));
        buf_add(out, buf_str(&page->lists));
    }
    buf_put_varint(lengths_out, out->n - from);
    page->keys = page->last = 0;
    buf_clear(&page->entries);
    buf_clear(&page->lists);
}

/* Pages get about TRIGRAM_PAGE_BYTES if all keys took the same. */
static unsigned choose_shift(const struct trigram_writer *w)
{
    uint64_t bytes = 0;
    unsigned shift = TRIGRAM_KEY_BITS;
    for (unsigned i = 0; i < TRIGRAM_SECTIONS; i++)
        for (uint32_t g = 0; g < w->sections[i].group_count; g++)
            bytes += w->sections[i].groups[g].count * UINT64_C(6);
    while (shift > 4 && bytes >> (TRIGRAM_KEY_BITS - shift) > TRIGRAM_PAGE_BYTES)
        shift--;
    return shift;
}

/* The least key that is to come, TRIGRAM_KEYS at the end. */
static uint32_t next_key(const struct trigram_writer *w)
{
    uint32_t key = TRIGRAM_KEYS;
    for (unsigned i = 0; i < TRIGRAM_SECTIONS; i++)
        for (uint32_t g = 0; g < w->sections[i].group_count; g++) {
            const struct group *group = &w->sections[i].groups[g];
            if (group->at < group->count && group->keys[group->at] < key)
                key = group->keys[group->at];
        }
    return key;
}

static void put_key(struct trigram_writer *w, uint32_t key, uint64_t *bits[TRIGRAM_SECTIONS],
                    struct page *page)
{
    buf_put_varint(&page->entries, key - page->last);
    page->last = key;
    page->keys++;
    for (unsigned i = 0; i < TRIGRAM_SECTIONS; i++) {
        uint32_t count = take_bits(&w->sections[i], key, bits[i]);
        buf_put_varint(&page->entries, put_list(&w->sections[i], bits[i], count, &page->lists));
    }
}

void trigram_writer_finish(struct trigram_writer *writer, struct buf *out, struct buf *lengths_out,
                           unsigned *page_shift_out, uint32_t *pages_out)
{
    uint64_t *bits[TRIGRAM_SECTIONS];
    struct page page = { 0 };
    *page_shift_out = 0;
    *pages_out = 0;
    if (writer->early_count < TRIGRAM_BLOCKS_MIN)
        return;
    for (unsigned i = 0; i < TRIGRAM_SECTIONS; i++) {
        struct section *s = &writer->sections[i];
        if (s->matrix)
            pack_group(s);
        bits[i] = checked(calloc(s->group_count + 1, sizeof *bits[i]));
    }
    *page_shift_out = choose_shift(writer);
    for (uint32_t key; *pages_out << *page_shift_out < TRIGRAM_KEYS;) {
        while ((key = next_key(writer)) >> *page_shift_out == *pages_out)
            put_key(writer, key, bits, &page);
        for (; *pages_out < key >> *page_shift_out; ++*pages_out)
            end_page(&page, out, lengths_out);
    }
    buf_deinit(&page.entries);
    buf_deinit(&page.lists);
    for (unsigned i = 0; i < TRIGRAM_SECTIONS; i++)
        free(bits[i]);
}

/* ---- reading ---- */

static int corrupt(struct err *err)
{
    return err_set(err, ERR_CORRUPT, "index: a page of trigrams is damaged");
}

/* bits &= what the list says. */
static int filter_list(struct str list, uint32_t blocks, uint64_t *bits, struct err *err)
{
    size_t words = ((size_t)blocks + 63) / 64;
    if (list.n == 0) {
        memset(bits, 0, words * sizeof *bits);
        return 0;
    }
    if (list.n == bit_bytes(blocks)) {
        for (size_t w = 0; w < words; w++) {
            uint64_t word = 0;
            size_t n = list.n - w * 8 < 8 ? list.n - w * 8 : 8;
            memcpy(&word, list.p + w * 8, n);
            bits[w] &= load_u64(&word);
        }
        return 0;
    }
    struct reader r = reader_make(list);
    size_t at = 0;
    uint64_t next = 0, word = 0;
    while (reader_left(&r) > 0) {
        uint64_t block = next + reader_varint(&r);
        if (r.bad || block < next || block >= blocks)
            return corrupt(err);
        for (; at < block / 64; at++) {
            bits[at] &= word;
            word = 0;
        }
        word |= UINT64_C(1) << (block % 64);
        next = block + 1;
    }
    for (; at < words; at++) {
        bits[at] &= word;
        word = 0;
    }
    return 0;
}

int trigram_filter(struct str page, unsigned page_shift, uint32_t key,
                   const uint32_t blocks[TRIGRAM_SECTIONS], uint64_t *bits[TRIGRAM_SECTIONS], struct err *err)
{
    struct reader r = reader_make(page);
    struct str lists[TRIGRAM_SECTIONS] = { STR_NIL, STR_NIL };
    uint64_t keys = page.n ? reader_varint(&r) : 0, this = 0;
    uint64_t at = 0, begin = 0, length[TRIGRAM_SECTIONS] = { 0 };
    if (keys > UINT64_C(1) << page_shift)
        return corrupt(err);
    for (uint64_t i = 0; i < keys; i++) {
        uint64_t n[TRIGRAM_SECTIONS];
        this += reader_varint(&r);
        for (unsigned s = 0; s < TRIGRAM_SECTIONS; s++)
            n[s] = reader_varint(&r);
        if (r.bad || n[0] > page.n || n[1] > page.n)
            return corrupt(err);
        if (this == key) {
            begin = at;
            length[0] = n[0];
            length[1] = n[1];
        }
        at += n[0] + n[1];
    }
    if (reader_left(&r) != at)
        return corrupt(err);
    lists[0] = str_sub(str_make(r.p, (size_t)at), (size_t)begin, (size_t)length[0]);
    lists[1] = str_sub(str_make(r.p, (size_t)at), (size_t)(begin + length[0]), (size_t)length[1]);
    for (unsigned s = 0; s < TRIGRAM_SECTIONS; s++) {
        int r2 = filter_list(lists[s], blocks[s], bits[s], err);
        if (r2 < 0)
            return r2;
    }
    return 0;
}
