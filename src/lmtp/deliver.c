#include "lmtp/deliver.h"

#include "lmtp/session.h"

/* RFC 5321, 4.4: Return-Path is added at final delivery. One that the message brought along is left where it stands. */
static void add_trace(const struct delivery *d, struct buf *out)
{
    buf_printf(out, "Return-Path: <" STR_FMT ">\r\nDelivered-To: " STR_FMT "\r\n", STR_ARG(d->sender), STR_ARG(d->user));
}

static int append(struct account *account, struct str mailbox, bool create, const struct new_message *message, struct arena *arena,
                  struct err *err)
{
    struct change change = { .kind = CHANGE_APPEND, .arena = arena };
    change.append.mailbox = mailbox;
    change.append.messages = message;
    change.append.count = 1;
    change.append.create = create;
    return account_commit(account, &change, 1, err);
}

static int store_in(struct account *account, const struct delivery *d, const struct new_message *message, struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct str name = STR("INBOX");
    int r;
    if (d->mailbox.n)
        name = d->mailbox;
    r = append(account, name, d->create_mailbox, message, &arena, err);
    if (d->mailbox.n && (r == -ERR_NOT_FOUND || r == -ERR_INVALID || r == -ERR_LIMIT)) /* no such mailbox: mail is not lost for that */
        r = append(account, STR("INBOX"), false, message, &arena, err);
    arena_deinit(&arena);
    return r;
}

int deliver_message(struct mail *mail, struct incoming *in, const struct delivery *d, const struct clock *clock, struct err *err)
{
    struct account *account;
    struct new_message message = { 0 };
    struct buf trace = BUF_INIT;
    int r = mail_account_open(mail, d->account, &account, err);
    if (r < 0)
        return r;
    add_trace(d, &trace);
    r = incoming_prepare(in, account, buf_str(&trace), &message, err);
    if (r == 0) {
        message.internal_date_s = clock_wall_ms(clock) / 1000;
        r = store_in(account, d, &message, err);
        if (r < 0)
            incoming_abandon(account, &message);
    }
    buf_deinit(&trace);
    account_unref(&account);
    return r;
}

/* The same account twice in one transaction (two addresses of one person) gets the message once in each mailbox asked for. */
static bool is_repeated(const struct lmtp_session *s, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (s->recipients[k].account.n == s->recipients[i].account.n && str_eq(s->recipients[k].mailbox, s->recipients[i].mailbox))
            return true;
    return false;
}

static const struct {
    enum err_kind kind;
    unsigned code;
    const char *enhanced, *text;
} failures[] = {
    { ERR_LIMIT, 552, "5.3.4", "Message too large" },
    { ERR_OVERQUOTA, 452, "4.2.2", "Mailbox is full" },
    { ERR_FULL, 452, "4.3.1", "Short of disk space, try again later" },
    { ERR_NOT_FOUND, 550, "5.1.1", "No such user here" },
};

static void reply_failure(struct lmtp_session *s, const struct lmtp_recipient *recipient, const struct err *err)
{
    log_error(&s->log, "delivery-failed", KV("account", (const char *)recipient->user), KV("kind", err_kind_name(err->kind)),
              KV("text", (const char *)err->text));
    for (size_t i = 0; i < ARRAY_COUNT(failures); i++) {
        if (failures[i].kind == err->kind) {
            lmtp_reply(s, failures[i].code, failures[i].enhanced, "<" STR_FMT "> %s", STR_ARG(recipient->address), failures[i].text);
            return;
        }
    }
    lmtp_reply(s, 451, "4.3.0", "<" STR_FMT "> Temporary failure, try again later", STR_ARG(recipient->address));
}

void lmtp_deliver(struct lmtp_session *s)
{
    uint64_t size = incoming_size(s->incoming);
    for (size_t i = 0; i < s->recipient_count; i++) {
        const struct lmtp_recipient *recipient = &s->recipients[i];
        const struct delivery d = { .account = recipient->account,
                                    .user = str_c(recipient->user),
                                    .mailbox = recipient->mailbox,
                                    .sender = s->sender,
                                    .create_mailbox = s->server->settings.create_mailbox };
        struct err err = s->err;
        int r = s->failed;
        if (r == 0 && !is_repeated(s, i))
            r = deliver_message(s->server->mail, s->incoming, &d, s->server->clock, &err);
        if (r < 0) {
            reply_failure(s, recipient, &err);
            continue;
        }
        s->delivered_count++;
        log_info(&s->log, "delivered", KV("account", (const char *)recipient->user), KV("bytes", size));
        lmtp_reply(s, 250, "2.0.0", "<" STR_FMT "> Delivered", STR_ARG(recipient->address));
    }
}
