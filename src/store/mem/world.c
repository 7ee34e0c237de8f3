#include "store/mem/world.h"

#include "base/codec.h"
#include "base/map.h"

#include <stdlib.h>

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

struct str world_blob_key(char out[BLOB_KEY_BYTES], struct account_id account, struct blob_id id)
{
    store_be64(out, account.n);
    store_be64(out + 8, id.n);
    return str_make(out, BLOB_KEY_BYTES);
}

struct mem_world *mem_world_new(void)
{
    struct mem_world *world = must(calloc(1, sizeof *world));
    ref_init(&world->ref);
    pthread_mutex_init(&world->lock, NULL);
    pthread_mutex_init(&world->watch_lock, NULL);
    return world;
}

static void account_free(struct mem_account *account)
{
    sorted_unref(&account->state);
    sorted_unref(&account->blobs);
    free(account);
}

void world_unref(struct mem_world **world)
{
    struct mem_world *old = *world;
    *world = NULL;
    if (!old || !ref_put(&old->ref))
        return;
    for (size_t i = 0; i < old->account_count; i++)
        account_free(old->accounts[i]);
    free(old->accounts);
    pthread_mutex_destroy(&old->lock);
    pthread_mutex_destroy(&old->watch_lock);
    free(old);
}

void mem_world_free(struct mem_world **world)
{
    world_unref(world);
}

void world_attach(struct mem_store *instance)
{
    struct mem_world *world = instance->world;
    pthread_mutex_lock(&world->watch_lock);
    pthread_mutex_lock(&world->lock);
    instance->next = world->instances;
    world->instances = instance;
    pthread_mutex_unlock(&world->lock);
    pthread_mutex_unlock(&world->watch_lock);
}

void world_detach(struct mem_store *instance)
{
    struct mem_world *world = instance->world;
    pthread_mutex_lock(&world->watch_lock);
    pthread_mutex_lock(&world->lock);
    struct mem_store **link = &world->instances;
    while (*link != instance)
        link = &(*link)->next;
    *link = instance->next;
    pthread_mutex_unlock(&world->lock);
    pthread_mutex_unlock(&world->watch_lock);
}

void world_notify(struct mem_world *world, struct account_id id, uint64_t version)
{
    pthread_mutex_lock(&world->watch_lock);
    for (const struct mem_store *i = world->instances; i; i = i->next)
        if (i->watch_fn)
            i->watch_fn(i->watch_ctx, id, version);
    pthread_mutex_unlock(&world->watch_lock);
}

