#include "load/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { PAIRS = 500, STACK_BYTES = 16 * 1024 };

/* ---- /proc/slabinfo ---- */

struct slabs {
    uint64_t socket_bytes;                       /* all of them */
    uint64_t task_bytes, mm_bytes, region_bytes; /* what one task, process, mapping takes */
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
    static const char *const sockets[] = { "TCP",
                                           "TCPv6",
                                           "UNIX",
                                           "sock_inode_cache",
                                           "filp",
                                           "eventpoll_epi",
                                           "eventpoll_pwq",
                                           "skbuff_head_cache",
                                           "skbuff_small_head",
                                           NULL };
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
        out->socket_bytes += is_one_of(name, sockets) ? (uint64_t)active * size : 0;
        out->task_bytes += is_one_of(name, tasks) ? size : 0;
        out->mm_bytes += is_one_of(name, mms) ? size : 0;
        out->region_bytes += is_one_of(name, regions) ? size : 0;
    }
    if (f)
        fclose(f);
}

static uint64_t socket_buffer_bytes(void)
{
    char line[256];
    unsigned long pages = 0;
    FILE *f = fopen("/proc/net/sockstat", "re");
    while (f && fgets(line, sizeof line, f)) {
        const char *mem = strncmp(line, "TCP:", 4) == 0 ? strstr(line, " mem ") : NULL;
        if (mem)
            pages = strtoul(mem + 5, NULL, 10);
    }
    if (f)
        fclose(f);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- processes ---- */

struct processes {
    const struct slabs *slabs;
    uint64_t bytes;
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

static void add_process(pid_t pid, void *ctx)
{
    struct processes *p = ctx;
    char status[64], maps[64];
    snprintf(status, sizeof status, "/proc/%d/status", (int)pid);
    snprintf(maps, sizeof maps, "/proc/%d/maps", (int)pid);
    p->bytes += usage_proc_value(status, "VmPTE:") * 1024 + p->slabs->mm_bytes +
                usage_proc_value(status, "Threads:") * (STACK_BYTES + p->slabs->task_bytes) +
                count_lines(maps) * p->slabs->region_bytes;
}

uint64_t kernel_bytes(const struct target *t)
{
    struct slabs slabs;
    read_slabs(&slabs);
    struct processes p = { &slabs, 0 };
    if (t->roots[0] > 0)
        usage_each_process(t, add_process, &p);
    return slabs.socket_bytes + socket_buffer_bytes() + p.bytes;
}

double kernel_bytes_of_end(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    struct slabs before, after;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), ends[2 * PAIRS];
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (listener < 0 || epoll < 0 || bind(listener, (struct sockaddr *)&a, n) < 0 ||
        listen(listener, PAIRS) < 0 || getsockname(listener, (struct sockaddr *)&a, &n) < 0)
        bench_die("socket: %s", strerror(errno));
    read_slabs(&before);
    for (int i = 0; i < 2 * PAIRS; i += 2) {
        ends[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(ends[i], (struct sockaddr *)&a, n) < 0)
            bench_die("connect: %s", strerror(errno));
        ends[i + 1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        for (int k = i; k < i + 2; k++) {
            struct epoll_event e = { .events = EPOLLIN | EPOLLET };
            epoll_ctl(epoll, EPOLL_CTL_ADD, ends[k], &e);
        }
    }
    read_slabs(&after);
    for (int i = 0; i < 2 * PAIRS; i++)
        close(ends[i]);
    close(epoll);
    close(listener);
    return (double)(int64_t)(after.socket_bytes - before.socket_bytes) / (2 * PAIRS);
}
