/* pages.h: a bounded cache of pieces of blobs. An engine checks and decompresses a whole block of its own whatever little is asked of it; so
 * pieces are as large as that, and kept for the next who asks for something beside it. The least used go first.
 * Threads: any. */
#ifndef LOFT_INDEX_PAGES_H
#define LOFT_INDEX_PAGES_H

#include "base/buf.h"
#include "store/store.h"

enum { PAGES_BYTES = STORE_PART_BYTES }; /* of a page */

struct pages;

/* `store` is borrowed. At least one page is kept. */
struct pages *pages_new(struct store *store, size_t cache_bytes);
void pages_free(struct pages **pages);

/* Append bytes [offset, offset + length) of a blob. Errors of store_blob_read; -ERR_CORRUPT when the blob ends before. */
MUST_USE int pages_read(struct pages *pages, struct account_id account, struct blob_id blob, uint64_t offset,
                        uint64_t length, struct buf *out, struct err *err);

#endif
