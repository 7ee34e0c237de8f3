/* layout.h: the bytes of a segment, for those who read and write them. Contracts for others are in segment.h and query.h.
 *
 *   postings     the lists of all tokens of the dictionary, in its order (posting.h)
 *   heap         blocks of tokens that are likely met once (ids, hashes, base64): beside each other as they are, with their documents
 *   dictionary   blocks of all other tokens, ascending, with the lengths of their lists
 *   trigrams     pages: which blocks hold three letters (trigram.h); none when there are few blocks
 *   head         varints: documents; blob ids, each less the one before; partial documents: count, each less the one before;
 *                dictionary: blocks, of each: bytes, bytes of its postings; heap: blocks, of each: bytes, u8 fields;
 *                trigrams: keys a page as a power of two, pages, of each: bytes
 *   foot         u64 XXH3 of all before the head, u64 XXH3 of the head, u64 bytes of the head, "LOFTIDX1"
 *
 * A dictionary block: varint tokens, varint bytes of the text, the text, and for each token varint bytes of its list.
 * A heap block: varint entries, varint bytes of the text, for each entry varint document, u8 fields, varint bytes of its tokens; the text.
 * Of both, the text begins with LAYOUT_EDGE, and behind each token stands another. No token holds that byte, so a search for bytes with it
 * in front, or behind, or both, finds tokens that begin with them, end with them, or are them. */
#ifndef LOFT_INDEX_LAYOUT_H
#define LOFT_INDEX_LAYOUT_H

#include "base/codec.h"
#include "base/ref.h"
#include "index/segment.h"
#include "index/token.h"

#define LAYOUT_EDGE  '\n'
#define LAYOUT_MAGIC "LOFTIDX1"

enum {
    LAYOUT_FOOT_BYTES = 32,
    LAYOUT_DICTIONARY_BLOCK_BYTES = 4096, /* a block ends with the token that reaches this */
    LAYOUT_HEAP_BLOCK_BYTES = 32 *
                              1024, /* larger ones have fewer trigrams to list, and more to look through */
    LAYOUT_BLOCK_BYTES_MAX = 256 * 1024, /* that a reader accepts */
    LAYOUT_HEAD_BYTES_MAX = 1 << 28,
};

/* Where the blocks of a section begin; [count] is its end. */
struct layout_places {
    uint64_t *at;
    uint32_t count;
};

struct index_segment {
    struct ref ref;
    struct index_source source;
    uint32_t documents;
    uint64_t *blobs;
    uint32_t partial_count;
    uint32_t *partial;
    uint64_t body_bytes; /* all before the head */
    struct layout_places dictionary, postings, heap, pages;
    unsigned char *heap_fields;
    unsigned page_shift;
    size_t memory_bytes;
};

/* Replace `out` by bytes [from, to) of the segment. */
MUST_USE int layout_read(struct index_segment *segment, uint64_t from, uint64_t to, struct buf *out,
                         struct err *err);

/* A dictionary block; borrows the bytes. */
struct layout_words {
    uint32_t count;
    struct str text;
    struct str lengths;   /* varints, one a token */
    uint64_t postings_at; /* where the list of the first begins */
    uint64_t postings_end;
};
MUST_USE int layout_read_words(struct index_segment *segment, uint32_t block, struct buf *bytes,
                               struct layout_words *words_out, struct err *err);

/* A heap block; borrows the bytes. */
struct layout_heap {
    struct str text;
    struct reader entries; /* what is to come, see below */
    uint32_t left;
    size_t at; /* in `text`: where the tokens of the next entry begin */
};
struct layout_entry {
    uint32_t document;
    unsigned fields;
    size_t at, bytes; /* its tokens, each with the edge behind it */
};
MUST_USE int layout_read_heap(struct index_segment *segment, uint32_t block, struct buf *bytes,
                              struct layout_heap *heap_out, struct err *err);
/* 1 and an entry, 0 at the end, -ERR_CORRUPT. */
MUST_USE int layout_next_entry(struct index_segment *segment, struct layout_heap *heap,
                               struct layout_entry *entry_out, struct err *err);

int layout_corrupt(struct err *err, const char *what);

#endif
