/* command.c: what a client says: commands, literals, deliveries; and what is said by one that waits for the answer. */
#include "load/client.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- commands ---- */

static void add_v(struct client *c, const char *fmt, va_list ap)
{
    buf_vprintf(c->stops.n ? &c->held : &c->out, fmt, ap);
}

void client_add(struct client *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_v(c, fmt, ap);
    va_end(ap);
}

static void begin_v(struct client *c, const char *fmt, va_list ap)
{
    buf_printf(&c->out, "T%u ", ++c->tag);
    add_v(c, fmt, ap);
    c->untagged = 0;
    c->sent_s = now_s();
}

void client_begin(struct client *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    begin_v(c, fmt, ap);
    va_end(ap);
}

void client_add_literal(struct client *c, struct str bytes)
{
    bool nonsync = str_find(buf_str(&c->bench->capabilities), STR(" LITERAL+ ")) >= 0;
    client_add(c, "{%zu%s}\r\n", bytes.n, nonsync ? "+" : "");
    if (!nonsync)
        buf_add_bytes(&c->stops, &c->held.n, sizeof c->held.n);
    buf_add(c->stops.n ? &c->held : &c->out, bytes);
}

void client_end(struct client *c)
{
    client_add(c, "\r\n");
}

static void send_v(struct client *c, const char *fmt, va_list ap)
{
    begin_v(c, fmt, ap);
    client_end(c);
}

void client_send(struct client *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    send_v(c, fmt, ap);
    va_end(ap);
}

void client_send_raw(struct client *c, const char *bytes)
{
    buf_add(&c->out, str_c(bytes));
}

void client_login(struct client *c, unsigned user)
{
    struct buf name = BUF_INIT;
    bench_user(c->bench, user, &name);
    client_send(c, "LOGIN \"%s\" \"%s\"", buf_c(&name), c->bench->target.password);
    buf_deinit(&name);
}

void client_deliver(struct client *c, unsigned user, struct str message)
{
    buf_add_lit(&c->out, "MAIL FROM:<bench@example.org>\r\nRCPT TO:<");
    bench_recipient(c->bench, user, &c->out);
    buf_add_lit(&c->out, ">\r\nDATA\r\n");
    c->lmtp = LMTP_MAIL;
    c->body = message;
    c->sent_s = now_s();
}

/* ---- one alone ---- */

void client_wait(struct client *c)
{
    while (!client_pump(c)) {
        bool writes = c->out.n || c->state == CLIENT_CONNECTING;
        struct pollfd p = { c->fd, (short)(POLLIN | (writes ? POLLOUT : 0)), 0 };
        if (c->ssl && SSL_pending(c->ssl) > 0)
            continue;
        if (poll(&p, 1, (int)c->bench->timeout_s * 1000) <= 0)
            bench_die("no answer within %u s", c->bench->timeout_s);
    }
}

void client_command(struct client *c, int count, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    send_v(c, fmt, ap);
    va_end(ap);
    client_wait(c);
    if (count >= 0 && c->untagged != (unsigned)count)
        bench_wrong(c->bench, "%s: %u responses instead of %d", fmt, c->untagged, count);
}

bool client_try(struct client *c, const char *fmt, ...)
{
    va_list ap;
    c->may_fail = true;
    va_start(ap, fmt);
    send_v(c, fmt, ap);
    va_end(ap);
    client_wait(c);
    return c->ok;
}

void client_open_as(struct client *c, enum client_kind kind, unsigned user)
{
    client_open(c, kind);
    client_wait(c);
    client_login(c, user);
    client_wait(c);
    if (!c->ok)
        bench_die("%s", c->bench->error);
}

static bool take_capabilities(struct client *c, struct str r)
{
    if (!str_starts_nocase(r, STR("* CAPABILITY ")))
        return false;
    buf_clear(&c->bench->capabilities);
    buf_add(&c->bench->capabilities, str_skip(r, strlen("* CAPABILITY")));
    buf_add_char(&c->bench->capabilities, ' ');
    return true;
}

bool client_server_has(struct bench *b, const char *capability)
{
    char want[64];
    if (b->capabilities.n == 0) {
        struct client c;
        client_init(&c, b, 0);
        client_open_as(&c, CLIENT_IMAP, 0);
        c.check = take_capabilities;
        client_command(&c, 1, "CAPABILITY");
        client_deinit(&c);
    }
    int n = snprintf(want, sizeof want, " %s ", capability);
    return str_find(buf_str(&b->capabilities), str_make(want, (size_t)n)) >= 0;
}

struct status_item {
    const char *name;
    uint64_t value;
};

static bool take_status(struct client *c, struct str r)
{
    struct status_item *item = c->ctx;
    ptrdiff_t at = str_starts_nocase(r, STR("* STATUS ")) ? str_find(r, str_c(item->name)) : -1;
    if (at < 0)
        return false;
    struct str rest, number = str_cut(str_skip(r, (size_t)at + strlen(item->name) + 1), ' ', &rest);
    if (str_ends(number, STR(")")))
        number.n--;
    return str_to_u64(number, UINT32_MAX, &item->value);
}

bool client_status(struct client *c, const char *mailbox, const char *item, unsigned *value_out)
{
    struct status_item wanted = { item, 0 };
    bool (*check)(struct client *, struct str) = c->check;
    void *ctx = c->ctx;
    c->check = take_status;
    c->ctx = &wanted;
    bool ok = client_try(c, "STATUS %s (%s)", mailbox, item) && c->untagged == 1;
    c->check = check;
    c->ctx = ctx;
    if (ok)
        *value_out = (unsigned)wanted.value;
    return ok;
}
