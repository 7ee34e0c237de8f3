/* input.c: from bytes to commands: framing, dispatch, and running again what had to wait. */
#include "imap/cmd/append.h"
#include "imap/cmd/command.h"
#include "imap/cmd/idle.h"
#include "imap/cmd/login.h"
#include "imap/door.h"
#include "imap/filters.h"
#include "imap/session.h"
#include "imap/update.h"
#include "imap/wire/writer.h"

enum {
    COMMANDS_AT_ONCE = 64,  /* of one client before others get their turn */
    GARBAGE_LINES_MAX = 10, /* before login, then BYE */
};

static const struct framer_limits *limits(const struct session *s)
{
    return s->state == STATE_NOT_AUTHENTICATED ? &s->server->settings.before_login
                                               : &s->server->settings.after_login;
}

static const struct parser_limits *parser_limits(const struct session *s)
{
    return s->state == STATE_NOT_AUTHENTICATED ? &parser_limits_before_login : &parser_limits_after_login;
}

/* How a command went that waits until its client has read what is told before the tagged reply. */
struct ending {
    int result;
    struct err err;
};

/* Tell what has changed, in the selected mailbox above all, before the tagged reply. -ERR_AGAIN: its client does not read. */
static int send_updates(struct session *s, int r, struct err *err)
{
    const struct command *command = s->command;
    if (!(s->state & (STATE_AUTHENTICATED | STATE_SELECTED)) || s->updates_sent ||
        (command->flags & CMD_NO_UPDATES) || r == -ERR_SYNTAX)
        return r;
    bool may_expunge = !(command->flags & CMD_USES_SEQ) || s->uid_form;
    struct err update_err;
    int u = update_send(s, may_expunge, s->own, &update_err);
    if (u == -ERR_AGAIN)
        return u;
    if (u < 0 && r == 0) {
        *err = update_err;
        r = u;
    }
    return r;
}

static void wait_for_reader(struct session *s)
{
    if (s->input == INPUT_COMMAND)
        s->input = INPUT_HELD;
}

void command_finish(struct session *s, int r, struct err *err)
{
    int told = send_updates(s, r, err);
    if (told == -ERR_AGAIN) {
        if (!s->ending)
            s->ending = arena_new(&s->arena, struct ending);
        *s->ending = (struct ending){ r, *err };
        wait_for_reader(s);
        return;
    }
    if (s->state != STATE_LOGOUT)
        session_finish(s, told, err);
}

void session_run_command(struct session *s)
{
    struct err err = { 0 };
    if (s->ending) {
        err = s->ending->err;
        command_finish(s, s->ending->result, &err);
        return;
    }
    int r = s->command->run(s, s->args, &err);
    if (r == -ERR_AGAIN) {
        wait_for_reader(s);
        return;
    }
    if (s->state != STATE_LOGOUT) /* else it has said goodbye itself */
        command_finish(s, r, &err);
}

static int check_state(const struct session *s, const struct command *command, struct err *err)
{
    if (command->states & s->state)
        return 0;
    if (s->state == STATE_NOT_AUTHENTICATED)
        return err_set(err, ERR_STATE, "Log in first");
    if (!(command->states & STATE_AUTHENTICATED) && (command->states & STATE_SELECTED))
        return err_set(err, ERR_STATE, "No mailbox selected");
    return err_set(err, ERR_STATE, "Already logged in");
}

/* "POST / HTTP/1.1": a browser was told to talk to us, and a command may stand in what it sends next. */
static bool is_http(struct str line)
{
    line = str_trim(line);
    return str_ends(line, STR(" HTTP/1.1")) || str_ends(line, STR(" HTTP/1.0"));
}

/* A line of a stranger that is no IMAP.
 * One who speaks another protocol must not come to the lines that happen to be commands. */
static void count_garbage(struct session *s, struct str line)
{
    s->garbage_lines++;
    if (s->garbage_lines >= GARBAGE_LINES_MAX || is_http(line))
        session_bye(s, NULL, "This is an IMAP server");
}

