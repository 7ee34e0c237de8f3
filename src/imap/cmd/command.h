/* command.h: the row of a command. All rows are in table.c; one file per command beside it. STYLE 5.4, 5.5
 * A command is three parts: bytes to arguments (parse), arguments to the model (run), results to bytes (respond). */
#ifndef LOFT_IMAP_CMD_COMMAND_H
#define LOFT_IMAP_CMD_COMMAND_H

#include "imap/session.h"
#include "imap/wire/parser.h"

enum {
    IN_NOT_AUTHENTICATED = STATE_NOT_AUTHENTICATED,
    IN_AUTHENTICATED = STATE_AUTHENTICATED | STATE_SELECTED,
    IN_SELECTED = STATE_SELECTED,
    IN_ANY_STATE = STATE_NOT_AUTHENTICATED | STATE_AUTHENTICATED | STATE_SELECTED,
};

enum command_flag {
    CMD_USES_SEQ = 1u << 0, /* no EXPUNGE while it runs, unless in its UID form: RFC 9051, 7.5.1 */
    CMD_HAS_UID = 1u << 1,  /* has a UID form */
    CMD_ONLY_UID = 1u << 2, /* has no other */
    CMD_NO_UPDATES =
        1u << 3, /* tells no mailbox changes before its reply: it leaves the mailbox or opens another */
    CMD_WRITES = 1u << 4, /* refused on a mailbox opened with EXAMINE */
};

/* Read the arguments behind the command's name, up to parse_end: the x_args_parse functions of imap/wire. `args_out` lives in p->arena;
 * NULL for none. 0, or what parser_error answers. */
typedef int command_parse_fn(struct parser *p, const void **args_out, struct err *err);

/* Do it and queue the untagged responses. 0: the tagged OK follows; -ERR_AGAIN: run again when output has drained, or, with
 * s->input changed, when something else has come; else the error decides NO or BAD (reply.c). */
typedef int command_run_fn(struct session *s, const void *args, struct err *err);

struct command {
    struct str name;
    unsigned states;
    unsigned flags;
    command_parse_fn *parse;
    command_run_fn *run;
};

/* NULL: no such command, or not in this form. */
const struct command *command_find(struct str name, bool uid_form);

/* Not in the table's hands alone: their messages are streamed (append.h). */
extern const struct command command_append, command_replace;

command_run_fn noop_run, capability_run, logout_run, starttls_run, login_run, authenticate_run, enable_run,
    id_run, idle_run, namespace_run, select_run, examine_run, unselect_run, close_run, create_run, delete_run,
    rename_run, subscribe_run, unsubscribe_run, list_run, lsub_run, status_run, store_run, expunge_run,
    getmetadata_run, setmetadata_run, uid_expunge_run, copy_run, move_run, fetch_run, search_run, sort_run,
    thread_run, compress_run, unauthenticate_run, language_run;

#endif
