/* blobs.c: blobs from the caller's side: ids, writing, those that wait for their commit, reading. */
#include "base/codec.h"
#include "store/rocks/engine.h"

#include <assert.h>
#include <stdlib.h>

enum {
    ID_BLOCK = 65536,
    READ_RETRIES = 8,
    STRANGERS_MAX = 16, /* in a row, before it is cheaper to seek the next record that is wanted */
};

/* ---- ids ---- */

static const char ids_key[] = "blob-id";

int blob_ids_init(struct engine *e, struct err *err)
{
    int r = db_get_u64(&e->db, DB_ENGINE, NULL, str_c(ids_key), &e->ids.reserved, err);
    if (e->ids.reserved == 0)
        e->ids.reserved = 1;
    e->ids.next = e->ids.reserved; /* what the last process did not use is lost */
    return r;
}

int blob_ids_next(struct engine *e, struct blob_id *out, struct err *err)
{
    int r = 0;
    pthread_mutex_lock(&e->ids.lock);
    if (e->ids.next == e->ids.reserved) {
        rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
        db_put_u64(&e->db, batch, DB_ENGINE, str_c(ids_key), e->ids.reserved + ID_BLOCK);
        r = db_write(&e->db, batch, err);
        rocksdb_writebatch_destroy(batch);
        atomic_fetch_add(&e->committer.flush_count, 1);
        if (r == 0)
            e->ids.reserved += ID_BLOCK;
        else if (err)
            engine_fail(e, err);
    }
    if (r == 0)
        out->n = e->ids.next++;
    pthread_mutex_unlock(&e->ids.lock);
    return r;
}

uint64_t blob_ids_last(struct engine *e)
{
    pthread_mutex_lock(&e->ids.lock);
    uint64_t last = e->ids.next - 1;
    pthread_mutex_unlock(&e->ids.lock);
    return last;
}

/* ---- pending ---- */

void pending_init(struct pending_blobs *p)
{
    pthread_mutex_init(&p->lock, NULL);
    map_init(&p->by_id);
}

static void pending_free(struct engine *e, struct pending *p)
{
    segments_settle(&e->segments, &p->at);
    buf_deinit(&p->meta);
    buf_deinit(&p->header);
    free(p);
}

void pending_deinit(struct engine *e)
{
    size_t i = 0;
    struct str key;
    void *value;
    while (map_next(&e->pending.by_id, &i, &key, &value))
        pending_free(e, value);
    map_deinit(&e->pending.by_id);
    pthread_mutex_destroy(&e->pending.lock);
}

/* Called with the lock held. */
static struct pending *find(struct engine *e, struct account_id account, struct blob_id id)
{
    struct pending *p = map_get(&e->pending.by_id, map_key_u64(&id.n));
    return p && p->account.n == account.n ? p : NULL;
}

struct pending *pending_claim(struct engine *e, struct account_id account, struct blob_id id)
{
    pthread_mutex_lock(&e->pending.lock);
    struct pending *p = find(e, account, id);
    if (p && (p->claimed || p->abandoned))
        p = NULL;
    if (p)
        p->claimed = true;
    pthread_mutex_unlock(&e->pending.lock);
    return p;
}

/* Take it out and free it, unless a group holds it. */
static void pending_forget(struct engine *e, struct account_id account, struct blob_id id)
{
    pthread_mutex_lock(&e->pending.lock);
    struct pending *p = find(e, account, id);
    if (p && p->claimed) {
        p->abandoned = true;
        p = NULL;
    }
    if (p)
        map_remove(&e->pending.by_id, map_key_u64(&id.n));
    pthread_mutex_unlock(&e->pending.lock);
    if (p)
        pending_free(e, p);
}

void pending_unclaim(struct engine *e, struct pending *p)
{
    pthread_mutex_lock(&e->pending.lock);
    p->claimed = false;
    bool abandoned = p->abandoned;
    struct account_id account = p->account;
    struct blob_id id = { p->id };
    pthread_mutex_unlock(&e->pending.lock);
    if (abandoned)
        pending_forget(e, account, id);
}

void pending_done(struct engine *e, struct pending *p)
{
    pthread_mutex_lock(&e->pending.lock);
    map_remove(&e->pending.by_id, map_key_u64(&p->id));
    pthread_mutex_unlock(&e->pending.lock);
    pending_free(e, p);
}

void pending_drop_account(struct engine *e, struct account_id account)
{
    struct buf ids = BUF_INIT;
    size_t i = 0;
    struct str key;
    void *value;
    pthread_mutex_lock(&e->pending.lock);
    while (map_next(&e->pending.by_id, &i, &key, &value))
        if (((const struct pending *)value)->account.n == account.n)
            buf_put_u64(&ids, ((const struct pending *)value)->id);
    pthread_mutex_unlock(&e->pending.lock);
    for (size_t at = 0; at < ids.n; at += 8)
        pending_forget(e, account, (struct blob_id){ load_u64(ids.p + at) });
    buf_deinit(&ids);
}

