/* command.c: the commands of LMTP, one row each.     RFC 2033, 4; RFC 5321, 4.1 */
#include "lmtp/session.h"

#include "base/utf8.h"

enum {
    TRANSACTION_BYTES = 64 * 1024, /* of a transaction, beside its recipients */
    RECIPIENT_BYTES_MAX = 4096,    /* path, address, user and row of one */
};

typedef void lmtp_run_fn(struct lmtp_session *s, struct str args);

enum { HELO_BYTES_MAX = 255 };

static void lhlo(struct lmtp_session *s, struct str args)
{
    if (args.n == 0) {
        lmtp_reply(s, 501, "5.5.4", "LHLO needs a name");
        return;
    }
    s->state = LMTP_READY;
    lmtp_reset(s);
    buf_clear(&s->helo);
    buf_add(&s->helo, str_sub(args, 0, HELO_BYTES_MAX));
    buf_printf(conn_out(s->conn),
               "250-%s\r\n250-PIPELINING\r\n250-SIZE %llu\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n"
               "250 ENHANCEDSTATUSCODES\r\n",
               s->server->settings.host_name, (unsigned long long)s->server->settings.message_bytes_max);
}

/* RFC 2033, 4.1: HELO and EHLO do not exist here. */
static void helo(struct lmtp_session *s, struct str args)
{
    (void)args;
    lmtp_reply(s, 500, "5.5.1", "This is LMTP: say LHLO");
}

/* ---- MAIL ---- */

/* SIZE=1*20DIGIT: RFC 1870, 5 and 6.1. Refusing here saves the client the sending. */
static int size_parameter(struct lmtp_session *s, struct str value)
{
    struct store_stats stats;
    uint64_t size = UINT64_MAX;
    bool digits = value.n > 0 && value.n <= 20;
    for (size_t i = 0; i < value.n; i++)
        digits = digits && ascii_is_digit(value.p[i]);
    if (!digits) {
        lmtp_reply(s, 501, "5.5.4", "SIZE is no number");
        return -ERR_SYNTAX;
    }
    if (!str_to_u64(value, UINT64_MAX, &size) || size > s->server->settings.message_bytes_max) {
        lmtp_reply(s, 552, "5.3.4", "Message larger than %llu bytes",
                   (unsigned long long)s->server->settings.message_bytes_max);
        return -ERR_LIMIT;
    }
    store_stats(mail_options(s->server->mail)->store, &stats);
    if (stats.below_watermark) {
        lmtp_reply_failure(s, ERR_FULL, STR_NIL);
        return -ERR_FULL;
    }
    s->expected_bytes = size;
    return 0;
}

/* One parameter of MAIL. 0, or the reply has been sent.
 * BINARYMIME and AUTH are not announced, so nobody may use them. */
static int mail_parameter(struct lmtp_session *s, struct str key, struct str value)
{
    if (str_eq_nocase(key, STR("SIZE")))
        return size_parameter(s, value);
    if (str_eq_nocase(key, STR("BODY")) &&
        (str_eq_nocase(value, STR("7BIT")) || str_eq_nocase(value, STR("8BITMIME"))))
        return 0;
    if (str_eq_nocase(key, STR("SMTPUTF8")) && str_is_nil(value)) {
        s->smtputf8 = true;
        return 0;
    }
    lmtp_reply(s, 555, "5.5.4", "Parameter not supported");
    return -ERR_CANNOT;
}

/* "FROM:<path> parameters": the prefix without case, then the path. 0, or the reply has been sent. */
static int take_path(struct lmtp_session *s, struct str args, struct str prefix, const char *enhanced,
                     struct lmtp_path *path, struct str *rest)
{
    struct err err;
    if (!str_starts_nocase(args, prefix)) {
        lmtp_reply(s, 501, "5.5.4", "Expected " STR_FMT "<address>", STR_ARG(prefix));
        return -ERR_SYNTAX;
    }
    int r = lmtp_path_parse(str_skip(args, prefix.n), &s->arena, path, rest, &err);
    if (r < 0)
        lmtp_reply(s, 501, enhanced, "Bad address: %s", err.text);
    return r;
}

/* RFC 6531, 3.5: only who said SMTPUTF8 may use addresses beyond ASCII. 0, or the reply has been sent. */
static int check_utf8(struct lmtp_session *s, const struct lmtp_path *path)
{
    if (s->smtputf8 || utf8_is_ascii(path->text))
        return 0;
    lmtp_reply(s, 553, "5.6.7", "Non-ASCII address without SMTPUTF8");
    return -ERR_SYNTAX;
}

