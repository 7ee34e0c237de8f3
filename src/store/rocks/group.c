#include "store/rocks/group.h"

#include "base/codec.h"

#include <assert.h>
#include <stdlib.h>

enum { BATCH_KEEP_BYTES = 4 << 20 }; /* a larger WriteBatch is made anew */

rocksdb_writebatch_t *group_batch(struct group *g)
{
    return g->batch;
}

struct engine *group_engine(struct group *g)
{
    return g->engine;
}

/* ---- versions ---- */

static struct notice *cache_slot(struct group *g, struct account_id account)
{
    return &g->cache[(account.n * UINT64_C(0x9e3779b97f4a7c15)) >> 52];
}

int group_version(struct group *g, struct account_id account, uint64_t *out, struct err *err)
{
    for (size_t i = g->version_count; i-- > 0;)
        if (g->versions[i].account.n == account.n) {
            *out = g->versions[i].version;
            return 0;
        }
    struct notice *slot = cache_slot(g, account);
    if (slot->account.n != account.n || slot->version == 0) {
        struct db_key key = db_key_account(account);
        uint64_t version;
        int r = db_get_u64(&g->engine->db, DB_ACCOUNT, NULL, db_key_str(&key), &version, err);
        if (r < 0)
            return r;
        *slot = (struct notice){ account, version };
    }
    *out = slot->version;
    return 0;
}

void group_set_version(struct group *g, struct account_id account, uint64_t version)
{
    struct db_key key = db_key_account(account);
    if (version > 0)
        db_put_u64(&g->engine->db, g->batch, DB_ACCOUNT, db_key_str(&key), version);
    else
        db_delete(&g->engine->db, g->batch, DB_ACCOUNT, db_key_str(&key));
    g->versions = arena_grow(&g->arena, g->versions, g->version_count, &g->version_cap, sizeof *g->versions);
    g->versions[g->version_count++] = (struct notice){ account, version };
}

/* ---- blobs and counts ---- */

static struct undo *journal_add(struct group *g)
{
    g->journal = arena_grow(&g->arena, g->journal, g->journal_count, &g->journal_cap, sizeof *g->journal);
    struct undo *u = &g->journal[g->journal_count++];
    *u = (struct undo){ .blob = NULL };
    return u;
}

static size_t touch(struct group *g, struct segment *s)
{
    if (s->group_index < g->touched_count && g->touched[s->group_index].segment == s)
        return s->group_index;
    g->touched = arena_grow(&g->arena, g->touched, g->touched_count, &g->touched_cap, sizeof *g->touched);
    g->touched[g->touched_count] = (struct touched){ s, segments_counts(&g->engine->segments, s), false,
                                                     false };
    s->group_index = g->touched_count;
    return g->touched_count++;
}

/* The counts of a segment as this group leaves them, to be changed. */
static struct segment_counts *counts_of(struct group *g, struct segment *s)
{
    size_t i = touch(g, s);
    struct undo *u = journal_add(g);
    u->index = i;
    u->counts_before = g->touched[i].counts;
    return &g->touched[i].counts;
}

static void count_live(struct group *g, struct segment *s, const struct place *place)
{
    struct segment_counts *c = counts_of(g, s);
    uint64_t padded = record_padded(place->stored_bytes);
    c->live_count++;
    c->live_bytes += padded;
    c->live_raw_bytes += place->raw_bytes;
    if (c->end < place->offset + padded)
        c->end = place->offset + padded;
}

void group_uncount(struct group *g, struct segment *s, const struct segment_counts *gone)
{
    struct segment_counts *c = counts_of(g, s);
    assert(c->live_count >= gone->live_count && c->live_bytes >= gone->live_bytes &&
           c->live_raw_bytes >= gone->live_raw_bytes);
    c->live_count -= gone->live_count;
    c->live_bytes -= gone->live_bytes;
    c->live_raw_bytes -= gone->live_raw_bytes;
}

static void count_gone(struct group *g, struct segment *s, const struct place *place)
{
    const struct segment_counts one = { .live_count = 1,
                                        .live_bytes = record_padded(place->stored_bytes),
                                        .live_raw_bytes = place->raw_bytes };
    group_uncount(g, s, &one);
}

static void need_sync(struct group *g, const struct appended *a)
{
    if (a->ticket > atomic_load(&a->segment->synced)) {
        size_t i = touch(g, a->segment);
        g->touched[i].sync = true;
    }
}

static struct group_blob *blob_get(struct group *g, struct blob_id id)
{
    return g->has_blobs ? map_get(&g->blobs, map_key_u64(&id.n)) : NULL;
}

static uint64_t account_bit(struct account_id account)
{
    return UINT64_C(1) << (account.n * UINT64_C(0x9e3779b97f4a7c15) >> 58);
}

bool group_has_blobs_of(const struct group *g, struct account_id account)
{
    return g->accounts_with_blobs & account_bit(account);
}