/* Index of the first account with an id >= `id`. */
static size_t lower(const struct mem_world *world, struct account_id id)
{
    size_t low = 0, high = world->account_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (world->accounts[middle]->id.n < id.n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct mem_account *world_next(const struct mem_world *world, struct account_id from)
{
    size_t i = lower(world, from);
    return i < world->account_count ? world->accounts[i] : NULL;
}

struct mem_account *world_find(const struct mem_world *world, struct account_id id)
{
    struct mem_account *account = world_next(world, id);
    return account && account->id.n == id.n ? account : NULL;
}

static struct mem_account *find_or_add(struct mem_world *world, struct account_id id)
{
    struct mem_account *account = world_find(world, id);
    if (account)
        return account;

    account = must(calloc(1, sizeof *account));
    account->id = id;
    account->state = sorted_new();
    account->blobs = sorted_new();
    if (world->account_count == world->account_cap) {
        world->account_cap = world->account_cap ? world->account_cap * 2 : 8;
        world->accounts = must(realloc(world->accounts, world->account_cap * sizeof(struct mem_account *)));
    }
    size_t i = lower(world, id);
    memmove(&world->accounts[i + 1], &world->accounts[i],
            (world->account_count - i) * sizeof(struct mem_account *));
    world->accounts[i] = account;
    world->account_count++;
    return account;
}

/* ---- commit: first see that every operation can be done, then do them all ---- */

enum blob_state { BLOB_GONE = 1, BLOB_PENDING, BLOB_LIVE };

static enum blob_state blob_state(const struct mem_store *self, struct account_id id, struct blob_id blob)
{
    char key[BLOB_KEY_BYTES];
    struct str k = world_blob_key(key, id, blob);
    const struct mem_account *account = world_find(self->world, id);

    if (account && sorted_find(account->blobs, k))
        return BLOB_LIVE;
    return sorted_find(self->pending, k) ? BLOB_PENDING : BLOB_GONE;
}

/* One step of a blob within the batch; `seen` holds the states that earlier operations left
 * (cast to pointers). */
static int check_blob_op(const struct mem_store *self, struct account_id id, const struct batch_op *op,
                         struct map *seen, struct err *err)
{
    struct str key = map_key_u64(&op->blob.n);
    enum blob_state state = (enum blob_state)(uintptr_t)map_get(seen, key);
    enum blob_state need = op->kind == BATCH_ADD_BLOB ? BLOB_PENDING : BLOB_LIVE;
    enum blob_state next = op->kind == BATCH_ADD_BLOB ? BLOB_LIVE : BLOB_GONE;

    if (!state)
        state = blob_state(self, id, op->blob);
    if (state != need)
        return err_set(err, ERR_NOT_FOUND, "account %llu has no %s blob %llu", (unsigned long long)id.n,
                       need == BLOB_PENDING ? "pending" : "live", (unsigned long long)op->blob.n);
    map_put(seen, key, (void *)(uintptr_t)next);
    return 0;
}

static int check_blobs(const struct mem_store *self, struct account_id id, const struct batch *batch,
                       struct err *err)
{
    struct map seen;
    struct batch_op op;
    int r = 0;

    map_init(&seen);
    for (size_t at = 0; r == 0 && batch_next(batch, &at, &op);)
        if (op.kind == BATCH_ADD_BLOB || op.kind == BATCH_DROP_BLOB)
            r = check_blob_op(self, id, &op, &seen, err);
    map_deinit(&seen);
    return r;
}

static void apply_put(struct mem_account *account, const struct batch_op *op)
{
    const struct str part[ITEM_PARTS] = { [ITEM_VALUE] = op->value };
    sorted_put(&account->state, item_new(op->key, part));
}

static void apply_delete_range(struct mem_account *account, const struct batch_op *op)
{
    size_t from = sorted_lower(account->state, op->key);
    size_t to = str_is_nil(op->value) ? account->state->n : sorted_lower(account->state, op->value);
    sorted_remove_range(&account->state, from, to);
}

static void apply_add_blob(struct mem_store *self, struct mem_account *account, struct blob_id blob)
{
    char key[BLOB_KEY_BYTES];
    struct str k = world_blob_key(key, account->id, blob);
    struct item *item = item_ref(sorted_find(self->pending, k));

    sorted_remove(&self->pending, k);
    self->world->blob_bytes += item->part[ITEM_BYTES].n;
    sorted_put(&account->blobs, item);
}

static void apply_drop_blob(struct mem_store *self, struct mem_account *account, struct blob_id blob)
{
    char key[BLOB_KEY_BYTES];
    struct str k = world_blob_key(key, account->id, blob);

    self->world->blob_bytes -= sorted_find(account->blobs, k)->part[ITEM_BYTES].n;
    sorted_remove(&account->blobs, k);
}

static void apply(struct mem_store *self, struct mem_account *account, const struct batch_op *op)
{
    switch (op->kind) {
    case BATCH_PUT:
        apply_put(account, op);
        break;
    case BATCH_DELETE:
        sorted_remove(&account->state, op->key);
        break;
    case BATCH_DELETE_RANGE:
        apply_delete_range(account, op);
        break;
    case BATCH_ADD_BLOB:
        apply_add_blob(self, account, op->blob);
        break;
    case BATCH_DROP_BLOB:
        apply_drop_blob(self, account, op->blob);
        break;
    }
}

int world_commit(struct mem_store *self, struct account_id id, uint64_t expected_version,
                 uint64_t new_version, const struct batch *batch, struct err *err)
{
    const struct mem_account *old = world_find(self->world, id);
    uint64_t version = old ? old->version : 0;
    struct batch_op op;

    if (version != expected_version)
        return err_set(err, ERR_CONFLICT, "account %llu is at version %llu, not %llu",
                       (unsigned long long)id.n, (unsigned long long)version,
                       (unsigned long long)expected_version);
    int r = check_blobs(self, id, batch, err);
    if (r < 0)
        return r;

    struct mem_account *account = find_or_add(self->world, id);
    for (size_t at = 0; batch_next(batch, &at, &op);)
        apply(self, account, &op);
    account->version = new_version;
    self->commit_count++;
    return 0;
}

static void drop_pending(struct mem_store *instance, struct account_id id)
{
    char from[BLOB_KEY_BYTES], to[BLOB_KEY_BYTES];
    size_t first = sorted_lower(instance->pending, world_blob_key(from, id, (struct blob_id){ 0 }));
    size_t end = sorted_lower(instance->pending, world_blob_key(to, id, (struct blob_id){ UINT64_MAX }));
    sorted_remove_range(&instance->pending, first, end);
}

void world_drop_account(struct mem_world *world, struct account_id id)
{
    struct mem_account *account = world_find(world, id);

    for (struct mem_store *i = world->instances; i; i = i->next)
        drop_pending(i, id);
    if (!account)
        return;
    for (size_t i = 0; i < account->blobs->n; i++)
        world->blob_bytes -= account->blobs->items[i]->part[ITEM_BYTES].n;
    size_t at = lower(world, id);
    world->account_count--;
    memmove(&world->accounts[at], &world->accounts[at + 1],
            (world->account_count - at) * sizeof(struct mem_account *));
    account_free(account);
}
