#include "base/utf8.h"
#include "imap/cmd/append.h"
#include "imap/cmd/command.h"
#include "imap/door.h"
#include "imap/wire/append_args.h"
#include "imap/wire/writer.h"
#include "mail/incoming.h"
#include "mime/header.h"

#include <stdlib.h>

enum { MESSAGES_MAX = 1000 }; /* of one MULTIAPPEND */

struct append {
    struct str mailbox;           /* as the client named it */
    struct account *account;      /* where it lies; own reference */
    struct new_message *messages; /* in the session's arena, like what they point to */
    size_t count, cap;
    struct incoming *incoming; /* the message that is coming in */
    uint64_t left;             /* bytes of it that have not come yet */
    size_t args_bytes;         /* of flags and dates so far: they stay in the arena to the end */
    bool literal8;
    int failed; /* 0, or the error that the tagged reply will tell; what still comes is dropped */
    struct err err;
};

static void abandon_all(struct append *a)
{
    for (size_t i = 0; i < a->count; i++)
        incoming_abandon(a->account, &a->messages[i]);
    a->count = 0;
}

static void forget(struct session *s)
{
    struct append *a = s->append;
    if (!a)
        return;
    incoming_free(&a->incoming);
    abandon_all(a);
    account_unref(&a->account);
    free(a);
    s->append = NULL;
}

void append_drop(struct session *s)
{
    if (!s->append)
        return;
    forget(s);
    session_drop_command(s);
}

/* Refuse the message that the framer stands before: the tagged reply now, the rest is swallowed. */
static void refuse(struct session *s, int r, const struct err *err)
{
    forget(s);
    framer_refuse_message(&s->framer);
    session_finish(s, r, err);
}

/* "a APPEND mailbox": check what can be checked before the client sends its megabytes. */
static int begin(struct session *s, struct parser *p, struct err *err)
{
    struct str name;
    const void *args;
    s->command = &command_append;
    s->command_count++;
    if (!parse_tag(p, &s->tag)) {
        s->tag = STR("*");
        return parser_error(p, err);
    }
    if (!parse_sp(p) || !parse_command_name(p, &name))
        return parser_error(p, err);
    if (!(s->state & IN_AUTHENTICATED))
        return err_set(err, ERR_STATE, "Log in first");
    int r = append_args_parse(p, &args, err);
    if (r < 0)
        return r;
    s->append = calloc(1, sizeof *s->append);
    if (!s->append)
        abort();
    s->append->mailbox = ((const struct append_args *)args)->mailbox;
    struct place place;
    r = door_open(s, s->append->mailbox, RIGHT_INSERT, &place, err);
    if (r == -ERR_NOT_FOUND)
        session_code(s, "TRYCREATE"); /* RFC 9051, 6.3.12 */
    if (r < 0)
        return r;
    s->append->account = account_ref(place.account);
    place_leave(&place);
    return 0;
}

/* The next message's flags and date; its bytes follow. */
static int expect_message(struct session *s, struct parser *p, struct err *err)
{
    struct append *a = s->append;
    struct append_message args;
    int r = append_message_parse(p, &args, err);
    if (r < 0)
        return r;
    if (a->count == MESSAGES_MAX)
        return err_set(err, ERR_LIMIT, "More than %d messages in one APPEND", MESSAGES_MAX);
    if (args.size_bytes == 0) /* RFC 3502, 6.3.11: an empty message cancels the whole command */
        return err_set(err, ERR_CANNOT, "Empty message: nothing was appended");
    a->messages = arena_grow(&s->arena, a->messages, a->count, &a->cap, sizeof *a->messages);
    struct new_message *m = &a->messages[a->count];
    *m = (struct new_message){ .flags = args.flags.flags,
                               .keywords = args.flags.keywords,
                               .keyword_count = args.flags.keyword_count };
    m->internal_date_s = args.has_date ? args.date.unix_s : clock_wall_ms(s->server->clock) / 1000;
    m->internal_zone_min = args.has_date ? args.date.zone_min : 0;
    a->literal8 = args.literal8;
    a->left = args.size_bytes;
    a->incoming = incoming_new(account_mail(a->account), s->server->settings.message_bytes_max);
    return 0;
}

void append_piece(struct session *s, struct str piece)
{
    const struct framer_limits *limits = &s->server->settings.after_login;
    struct parser p;
    struct err err = { 0 };
    int r = 0;
    parser_init(&p, piece, &parser_limits_after_login, session_utf8(s), &s->arena);
    if (!s->append)
        r = begin(s, &p, &err);
    if (r == 0 && (s->append->args_bytes += piece.n) > limits->command_max)
        r = err_set(&err, ERR_LIMIT, "command above %zu bytes", limits->command_max);
    if (r == 0)
        r = expect_message(s, &p, &err);
    if (r < 0) {
        refuse(s, r, &err);
        return;
    }
    if (s->framer.literal_sync)
        buf_add_lit(session_out(s), "+ OK\r\n");
    s->input = INPUT_MESSAGE;
}

