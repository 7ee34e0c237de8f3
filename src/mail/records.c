#include "mail/records.h"

#include <assert.h>
#include <stdlib.h>

struct record_source record_source_of(struct account *account, enum blob_slot slot, size_t total)
{
    return (struct record_source){ .store = mail_options(account_mail(account))->store,
                                   .account = account_id(account),
                                   .slot = slot,
                                   .in_passing = total > RECORDS_KEPT_MAX };
}

/* ---- scan ---- */

struct scan {
    const struct record_wanted *wanted; /* ascending */
    size_t count, next;
    record_fn *fn;
    void *ctx;
};

static int take_record(void *ctx, struct blob_id id, struct str record, struct err *err)
{
    struct scan *scan = ctx;
    while (scan->next < scan->count && scan->wanted[scan->next].blob < id.n)
        scan->next++;
    for (; scan->next < scan->count && scan->wanted[scan->next].blob == id.n; scan->next++) {
        int r = scan->fn(scan->ctx, scan->wanted[scan->next].index, record, err);
        if (r < 0)
            return r;
    }
    return scan->next == scan->count;
}

static int by_blob(const void *x, const void *y)
{
    const struct record_wanted *a = x, *b = y;
    if (a->blob != b->blob)
        return a->blob < b->blob ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static bool is_sorted(const struct record_wanted *wanted, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (wanted[i - 1].blob > wanted[i].blob)
            return false;
    return true;
}

int records_scan(const struct record_source *from, struct record_wanted *wanted, size_t count, record_fn *fn,
                 void *ctx, struct err *err)
{
    struct scan scan = { .wanted = wanted, .count = count, .fn = fn, .ctx = ctx };
    if (count == 0)
        return 0;
    if (!is_sorted(wanted, count)) /* messages that were copied or moved here */
        qsort(wanted, count, sizeof *wanted, by_blob);
    uint64_t *blobs = malloc(count * sizeof *blobs);
    if (!blobs)
        abort();
    for (size_t i = 0; i < count; i++)
        blobs[i] = wanted[i].blob;
    const struct blob_range range = { .slot = from->slot,
                                      .first = { blobs[0] },
                                      .last = { blobs[count - 1] },
                                      .only = blobs,
                                      .only_count = count,
                                      .in_passing = from->in_passing };
    int r = store_blob_scan(from->store, from->account, &range, take_record, &scan, err);
    free(blobs);
    return r;
}

/* ---- meta ---- */

struct meta_scan {
    meta_fn *fn;
    void *ctx;
    size_t damaged;
};

static int take_meta(void *ctx, uint32_t index, struct str record, struct err *err)
{
    struct meta_scan *scan = ctx;
    struct meta_view view;
    if (mime_meta_view(record, &view, err) == 0)
        return scan->fn(scan->ctx, index, &view, err);
    scan->damaged++;
    return 0;
}

int records_scan_meta(const struct record_source *from, struct record_wanted *wanted, size_t count,
                      meta_fn *fn, void *ctx, size_t *damaged_out, struct err *err)
{
    struct record_source meta = *from;
    struct meta_scan scan = { .fn = fn, .ctx = ctx };
    meta.slot = BLOB_META;
    int r = records_scan(&meta, wanted, count, take_meta, &scan, err);
    if (r == 0)
        *damaged_out = scan.damaged;
    return r;
}

/* ---- batch ---- */

struct record_place {
    size_t offset, n;
    bool found;
};

void record_batch_deinit(struct record_batch *b)
{
    free(b->wanted);
    free(b->places);
    buf_deinit(&b->bytes);
    *b = (struct record_batch){ 0 };
}

void record_batch_clear(struct record_batch *b)
{
    buf_clear(&b->bytes);
    b->count = 0;
}

uint32_t record_batch_want(struct record_batch *b, uint64_t blob)
{
    if (b->count == b->cap) {
        b->cap = b->cap ? 2 * b->cap : 64;
        b->wanted = realloc(b->wanted, b->cap * sizeof *b->wanted);
        b->places = realloc(b->places, b->cap * sizeof *b->places);
        if (!b->wanted || !b->places)
            abort();
    }
    uint32_t index = (uint32_t)b->count++;
    b->wanted[index] = (struct record_wanted){ blob, index };
    b->places[index] = (struct record_place){ 0 };
    return index;
}

static int keep_record(void *ctx, uint32_t index, struct str record, struct err *err)
{
    struct record_batch *b = ctx;
    (void)err;
    b->places[index] = (struct record_place){ b->bytes.n, record.n, true };
    buf_add(&b->bytes, record);
    return 0;
}

/* A range of one costs more than a look. */
static int read_one(struct record_batch *b, const struct record_source *from, struct err *err)
{
    int r = store_blob_record(from->store, from->account, (struct blob_id){ b->wanted[0].blob }, from->slot,
                              &b->bytes, err);
    if (r == -ERR_NOT_FOUND)
        return 0;
    b->places[0] = (struct record_place){ 0, b->bytes.n, r == 0 };
    return r;
}

int record_batch_read(struct record_batch *b, const struct record_source *from, struct err *err)
{
    if (b->count == 1)
        return read_one(b, from, err);
    return records_scan(from, b->wanted, b->count, keep_record, b, err);
}

struct str record_batch_get(const struct record_batch *b, uint32_t index)
{
    assert(index < b->count);
    const struct record_place *place = &b->places[index];
    if (!place->found)
        return STR_NIL;
    return str_make(place->n ? b->bytes.p + place->offset : "", place->n);
}
