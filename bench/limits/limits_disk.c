#include "limits.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Append `count` records to a preallocated file, with one fdatasync for `group` of them. */
static void measure(const struct limits *l, const char *row, const char *name, struct str record,
                    unsigned group, unsigned count)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/limits-append-XXXXXX", l->folder);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0 || posix_fallocate(fd, 0, (off_t)(record.n * (count + group))) != 0 || fdatasync(fd) != 0)
        limits_die(path);
    struct limits_meter m = limits_start();
    for (unsigned i = 0; i < count;) {
        for (unsigned k = 0; k < group && i < count; k++, i++)
            if (write(fd, record.p, record.n) != (ssize_t)record.n)
                limits_die("write");
        if (fdatasync(fd) != 0)
            limits_die("fdatasync");
    }
    limits_row(&m, row, name, count);
    close(fd);
    unlink(path);
}

void limits_disk(const struct limits *l)
{
    struct str flag = { l->message.p, 100 };
    measure(l, "append.1", "append 24 KB, fdatasync each", l->message, 1, 1000 / l->scale);
    measure(l, "append.32", "append 24 KB, fdatasync every 32", l->message, 32, 10000 / l->scale);
    measure(l, "append.200", "append 24 KB, fdatasync every 200", l->message, 200, 20000 / l->scale);
    measure(l, "log.1", "append 100 bytes, fdatasync each", flag, 1, 2000 / l->scale);
    measure(l, "log.32", "append 100 bytes, fdatasync every 32", flag, 32, 50000 / l->scale);
}
