#include "auth/devices_notice.h"

#include "auth/directory/grants.h"
#include "base/codec.h"
#include "base/rand.h"
#include "mail/incoming.h"

#include <time.h>

static void add_date(struct buf *out, const char *form, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    char text[64];
    if (gmtime_r(&seconds, &tm) && strftime(text, sizeof text, form, &tm) > 0)
        buf_add(out, str_c(text));
}

/* Letters of a text from outside: no control character, so that it stays on its line. */
static void add_safe(struct buf *out, const char *text)
{
    for (const char *p = text; *p; p++)
        buf_add_char(out, (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
}

void devices_notice_write(const char *user, const struct device *d, const struct clock *clock,
                          struct buf *out)
{
    char address[PEER_ADDRESS_BYTES];
    unsigned char random[16];
    struct str domain = users_domain(str_c(user));
    if (!domain.n)
        domain = STR("localhost");
    device_address(d, address);
    rand_system.bytes(&rand_system, random, sizeof random);
    buf_printf(out, "From: Loft <postmaster@" STR_FMT ">\r\nTo: <%s>\r\n", STR_ARG(domain), user);
    buf_add_lit(out, "Subject: New sign-in to your mail\r\nDate: ");
    add_date(out, "%a, %d %b %Y %H:%M:%S +0000", clock_wall_ms(clock));
    buf_add_lit(out, "\r\nMessage-ID: <");
    hex_encode(str_make(random, sizeof random), out);
    buf_printf(out, "@" STR_FMT ">\r\n", STR_ARG(domain));
    buf_add_lit(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                     "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
                     "Somebody has signed in to your mail, with a program and from a network\r\n"
                     "that were not seen here before:\r\n\r\n    Time:     ");
    add_date(out, "%Y-%m-%d %H:%M:%S UTC", d->first_ms);
    buf_printf(out, "\r\n    Address:  %s\r\n    Program:  ", address);
    add_safe(out, d->client[0] ? d->client : "it did not say");
    buf_add_lit(out, "\r\n\r\nWas it you? Then there is nothing to do.\r\n\r\n"
                     "If it was not, change your password now, and tell your administrator, who can\r\n"
                     "see all that is signed in and end it.\r\n");
}

static int append(struct account *account, struct new_message *message, struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct change change = { .kind = CHANGE_APPEND, .arena = &arena };
    change.append.mailbox = STR("INBOX");
    change.append.messages = message;
    change.append.count = 1;
    int r = account_commit(account, &change, 1, err);
    arena_deinit(&arena);
    return r;
}

int devices_notice_send(void *ctx, struct account_id id, const char *user, const struct device *device,
                        struct err *err)
{
    const struct devices_notifier *n = ctx;
    struct buf text = BUF_INIT;
    struct account *account;
    struct new_message message = { 0 };
    int r = mail_account_open(n->mail, id, &account, err);
    if (r < 0)
        return r;
    struct incoming *in = incoming_new(n->mail, 0);
    devices_notice_write(user, device, n->clock, &text);
    r = incoming_write(in, buf_str(&text), err);
    if (r == 0)
        r = incoming_prepare(in, account, STR_NIL, &message, err);
    if (r == 0) {
        message.internal_date_s = clock_wall_ms(n->clock) / 1000;
        r = append(account, &message, err);
        if (r < 0)
            incoming_abandon(account, &message);
    }
    incoming_free(&in);
    buf_deinit(&text);
    account_unref(&account);
    return r;
}
