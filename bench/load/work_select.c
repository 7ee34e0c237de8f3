/* work_select.c: opening the big mailbox: on a connection that knows it, on a new one, after a restart; and
 * STATUS. */
#include "load/workload.h"

#include <stdio.h>

/* Of the operations in this file; they get it as ctx. */
static bool check_exists(struct client *c)
{
    const struct big *big = c->ctx;
    if (c->exists != big->messages)
        bench_wrong(c->bench, "SELECT %s: %u messages instead of %u", big->name, c->exists, big->messages);
    return true;
}

static bool select_known(struct client *c)
{
    const struct big *big = c->ctx;
    if (c->step > 0)
        return check_exists(c);
    c->exists = 0;
    client_send(c, "SELECT %s", big->name);
    return false;
}

static bool select_new(struct client *c)
{
    const struct big *big = c->ctx;
    if (work_open_step(c, CLIENT_IMAP, big->user, big->name))
        return false;
    check_exists(c);
    client_close(c);
    return true;
}

static bool status(struct client *c)
{
    const struct big *big = c->ctx;
    if (c->step == 0) {
        client_send(c, "STATUS %s (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)", big->name);
        return false;
    }
    if (c->untagged != 1)
        bench_wrong(c->bench, "STATUS without the right answer");
    return true;
}

static bool check_status(struct client *c, struct str r)
{
    char want[64];
    const struct big *big = c->ctx;
    unsigned unseen = big->base / 5 * (big->messages / big->base); /* text_is_seen */
    if (!str_starts_nocase(r, STR("* STATUS ")))
        return false;
    snprintf(want, sizeof want, "MESSAGES %u", big->messages);
    if (str_find(r, str_c(want)) < 0)
        return false;
    snprintf(want, sizeof want, "UNSEEN %u", unseen);
    return str_find(r, str_c(want)) >= 0;
}

/* `op` again and again by one client. */
static void measure(struct bench *b, struct big *big, struct row *r, client_op *op, bool is_open,
                    unsigned count)
{
    struct crowd crowd;
    struct samples samples;
    struct meter m;
    crowd_init(&crowd, b, 1);
    struct client *c = &crowd.clients[0];
    if (is_open)
        client_open_as(c, CLIENT_IMAP, big->user);
    c->ctx = big;
    c->check = op == status ? check_status : NULL;
    samples_init(&samples, count);
    big_params(big, r);
    crowd_run(&crowd, 2, op, NULL); /* warm */
    meter_start(b, &m);
    crowd_run(&crowd, count, op, &samples);
    meter_stop(b, &m, r, count, &samples);
    samples_deinit(&samples);
    crowd_deinit(&crowd);
}

/* An account is read when somebody signs in to it, so that is part of what a cold SELECT takes. */
static void measure_cold(struct bench *b, struct big *big)
{
    struct samples samples;
    struct meter m;
    struct row r;
    struct client c;
    row_init(&r, "select.cold", "command", "LOGIN, SELECT of %u, not in memory", big->messages);
    big_params(big, &r);
    if (!b->target.can_restart) {
        row_unsupported(b, &r, "--restart");
        return;
    }
    bench_restart_cold(b);
    samples_init(&samples, 1);
    meter_start(b, &m);
    big_open(b, big, &c);
    c.ctx = big;
    client_command(&c, -1, "SELECT %s", big->name);
    samples.s[samples.n++] = now_s() - m.begin_s;
    check_exists(&c);
    meter_stop(b, &m, &r, 1, &samples);
    client_deinit(&c);
    samples_deinit(&samples);
}

void select_run(struct bench *b)
{
    struct big big;
    struct row r;
    /* What costs some ten microseconds is done more often: CPU time is counted in ticks of some milliseconds. */
    unsigned count = bench_param(b, "count", 400, 20), often = 5 * count;
    big_find(b, &big);
    measure_cold(b, &big);
    row_init(&r, "select.new", "connection", "connect, LOGIN, SELECT of %u", big.messages);
    measure(b, &big, &r, select_new, false, count);
    row_init(&r, "select.known", "command", "SELECT of %u, known", big.messages);
    measure(b, &big, &r, select_known, true, often);
    row_init(&r, "status", "command", "STATUS of %u", big.messages);
    measure(b, &big, &r, status, true, often);
    big_deinit(&big);
}