/* Parse and run one complete command, which lies in the arena. */
static void run_line(struct session *s, struct str line)
{
    struct parser p;
    struct err err = { 0 };
    struct str name;
    parser_init(&p, line, parser_limits(s), session_utf8(s), &s->arena);
    const struct search_filters filters = filters_of(s);
    p.filters = s->account ? &filters : NULL;
    s->command_count++;
    if (session_check_account(s) < 0)
        goto gone;
    if (!parse_tag(&p, &s->tag)) {
        parser_error(&p, &err);
        session_status(s, STR_NIL, "BAD", STR_NIL, str_c(err.text));
        goto gone;
    }
    if (!parse_sp(&p) || !parse_command_name(&p, &name)) {
        parser_error(&p, &err);
        goto bad;
    }
    const struct command *command = command_find(name, p.uid);
    if (!command) {
        err_set(&err, ERR_SYNTAX, "Unknown command");
        goto bad;
    }
    s->command = command;
    s->uid_form = p.uid;
    int r = check_state(s, command, &err);
    if (r == 0)
        r = command_check_numbers(s, command, &err);
    if (r == 0)
        r = command->parse(&p, &s->args, &err);
    if (p.wants_utf8)
        session_code(s, "BADCHARSET (US-ASCII UTF-8)"); /* RFC 5466, 3.1 */
    else if (!str_is_nil(p.undefined_filter))
        session_code(s, "UNDEFINED-FILTER " STR_FMT, STR_ARG(p.undefined_filter));
    if (r == 0)
        r = door_check_selected(s, &err);
    if (s->state == STATE_LOGOUT) /* it has said goodbye itself */
        goto gone;
    if (r == 0)
        r = command_check_allowed(s, command, &err);
    if (r < 0)
        session_finish(s, r, &err);
    else
        session_run_command(s);
    return;
bad:
    session_status(s, s->tag, "BAD", STR_NIL, str_c(err.text));
gone:
    if (s->state == STATE_NOT_AUTHENTICATED)
        count_garbage(s, line);
    s->tag = STR_NIL;
    session_free_arena(s);
}

/* Copy the framed bytes into the arena and drop them from the input:
 * what is parsed must outlive the connection's buffer. */
static struct str take(struct session *s, size_t n)
{
    struct str line = arena_dup(&s->arena, str_sub(conn_input(s->conn), 0, n));
    s->has_secret = s->state == STATE_NOT_AUTHENTICATED;
    if (s->has_secret)
        conn_wipe_input(s->conn, n);
    conn_consume(s->conn, n);
    return line;
}

/* RFC 5464, 4.3: a value that is too long is told so; RFC 7888, 5 has a code for all others. */
static struct str too_big_code(struct session *s)
{
    struct str line = conn_input(s->conn), tag = framer_tag(line);
    if (s->append || !str_starts_nocase(str_skip(line, tag.n), STR(" SETMETADATA ")) ||
        s->state == STATE_NOT_AUTHENTICATED)
        return STR("TOOBIG");
    return arena_printf(&s->arena, "METADATA MAXSIZE %u",
                        mail_options(s->server->mail)->annotation_bytes_max);
}

static void refuse(struct session *s, const struct err *err)
{
    /* The tag of an APPEND has been taken off the stream with its first message. */
    struct str tag = s->append ? s->tag : framer_tag(conn_input(s->conn));
    struct str code = s->framer.too_big ? too_big_code(s) : STR_NIL;
    session_status(s, tag, s->framer.too_big ? "NO" : "BAD", code, str_c(err->text));
    LOG_AT(&s->log, s->state == STATE_NOT_AUTHENTICATED ? LEVEL_DEBUG : LEVEL_INFO, "command-refused",
           KV("text", (const char *)err->text));
    append_drop(s);
    if (!s->command)
        session_free_arena(s);
    conn_consume(s->conn, s->framer.n);
}

