/* work_arrive.c: how mail comes in: LMTP, APPEND, MULTIAPPEND. What was acknowledged is counted in the end. */
#include "load/corpus.h"
#include "load/workload.h"

#include <stdio.h>
#include <stdlib.h>

enum { DIFFERENT = 256 };

/* What arrives: generated messages, or real ones. */
struct supply {
    struct buf generated[DIFFERENT];
    struct corpus corpus;
};

static struct str supply_take(const struct supply *s, unsigned n)
{
    return s->corpus.n ? s->corpus.messages[n * 7919u % s->corpus.n] : buf_str(&s->generated[n % DIFFERENT]);
}

/* For LMTP dots are doubled once, before. */
static void supply_stuff(struct corpus *c)
{
    struct buf out = BUF_INIT;
    size_t *ends = calloc(c->n, sizeof *ends);
    if (!ends)
        bench_die("no memory");
    for (size_t i = 0; i < c->n; i++) {
        corpus_stuff_dots(c->messages[i], &out);
        ends[i] = out.n;
    }
    buf_deinit(&c->bytes);
    c->bytes = out;
    for (size_t i = 0; i < c->n; i++)
        c->messages[i] = str_make(out.p + (i ? ends[i - 1] : 0), ends[i] - (i ? ends[i - 1] : 0));
    free(ends);
}

static void supply_init(struct bench *b, struct supply *s, unsigned bytes, bool lmtp)
{
    *s = (struct supply){ .corpus = { .messages = NULL } };
    if (bench_param(b, "real", 0, 0) == 0) {
        for (unsigned i = 0; i < DIFFERENT; i++)
            text_message(&b->text, i + 1, bytes, &s->generated[i]);
        return;
    }
    corpus_load(&s->corpus, b->corpus ? b->corpus : "");
    if (lmtp)
        supply_stuff(&s->corpus);
}

static void supply_deinit(struct supply *s)
{
    for (unsigned i = 0; i < DIFFERENT; i++)
        buf_deinit(&s->generated[i]);
    corpus_deinit(&s->corpus);
}

/* Messages in `mailbox` of all users that `clients` clients work with. */
static unsigned count_messages(struct bench *b, const char *mailbox, unsigned clients)
{
    unsigned sum = 0, users = clients < b->target.users ? clients : b->target.users;
    for (unsigned i = 0; i < users; i++) {
        struct client c;
        unsigned n = 0;
        client_init(&c, b, i);
        client_open_as(&c, CLIENT_IMAP, i);
        if (!client_status(&c, mailbox, "MESSAGES", &n))
            bench_wrong(b, "no STATUS of %s", mailbox);
        client_deinit(&c);
        sum += n;
    }
    return sum;
}

struct arrival {
    struct bench *bench;
    struct supply supply;
    unsigned bytes, batch;
    const char *mailbox;
    client_op *open, *one;
};

static bool open_lmtp(struct client *c)
{
    if (c->step > 0)
        return true;
    client_open(c, CLIENT_LMTP);
    return false;
}

static bool deliver(struct client *c)
{
    const struct arrival *a = c->ctx;
    if (c->step > 0)
        return true;
    client_deliver(c, c->index, supply_take(&a->supply, c->index * 37 + c->round));
    return false;
}

static bool open_imap(struct client *c)
{
    if (c->step < 2)
        return !work_open_step(c, CLIENT_IMAP, c->index, "");
    return true;
}

static bool append(struct client *c)
{
    const struct arrival *a = c->ctx;
    if (c->step > 0)
        return true;
    mailbox_begin_append(c, a->mailbox);
    for (unsigned i = 0; i < a->batch; i++) {
        unsigned n = c->index * 37 + c->round * a->batch + i + 1;
        mailbox_add_message(c, supply_take(&a->supply, n), n);
    }
    client_end(c);
    return false;
}

