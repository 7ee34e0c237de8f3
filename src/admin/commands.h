/* commands.h: what the implementations of administrative commands share. The table is in commands.c. */
#ifndef LOFT_ADMIN_COMMANDS_H
#define LOFT_ADMIN_COMMANDS_H

#include "admin/admin.h"
#include "base/audit.h"

enum { ADMIN_ARGS_MAX = 8 };

enum admin_arg_type { ARG_NONE, ARG_TEXT, ARG_NUMBER, ARG_LIST /* of texts */ };

struct admin_arg {
    const char *name;
    enum admin_arg_type type;
    bool optional;
};

/* One call: arguments have been checked against the command's row. */
struct admin_call {
    const struct admin *admin;
    struct admin_session *session;
    const json_t *request;
    struct incoming *body; /* NULL when the request brought no bytes */
    struct arena *arena;   /* gone when the call ends */
    struct buf *bytes;     /* raw bytes of the answer: append */
};

struct admin_command {
    const char *name;
    struct admin_arg args[ADMIN_ARGS_MAX]; /* ends with ARG_NONE */
    bool takes_body;
    /* result_out: new reference, {} by default. */
    int (*run)(struct admin_call *call, json_t **result_out, struct err *err);
    bool quiet;             /* changes nothing, or only as mail does: auditors need not know */
    enum audit_event event; /* that it is to auditors; AUDIT_ADMIN, 0, for most */
};

struct import;                            /* command_import.c */
struct export;                            /* command_export.c */
struct check_session;                     /* command_index.c */
void import_free(struct import **import); /* accepts NULL */
void export_free(struct export **export);
void index_check_session_free(struct check_session **session);

/* Names of system flags, as RFC 9051, 2.3.2 spells them. */
struct admin_flag {
    uint8_t flag; /* enum flag */
    const char *name;
};
enum { ADMIN_FLAG_COUNT = 5 };
extern const struct admin_flag admin_flags[ADMIN_FLAG_COUNT];
bool admin_flag_by_name(struct str name, uint8_t *flag_out); /* any case */

struct admin_session {
    const struct admin *admin;
    uid_t uid;
    struct import *import; /* NULL: none under way */
    struct export *export;
    struct check_session *check; /* of an index */
};

struct str call_text(const struct admin_call *call, const char *name); /* NIL: absent; borrows the request */
int64_t call_number(const struct admin_call *call, const char *name);  /* 0: absent */
const json_t *call_list(const struct admin_call *call, const char *name); /* NULL: absent */

/* "Shared/" or "Shared/example.org" where a user is named: the public mailboxes of a domain, which belong to nobody. No user
 * can be called so. `domain_out` borrows. */
bool admin_public_domain(struct str user, struct str *domain_out);

/* The user named by argument "user", or public mailboxes, and the account opened: own reference. -ERR_NOT_FOUND that
 * names it. */
MUST_USE int call_open_account(const struct admin_call *call, struct account **account_out, struct err *err);

/* record.c: tell auditors what was done, or refused (`r` with `err`). Of the arguments, those that audit_events has as keys of
 * the event: so no password or value gets there by accident. */
void admin_record(const struct admin_call *call, const struct admin_command *command, int r,
                  const struct err *err);

/* The user named by argument "user". -ERR_NOT_FOUND that names it. */
MUST_USE int call_find_user(const struct admin_call *call, struct user *user_out, struct err *err);

/* Tell all sessions of `user` to end, also those where it acts for others; how many. */
unsigned admin_kick_user(const struct admin *admin, const char *user);
/* Those that an app password of `account` let in. */
unsigned admin_kick_app_password(const struct admin *admin, struct account_id account, uint64_t app_password);

int admin_user_add(struct admin_call *call, json_t **result_out, struct err *err);
int admin_user_list(struct admin_call *call, json_t **result_out, struct err *err);
int admin_user_show(struct admin_call *call, json_t **result_out, struct err *err);
int admin_user_passwd(struct admin_call *call, json_t **result_out, struct err *err);
int admin_user_delete(struct admin_call *call, json_t **result_out, struct err *err);
int admin_user_disable(struct admin_call *call, json_t **result_out, struct err *err);
int admin_user_enable(struct admin_call *call, json_t **result_out, struct err *err);
/* What opens the account beside the password: members for user-show, where there is something. */
MUST_USE int admin_add_credentials(const struct admin_call *call, const struct user *user, json_t *json,
                                   struct err *err);
