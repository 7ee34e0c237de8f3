/* net_bench: what a connection costs. Prints, for plain and for TLS 1.3:
 *   memory   user space of the server per idle connection (growth of its anonymous memory over COUNT of them)
 *   echo     server CPU per round trip of one short line, 50 clients in turn, then 50 at once
 *   wake     time from the first of 50 wakes until the last of 50 clients has read its line
 * Clients of the first two run in a second process, so that the server's figures are its own.
 * usage: net_bench [COUNT]          default 2000 */
#include "net/net_testing.h"
#include "net/openssl.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

extern char **environ;

enum { WAKE_CLIENTS = 50, WAKE_ROUNDS = 200, ECHO_CLIENTS = 50, ECHO_ROUNDS = 1000 };

struct bench {
    char path[64];
    struct tls_context *tls;
    struct net *net;
    struct echo_server echo;
    struct net_addr addr[2]; /* plain, TLS */
};

static double now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static double cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static long pss_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/smaps_rollup", "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "Pss_Anon: %ld kB", &kib) == 1)
            break;
    fclose(f);
    return kib;
}

static void ping(struct client *c)
{
    client_send(c, STR("ping\r\n"));
}

static void pong(struct client *c)
{
    char back[6];
    assert_int_equal(client_read(c, back, sizeof back), sizeof back);
}

static void round_trips(struct client *c, int count, bool at_once)
{
    for (int i = 0; i < count; i++) {
        ping(&c[i]);
        if (!at_once)
            pong(&c[i]);
    }
    for (int i = 0; at_once && i < count; i++)
        pong(&c[i]);
}

static struct client connect_one(const struct net_addr *addr, SSL_CTX *ctx)
{
    struct client c = client_connect(addr);
    if (ctx)
        assert_true(client_start_tls(&c, ctx, NULL, NULL));
    client_expect(&c, "* hello");
    return c;
}

/* ---- the process of the clients: "client PORT COUNT TLS ROUNDS"; says "." when it is done, then waits for
 * its stdin to end ---- */

static int client_main(char **argv)
{
    struct net_addr addr;
    int count = atoi(argv[3]), rounds = atoi(argv[5]);
    SSL_CTX *ctx = atoi(argv[4]) ? client_ctx_new() : NULL;
    struct client *c = calloc((size_t)count, sizeof *c);
    assert_int_equal(addr_parse_ip(STR("127.0.0.1"), &addr, NULL), 0);
    addr.port = (uint16_t)atoi(argv[2]);
    for (int i = 0; i < count; i++)
        c[i] = connect_one(&addr, ctx);
    for (int step = 0; step < 3; step++) {
        for (int r = 0; r < (step == 0 ? 1 : rounds); r++)
            round_trips(c, count, step == 2);
        char byte = '.';
        assert_int_equal(write(1, &byte, 1), 1);
        if (read(0, &byte, 1) != 1)
            break;
    }
    return 0;
}

struct child {
    pid_t pid;
    int to, from;
};

