/* cmd_append.c: APPEND, REPLACE and UID REPLACE: append.h.
 * RFC 9051, 6.3.12; RFC 3502 (MULTIAPPEND); RFC 4469 (CATENATE); RFC 8508 (REPLACE) */
#include "base/utf8.h"
#include "imap/cmd/append.h"
#include "imap/cmd/catenate.h"
#include "imap/cmd/command.h"
#include "imap/cmd/copy_across.h"
#include "imap/cmd/limit.h"
#include "imap/cmd/quota_root.h"
#include "imap/door.h"
#include "imap/notify.h"
#include "imap/trail.h"
#include "imap/wire/append_args.h"
#include "imap/wire/writer.h"
#include "mail/incoming.h"
#include "mime/header.h"

#include <stdlib.h>

enum { MESSAGES_MAX = 1000 }; /* of one MULTIAPPEND, where no other limit is announced */

enum append_state {
    APPEND_NEXT,    /* a message begins, or the command ends */
    APPEND_LITERAL, /* the bytes of a message come */
    APPEND_PARTS,   /* between the parts of a CATENATE */
    APPEND_TEXT,    /* the bytes of a TEXT come */
};

struct append {
    struct str mailbox;           /* as the client named it, in the spelling that is kept */
    struct str given;             /* parse_mailbox_given */
    struct account *account;      /* where it lies; own reference */
    uint32_t replaced_uid;        /* REPLACE; 0: APPEND */
    struct new_message *messages; /* in the session's arena, like what they point to */
    size_t count, cap;
    enum append_state state;
    bool has_part;             /* APPEND_PARTS: one was there */
    uint64_t bytes;            /* announced, of all messages so far */
    struct incoming *incoming; /* the message that is coming in */
    uint64_t left;             /* APPEND_LITERAL, APPEND_TEXT: bytes that have not come yet */
    bool literal8;
    uint64_t copied_bytes; /* by URLs */
    size_t args_bytes;     /* of flags, dates and URLs so far: they stay in the arena to the end */
    int failed;            /* 0, or the error that the tagged reply will tell; what still comes is dropped */
    struct err err;
    bool committing; /* all is there; the two below are filled */
    struct place place;
    struct change change;
};

/* The command has ended: what it took in and did not commit is dropped. */
static void release(struct session *s)
{
    struct append *a = s->append;
    if (!a)
        return;
    session_settle_commit(s);
    place_leave(&a->place);
    incoming_free(&a->incoming);
    for (size_t i = 0; i < a->count; i++)
        incoming_abandon(a->account, &a->messages[i]);
    account_unref(&a->account);
    free(a);
    s->append = NULL;
}

void append_drop(struct session *s)
{
    if (!s->append)
        return;
    release(s);
    session_drop_command(s);
}

/* Refuse the message that the framer stands before: the tagged reply now, the rest is swallowed. */
static void refuse(struct session *s, int r, const struct err *err)
{
    release(s);
    framer_refuse_message(&s->framer);
    session_finish(s, r, err);
}

/* ---- what is checked before the client sends its megabytes ---- */

/* The message that REPLACE takes away. A number that is not there is the client's fault, a UID may be gone. */
static int find_replaced(struct session *s, uint32_t number, uint32_t *uid_out, struct err *err)
{
    struct snapshot *snapshot = s->view.snapshot;
    struct message m;
    uint32_t seq = number ? number : snapshot->exists;
    if (s->uid_form && number) {
        int r = snapshot_seq_of_uid(snapshot, number, &seq, err);
        if (r < 0)
            return r;
    }
    if (seq == 0 && s->uid_form)
        return err_set(err, ERR_NOT_FOUND, "no message with this UID");
    if (seq == 0)
        return err_set(err, ERR_INVALID, "The mailbox is empty");
    if (seq > snapshot->exists)
        return err_set(err, ERR_INVALID, "No message %u, there are %u", seq, snapshot->exists);
    int r = snapshot_message(snapshot, seq, &m, err);
    if (r == 0)
        *uid_out = m.uid;
    return r;
}

/* Of the selected mailbox; on the other one the same as APPEND. RFC 8508, 4.1 */
enum { RIGHTS_TO_REPLACE = RIGHT_DELETE_MESSAGES | RIGHT_EXPUNGE };

static int check_may_replace(const struct session *s, struct err *err)
{
    if ((s->rights & RIGHTS_TO_REPLACE) == RIGHTS_TO_REPLACE)
        return 0;
    return err_set(err, ERR_DENIED, "You may not take messages out of this mailbox");
}

