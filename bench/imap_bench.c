/* imap_bench.c: what the whole server costs, over the wire, beside what the disk itself costs in the same
 * run.
 *
 *   imap_bench LOFT [--json] [--folder FOLDER] [--quick] [WORKLOAD...]
 *
 * LOFT is the binary; it is started on loopback with a data folder that is made in FOLDER (/tmp) and removed.
 * CPU is user + system of the server process, background work included, divided by the operations. Rates
 * depend on what else the machine does, and the load generator has a share of it: compare rows of one run.
 * bench/README.md says what the rows mean. */
#include "bench_client.h"
#include "bench_report.h"
#include "bench_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CROWD = 64, FLAG_CROWD = 32, FLAG_MESSAGES = 1000, BATCH = 100 };

struct bench {
    struct bench_server server;
    const char *folder;
    unsigned scale; /* divides the work */
};

static struct text text; /* of all messages */
static double latencies[1u << 20];

/* ---- measuring ---- */

struct meter {
    const struct bench_server *server;
    double wall, cpu;
};

static struct meter meter_start(const struct bench_server *server)
{
    return (struct meter){ server, now_s(), server_cpu_s(server) };
}

static void meter_stop(const struct meter *m, const char *name, unsigned count, unsigned samples)
{
    double cpu = server_cpu_s(m->server) - m->cpu, wall = now_s() - m->wall;
    report_row(name, count, wall, cpu, latencies, samples);
}

/* ---- mailboxes to measure on ---- */

/* MULTIAPPEND of `count` messages of `bytes` each, numbered from 1. RFC 3502 */
static void append_messages(struct client *c, const char *mailbox, unsigned count, unsigned bytes)
{
    struct buf message = BUF_INIT;
    for (unsigned n = 1; n <= count;) {
        buf_printf(&c->out, "T%u APPEND %s", ++c->tag, mailbox);
        for (unsigned k = 0; k < BATCH && n <= count; k++, n++) {
            buf_clear(&message);
            text_message(&text, n, bytes, &message);
            buf_printf(&c->out, " {%zu+}\r\n", message.n);
            buf_add(&c->out, buf_str(&message));
        }
        buf_add_lit(&c->out, "\r\n");
        client_wait(c);
    }
    buf_deinit(&message);
}

static void connect_as(struct client *c, const struct bench_server *server, bool tls, const char *user)
{
    client_connect(c, server, tls);
    client_login(c, user);
}

/* ---- deliveries ---- */

enum { DELIVERY_BYTES = 30 * 1024 };
#define FLUSHES_MAX 0.3 /* a delivery, of the disk */
static struct buf deliveries[256];

static void begin_delivery(struct client *c)
{
    char user[16];
    snprintf(user, sizeof user, "user%u", c->index % FLAG_CROWD);
    client_deliver(c, user, buf_str(&deliveries[(c->index * 37 + c->round) % 256]));
}

static void measure_deliveries(struct bench *b, unsigned in_flight, unsigned total)
{
    static struct client clients[CROWD];
    char name[64];
    struct str sample = buf_str(&deliveries[0]);
    for (unsigned i = 0; i < in_flight; i++) {
        clients[i].index = i;
        client_connect_lmtp(&clients[i], &b->server);
    }
    crowd_run(clients, in_flight, in_flight * 4, begin_delivery, latencies); /* warm */
    server_settle(&b->server);
    double raw = raw_append_rate(b->server.data, sample, in_flight, total);
    uint64_t flushes = server_flushes(&b->server);
    double rate = 0, begin = now_s();
    struct meter m = meter_start(&b->server);
    crowd_run(clients, in_flight, total, begin_delivery, latencies);
    rate = total / (now_s() - begin);
    snprintf(name, sizeof name, "LMTP delivery of 30 KB, %u in flight", in_flight);
    meter_stop(&m, name, total, total);
    raw = (raw + raw_append_rate(b->server.data, sample, in_flight, total)) / 2;
    snprintf(name, sizeof name, "raw append + fdatasync, %u a sync", in_flight);
    report_rate(name, raw);
    snprintf(name, sizeof name, "flushes a delivery, %u in flight", in_flight);
    report_value(name, (double)(server_flushes(&b->server) - flushes) / total, "",
                 in_flight > 1 ? FLUSHES_MAX : 0, false);
    snprintf(name, sizeof name, "delivery / raw, %u in flight", in_flight);
    report_value(name, rate / raw, "", in_flight > 1 ? 0.5 : 0, true);
    for (unsigned i = 0; i < in_flight; i++)
        client_close(&clients[i]);
}