static void blob_set(struct group *g, struct blob_id id, const struct group_blob *now)
{
    struct group_blob *b = blob_get(g, id);
    g->accounts_with_blobs |= account_bit(now->account);
    if (!b) {
        if (!g->has_blobs)
            map_init(&g->blobs);
        g->has_blobs = true;
        b = arena_new(&g->arena, struct group_blob);
        map_put(&g->blobs, map_key_u64(&id.n), b);
    }
    struct undo *u = journal_add(g);
    u->blob = b;
    /* All zero: account 0 and not live, which blob_place below takes for "ask the database". */
    u->blob_before = *b;
    *b = *now;
}

int group_no_blob(struct account_id account, struct blob_id id, const char *state, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "account %llu has no %s blob %llu", (unsigned long long)account.n,
                   state, (unsigned long long)id.n);
}

static void put_place(struct group *g, struct str key, const struct place *place)
{
    struct buf value = BUF_INIT;
    place_encode(place, &value);
    db_put(&g->engine->db, g->batch, DB_PLACE, key, buf_str(&value));
    buf_deinit(&value);
}

int group_add_blob(struct group *g, struct account_id account, struct blob_id id, struct err *err)
{
    const struct db *db = &g->engine->db;
    struct pending *p = pending_claim(g->engine, account, id);
    if (!p)
        return group_no_blob(account, id, "pending", err);
    g->added = arena_grow(&g->arena, g->added, g->added_count, &g->added_cap, sizeof(struct pending *));
    g->added[g->added_count++] = p;

    struct db_key key = db_key_blob(account, id);
    put_place(g, db_key_str(&key), &p->at.place);
    db_put_checked(db, g->batch, DB_META, db_key_str(&key), buf_str(&p->meta));
    db_put_checked(db, g->batch, DB_HEADER, db_key_str(&key), buf_str(&p->header));
    need_sync(g, &p->at);
    count_live(g, p->at.segment, &p->at.place);
    blob_set(g, id, &(struct group_blob){ account, true, true, p->at.place });
    return 0;
}

void group_note_range(struct group *g, struct account_id account, struct blob_id first, struct blob_id last)
{
    g->ranges = arena_grow(&g->arena, g->ranges, g->range_count, &g->range_cap, sizeof *g->ranges);
    g->ranges[g->range_count++] = (struct group_range){ account, first, last };
    g->accounts_with_blobs |= account_bit(account);
}

static bool in_dropped_range(const struct group *g, struct account_id account, struct blob_id id)
{
    for (size_t i = 0; i < g->range_count; i++) {
        const struct group_range *range = &g->ranges[i];
        if (range->account.n == account.n && range->first.n <= id.n && id.n <= range->last.n)
            return true;
    }
    return false;
}

/* Where a live blob is, as this group sees it. */
static int blob_place(struct group *g, struct account_id account, struct blob_id id, struct place *out,
                      struct err *err)
{
    const struct group_blob *b = blob_get(g, id);
    if (b && (b->live || b->place.segment != 0)) {
        if (!b->live || b->account.n != account.n)
            return group_no_blob(account, id, "live", err);
        *out = b->place;
        return 0;
    }
    if (in_dropped_range(g, account, id))
        return group_no_blob(account, id, "live", err);
    return db_get_place(&g->engine->db, account, id, out, err);
}

int group_segment_of(struct group *g, struct blob_id id, const struct place *place,
                     struct segment **segment_out, struct err *err)
{
    struct segment *s = segments_find(&g->engine->segments, place->segment);
    if (!s)
        return err_set(err, ERR_CORRUPT, "blob %llu is said to be in segment %llu, which does not exist",
                       (unsigned long long)id.n, (unsigned long long)place->segment);
    *segment_out = s;
    return 0;
}

void group_delete_blob(struct group *g, struct account_id account, struct blob_id id,
                       const struct place *place)
{
    const struct db *db = &g->engine->db;
    struct db_key key = db_key_blob(account, id);
    db_delete(db, g->batch, DB_PLACE, db_key_str(&key));
    db_delete(db, g->batch, DB_META, db_key_str(&key));
    db_delete(db, g->batch, DB_HEADER, db_key_str(&key));
    blob_set(g, id, &(struct group_blob){ account, false, false, *place });
}

int group_drop_blob(struct group *g, struct account_id account, struct blob_id id, struct err *err)
{
    struct place place;
    struct segment *s;
    int r = blob_place(g, account, id, &place, err);
    if (r == 0)
        r = group_segment_of(g, id, &place, &s, err);
    if (r < 0)
        return r;
    count_gone(g, s, &place);
    group_delete_blob(g, account, id, &place);
    return 0;
}

int group_move_blob(struct group *g, struct account_id account, struct blob_id id, const struct place *from,
                    const struct appended *to, struct err *err)
{
    struct place place;
    int r = blob_place(g, account, id, &place, err);
    if (r == -ERR_NOT_FOUND || (r == 0 && (place.segment != from->segment || place.offset != from->offset)))
        return 0;
    if (r < 0)
        return r;
    struct segment *s = segments_find(&g->engine->segments, place.segment);
    assert(s); /* it holds something live */
    struct db_key key = db_key_blob(account, id);
    put_place(g, db_key_str(&key), &to->place);
    need_sync(g, to);
    count_gone(g, s, &place);
    count_live(g, to->segment, &to->place);
    blob_set(g, id, &(struct group_blob){ account, true, false, to->place });
    return 1;
}

