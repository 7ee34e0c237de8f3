#include "store/rocks/rocks.h"

#include "base/codec.h"
#include "base/file.h"
#include "store/rocks/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum { FORMAT = 1 };

struct rocks_options rocks_options_default(void)
{
    return (struct rocks_options){
        .clock = &clock_system,
        .watermark_bytes = UINT64_C(512) << 20,
        .ballast_bytes = UINT64_C(64) << 20,
        .segment_bytes = UINT64_C(256) << 20,
        .block_cache_bytes = 64 << 20,
        .compression = ROCKS_LZ4,
        .collect_below_percent = 50,
        .collect_bytes_per_s = UINT64_C(32) << 20,
        .collect_interval_ms = 10000,
        .open_segments_max = 256,
        .inline_commit = true,
        .files = &rocks_file_ops_system,
    };
}

/* ---- what the parts share ---- */

void engine_event(struct engine *e, enum rocks_event event, const char *text)
{
    if (e->options.event)
        e->options.event(e->options.event_ctx, event, text);
}

void engine_fail(struct engine *e, const struct err *why)
{
    if (!atomic_exchange(&e->failed, true))
        engine_event(e, ROCKS_WRITE_FAILED, why->text);
}

void engine_notify(struct engine *e, struct account_id account, uint64_t version)
{
    pthread_mutex_lock(&e->watch.lock);
    if (e->watch.fn)
        e->watch.fn(e->watch.ctx, account, version);
    pthread_mutex_unlock(&e->watch.lock);
}

static int rocks_watch(struct store *store, store_watch_fn *fn, void *ctx, struct err *err)
{
    struct engine *e = engine_of(store);
    (void)err;
    pthread_mutex_lock(&e->watch.lock);
    e->watch.fn = fn;
    e->watch.ctx = ctx;
    pthread_mutex_unlock(&e->watch.lock);
    return 0;
}

void segment_counts_encode(uint64_t salt, const struct segment_counts *counts, struct buf *out)
{
    buf_put_u64(out, salt);
    buf_put_u64(out, counts->live_bytes);
    buf_put_u64(out, counts->live_raw_bytes);
    buf_put_u64(out, counts->live_count);
    buf_put_u64(out, counts->end);
}

bool segment_counts_decode(struct str in, uint64_t *salt_out, struct segment_counts *counts_out)
{
    struct reader r = reader_make(in);
    *salt_out = reader_u64(&r);
    counts_out->live_bytes = reader_u64(&r);
    counts_out->live_raw_bytes = reader_u64(&r);
    counts_out->live_count = reader_u64(&r);
    counts_out->end = reader_u64(&r);
    return !r.bad && reader_left(&r) == 0;
}

static void add_segment(void *ctx, const struct segment *s)
{
    struct store_stats *out = ctx;
    out->blob_bytes_raw += s->counts.live_raw_bytes;
    out->blob_bytes_stored += s->counts.live_bytes;
    out->dead_bytes += s->reserved - SEGMENT_HEAD_BYTES - s->counts.live_bytes - s->pending_bytes;
}

static void rocks_stats(struct store *store, struct store_stats *out)
{
    struct engine *e = engine_of(store);
    out->commit_count = atomic_load(&e->committer.commit_count);
    out->group_count = atomic_load(&e->committer.group_count);
    out->flush_count = atomic_load(&e->committer.flush_count) + atomic_load(&e->segments.flush_count);
    out->written_bytes = atomic_load(&e->committer.written_bytes) + atomic_load(&e->segments.written_bytes);
    segments_each(&e->segments, add_segment, out);
    space_state(&e->space, &out->free_bytes, &out->below_watermark);
    out->watermark_bytes = e->options.watermark_bytes;
    out->failed = atomic_load(&e->failed);
}

/* ---- open, close ---- */

static void rocks_close(struct store *store)
{
    struct engine *e = engine_of(store);
    collector_stop(e);
    committer_stop(e);
    pending_deinit(e);
    places_free(&e->places);
    segments_deinit(&e->segments);
    db_close(&e->db);
    space_deinit(&e->space);
    compressor_pool_deinit(&e->compressors);
    if (e->lock_fd >= 0)
        close(e->lock_fd); /* unlocks */
    free(e->folder);
    free(e);
}

static const struct store_ops rocks_ops = {
    .name = "rocks",
    .close = rocks_close,
    .version = rocks_version,
    .commit = rocks_commit,
    .commit_start = rocks_commit_start,
    .push = rocks_push,
    .get = rocks_get,
    .scan = rocks_scan,
    .blob_write = rocks_blob_write,
    .blob_abandon = rocks_blob_abandon,
    .blob_read = rocks_blob_read,
    .blob_open = rocks_blob_open,
    .blob_read_open = rocks_blob_read_open,
    .blob_close = rocks_blob_close,
    .blob_record = rocks_blob_record,
    .blob_scan = rocks_blob_scan,
    .accounts = rocks_accounts,
    .drop_account = rocks_drop_account,
    .watch = rocks_watch,
    .checkpoint = rocks_checkpoint,
    .scrub = rocks_scrub,
    .stats = rocks_stats,
};

