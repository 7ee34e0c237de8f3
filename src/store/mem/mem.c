#include "store/mem/mem.h"

#include "base/codec.h"
#include "store/mem/world.h"

#include <stdlib.h>

static struct mem_store *lock(struct store *store)
{
    struct mem_store *self = (struct mem_store *)store;
    pthread_mutex_lock(&self->world->lock);
    return self;
}

static void unlock(struct mem_store *self)
{
    pthread_mutex_unlock(&self->world->lock);
}

static void mem_close(struct store *store)
{
    struct mem_store *self = (struct mem_store *)store;
    world_detach(self);
    sorted_unref(&self->pending);
    world_unref(&self->world);
    free(self);
}

static int mem_version(struct store *store, struct account_id id, uint64_t *version_out, struct err *err)
{
    (void)err;
    struct mem_store *self = lock(store);
    const struct mem_account *account = world_find(self->world, id);
    *version_out = account ? account->version : 0;
    unlock(self);
    return 0;
}

static int mem_commit(struct store *store, struct account_id id, uint64_t expected_version,
                      uint64_t new_version, const struct batch *batch, struct err *err)
{
    struct mem_store *self = lock(store);
    int r = world_commit(self, id, expected_version, new_version, batch, err);
    unlock(self);
    if (r == 0)
        world_notify(self->world, id, new_version);
    return r;
}

static int mem_get(struct store *store, struct account_id id, struct str key, struct buf *value_out,
                   struct err *err)
{
    struct mem_store *self = lock(store);
    const struct mem_account *account = world_find(self->world, id);
    const struct item *item = account ? sorted_find(account->state, key) : NULL;
    if (item)
        buf_add(value_out, item->part[ITEM_VALUE]);
    unlock(self);
    return item ? 0 : err_set(err, ERR_NOT_FOUND, "account %llu has no such key", (unsigned long long)id.n);
}

static int mem_scan(struct store *store, struct account_id id, struct str from, struct str to,
                    uint64_t *version_out, store_pair_fn *fn, void *ctx, struct err *err)
{
    struct mem_store *self = lock(store);
    const struct mem_account *account = world_find(self->world, id);
    struct sorted *state = account ? sorted_ref(account->state) : sorted_new();
    if (version_out)
        *version_out = account ? account->version : 0;
    unlock(self);

    int r = 0;
    for (size_t i = sorted_lower(state, from); r == 0 && i < state->n; i++) {
        const struct item *item = state->items[i];
        if (!str_is_nil(to) && str_cmp(item->key, to) >= 0)
            break;
        r = fn(ctx, item->key, item->part[ITEM_VALUE], err);
    }
    sorted_unref(&state);
    return r < 0 ? r : 0;
}

static int mem_blob_write(struct store *store, struct account_id id, struct str bytes, struct str meta,
                          struct str header, enum blob_reading reading, struct blob_id *id_out,
                          struct err *err)
{
    (void)err;
    (void)reading; /* bytes in memory can be read in any way */
    char key[BLOB_KEY_BYTES];
    const struct str part[ITEM_PARTS] = { bytes, meta, header };
    struct mem_store *self = lock(store);
    const struct blob_id blob = { ++self->world->last_blob_id };
    unlock(self);

    struct item *item = item_new(world_blob_key(key, id, blob), part);
    lock(store);
    sorted_put(&self->pending, item);
    unlock(self);
    *id_out = blob;
    return 0;
}

static void mem_blob_abandon(struct store *store, struct account_id id, struct blob_id blob)
{
    char key[BLOB_KEY_BYTES];
    struct mem_store *self = lock(store);
    sorted_remove(&self->pending, world_blob_key(key, id, blob));
    unlock(self);
}

/* A reference to a live or pending blob, or NULL and `err`. */
static struct item *find_blob(struct store *store, struct account_id id, struct blob_id blob, struct err *err)
{
    char key[BLOB_KEY_BYTES];
    struct str k = world_blob_key(key, id, blob);
    struct mem_store *self = lock(store);
    const struct mem_account *account = world_find(self->world, id);
    struct item *item = account ? sorted_find(account->blobs, k) : NULL;
    if (!item)
        item = sorted_find(self->pending, k);
    if (item)
        item_ref(item);
    unlock(self);
    if (!item)
        (void)err_set(err, ERR_NOT_FOUND, "account %llu has no blob %llu", (unsigned long long)id.n,
                      (unsigned long long)blob.n);
    return item;
}

static int mem_blob_read(struct store *store, struct account_id id, struct blob_id blob, uint64_t offset,
                         uint64_t length, struct buf *out, struct err *err)
{
    struct item *item = find_blob(store, id, blob, err);
    if (!item)
        return -ERR_NOT_FOUND;
    buf_add(out, str_sub(item->part[ITEM_BYTES], offset, length));
    item_unref(&item);
    return 0;
}

/* The item itself never changes. */
struct mem_open_blob {
    struct open_blob open;
    struct item *item; /* own reference */
};

static int mem_blob_open(struct store *store, struct account_id id, struct blob_id blob,
                         struct open_blob **blob_out, struct err *err)
{
    struct item *item = find_blob(store, id, blob, err);
    if (!item)
        return -ERR_NOT_FOUND;
    struct mem_open_blob *open = malloc(sizeof *open);
    if (!open)
        abort();
    *open = (struct mem_open_blob){ { store }, item };
    *blob_out = &open->open;
    return 0;
}

