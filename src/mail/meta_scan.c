#include "mail/meta_scan.h"

#include <stdlib.h>

enum { STRANGERS_MAX = 64 }; /* in a row, before it is cheaper to seek the next record */

struct scan {
    const struct meta_wanted *wanted; /* ascending */
    size_t count, next;
    unsigned strangers;
    meta_scan_fn *fn;
    void *ctx;
    size_t damaged;
};

static int take_record(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    struct scan *scan = ctx;
    struct meta_view view;
    while (scan->next < scan->count && scan->wanted[scan->next].blob < id.n)
        scan->next++;
    if (scan->next == scan->count)
        return 1;
    if (scan->wanted[scan->next].blob > id.n)
        return ++scan->strangers > STRANGERS_MAX;
    scan->strangers = 0;
    bool sound = mime_meta_view(record, &view, err) == 0;
    for (; scan->next < scan->count && scan->wanted[scan->next].blob == id.n; scan->next++) {
        int r = sound ? scan->fn(scan->ctx, scan->wanted[scan->next].index, &view, err) : 0;
        if (r < 0)
            return r;
        scan->damaged += !sound;
    }
    return scan->next == scan->count;
}

static int by_blob(const void *x, const void *y)
{
    const struct meta_wanted *a = x, *b = y;
    if (a->blob != b->blob)
        return a->blob < b->blob ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static bool is_sorted(const struct meta_wanted *wanted, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (wanted[i - 1].blob > wanted[i].blob)
            return false;
    return true;
}

int meta_scan(struct store *store, struct account_id account, struct meta_wanted *wanted, size_t count,
              meta_scan_fn *fn, void *ctx, size_t *damaged_out, struct err *err)
{
    struct scan scan = { .wanted = wanted, .count = count, .fn = fn, .ctx = ctx };
    if (!is_sorted(wanted, count)) /* messages that were copied or moved here */
        qsort(wanted, count, sizeof *wanted, by_blob);
    while (scan.next < count) {
        scan.strangers = 0;
        int r = store_blob_scan(store, account, BLOB_META, (struct blob_id){ wanted[scan.next].blob },
                                (struct blob_id){ wanted[count - 1].blob }, take_record, &scan, err);
        if (r < 0)
            return r;
        if (scan.strangers <= STRANGERS_MAX)
            break; /* not broken off for a gap: the rest has no records */
    }
    *damaged_out = scan.damaged;
    return 0;
}