static void run_lmtp(struct bench *b)
{
    for (unsigned i = 0; i < 256; i++)
        text_message(&text, i, DELIVERY_BYTES, &deliveries[i]);
    measure_deliveries(b, 1, 1000 / b->scale);
    measure_deliveries(b, CROWD, 20000 / b->scale);
    for (unsigned i = 0; i < 256; i++)
        buf_deinit(&deliveries[i]);
}

/* ---- flag changes ---- */

static unsigned flag_stride; /* clients on one mailbox change different messages */

static bool check_store(struct client *c, struct str r)
{
    char want[64];
    bool set = c->round % 2 == 0;
    unsigned seq = 1 + (c->index * flag_stride + c->round / 2) % FLAG_MESSAGES;
    int n = snprintf(want, sizeof want, "* %u FETCH (FLAGS (", seq);
    if (!str_starts(r, str_make(want, (size_t)n)))
        return false; /* somebody else's */
    bool is_set = str_find(r, STR("\\Flagged")) >= 0;
    if (is_set != set)
        bench_die("wrong flags: " STR_FMT, STR_ARG(r));
    return true;
}

static void begin_store(struct client *c)
{
    if (c->round > 0 && c->untagged == 0)
        bench_die("STORE without FETCH");
    client_send(c, "STORE %u %cFLAGS (\\Flagged)",
                1 + (c->index * flag_stride + c->round / 2) % FLAG_MESSAGES, c->round % 2 ? '-' : '+');
}

static void measure_flags(struct bench *b, const char *name, unsigned count, unsigned total,
                          const char *user_fmt, const char *mailbox_fmt, unsigned stride)
{
    static struct client clients[FLAG_CROWD];
    char user[32], mailbox[32];
    flag_stride = stride;
    for (unsigned i = 0; i < count; i++) {
        clients[i].index = i;
        snprintf(user, sizeof user, user_fmt, i);
        snprintf(mailbox, sizeof mailbox, mailbox_fmt, i);
        connect_as(&clients[i], &b->server, false, user);
        client_command(&clients[i], -1, "SELECT %s", mailbox);
        clients[i].check = check_store;
    }
    server_settle(&b->server);
    struct meter m = meter_start(&b->server);
    crowd_run(clients, count, total, begin_store, latencies);
    meter_stop(&m, name, total, total);
    report_target_cpu_us(30, count > 1);
    for (unsigned i = 0; i < count; i++)
        client_close(&clients[i]);
}

static void run_flags(struct bench *b)
{
    char user[32];
    struct client c = { 0 };
    for (unsigned i = 0; i < FLAG_CROWD; i++) {
        snprintf(user, sizeof user, "user%u", i);
        connect_as(&c, &b->server, false, user);
        client_command(&c, -1, "CREATE flags");
        append_messages(&c, "flags", FLAG_MESSAGES, 1000);
        client_close(&c);
    }
    connect_as(&c, &b->server, false, "user0");
    for (unsigned i = 0; i < FLAG_CROWD; i++) {
        client_command(&c, -1, "CREATE box%u", i);
        append_messages(&c, (snprintf(user, sizeof user, "box%u", i), user), FLAG_MESSAGES, 500);
    }
    client_close(&c);
    measure_flags(b, "STORE, 1 connection", 1, 4000 / b->scale, "user%u", "flags", 1);
    measure_flags(b, "STORE, 32 accounts", FLAG_CROWD, 60000 / b->scale, "user%u", "flags", 1);
    measure_flags(b, "STORE, 32 mailboxes of one account", FLAG_CROWD, 60000 / b->scale, "user0", "box%u", 1);
    measure_flags(b, "STORE, 32 on one mailbox", FLAG_CROWD, 40000 / b->scale, "user0", "flags", 31);
}