static struct child spawn(const char *self, const struct net_addr *addr, int count, bool tls, int rounds)
{
    int in[2], out[2];
    struct child child;
    char port[16], count_text[16], rounds_text[16];
    posix_spawn_file_actions_t actions;
    assert_int_equal(pipe(in) | pipe(out), 0);
    snprintf(port, sizeof port, "%u", addr->port);
    snprintf(count_text, sizeof count_text, "%d", count);
    snprintf(rounds_text, sizeof rounds_text, "%d", rounds);
    char program[] = "net_bench", role[] = "client", yes[] = "1", no[] = "0";
    char *const argv[] = { program, role, port, count_text, tls ? yes : no, rounds_text, NULL };
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_addclose(&actions, in[1]);
    posix_spawn_file_actions_addclose(&actions, out[0]);
    assert_int_equal(posix_spawn(&child.pid, self, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    child.to = in[1];
    child.from = out[0];
    return child;
}

static void await(const struct child *child)
{
    char byte;
    assert_int_equal(read(child->from, &byte, 1), 1);
}

static void resume(const struct child *child)
{
    assert_int_equal(write(child->to, ".", 1), 1);
}

static void finish(struct bench *b, struct child *child)
{
    close(child->to);
    close(child->from);
    waitpid(child->pid, NULL, 0);
    WAIT_FOR(net_stats(b->net).connections == 0);
}

/* ---- the server ---- */

static void start(struct bench *b)
{
    bool made;
    const struct tls_pair pair = { b->path, b->path };
    struct tls_options tls = { .pairs = &pair, .pair_count = 1, .clock = &clock_system };
    struct net_options options = { .clock = &clock_system };
    snprintf(b->path, sizeof b->path, "/tmp/loft-net-bench-%d.pem", getpid());
    assert_int_equal(cert_ensure_self_signed(b->path, STR("localhost"), &clock_system, &made, NULL), 0);
    assert_int_equal(tls_context_new(&tls, &b->tls, NULL), 0);
    unlink(b->path);
    echo_server_init(&b->echo);
    assert_int_equal(net_new(&options, &b->net, NULL), 0);
    for (int i = 0; i < 2; i++) {
        struct listener *listener;
        struct listener_options o = {
            .address = STR("127.0.0.1:0"),
            .handler = &echo_handler,
            .ctx = &b->echo,
            .tls_mode = i ? LISTENER_TLS_IMPLICIT : LISTENER_TLS_NONE,
            .tls = i ? b->tls : NULL,
        };
        assert_int_equal(net_listen(b->net, &o, &listener, NULL), 0);
        b->addr[i] = listener_addr(listener, 0);
    }
    assert_int_equal(net_start(b->net, NULL), 0);
}

static void stop(struct bench *b)
{
    net_stop(b->net, 1000);
    net_free(&b->net);
    echo_server_deinit(&b->echo);
    tls_context_unref(&b->tls);
}

static void forget_wakers(struct bench *b)
{
    for (unsigned i = 0; i < b->echo.opened; i++)
        conn_waker_unref(&b->echo.wakers[i]);
    b->echo.opened = 0;
}

static void bench_memory(struct bench *b, const char *self, bool tls, int count)
{
    /* Threads, caches and code are not the connections'. */
    struct child warm = spawn(self, &b->addr[tls], 100, tls, 0);
    await(&warm);
    finish(b, &warm);
    forget_wakers(b);
    long before = pss_kib();
    struct child child = spawn(self, &b->addr[tls], count, tls, 0);
    await(&child);
    usleep(300 * 1000);
    long after = pss_kib();
    printf("memory %-5s %6.2f KiB per idle connection (%d connections, anonymous PSS %ld -> %ld KiB)\n",
           tls ? "tls" : "plain", (double)(after - before) / count, count, before, after);
    finish(b, &child);
    forget_wakers(b);
}

static void bench_echo(struct bench *b, const char *self, bool tls)
{
    struct child child = spawn(self, &b->addr[tls], ECHO_CLIENTS, tls, ECHO_ROUNDS);
    await(&child);
    for (int at_once = 0; at_once < 2; at_once++) {
        double cpu = cpu_us(), time = now_us();
        resume(&child);
        await(&child);
        const double trips = (double)ECHO_CLIENTS * ECHO_ROUNDS;
        printf("echo   %-5s %6.2f us of server CPU per round trip, %d clients %s (%.1f us elapsed)\n",
               tls ? "tls" : "plain", (cpu_us() - cpu) / trips, ECHO_CLIENTS, at_once ? "at once" : "in turn",
               (now_us() - time) / trips);
    }
    finish(b, &child);
    forget_wakers(b);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void bench_wake(struct bench *b, bool tls)
{
    struct client c[WAKE_CLIENTS];
    double us[WAKE_ROUNDS];
    char line[9];
    SSL_CTX *ctx = tls ? client_ctx_new() : NULL;
    for (int i = 0; i < WAKE_CLIENTS; i++)
        c[i] = connect_one(&b->addr[tls], ctx);
    for (int round = 0; round < WAKE_ROUNDS; round++) {
        usleep(2000);
        double begin = now_us();
        for (int i = 0; i < WAKE_CLIENTS; i++)
            conn_wake(b->echo.wakers[i]);
        for (int i = 0; i < WAKE_CLIENTS; i++)
            assert_int_equal(client_read(&c[i], line, sizeof line), sizeof line);
        us[round] = now_us() - begin;
    }
    qsort(us, WAKE_ROUNDS, sizeof us[0], by_value);
    printf("wake   %-5s %6.2f ms median until all of %d clients have their line (best %.2f, 95%% %.2f, worst "
           "%.2f)\n",
           tls ? "tls" : "plain", us[WAKE_ROUNDS / 2] / 1e3, WAKE_CLIENTS, us[0] / 1e3,
           us[WAKE_ROUNDS * 95 / 100] / 1e3, us[WAKE_ROUNDS - 1] / 1e3);
    for (int i = 0; i < WAKE_CLIENTS; i++)
        client_close(&c[i]);
    SSL_CTX_free(ctx);
    WAIT_FOR(net_stats(b->net).connections == 0);
    forget_wakers(b);
}

int main(int argc, char **argv)
{
    static struct bench b;
    char self[512];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (argc == 6 && strcmp(argv[1], "client") == 0)
        return client_main(argv);
    int count = argc > 1 ? atoi(argv[1]) : 2000;
    if (n < 0 || count <= 0) {
        fprintf(stderr, "usage: net_bench [COUNT]\n");
        return 1;
    }
    self[n] = '\0';
    start(&b);
    for (int tls = 0; tls < 2; tls++)
        bench_memory(&b, self, tls, count);
    for (int tls = 0; tls < 2; tls++)
        bench_echo(&b, self, tls);
    for (int tls = 0; tls < 2; tls++)
        bench_wake(&b, tls);
    stop(&b);
    return 0;
}
