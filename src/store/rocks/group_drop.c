/* group_drop.c: many blobs of one account dropped at once, as EXPUNGE of a mailbox does. Their places lie next to each other, so
 * they are read in one go; and where a great many go with none in between that stays, a range of keys is deleted instead of
 * each: 3 entries in the memtables rather than 3 for each blob. */
#include "base/codec.h"
#include "store/rocks/group.h"

#include <assert.h>

enum {
    MANY = 16, /* below, each is looked up on its own */
    RANGE_BLOBS =
        512, /* to read past a range costs something until it has sunk to the last level, so it must be worth it */
    STRANGERS_MAX = 16, /* in a row, before it is cheaper to seek the next blob that is wanted */
};

struct dropping {
    struct group *g;
    struct account_id account;
    const struct blob_id *ids;
    const struct place *places; /* of ids, as far as they have been found */
    struct segment *segment;    /* of the blobs that are counted below */
    struct segment_counts gone; /* live_count, live_bytes, live_raw_bytes */
};

/* ---- counts ---- */

static void flush_counts(struct dropping *d)
{
    if (d->segment)
        group_uncount(d->g, d->segment, &d->gone);
    d->segment = NULL;
    d->gone = (struct segment_counts){ 0 };
}

static int uncount(struct dropping *d, struct blob_id id, const struct place *place, struct err *err)
{
    if (!d->segment || d->segment->number != place->segment) {
        flush_counts(d);
        int r = group_segment_of(d->g, id, place, &d->segment, err);
        if (r < 0)
            return r;
    }
    d->gone.live_count++;
    d->gone.live_bytes += record_padded(place->stored_bytes);
    d->gone.live_raw_bytes += place->raw_bytes;
    return 0;
}

/* ---- keys ---- */

static void delete_range(struct dropping *d, struct blob_id first, struct blob_id last)
{
    const struct db *db = &d->g->engine->db;
    struct db_key from = db_key_blob(d->account, first);
    struct db_key to = db_key_blob(d->account, (struct blob_id){ last.n + 1 });
    static const enum db_family families[] = { DB_PLACE, DB_META, DB_HEADER };
    for (size_t i = 0; i < ARRAY_COUNT(families); i++)
        db_delete_range(db, d->g->batch, families[i], db_key_str(&from), db_key_str(&to));
    group_note_range(d->g, d->account, first, last);
}

/* Blobs from..end of the list, with nothing of the account between them that stays. */
static int drop_span(struct dropping *d, size_t from, size_t end, struct err *err)
{
    for (size_t i = from; i < end; i++) {
        int r = uncount(d, d->ids[i], &d->places[i], err);
        if (r < 0)
            return r;
    }
    if (end - from >= RANGE_BLOBS && d->ids[end - 1].n < UINT64_MAX) {
        delete_range(d, d->ids[from], d->ids[end - 1]);
        return 0;
    }
    for (size_t i = from; i < end; i++)
        group_delete_blob(d->g, d->account, d->ids[i], &d->places[i]);
    return 0;
}

/* ---- finding them ---- */

struct finder {
    struct db_iter it;
    struct account_id account;
    struct blob_id id; /* the blob that the iterator is at */
    struct str value;
    int result; /* of the iterator: 1, 0 or an error of this one value */
};

static int advance(struct finder *f, struct err *err)
{
    struct str key;
    f->result = db_iter_next(&f->it, &key, &f->value, err);
    if (f->result < 0 && (f->result != -ERR_CORRUPT || str_is_nil(key)))
        return f->result;
    if (f->result != 0) {
        assert(key.n == 16);
        f->id.n = load_be64(key.p + 8);
    }
    return 0;
}

/* Go to blob `id`; what is passed over on the way stays. */
static int find(struct finder *f, struct blob_id id, bool *stranger_out, struct place *place_out,
                struct err *err)
{
    unsigned strangers = 0;
    int r = advance(f, err);
    while (r == 0 && f->result != 0 && f->id.n < id.n) {
        *stranger_out = true;
        if (++strangers > STRANGERS_MAX) {
            struct db_key next = db_key_blob(f->account, id);
            db_iter_seek(&f->it, db_key_str(&next));
            strangers = 0;
        }
        r = advance(f, err);
    }
    if (r < 0)
        return r;
    if (f->result == 0 || f->id.n != id.n)
        return group_no_blob(f->account, id, "live", err);
    if (f->result < 0)
        return f->result;
    return place_decode(f->value, place_out)
               ? 0
               : err_set(err, ERR_CORRUPT, "family place: a place that cannot be decoded");
}

static int drop_all(struct dropping *d, struct finder *f, struct place *places, size_t count, struct err *err)
{
    size_t from = 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        bool stranger = false;
        r = find(f, d->ids[i], &stranger, &places[i], err);
        if (r == 0 && stranger && i > from) {
            r = drop_span(d, from, i, err);
            from = i;
        }
    }
    if (r == 0)
        r = drop_span(d, from, count, err);
    flush_counts(d);
    return r;
}

int group_drop_blobs(struct group *g, struct account_id account, const struct blob_id *ids, size_t count,
                     struct err *err)
{
    int r = 0;
    if (count < MANY ||
        group_has_blobs_of(g, account)) { /* what this group itself did is not in the database yet */
        for (size_t i = 0; r == 0 && i < count; i++)
            r = group_drop_blob(g, account, ids[i], err);
        return r;
    }
    struct place *places = arena_new_array(&g->arena, struct place, count);
    struct dropping d = { .g = g, .account = account, .ids = ids, .places = places };
    struct db_key from = db_key_blob(account, ids[0]);
    struct db_key to = ids[count - 1].n < UINT64_MAX
                           ? db_key_blob(account, (struct blob_id){ ids[count - 1].n + 1 })
                           : db_key_account_end(account);
    struct finder f = { .account = account };
    db_iter_open(&f.it, &g->engine->db, DB_PLACE,
                 &(struct db_range){ .from = db_key_str(&from), .to = db_key_str(&to) });
    r = drop_all(&d, &f, places, count, err);
    db_iter_close(&f.it);
    return r;
}