/* ---- FETCH ---- */

enum { FETCH_BYTES = 8 * 1024 };

struct fetch_check {
    unsigned next;
    char want[128];
};

static bool has(struct str r, const char *fmt, unsigned n)
{
    char want[64];
    snprintf(want, sizeof want, fmt, n);
    return str_find(r, str_c(want)) >= 0;
}

static void wrong(struct str r)
{
    bench_die("wrong answer: %.*s", (int)(r.n < 400 ? r.n : 400), r.p);
}

static bool check_uid_flags(struct client *c, struct str r)
{
    char want[96];
    unsigned *next = c->ctx;
    int n = snprintf(want, sizeof want, "* %u FETCH (UID %u FLAGS (", *next, *next);
    if (!str_starts(r, str_make(want, (size_t)n)) || !str_ends(r, STR("))")))
        wrong(r);
    ++*next;
    return true;
}

static bool check_envelope(struct client *c, struct str r)
{
    unsigned *next = c->ctx;
    if (!has(r, "* %u FETCH (ENVELOPE (", *next) || !has(r, TEXT_SUBJECT, *next) ||
        !has(r, " RFC822.SIZE %u)", FETCH_BYTES) ||
        str_find(r, STR(" BODYSTRUCTURE ((\"text\" \"plain\"")) < 0 ||
        str_find(r, STR(" INTERNALDATE \"")) < 0)
        wrong(r);
    ++*next;
    return true;
}

static bool check_fields(struct client *c, struct str r)
{
    unsigned *next = c->ctx;
    if (!has(r, "* %u FETCH (BODY[HEADER.FIELDS (", *next) ||
        !has(r, "Subject: " TEXT_SUBJECT "\r\n", *next) || !str_ends(r, STR("\r\n\r\n)")))
        wrong(r);
    ++*next;
    return true;
}

static bool check_body(struct client *c, struct str r)
{
    unsigned *next = c->ctx;
    struct buf want = BUF_INIT;
    buf_printf(&want, "* %u FETCH (BODY[] {%u}\r\n", *next, FETCH_BYTES);
    text_message(&text, *next, FETCH_BYTES, &want);
    buf_add_char(&want, ')');
    if (!str_eq(r, buf_str(&want)))
        wrong(r);
    buf_deinit(&want);
    ++*next;
    return true;
}

static const struct fetch_workload {
    const char *name, *items;
    bool (*check)(struct client *c, struct str r);
    double target_us;
} fetches[] = {
    { "UID FLAGS", "(UID FLAGS)", check_uid_flags, 0.15 },
    { "ENVELOPE BODYSTRUCTURE ...", "(ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)", check_envelope,
      1.0 },
    { "header fields", "(BODY.PEEK[HEADER.FIELDS (DATE FROM TO CC SUBJECT MESSAGE-ID REFERENCES)])",
      check_fields, 0 },
    { "whole bodies of 8 KB", "(BODY.PEEK[])", check_body, 0 },
};

static void measure_fetch(struct bench *b, const struct fetch_workload *w, unsigned count, bool tls)
{
    struct client c = { 0 };
    char name[96];
    server_restart_cold(&b->server);
    connect_as(&c, &b->server, tls, "user1");
    client_command(&c, -1, "SELECT fetch");
    c.check = w->check;
    for (unsigned i = 0; i < 3; i++) {
        unsigned next = 1;
        c.ctx = &next;
        server_settle(&b->server);
        struct meter m = meter_start(&b->server);
        client_command(&c, (int)count, "FETCH 1:* %s", w->items);
        snprintf(name, sizeof name, "FETCH %s, %s%s", w->name,
                 i == 0   ? "1st"
                 : i == 1 ? "2nd"
                          : "3rd",
                 tls ? ", TLS" : "");
        meter_stop(&m, name, count, 0);
        if (w->target_us > 0)
            report_target_cpu_us(w->target_us, !tls);
    }
    client_close(&c);
}

