#include "store/rocks/segments.h"

#include "base/file.h"
#include "base/rand.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LARGE_PART = 16,
    ALLOCATE_STEP_BYTES = 32 << 20, /* asked from the file system at once */
};

void segments_init(struct segments *set, const struct rocks_options *options)
{
    struct buf folder = BUF_INIT;
    buf_printf(&folder, "%s/segments", options->folder);
    *set = (struct segments){
        .folder = strdup(buf_c(&folder)),
        .folder_fd = -1,
        .files = options->files,
        .segment_bytes = options->segment_bytes,
        .open_max = options->open_segments_max,
        .next_number = 1,
    };
    if (!set->folder)
        abort();
    buf_deinit(&folder);
    pthread_mutex_init(&set->lock, NULL);
    map_init(&set->by_number);
}

void segments_path(const struct segments *set, uint64_t number, struct buf *out)
{
    buf_printf(out, SEGMENT_PATH_FMT, set->folder, (unsigned long long)number);
}

/* ---- descriptors: open ones form a list by last use ---- */

static void list_remove(struct segments *set, struct segment *s)
{
    *(s->older ? &s->older->newer : &set->oldest_open) = s->newer;
    *(s->newer ? &s->newer->older : &set->newest_open) = s->older;
    s->older = s->newer = NULL;
}

static void list_add(struct segments *set, struct segment *s)
{
    s->older = set->newest_open;
    *(s->older ? &s->older->newer : &set->oldest_open) = s;
    set->newest_open = s;
}

static bool is_busy(const struct segment *s)
{
    return s->users > 0 || s->writers > 0 || s->pending_count > 0 || !s->sealed;
}

static void close_fd(struct segments *set, struct segment *s)
{
    list_remove(set, s);
    set->open_count--;
    close(s->fd);
    s->fd = -1;
}

static void attach_fd(struct segments *set, struct segment *s, int fd)
{
    s->fd = fd;
    list_add(set, s);
    set->open_count++;
    struct segment *next;
    for (struct segment *o = set->oldest_open; o && set->open_count > set->open_max; o = next) {
        next = o->newer;
        if (o != s && !is_busy(o))
            close_fd(set, o);
    }
}

static void forget(struct segments *set, struct segment *s)
{
    if (s->fd >= 0)
        close_fd(set, s);
    free(s);
}

/* Give preallocated space behind the last record back. Nothing depends on it. */
static void trim(struct segment *s)
{
    if (s->allocated > s->reserved && ftruncate(s->fd, (off_t)s->reserved) == 0)
        s->allocated = s->reserved;
}

static void seal(struct segments *set, enum segments_head head)
{
    struct segment *s = set->heads[head];
    set->heads[head] = NULL;
    s->sealed = true;
    if (s->writers == 0)
        trim(s);
}

void segments_deinit(struct segments *set)
{
    size_t i = 0;
    struct str key;
    void *value;
    for (int h = 0; h < HEAD_COUNT; h++)
        if (set->heads[h])
            seal(set, (enum segments_head)h);
    while (map_next(&set->by_number, &i, &key, &value))
        forget(set, value);
    map_deinit(&set->by_number);
    if (set->folder_fd >= 0)
        close(set->folder_fd);
    free(set->folder);
    pthread_mutex_destroy(&set->lock);
}

/* ---- appending ---- */

static int set_write(struct segments *set, int fd, const void *bytes, size_t n, uint64_t offset,
                     uint64_t number, struct err *err)
{
    int e = set->files->write(set->files->ctx, fd, bytes, n, (off_t)offset);
    if (e != 0)
        return err_set_errno(err, e, "cannot write to segment %llu", (unsigned long long)number);
    atomic_fetch_add_explicit(&set->written_bytes, n, memory_order_relaxed);
    return 0;
}

static int sync_folder(struct segments *set, struct err *err)
{
    int e = set->files->sync(set->files->ctx, set->folder_fd);
    atomic_fetch_add_explicit(&set->flush_count, 1, memory_order_relaxed);
    return e ? err_set_errno(err, e, "cannot sync folder %s", set->folder) : 0;
}

