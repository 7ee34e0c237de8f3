/* work_mix.c: many clients at once that do what people's clients do, in the shares in which they do it. Each has
 * a mailbox of its user selected, which several may share. */
#include "load/reply.h"
#include "load/workload.h"

#include <stdio.h>

enum { MESSAGES = 200, BYTES = 8 * 1024, USERS = 25, LIST = 20, CLIENTS = 100 };

enum act { ACT_LIST, ACT_READ, ACT_STORE, ACT_SELECT, ACT_STATUS, ACT_SEARCH, ACT_APPEND, ACT_IDLE };

static const struct share {
    enum act act;
    unsigned percent;
} shares[] = {
    { ACT_LIST, 30 },  { ACT_READ, 15 },  { ACT_STORE, 20 }, { ACT_SELECT, 8 },
    { ACT_STATUS, 7 }, { ACT_SEARCH, 7 }, { ACT_APPEND, 3 }, { ACT_IDLE, 10 },
};

struct mix {
    const char *mailbox;
    struct buf message; /* to append */
};

/* The same numbers each time, for each client its own. */
static unsigned draw(struct client *c)
{
    uint64_t x = (uint64_t)(c->index + 1) << 32 | (c->round + 1);
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9u;
    return (unsigned)(x >> 33);
}

static enum act choose(unsigned percent)
{
    for (size_t i = 0; i < ARRAY_COUNT(shares); i++) {
        if (percent < shares[i].percent)
            return shares[i].act;
        percent -= shares[i].percent;
    }
    return ACT_LIST;
}

static bool check(struct client *c, struct str r)
{
    struct str value;
    char want[96];
    unsigned seq = reply_fetch_seq(r);
    switch ((enum act)c->value) {
    case ACT_LIST:
        snprintf(want, sizeof want, TEXT_SUBJECT, seq, text_topic(seq));
        return seq >= c->n && reply_fetch_item(r, "ENVELOPE", &value) && str_find(value, str_c(want)) >= 0;
    case ACT_READ:
        return seq == c->n && reply_fetch_item(r, "BODY[]", &value) && value.n == BYTES;
    case ACT_STORE:
        return seq == c->n && reply_fetch_item(r, "FLAGS", &value);
    case ACT_STATUS:
        return str_starts_nocase(r, STR("* STATUS "));
    case ACT_SEARCH:
        return str_starts_nocase(r, STR("* SEARCH"));
    default:
        return false;
    }
}

/* Untagged responses that an act must bring at least. */
static unsigned least(enum act act)
{
    if (act == ACT_LIST)
        return LIST;
    return act == ACT_READ || act == ACT_STATUS ||
           act == ACT_SEARCH; /* a STORE that changes nothing need tell nothing */
}

static void begin(struct client *c, enum act act)
{
    const struct mix *mix = c->ctx;
    switch (act) {
    case ACT_LIST:
        client_send(c, "FETCH %u:%u (UID FLAGS ENVELOPE RFC822.SIZE)", c->n, c->n + LIST - 1);
        return;
    case ACT_READ:
        client_send(c, "FETCH %u (BODY.PEEK[])", c->n);
        return;
    case ACT_STORE:
        client_send(c, "STORE %u %cFLAGS (\\Answered)", c->n, c->round % 2 ? '+' : '-');
        return;
    case ACT_SELECT:
        client_send(c, "SELECT %s", mix->mailbox);
        return;
    case ACT_STATUS:
        client_send(c, "STATUS INBOX (MESSAGES UNSEEN)");
        return;
    case ACT_SEARCH:
        client_send(c, "SEARCH UNSEEN");
        return;
    case ACT_APPEND:
        mailbox_begin_append(c, "INBOX");
        mailbox_add_message(c, buf_str(&mix->message), 1);
        client_end(c);
        return;
    case ACT_IDLE:
        client_send(c, "IDLE");
        return;
    }
}

static bool act_once(struct client *c)
{
    unsigned random = draw(c);
    if (c->step == 0) {
        c->value = choose(random % 100);
        c->n = 1 + random / 100 % (MESSAGES - LIST);
        begin(c, (enum act)c->value);
        return false;
    }
    if (c->value == ACT_IDLE && c->step == 1) {
        client_send_raw(c, "DONE\r\n");
        return false;
    }
    if (c->untagged < least((enum act)c->value))
        bench_wrong(c->bench, "act %u on message %u: %u right answers instead of %u", c->value, c->n,
                    c->untagged, least((enum act)c->value));
    return true;
}

static bool open_mix(struct client *c)
{
    const struct mix *mix = c->ctx;
    return !work_open_step(c, CLIENT_IMAP, c->index % USERS, mix->mailbox);
}

static void fill(struct bench *b, const char *mailbox)
{
    for (unsigned i = 0; i < USERS && i < b->target.users; i++) {
        struct client c;
        client_init(&c, b, i);
        client_open_as(&c, CLIENT_IMAP, i);
        mailbox_make(&c, mailbox);
        mailbox_append(&c, mailbox, 1, MESSAGES, BYTES);
        client_deinit(&c);
    }
}

void mix_run(struct bench *b)
{
    struct mix mix = { .message = BUF_INIT };
    struct crowd crowd;
    struct samples samples;
    struct meter m;
    struct row r;
    char mailbox[48];
    unsigned count = bench_param(b, "count", 40000, 2000),
             clients = bench_param(b, "clients", CLIENTS, CLIENTS);
    snprintf(mailbox, sizeof mailbox, "%smix", b->target.prefix);
    mix.mailbox = mailbox;
    text_message(&b->text, 1, BYTES, &mix.message);
    fill(b, mailbox);
    crowd_init(&crowd, b, clients);
    for (unsigned i = 0; i < clients; i++)
        crowd.clients[i].ctx = &mix;
    crowd_each(&crowd, 32, open_mix);
    for (unsigned i = 0; i < clients; i++)
        crowd.clients[i].check = check;
    samples_init(&samples, count);
    crowd_run(&crowd, clients * 5, act_once, NULL);
    meter_start(b, &m);
    crowd_run(&crowd, count, act_once, &samples);
    row_init(&r, "mix", "command", "%u busy clients", clients);
    row_param(&r, "clients", clients);
    meter_stop(b, &m, &r, count, &samples);
    samples_deinit(&samples);
    crowd_deinit(&crowd);
    buf_deinit(&mix.message);
}