static int open_append(struct session *s, const struct append_args *args, struct err *err)
{
    struct place place;
    s->append = calloc(1, sizeof *s->append);
    if (!s->append)
        abort();
    s->append->mailbox = args->mailbox;
    s->append->given = args->given;
    int r = args->replaces ? check_may_replace(s, err) : 0;
    if (r < 0)
        return r;
    r = door_open(s, args->mailbox, RIGHT_INSERT, &place, err);
    if (r == -ERR_NOT_FOUND)
        session_code(s, "TRYCREATE"); /* RFC 9051, 6.3.12 */
    if (r < 0)
        return r;
    s->append->account = account_ref(place.account);
    place_leave(&place);
    return args->replaces ? find_replaced(s, args->number, &s->append->replaced_uid, err) : 0;
}

/* "a APPEND mailbox", "a UID REPLACE 7 mailbox" */
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
    const struct command *command = command_find(name, p->uid);
    if (command != &command_append && command != &command_replace)
        return err_set(err, ERR_SYNTAX, "Unknown command");
    s->command = command;
    s->uid_form = p->uid;
    if (!(command->states & s->state))
        return err_set(err, ERR_STATE,
                       s->state == STATE_NOT_AUTHENTICATED ? "Log in first" : "No mailbox selected");
    int r = command_check_allowed(s, command, err);
    if (r == 0)
        r = command_check_numbers(s, command, err);
    if (r == 0)
        r = door_check_selected(s, err);
    if (r < 0)
        return r;
    r = command == &command_replace ? replace_args_parse(p, &args, err) : append_args_parse(p, &args, err);
    return r < 0 ? r : open_append(s, args, err);
}

/* ---- messages and their parts ---- */

