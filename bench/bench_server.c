#include "bench_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct bench_server *running; /* to be ended with this process */

void bench_die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("imap_bench: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    if (running && running->pid > 0)
        kill(running->pid, SIGKILL);
    exit(1);
}

double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int free_port(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 || getsockname(fd, (struct sockaddr *)&a, &n) < 0)
        bench_die("no free port: %s", strerror(errno));
    close(fd);
    return ntohs(a.sin_port);
}

void server_prepare(struct bench_server *s, const char *binary, const char *folder)
{
    *s = (struct bench_server){ .binary = binary };
    snprintf(s->data, sizeof s->data, "%s/loft-bench-XXXXXX", folder);
    if (!mkdtemp(s->data))
        bench_die("%s: %s", s->data, strerror(errno));
    snprintf(s->lmtp_path, sizeof s->lmtp_path, "%s/lmtp.sock", s->data);
    s->imap_port = free_port();
    s->imaps_port = free_port();
}

/* Start `loft` with arguments; the pipe to its stdin or from its stderr, whichever is asked for. */
static pid_t spawn(const char *const argv[], int fd, int *pipe_out)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        bench_die("pipe: %s", strerror(errno));
    int theirs = fd == 0 ? ends[0] : ends[1];
    pid_t pid = fork();
    if (pid < 0)
        bench_die("fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(theirs, fd);
        if (fd == 0 && !freopen("/dev/null", "w", stdout))
            _exit(126);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(theirs);
    *pipe_out = fd == 0 ? ends[1] : ends[0];
    return pid;
}

/* Read the log until "ready"; a child then goes on reading it, so that the server never waits for us. */
static void await_ready(int fd)
{
    FILE *f = fdopen(fd, "r");
    char line[4096];
    while (fgets(line, sizeof line, f)) {
        if (strcmp(line, "ready\n") != 0)
            continue;
        pid_t reader = fork();
        if (reader == 0) {
            while (fgets(line, sizeof line, f))
                if (strstr(line, "error") || strstr(line, "warn"))
                    fputs(line, stderr);
            _exit(0);
        }
        fclose(f);
        return;
    }
    bench_die("the server did not become ready");
}

void server_start(struct bench_server *s)
{
    char imap[64], imaps[64], lmtp[160];
    const char *argv[64] = { s->binary, "-d", s->data, "serve" };
    const char *const options[] = { imap,
                                    imaps,
                                    lmtp,
                                    "auth.plaintext_on_loopback=yes",
                                    "auth.hash_passes=1",
                                    "auth.hash_memory_bytes=65536",
                                    "limits.connections_per_address=100000",
                                    "limits.connections_per_account=100000",
                                    "imap.max_append_bytes=1G" };
    size_t n = 4;
    int fd;
    snprintf(imap, sizeof imap, "imap.listen=127.0.0.1:%d", s->imap_port);
    snprintf(imaps, sizeof imaps, "imaps.listen=127.0.0.1:%d", s->imaps_port);
    snprintf(lmtp, sizeof lmtp, "lmtp.listen=%s", s->lmtp_path);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        argv[n++] = "-o";
        argv[n++] = options[i];
    }
    s->pid = spawn(argv, 2, &fd);
    running = s;
    await_ready(fd);
}

void server_stop(struct bench_server *s)
{
    int status;
    if (s->pid == 0)
        return;
    kill(s->pid, SIGTERM);
    if (waitpid(s->pid, &status, 0) != s->pid || status != 0)
        bench_die("the server ended with status %d", status);
    s->pid = 0;
    while (waitpid(-1, &status, WNOHANG) > 0)
        ;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void server_remove(struct bench_server *s)
{
    server_stop(s);
    nftw(s->data, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

void server_add_user(struct bench_server *s, const char *name)
{
    const char *const argv[] = { s->binary, "-d", s->data, "user", "add", name, "--password-stdin", NULL };
    int fd, status;
    pid_t pid = spawn(argv, 0, &fd);
    if (write(fd, BENCH_PASSWORD "\n", sizeof BENCH_PASSWORD) != sizeof BENCH_PASSWORD)
        bench_die("user add: %s", strerror(errno));
    close(fd);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        bench_die("user add %s failed", name);
}

static int forget_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    int fd = type == FTW_F ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fdatasync(fd);
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
    return 0;
}

void server_restart_cold(struct bench_server *s)
{
    server_stop(s);
    nftw(s->data, forget_one, 32, FTW_PHYS);
    server_start(s);
    server_settle(s);
}

void server_settle(const struct bench_server *s)
{
    double until = now_s() + 30;
    for (int quiet = 0; quiet < 3 && now_s() < until;) {
        double before = server_cpu_s(s);
        usleep(100000);
        quiet = server_cpu_s(s) - before < 0.001 ? quiet + 1 : 0;
    }
}

double server_cpu_s(const struct bench_server *s)
{
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(s->pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        bench_die("the server is gone");
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

uint64_t server_pss_bytes(const struct bench_server *s)
{
    char path[64], line[256];
    unsigned long long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)s->pid);
    FILE *f = fopen(path, "re");
    if (!f)
        bench_die("%s: %s", path, strerror(errno));
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "Pss: %llu kB", &kib) == 1)
            break;
    fclose(f);
    return kib * 1024;
}

uint64_t server_flushes(const struct bench_server *s)
{
    char command[512], answer[4096] = "";
    snprintf(command, sizeof command, "exec '%s' -d '%s' status --json", s->binary, s->data);
    FILE *f = popen(command, "re");
    size_t n = f ? fread(answer, 1, sizeof answer - 1, f) : 0;
    const char *at = n ? strstr(answer, "\"flushes\":") : NULL;
    if (!at || pclose(f) != 0)
        bench_die("no status from the server");
    return strtoull(at + strlen("\"flushes\":"), NULL, 10);
}

double raw_append_rate(const char *folder, struct str message, unsigned group, unsigned count)
{
    char path[320];
    snprintf(path, sizeof path, "%s/raw-append", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || posix_fallocate(fd, 0, (off_t)(message.n * count)) != 0)
        bench_die("%s: %s", path, strerror(errno));
    fdatasync(fd);
    double begin = now_s();
    for (unsigned i = 0; i < count;) {
        for (unsigned k = 0; k < group && i < count; k++, i++)
            if (write(fd, message.p, message.n) != (ssize_t)message.n)
                bench_die("%s: %s", path, strerror(errno));
        if (fdatasync(fd) < 0)
            bench_die("%s: %s", path, strerror(errno));
    }
    double took = now_s() - begin;
    close(fd);
    unlink(path);
    return count / took;
}