static void run_fetch(struct bench *b)
{
    struct client c = { 0 };
    unsigned count = 20000 / b->scale;
    connect_as(&c, &b->server, false, "user1");
    client_command(&c, -1, "CREATE fetch");
    struct meter m = meter_start(&b->server);
    append_messages(&c, "fetch", count, FETCH_BYTES);
    meter_stop(&m, "APPEND of 8 KB, 100 a command", count, 0);
    client_close(&c);
    for (size_t i = 0; i < sizeof fetches / sizeof *fetches; i++)
        measure_fetch(b, &fetches[i], count, false);
    measure_fetch(b, &fetches[0], count, true);
    measure_fetch(b, &fetches[1], count, true);
}

/* ---- every message's flags at once, and SEARCH ---- */

static bool check_search(struct client *c, struct str r)
{
    (void)c;
    return str_starts(r, STR("* SEARCH"));
}

static bool check_any_fetch(struct client *c, struct str r)
{
    (void)c;
    return str_find(r, STR(" FETCH (")) >= 0;
}

static void run_storeall(struct bench *b)
{
    struct client c = { 0 };
    unsigned count = 10000 / b->scale;
    connect_as(&c, &b->server, false, "user2");
    client_command(&c, -1, "CREATE all");
    append_messages(&c, "all", count, 2000);
    client_command(&c, -1, "SELECT all");
    c.check = check_any_fetch;
    struct meter m = meter_start(&b->server);
    for (unsigned i = 0; i < 20; i++)
        client_command(&c, (int)count, "STORE 1:* %cFLAGS (\\Flagged)", i % 2 ? '-' : '+');
    meter_stop(&m, "STORE 1:*, a message", count * 20, 0);
    c.check = check_search;
    m = meter_start(&b->server);
    client_command(&c, 1, "SEARCH SUBJECT \"no such words\"");
    meter_stop(&m, "SEARCH SUBJECT, a message", count, 0);
    m = meter_start(&b->server);
    client_command(&c, 1, "SEARCH FROM nobody SINCE 1-Jan-2001");
    meter_stop(&m, "SEARCH FROM, a message", count, 0);
    m = meter_start(&b->server);
    client_command(&c, 1, "SEARCH TEXT \"no such words\"");
    meter_stop(&m, "SEARCH TEXT of 2 KB, a message", count, 0);
    client_close(&c);
}

/* ---- SORT and THREAD ---- */

static bool check_order(struct client *c, struct str r)
{
    (void)c;
    return str_starts(r, STR("* SORT ")) || str_starts(r, STR("* THREAD ("));
}

static void run_sort(struct bench *b)
{
    static const char *const commands[] = { "SORT (ARRIVAL)",   "SORT (DATE)",       "SORT (REVERSE SUBJECT)",
                                            "SORT (FROM DATE)", "THREAD REFERENCES", "THREAD REFS" };
    struct client c = { 0 };
    char name[64];
    unsigned count = 100000 / b->scale;
    connect_as(&c, &b->server, false, "user6");
    client_command(&c, -1, "CREATE sort");
    append_messages(&c, "sort", count, 1500);
    client_command(&c, -1, "SELECT sort");
    c.check = check_order;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        client_command(&c, 1, "%s UTF-8 ALL", commands[i]); /* warm */
        server_settle(&b->server);
        struct meter m = meter_start(&b->server);
        client_command(&c, 1, "%s UTF-8 ALL", commands[i]);
        snprintf(name, sizeof name, "%s of %u, a message", commands[i], count);
        meter_stop(&m, name, count, 0);
        report_target_cpu_us(1, true);
    }
    client_close(&c);
}

