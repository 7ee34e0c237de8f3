/* A program in a cage: started, fed, read, killed. */
#include "mail/extractor.h"
#include "mail/extractor_private.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,
    OPEN_FILES_MAX = 64,
    NAME_BYTES_MAX = 1024,
    WAIT_US = 2000,
    SLICE_MS = 100,
    NOT_STARTED = 127
};

/* All that the child needs, made before: between fork and exec it may call nothing that takes a lock. */
struct child {
    const char *program;
    int ends[2]; /* becomes standard input, and output */
    struct rlimit cpu, memory, file, files, core;
    char *const *environment;
};

/* ---- in the child ---- */

/* What makes a socket, or looks into other processes or signals them, or gets around this filter. */
static const int refused[] = {
    SYS_socket,
    SYS_socketpair,
    SYS_io_uring_setup,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_setpgid, /* it could not be killed with the others */
    SYS_setsid,
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_send_signal,
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    SYS_bpf,
    SYS_mount,
    SYS_unshare,
};

static void run_child(const struct child *c)
{
    char *const arguments[] = { (char *)(uintptr_t)c->program, NULL };
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int nowhere = open("/dev/null", O_WRONLY);
    if (dup2(c->ends[0], 0) < 0 || dup2(c->ends[1], 1) < 0 || dup2(nowhere, 2) < 0 ||
        close_range(3, ~0u, 0) < 0)
        _exit(NOT_STARTED);
    if (setrlimit(RLIMIT_CPU, &c->cpu) < 0 || setrlimit(RLIMIT_AS, &c->memory) < 0 ||
        setrlimit(RLIMIT_FSIZE, &c->file) < 0 || setrlimit(RLIMIT_NOFILE, &c->files) < 0 ||
        setrlimit(RLIMIT_CORE, &c->core) < 0 || !sandbox_no_new_privileges())
        _exit(NOT_STARTED);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 && unshare(CLONE_NEWNET) < 0) {
        /* not allowed here: the filter does it */
    }
    /* Root's powers go, too, where it runs as root and has no namespace of its own: CAP_PERFMON alone reads the memory of others. */
    if (chdir("/") < 0 || !sandbox_drop_capabilities(0) || !extractor_hold_files(c->program) ||
        !sandbox_refuse_calls(refused, ARRAY_COUNT(refused), 0))
        _exit(NOT_STARTED);
    execve(c->program, arguments, c->environment);
    _exit(NOT_STARTED);
}

/* ---- in the parent ---- */

static int start(const char *program, const struct extractor_limits *limits, char *const *environment,
                 int *to_out, int *from_out, pid_t *pid_out, struct err *err)
{
    int in[2], out[2];

    if (access(program, X_OK) < 0)
        return err_set_errno(err, errno, "index.extractor %s", program);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) < 0)
        return err_set_errno(err, errno, "start the extractor");
    if (pipe2(out, O_CLOEXEC) < 0) {
        int errnum = errno;
        close(in[0]);
        close(in[1]);
        return err_set_errno(err, errnum, "start the extractor");
    }
    struct child c = { .program = program,
                       .ends = { in[1], out[1] },
                       .cpu = { limits->cpu_s, limits->cpu_s },
                       .memory = { limits->memory_bytes, limits->memory_bytes },
                       .file = { limits->file_bytes, limits->file_bytes },
                       .files = { OPEN_FILES_MAX, OPEN_FILES_MAX },
                       .environment = environment };
    pid_t pid = fork();
    if (pid == 0)
        run_child(&c);
    int errnum = errno;
    close(in[1]);
    close(out[1]);
    if (pid < 0) {
        close(in[0]);
        close(out[0]);
        return err_set_errno(err, errnum, "start the extractor");
    }
    setpgid(pid, pid); /* whoever comes first: before it can be killed as a group */
    *to_out = in[0];
    *from_out = out[0];
    *pid_out = pid;
    return 0;
}

struct watch {
    const struct extractor_limits *limits;
    int64_t until_ms;
    bool stopped;
};

