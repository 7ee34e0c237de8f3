/* cli_private.h: what the files behind cli.h share. */
#ifndef LOFT_ADMIN_CLI_PRIVATE_H
#define LOFT_ADMIN_CLI_PRIVATE_H

#include "admin/cli.h"
#include "admin/cli_line.h"
#include "admin/client.h"

struct cli {
    const struct cli_params *params;
    struct cli_line line;
    struct arena arena; /* all that the command needs until it ends */
    struct config_sources sources;
    struct config *config; /* after cli_load_config */
    struct log_sink log_sink;
    struct client *client; /* after cli_connect */
    json_t *results;       /* of all questions asked: kept until the command ends */
    bool creates_folder;   /* user add: makes the data folder where there is none */
    int exit_code;         /* of a failure; 1 unless the command says otherwise */
};

extern const struct cli_command cli_commands[]; /* ends with a row without words */

void cli_print_help(struct str topic); /* topic: words of a command or their beginning; "" for all */

/* Both do nothing when it is done already. */
MUST_USE int cli_load_config(struct cli *cli, struct err *err);
MUST_USE int cli_connect(struct cli *cli, struct err *err);

/* Ask; `request` is a new reference and goes (NULL: an argument was not UTF-8: -ERR_INVALID).
 * The result stays valid until the command ends. */
MUST_USE int cli_ask(struct cli *cli, json_t *request, json_t **result_out, struct err *err);

/* `text` as JSON; NULL when it is not UTF-8: then json_pack gives NULL, too. */
json_t *cli_json(struct str text);

struct str cli_arg(const struct cli *cli, unsigned i); /* NIL: not given */

/* ---- printing ---- */

enum column_kind { COLUMN_TEXT, COLUMN_COUNT, COLUMN_BYTES, COLUMN_TIME, COLUMN_YES };

struct column {
    const char *title; /* NULL ends the table */
    const char *key;   /* member of each row's object */
    enum column_kind kind;
};

/* A table of `rows`, an array of objects; or, with --json, the array. */
void cli_print_rows(const struct cli *cli, const json_t *rows, const struct column *columns,
                    const char *when_empty);
/* One object, a line each member; or as JSON. */
void cli_print_object(const struct cli *cli, const json_t *object, const struct column *columns);
/* "done" for people; the result as JSON. */
void cli_print_done(const struct cli *cli, const json_t *result, const char *fmt, ...) PRINTF_LIKE(3, 4);
void cli_print_json(const json_t *value);
void cli_format_bytes(uint64_t bytes, struct buf *out);     /* "1.5 MB" */
void cli_format_duration(int64_t seconds, struct buf *out); /* "3 d 4 h" */
void cli_format_time(int64_t wall_s, struct buf *out);      /* "2026-11-20 11:17:00", local */
int cli_width(struct str s); /* columns that a text takes on the screen: its characters */
/* Control characters become '?': no escape sequence reaches the terminal. */
void cli_add_safe(struct buf *out, struct str s);

/* A bar on standard error, when that is a terminal. */
struct cli_progress {
    uint64_t done, total;
    int64_t next_ms; /* when to draw again */
    bool shown;
};

void cli_progress_begin(struct cli_progress *progress, uint64_t total);
void cli_progress_add(struct cli_progress *progress, uint64_t done);
/* A line of its own, above the bar; also without a terminal. */
void cli_progress_line(struct cli_progress *progress, const char *text);
void cli_progress_end(struct cli_progress *progress);

/* ---- input ---- */

/* A password: the first line of standard input (--password-stdin),
 * or asked for twice without echo. In cli->arena. */
MUST_USE int cli_read_password(struct cli *cli, struct str *password_out, struct err *err);
/* A line of standard input that is no secret, or not for long; `prompt` is shown on a terminal. In cli->arena. */
MUST_USE int cli_read_text(struct cli *cli, const char *prompt, size_t bytes_max, struct str *text_out,
                           struct err *err);
/* Ask "...? [y/N]" on the terminal; -ERR_DENIED when the answer is no,
 * or when there is no terminal and no --yes. */
