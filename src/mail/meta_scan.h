/* meta_scan.h: the meta records of many messages, in the order in which they are stored: one range read where they lie close
 * together, a new one behind each wide gap.     Threads: none. */
#ifndef LOFT_MAIL_META_SCAN_H
#define LOFT_MAIL_META_SCAN_H

#include "mime/meta.h"
#include "store/store.h"

struct meta_wanted {
    uint64_t blob;
    uint32_t index; /* the caller's */
};

/* `view` borrows until the callback returns; what it returns (0 or -ERR_x) ends the scan when it is not 0. */
typedef int meta_scan_fn(void *ctx, uint32_t index, const struct meta_view *view, struct err *err);

/* Call `fn` for each of `wanted` that has a record; they are put in order of blob and may name a blob twice.
 *   damaged_out  records that are there but cannot be understood: passed over, since one of them must not hide all others
 *   errors       those of store_blob_scan and of `fn` */
MUST_USE int meta_scan(struct store *store, struct account_id account, struct meta_wanted *wanted,
                       size_t count, meta_scan_fn *fn, void *ctx, size_t *damaged_out, struct err *err);

#endif