/* ---- SELECT ---- */

/* An account is read when somebody signs in to it, so that is part of what a cold SELECT takes. */
static void measure_select(struct bench *b, const char *mailbox, unsigned count, double target_ms)
{
    struct client c = { 0 };
    char name[96];
    double took = 0;
    server_restart_cold(&b->server);
    client_connect(&c, &b->server, false);
    double begin = now_s();
    client_login(&c, "user2");
    for (unsigned i = 0; i < 6; i++) {
        client_command(&c, -1, "SELECT %s", mailbox);
        took = now_s() - begin;
        if (c.exists != count)
            bench_die("SELECT %s: %u messages instead of %u", mailbox, c.exists, count);
        if (i == 0) {
            snprintf(name, sizeof name, "LOGIN + SELECT of %u, not in memory", count);
            report_value(name, took * 1e3, "ms", target_ms, false);
        }
        begin = now_s();
    }
    snprintf(name, sizeof name, "SELECT of %u, in memory", count);
    report_value(name, took * 1e3, "ms", 0, false);
    client_close(&c);
}

static void run_select(struct bench *b)
{
    struct client c = { 0 };
    unsigned small = 20000 / b->scale, copies = 50;
    connect_as(&c, &b->server, false, "user2");
    client_command(&c, -1, "CREATE small");
    client_command(&c, -1, "CREATE million");
    append_messages(&c, "small", small, 500);
    client_command(&c, -1, "SELECT small");
    struct meter m = meter_start(&b->server);
    for (unsigned i = 0; i < copies; i++)
        client_command(&c, -1, "COPY 1:* million");
    meter_stop(&m, "COPY 1:*, a message", small * copies, 0);
    client_close(&c);
    measure_select(b, "small", small, 0);
    measure_select(b, "million", small * copies, 20);
}

/* ---- connections that wait ---- */

static void measure_idle(struct bench *b, bool tls, unsigned count, struct client *clients)
{
    char name[96];
    struct client first = { 0 };
    server_stop(&b->server);
    server_start(&b->server);
    connect_as(&first, &b->server, tls, "user3");
    client_command(&first, -1, "SELECT INBOX");
    server_settle(&b->server);
    uint64_t before = server_pss_bytes(&b->server);
    for (unsigned i = 0; i < count; i++) {
        connect_as(&clients[i], &b->server, tls, "user3");
        client_command(&clients[i], -1, "SELECT INBOX");
    }
    server_settle(&b->server);
    uint64_t selected = server_pss_bytes(&b->server);
    for (unsigned i = 0; i < count; i++) {
        client_send(&clients[i], "IDLE");
        client_wait(&clients[i]);
    }
    server_settle(&b->server);
    uint64_t idle = server_pss_bytes(&b->server);
    snprintf(name, sizeof name, "memory a connection, %s, selected", tls ? "TLS" : "plain");
    report_value(name, (double)(int64_t)(selected - before) / 1024 / count, "KiB", tls ? 24 : 0, false);
    snprintf(name, sizeof name, "memory a connection, %s, IDLE", tls ? "TLS" : "plain");
    report_value(name, (double)(int64_t)(idle - before) / 1024 / count, "KiB", tls ? 24 : 0, false);
    for (unsigned i = 0; i < count; i++)
        client_close(&clients[i]);
    client_close(&first);
}

static void run_idle(struct bench *b)
{
    static struct client clients[2000];
    measure_idle(b, false, 2000 / b->scale, clients);
    measure_idle(b, true, 2000 / b->scale, clients);
}

/* ---- push ---- */

enum { PUSH_CLIENTS = 50 };
static unsigned push_want;

static bool has_pushed(const struct client *c)
{
    return c->exists >= push_want;
}

