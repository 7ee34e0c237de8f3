/* trigram.h: which blocks of a segment hold three letters one behind the other; so a needle is looked for in few of them.
 *
 * Letters are six bits: digits, ASCII letters, the edge between tokens (layout.h), and what is left of the alphabet shared by all bytes of
 * other letters. So a block may be named in vain, never missed.
 * On disk: keys in pages of 2^page_shift of them; a page is varint keys, then for each that some block holds varint (key - the one before), and for
 * dictionary and heap varint bytes of its list; then the lists: with as many bytes as the blocks make, one bit each; else varint gaps.
 * Threads: one owner. */
#ifndef LOFT_INDEX_TRIGRAM_H
#define LOFT_INDEX_TRIGRAM_H

#include "base/buf.h"
#include "base/err.h"

enum {
    TRIGRAM_KEY_BITS = 18,
    TRIGRAM_KEYS = 1 << TRIGRAM_KEY_BITS,
    TRIGRAM_PAGE_BYTES = 4096, /* about */
    TRIGRAM_BLOCKS_MIN = 16,   /* fewer are all looked at: there are no pages */
};

enum trigram_section { TRIGRAM_DICTIONARY, TRIGRAM_HEAP, TRIGRAM_SECTIONS };

/* The key of p[0..2]. Two edges, or an edge in the middle, have no key of their own: false. */
bool trigram_key(const char *p, uint32_t *key_out);

/* ---- writing ---- */

struct trigram_writer;

struct trigram_writer *trigram_writer_new(void);
void trigram_writer_free(struct trigram_writer **writer);

/* The next block of a section. */
void trigram_writer_add(struct trigram_writer *writer, enum trigram_section section, struct str text);

/* Append all pages to `out` and the length of each to `lengths`. */
void trigram_writer_finish(struct trigram_writer *writer, struct buf *out, struct buf *lengths_out,
                           unsigned *page_shift_out, uint32_t *pages_out);

/* ---- reading ---- */

/* Keep in `bits` (a bit for each of `blocks`, by section) only the blocks that hold `key`, by the page that may have it. -ERR_CORRUPT. */
MUST_USE int trigram_filter(struct str page, unsigned page_shift, uint32_t key,
                            const uint32_t blocks[TRIGRAM_SECTIONS], uint64_t *bits[TRIGRAM_SECTIONS],
                            struct err *err);

#endif
