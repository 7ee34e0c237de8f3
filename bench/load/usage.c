#include "load/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES_MAX = 65536 };

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

uint64_t usage_proc_value(const char *path, const char *key)
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
        out->written_bytes += usage_proc_value(path, "write_bytes: ");
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

void usage_each_process(const struct target *t, void (*each)(pid_t pid, void *ctx), void *ctx)
{
    struct tree tree;
    tree_read(t, &tree);
    for (size_t i = 0; i < tree.n; i++)
        if (tree.all[i].is_server)
            each(tree.all[i].pid, ctx);
    tree_free(&tree);
}

static void add_pss(pid_t pid, void *ctx)
{
    uint64_t *kib = ctx;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    *kib += usage_proc_value(path, "Pss:");
}

uint64_t usage_pss_bytes(const struct target *t)
{
    uint64_t kib = 0;
    usage_each_process(t, add_pss, &kib);
    return kib * 1024;
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