static void run_push(struct bench *b)
{
    static struct client clients[PUSH_CLIENTS];
    static double whole[1000], pushed[1000];
    unsigned rounds = 100 / b->scale + 10;
    struct client lmtp = { 0 };
    struct buf message = BUF_INIT;
    text_message(&text, 1, 3000, &message);
    client_connect_lmtp(&lmtp, &b->server);
    for (unsigned i = 0; i < PUSH_CLIENTS; i++) {
        connect_as(&clients[i], &b->server, false, "user4");
        client_command(&clients[i], -1, "SELECT INBOX");
        client_send(&clients[i], "IDLE");
        client_wait(&clients[i]);
    }
    push_want = clients[0].exists;
    struct meter m = meter_start(&b->server);
    for (unsigned i = 0; i < rounds; i++) {
        push_want++;
        client_deliver(&lmtp, "user4", buf_str(&message));
        client_wait(&lmtp); /* sent_s: when the data went out */
        double acknowledged = now_s();
        crowd_wait(clients, PUSH_CLIENTS, has_pushed);
        double end = now_s();
        whole[i] = end - lmtp.sent_s;
        pushed[i] = end - acknowledged;
        usleep(5000);
    }
    memcpy(latencies, whole, rounds * sizeof *whole);
    meter_stop(&m, "push to 50: data sent until last EXISTS", rounds, rounds);
    report_target_p99_ms(5);
    memcpy(latencies, pushed, rounds * sizeof *pushed);
    meter_stop(&m, "push to 50: acknowledged until last", rounds, rounds);
    for (unsigned i = 0; i < PUSH_CLIENTS; i++)
        client_close(&clients[i]);
    client_close(&lmtp);
    buf_deinit(&message);
}

/* ---- signing in ---- */

static void measure_login(struct bench *b, const char *name, bool tls, unsigned count)
{
    struct client c = { 0 };
    connect_as(&c, &b->server, tls, "user5"); /* now it is known */
    client_close(&c);
    server_settle(&b->server);
    struct meter m = meter_start(&b->server);
    for (unsigned i = 0; i < count; i++) {
        double begin = now_s();
        connect_as(&c, &b->server, tls, "user5");
        latencies[i] = now_s() - begin;
        client_close(&c);
    }
    meter_stop(&m, name, count, count);
}

static void run_login(struct bench *b)
{
    measure_login(b, "connect and sign in, plain", false, 4000 / b->scale);
    measure_login(b, "connect and sign in, TLS", true, 1000 / b->scale);
}

/* ---- */

static const struct workload {
    const char *name;
    void (*run)(struct bench *b);
} workloads[] = {
    { "lmtp", run_lmtp },         { "flags", run_flags },   { "fetch", run_fetch },
    { "storeall", run_storeall }, { "select", run_select }, { "push", run_push },
    { "login", run_login },       { "idle", run_idle },     { "sort", run_sort },
};

static bool is_wanted(const char *name, char **names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return count == 0;
}

int main(int argc, char **argv)
{
    struct bench b = { .folder = "/tmp", .scale = 1 };
    struct rlimit files;
    bool json = false;
    int at = 2;
    if (argc < 2)
        bench_die("usage: imap_bench LOFT [--json] [--folder FOLDER] [--quick] [WORKLOAD...]");
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--json") == 0)
            json = true;
        else if (strcmp(argv[at], "--quick") == 0)
            b.scale = 10;
        else if (strcmp(argv[at], "--folder") == 0 && at + 1 < argc)
            b.folder = argv[++at];
        else
            bench_die("unknown option %s", argv[at]);
    }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    text_init(&text);
    server_prepare(&b.server, argv[1], b.folder);
    server_start(&b.server);
    for (unsigned i = 0; i < FLAG_CROWD; i++) {
        char user[16];
        snprintf(user, sizeof user, "user%u", i);
        server_add_user(&b.server, user);
    }
    report_begin(json);
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
        if (is_wanted(workloads[i].name, argv + at, argc - at))
            workloads[i].run(&b);
    report_end();
    server_remove(&b.server);
    text_deinit(&text);
    return 0;
}
