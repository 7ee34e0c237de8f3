/* work_store.c: flag changes: of one message by one client, by many each in a mailbox of its own user, by many in
 * one mailbox; of all messages of a mailbox. */
#include "load/reply.h"
#include "load/workload.h"

#include <stdio.h>

enum { MESSAGES = 256, STRIDE = 32, OWN = 32, SHARED = 8 };

/* Each client has some that no other changes; else a server may find nothing to do and nothing to tell. */
static unsigned seq_of(const struct client *c)
{
    return 1 + c->index * STRIDE % MESSAGES + c->round / 2 % STRIDE;
}

static bool sets(const struct client *c)
{
    return c->round % 2 == 0;
}

static bool check_flag(struct client *c, struct str r)
{
    struct str flags;
    if (reply_fetch_seq(r) != seq_of(c) || !reply_fetch_item(r, "FLAGS", &flags))
        return false; /* somebody else's */
    c->value = reply_has_flag(flags, "\\Answered");
    return true;
}

static bool store_one(struct client *c)
{
    if (c->step == 0) {
        client_send(c, "STORE %u %cFLAGS (\\Answered)", seq_of(c), sets(c) ? '+' : '-');
        return false;
    }
    if (c->untagged == 0 || c->value != sets(c))
        bench_wrong(c->bench, "STORE %u: %s", seq_of(c), c->untagged ? "the flag is wrong" : "no FETCH");
    return true;
}

static bool open_own(struct client *c)
{
    return !work_open_step(c, CLIENT_IMAP, c->index, c->ctx);
}

/* As many mailboxes of one account. */
static bool open_mailbox(struct client *c)
{
    char mailbox[64];
    snprintf(mailbox, sizeof mailbox, "%s%u", (const char *)c->ctx, c->index);
    return !work_open_step(c, CLIENT_IMAP, 0, mailbox);
}

static bool open_shared(struct client *c)
{
    return !work_open_step(c, CLIENT_IMAP, 0, c->ctx);
}

static void measure(struct bench *b, struct row *r, char *mailbox, client_op *open, unsigned clients,
                    unsigned count)
{
    struct crowd crowd;
    struct samples samples;
    struct meter m;
    row_param(r, "clients", clients);
    row_param(r, "messages", MESSAGES);
    crowd_init(&crowd, b, clients);
    samples_init(&samples, count);
    for (unsigned i = 0; i < clients; i++)
        crowd.clients[i].ctx = mailbox;
    crowd_each(&crowd, clients, open);
    for (unsigned i = 0; i < clients; i++)
        crowd.clients[i].check = check_flag;
    crowd_run(&crowd, clients * 2, store_one, NULL);
    meter_start(b, &m);
    crowd_run(&crowd, count, store_one, &samples);
    meter_stop(b, &m, r, count, &samples);
    samples_deinit(&samples);
    crowd_deinit(&crowd);
}

static bool check_any(struct client *c, struct str r)
{
    struct str flags;
    (void)c;
    if (reply_fetch_seq(r) == 0 || !reply_fetch_item(r, "FLAGS", &flags))
        return false;
    return reply_has_flag(flags, "\\Answered") == (c->value == 1);
}

static void measure_all(struct bench *b, const char *mailbox, unsigned messages)
{
    enum { TIMES = 20 };
    struct samples samples;
    struct client c;
    struct meter m;
    struct row r;
    client_init(&c, b, 0);
    client_open_as(&c, CLIENT_IMAP, 3);
    mailbox_make(&c, mailbox);
    mailbox_append(&c, mailbox, 1, messages, WORK_SMALL_BYTES);
    client_command(&c, -1, "SELECT %s", mailbox);
    c.check = check_any;
    samples_init(&samples, TIMES);
    meter_start(b, &m);
    for (unsigned i = 0; i < TIMES; i++) {
        c.value = i % 2 == 0;
        client_command(&c, (int)messages, "STORE 1:* %cFLAGS (\\Answered)", c.value ? '+' : '-');
        samples.s[samples.n++] = now_s() - c.sent_s;
    }
    meter_hold(&m);
    row_init(&r, "store.all", "message", "STORE 1:* of %u", messages);
    row_param(&r, "messages", messages);
    meter_stop(b, &m, &r, (uint64_t)messages * TIMES, &samples);
    samples_deinit(&samples);
    client_deinit(&c);
}

static void fill(struct bench *b, const char *mailbox)
{
    char name[64];
    for (unsigned i = 0; i < OWN; i++) {
        struct client c;
        client_init(&c, b, i);
        client_open_as(&c, CLIENT_IMAP, i);
        mailbox_make(&c, mailbox);
        mailbox_append(&c, mailbox, 1, MESSAGES, WORK_SMALL_BYTES);
        client_deinit(&c);
        client_open_as(&c, CLIENT_IMAP, 0);
        snprintf(name, sizeof name, "%s%u", mailbox, i);
        mailbox_make(&c, name);
        mailbox_append(&c, name, 1, MESSAGES, WORK_SMALL_BYTES);
        client_deinit(&c);
    }
}

void store_run(struct bench *b)
{
    char mailbox[48];
    struct row r;
    unsigned count = bench_param(b, "count", 40000, 1000);
    snprintf(mailbox, sizeof mailbox, "%sflags", b->target.prefix);
    fill(b, mailbox);
    row_init(&r, "store.1", "command", "STORE of one message, 1 connection");
    measure(b, &r, mailbox, open_own, 1, count / 10);
    row_init(&r, "store.32", "command", "STORE of one message, 32 users");
    measure(b, &r, mailbox, open_own, OWN, count);
    row_init(&r, "store.account", "command", "STORE of one message, 32 mailboxes of one user");
    measure(b, &r, mailbox, open_mailbox, OWN, count);
    row_init(&r, "store.shared", "command", "STORE of one message, 8 on one mailbox");
    measure(b, &r, mailbox, open_shared, SHARED, count / 2);
    snprintf(mailbox, sizeof mailbox, "%sall", b->target.prefix);
    measure_all(b, mailbox, bench_param(b, "messages", 10000, 500));
}