static void mail(struct lmtp_session *s, struct str args)
{
    struct lmtp_path path;
    struct str rest, key, value;
    if (s->state != LMTP_READY) {
        lmtp_reply(s, 503, "5.5.1", s->state == LMTP_GREETED ? "Say LHLO first" : "MAIL was given already");
        return;
    }
    int r = take_path(s, args, STR("FROM:"), "5.1.7", &path, &rest);
    while (r == 0 && lmtp_parameter_next(&rest, &key, &value))
        r = mail_parameter(s, key, value);
    if (r == 0)
        r = check_utf8(s, &path);
    if (r < 0) {
        lmtp_reset(s);
        return;
    }
    s->sender = path.text;
    s->state = LMTP_MAIL;
    lmtp_reply(s, 250, "2.1.0", "Sender ok");
}

/* ---- RCPT ---- */

static void add_recipients(struct lmtp_session *s, const struct lmtp_path *path,
                           const struct names_recipients *found)
{
    for (size_t i = 0; i < found->count; i++) {
        s->recipients = arena_grow(&s->arena, s->recipients, s->recipient_count, &s->recipient_cap,
                                   sizeof *s->recipients);
        s->recipients[s->recipient_count++] = (struct lmtp_recipient){ .account = found->list[i].account,
                                                                       .user = found->list[i].name,
                                                                       .mailbox = found->mailbox,
                                                                       .address = path->text,
                                                                       .of_same_rcpt = i > 0 };
    }
}

/* RFC 3463, 3.2 to 3.4. What is not here is about us: try again. */
static const struct {
    int r;
    unsigned code;
    const char *enhanced, *text;
} refusals[] = {
    { -ERR_NOT_FOUND, 550, "5.1.1", "No such user here" },
    { -ERR_CANNOT, 550, "5.1.2", "No mail for that domain here" },
    { -ERR_DENIED, 550, "5.2.1", "The account is disabled" },
};

static void add_recipient(struct lmtp_session *s, const struct lmtp_path *path)
{
    const struct lmtp_server *server = s->server;
    struct names_recipients found;
    struct err err;
    int r = names_recipients(server->names, path->address, server->find_user, server->find_ctx, &s->arena,
                             &found, &err);
    if (r == 0) {
        add_recipients(s, path, &found);
        lmtp_reply(s, 250, "2.1.5", "Recipient ok");
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(refusals); i++)
        if (r == refusals[i].r) {
            lmtp_reply(s, refusals[i].code, refusals[i].enhanced, "%s", refusals[i].text);
            return;
        }
    log_error(&s->log, "lmtp-lookup-failed", KV("text", (const char *)err.text));
    lmtp_reply(s, 451, "4.3.0", "Temporary failure, try again later");
}

/* Addresses that were refused take memory too, until the transaction ends. */
static bool is_full(const struct lmtp_session *s)
{
    uint32_t max = s->server->settings.recipients_max;
    return s->recipient_count >= max ||
           s->arena.total_bytes > TRANSACTION_BYTES + (size_t)max * RECIPIENT_BYTES_MAX;
}

static void rcpt(struct lmtp_session *s, struct str args)
{
    struct lmtp_path path;
    struct str rest;
    if (s->state != LMTP_MAIL || s->incoming) {
        lmtp_reply(s, 503, "5.5.1", s->incoming ? "The message has begun" : "MAIL first");
        return;
    }
    if (is_full(s)) {
        lmtp_reply(s, 452, "4.5.3", "Too many recipients (limit %u)", s->server->settings.recipients_max);
        return;
    }
    if (take_path(s, args, STR("TO:"), "5.1.3", &path, &rest) < 0)
        return;
    if (path.text.n == 0)
        lmtp_reply(s, 501, "5.1.3", "Empty recipient");
    else if (rest.n > 0)
        lmtp_reply(s, 555, "5.5.4", "Parameter not supported");
    else if (check_utf8(s, &path) == 0)
        add_recipient(s, &path);
}

/* ---- the message ---- */

static void begin_message(struct lmtp_session *s)
{
    if (s->incoming)
        return;
    s->incoming = incoming_new(s->server->mail, s->server->settings.message_bytes_max);
    incoming_expect(s->incoming, s->expected_bytes);
}