static void measure(struct arrival *a, struct row *r, unsigned clients, unsigned count)
{
    struct bench *b = a->bench;
    struct crowd crowd;
    struct samples samples;
    struct meter m;
    unsigned commands = count / a->batch, warm = clients * (a->batch > 1 ? 1 : 2);
    row_param(r, "clients", clients);
    row_param(r, "bytes", a->supply.corpus.n ? 0 : a->bytes);
    if (a->batch > 1)
        row_param(r, "batch", a->batch);
    unsigned before = count_messages(b, a->mailbox, clients);
    crowd_init(&crowd, b, clients);
    samples_init(&samples, commands);
    for (unsigned i = 0; i < clients; i++)
        crowd.clients[i].ctx = a;
    crowd_each(&crowd, 64, a->open);
    crowd_run(&crowd, warm, a->one, NULL);
    meter_start(b, &m);
    crowd_run(&crowd, commands, a->one, &samples);
    meter_hold(&m);
    crowd_deinit(&crowd);
    unsigned arrived = count_messages(b, a->mailbox, clients) - before, sent = (commands + warm) * a->batch;
    if (arrived != sent)
        bench_wrong(b, "%u messages arrived of %u that were acknowledged", arrived, sent);
    meter_stop(b, &m, r, (uint64_t)commands * a->batch, &samples);
    samples_deinit(&samples);
}

static void measure_all(struct arrival *a, const char *const rows[], const unsigned clients[], size_t n,
                        const char *name, const char *missing, unsigned count)
{
    unsigned wanted = bench_param(a->bench, "clients", 0, 0);
    for (size_t i = 0; i < n; i++) {
        struct row r;
        if (wanted && wanted != clients[i])
            continue;
        unsigned work = clients[i] == 1 ? count / 10 : count;
        row_init(&r, rows[i], "message", "%s, %u connection%s", name, clients[i], clients[i] > 1 ? "s" : "");
        if (missing)
            row_unsupported(a->bench, &r, missing);
        else
            measure(a, &r, clients[i], work > 2 * clients[i] * a->batch ? work : 2 * clients[i] * a->batch);
    }
}

void lmtp_run(struct bench *b)
{
    static const char *const rows[] = { "lmtp.1", "lmtp.32", "lmtp.200" };
    static const unsigned clients[] = { 1, 32, 200 };
    struct arrival a = { .bench = b,
                         .bytes = bench_param(b, "bytes", WORK_BYTES, WORK_BYTES),
                         .batch = 1,
                         .mailbox = "INBOX",
                         .open = open_lmtp,
                         .one = deliver };
    supply_init(b, &a.supply, a.bytes, true);
    measure_all(&a, rows, clients, ARRAY_COUNT(rows), "LMTP delivery",
                b->target.lmtp.length == 0 ? "--lmtp" : NULL, bench_param(b, "count", 10000, 100));
    supply_deinit(&a.supply);
}

static void make_mailboxes(struct bench *b, const char *mailbox, unsigned users)
{
    for (unsigned i = 0; i < users && i < b->target.users; i++) {
        struct client c;
        client_init(&c, b, i);
        client_open_as(&c, CLIENT_IMAP, i);
        mailbox_make(&c, mailbox);
        client_deinit(&c);
    }
}

void append_run(struct bench *b)
{
    static const char *const rows[][2] = { { "append.1", "append.32" },
                                           { "multiappend.1", "multiappend.32" } };
    static const unsigned clients[] = { 1, 32 };
    char mailbox[48];
    struct arrival a = { .bench = b,
                         .bytes = bench_param(b, "bytes", WORK_BYTES, WORK_BYTES),
                         .batch = 1,
                         .mailbox = mailbox,
                         .open = open_imap,
                         .one = append };
    unsigned count = bench_param(b, "count", 10000, 100);
    const char *missing = client_server_has(b, "MULTIAPPEND") ? NULL : "MULTIAPPEND";
    snprintf(mailbox, sizeof mailbox, "%sarrive", b->target.prefix);
    supply_init(b, &a.supply, a.bytes, false);
    make_mailboxes(b, mailbox, 32);
    measure_all(&a, rows[0], clients, 2, "APPEND", NULL, count);
    a.batch = WORK_BATCH;
    measure_all(&a, rows[1], clients, 2, "MULTIAPPEND, 100 a command", missing, count * 2);
    supply_deinit(&a.supply);
}