/* A new file with its head, its name durable. Called with the lock held. */
static int create(struct segments *set, struct segment **out, struct err *err)
{
    struct segment *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->number = set->next_number++;
    s->salt = rand_u64(&rand_system);
    struct buf path = BUF_INIT;
    segments_path(set, s->number, &path);
    int r = 0, fd = open(buf_c(&path), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        r = err_set_errno(err, errno, "cannot create %s", buf_c(&path));
        goto out;
    }
    unsigned char head[SEGMENT_HEAD_BYTES];
    segment_head_encode(s->number, s->salt, head);
    r = set_write(set, fd, head, sizeof head, 0, s->number, err);
    if (r == 0)
        r = sync_folder(set, err);
    s->reserved = s->allocated = SEGMENT_HEAD_BYTES;
    s->counts.end = SEGMENT_HEAD_BYTES;
out:
    if (r < 0) {
        if (fd >= 0) {
            close(fd);
            unlink(buf_c(&path));
        }
        free(s);
    } else {
        attach_fd(set, s, fd);
        map_put(&set->by_number, map_key_u64(&s->number), s);
        *out = s;
    }
    buf_deinit(&path);
    return r;
}

static int allocate_up_to(struct segments *set, struct segment *s, uint64_t end, struct err *err)
{
    if (end <= s->allocated)
        return 0;
    uint64_t upto = s->allocated + ALLOCATE_STEP_BYTES;
    if (upto > set->segment_bytes)
        upto = set->segment_bytes;
    if (upto < end)
        upto = end;
    int e = set->files->allocate(set->files->ctx, s->fd, (off_t)s->allocated, (off_t)(upto - s->allocated));
    if (e != 0 && e != EOPNOTSUPP)
        return err_set_errno(err, e, "cannot allocate space for segment %llu", (unsigned long long)s->number);
    if (e == 0)
        s->allocated = upto;
    return 0;
}

static int reserve(struct segments *set, enum segments_head head, uint64_t n, struct appended *out,
                   struct err *err)
{
    int r = 0;
    pthread_mutex_lock(&set->lock);
    struct segment *s = set->heads[head];
    if (s && s->reserved + n > set->segment_bytes && s->reserved > SEGMENT_HEAD_BYTES) {
        seal(set, head);
        s = NULL;
    }
    if (!s) {
        r = create(set, &s, err);
        if (r == 0)
            set->heads[head] = s;
    }
    if (r == 0)
        r = allocate_up_to(set, s, s->reserved + n, err);
    if (r == 0) {
        out->segment = s;
        out->place.segment = s->number;
        out->place.offset = s->reserved;
        s->reserved += n;
        s->writers++;
        s->pending_count++;
        s->pending_bytes += n;
    }
    pthread_mutex_unlock(&set->lock);
    return r;
}

static void finish_write(struct segments *set, struct appended *a, bool ok)
{
    struct segment *s = a->segment;
    a->ticket = atomic_fetch_add(&s->written, 1) + 1;
    pthread_mutex_lock(&set->lock);
    s->writers--;
    if (s->sealed && s->writers == 0)
        trim(s);
    if (!ok) {
        s->pending_count--;
        s->pending_bytes -= record_padded(a->place.stored_bytes);
    }
    pthread_mutex_unlock(&set->lock);
}

int segments_append(struct segments *set, enum segments_head head, struct buf *record, struct appended *out,
                    struct err *err)
{
    struct record_head h;
    struct appended a = { 0 };
    int r = reserve(set, head, record->n, &a, err);
    if (r < 0)
        return r;
    uint64_t seed = a.segment->salt + a.place.offset;
    a.place.check = record_seal(record->p, seed);
    bool ours = record_head_decode((const unsigned char *)record->p, seed, &h);
    assert(ours && record_padded(h.stored_bytes) == record->n);
    a.place.stored_bytes = h.stored_bytes;
    a.place.raw_bytes = h.raw_bytes;
    r = set_write(set, a.segment->fd, record->p, record->n, a.place.offset, a.place.segment, err);
    finish_write(set, &a, r == 0);
    if (r == 0)
        *out = a;
    return r;
}

bool segments_is_large(const struct segments *set, uint64_t raw_bytes)
{
    return raw_bytes > set->segment_bytes / LARGE_PART;
}

