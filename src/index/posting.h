/* posting.h: the documents of a token, with the fields in which they hold it. One list for each set of fields that occurs, one behind the
 * other:
 *
 *   u8 fields, with POSTING_MORE when another list follows; varint (count - 1) * 4 + kind; when another follows: varint bytes of
 *   what comes now; varint first document, and of the others by kind
 *     0 varints   gaps, each less one
 *     1 Rice      u8 k; gaps less one: the quotient by 2^k in ones and a zero, then k bits; lowest bits first, padded to a byte
 *     2 bits      one for each document behind the first, up to the last
 *     3 run       nothing: they follow each other
 *
 * whichever is shortest.     Threads: none. */
#ifndef LOFT_INDEX_POSTING_H
#define LOFT_INDEX_POSTING_H

#include "base/buf.h"
#include "base/err.h"

enum { POSTING_MORE = 0x80 };

/* Numbers of documents. */
struct posting_list {
    uint32_t *numbers;
    size_t count, cap;
};
void posting_list_deinit(struct posting_list *list);
void posting_list_add(struct posting_list *list, uint32_t number);

enum { POSTING_FIELD_SETS = 128 };

/* The lists of one token, by set of fields; kept to be used for the next. */
struct posting_lists {
    uint64_t used[POSTING_FIELD_SETS / 64]; /* those that have numbers */
    struct posting_list of[POSTING_FIELD_SETS];
};
void posting_lists_clear(struct posting_lists *lists);
void posting_lists_deinit(struct posting_lists *lists);
void posting_lists_add(struct posting_lists *lists, unsigned fields, uint32_t document);

/* Append all of them; some list has numbers, each once. In any order: those that do not ascend are sorted. */
void posting_encode(struct posting_lists *lists, struct buf *out);

/* One list after the other: 1 and its numbers in `list`, 0 at the end, -ERR_CORRUPT. Lists that have none of `wanted` are passed over.
 * `bytes` moves on. Numbers are below `universe`, ascending. */
MUST_USE int posting_next(struct str *bytes, uint32_t universe, unsigned wanted, struct posting_list *list,
                          unsigned *fields_out, struct err *err);

#endif