int group_retire(struct group *g, uint64_t segment_number)
{
    struct segment *s = segments_find(&g->engine->segments, segment_number);
    if (!s || !segments_is_empty(&g->engine->segments, s))
        return 0;
    size_t i = touch(g, s);
    if (g->touched[i].counts.live_count > 0)
        return 0;
    g->touched[i].retire = true;
    return 1;
}

/* ---- as a whole ---- */

struct group *group_new(struct engine *e)
{
    struct group *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    g->engine = e;
    g->batch = rocksdb_writebatch_create();
    return g;
}

void group_free(struct group **g)
{
    if (!*g)
        return;
    arena_deinit(&(*g)->arena);
    rocksdb_writebatch_destroy((*g)->batch);
    free(*g);
    *g = NULL;
}

struct group_mark group_mark(const struct group *g)
{
    return (struct group_mark){ g->journal_count, g->added_count, g->version_count, g->range_count };
}

void group_undo_to(struct group *g, struct group_mark m)
{
    while (g->journal_count > m.journal) {
        const struct undo *u = &g->journal[--g->journal_count];
        if (u->blob)
            *u->blob = u->blob_before;
        else
            g->touched[u->index].counts = u->counts_before;
    }
    while (g->added_count > m.added)
        pending_unclaim(g->engine, g->added[--g->added_count]);
    g->version_count = m.versions;
    g->range_count = m.ranges;
}

static int sync_segments(struct group *g, struct err *err)
{
    for (size_t i = 0; i < g->touched_count; i++) {
        int r = g->touched[i].sync ? segments_sync(&g->engine->segments, g->touched[i].segment, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int group_write(struct group *g, struct err *err)
{
    struct committer *c = &g->engine->committer;
    struct buf value = BUF_INIT;
    int r = sync_segments(g, err);
    for (size_t i = 0; r == 0 && i < g->touched_count; i++) {
        const struct touched *t = &g->touched[i];
        struct db_key key = db_key_engine("segment/", t->segment->number);
        buf_clear(&value);
        segment_counts_encode(t->segment->salt, &t->counts, &value);
        if (t->retire)
            db_delete(&g->engine->db, g->batch, DB_ENGINE, db_key_str(&key));
        else
            db_put(&g->engine->db, g->batch, DB_ENGINE, db_key_str(&key), buf_str(&value));
    }
    buf_deinit(&value);
    if (r < 0)
        return r;
    size_t batch_bytes;
    rocksdb_writebatch_data(g->batch, &batch_bytes);
    r = db_write(&g->engine->db, g->batch, err);
    atomic_fetch_add(&c->flush_count, 1);
    atomic_fetch_add(&c->written_bytes, batch_bytes);
    return r;
}

/* Of what was moved or dropped. */
static void forget_places(struct group *g)
{
    struct str key;
    void *value;
    if (g->range_count > 0)
        places_forget_all(g->engine->places);
    for (size_t i = 0; g->has_blobs && map_next(&g->blobs, &i, &key, &value);) {
        const struct group_blob *b = value;
        if (!b->is_new)
            places_forget(g->engine->places, b->account, (struct blob_id){ load_u64(key.p) });
    }
}

void group_publish(struct group *g)
{
    bool became_empty = false;
    for (size_t i = 0; i < g->touched_count; i++) {
        const struct touched *t = &g->touched[i];
        segments_count(&g->engine->segments, t->segment, &t->counts);
        if (t->retire)
            segments_retire(&g->engine->segments, t->segment);
        else
            became_empty |= t->counts.live_count == 0;
    }
    forget_places(g);
    for (size_t i = 0; i < g->added_count; i++)
        pending_done(g->engine, g->added[i]);
    for (size_t i = 0; i < g->version_count; i++) {
        *cache_slot(g, g->versions[i].account) = g->versions[i];
        if (g->versions[i].account.n == 0)
            atomic_store(&g->engine->first_version, g->versions[i].version);
    }
    if (became_empty)
        collector_ask(g->engine);
}

void group_reset(struct group *g)
{
    size_t bytes;
    rocksdb_writebatch_data(g->batch, &bytes);
    if (bytes > BATCH_KEEP_BYTES) {
        rocksdb_writebatch_destroy(g->batch);
        g->batch = rocksdb_writebatch_create();
    } else {
        rocksdb_writebatch_clear(g->batch);
    }
    if (g->has_blobs)
        map_deinit(&g->blobs);
    arena_reset(&g->arena);
    g->has_blobs = false;
    g->touched = NULL;
    g->added = NULL;
    g->versions = NULL;
    g->journal = NULL;
    g->ranges = NULL;
    g->accounts_with_blobs = 0;
    g->touched_count = g->added_count = g->version_count = g->journal_count = g->range_count = 0;
    g->touched_cap = g->added_cap = g->version_cap = g->journal_cap = g->range_cap = 0;
}