/* RFC 9755: header fields with 8-bit bytes are for clients that have said that they know UTF-8. Old mail is full of them, though, and
 * who moves it here wants it whole: so a setting decides. */
static int check_8bit_header(struct session *s, struct err *err)
{
    struct str message;
    if (session_utf8(s) || !s->server->settings.refuse_8bit_header)
        return 0;
    int r = incoming_bytes(s->append->incoming, &message, err);
    if (r == 0 && !utf8_is_ascii(str_sub(message, 0, header_length(message, true, NULL, NULL, NULL))))
        r = err_set(err, ERR_CANNOT, "8-bit header field: ENABLE UTF8=ACCEPT first");
    return r;
}

/* The message is whole: parse it and make it a pending blob. */
static void take_whole(struct session *s)
{
    struct append *a = s->append;
    if (a->failed == 0)
        a->failed = check_8bit_header(s, &a->err);
    if (a->failed == 0)
        a->failed = incoming_prepare(a->incoming, a->account, STR_NIL, &a->messages[a->count], &a->err);
    if (a->failed == 0)
        a->count++;
    incoming_free(&a->incoming);
    s->input = INPUT_COMMAND;
    framer_resume(&s->framer);
}

bool append_take(struct session *s)
{
    struct append *a = s->append;
    struct str bytes = conn_input(s->conn);
    if (bytes.n > a->left)
        bytes.n = (size_t)a->left;
    if (bytes.n == 0 && a->left > 0)
        return false;
    /* RFC 9051, 4.3: no NUL in a literal. */
    if (a->failed == 0 && !a->literal8 && str_find_char(bytes, '\0') >= 0)
        a->failed = err_set(&a->err, ERR_CANNOT, "NUL in a message: send it as literal8");
    if (a->failed == 0)
        a->failed = incoming_write(a->incoming, bytes, &a->err);
    a->left -= bytes.n;
    conn_consume(s->conn, bytes.n);
    if (a->left == 0)
        take_whole(s);
    return true;
}

/* "APPENDUID uidvalidity uids" once the commit is through. */
static int commit(struct session *s, struct append *a, struct err *err)
{
    struct change change = { .kind = CHANGE_APPEND, .arena = &s->arena };
    struct place place;
    int r = door_open(s, a->mailbox, RIGHT_INSERT, &place, err); /* again: it took its time to come */
    if (r == 0) {
        change.append.mailbox = place.name;
        change.append.messages = a->messages;
        change.append.count = a->count;
        r = place.account == a->account ? account_commit(a->account, &change, 1, err)
                                        : err_set(err, ERR_NOT_FOUND, "the mailbox was moved");
        place_leave(&place);
    }
    if (r == -ERR_NOT_FOUND)
        session_code(s, "TRYCREATE");
    if (r < 0)
        return r;
    a->count = 0; /* they are the mailbox's now */
    struct buf uids = BUF_INIT;
    seqset_write(&change.uids, &uids);
    session_code(s, "APPENDUID %u " STR_FMT, change.uidvalidity, STR_ARG(buf_str(&uids)));
    buf_deinit(&uids);
    return 0;
}

void append_end(struct session *s, struct str line)
{
    struct append *a = s->append;
    struct parser p;
    struct err err = { 0 };
    parser_init(&p, line, &parser_limits_after_login, session_utf8(s), &s->arena);
    int r = append_end_parse(&p, &err);
    if (r == 0 && (r = a->failed) < 0)
        err = a->err;
    if (r == 0)
        r = commit(s, a, &err);
    forget(s);
    command_finish(s, r, &err);
}

/* An APPEND without a message literal: "a APPEND INBOX" and the line ends. */
static int append_parse(struct parser *p, const void **args_out, struct err *err)
{
    struct append_message message;
    int r = append_args_parse(p, args_out, err);
    if (r == 0)
        r = append_message_parse(p, &message, err);
    return r < 0 ? r : err_set(err, ERR_SYNTAX, "expected a message literal");
}

static int append_run(struct session *s, const void *args, struct err *err)
{
    (void)s, (void)args;
    return err_set(err, ERR_SYNTAX, "expected a message literal");
}

const struct command command_append = { STR_INIT("APPEND"), IN_AUTHENTICATED, 0, append_parse, append_run };
