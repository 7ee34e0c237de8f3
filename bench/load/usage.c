#include "load/usage.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES_MAX = 65536, PAIRS = 500 };

/* ---- the process tree ---- */

struct process {
    pid_t pid, parent;
    double cpu_s;      /* its own, as /proc tells */
    double children_s; /* of those that it has waited for */
    bool is_server;
};

struct tree {
    struct process *all;
    size_t n;
};

static bool read_process(pid_t pid, struct process *out)
{
    char path[64], line[1024];
    unsigned long user, system;
    long child_user, child_system;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;
    if (f)
        fclose(f);
    line[n] = '\0';
    const char *after_name = strrchr(line, ')'); /* a name may hold anything */
    *out = (struct process){ .pid = pid };
    if (!after_name || sscanf(after_name, ") %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
                              &out->parent, &user, &system, &child_user, &child_system) != 5)
        return false; /* it has gone */
    double tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
    out->cpu_s = (double)(user + system) * tick_s;
    out->children_s = (double)(child_user + child_system) * tick_s;
    return true;
}

static bool is_root(const struct target *t, pid_t pid)
{
    for (size_t i = 0; i < BENCH_ROOTS_MAX && t->roots[i] > 0; i++)
        if (t->roots[i] == pid)
            return true;
    return false;
}

static int compare_pids(const void *a, const void *b)
{
    const struct process *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

static bool is_server_pid(const struct tree *tree, pid_t pid)
{
    const struct process key = { .pid = pid };
    const struct process *p = bsearch(&key, tree->all, tree->n, sizeof key, compare_pids);
    return p && p->is_server;
}

static void tree_read(const struct target *t, struct tree *out)
{
    DIR *proc = opendir("/proc");
    struct dirent *e;
    *out = (struct tree){ .all = calloc(PROCESSES_MAX, sizeof *out->all) };
    if (!proc || !out->all)
        bench_die("/proc: %s", strerror(errno));
    while ((e = readdir(proc)) && out->n < PROCESSES_MAX) {
        struct process *p = &out->all[out->n];
        if (!ascii_is_digit(e->d_name[0]) || !read_process(atoi(e->d_name), p))
            continue;
        p->is_server = is_root(t, p->pid);
        out->n++;
    }
    closedir(proc);
    qsort(out->all, out->n, sizeof *out->all, compare_pids);
    for (bool more = true; more;) { /* a parent may stand behind its child when numbers have wrapped */
        more = false;
        for (size_t i = 0; i < out->n; i++)
            if (!out->all[i].is_server && is_server_pid(out, out->all[i].parent))
                out->all[i].is_server = more = true;
    }
}

static void tree_free(struct tree *tree)
{
    free(tree->all);
}

/* To the nanosecond where the process still runs. */
static double process_cpu_s(const struct process *p)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(p->pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return p->cpu_s;
    double s = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    return s > 0 ? s : p->cpu_s;
}

/* The number behind `key` at the beginning of a line of a file of /proc. */
static uint64_t proc_value(const char *path, const char *key)
{
    char line[256];
    unsigned long long value = 0;
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0) {
            value = strtoull(line + strlen(key), NULL, 10);
            break;
        }
    if (f)
        fclose(f);
    return value;
}

void usage_read(const struct target *t, struct usage *out)
{
    struct tree tree;
    char path[64];
    *out = (struct usage){ .flushes = t->flushes ? *t->flushes : 0 };
    if (t->roots[0] <= 0)
        return;
    tree_read(t, &tree);
    if (!is_server_pid(&tree, t->roots[0]))
        bench_die("the server (pid %d) is gone", (int)t->roots[0]);
    for (size_t i = 0; i < tree.n; i++) {
        const struct process *p = &tree.all[i];
        if (!p->is_server)
            continue;
        out->cpu_s += process_cpu_s(p) + p->children_s;
        snprintf(path, sizeof path, "/proc/%d/io",
                 (int)p->pid); /* holds what waited-for children wrote, too */
        out->written_bytes += proc_value(path, "write_bytes: ");
    }
    tree_free(&tree);
}

