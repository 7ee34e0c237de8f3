/* big.c: mailboxes with known messages in them: small ones that workloads make for themselves, and the big one
 * that many share and that stays on the server. */
#include "load/workload.h"

#include <stdio.h>

enum { BASE_MAX = 20000, BIG_LEAST = TEXT_NUMBER_MIN };

void mailbox_make(struct client *c, const char *mailbox)
{
    (void)client_try(c, "DELETE %s", mailbox);
    client_command(c, -1, "CREATE %s", mailbox);
}

void mailbox_begin_append(struct client *c, const char *mailbox)
{
    client_begin(c, "APPEND %s", mailbox);
}

void mailbox_add_message(struct client *c, struct str message, unsigned n)
{
    struct buf date = BUF_INIT;
    text_internal_date(n, &date);
    client_add(c, " (%s%s%s) \"%s\" ", text_is_seen(n) ? "\\Seen" : "",
               text_is_seen(n) && text_is_flagged(n) ? " " : "", text_is_flagged(n) ? "\\Flagged" : "",
               buf_c(&date));
    client_add_literal(c, message);
    buf_deinit(&date);
}

/* `source`: which messages and how large. */
static void append_all(struct client *c, const char *mailbox, const struct big *source, unsigned first,
                       unsigned count)
{
    struct buf message = BUF_INIT;
    unsigned batch = client_server_has(c->bench, "MULTIAPPEND") ? WORK_BATCH : 1;
    for (unsigned n = first; n < first + count;) {
        mailbox_begin_append(c, mailbox);
        for (unsigned k = 0; k < batch && n < first + count; k++, n++) {
            buf_clear(&message);
            big_message(c->bench, source, n, &message);
            mailbox_add_message(c, buf_str(&message), n);
        }
        client_end(c);
        client_wait(c);
    }
    buf_deinit(&message);
}

void mailbox_append(struct client *c, const char *mailbox, unsigned first, unsigned count, unsigned bytes)
{
    append_all(c, mailbox, &(struct big){ .bytes = bytes }, first, count);
}

/* ---- the big one ---- */

static void describe(struct bench *b, struct big *out)
{
    bool real = bench_param(b, "real", 0, 0) != 0;
    unsigned messages = bench_param(b, "messages", 20000, BIG_LEAST);
    *out = (struct big){ .bytes = bench_param(b, "bytes", WORK_BYTES, WORK_BYTES) };
    out->base = messages < BASE_MAX ? messages : BASE_MAX;
    if (real) {
        corpus_load(&out->corpus, b->corpus ? b->corpus : "");
        messages = out->base = out->corpus.n < messages ? (unsigned)out->corpus.n : messages;
        out->bytes = (unsigned)(out->corpus.bytes.n / out->corpus.n);
    } else if (out->bytes < TEXT_BYTES_MIN) {
        out->bytes = TEXT_BYTES_MIN;
    }
    out->messages = messages / out->base * out->base;
    out->user = real                  ? 6
                : messages > 500000   ? 2
                : messages > BASE_MAX ? 1
                                      : 0; /* accounts of different size */
    snprintf(out->name, sizeof out->name, "%s%s%u_%u", b->target.prefix, real ? "real" : "big", out->messages,
             out->bytes);
}

void big_deinit(struct big *big)
{
    corpus_deinit(&big->corpus);
}

void big_message(const struct bench *b, const struct big *big, unsigned n, struct buf *out)
{
    if (big->corpus.n)
        buf_add(out, big->corpus.messages[n - 1]);
    else
        text_message(&b->text, n, big->bytes, out);
}

void big_params(const struct big *big, struct row *r)
{
    row_param(r, "messages", big->messages);
    row_param(r, "bytes", big->bytes);
    if (big->corpus.n)
        row_param(r, "real", 1);
}

void big_open(struct bench *b, const struct big *big, struct client *out)
{
    client_init(out, b, 0);
    client_open_as(out, CLIENT_IMAP, big->user);
}

static void print_disk(struct bench *b, const struct big *big, uint64_t before)
{
    struct row r;
    if (!b->target.data)
        return;
    uint64_t grown = usage_disk_bytes(b->target.data) - before;
    row_init(&r, "fill.disk", "message", "disk, %u messages of %u bytes", big->messages, big->bytes);
    big_params(big, &r);
    row_figure(&r, "disk_bytes_per_op", (double)(int64_t)grown / big->messages, "bytes a message");
    row_print(b, &r);
}

static void copy_rest(struct client *c, const struct big *big)
{
    struct meter m;
    struct row r;
    unsigned rest = big->messages - big->base;
    meter_start(c->bench, &m);
    client_command(c, -1, "SELECT %s", big->name);
    for (unsigned i = 0; i < rest / big->base; i++)
        client_command(c, -1, "COPY 1:%u %s", big->base, big->name);
    row_init(&r, "fill.copy", "message", "COPY of %u at a time, to %u", big->base, big->messages);
    big_params(big, &r);
    meter_stop(c->bench, &m, &r, rest, NULL);
}

static void fill(struct client *c, struct big *big)
{
    struct bench *b = c->bench;
    struct meter m;
    struct row r;
    char mark[64];
    unsigned have = 0;
    snprintf(mark, sizeof mark, "%s_read", big->name);
    (void)client_try(c, "DELETE %s", mark);
    mailbox_make(c, big->name);
    usage_settle(b);
    uint64_t disk = b->target.data ? usage_disk_bytes(b->target.data) : 0;
    meter_start(b, &m);
    append_all(c, big->name, big, 1, big->base);
    row_init(&r, "fill", "message", "fill with %u messages of %u bytes", big->base, big->bytes);
    big_params(big, &r);
    meter_stop(b, &m, &r, big->base, NULL);
    if (big->messages > big->base)
        copy_rest(c, big);
    print_disk(b, big, disk);
    if (!client_status(c, big->name, "MESSAGES", &have) || have != big->messages)
        bench_die("%s holds %u messages instead of %u", big->name, have, big->messages);
    big->is_new = true;
}

void big_find(struct bench *b, struct big *out)
{
    struct client c;
    char mark[64];
    unsigned have = 0, none;
    describe(b, out);
    big_open(b, out, &c);
    if (!client_status(&c, out->name, "MESSAGES", &have) || have != out->messages)
        fill(&c, out);
    snprintf(mark, sizeof mark, "%s_read", out->name);
    out->is_new = !client_status(&c, mark, "MESSAGES", &none);
    client_deinit(&c);
}

void big_touch(struct client *c, const struct big *big)
{
    (void)client_try(c, "CREATE %s_read", big->name);
}

void fill_run(struct bench *b)
{
    struct client c;
    struct big big;
    describe(b, &big);
    big_open(b, &big, &c);
    fill(&c, &big);
    client_deinit(&c);
    big_deinit(&big);
}

bool work_open_step(struct client *c, enum client_kind kind, unsigned user, const char *mailbox)
{
    switch (c->step) {
    case 0:
        client_open(c, kind);
        return true;
    case 1:
        client_login(c, user);
        return true;
    case 2:
        client_send(c, "SELECT %s", mailbox);
        return true;
    default:
        return false;
    }
}
