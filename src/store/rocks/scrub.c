/* scrub.c: read and verify everything. The database is read through a checkpoint of its own, opened anew:
 * blocks that are in our cache would hide what became of them on disk. */
#include "base/codec.h"
#include "store/rocks/checkpoint.h"
#include "store/rocks/engine.h"

#include <stdio.h>

enum { SKIPS_MAX = 64 }; /* places in one family where reading is taken up again behind damage */

struct scrub {
    struct engine *engine;
    const struct db *db; /* of the checkpoint, or the live one where that cannot be read */
    store_damage_fn *fn;
    void *ctx;
    struct buf buf;
};

/* RocksDB says "... in FILE offset N size M" of a damaged block. */
static void report_database(struct scrub *s, const struct err *err)
{
    char file[ERR_TEXT_BYTES] = "db";
    unsigned long long offset = 0;
    const char *in = strstr(err->text, " in /");
    if (in && sscanf(in, " in %239s offset %llu", file, &offset) < 1)
        snprintf(file, sizeof file, "db");
    const char *base = strrchr(file, '/');
    struct buf shown = BUF_INIT;
    buf_printf(&shown, "%s/db%s", s->engine->folder, base ? base : "");
    s->fn(s->ctx, err->text, buf_c(&shown), offset);
    buf_deinit(&shown);
}

/* ---- blobs ---- */

/* It may have been moved or dropped since the checkpoint; what the live database says counts. */
static void scrub_blob(struct scrub *s, struct account_id account, struct blob_id blob)
{
    struct engine *e = s->engine;
    struct buf file = BUF_INIT;
    struct place place;
    struct segment *segment;
    struct err err;
    int r = 0;
    for (int i = 0; i < 3; i++) {
        r = db_get_place(&e->db, account, blob, &place, &err);
        if (r < 0)
            break;
        r = segments_acquire(&e->segments, place.segment, &segment, &err);
        if (r != -ERR_NOT_FOUND)
            break;
    }
    if (r == 0) {
        segments_path(&e->segments, place.segment, &file);
        buf_clear(&s->buf);
        r = record_read_stored(segment->fd, e->segments.folder, segment->salt, &place, account, blob, &s->buf,
                               &err);
        segments_release(&e->segments, segment);
        if (r < 0)
            s->fn(s->ctx, err.text, buf_c(&file), place.offset);
    } else if (r != -ERR_NOT_FOUND) {
        segments_path(&e->segments, place.segment, &file);
        s->fn(s->ctx, err.text, buf_c(&file), 0);
    }
    buf_deinit(&file);
}

/* ---- families ---- */

/* Read from `from` to the end or the first damaged block; *last_out is the last key seen. */
static int scrub_range(struct scrub *s, enum db_family family, struct str from, struct buf *last_out,
                       struct err *err)
{
    struct db_iter it;
    struct str key, value;
    int r;
    db_iter_open(&it, s->db, family, &(struct db_range){ .from = from, .bypass_cache = true });
    for (;;) {
        r = db_iter_next(&it, &key, &value, err);
        if (r < 0 && !str_is_nil(key)) { /* our own checksum: the next one can still be read */
            report_database(s, err);
            continue;
        }
        if (r != 1)
            break;
        buf_clear(last_out);
        buf_add(last_out, key);
        if (family == DB_PLACE && key.n == 16)
            scrub_blob(s, (struct account_id){ load_be64(key.p) }, (struct blob_id){ load_be64(key.p + 8) });
    }
    db_iter_close(&it);
    return r;
}

/* Behind damage go on with the next account: the rest of this one is reported as one loss. */
static bool next_start(struct buf *last)
{
    uint64_t account = last->n >= 8 ? load_be64(last->p) : 0;
    if (account == UINT64_MAX)
        return false;
    buf_clear(last);
    buf_put_be64(last, account + 1);
    return true;
}

static int scrub_family(struct scrub *s, enum db_family family, struct err *err)
{
    struct buf last = BUF_INIT, from = BUF_INIT;
    int r = 0;
    for (int i = 0; i < SKIPS_MAX; i++) {
        r = scrub_range(s, family, buf_str(&from), &last, err);
        if (r != -ERR_CORRUPT)
            break;
        report_database(s, err);
        r = 0;
        if (family == DB_ENGINE || !next_start(&last))
            break;
        buf_clear(&from);
        buf_add(&from, buf_str(&last));
    }
    buf_deinit(&last);
    buf_deinit(&from);
    return r;
}

int rocks_scrub(struct store *store, store_damage_fn *fn, void *ctx, struct err *err)
{
    struct engine *e = engine_of(store);
    struct scrub s = { .engine = e, .db = &e->db, .fn = fn, .ctx = ctx, .buf = BUF_INIT };
    struct buf copy = BUF_INIT;
    struct db db = { 0 };
    struct err local;
    if (!err)
        err = &local;
    buf_printf(&copy, "%s/scrub", e->folder);
    checkpoint_remove(buf_c(&copy)); /* of a scrub that was killed */
    int r = checkpoint_database(e, buf_c(&copy), err);
    if (r == 0) {
        struct db_open_options o = { .folder = buf_c(&copy), .cache_bytes = 8 << 20, .read_only = true };
        r = db_open(&db, &o, err);
        if (r == 0)
            s.db = &db;
    }
    if (r == -ERR_CORRUPT) { /* what RocksDB still has open can be read at least */
        report_database(&s, err);
        r = 0;
    }
    for (int f = 0; r == 0 && f < DB_FAMILY_COUNT; f++)
        r = scrub_family(&s, (enum db_family)f, err);
    db_close(&db);
    checkpoint_remove(buf_c(&copy));
    buf_deinit(&copy);
    buf_deinit(&s.buf);
    return r;
}
