#include "index/index_private.h"

#include <assert.h>
#include <stdlib.h>

struct opened_key {
    uint64_t account, blob;
};

/* Where a segment's bytes come from. */
struct blob_source {
    struct pages *pages;
    struct account_id account;
    struct blob_id blob;
};

struct index_shelf *index_shelf_new(struct store *store, size_t cache_bytes)
{
    struct index_shelf *shelf = calloc(1, sizeof *shelf);
    if (!shelf || pthread_mutex_init(&shelf->lock, NULL) != 0)
        abort();
    if (cache_bytes < INDEX_CACHE_BYTES_MIN)
        cache_bytes = INDEX_CACHE_BYTES_MIN;
    shelf->store = store;
    shelf->opened_bytes_max = cache_bytes / 4;
    shelf->pages = pages_new(store, cache_bytes - cache_bytes / 4);
    map_init(&shelf->indexes);
    map_init(&shelf->opened);
    return shelf;
}

/* ---- the list of open segments, with the lock held ---- */

static void take_out(struct index_shelf *shelf, struct opened *o)
{
    *(o->newer ? &o->newer->older : &shelf->newest) = o->older;
    *(o->older ? &o->older->newer : &shelf->oldest) = o->newer;
    o->newer = o->older = NULL;
}

static void put_first(struct index_shelf *shelf, struct opened *o)
{
    o->older = shelf->newest;
    *(shelf->newest ? &shelf->newest->newer : &shelf->oldest) = o;
    shelf->newest = o;
}

static void forget(struct index_shelf *shelf, struct opened *o)
{
    struct opened_key key = { o->account, o->blob };
    take_out(shelf, o);
    map_remove(&shelf->opened, str_make(&key, sizeof key));
    shelf->opened_bytes -= index_segment_memory_bytes(o->segment);
    index_segment_unref(&o->segment);
    free(o);
}

static struct index_segment *find(struct index_shelf *shelf, struct opened_key key)
{
    struct opened *o = map_get(&shelf->opened, str_make(&key, sizeof key));
    if (!o)
        return NULL;
    take_out(shelf, o);
    put_first(shelf, o);
    return index_segment_ref(o->segment);
}

static void keep(struct index_shelf *shelf, struct opened_key key, struct index_segment *segment)
{
    if (map_get(&shelf->opened, str_make(&key, sizeof key)))
        return; /* another thread was faster */
    struct opened *o = calloc(1, sizeof *o);
    if (!o)
        abort();
    *o = (struct opened){ .account = key.account, .blob = key.blob, .segment = index_segment_ref(segment) };
    map_put(&shelf->opened, str_make(&key, sizeof key), o);
    put_first(shelf, o);
    shelf->opened_bytes += index_segment_memory_bytes(segment);
    while (shelf->opened_bytes > shelf->opened_bytes_max && shelf->oldest != o)
        forget(shelf, shelf->oldest);
}

/* ---- */

void shelf_close_segments(struct index_shelf *shelf)
{
    pthread_mutex_lock(&shelf->lock);
    while (shelf->oldest)
        forget(shelf, shelf->oldest);
    pthread_mutex_unlock(&shelf->lock);
}

void index_shelf_free(struct index_shelf **shelf)
{
    struct index_shelf *s = *shelf;
    if (!s)
        return;
    assert(s->indexes.count == 0);
    shelf_close_segments(s);
    map_deinit(&s->indexes);
    map_deinit(&s->opened);
    pages_free(&s->pages);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *shelf = NULL;
}

static int read_blob(void *ctx, uint64_t offset, uint64_t length, struct buf *out, struct err *err)
{
    const struct blob_source *source = ctx;
    return pages_read(source->pages, source->account, source->blob, offset, length, out, err);
}

static int open_blob(struct pages *pages, struct account_id account, const struct index_entry *entry,
                     struct index_segment **segment_out, struct err *err)
{
    struct blob_source *ctx = malloc(sizeof *ctx);
    if (!ctx)
        abort();
    *ctx = (struct blob_source){ pages, account, entry->blob };
    struct index_source source = { .read = read_blob, .close = free, .ctx = ctx, .bytes = entry->bytes };
    int r = index_segment_open(&source, segment_out, err);
    if (r < 0)
        free(ctx);
    return r;
}

int shelf_open_segment(struct index_shelf *shelf, struct pages *pages, struct account_id account,
                       const struct index_entry *entry, struct index_segment **segment_out, struct err *err)
{
    struct opened_key key = { account.n, entry->blob.n };
    if (pages)
        return open_blob(pages, account, entry, segment_out, err);
    pthread_mutex_lock(&shelf->lock);
    *segment_out = find(shelf, key);
    pthread_mutex_unlock(&shelf->lock);
    if (*segment_out)
        return 0;
    int r = open_blob(shelf->pages, account, entry, segment_out, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&shelf->lock);
    keep(shelf, key, *segment_out);
    pthread_mutex_unlock(&shelf->lock);
    return 0;
}
