/* records.h: the stored records (meta or header) of many messages, read in one go in the order in which they lie. FETCH and SEARCH
 * read batches of them, SORT and THREAD scan.
 * Threads: one owner. */
#ifndef LOFT_MAIL_RECORDS_H
#define LOFT_MAIL_RECORDS_H

#include "mail/account.h"
#include "mime/meta.h"

/* A command that looks at more messages than this reads their records in passing (store.h, struct blob_range). */
enum { RECORDS_KEPT_MAX = 1024 };

struct record_source {
    struct store *store;
    struct account_id account;
    enum blob_slot slot;
    bool in_passing;
};

/*   total  how many records the command will read in all */
struct record_source record_source_of(struct account *account, enum blob_slot slot, size_t total);

struct record_wanted {
    uint64_t blob;
    uint32_t index; /* the caller's */
};

/* `record` borrows until the callback returns; what it returns (0 or -ERR_x) ends the scan when it is not 0. */
typedef int record_fn(void *ctx, uint32_t index, struct str record, struct err *err);

/* Call `fn` for each of `wanted` that has a record; they are put in order of blob and may name a blob twice.
 *   errors  those of store_blob_scan and of `fn` */
MUST_USE int records_scan(const struct record_source *from, struct record_wanted *wanted, size_t count,
                          record_fn *fn, void *ctx, struct err *err);

/* The same of meta records that can be understood. Of `from` the slot does not matter.
 *   damaged_out  records that are there but cannot: passed over, since one of them must not hide all others */
typedef int meta_fn(void *ctx, uint32_t index, const struct meta_view *view, struct err *err);
MUST_USE int records_scan_meta(const struct record_source *from, struct record_wanted *wanted, size_t count,
                               meta_fn *fn, void *ctx, size_t *damaged_out, struct err *err);

/* ---- a batch: records that stay until the next ----
 *   record_batch_clear -> record_batch_want for each, index 0, 1, ... -> record_batch_read -> record_batch_get
 * Its memory is used again, so that many batches cost that of one. {0} is a batch of none. */
struct record_batch {
    struct record_wanted *wanted;
    struct record_place *places;
    size_t count, cap;
    struct buf bytes;
};

void record_batch_deinit(struct record_batch *b);
void record_batch_clear(struct record_batch *b);
uint32_t record_batch_want(struct record_batch *b, uint64_t blob); /* its index */

/* Errors of store_blob_scan; then some records may be there. */
MUST_USE int record_batch_read(struct record_batch *b, const struct record_source *from, struct err *err);

/* Borrows until the next clear, want or deinit. NIL: there is none. */
struct str record_batch_get(const struct record_batch *b, uint32_t index);

#endif
