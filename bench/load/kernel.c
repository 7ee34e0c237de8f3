#include "load/kernel.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STACK_BYTES = 16 * 1024 };

/* ---- /proc/slabinfo ---- */

struct slabs {
    uint64_t socket_bytes, task_bytes, mm_bytes, region_bytes; /* what one takes; region: a mapping */
};

static bool is_one_of(const char *name, const char *const names[])
{
    for (size_t i = 0; names[i]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void read_slabs(struct slabs *out)
{
    static const char *const sockets[] = {
        "TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", NULL
    };
    static const char *const tasks[] = { "task_struct", "pid", NULL };
    static const char *const mms[] = { "mm_struct", "signal_cache", "sighand_cache", "files_cache", NULL };
    static const char *const regions[] = { "vm_area_struct", "anon_vma", "anon_vma_chain", NULL };
    char line[512], name[128];
    unsigned long active, total, size;
    FILE *f = fopen("/proc/slabinfo", "re");
    *out = (struct slabs){ 0 };
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%127s %lu %lu %lu", name, &active, &total, &size) != 4)
            continue;
        out->socket_bytes += is_one_of(name, sockets) ? size : 0;
        out->task_bytes += is_one_of(name, tasks) ? size : 0;
        out->mm_bytes += is_one_of(name, mms) ? size : 0;
        out->region_bytes += is_one_of(name, regions) ? size : 0;
    }
    if (f)
        fclose(f);
}

/* ---- processes ---- */

struct processes {
    const struct slabs *slabs;
    uint64_t bytes;
    struct buf sockets; /* inode numbers; processes share some */
};

static uint64_t count_lines(const char *path)
{
    uint64_t n = 0;
    FILE *f = fopen(path, "re");
    for (int c; f && (c = getc_unlocked(f)) != EOF;)
        n += c == '\n';
    if (f)
        fclose(f);
    return n;
}

static void add_sockets(pid_t pid, struct buf *out)
{
    char path[64], target[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    for (struct dirent *e; folder && (e = readdir(folder));) {
        unsigned long inode;
        ssize_t n = readlinkat(dirfd(folder), e->d_name, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        if (sscanf(target, "socket:[%lu]", &inode) == 1)
            buf_add_bytes(out, &inode, sizeof inode);
    }
    if (folder)
        closedir(folder);
}

static int compare_inodes(const void *a, const void *b)
{
    const unsigned long *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static uint64_t count_different(struct buf *inodes)
{
    size_t n = inodes->n / sizeof(unsigned long);
    uint64_t different = n > 0;
    unsigned long *all = (unsigned long *)(void *)inodes->p;
    if (n > 0)
        qsort(all, n, sizeof *all, compare_inodes);
    for (size_t i = 1; i < n; i++)
        different += all[i] != all[i - 1];
    return different;
}

static void add_process(pid_t pid, void *ctx)
{
    struct processes *p = ctx;
    char status[64], maps[64];
    snprintf(status, sizeof status, "/proc/%d/status", (int)pid);
    snprintf(maps, sizeof maps, "/proc/%d/maps", (int)pid);
    p->bytes += usage_proc_value(status, "VmPTE:") * 1024 + p->slabs->mm_bytes +
                usage_proc_value(status, "Threads:") * (STACK_BYTES + p->slabs->task_bytes) +
                count_lines(maps) * p->slabs->region_bytes;
    add_sockets(pid, &p->sockets);
}

uint64_t kernel_bytes(const struct target *t)
{
    struct slabs slabs;
    read_slabs(&slabs);
    struct processes p = { .slabs = &slabs, .sockets = BUF_INIT };
    usage_each_process(t, add_process, &p);
    p.bytes += count_different(&p.sockets) * slabs.socket_bytes;
    buf_deinit(&p.sockets);
    return p.bytes;
}
