/* mail_bench.c: a load generator for any server that speaks IMAP and LMTP. bench/README.md is its manual.
 *
 * This process supervises: it starts Loft where that is asked for, and runs one workload after the other, each in
 * a child of its own, which asks for restarts and tells why it gave up over a socket. So nothing that a server
 * does to one workload keeps the others from running. */
#include "load/loft.h"
#include "load/options.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const struct workload workloads[] = {
    { "login", "count clients", "sign in: plain, TLS full, TLS resumed", login_run },
    { "lmtp", "count bytes clients real", "deliveries by 1, 32, 200 connections", lmtp_run },
    { "append", "count bytes clients real", "APPEND and MULTIAPPEND by 1 and 32 connections", append_run },
    { "fill", "messages bytes real", "make the big mailbox anew; disk space", fill_run },
    { "select", "messages bytes real count", "SELECT cold, new, known; STATUS", select_run },
    { "fetch", "messages bytes real count", "FETCH of all (first, cold, warm), of one, of a part",
      fetch_run },
    { "store", "messages count", "STORE of one message by 1, 32, 8 on one mailbox; of all", store_run },
    { "search", "messages bytes count", "SEARCH by flags, headers, text", search_run },
    { "sort", "messages bytes count", "SORT", sort_run },
    { "thread", "messages bytes count", "THREAD", thread_run },
    { "copy", "messages", "COPY, MOVE, EXPUNGE", copy_run },
    { "idle", "clients", "memory of connections in IDLE", idle_run },
    { "push", "count clients", "from a delivery to waiting clients", push_run },
    { "mix", "count clients", "busy clients that do everything", mix_run },
    { NULL },
};

/* To be ended with us, whatever happens. */
static struct loft loft;
static pid_t loft_owner;

/* ---- restarts ---- */

static void use_loft(struct bench *b)
{
    struct target *t = &b->target;
    t->roots[0] = loft.pid;
    t->imap = endpoint_tcp("127.0.0.1", loft.imap_port);
    t->imaps = endpoint_tcp("127.0.0.1", loft.imaps_port);
    t->lmtp = endpoint_local(loft.lmtp_path);
    t->data = loft.data;
}

static void end_loft(void)
{
    if (loft_owner != getpid()) /* a workload */
        return;
    loft_owner = 0;
    loft_remove(&loft);
}

static void start_loft(struct bench *b, const struct options *o)
{
    loft_prepare(&loft, o->loft, o->folder);
    loft_owner = getpid();
    atexit(end_loft);
    if (strcmp(b->target.name, "server") == 0)
        b->target.name = "loft";
    b->target.flushes = options_map_flushes(loft.flush_path);
    loft_start(&loft);
    for (unsigned i = 0; i < b->target.users; i++) {
        struct buf name = BUF_INIT;
        bench_user(b, i, &name);
        loft_add_user(&loft, buf_c(&name), b->target.password);
        buf_deinit(&name);
    }
    use_loft(b);
}

static bool run_hook(struct bench *b, const char *command)
{
    char answer[1024] = "";
    FILE *f = popen(command, "re");
    size_t n = f ? fread(answer, 1, sizeof answer - 1, f) : 0;
    if (!f || pclose(f) != 0)
        return false;
    return n == 0 || strspn(answer, " \n\t") == n || options_pids(answer, b->target.roots);
}

static bool restart(struct bench *b, const struct options *o)
{
    if (!o->loft)
        return run_hook(b, o->restart);
    loft_restart_cold(&loft);
    use_loft(b);
    return true;
}

/* ---- workloads ---- */

/* Serve a workload until it ends; false: it failed, or found answers wrong. */
static bool supervise(struct bench *b, const struct options *o, int link, pid_t pid)
{
    char request[BENCH_ERROR_BYTES];
    bool good = true, told = false;
    int status;
    ssize_t n;
    while ((n = recv(link, request, sizeof request - 1, 0)) > 0) {
        request[n] = '\0';
        if (request[0] == 'R') {
            struct restarted answer = { { 0 } };
            bool done = restart(b, o);
            memcpy(answer.roots, b->target.roots, sizeof answer.roots);
            (void)!send(link, &answer, done ? sizeof answer : 1, MSG_NOSIGNAL);
        } else {
            good = false;
            told = told || request[0] == 'F';
            if (request[0] == 'F')
                row_fatal(b, request + 1);
        }
    }
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        good = false;
        if (!told)
            row_fatal(b, "the load generator ended early");
    }
    return good;
}

static bool run_workload(struct bench *b, const struct options *o, const struct workload *w)
{
    int link[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link) < 0)
        bench_die("socketpair: %s", strerror(errno));
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        bench_die("fork: %s", strerror(errno));
    if (pid == 0) {
        close(link[0]);
        b->supervisor = link[1];
        bench_die_to(link[1]);
        w->run(b);
        if (b->errors > 0) /* behind the last row */
            bench_die("%s", b->error);
        exit(0);
    }
    close(link[1]);
    bool good = supervise(b, o, link[0], pid);
    close(link[0]);
    return good;
}

static void list_workloads(void)
{
    for (const struct workload *w = workloads; w->name; w++)
        printf("%-8s %-26s %s\n", w->name, w->keys, w->help);
}

static void raise_file_limit(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
    struct bench b;
    struct options o;
    bool good = true;
    int first = options_read(argc, argv, &b, &o);
    if (o.list) {
        list_workloads();
        return 0;
    }
    for (int i = first; i < argc; i++)
        if (!options_workload(argv[i], &b))
            return 2;
    raise_file_limit();
    text_init(&b.text);
    if (o.loft)
        start_loft(&b, &o);
    row_header(&b);
    for (int i = first; i < argc; i++) {
        const struct workload *w = options_workload(argv[i], &b);
        good = run_workload(&b, &o, w) && good;
    }
    for (const struct workload *w = workloads; first == argc && w->name; w++) {
        b.workload = w->name;
        good = run_workload(&b, &o, w) && good;
    }
    end_loft();
    text_deinit(&b.text);
    return good || o.tolerate ? 0 : 1;
}