static int mem_blob_read_open(struct open_blob *blob, uint64_t offset, uint64_t length, struct buf *out,
                              struct err *err)
{
    (void)err;
    buf_add(out, str_sub(((struct mem_open_blob *)blob)->item->part[ITEM_BYTES], offset, length));
    return 0;
}

static void mem_blob_close(struct open_blob *blob)
{
    struct mem_open_blob *open = (struct mem_open_blob *)blob;
    item_unref(&open->item);
    free(open);
}

static struct str record_of(const struct item *item, enum blob_slot slot)
{
    return item->part[slot == BLOB_META ? ITEM_META : ITEM_HEADER];
}

static int mem_blob_record(struct store *store, struct account_id id, struct blob_id blob,
                           enum blob_slot slot, struct buf *out, struct err *err)
{
    struct item *item = find_blob(store, id, blob, err);
    if (!item)
        return -ERR_NOT_FOUND;
    buf_add(out, record_of(item, slot));
    item_unref(&item);
    return 0;
}

static int mem_blob_scan(struct store *store, struct account_id id, const struct blob_range *range,
                         store_blob_fn *fn, void *ctx, struct err *err)
{
    char key[BLOB_KEY_BYTES];
    struct mem_store *self = lock(store);
    const struct mem_account *account = world_find(self->world, id);
    struct sorted *blobs = account ? sorted_ref(account->blobs) : sorted_new();
    unlock(self);

    int r = 0;
    size_t at = 0;
    for (size_t i = sorted_lower(blobs, world_blob_key(key, id, range->first)); r == 0 && i < blobs->n; i++) {
        const struct item *item = blobs->items[i];
        const struct blob_id blob = { load_be64(item->key.p + 8) };
        if (blob.n > range->last.n)
            break;
        if (blob_range_has(range, blob, &at))
            r = fn(ctx, blob, record_of(item, range->slot), err);
    }
    sorted_unref(&blobs);
    return r < 0 ? r : 0;
}

/* Id and version of the first account with an id >= `from`. */
static bool next_account(struct store *store, uint64_t from, struct account_id *id, uint64_t *version)
{
    struct mem_store *self = lock(store);
    const struct mem_account *account = world_next(self->world, (struct account_id){ from });
    if (account) {
        *id = account->id;
        *version = account->version;
    }
    unlock(self);
    return account;
}

static int mem_accounts(struct store *store, store_account_fn *fn, void *ctx, struct err *err)
{
    struct account_id id;
    uint64_t from = 0, version;
    int r = 0;

    do {
        if (!next_account(store, from, &id, &version))
            break;
        r = fn(ctx, id, version, err);
        from = id.n + 1;
    } while (r == 0 && from != 0); /* 0: that was the last possible id */
    return r < 0 ? r : 0;
}

static int mem_drop_account(struct store *store, struct account_id id, struct err *err)
{
    (void)err;
    struct mem_store *self = lock(store);
    world_drop_account(self->world, id);
    unlock(self);
    world_notify(self->world, id, 0);
    return 0;
}

static int mem_watch(struct store *store, store_watch_fn *fn, void *ctx, struct err *err)
{
    (void)err;
    struct mem_store *self = (struct mem_store *)store;
    pthread_mutex_lock(&self->world->watch_lock);
    self->watch_fn = fn;
    self->watch_ctx = ctx;
    pthread_mutex_unlock(&self->world->watch_lock);
    return 0;
}

static int mem_checkpoint(struct store *store, const char *folder, struct err *err)
{
    (void)store, (void)folder;
    return err_set(err, ERR_CANNOT, "the memory engine has no files to copy");
}

static int mem_scrub(struct store *store, store_damage_fn *fn, void *ctx, struct err *err)
{
    (void)store, (void)fn, (void)ctx, (void)err;
    return 0; /* memory is not checked: nothing to find */
}

static void mem_stats(struct store *store, struct store_stats *out)
{
    struct mem_store *self = lock(store);
    out->commit_count = out->group_count = self->commit_count;
    out->blob_bytes_raw = out->blob_bytes_stored = self->world->blob_bytes;
    unlock(self);
}

static const struct store_ops mem_ops = {
    .name = "mem",
    .close = mem_close,
    .version = mem_version,
    .commit = mem_commit,
    .get = mem_get,
    .scan = mem_scan,
    .blob_write = mem_blob_write,
    .blob_abandon = mem_blob_abandon,
    .blob_read = mem_blob_read,
    .blob_open = mem_blob_open,
    .blob_read_open = mem_blob_read_open,
    .blob_close = mem_blob_close,
    .blob_record = mem_blob_record,
    .blob_scan = mem_blob_scan,
    .accounts = mem_accounts,
    .drop_account = mem_drop_account,
    .watch = mem_watch,
    .checkpoint = mem_checkpoint,
    .scrub = mem_scrub,
    .stats = mem_stats,
};

int mem_store_open(struct mem_store_options options, struct store **store_out, struct err *err)
{
    (void)err;
    struct mem_store *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->store.ops = &mem_ops;
    self->pending = sorted_new();
    self->world = options.world;
    if (self->world)
        ref_get(&self->world->ref);
    else
        self->world = mem_world_new();
    world_attach(self);
    *store_out = &self->store;
    return 0;
}