/* One process per folder: RocksDB would notice too, but does not say who. */
static int take_lock(struct engine *e, struct err *err)
{
    struct buf path = BUF_INIT;
    char holder[32] = "";
    int r = 0;
    buf_printf(&path, "%s/LOCK", e->folder);
    e->lock_fd = open(buf_c(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (e->lock_fd < 0) {
        r = err_set_errno(err, errno, "cannot open %s", buf_c(&path));
    } else if (flock(e->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        ssize_t n = pread(e->lock_fd, holder, sizeof holder - 1, 0);
        struct str who = str_trim(str_make(holder, n > 0 ? (size_t)n : 0));
        r = err_set(err, ERR_UNAVAILABLE, "%s is in use by process " STR_FMT, e->folder, STR_ARG(who));
    } else {
        struct buf pid = BUF_INIT;
        buf_printf(&pid, "%ld\n", (long)getpid());
        if (ftruncate(e->lock_fd, 0) < 0 || pwrite(e->lock_fd, pid.p, pid.n, 0) != (ssize_t)pid.n)
            r = err_set_errno(err, errno, "cannot write to %s", buf_c(&path));
        buf_deinit(&pid);
    }
    buf_deinit(&path);
    return r;
}

/* 0: new, or an open of a new one did not get as far as writing it. */
static int read_format(struct engine *e, uint64_t *format_out, struct err *err)
{
    int r = db_get_u64(&e->db, DB_ENGINE, NULL, STR("format"), format_out, err);
    if (r == 0 && *format_out > FORMAT)
        r = err_set(err, ERR_INVALID, "%s was written by a newer version (format %llu, this one knows %d)",
                    e->folder, (unsigned long long)*format_out, FORMAT);
    return r;
}

static int write_format(struct engine *e, struct err *err)
{
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    db_put_u64(&e->db, batch, DB_ENGINE, STR("format"), FORMAT);
    int r = db_write(&e->db, batch, err);
    rocksdb_writebatch_destroy(batch);
    return r;
}

static void tell_damage(void *ctx, const char *text)
{
    engine_event(ctx, ROCKS_DAMAGE, text);
}

static int load_segments(struct engine *e, bool is_new, struct err *err)
{
    struct db_iter it;
    struct str key, value;
    int r;
    db_iter_open(&it, &e->db, DB_ENGINE,
                 &(struct db_range){ .from = STR("segment/"), .to = STR("segment0") });
    while ((r = db_iter_next(&it, &key, &value, err)) == 1) {
        struct segment_counts counts;
        uint64_t salt;
        if (key.n != 8 + 8 || !segment_counts_decode(value, &salt, &counts)) {
            r = err_set(err, ERR_CORRUPT, "family default: counts of a segment that cannot be decoded");
            break;
        }
        segments_add_known(&e->segments, load_be64(key.p + 8), salt, &counts);
    }
    db_iter_close(&it);
    return r < 0 ? r : segments_start(&e->segments, !is_new, tell_damage, e, err);
}

static int open_database(struct engine *e, struct err *err)
{
    struct buf path = BUF_INIT;
    uint64_t format = 0;
    buf_printf(&path, "%s/db", e->folder);
    struct db_open_options o = { .folder = buf_c(&path), .cache_bytes = e->options.block_cache_bytes };
    int r = db_open(&e->db, &o, err);
    buf_deinit(&path);
    atomic_store(&e->first_version, VERSION_UNKNOWN);
    uint64_t version;
    if (r == 0 && rocks_version(&e->store, (struct account_id){ 0 }, &version, NULL) == 0)
        atomic_store(&e->first_version, version); /* else who asks is told */
    if (r == 0)
        r = read_format(e, &format, err);
    if (r == 0)
        r = load_segments(e, format == 0, err);
    /* Only now, so that segments beside a lost database are refused every time. */
    if (r == 0 && format == 0)
        r = write_format(e, err);
    return r == 0 ? blob_ids_init(e, err) : r;
}

int rocks_store_open(const struct rocks_options *options, struct store **store_out, struct err *err)
{
    int r = file_mkdir_all(options->folder, 0700, err);
    if (r < 0)
        return r;
    struct engine *e = calloc(1, sizeof *e);
    if (!e)
        abort();
    e->store.ops = &rocks_ops;
    e->options = *options;
    e->folder = strdup(options->folder);
    if (!e->folder)
        abort();
    e->options.folder = e->folder;
    e->lock_fd = -1;
    compressor_pool_init(&e->compressors);
    segments_init(&e->segments, &e->options);
    pending_init(&e->pending);
    e->places = places_new();
    pthread_mutex_init(&e->files_gone, NULL);
    pthread_mutex_init(&e->watch.lock, NULL);
    pthread_mutex_init(&e->committer.lock, NULL);
    pthread_cond_init(&e->committer.work, NULL);
    pthread_mutex_init(&e->ids.lock, NULL);
    collector_init(e);

    r = take_lock(e, err);
    space_init(&e->space, &e->options);
    if (r == 0)
        r = open_database(e, err);
    if (r == 0)
        r = committer_start(e, err);
    if (r == 0)
        r = rocks_finish_drops(e, err);
    if (r == 0)
        r = collector_start(e, err);
    if (r < 0)
        rocks_close(&e->store);
    else
        *store_out = &e->store;
    return r;
}
