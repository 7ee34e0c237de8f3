/* files.c: the system calls behind rocks_file_ops. */
#include "base/file.h"
#include "store/rocks/rocks.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int system_write(void *ctx, int fd, const void *bytes, size_t n, off_t offset)
{
    const char *p = bytes;
    (void)ctx;
    while (n > 0) {
        ssize_t put = pwrite(fd, p, n, offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno;
        p += put;
        offset += put;
        n -= (size_t)put;
    }
    return 0;
}

static int system_sync(void *ctx, int fd)
{
    (void)ctx;
    return fdatasync(fd) < 0 ? errno : 0;
}

static int system_allocate(void *ctx, int fd, off_t offset, off_t n)
{
    (void)ctx;
    for (;;) {
        if (fallocate(fd, 0, offset, n) == 0)
            return 0;
        if (errno != EINTR)
            return errno;
    }
}

static int system_free_bytes(void *ctx, const char *folder, uint64_t *free_bytes_out)
{
    (void)ctx;
    int r = file_free_bytes(folder, free_bytes_out, NULL);
    return r < 0 ? EIO : 0;
}

const struct rocks_file_ops rocks_file_ops_system = {
    .write = system_write,
    .sync = system_sync,
    .allocate = system_allocate,
    .free_bytes = system_free_bytes,
};
