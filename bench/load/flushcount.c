/* flushcount.c: a library for LD_PRELOAD that counts how often a server, with all its processes, asks for data to
 * be on disk: fsync, fdatasync, syncfs, sync_file_range, msync(MS_SYNC). The count, one uint64_t, stands at the
 * beginning of the file that LOFT_FLUSH_COUNTER names, which is mapped before the server gives up its privileges. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile uint64_t *counter;

__attribute__((constructor)) static void map_counter(void)
{
    const char *path = getenv("LOFT_FLUSH_COUNTER");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *p = fd >= 0 ? mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (fd >= 0)
        close(fd);
    counter = p == MAP_FAILED ? NULL : p;
}

static void count_one(void)
{
    if (counter)
        __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* What stands behind us. */
#define NEXT(type, name) ((type)(uintptr_t)dlsym(RTLD_NEXT, name))

int fsync(int fd)
{
    count_one();
    return NEXT(int (*)(int), "fsync")(fd);
}

int fdatasync(int fd)
{
    count_one();
    return NEXT(int (*)(int), "fdatasync")(fd);
}

int syncfs(int fd)
{
    count_one();
    return NEXT(int (*)(int), "syncfs")(fd);
}

int sync_file_range(int fd, off_t from, off_t bytes, unsigned flags)
{
    count_one();
    return NEXT(int (*)(int, off_t, off_t, unsigned), "sync_file_range")(fd, from, bytes, flags);
}

int msync(void *p, size_t n, int flags)
{
    if (flags & MS_SYNC)
        count_one();
    return NEXT(int (*)(void *, size_t, int), "msync")(p, n, flags);
}