/* ---- writing ---- */

static int append_record(struct engine *e, struct account_id account, struct blob_id id, struct str bytes,
                         enum blob_reading reading, struct appended *out, struct err *err)
{
    static const enum codec codecs[] = {
        [ROCKS_LZ4] = CODEC_LZ4,
        [ROCKS_ZSTD] = CODEC_ZSTD,
        [ROCKS_UNCOMPRESSED] = CODEC_RAW,
    };
    struct packing packing = { codecs[e->options.compression], BLOCK_SHIFT };
    if (reading == BLOB_READ_IN_PARTS) {
        packing.block_shift = BLOCK_SHIFT_PARTS;
        if (packing.codec == CODEC_LZ4)
            packing.codec = CODEC_ZSTD;
    }
    struct compressor *c = compressor_take(&e->compressors);
    int r;
    if (segments_is_large(&e->segments, bytes.n)) {
        r = segments_append_large(&e->segments, c, packing, account, id, bytes, out, err);
    } else {
        struct buf *record = compressor_scratch(c, 0);
        record_encode(c, packing, account, id, bytes, record);
        r = segments_append(&e->segments, HEAD_ARRIVAL, record, out, err);
    }
    compressor_give(&e->compressors, &c);
    return r;
}

static void keep_checked(struct buf *out, struct str key, struct str value)
{
    buf_reserve(out, value.n + DB_CHECK_BYTES);
    buf_add(out, value);
    buf_put_u64(out, db_check(key, value));
}

int rocks_blob_write(struct store *store, struct account_id account, struct str bytes, struct str meta,
                     struct str header, enum blob_reading reading, struct blob_id *id_out, struct err *err)
{
    struct engine *e = engine_of(store);
    struct err local = { 0 };
    struct blob_id id;
    struct appended at;
    if (!err)
        err = &local;
    if (atomic_load(&e->failed))
        return err_set(err, ERR_UNAVAILABLE, "the store is read-only after a write error");
    int r = space_check(&e->space, SPACE_NEW_MAIL, bytes.n + meta.n + header.n, err);
    if (r == 0)
        r = blob_ids_next(e, &id, err);
    if (r == 0) {
        r = append_record(e, account, id, bytes, reading, &at, err);
        if (r == -ERR_IO)
            engine_fail(e, err);
    }
    if (r < 0)
        return r;
    struct pending *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    struct db_key key = db_key_blob(account, id);
    *p = (struct pending){ .id = id.n, .account = account, .at = at, .meta = BUF_INIT, .header = BUF_INIT };
    keep_checked(&p->meta, db_key_str(&key), meta);
    keep_checked(&p->header, db_key_str(&key), header);
    pthread_mutex_lock(&e->pending.lock);
    map_put(&e->pending.by_id, map_key_u64(&p->id), p);
    pthread_mutex_unlock(&e->pending.lock);
    *id_out = id;
    return 0;
}

void rocks_blob_abandon(struct store *store, struct account_id account, struct blob_id id)
{
    pending_forget(engine_of(store), account, id);
}

/* ---- reading ---- */

/* Pending first: a blob leaves there only after it is in the database.
 *   afresh  what was found before is no more */
static int locate(struct engine *e, struct account_id account, struct blob_id id, bool afresh,
                  struct place *out, struct err *err)
{
    if (!afresh && places_find(e->places, account, id, out))
        return 0;
    uint64_t moment = places_moment(e->places);
    pthread_mutex_lock(&e->pending.lock);
    const struct pending *p = find(e, account, id);
    bool pending = p && !p->abandoned;
    if (pending)
        *out = p->at.place;
    pthread_mutex_unlock(&e->pending.lock);
    if (pending)
        return 0;
    int r = db_get_place(&e->db, account, id, out, err);
    if (r == 0)
        places_keep(e->places, moment, account, id, out);
    return r;
}

struct rocks_open_blob {
    struct open_blob open;
    struct account_id account;
    struct blob_id id;
    struct place place;
    struct segment *segment; /* acquired: its file stays as long */
};

static int find_segment(struct engine *e, struct rocks_open_blob *b, struct err *err)
{
    int r = 0;
    for (int i = 0; i < READ_RETRIES; i++) {
        r = locate(e, b->account, b->id, i > 0, &b->place, err);
        if (r < 0)
            return r;
        r = segments_acquire(&e->segments, b->place.segment, &b->segment, err);
        if (r != -ERR_NOT_FOUND)
            break; /* else the collector moved it, or it was dropped: look again */
    }
    if (r == -ERR_NOT_FOUND)
        return err_set(err, ERR_CORRUPT, "blob %llu is said to be in segment %llu, which does not exist",
                       (unsigned long long)b->id.n, (unsigned long long)b->place.segment);
    return r;
}

