/* Records of messages, many at once, and over those that are damaged. */
#include "mail/indexer_private.h"

enum {
    RECORDS_BYTES_MAX = 1 << 20, /* that are read at once */
    DAMAGED_MAX = 1024,          /* stepped over in a round: in a damaged block each id is looked for */
};

static int take_record(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    struct indexer_records *records = ctx;
    (void)err;
    buf_add(&records->bytes, record);
    records->ids[records->count] = id.n;
    records->ends[records->count++] = records->bytes.n;
    return records->count == INDEXER_LOOK_RECORDS || records->bytes.n >= RECORDS_BYTES_MAX;
}

static int take_none(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    (void)ctx;
    (void)id;
    (void)record;
    (void)err;
    return 1;
}

static int try_until(struct indexer_work *work, struct blob_range range, uint64_t last, struct err *err)
{
    range.last.n = last;
    return store_blob_scan(work->store, work->account, &range, take_none, NULL, err);
}

/* The first record in the range is damaged: whose is it? The shortest range that cannot be read ends with it. -ERR_CORRUPT and
 * the id; 0: it can be read by now. */
static int find_damaged(struct indexer_work *work, const struct blob_range *range, uint64_t *id_out,
                        struct err *err)
{
    uint64_t low = range->first.n, high = range->last.n;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int r = try_until(work, *range, middle, err);
        if (r < 0 && r != -ERR_CORRUPT)
            return r;
        if (r == -ERR_CORRUPT)
            high = middle;
        else
            low = middle + 1;
    }
    *id_out = low;
    return try_until(work, *range, low, err);
}

int indexer_records_read(struct indexer_work *work, const struct blob_range *range,
                         struct indexer_records *records, struct err *err)
{
    uint64_t id;

    records->count = 0;
    buf_clear(&records->bytes);
    int r = store_blob_scan(work->store, work->account, range, take_record, records, err);
    if (r != -ERR_CORRUPT)
        return r;
    if (records->count > 0) /* those before it; the next call meets it first */
        return 0;
    if (records->damaged++ == DAMAGED_MAX)
        return r;
    r = find_damaged(work, range, &id, err);
    if (r == 0)
        return err_set(err, ERR_IO, "a record of a message could not be read, and can be now");
    if (r == -ERR_CORRUPT)
        r = take_record(records, (struct blob_id){ id }, STR(""), err);
    return r;
}
