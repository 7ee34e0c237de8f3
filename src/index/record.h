/* record.h: the list of the segments of an account, as it lies in its state: index.h has the layout.     Threads: none needed. */
#ifndef LOFT_INDEX_RECORD_H
#define LOFT_INDEX_RECORD_H

#include "index/index.h"

enum { INDEX_RECORD_FORMAT = 1, INDEX_DEAD_MAX = 4096 };

#define INDEX_RECORD_KEY STR("index")

struct index_record {
    struct str mark; /* decoded: borrows */
    struct index_entry *entries;
    size_t entry_count;
    struct blob_id *dead;
    size_t dead_count;
};

/* Both arrays are the caller's to free. -ERR_CORRUPT. */
MUST_USE int index_record_decode(struct str bytes, struct index_record *record_out, struct err *err);
void index_record_deinit(struct index_record *record);
void index_record_encode(const struct index_record *record, struct buf *out);

#endif