static int read_found(struct engine *e, const struct rocks_open_blob *b, uint64_t offset, uint64_t length,
                      struct buf *out, struct err *err)
{
    struct compressor *c = compressor_take(&e->compressors);
    int r = record_read(b->segment->fd, e->segments.folder, b->segment->salt, &b->place, b->account, b->id,
                        offset, length, c, out, err);
    compressor_give(&e->compressors, &c);
    return r;
}

int rocks_blob_read(struct store *store, struct account_id account, struct blob_id id, uint64_t offset,
                    uint64_t length, struct buf *out, struct err *err)
{
    struct engine *e = engine_of(store);
    struct rocks_open_blob b = { .account = account, .id = id };
    int r = find_segment(e, &b, err);
    if (r < 0)
        return r;
    r = read_found(e, &b, offset, length, out, err);
    segments_release(&e->segments, b.segment);
    return r;
}

int rocks_blob_open(struct store *store, struct account_id account, struct blob_id id,
                    struct open_blob **blob_out, struct err *err)
{
    struct rocks_open_blob found = { .open = { store }, .account = account, .id = id };
    int r = find_segment(engine_of(store), &found, err);
    if (r < 0)
        return r;
    struct rocks_open_blob *b = malloc(sizeof *b);
    if (!b)
        abort();
    *b = found;
    *blob_out = &b->open;
    return 0;
}

int rocks_blob_read_open(struct open_blob *blob, uint64_t offset, uint64_t length, struct buf *out,
                         struct err *err)
{
    return read_found(engine_of(blob->store), (const struct rocks_open_blob *)blob, offset, length, out, err);
}

void rocks_blob_close(struct open_blob *blob)
{
    segments_release(&engine_of(blob->store)->segments, ((struct rocks_open_blob *)blob)->segment);
    free(blob);
}

static enum db_family family_of(enum blob_slot slot)
{
    return slot == BLOB_META ? DB_META : DB_HEADER;
}

int rocks_blob_record(struct store *store, struct account_id account, struct blob_id id, enum blob_slot slot,
                      struct buf *out, struct err *err)
{
    struct engine *e = engine_of(store);
    pthread_mutex_lock(&e->pending.lock);
    const struct pending *p = find(e, account, id);
    bool pending = p && !p->abandoned;
    if (pending) {
        struct str stored = buf_str(slot == BLOB_META ? &p->meta : &p->header);
        buf_add(out, str_sub(stored, 0, stored.n - DB_CHECK_BYTES));
    }
    pthread_mutex_unlock(&e->pending.lock);
    if (pending)
        return 0;
    struct db_key key = db_key_blob(account, id);
    int r = db_get(&e->db, family_of(slot), NULL, db_key_str(&key), out, err);
    if (r == -ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "account %llu has no blob %llu", (unsigned long long)account.n,
                       (unsigned long long)id.n);
    return r;
}

int rocks_blob_scan(struct store *store, struct account_id account, const struct blob_range *range,
                    store_blob_fn *fn, void *ctx, struct err *err)
{
    struct engine *e = engine_of(store);
    struct db_key from = db_key_blob(account, range->first);
    struct db_key to = range->last.n < UINT64_MAX
                           ? db_key_blob(account, (struct blob_id){ range->last.n + 1 })
                           : db_key_account_end(account);
    /* To keep a block costs more than to decompress it: new memory for each, a fault for each page of it. */
    const struct db_range keys = { .from = db_key_str(&from),
                                   .to = db_key_str(&to),
                                   .bypass_cache = range->in_passing };
    struct db_iter it;
    struct str key, value;
    int r;
    size_t at = 0;
    unsigned strangers = 0;
    db_iter_open(&it, &e->db, family_of(range->slot), &keys);
    while ((r = db_iter_next(&it, &key, &value, err)) == 1 || (r == -ERR_CORRUPT && !str_is_nil(key))) {
        assert(key.n == 16);
        const struct blob_id id = { load_be64(key.p + 8) };
        if (blob_range_has(range, id, &at)) {
            strangers = 0;
            if (r == 1)
                r = fn(ctx, id, value, err);
            if (r != 0)
                break;
        } else if (at == range->only_count) {
            r = 0;
            break;
        } else if (++strangers > STRANGERS_MAX) {
            struct db_key next = db_key_blob(account, (struct blob_id){ range->only[at] });
            db_iter_seek(&it, db_key_str(&next));
            strangers = 0;
        }
    }
    db_iter_close(&it);
    return r < 0 ? r : 0;
}
