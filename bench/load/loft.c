#include "load/loft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT_FIRST = 20000, PORT_COUNT = 12000, PORT_TRIES = 100 };

/* Put the library that counts flushes, if it lies beside this program, into the environment of the server. */
static void preload_counter(const char *counter)
{
    char path[4096 + 32];
    ssize_t n = readlink("/proc/self/exe", path, 4096);
    while (n > 0 && path[n - 1] != '/')
        n--;
    if (n <= 0)
        return;
    strcpy(path + n, "libflushcount.so");
    if (access(path, R_OK) != 0)
        return;
    setenv("LD_PRELOAD", path, 1);
    setenv("LOFT_FLUSH_COUNTER", counter, 1);
}

/* A port that nobody uses, below those that the kernel gives to clients: one of theirs might sit on it when the
 * server starts again. */
static int free_port(unsigned from)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    for (unsigned i = 0; i < PORT_TRIES; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        unsigned port = PORT_FIRST + (from + i) % PORT_COUNT;
        a.sin_port = htons((uint16_t)port);
        bool is_free = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
        close(fd);
        if (is_free)
            return (int)port;
    }
    bench_die("no free port: %s", strerror(errno));
}

void loft_prepare(struct loft *l, const char *binary, const char *folder)
{
    *l = (struct loft){ .binary = binary };
    snprintf(l->data, sizeof l->data, "%s/loft-bench-XXXXXX", folder);
    if (!mkdtemp(l->data))
        bench_die("%s: %s", l->data, strerror(errno));
    snprintf(l->flush_path, sizeof l->flush_path, "%s.flushes", l->data);
    int fd = open(l->flush_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, 4096) < 0)
        bench_die("%s: %s", l->flush_path, strerror(errno));
    close(fd);
    snprintf(l->lmtp_path, sizeof l->lmtp_path, "%s/lmtp.sock", l->data);
    unsigned any = (unsigned)getpid() * 7919u + (unsigned)(uint64_t)(now_s() * 1e6);
    l->imap_port = free_port(any);
    l->imaps_port = free_port(any + PORT_COUNT / 2);
}

/* Start `loft` with arguments; the pipe to its stdin or from its stderr, whichever is asked for. `counter`: file
 * for flushes, or NULL. */
static pid_t spawn(const char *const argv[], const char *counter, int fd, int *pipe_out)
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
        if (counter)
            preload_counter(counter);
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
    char line[4096], last[400] = "nothing";
    while (fgets(line, sizeof line, f)) {
        if (strcmp(line, "ready\n") != 0) {
            snprintf(last, sizeof last, "%.*s", (int)strcspn(line, "\n"), line);
            continue;
        }
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
    bench_die("the server did not become ready: %s", last);
}

void loft_start(struct loft *l)
{
    char imap[64], imaps[64], lmtp[160];
    const char *argv[64] = { l->binary, "-d", l->data, "serve" };
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
    snprintf(imap, sizeof imap, "imap.listen=127.0.0.1:%d", l->imap_port);
    snprintf(imaps, sizeof imaps, "imaps.listen=127.0.0.1:%d", l->imaps_port);
    snprintf(lmtp, sizeof lmtp, "lmtp.listen=%s", l->lmtp_path);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        argv[n++] = "-o";
        argv[n++] = options[i];
    }
    l->pid = spawn(argv, l->flush_path, 2, &fd);
    await_ready(fd);
}

void loft_stop(struct loft *l)
{
    int status;
    if (l->pid == 0)
        return;
    kill(l->pid, SIGTERM);
    if (waitpid(l->pid, &status, 0) != l->pid || status != 0)
        bench_die("the server ended with status %d", status);
    l->pid = 0;
    while (waitpid(-1, &status, WNOHANG) > 0)
        ;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void loft_remove(struct loft *l)
{
    loft_stop(l);
    nftw(l->data, remove_one, 32, FTW_DEPTH | FTW_PHYS);
    unlink(l->flush_path);
}

void loft_add_user(struct loft *l, const char *name, const char *password)
{
    const char *const argv[] = { l->binary, "-d", l->data, "user", "add", name, "--password-stdin", NULL };
    int fd, status;
    pid_t pid = spawn(argv, NULL, 0, &fd);
    if (dprintf(fd, "%s\n", password) < 0)
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

void loft_restart_cold(struct loft *l)
{
    loft_stop(l);
    nftw(l->data, forget_one, 32, FTW_PHYS);
    loft_start(l);
}