static void expect_literal(struct append *a, const struct append_literal *literal, enum append_state state)
{
    a->state = state;
    a->literal8 = literal->literal8;
    a->left = literal->size_bytes;
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
static int take_whole(struct session *s, struct err *err)
{
    struct append *a = s->append;
    int r = 0;
    if (incoming_size(a->incoming) == 0) /* RFC 3502, 6.3.11: an empty message cancels the whole command */
        r = err_set(err, ERR_CANNOT, "Empty message: nothing was appended");
    if (r == 0)
        r = check_8bit_header(s, err);
    if (r == 0)
        r = incoming_prepare(a->incoming, a->account, STR_NIL, &a->messages[a->count], err);
    if (r == 0)
        a->count++;
    incoming_free(&a->incoming);
    a->state = APPEND_NEXT;
    return r;
}

/* No need to send in vain what cannot be taken. The commit looks again, and knows what REPLACE takes away. */
static int check_quota(struct append *a, uint64_t size_bytes, struct err *err)
{
    a->bytes += size_bytes;
    const struct quota_amounts add = { .of = { [QUOTA_STORAGE] = a->bytes, [QUOTA_MESSAGE] = a->count + 1 } };
    return a->replaced_uid ? 0 : account_quota_check(a->account, &add, err);
}

/* The next message's flags and date; its bytes or parts follow. */
static int next_message(struct session *s, struct parser *p, struct err *err)
{
    struct append *a = s->append;
    struct append_message args;
    int r = append_message_parse(p, &args, err);
    if (r < 0)
        return r;
    if (a->replaced_uid && a->count > 0) /* RFC 8508, 4.7 */
        return err_set(err, ERR_SYNTAX, "REPLACE takes one message");
    if (!limit_of_saving(s) && a->count == MESSAGES_MAX)
        return err_set(err, ERR_LIMIT, "More than %d messages in one APPEND", MESSAGES_MAX);
    r = limit_append(s, a->count + 1, err);
    if (r < 0)
        return r;
    if (!args.is_catenate && args.literal.size_bytes == 0)
        return err_set(err, ERR_CANNOT, "Empty message: nothing was appended");
    r = check_quota(a, args.is_catenate ? 0 : args.literal.size_bytes, err);
    if (r < 0)
        return r;
    a->messages = arena_grow(&s->arena, a->messages, a->count, &a->cap, sizeof *a->messages);
    struct new_message *m = &a->messages[a->count];
    *m = (struct new_message){ .flags = args.flags.flags,
                               .keywords = args.flags.keywords,
                               .keyword_count = args.flags.keyword_count };
    m->internal_date_s = args.has_date ? args.date.unix_s : clock_wall_ms(s->server->clock) / 1000;
    m->internal_zone_min = args.has_date ? args.date.zone_min : 0;
    a->incoming = incoming_new(account_mail(a->account), s->server->settings.message_bytes_max);
    a->state = APPEND_PARTS;
    a->has_part = false;
    if (!args.is_catenate) {
        incoming_expect(a->incoming, args.literal.size_bytes);
        expect_literal(a, &args.literal, APPEND_LITERAL);
    }
    return 0;
}

static int next_part(struct session *s, struct parser *p, struct err *err)
{
    struct append *a = s->append;
    struct append_part part;
    int r = append_part_parse(p, !a->has_part, &part, err);
    if (r < 0)
        return r;
    a->has_part = true;
    switch (part.kind) {
    case APPEND_PART_TEXT:
        expect_literal(a, &part.literal, APPEND_TEXT);
        return 0;
    case APPEND_PART_URL:
        return catenate_url(s, part.url, a->incoming, &a->copied_bytes, err);
    case APPEND_PART_END:
        break;
    }
    return take_whole(s, err);
}

/* Read on until a literal must come, or, in the last piece, to the end of the command. */
static int read_args(struct session *s, struct parser *p, bool is_last, struct err *err)
{
    struct append *a = s->append;
    for (;;) {
        if (a->state == APPEND_NEXT && a->count > 0 && (parser_at_end(p) || parser_peek(p) != ' '))
            return parse_end(p) ? 0 : parser_error(p, err);
        int r = a->state == APPEND_NEXT ? next_message(s, p, err) : next_part(s, p, err);
        if (r < 0)
            return r;
        if (a->state == APPEND_LITERAL || a->state == APPEND_TEXT)
            return is_last ? err_set(err, ERR_SYNTAX, "expected a message literal") : 0;
    }
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
    else if ((r = s->append->failed) < 0)
        err = s->append->err;
    if (r == 0 && (s->append->args_bytes += piece.n) > limits->command_max)
        r = err_set(&err, ERR_LIMIT, "command above %zu bytes", limits->command_max);
    if (r == 0)
        r = read_args(s, &p, false, &err);
    if (r < 0) {
        refuse(s, r, &err);
        return;
    }
    if (s->framer.literal_sync)
        buf_add_lit(session_out(s), "+ OK\r\n");
    s->input = INPUT_MESSAGE;
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
    if (a->failed == 0) {
        a->failed = incoming_write(a->incoming, bytes, &a->err);
        if (a->failed == -ERR_LIMIT) /* the texts together, or with what URLs brought: RFC 4469, 4.2 */
            session_code(s, "TOOBIG");
    }
    a->left -= bytes.n;
    conn_consume(s->conn, bytes.n);
    if (a->left > 0)
        return true;
    if (a->state == APPEND_LITERAL && a->failed == 0)
        a->failed = take_whole(s, &a->err);
    else if (a->state == APPEND_TEXT)
        a->state = APPEND_PARTS;
    s->input = INPUT_COMMAND;
    framer_resume(&s->framer);
    return true;
}

/* Flags that the user may not set there are left out. RFC 4314, 4 */
static void drop_flags(struct append *a, unsigned rights)
{
    for (size_t i = 0; i < a->count; i++) {
        a->messages[i].flags &= door_flags_allowed(rights);
        if (!(rights & RIGHT_WRITE))
            a->messages[i].keyword_count = 0;
    }
}

/* ---- the end ---- */

/* Across two accounts: the new message first. When the old one cannot go, the new one does not stay. */
static int replace_across(struct session *s, struct account *account, struct change *append, struct err *err)
{
    struct seqset old;
    seqset_init(&old, &s->arena);
    seqset_add(&old, append->append.replaced_uid);
    append->append.replaced_uid = 0;
    int r = account_commit(account, append, 1, err);
    if (r == 0)
        r = across_expunge(s, append->append.replaced_mailbox_id, &old, account, append, err);
    return r == 0 && seqset_is_empty(&old) ? err_set(err, ERR_EXPUNGED, "the message to replace is gone") : r;
}

/* All that was checked before is checked again: the messages took their time to come. */
static int begin_commit(struct session *s, struct append *a, struct err *err)
{
    int r = a->replaced_uid ? door_check_selected(s, err) : 0;
    if (r == 0 && a->replaced_uid)
        r = check_may_replace(s, err);
    if (r == 0)
        r = door_open(s, a->mailbox, RIGHT_INSERT, &a->place, err);
    if (r == 0 && a->place.account != a->account)
        r = err_set(err, ERR_NOT_FOUND, "the mailbox was moved");
    if (r < 0)
        return r;
    drop_flags(a, a->place.rights);
    a->change = (struct change){ .kind = CHANGE_APPEND, .arena = &s->arena };
    a->change.append.reader = door_reader(s, a->place.account);
    a->change.append.mailbox = a->place.name;
    a->change.append.messages = a->messages;
    a->change.append.count = a->count;
    a->change.append.replaced_uid = a->replaced_uid;
    a->change.append.replaced_mailbox_id = a->replaced_uid ? mailbox_id(s->view.mailbox) : 0;
    a->committing = true;
    return 0;
}

static int store(struct session *s, struct append *a, struct err *err)
{
    int r = a->committing ? 0 : begin_commit(s, a, err);
    if (r < 0)
        return r;
    r = a->replaced_uid && s->selected_account != a->account ? replace_across(s, a->account, &a->change, err)
                                                             : session_commit(s, a->account, &a->change, err);
    if (r < 0)
        return r;
    a->count = 0; /* they are the mailbox's now */
    if (a->replaced_uid)
        trail_expunged(s, 1, NULL);
    notify_own_messages(s, a->account, a->change.mailbox_id, &a->change.uids);
    return 0;
}

/* "APPENDUID uidvalidity uids" once the commit is through. */
static int commit(struct session *s, struct append *a, struct err *err)
{
    const struct change *change = &a->change;
    int r = store(s, a, err);
    if (r == -ERR_NOT_FOUND)
        session_code(s, "TRYCREATE");
    if (r < 0)
        return r;
    quota_tell_soft(s, change);
    struct buf code = BUF_INIT;
    if (s->rev2 && !str_is_nil(a->given)) /* RFC 9051, 6.3.12 */
        write_list(session_out(s), "", a->mailbox, a->given, true);
    if (a->place.rights &
        RIGHT_READ) { /* RFC 4315, 3: one who may not look in is told nothing of what is there */
        buf_printf(&code, "APPENDUID %u ", change->uidvalidity);
        seqset_write(&change->uids, &code);
        s->reply_code = arena_dup(&s->arena, buf_str(&code));
    }
    buf_deinit(&code);
    if (!a->replaced_uid)
        return 0;
    /* RFC 8508, 3.4 and 4.3: APPENDUID and EXISTS come before the EXPUNGE. As with UID EXPUNGE the tagged reply
     * tells the modseq (4.5; RFC 7162, 3.2.10). */
    session_untagged(s, "OK", s->reply_code.p, "Replacement message ready");
    s->reply_code = STR_NIL;
    s->exists_first = true;
    if (s->qresync)
        session_code(s, "HIGHESTMODSEQ %llu", (unsigned long long)change->modseq);
    return 0;
}

/* From behind the last literal to the end. -ERR_AGAIN while the commit is under way. */
static int read_last(struct session *s, struct parser *p, struct err *err)
{
    struct append *a = s->append;
    int r = a->failed;
    if (r < 0)
        *err = a->err;
    if (r == 0 && !a->committing)
        r = read_args(s, p, true, err);
    if (r == 0)
        r = commit(s, a, err);
    if (r != -ERR_AGAIN)
        release(s);
    return r;
}

/* What is run: the last piece of a command, or one that came in one piece: all of its messages are URLs, or it is
 * wrong. */
struct whole_args {
    const void *args;   /* NULL: the last piece */
    struct parser rest; /* behind the mailbox */
};

void append_end(struct session *s, struct str line)
{
    struct whole_args *last = arena_new(&s->arena, struct whole_args);
    parser_init(&last->rest, line, &parser_limits_after_login, session_utf8(s), &s->arena);
    s->args = last;
    session_run_command(s);
}

static int parse_whole(struct parser *p, command_parse_fn *parse, const void **args_out, struct err *err)
{
    struct whole_args *whole = arena_new(p->arena, struct whole_args);
    int r = parse(p, &whole->args, err);
    whole->rest = *p;
    *args_out = whole;
    return r;
}

static int append_parse(struct parser *p, const void **args_out, struct err *err)
{
    return parse_whole(p, append_args_parse, args_out, err);
}

static int replace_parse(struct parser *p, const void **args_out, struct err *err)
{
    return parse_whole(p, replace_args_parse, args_out, err);
}

static int append_run(struct session *s, const void *args, struct err *err)
{
    const struct whole_args *whole = args;
    struct parser rest = whole->rest;
    int r = s->append ? 0 : open_append(s, whole->args, err);
    if (r == 0)
        return read_last(s, &rest, err);
    release(s);
    return r;
}

const struct command command_append = { STR_INIT("APPEND"), IN_AUTHENTICATED, CMD_CHANGES, append_parse,
                                        append_run };
const struct command command_replace = { STR_INIT("REPLACE"), IN_SELECTED, CMD_HAS_UID | CMD_WRITES,
                                         replace_parse, append_run };
