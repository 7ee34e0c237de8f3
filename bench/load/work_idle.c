/* work_idle.c: connections that wait: what they take, and how fast they hear of a delivery. RFC 2177 */
#include "load/kernel.h"
#include "load/workload.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { AT_ONCE = 32, OTHER_FILES = 200, PUSH_USER = 5 }; /* files: the server needs some, too */
enum { REST_S = 4 };                                     /* until who waits was put aside, as Dovecot does */

/* Open, select INBOX, go idle. `user` in value. */
static bool open_idle(struct client *c, enum client_kind kind)
{
    if (work_open_step(c, kind, c->value, "INBOX"))
        return false;
    if (c->step > 3)
        return true;
    client_send(c, "IDLE");
    return false;
}

static bool open_idle_plain(struct client *c)
{
    return open_idle(c, CLIENT_IMAP);
}

static bool open_idle_tls(struct client *c)
{
    return open_idle(c, CLIENT_IMAPS);
}

/* ---- memory ---- */

/* This process has to hold them all. */
static unsigned connections_max(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    return (unsigned)files.rlim_cur - OTHER_FILES;
}

static void measure_idle(struct bench *b, struct row *r, bool tls, unsigned clients)
{
    struct crowd warm, crowd;
    client_op *op = tls ? open_idle_tls : open_idle_plain;
    row_param(r, "clients", clients);
    crowd_init(&warm, b, b->target.users); /* accounts and code are in memory, buffers made once are made */
    for (unsigned i = 0; i < warm.count; i++)
        warm.clients[i].value = i;
    crowd_each(&warm, AT_ONCE, op);
    crowd_init(&crowd, b, clients);
    sleep(REST_S);
    usage_settle(b);
    uint64_t pss = usage_pss_bytes(&b->target), kernel = kernel_bytes(&b->target);
    for (unsigned i = 0; i < clients; i++)
        crowd.clients[i].value = i;
    double begin = now_s();
    crowd_each(&crowd, AT_ONCE, op);
    r->wall_s = now_s() - begin;
    r->count = clients;
    sleep(REST_S);
    usage_settle(b);
    if (b->target.roots[0] > 0) {
        row_figure(r, "pss_bytes_per_op", (double)(int64_t)(usage_pss_bytes(&b->target) - pss) / clients,
                   "B PSS");
        row_figure(r, "kernel_bytes_per_op", (double)(int64_t)(kernel_bytes(&b->target) - kernel) / clients,
                   "B kernel");
    }
    row_print(b, r);
    crowd_deinit(&crowd);
    crowd_deinit(&warm);
}

void idle_run(struct bench *b)
{
    unsigned clients = bench_param(b, "clients", 2000, 100), max = connections_max();
    if (clients > max) /* params tell */
        clients = max;
    for (int tls = 0; tls < 2; tls++) {
        struct row r;
        row_init(&r, tls ? "idle.tls" : "idle.plain", "connection", "%u connections in IDLE, %s", clients,
                 tls ? "TLS" : "plain");
        if (tls && b->target.imaps.length == 0)
            row_unsupported(b, &r, "--imaps");
        else if (!client_server_has(b, "IDLE"))
            row_unsupported(b, &r, "IDLE");
        else
            measure_idle(b, &r, tls, clients);
    }
}

/* ---- push ---- */

static bool has_heard(const struct client *c)
{
    return c->exists >= *(const unsigned *)c->ctx;
}

static void push_rounds(struct bench *b, struct crowd *crowd, struct row *r, unsigned rounds)
{
    struct samples samples;
    struct client lmtp;
    struct meter m;
    struct buf message = BUF_INIT;
    unsigned want = crowd->clients[0].exists;
    double waited = 0;
    text_message(&b->text, 1, 3000, &message);
    client_init(&lmtp, b, 0);
    client_open(&lmtp, CLIENT_LMTP);
    client_wait(&lmtp);
    samples_init(&samples, rounds);
    for (unsigned i = 0; i < crowd->count; i++)
        crowd->clients[i].ctx = &want;
    meter_start(b, &m);
    for (unsigned i = 0; i < rounds; i++) {
        want++;
        client_deliver(&lmtp, PUSH_USER, buf_str(&message));
        client_wait(&lmtp); /* sent_s: when the data went out */
        crowd_wait(crowd, has_heard);
        samples.s[samples.n++] = now_s() - lmtp.sent_s;
        waited += samples.s[i];
        usleep(5000);
    }
    m.wall_s = waited;
    meter_stop(b, &m, r, rounds, &samples);
    samples_deinit(&samples);
    client_deinit(&lmtp);
    buf_deinit(&message);
}

void push_run(struct bench *b)
{
    struct crowd crowd;
    struct row r;
    unsigned clients = bench_param(b, "clients", 50, 50);
    row_init(&r, "push", "message", "push to %u clients, until the last has it", clients);
    row_param(&r, "clients", clients);
    if (b->target.lmtp.length == 0 || !client_server_has(b, "IDLE")) {
        row_unsupported(b, &r, b->target.lmtp.length ? "IDLE" : "--lmtp");
        return;
    }
    crowd_init(&crowd, b, clients);
    for (unsigned i = 0; i < clients; i++)
        crowd.clients[i].value = PUSH_USER;
    crowd_each(&crowd, AT_ONCE, open_idle_plain);
    push_rounds(b, &crowd, &r, bench_param(b, "count", 200, 20));
    crowd_deinit(&crowd);
}
