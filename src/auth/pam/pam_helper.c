#include "auth/pam/pam_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct conversation {
    pid_t pid; /* 0: free */
    int64_t end_ms;
};

struct helper {
    const struct pam_helper_params *params;
    int requests;
    struct conversation conversations[PAM_CALLS_MAX];
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the process of one conversation ---- */

_Noreturn static void converse(const struct helper *h, const struct pam_request *request, int answer)
{
    struct pam_reply reply;
    sigset_t none;
    sigemptyset(&none);
    close(h->requests);
    setsid();
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL); /* modules that start programs wait for them */
    pam_talk(h->params, request, &reply);
    ssize_t sent = send(answer, &reply, sizeof reply, MSG_NOSIGNAL);
    (void)sent; /* the server has given up: nothing to do */
    _exit(0);
}

/* ---- the helper ---- */

static struct conversation *free_place(struct helper *h)
{
    for (size_t i = 0; i < h->params->calls_max; i++)
        if (h->conversations[i].pid == 0)
            return &h->conversations[i];
    return NULL;
}

static void begin(struct helper *h, const struct pam_request *request, int answer)
{
    struct conversation *c = free_place(h);
    pid_t pid = fork();
    if (pid == 0)
        converse(h, request, answer);
    if (pid > 0) {
        *c = (struct conversation){ pid, now_ms() + h->params->timeout_ms };
    }
    close(answer); /* with nobody at the other end the server knows at once */
}

static bool is_whole(const struct pam_request *r, ssize_t n)
{
    return n == (ssize_t)sizeof *r && memchr(r->name, '\0', sizeof r->name) &&
           memchr(r->password, '\0', sizeof r->password) && memchr(r->address, '\0', sizeof r->address);
}

/* false: the server has gone. */
static bool take_request(struct helper *h)
{
    struct pam_request request;
    struct iovec bytes = { &request, sizeof request };
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    ssize_t n = recvmsg(h->requests, &message, MSG_CMSG_CLOEXEC);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        return false;
    const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
        c->cmsg_len == CMSG_LEN(sizeof(int))) {
        int answer;
        memcpy(&answer, CMSG_DATA(c), sizeof answer);
        if (is_whole(&request, n))
            begin(h, &request, answer);
        else
            close(answer);
    }
    sodium_memzero(&request, sizeof request);
    return true;
}

static bool is_conversation(const struct helper *h, pid_t pid)
{
    for (size_t i = 0; i < PAM_CALLS_MAX; i++)
        if (h->conversations[i].pid == pid)
            return true;
    return false;
}

/* Programs that modules started may be in groups and sessions of their own (those of pam_exec are). When what started them has
 * gone they become our children (PR_SET_CHILD_SUBREAPER), and go, too. */
static void kill_strays(const struct helper *h)
{
    char path[64];
    int pid;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *in = fopen(path, "re");
    while (in && fscanf(in, "%d", &pid) == 1)
        if (!is_conversation(h, pid))
            kill(pid, SIGKILL);
    if (in)
        fclose(in);
}

static void reap(struct helper *h)
{
    bool any = false;
    for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0; any = true)
        for (size_t i = 0; i < PAM_CALLS_MAX; i++)
            if (h->conversations[i].pid == pid)
                h->conversations[i].pid = 0;
    if (any)
        kill_strays(h);
}

/* Those whose time is up, or all. Returns when the next one's is, in ms from now; -1: there is none. */
static int64_t kill_late(struct helper *h, bool all)
{
    int64_t now = now_ms(), next = -1;
    for (size_t i = 0; i < PAM_CALLS_MAX; i++) {
        const struct conversation *c = &h->conversations[i];
        if (c->pid == 0)
            continue;
        int64_t left = c->end_ms - now;
        if (all || left <= 0)
            kill(c->pid, SIGKILL);
        else if (next < 0 || left < next)
            next = left;
    }
    return next;
}

static void on_child(int signal_number)
{
    (void)signal_number; /* ends ppoll */
}

void pam_helper_run(const struct pam_helper_params *params, int requests)
{
    struct helper h = { .params = params, .requests = requests };
    const struct rlimit no_core = { 0, 0 };
    sigset_t blocked, open;
    /* Who stops the server stops the helper by that; a Ctrl-C goes to both. */
    sigfillset(&blocked);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    open = blocked;
    sigdelset(&open, SIGCHLD);
    sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = on_child }, NULL);
    prctl(PR_SET_NAME, "loft-pam");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_DUMPABLE, 0); /* there are passwords in its memory */
    setrlimit(RLIMIT_CORE, &no_core);
    for (bool served = true; served;) {
        struct pollfd p = { .fd = requests, .events = POLLIN };
        reap(&h);
        if (!free_place(&h)) /* one that has answered is about to end, or late ones are killed */
            p.fd = -1;
        int64_t next = kill_late(&h, false);
        const struct timespec wait = { next / 1000, next % 1000 * 1000000 };
        if (ppoll(&p, 1, next < 0 ? NULL : &wait, &open) > 0)
            served = take_request(&h);
    }
    kill_late(&h, true);
    while (waitpid(-1, NULL, 0) > 0)
        kill_strays(&h);
    _exit(0);
}