static int write_large(struct segments *set, struct compressor *c, struct packing packing,
                       struct account_id account, struct blob_id blob, struct str bytes, struct appended *a,
                       struct err *err)
{
    size_t table_n = record_table_bytes(bytes.n, packing.block_shift),
           block_bytes = (size_t)1 << packing.block_shift;
    uint64_t start = a->place.offset, at = start + RECORD_HEAD_BYTES + table_n;
    struct buf first = BUF_INIT, *block = compressor_scratch(c, 0); /* head and table, written last */
    char *p = buf_reserve(&first, RECORD_HEAD_BYTES + table_n);
    int r = 0;
    for (size_t i = 0; r == 0 && i * BLOCK_ENTRY_BYTES < table_n; i++) {
        buf_clear(block);
        record_encode_block(c, packing.codec, str_sub(bytes, i * block_bytes, block_bytes),
                            p + RECORD_HEAD_BYTES + i * BLOCK_ENTRY_BYTES, block);
        r = set_write(set, a->segment->fd, block->p, block->n, at, a->place.segment, err);
        at += block->n;
    }
    a->place.stored_bytes = at - start;
    a->place.raw_bytes = bytes.n;
    record_encode_head(account, blob, packing.block_shift, bytes.n, at - start,
                       str_make(p + RECORD_HEAD_BYTES, table_n), p);
    a->place.check = record_seal(p, a->segment->salt + start);
    if (r == 0)
        r = set_write(set, a->segment->fd, p, RECORD_HEAD_BYTES + table_n, start, a->place.segment, err);
    buf_deinit(&first);
    return r;
}

int segments_append_large(struct segments *set, struct compressor *c, struct packing packing,
                          struct account_id account, struct blob_id blob, struct str bytes,
                          struct appended *out, struct err *err)
{
    struct appended a = { 0 };
    pthread_mutex_lock(&set->lock);
    int r = create(set, &a.segment, err);
    if (r == 0) {
        a.segment->sealed = true;
        a.segment->writers = a.segment->pending_count = 1;
    }
    pthread_mutex_unlock(&set->lock);
    if (r < 0)
        return r;
    a.place.segment = a.segment->number;
    a.place.offset = SEGMENT_HEAD_BYTES;
    r = write_large(set, c, packing, account, blob, bytes, &a, err);
    pthread_mutex_lock(&set->lock);
    a.segment->pending_bytes = record_padded(a.place.stored_bytes);
    a.segment->reserved = a.segment->allocated = SEGMENT_HEAD_BYTES + a.segment->pending_bytes;
    pthread_mutex_unlock(&set->lock);
    finish_write(set, &a, r == 0); /* after a failure it is empty: the collector retires it */
    if (r == 0)
        *out = a;
    return r;
}

void segments_settle(struct segments *set, const struct appended *a)
{
    pthread_mutex_lock(&set->lock);
    assert(a->segment->pending_count > 0);
    a->segment->pending_count--;
    a->segment->pending_bytes -= record_padded(a->place.stored_bytes);
    pthread_mutex_unlock(&set->lock);
}

int segments_sync(struct segments *set, struct segment *s, struct err *err)
{
    uint64_t upto = atomic_load(&s->written);
    int e = set->files->sync(set->files->ctx, s->fd);
    atomic_fetch_add_explicit(&set->flush_count, 1, memory_order_relaxed);
    if (e != 0)
        return err_set_errno(err, e, "cannot sync segment %llu", (unsigned long long)s->number);
    atomic_store(&s->synced, upto);
    return 0;
}

void segments_roll(struct segments *set)
{
    pthread_mutex_lock(&set->lock);
    for (int h = 0; h < HEAD_COUNT; h++)
        if (set->heads[h] && set->heads[h]->reserved > SEGMENT_HEAD_BYTES)
            seal(set, (enum segments_head)h);
    pthread_mutex_unlock(&set->lock);
}

/* ---- reading ---- */

int segments_acquire(struct segments *set, uint64_t number, struct segment **out, struct err *err)
{
    int r = 0;
    pthread_mutex_lock(&set->lock);
    struct segment *s = map_get(&set->by_number, map_key_u64(&number));
    if (!s) {
        r = err_set(err, ERR_NOT_FOUND, "no segment %llu", (unsigned long long)number);
    } else if (s->fd < 0) {
        struct buf path = BUF_INIT;
        segments_path(set, number, &path);
        int fd = open(buf_c(&path), O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            attach_fd(set, s, fd);
        else if (errno == ENOENT)
            r = err_set(err, ERR_CORRUPT, "%s is missing", buf_c(&path));
        else
            r = err_set_errno(err, errno, "cannot open %s", buf_c(&path));
        buf_deinit(&path);
    } else {
        list_remove(set, s);
        list_add(set, s);
    }
    if (r == 0) {
        s->users++;
        *out = s;
    }
    pthread_mutex_unlock(&set->lock);
    return r;
}

void segments_release(struct segments *set, struct segment *s)
{
    pthread_mutex_lock(&set->lock);
    assert(s->users > 0);
    s->users--;
    if (s->retired && s->users == 0)
        forget(set, s);
    pthread_mutex_unlock(&set->lock);
}
