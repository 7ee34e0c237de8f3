/* testing_shelf.h: for unit tests and tools: chunks on a shelf. A store that knows nothing but get(), counts
 * its calls and fails on demand, so that a test can say what was loaded and what happens when loading fails.
 * Threads: get() from any. */
#ifndef LOFT_MAIL_TESTING_SHELF_H
#define LOFT_MAIL_TESTING_SHELF_H

#include "base/map.h"
#include "mail/snapshot.h"

#include <stdlib.h>

struct shelf {
    struct store store; /* first: the ops get this pointer */
    struct chunk_source source;
    struct map values; /* key -> struct buf on the heap */
    uint64_t last_id;
    atomic_uint loads;
    int fail; /* -ERR_x: what get() answers; 0: it works */
};

static inline int shelf_get(struct store *store, struct account_id account, struct str key,
                            struct buf *value_out, struct err *err)
{
    struct shelf *shelf = (struct shelf *)store;
    (void)account;
    atomic_fetch_add(&shelf->loads, 1);
    if (shelf->fail)
        return err_set(err, (enum err_kind)(-shelf->fail), "the shelf fails as told");
    const struct buf *value = map_get(&shelf->values, key);
    if (!value)
        return err_set(err, ERR_NOT_FOUND, "not on the shelf");
    buf_add(value_out, buf_str(value));
    return 0;
}

static inline void shelf_init(struct shelf *shelf)
{
    static const struct store_ops ops = { .name = "shelf", .get = shelf_get };
    *shelf = (struct shelf){ .store = { &ops } };
    shelf->source = (struct chunk_source){ &shelf->store, { 1 }, 7 };
    map_init(&shelf->values);
}

static inline void shelf_put(struct shelf *shelf, uint64_t id, struct str bytes)
{
    struct buf key = BUF_INIT, *value = calloc(1, sizeof *value), *old;
    if (!value)
        abort();
    buf_add(value, bytes);
    chunk_key(shelf->source.mailbox_id, id, &key);
    old = map_put(&shelf->values, buf_str(&key), value);
    if (old) {
        buf_deinit(old);
        free(old);
    }
    buf_deinit(&key);
}

/* What the fold does with a dirty chunk. */
static inline int shelf_store_chunk(void *ctx, struct chunk *chunk, struct err *err)
{
    struct shelf *shelf = ctx;
    const struct chunk_columns *columns;
    struct buf bytes = BUF_INIT;
    int r = chunk_columns(chunk, &columns, err);
    if (r < 0)
        return r;
    if (chunk->summary.id == 0)
        chunk_give_id(chunk, ++shelf->last_id);
    chunk_encode(columns, &bytes);
    shelf_put(shelf, chunk->summary.id, buf_str(&bytes));
    chunk_mark_stored(chunk);
    buf_deinit(&bytes);
    return 0;
}

static inline void shelf_deinit(struct shelf *shelf)
{
    struct str key;
    void *value;
    for (size_t i = 0; map_next(&shelf->values, &i, &key, &value);) {
        buf_deinit(value);
        free(value);
    }
    map_deinit(&shelf->values);
}

#endif