void usage_settle(const struct bench *b)
{
    struct usage before, after;
    double until = now_s() + 30;
    int enough = b->quick ? 1 : 3;
    if (b->target.roots[0] <= 0)
        return;
    usage_read(&b->target, &before);
    for (int quiet = 0; quiet < enough && now_s() < until;) {
        usleep(b->quick ? 20000 : 100000);
        usage_read(&b->target, &after);
        quiet = after.cpu_s - before.cpu_s < 0.001 ? quiet + 1 : 0;
        before = after;
    }
}

/* ---- memory ---- */

uint64_t usage_pss_bytes(const struct target *t)
{
    struct tree tree;
    char path[64];
    uint64_t kib = 0;
    tree_read(t, &tree);
    for (size_t i = 0; i < tree.n; i++) {
        snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)tree.all[i].pid);
        kib += tree.all[i].is_server ? proc_value(path, "Pss:") : 0;
    }
    tree_free(&tree);
    return kib * 1024;
}

/* Caches of files grow with whatever anybody reads: they are not what a connection takes. */
static bool is_file_cache(const char *name)
{
    static const char *const prefixes[] = { "dentry",      "ext4",        "jbd2",       "radix_tree",
                                            "buffer_head", "inode_cache", "proc_inode", "shmem_inode",
                                            "overlayfs",   "xfs",         "bio",        "kernfs" };
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static uint64_t slab_bytes(void)
{
    char line[512], name[128];
    unsigned long active, total, size;
    uint64_t sum = 0;
    FILE *f = fopen("/proc/slabinfo", "re");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "%127s %lu %lu %lu", name, &active, &total, &size) == 4 && !is_file_cache(name))
            sum += (uint64_t)active * size;
    if (f)
        fclose(f);
    return sum;
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

uint64_t usage_kernel_bytes(void)
{
    return slab_bytes() + socket_buffer_bytes() +
           1024 * (proc_value("/proc/meminfo", "KernelStack:") + proc_value("/proc/meminfo", "PageTables:"));
}

double usage_kernel_bytes_of_end(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), ends[2 * PAIRS];
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, n) < 0 || listen(listener, PAIRS) < 0 ||
        getsockname(listener, (struct sockaddr *)&a, &n) < 0)
        bench_die("socket: %s", strerror(errno));
    uint64_t before = usage_kernel_bytes();
    for (int i = 0; i < PAIRS; i++) {
        ends[2 * i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(ends[2 * i], (struct sockaddr *)&a, n) < 0)
            bench_die("connect: %s", strerror(errno));
        ends[2 * i + 1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    }
    double grown = (double)(int64_t)(usage_kernel_bytes() - before);
    for (int i = 0; i < 2 * PAIRS; i++)
        close(ends[i]);
    close(listener);
    return grown / (2 * PAIRS);
}

/* ---- disk ---- */

enum { SMALL_FILE_BYTES = 1 << 20, PAGE_BYTES = 4096 };
static uint64_t disk_bytes; /* nftw has no context */

/* Without what is allocated ahead and not written yet, which says nothing about the mail in it. */
static uint64_t written_bytes(const char *path, const struct stat *st)
{
    uint64_t sum = 0, allocated = (uint64_t)st->st_blocks * 512;
    int fd = allocated > SMALL_FILE_BYTES ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return allocated;
    for (off_t at = 0, end; (at = lseek(fd, at, SEEK_DATA)) >= 0; at = end) {
        end = lseek(fd, at, SEEK_HOLE);
        sum += ((uint64_t)(end - at) + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    }
    close(fd);
    return sum < allocated ? sum : allocated;
}

static int add_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)type, (void)ftw;
    if (!S_ISREG(st->st_mode))
        disk_bytes += (uint64_t)st->st_blocks * 512;
    else /* shared evenly among its names, which all lie in this folder */
        disk_bytes += written_bytes(path, st) / (uint64_t)st->st_nlink;
    return 0;
}

uint64_t usage_disk_bytes(const char *folder)
{
    disk_bytes = 0;
    sync();
    nftw(folder, add_file, 64, FTW_PHYS);
    return disk_bytes;
}