/* So long it may be waited for before this is asked again; 0: no longer. */
static int may_wait_ms(struct watch *w)
{
    int64_t left_ms = w->until_ms - clock_mono_ms(&clock_system);

    if (w->limits->must_stop && w->limits->must_stop(w->limits->ctx))
        w->stopped = true;
    if (w->stopped || left_ms <= 0)
        return 0;
    return left_ms < SLICE_MS ? (int)left_ms : SLICE_MS;
}

/* Feed and read until it has said all, or too much, or may not go on. True: it has said all. */
static bool talk(int *to, int from, struct str input, struct watch *watch, struct buf *out)
{
    uint64_t output_bytes = watch->limits->output_bytes;
    size_t before = out->n;

    for (;;) {
        struct pollfd fds[] = { { from, POLLIN, 0 }, { *to, POLLOUT, 0 } };
        int wait_ms = may_wait_ms(watch);
        if (wait_ms == 0 || (poll(fds, 2, wait_ms) < 0 && errno != EINTR))
            return false;
        if (fds[1].revents) {
            ssize_t n = input.n ? send(*to, input.p, input.n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
            input = str_skip(input, n > 0 ? (size_t)n : 0);
            if (input.n == 0 || (n < 0 && errno != EAGAIN)) {
                close(*to);
                *to = -1; /* poll passes it over */
            }
        }
        if (fds[0].revents) {
            ssize_t n = read(from, buf_reserve(out, READ_BYTES), READ_BYTES);
            if (n <= 0)
                return n == 0;
            out->n += (size_t)n;
            if (out->n - before >= output_bytes) {
                out->n = before + output_bytes;
                return true;
            }
        }
    }
}

/* Its exit status, or -1 when it had to be killed. What it started ends with it: the group is killed before the process is
 * forgotten, so that its number cannot be another's by then. */
static int end(pid_t pid, bool at_once, struct watch *watch)
{
    siginfo_t info = { .si_pid = 0 };
    int status;

    while (!at_once) {
        int r = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
        if ((r < 0 && errno != EINTR) || info.si_pid == pid || may_wait_ms(watch) == 0)
            break;
        usleep(WAIT_US);
    }
    kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int failure(const struct watch *watch, const char *program, int status, struct err *err)
{
    if (watch->stopped)
        return err_set(err, ERR_UNAVAILABLE, "the extractor was stopped");
    if (status == NOT_STARTED)
        return err_set(err, ERR_IO, "index.extractor %s: cannot be run", program);
    return err_set(err, ERR_CANNOT, "the extractor failed");
}

int extractor_run(const char *program, const struct extractor_limits *limits, struct str content_type,
                  struct str file_name, struct str input, struct buf *text_out, struct err *err)
{
    struct buf type = BUF_INIT, name = BUF_INIT;
    size_t before = text_out->n;
    struct watch watch = { limits, clock_mono_ms(&clock_system) + limits->time_ms, false };
    int to = -1, from = -1;
    pid_t pid = -1;

    buf_printf(&type, "CONTENT_TYPE=" STR_FMT, STR_ARG(str_sub(content_type, 0, NAME_BYTES_MAX)));
    buf_printf(&name, "FILE_NAME=" STR_FMT, STR_ARG(str_sub(file_name, 0, NAME_BYTES_MAX)));
    char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", language[] = "LC_ALL=C.UTF-8";
    buf_c(&type);
    buf_c(&name);
    char *const environment[] = { path, language, type.p, name.p, NULL };
    int r = start(program, limits, environment, &to, &from, &pid, err);
    if (r == 0) {
        bool all = talk(&to, from, input, &watch, text_out);
        bool enough = all && text_out->n - before >= limits->output_bytes;
        if (to >= 0)
            close(to);
        close(from);
        int status = end(pid, !all || enough, &watch);
        if (!enough && (!all || status != 0)) {
            text_out->n = before;
            r = failure(&watch, program, status, err);
        }
    }
    buf_deinit(&type);
    buf_deinit(&name);
    return r;
}
