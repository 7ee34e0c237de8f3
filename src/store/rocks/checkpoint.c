/* checkpoint.c: a copy that shares its bytes with the original: RocksDB's checkpoint and hard links of the
 * segments. Segment heads are sealed first; and a file with a second name is never written to again
 * (segments_start), so neither copy can hurt the other. */
#include "store/rocks/checkpoint.h"
#include "base/codec.h"
#include "base/file.h"
#include "store/rocks/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void checkpoint_remove(const char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int checkpoint_database(struct engine *e, const char *folder, struct err *err)
{
    char *error = NULL;
    rocksdb_checkpoint_t *c = rocksdb_checkpoint_object_create(e->db.rocks, &error);
    if (!error) {
        rocksdb_checkpoint_create(c, folder, 0, &error);
        rocksdb_checkpoint_object_destroy(c);
    }
    return error ? db_error(error, err, "cannot make a checkpoint of the database") : 0;
}

static void note_number(void *ctx, const struct segment *s)
{
    buf_put_u64(ctx, s->number);
}

/* To another file system. */
static int copy_file(const char *from, const char *to, struct err *err)
{
    int r = 0, in = open(from, O_RDONLY | O_CLOEXEC);
    int out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (in < 0 || out < 0)
        r = err_set_errno(err, errno, "cannot copy %s to %s", from, to);
    while (r == 0) {
        enum { STEP_BYTES = 16 << 20 };
        ssize_t n = copy_file_range(in, NULL, out, NULL, STEP_BYTES, 0);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            r = err_set_errno(err, errno, "cannot copy %s to %s", from, to);
    }
    if (r == 0 && fsync(out) < 0)
        r = err_set_errno(err, errno, "cannot sync %s", to);
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return r;
}

static int link_segments(struct engine *e, const char *folder, struct err *err)
{
    struct buf numbers = BUF_INIT, from = BUF_INIT, to = BUF_INIT;
    int r = 0;
    segments_each(&e->segments, note_number, &numbers);
    for (size_t at = 0; r == 0 && at < numbers.n; at += 8) {
        buf_clear(&from);
        buf_clear(&to);
        segments_path(&e->segments, load_u64(numbers.p + at), &from);
        buf_printf(&to, "%s%s", folder, strrchr(buf_c(&from), '/'));
        if (link(buf_c(&from), buf_c(&to)) == 0 || errno == ENOENT) /* a missing one was reported at open */
            continue;
        r = errno == EXDEV ? copy_file(buf_c(&from), buf_c(&to), err)
                           : err_set_errno(err, errno, "cannot link %s to %s", buf_c(&from), buf_c(&to));
    }
    buf_deinit(&numbers);
    buf_deinit(&from);
    buf_deinit(&to);
    return r < 0 ? r : file_sync_dir(folder, err);
}

int rocks_checkpoint(struct store *store, const char *folder, struct err *err)
{
    struct engine *e = engine_of(store);
    struct buf db = BUF_INIT, segments = BUF_INIT;
    if (mkdir(folder, 0700) < 0)
        return errno == EEXIST ? err_set(err, ERR_EXISTS, "%s exists already", folder)
                               : err_set_errno(err, errno, "cannot create folder %s", folder);
    buf_printf(&db, "%s/db", folder);
    buf_printf(&segments, "%s/segments", folder);
    pthread_mutex_lock(&e->files_gone);
    segments_roll(&e->segments);
    int r = checkpoint_database(e, buf_c(&db), err);
    if (r == 0)
        r = file_mkdir_all(buf_c(&segments), 0700, err);
    if (r == 0)
        r = link_segments(e, buf_c(&segments), err);
    pthread_mutex_unlock(&e->files_gone);
    if (r == 0)
        r = file_sync_dir(folder, err);
    if (r < 0)
        checkpoint_remove(folder);
    buf_deinit(&db);
    buf_deinit(&segments);
    return r;
}
