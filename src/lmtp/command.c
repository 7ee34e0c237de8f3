/* command.c: the commands of LMTP, one row each.     RFC 2033, 4; RFC 5321, 4.1 */
#include "lmtp/session.h"

typedef void lmtp_run_fn(struct lmtp_session *s, struct str args);

static void lhlo(struct lmtp_session *s, struct str args)
{
    if (str_trim(args).n == 0) {
        lmtp_reply(s, 501, "5.5.4", "LHLO needs a name");
        return;
    }
    s->state = LMTP_READY;
    lmtp_reset(s);
    buf_printf(conn_out(s->conn),
               "250-Loft\r\n250-PIPELINING\r\n250-SIZE %llu\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n"
               "250 ENHANCEDSTATUSCODES\r\n",
               (unsigned long long)s->server->settings.message_bytes_max);
}

/* RFC 2033, 4.1: HELO and EHLO do not exist here. */
static void helo(struct lmtp_session *s, struct str args)
{
    (void)args;
    lmtp_reply(s, 500, "5.5.1", "This is LMTP: say LHLO");
}

/* One parameter of MAIL. 0, or the reply has been sent. */
static int mail_parameter(struct lmtp_session *s, struct str key, struct str value)
{
    uint64_t size;
    if (str_eq_nocase(key, STR("SIZE")) && str_to_u64(value, UINT64_MAX, &size)) {
        if (size <= s->server->settings.message_bytes_max)
            return 0;
        lmtp_reply(s, 552, "5.3.4", "Message larger than %llu bytes", (unsigned long long)s->server->settings.message_bytes_max);
        return -ERR_LIMIT;
    }
    if (str_eq_nocase(key, STR("BODY")) && (str_eq_nocase(value, STR("7BIT")) || str_eq_nocase(value, STR("8BITMIME"))))
        return 0;
    if (str_eq_nocase(key, STR("SMTPUTF8")) && str_is_nil(value)) {
        s->smtputf8 = true;
        return 0;
    }
    lmtp_reply(s, 555, "5.5.4", "Parameter not supported");
    return -ERR_CANNOT;
}

/* "FROM:<path> parameters": the prefix without case, then the path. */
static int take_path(struct lmtp_session *s, struct str args, struct str prefix, struct str *path, struct str *rest)
{
    struct err err;
    if (!str_starts_nocase(args, prefix)) {
        lmtp_reply(s, 501, "5.5.4", "Expected " STR_FMT "<address>", STR_ARG(prefix));
        return -ERR_SYNTAX;
    }
    int r = lmtp_path_parse(str_skip(args, prefix.n), &s->arena, path, rest, &err);
    if (r < 0)
        lmtp_reply(s, 501, prefix.p[0] == 'F' ? "5.1.7" : "5.1.3", "%s", err.text);
    return r;
}

static void mail(struct lmtp_session *s, struct str args)
{
    struct str path, rest, key, value;
    if (s->state != LMTP_READY) {
        lmtp_reply(s, 503, "5.5.1", s->state == LMTP_GREETED ? "Say LHLO first" : "MAIL was given already");
        return;
    }
    if (take_path(s, args, STR("FROM:"), &path, &rest) < 0)
        return;
    while (lmtp_parameter_next(&rest, &key, &value)) {
        if (mail_parameter(s, key, value) < 0) {
            lmtp_reset(s);
            return;
        }
    }
    s->sender = path;
    s->state = LMTP_MAIL;
    lmtp_reply(s, 250, "2.1.0", "Sender ok");
}

/* Whose mailbox is it? A user whose name holds the delimiter is found by its whole name first. */
static int find_recipient(struct lmtp_session *s, struct str address, struct lmtp_recipient *recipient, struct err *err)
{
    struct user user;
    struct str name, detail = STR_NIL;
    int r = users_find(s->server->users, address, &user, err);
    if (r == -ERR_NOT_FOUND) {
        lmtp_address_split(address, s->server->settings.delimiter, &s->arena, &name, &detail);
        if (!str_is_nil(detail))
            r = users_find(s->server->users, name, &user, err);
    }
    if (r < 0)
        return r;
    *recipient = (struct lmtp_recipient){ .account = user.account, .address = address };
    memcpy(recipient->user, user.name, sizeof recipient->user);
    if (detail.n)
        recipient->mailbox = detail;
    return 0;
}

