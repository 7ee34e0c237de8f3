#include "index/spool.h"

#include "base/file.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

void spool_init(struct spool *s, const char *folder)
{
    *s = (struct spool){ .folder = folder, .memory = BUF_INIT, .fd = -1 };
}

void spool_deinit(struct spool *s)
{
    if (s->map)
        munmap(s->map, (size_t)s->bytes);
    if (s->fd >= 0)
        close(s->fd);
    buf_deinit(&s->memory);
    spool_init(s, s->folder);
}

static int to_file(struct spool *s, struct err *err)
{
    int fd = file_open_unnamed(s->folder, err);
    if (fd < 0)
        return fd;
    s->fd = fd;
    int r = file_write(fd, buf_str(&s->memory), err);
    buf_deinit(&s->memory);
    return r;
}

int spool_write(struct spool *s, struct str bytes, struct err *err)
{
    int r = s->fd < 0 && s->memory.n + bytes.n > SPOOL_MEMORY_BYTES ? to_file(s, err) : 0;
    if (r < 0)
        return r;
    s->bytes += bytes.n;
    if (s->fd >= 0)
        return file_write(s->fd, bytes, err);
    buf_add(&s->memory, bytes);
    return 0;
}

int spool_bytes(struct spool *s, struct str *bytes_out, struct err *err)
{
    if (s->fd < 0) {
        *bytes_out = buf_str(&s->memory);
        return 0;
    }
    if (!s->map) {
        void *map = mmap(NULL, (size_t)s->bytes, PROT_READ, MAP_PRIVATE, s->fd, 0);
        if (map == MAP_FAILED)
            return err_set_errno(err, errno, "map a spool file of %llu bytes", (unsigned long long)s->bytes);
        s->map = map;
    }
    *bytes_out = str_make(s->map, (size_t)s->bytes);
    return 0;
}