int admin_totp_begin(struct admin_call *call, json_t **result_out, struct err *err);
int admin_totp_confirm(struct admin_call *call, json_t **result_out, struct err *err);
int admin_totp_recovery(struct admin_call *call, json_t **result_out, struct err *err);
int admin_totp_disable(struct admin_call *call, json_t **result_out, struct err *err);
int admin_totp_show(struct admin_call *call, json_t **result_out, struct err *err);
int admin_app_password_add(struct admin_call *call, json_t **result_out, struct err *err);
int admin_app_password_list(struct admin_call *call, json_t **result_out, struct err *err);
int admin_app_password_delete(struct admin_call *call, json_t **result_out, struct err *err);

int admin_user_lock(struct admin_call *call, json_t **result_out, struct err *err);
int admin_user_unlock(struct admin_call *call, json_t **result_out, struct err *err);
int admin_alias_add(struct admin_call *call, json_t **result_out, struct err *err);
int admin_alias_delete(struct admin_call *call, json_t **result_out, struct err *err);
int admin_alias_list(struct admin_call *call, json_t **result_out, struct err *err);
int admin_domain_add(struct admin_call *call, json_t **result_out, struct err *err);
int admin_domain_delete(struct admin_call *call, json_t **result_out, struct err *err);
int admin_domain_list(struct admin_call *call, json_t **result_out, struct err *err);

int admin_user_hide_capability(struct admin_call *call, json_t **result_out, struct err *err);
int admin_user_show_capability(struct admin_call *call, json_t **result_out, struct err *err);
int admin_user_refer(struct admin_call *call, json_t **result_out, struct err *err);

int admin_status(struct admin_call *call, json_t **result_out, struct err *err);
int admin_sessions(struct admin_call *call, json_t **result_out, struct err *err);
int admin_who(struct admin_call *call, json_t **result_out, struct err *err);
int admin_kick(struct admin_call *call, json_t **result_out, struct err *err);
int admin_throttle_list(struct admin_call *call, json_t **result_out, struct err *err);
int admin_throttle_clear(struct admin_call *call, json_t **result_out, struct err *err);

int admin_mailbox_list(struct admin_call *call, json_t **result_out, struct err *err);
int admin_mailbox_status(struct admin_call *call, json_t **result_out, struct err *err);
int admin_mailbox_create(struct admin_call *call, json_t **result_out, struct err *err);
int admin_mailbox_rename(struct admin_call *call, json_t **result_out, struct err *err);
int admin_mailbox_delete(struct admin_call *call, json_t **result_out, struct err *err);
int admin_metadata_list(struct admin_call *call, json_t **result_out, struct err *err);
int admin_metadata_set(struct admin_call *call, json_t **result_out, struct err *err);
int admin_quota_show(struct admin_call *call, json_t **result_out, struct err *err);
int admin_quota_domain(struct admin_call *call, json_t **result_out, struct err *err);
int admin_quota_set(struct admin_call *call, json_t **result_out, struct err *err);
int admin_index_accounts(struct admin_call *call, json_t **result_out, struct err *err);
int admin_index_status(struct admin_call *call, json_t **result_out, struct err *err);
int admin_index_rebuild(struct admin_call *call, json_t **result_out, struct err *err);
int admin_index_check(struct admin_call *call, json_t **result_out, struct err *err);
int admin_group_add(struct admin_call *call, json_t **result_out, struct err *err);
int admin_group_delete(struct admin_call *call, json_t **result_out, struct err *err);
int admin_group_list(struct admin_call *call, json_t **result_out, struct err *err);
int admin_group_members(struct admin_call *call, json_t **result_out, struct err *err);
int admin_group_member_add(struct admin_call *call, json_t **result_out, struct err *err);
int admin_group_member_remove(struct admin_call *call, json_t **result_out, struct err *err);
int admin_acl_show(struct admin_call *call, json_t **result_out, struct err *err);
int admin_acl_set(struct admin_call *call, json_t **result_out, struct err *err);
int admin_acl_delete(struct admin_call *call, json_t **result_out, struct err *err);
int admin_acl_seen(struct admin_call *call, json_t **result_out, struct err *err);
int admin_deliver(struct admin_call *call, json_t **result_out, struct err *err);
int admin_import_begin(struct admin_call *call, json_t **result_out, struct err *err);
int admin_import_mailbox(struct admin_call *call, json_t **result_out, struct err *err);
int admin_import_message(struct admin_call *call, json_t **result_out, struct err *err);
int admin_import_end(struct admin_call *call, json_t **result_out, struct err *err);
int admin_export_begin(struct admin_call *call, json_t **result_out, struct err *err);
int admin_export_mailbox(struct admin_call *call, json_t **result_out, struct err *err);
int admin_export_next(struct admin_call *call, json_t **result_out, struct err *err);

#endif
