#include "index/pages.h"

#include "base/map.h"
#include "base/ref.h"

#include <pthread.h>
#include <stdlib.h>

struct page_key {
    uint64_t account, blob, number;
};

struct page {
    struct ref ref; /* one of the cache, one of each reader */
    struct page_key key;
    struct buf bytes;
    struct page *newer, *older; /* by use */
};

struct pages {
    struct store *store;
    size_t bytes, bytes_max;
    pthread_mutex_t lock;
    struct map by_key;
    struct page *newest, *oldest;
};

struct pages *pages_new(struct store *store, size_t cache_bytes)
{
    struct pages *p = calloc(1, sizeof *p);
    if (!p || pthread_mutex_init(&p->lock, NULL) != 0)
        abort();
    p->store = store;
    p->bytes_max = cache_bytes;
    map_init(&p->by_key);
    return p;
}

static void put_page(struct page *page)
{
    if (!ref_put(&page->ref))
        return;
    buf_deinit(&page->bytes);
    free(page);
}

/* ---- with the lock held ---- */

static struct str key_of(const struct page_key *key)
{
    return str_make(key, sizeof *key);
}

static void take_out(struct pages *p, struct page *page)
{
    *(page->newer ? &page->newer->older : &p->newest) = page->older;
    *(page->older ? &page->older->newer : &p->oldest) = page->newer;
    page->newer = page->older = NULL;
}

static void put_first(struct pages *p, struct page *page)
{
    page->older = p->newest;
    page->newer = NULL;
    *(p->newest ? &p->newest->newer : &p->oldest) = page;
    p->newest = page;
}

static void forget(struct pages *p, struct page *page)
{
    take_out(p, page);
    map_remove(&p->by_key, key_of(&page->key));
    p->bytes -= page->bytes.cap;
    put_page(page);
}

static struct page *find(struct pages *p, const struct page_key *key)
{
    struct page *page = map_get(&p->by_key, key_of(key));
    if (!page)
        return NULL;
    take_out(p, page);
    put_first(p, page);
    ref_get(&page->ref);
    return page;
}

/* Keep the page, unless another thread was faster. */
static void keep(struct pages *p, struct page *page)
{
    if (map_get(&p->by_key, key_of(&page->key)))
        return;
    ref_get(&page->ref);
    map_put(&p->by_key, key_of(&page->key), page);
    put_first(p, page);
    p->bytes += page->bytes.cap;
    while (p->bytes > p->bytes_max && p->oldest != page)
        forget(p, p->oldest);
}

/* ---- */

void pages_free(struct pages **pages)
{
    struct pages *p = *pages;
    if (!p)
        return;
    while (p->oldest)
        forget(p, p->oldest);
    map_deinit(&p->by_key);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *pages = NULL;
}

static int get_page(struct pages *p, const struct page_key *key, struct page **page_out, struct err *err)
{
    pthread_mutex_lock(&p->lock);
    *page_out = find(p, key);
    pthread_mutex_unlock(&p->lock);
    if (*page_out)
        return 0;
    struct page *page = calloc(1, sizeof *page);
    if (!page)
        abort();
    ref_init(&page->ref);
    page->key = *key;
    int r = store_blob_read(p->store, (struct account_id){ key->account }, (struct blob_id){ key->blob },
                            key->number * PAGES_BYTES, PAGES_BYTES, &page->bytes, err);
    if (r < 0) {
        put_page(page);
        return r;
    }
    pthread_mutex_lock(&p->lock);
    keep(p, page);
    pthread_mutex_unlock(&p->lock);
    *page_out = page;
    return 0;
}

int pages_read(struct pages *pages, struct account_id account, struct blob_id blob, uint64_t offset,
               uint64_t length, struct buf *out, struct err *err)
{
    while (length > 0) {
        struct page_key key = { account.n, blob.n, offset / PAGES_BYTES };
        struct page *page;
        int r = get_page(pages, &key, &page, err);
        if (r < 0)
            return r;
        struct str piece = str_sub(buf_str(&page->bytes), (size_t)(offset % PAGES_BYTES), (size_t)length);
        buf_add(out, piece);
        put_page(page);
        if (piece.n == 0)
            return err_set(err, ERR_CORRUPT, "index: blob %llu ends before %llu", (unsigned long long)blob.n,
                           (unsigned long long)offset);
        offset += piece.n;
        length -= piece.n;
    }
    return 0;
}