/* RFC 2033, 4.2: 503 without recipients. RFC 2920, 3.1: DATA is the last command of a group, so a client that
 * has sent more already sends its message without leave: that must not be read as commands. Nor may it when
 * it comes a moment later: see lmtp_command(). */
static void refuse_data(struct lmtp_session *s)
{
    lmtp_reply(s, 503, "5.5.1", s->incoming ? "BDAT was used already" : "No valid recipients");
    if (conn_input(s->conn).n > 0)
        lmtp_quit(s);
    else
        s->data_refused = true;
}

static void data(struct lmtp_session *s, struct str args)
{
    (void)args;
    if (s->state != LMTP_MAIL || s->recipient_count == 0 || s->incoming) {
        refuse_data(s);
        return;
    }
    begin_message(s);
    s->line_start = true;
    s->state = LMTP_DATA;
    lmtp_reply(s, 354, NULL, "End with a line that is a dot");
}

/* BDAT size [LAST]. The bytes follow at once, whatever we answer:
 * they must be taken off the stream. RFC 3030, 2 */
static void bdat(struct lmtp_session *s, struct str args)
{
    struct str rest;
    struct str size = str_cut(args, ' ', &rest);
    uint64_t n;
    rest = str_trim(rest);
    bool last = str_eq_nocase(rest, STR("LAST"));
    if (!str_to_u64(size, INT64_MAX, &n) || (rest.n && !last)) {
        lmtp_reply(s, 501, "5.5.4", "Expected BDAT size [LAST]");
        lmtp_quit(s); /* we cannot know what is message and what is command */
        return;
    }
    if (s->state != LMTP_MAIL)
        s->chunk = LMTP_CHUNK_NO_TRANSACTION;
    else
        s->chunk = s->recipient_count == 0 ? LMTP_CHUNK_NO_RECIPIENTS : LMTP_CHUNK_TAKE;
    s->after_chunk = s->state;
    s->chunk_left = n;
    s->chunk_last = last;
    if (s->chunk == LMTP_CHUNK_TAKE)
        begin_message(s);
    s->state = LMTP_CHUNK;
}

/* ---- the rest ---- */

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

static void not_here(struct lmtp_session *s, struct str args)
{
    (void)args;
    lmtp_reply(s, 502, "5.5.1", "Not implemented");
}

static void quit(struct lmtp_session *s, struct str args)
{
    (void)args;
    lmtp_reply(s, 221, "2.0.0", "Bye");
    lmtp_quit(s);
}

static const struct {
    struct str name;
    lmtp_run_fn *run;
    bool takes_args;
} commands[] = {
    { STR_INIT("LHLO"), lhlo, true },     { STR_INIT("EHLO"), helo, true },
    { STR_INIT("HELO"), helo, true },     { STR_INIT("MAIL"), mail, true },
    { STR_INIT("RCPT"), rcpt, true },     { STR_INIT("DATA"), data, false },
    { STR_INIT("BDAT"), bdat, true },     { STR_INIT("RSET"), rset, false },
    { STR_INIT("NOOP"), noop, true },     { STR_INIT("VRFY"), vrfy, true },
    { STR_INIT("EXPN"), not_here, true }, { STR_INIT("HELP"), not_here, true },
    { STR_INIT("QUIT"), quit, false },
};

/* A stranger to LMTP (a browser, a scanner), or lines of a message that we did not ask for. */
static void unknown(struct lmtp_session *s, const char *text)
{
    if (!s->data_refused && ++s->unknown_commands < LMTP_UNKNOWN_COMMANDS_MAX) {
        lmtp_reply(s, 500, "5.5.2", "%s", text);
        return;
    }
    lmtp_reply(s, 421, "4.7.0", "%s; that is enough", text);
    lmtp_quit(s);
}

static bool has_control(struct str line)
{
    for (size_t i = 0; i < line.n; i++)
        if (((unsigned char)line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] == 0x7f)
            return true;
    return false;
}

void lmtp_command(struct lmtp_session *s, struct str line)
{
    struct str args;
    struct str name = str_cut(line, ' ', &args);
    if (has_control(line)) {
        unknown(s, "Control byte in a command");
        return;
    }
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (!str_eq_nocase(name, commands[i].name))
            continue;
        args = str_trim(args);
        s->data_refused = false;
        if (args.n && !commands[i].takes_args)
            lmtp_reply(s, 501, "5.5.4", STR_FMT " has no arguments", STR_ARG(commands[i].name));
        else
            commands[i].run(s, args);
        return;
    }
    unknown(s, "Unknown command");
}
