/* work_copy.c: COPY, MOVE and EXPUNGE of a whole mailbox. What is where is counted after each. */
#include "load/workload.h"

#include <stdio.h>
#include <stdlib.h>

struct boxes {
    unsigned messages;
    char from[48], to[48];
};

static void expect(struct client *c, const char *mailbox, unsigned want)
{
    unsigned have = 0;
    if (!client_status(c, mailbox, "MESSAGES", &have) || have != want)
        bench_wrong(c->bench, "%s holds %u messages instead of %u", mailbox, have, want);
}

static bool check_expunge(struct client *c, struct str r)
{
    struct str rest;
    uint64_t n;
    (void)str_cut(str_skip(r, 2), ' ', &rest);
    if (str_eq_nocase(rest, STR("EXPUNGE"))) {
        c->n++;
    } else if (str_starts_nocase(r, STR("* VANISHED "))) {
        struct str first = str_cut(str_skip(r, strlen("* VANISHED ")), ':', &rest);
        if (str_to_u64(rest, UINT32_MAX, &n))
            c->n += (unsigned)n - (unsigned)strtoul(first.p, NULL, 10) + 1;
    }
    return false;
}

struct step {
    const char *row, *title, *command;
    unsigned from, to; /* messages that there must be then */
};

static void measure(struct client *c, const struct boxes *boxes, const struct step *step)
{
    struct samples samples;
    struct meter m;
    struct row r;
    samples_init(&samples, 1);
    c->n = 0;
    meter_start(c->bench, &m);
    client_command(c, -1, step->command, boxes->to);
    meter_hold(&m);
    samples.s[samples.n++] = m.wall_s;
    row_init(&r, step->row, "message", "%s of %u", step->title, boxes->messages);
    row_param(&r, "messages", boxes->messages);
    if (step->from == 0 && c->n != boxes->messages)
        bench_wrong(c->bench, "%s told that %u messages went instead of %u", step->title, c->n,
                    boxes->messages);
    expect(c, boxes->from, step->from);
    expect(c, boxes->to, step->to);
    meter_stop(c->bench, &m, &r, boxes->messages, &samples);
    samples_deinit(&samples);
}

void copy_run(struct bench *b)
{
    struct boxes boxes = { .messages = bench_param(b, "messages", 10000, 500) };
    struct client c;
    snprintf(boxes.from, sizeof boxes.from, "%sfrom", b->target.prefix);
    snprintf(boxes.to, sizeof boxes.to, "%sto", b->target.prefix);
    client_init(&c, b, 0);
    client_open_as(&c, CLIENT_IMAP, 4);
    mailbox_make(&c, boxes.from);
    mailbox_make(&c, boxes.to);
    mailbox_append(&c, boxes.from, 1, boxes.messages, 4096);
    client_command(&c, -1, "SELECT %s", boxes.from);
    c.check = check_expunge;
    unsigned n = boxes.messages;
    measure(&c, &boxes, &(struct step){ "copy", "COPY", "COPY 1:* %s", n, n });
    if (client_server_has(b, "MOVE")) {
        measure(&c, &boxes, &(struct step){ "move", "MOVE", "MOVE 1:* %s", 0, 2 * n });
        client_command(&c, -1, "SELECT %s", boxes.to);
        client_command(&c, -1, "COPY 1:%u %s", n, boxes.from);
    } else {
        struct row r;
        row_init(&r, "move", NULL, "MOVE");
        row_unsupported(b, &r, "MOVE");
    }
    client_command(&c, -1, "SELECT %s", boxes.from);
    client_command(&c, -1, "STORE 1:* +FLAGS.SILENT (\\Deleted)");
    measure(&c, &boxes,
            &(struct step){ "expunge", "EXPUNGE", "EXPUNGE", 0, client_server_has(b, "MOVE") ? 2 * n : n });
    client_deinit(&c);
}
