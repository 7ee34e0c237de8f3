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
    CMD_WRITES = 1u << 4,    /* refused on a mailbox opened with EXAMINE */
    CMD_ONLY_UIDS = 1u << 5, /* tells UIDs in any form: no business of UIDONLY */
    CMD_CHANGES = 1u << 6,   /* refused in a session that may only read, as all that has CMD_WRITES is */
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

/* A client that enabled UIDONLY has only the UID forms of commands: RFC 9586, 3.2 and 3.8. */
MUST_USE int command_check_numbers(struct session *s, const struct command *command, struct err *err);

/* What the session may not do at all, or not with the mailbox that it has selected. -ERR_DENIED. */
MUST_USE int command_check_allowed(const struct session *s, const struct command *command, struct err *err);

/* Not in the table's hands alone: their messages are streamed (append.h). */
extern const struct command command_append, command_replace;

command_run_fn authenticate_run;
command_run_fn cancelupdate_run;
command_run_fn capability_run;
command_run_fn close_run;
command_run_fn compress_run;
command_run_fn copy_run;
command_run_fn create_run;
command_run_fn delete_run;
command_run_fn deleteacl_run;
command_run_fn enable_run;
command_run_fn esearch_run;
command_run_fn examine_run;
command_run_fn expunge_run;
command_run_fn fetch_run;
command_run_fn getacl_run;
command_run_fn getmetadata_run;
command_run_fn getquota_run;
command_run_fn getquotaroot_run;
command_run_fn id_run;
command_run_fn idle_run;
command_run_fn language_run, comparator_run;
command_run_fn list_run;
command_run_fn listrights_run;
command_run_fn login_run;
command_run_fn logout_run;
command_run_fn lsub_run;
command_run_fn move_run;
command_run_fn myrights_run;
command_run_fn namespace_run;
command_run_fn noop_run;
command_run_fn notify_run;
command_run_fn rename_run;
command_run_fn search_run;
command_run_fn select_run;
command_run_fn setacl_run;
command_run_fn setmetadata_run;
command_run_fn setquota_run;
command_run_fn sort_run;
command_run_fn starttls_run;
command_run_fn status_run;
command_run_fn store_run;
command_run_fn subscribe_run;
command_run_fn thread_run;
command_run_fn uid_expunge_run;
command_run_fn uidbatches_run;
command_run_fn unauthenticate_run;
command_run_fn unselect_run;
command_run_fn unsubscribe_run;

#endif
