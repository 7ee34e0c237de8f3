#include "store/rocks/rocks_testing.h"

#include "base/rand.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- faults ---- */

static int fault(struct faults *f)
{
    int call = atomic_fetch_add(&f->calls, 1);
    int at = atomic_load(&f->fail_at);
    return at >= 0 && call >= at ? atomic_load(&f->error) : 0;
}

static int faulty_write(void *ctx, int fd, const void *bytes, size_t n, off_t offset)
{
    int e = fault(ctx);
    if (e != 0 && n > 1) /* half of it reaches the disk */
        (void)!pwrite(fd, bytes, n / 2, offset);
    return e != 0 ? e : rocks_file_ops_system.write(NULL, fd, bytes, n, offset);
}

static int faulty_sync(void *ctx, int fd)
{
    int e = fault(ctx);
    return e != 0 ? e : rocks_file_ops_system.sync(NULL, fd);
}

static int faulty_allocate(void *ctx, int fd, off_t offset, off_t n)
{
    int e = fault(ctx);
    return e != 0 ? e : rocks_file_ops_system.allocate(NULL, fd, offset, n);
}

static int faulty_free_bytes(void *ctx, const char *folder, uint64_t *free_bytes_out)
{
    struct faults *f = ctx;
    *free_bytes_out = atomic_load(&f->free_bytes);
    return *free_bytes_out != 0 ? 0 : rocks_file_ops_system.free_bytes(NULL, folder, free_bytes_out);
}

/* ---- folder and store ---- */

static void note_event(void *ctx, enum rocks_event event, const char *text)
{
    struct fixture *f = ctx;
    atomic_fetch_add(&f->events[event], 1);
    if (getenv("LOFT_TEST_EVENTS"))
        print_message("event %d: %s\n", event, text);
}

void fixture_settings(struct fixture *f)
{
    *f = (struct fixture){ .faults = { .fail_at = -1, .error = EIO } };
    strcpy(f->folder, "/tmp/loft-rocks-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->faults.ops = (struct rocks_file_ops){
        .ctx = &f->faults,
        .write = faulty_write,
        .sync = faulty_sync,
        .allocate = faulty_allocate,
        .free_bytes = faulty_free_bytes,
    };
    f->options = rocks_options_default();
    f->options.folder = f->folder;
    f->options.watermark_bytes = 1 << 20;
    f->options.ballast_bytes = 64 << 10;
    f->options.segment_bytes = 64 << 10;
    f->options.block_cache_bytes = 4 << 20;
    f->options.collect_interval_ms = 3600 * 1000;
    f->options.open_segments_max = 4;
    f->options.event = note_event;
    f->options.event_ctx = f;
    f->options.files = &f->faults.ops;
}

void fixture_open(struct fixture *f)
{
    if (rocks_store_open(&f->options, &f->store, &f->err) != 0)
        fail_msg("cannot open: %s", f->err.text);
}

void fixture_init(struct fixture *f)
{
    fixture_settings(f);
    fixture_open(f);
}

void fixture_close(struct fixture *f)
{
    store_close(&f->store);
}

void fixture_reopen(struct fixture *f)
{
    fixture_close(f);
    fixture_open(f);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void fixture_remove(const char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void fixture_deinit(struct fixture *f)
{
    fixture_close(f);
    fixture_remove(f->folder);
}

/* ---- calls that must work ---- */

struct blob_id fixture_put_blob(struct fixture *f, struct account_id account, struct str bytes)
{
    struct blob_id id = { 0 };
    if (store_blob_write(f->store, account, bytes, STR("meta"), STR("header"), &id, &f->err) != 0)
        fail_msg("cannot write a blob: %s", f->err.text);
    return id;
}

uint64_t fixture_version(struct fixture *f, struct account_id account)
{
    uint64_t version = 0;
    assert_int_equal(store_version(f->store, account, &version, &f->err), 0);
    return version;
}

int fixture_commit(struct fixture *f, struct account_id account, const struct batch *b)
{
    uint64_t version = fixture_version(f, account);
    return store_commit(f->store, account, version, version + 1, b, &f->err);
}

struct blob_id fixture_deliver(struct fixture *f, struct account_id account, struct str bytes)
{
    struct batch b = BATCH_INIT;
    struct blob_id id = fixture_put_blob(f, account, bytes);
    batch_add_blob(&b, id);
    if (fixture_commit(f, account, &b) != 0)
        fail_msg("cannot commit: %s", f->err.text);
    batch_deinit(&b);
    return id;
}

void fixture_drop(struct fixture *f, struct account_id account, struct blob_id id)
{
    struct batch b = BATCH_INIT;
    batch_drop_blob(&b, id);
    if (fixture_commit(f, account, &b) != 0)
        fail_msg("cannot drop: %s", f->err.text);
    batch_deinit(&b);
}

/* ---- content ---- */

void fixture_text(struct buf *out, uint64_t seed, size_t n)
{
    static const char *const words[] = { "the ",  "mail ", "pigeon ", "flies\r\n",
                                         "home ", "to ",   "its ",    "loft " };
    struct rand_seeded r;
    size_t end = out->n + n;
    rand_seeded_init(&r, seed);
    while (out->n < end)
        buf_add(out, str_c(words[rand_below(&r.source, ARRAY_COUNT(words))]));
    out->n = end;
}

void fixture_noise(struct buf *out, uint64_t seed, size_t n)
{
    struct rand_seeded r;
    rand_seeded_init(&r, seed);
    r.source.bytes(&r.source, buf_reserve(out, n + 1), n);
    out->n += n;
}

int fixture_check_blob(struct fixture *f, struct account_id account, struct blob_id id, struct str bytes)
{
    struct buf out = BUF_INIT;
    int r = store_blob_read(f->store, account, id, 0, UINT64_MAX, &out, &f->err);
    if (r == 0 && !str_eq(buf_str(&out), bytes))
        fail_msg("blob %llu: wrong bytes were served", (unsigned long long)id.n);
    assert_true(r == 0 || out.n == 0);
    buf_deinit(&out);
    return r;
}