static void rcpt(struct lmtp_session *s, struct str args)
{
    struct str path, rest;
    struct lmtp_recipient recipient;
    struct err err;
    if (s->state != LMTP_MAIL || s->incoming) {
        lmtp_reply(s, 503, "5.5.1", "MAIL first");
        return;
    }
    if (take_path(s, args, STR("TO:"), &path, &rest) < 0)
        return;
    if (path.n == 0) {
        lmtp_reply(s, 501, "5.1.3", "Empty recipient");
        return;
    }
    if (rest.n > 0) {
        lmtp_reply(s, 555, "5.5.4", "Parameter not supported");
        return;
    }
    if (s->recipient_count >= s->server->settings.recipients_max) {
        lmtp_reply(s, 452, "4.5.3", "Too many recipients (limit %u)", s->server->settings.recipients_max);
        return;
    }
    int r = find_recipient(s, path, &recipient, &err);
    if (r == -ERR_NOT_FOUND) {
        lmtp_reply(s, 550, "5.1.1", "No such user here");
        return;
    }
    if (r < 0) {
        log_error(&s->log, "lmtp-lookup-failed", KV("text", (const char *)err.text));
        lmtp_reply(s, 451, "4.3.0", "Temporary failure, try again later");
        return;
    }
    s->recipients = arena_grow(&s->arena, s->recipients, s->recipient_count, &s->recipient_cap, sizeof *s->recipients);
    s->recipients[s->recipient_count++] = recipient;
    lmtp_reply(s, 250, "2.1.5", "Recipient ok");
}

static void begin_message(struct lmtp_session *s)
{
    if (!s->incoming)
        s->incoming = incoming_new(s->server->mail, s->server->settings.message_bytes_max);
}

static void data(struct lmtp_session *s, struct str args)
{
    if (args.n) {
        lmtp_reply(s, 501, "5.5.4", "DATA has no arguments");
        return;
    }
    if (s->state != LMTP_MAIL || s->recipient_count == 0 || s->incoming) { /* RFC 2033, 4.2: 503 without recipients */
        lmtp_reply(s, 503, "5.5.1", s->incoming ? "BDAT was used already" : "No valid recipients");
        return;
    }
    begin_message(s);
    s->line_start = true;
    s->state = LMTP_DATA;
    lmtp_reply(s, 354, NULL, "End with a line that is a dot");
}

/* BDAT size [LAST]. The bytes follow at once, whatever we answer: they must be taken off the stream. RFC 3030, 2 */
static void bdat(struct lmtp_session *s, struct str args)
{
    struct str rest;
    struct str size = str_cut(str_trim(args), ' ', &rest);
    uint64_t n;
    rest = str_trim(rest);
    bool last = str_eq_nocase(rest, STR("LAST"));
    if (!str_to_u64(size, UINT32_MAX, &n) || (rest.n && !last)) {
        lmtp_reply(s, 501, "5.5.4", "Expected BDAT size [LAST]");
        s->state = LMTP_QUIT; /* we cannot know what is message and what is command */
        conn_close_after_flush(s->conn);
        return;
    }
    s->chunk_refused = s->state != LMTP_MAIL || s->recipient_count == 0;
    s->chunk_left = n;
    s->chunk_last = last;
    if (!s->chunk_refused)
        begin_message(s);
    s->state = LMTP_CHUNK;
}

static void rset(struct lmtp_session *s, struct str args)
{
    (void)args;
    lmtp_reset(s);
    lmtp_reply(s, 250, "2.0.0", "Ok");
}

static void noop(struct lmtp_session *s, struct str args)
{
    (void)args;
    lmtp_reply(s, 250, "2.0.0", "Ok");
}

/* RFC 5321, 3.5.3: 252 tells nothing, so that strangers learn no names. */
static void vrfy(struct lmtp_session *s, struct str args)
{
    (void)args;
    lmtp_reply(s, 252, "2.5.2", "Try to deliver");
}

static void quit(struct lmtp_session *s, struct str args)
{
    (void)args;
    lmtp_reply(s, 221, "2.0.0", "Bye");
    s->state = LMTP_QUIT;
    conn_close_after_flush(s->conn);
}

static const struct {
    struct str name;
    lmtp_run_fn *run;
} commands[] = {
    { STR_INIT("LHLO"), lhlo }, { STR_INIT("EHLO"), helo }, { STR_INIT("HELO"), helo }, { STR_INIT("MAIL"), mail },
    { STR_INIT("RCPT"), rcpt }, { STR_INIT("DATA"), data }, { STR_INIT("BDAT"), bdat }, { STR_INIT("RSET"), rset },
    { STR_INIT("NOOP"), noop }, { STR_INIT("VRFY"), vrfy }, { STR_INIT("QUIT"), quit },
};

void lmtp_command(struct lmtp_session *s, struct str line)
{
    struct str args;
    struct str name = str_cut(line, ' ', &args);
    if (str_find_char(line, '\0') >= 0) {
        lmtp_reply(s, 500, "5.5.2", "NUL in a command");
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (str_eq_nocase(name, commands[i].name)) {
            commands[i].run(s, args);
            return;
        }
    }
    lmtp_reply(s, 500, "5.5.2", "Unknown command");
}
