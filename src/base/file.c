#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

int file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
    int r = 0;
    size_t before = out->n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? err_set(err, ERR_NOT_FOUND, "%s does not exist", path)
                               : err_set_errno(err, errno, "cannot open %s", path);
    for (;;) {
        enum { STEP_BYTES = 64 * 1024 };
        ssize_t got = read(fd, buf_reserve(out, STEP_BYTES), STEP_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            r = err_set_errno(err, errno, "cannot read %s", path);
            break;
        }
        if (got == 0)
            break;
        out->n += (size_t)got;
        if (out->n - before > max_bytes) {
            r = err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", path, max_bytes);
            break;
        }
    }
    close(fd);
    if (r < 0)
        out->n = before;
    return r;
}

int file_sync_dir(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(err, errno, "cannot open folder %s", path);
    int r = fsync(fd) < 0 ? err_set_errno(err, errno, "cannot sync folder %s", path) : 0;
    close(fd);
    return r;
}

int file_replace(const char *path, struct str bytes, mode_t mode, struct err *err)
{
    struct buf temporary = BUF_INIT;
    int r = 0;
    buf_printf(&temporary, "%s.new-%ld", path, (long)getpid());
    const char *new_path = buf_c(&temporary);
    int fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        r = err_set_errno(err, errno, "cannot create %s", new_path);
        goto out;
    }
    r = file_write(fd, bytes, err);
    if (r == 0 && fsync(fd) < 0)
        r = err_set_errno(err, errno, "cannot sync %s", new_path);
    close(fd);
    if (r == 0 && rename(new_path, path) < 0)
        r = err_set_errno(err, errno, "cannot rename %s", new_path);
    if (r < 0) {
        unlink(new_path);
        goto out;
    }
    char *copy = strdup(path);
    if (!copy)
        abort();
    r = file_sync_dir(dirname(copy), err);
    free(copy);
out:
    buf_deinit(&temporary);
    return r;
}

int file_mkdir_all(const char *path, mode_t mode, struct err *err)
{
    char partial[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof partial)
        return err_set(err, ERR_INVALID, "path of %zu bytes", n);
    memcpy(partial, path, n + 1);
    for (char *p = partial + 1;; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char end = *p;
        *p = '\0';
        if (mkdir(partial, mode) < 0 && errno != EEXIST)
            return err_set_errno(err, errno, "cannot create folder %s", partial);
        *p = end;
        if (end == '\0')
            break;
    }
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return err_set(err, ERR_IO, "%s is not a folder", path);
    return 0;
}

int file_pread(int fd, void *out, size_t n, uint64_t offset, struct err *err)
{
    char *p = out;
    while (n > 0) {
        ssize_t got = pread(fd, p, n, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set_errno(err, errno, "cannot read at %llu", (unsigned long long)offset);
        if (got == 0)
            return err_set(err, ERR_IO, "short read at %llu", (unsigned long long)offset);
        p += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

int file_pwrite(int fd, struct str bytes, uint64_t offset, struct err *err)
{
    while (bytes.n > 0) {
        ssize_t put = pwrite(fd, bytes.p, bytes.n, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return err_set_errno(err, errno, "cannot write at %llu", (unsigned long long)offset);
        bytes = str_skip(bytes, (size_t)put);
        offset += (uint64_t)put;
    }
    return 0;
}

int file_write(int fd, struct str bytes, struct err *err)
{
    while (bytes.n > 0) {
        ssize_t put = write(fd, bytes.p, bytes.n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return err_set_errno(err, errno, "cannot write");
        bytes = str_skip(bytes, (size_t)put);
    }
    return 0;
}

int file_free_bytes(const char *path, uint64_t *free_bytes_out, struct err *err)
{
    struct statvfs fs;
    if (statvfs(path, &fs) < 0)
        return err_set_errno(err, errno, "cannot ask for free space of %s", path);
    *free_bytes_out = (uint64_t)fs.f_bavail * fs.f_frsize;
    return 0;
}

int file_open_unnamed(const char *folder, struct err *err)
{
    if (!folder)
        folder = "/tmp";
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd >= 0 ? fd : err_set_errno(err, errno, "open a spool file in %s", folder);
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/spool.XXXXXX", folder);
    buf_c(&path);
    fd = mkostemp(path.p, O_CLOEXEC);
    int r = fd < 0 ? err_set_errno(err, errno, "open a spool file in %s", folder) : fd;
    if (fd >= 0)
        unlink(path.p);
    buf_deinit(&path);
    return r;
}