/* One step of framing. Returns false when more bytes (or an event) are needed. */
static bool step(struct session *s)
{
    struct err err = { 0 };
    switch (framer_next(&s->framer, conn_input(s->conn), &err)) {
    case FRAMER_MORE:
        return false;
    case FRAMER_CONTINUE:
        buf_add_lit(session_out(s), "+ OK\r\n");
        return true;
    case FRAMER_COMMAND: {
        struct str line = take(s, s->framer.n);
        if (s->append)
            append_end(s, line);
        else
            run_line(s, line);
        framer_start(&s->framer, limits(s));
        return true;
    }
    case FRAMER_MESSAGE:
        append_piece(s, take(s, s->framer.n));
        return true;
    case FRAMER_REFUSE:
        refuse(s, &err);
        return true;
    case FRAMER_SKIP:
        conn_consume(s->conn, s->framer.n);
        return conn_input(s->conn).n > 0;
    case FRAMER_SKIPPED:
        conn_consume(s->conn, s->framer.n);
        framer_start(&s->framer, limits(s));
        return true;
    case FRAMER_CLOSE:
        session_bye(s, NULL, "Too much data for a refused command");
        return false;
    }
    return false;
}

/* While a client idles: DONE, or a whole command from a client that forgot to say it. That is framed with its
 * literals, which must not be taken for commands after it was refused. */
static bool step_idle(struct session *s)
{
    struct err err = { 0 };
    switch (framer_next(&s->framer, conn_input(s->conn), &err)) {
    case FRAMER_MORE:
        return false;
    case FRAMER_CONTINUE:
        buf_add_lit(session_out(s), "+ OK\r\n");
        return true;
    case FRAMER_COMMAND: { /* in an arena of its own: the command in progress keeps the session's */
        struct arena arena = ARENA_INIT;
        struct str line = arena_dup(&arena, str_sub(conn_input(s->conn), 0, s->framer.n));
        conn_consume(s->conn, s->framer.n);
        idle_line(s, str_trim(line));
        arena_deinit(&arena);
        framer_start(&s->framer, limits(s));
        return true;
    }
    case FRAMER_MESSAGE:
        conn_consume(s->conn, s->framer.n);
        framer_refuse_message(&s->framer);
        idle_line(s, STR(""));
        return true;
    default:
        session_bye(s, NULL, "Too much data while idling");
        return false;
    }
}

/* The answer to a SASL challenge: a line, whatever it looks like. */
static bool step_sasl(struct session *s)
{
    struct err err = { 0 };
    enum framer_event event = framer_next(&s->framer, conn_input(s->conn), &err);
    if (event == FRAMER_MORE)
        return false;
    if (event != FRAMER_COMMAND) {
        session_bye(s, NULL, "Line too long");
        return false;
    }
    struct arena arena = ARENA_INIT;
    struct str line = arena_dup(&arena, str_sub(conn_input(s->conn), 0, s->framer.n));
    conn_wipe_input(s->conn, s->framer.n);
    conn_consume(s->conn, s->framer.n);
    sasl_line(s, str_trim(line));
    arena_wipe(&arena);
    arena_deinit(&arena);
    session_expect_input(s); /* also when the answer is held: nothing is read before it is out */
    return true;
}

void session_expect_input(struct session *s)
{
    if (s->input == INPUT_SASL)
        framer_start_line(&s->framer, limits(s)); /* without literals */
    else
        framer_start(&s->framer, limits(s));
}

void session_read(struct session *s)
{
    for (unsigned done = 0; s->state != STATE_LOGOUT; done++) {
        if (s->update && s->input == INPUT_COMMAND) /* what NOTIFY began to tell comes to its end first */
            return;
        if (done == COMMANDS_AT_ONCE) {
            conn_yield(s->conn);
            return;
        }
        bool more = false;
        enum session_input before = s->input;
        switch (s->input) {
        case INPUT_HELD:
            return;
        case INPUT_MESSAGE:
            more = append_take(s);
            break;
        case INPUT_COMMAND:
            more = step(s);
            break;
        case INPUT_IDLE:
            more = step_idle(s);
            break;
        case INPUT_SASL:
            more = step_sasl(s);
            break;
        }
        if (before == INPUT_COMMAND && s->input == INPUT_SASL)
            session_expect_input(s);
        if (!more)
            break;
        if (session_must_wait(s)) /* pipelined commands whose answers nobody reads */
            return;
    }
    if (s->at_eof && s->state != STATE_LOGOUT && s->input != INPUT_HELD)
        conn_close_after_flush(s->conn);
}