MUST_USE int cli_confirm(struct cli *cli, const char *question, struct err *err);

/* ---- commands ---- */
int cli_help(struct cli *cli, struct err *err);
int cli_serve(struct cli *cli, struct err *err);
int cli_user_add(struct cli *cli, struct err *err);
int cli_user_list(struct cli *cli, struct err *err);
int cli_user_show(struct cli *cli, struct err *err);
int cli_user_passwd(struct cli *cli, struct err *err);
int cli_user_delete(struct cli *cli, struct err *err);
int cli_user_disable(struct cli *cli, struct err *err);
int cli_user_enable(struct cli *cli, struct err *err);
int cli_user_lock(struct cli *cli, struct err *err);
int cli_user_unlock(struct cli *cli, struct err *err);
int cli_alias_add(struct cli *cli, struct err *err);
int cli_alias_delete(struct cli *cli, struct err *err);
int cli_alias_list(struct cli *cli, struct err *err);
int cli_domain_add(struct cli *cli, struct err *err);
int cli_domain_delete(struct cli *cli, struct err *err);
int cli_domain_list(struct cli *cli, struct err *err);
int cli_user_hide_capability(struct cli *cli, struct err *err);
int cli_user_show_capability(struct cli *cli, struct err *err);
int cli_user_refer(struct cli *cli, struct err *err);
int cli_totp_enable(struct cli *cli, struct err *err);
int cli_totp_disable(struct cli *cli, struct err *err);
int cli_totp_show(struct cli *cli, struct err *err);
int cli_totp_recovery(struct cli *cli, struct err *err);
int cli_app_password_add(struct cli *cli, struct err *err);
int cli_app_password_list(struct cli *cli, struct err *err);
int cli_app_password_delete(struct cli *cli, struct err *err);
int cli_status(struct cli *cli, struct err *err);
int cli_log(struct cli *cli, struct err *err);
int cli_sessions(struct cli *cli, struct err *err);
int cli_who(struct cli *cli, struct err *err);
int cli_kick(struct cli *cli, struct err *err);
int cli_throttle_list(struct cli *cli, struct err *err);
int cli_throttle_clear(struct cli *cli, struct err *err);
int cli_config_check(struct cli *cli, struct err *err);
int cli_config_show(struct cli *cli, struct err *err);
int cli_mailbox_list(struct cli *cli, struct err *err);
int cli_mailbox_status(struct cli *cli, struct err *err);
int cli_mailbox_create(struct cli *cli, struct err *err);
int cli_mailbox_rename(struct cli *cli, struct err *err);
int cli_mailbox_delete(struct cli *cli, struct err *err);
int cli_group_add(struct cli *cli, struct err *err);
int cli_group_delete(struct cli *cli, struct err *err);
int cli_group_list(struct cli *cli, struct err *err);
int cli_group_members(struct cli *cli, struct err *err);
int cli_group_member_add(struct cli *cli, struct err *err);
int cli_group_member_remove(struct cli *cli, struct err *err);
int cli_acl_show(struct cli *cli, struct err *err);
int cli_acl_set(struct cli *cli, struct err *err);
int cli_acl_delete(struct cli *cli, struct err *err);
int cli_acl_seen(struct cli *cli, struct err *err);
int cli_metadata_list(struct cli *cli, struct err *err);
int cli_metadata_set(struct cli *cli, struct err *err);
int cli_metadata_delete(struct cli *cli, struct err *err);
int cli_quota_show(struct cli *cli, struct err *err);
int cli_quota_domain(struct cli *cli, struct err *err);
int cli_quota_set(struct cli *cli, struct err *err);
int cli_index_status(struct cli *cli, struct err *err);
int cli_index_rebuild(struct cli *cli, struct err *err);
int cli_index_check(struct cli *cli, struct err *err);
int cli_import(struct cli *cli, struct err *err);
int cli_export(struct cli *cli, struct err *err);
int cli_deliver(struct cli *cli, struct err *err);
int cli_config_explain(struct cli *cli, struct err *err);

#endif
