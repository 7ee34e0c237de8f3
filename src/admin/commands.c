#include "admin/commands.h"

#include "auth/directory/grants.h"

#include "base/utf8.h"

#include <stdlib.h>

static const struct admin_command commands[] = {
    { "user-add", { { "user", ARG_TEXT }, { "password", ARG_TEXT } }, false, admin_user_add },
    { "user-list", { { NULL } }, false, admin_user_list, .quiet = true },
    { "user-show", { { "user", ARG_TEXT } }, false, admin_user_show, .quiet = true },
    { "user-passwd",
      { { "user", ARG_TEXT }, { "password", ARG_TEXT } },
      false,
      admin_user_passwd,
      .event = AUDIT_PASSWORD },
    { "user-delete", { { "user", ARG_TEXT } }, false, admin_user_delete },
    { "user-disable",
      { { "user", ARG_TEXT },
        { "reason", ARG_TEXT, true },
        { "for_s", ARG_NUMBER, true },
        { "refuse_mail", ARG_NUMBER, true } },
      false,
      admin_user_disable },
    { "user-lock",
      { { "user", ARG_TEXT }, { "reason", ARG_TEXT, true }, { "for_s", ARG_NUMBER, true } },
      false,
      admin_user_lock,
      .event = AUDIT_LOCK },
    { "user-unlock", { { "user", ARG_TEXT } }, false, admin_user_unlock, .event = AUDIT_UNLOCK },
    { "alias-add", { { "alias", ARG_TEXT }, { "target", ARG_TEXT } }, false, admin_alias_add },
    { "alias-delete", { { "alias", ARG_TEXT }, { "target", ARG_TEXT, true } }, false, admin_alias_delete },
    { "alias-list", { { NULL } }, false, admin_alias_list, .quiet = true },
    { "domain-add", { { "domain", ARG_TEXT }, { "target", ARG_TEXT, true } }, false, admin_domain_add },
    { "domain-delete", { { "domain", ARG_TEXT } }, false, admin_domain_delete },
    { "domain-list", { { NULL } }, false, admin_domain_list, .quiet = true },
    { "user-enable", { { "user", ARG_TEXT } }, false, admin_user_enable },
    { "user-hide-capability",
      { { "user", ARG_TEXT }, { "capability", ARG_TEXT } },
      false,
      admin_user_hide_capability },
    { "user-show-capability",
      { { "user", ARG_TEXT }, { "capability", ARG_TEXT } },
      false,
      admin_user_show_capability },
    { "user-refer", { { "user", ARG_TEXT }, { "url", ARG_TEXT, true } }, false, admin_user_refer },
    { "user-totp-begin", { { "user", ARG_TEXT } }, false, admin_totp_begin, .event = AUDIT_SECOND_FACTOR },
    { "user-totp-confirm",
      { { "user", ARG_TEXT }, { "code", ARG_TEXT } },
      false,
      admin_totp_confirm,
      .event = AUDIT_SECOND_FACTOR },
    { "user-totp-recovery",
      { { "user", ARG_TEXT } },
      false,
      admin_totp_recovery,
      .event = AUDIT_SECOND_FACTOR },
    { "user-totp-disable",
      { { "user", ARG_TEXT } },
      false,
      admin_totp_disable,
      .event = AUDIT_SECOND_FACTOR },
    { "user-totp-show", { { "user", ARG_TEXT } }, false, admin_totp_show, .quiet = true },
    { "user-app-password-add",
      { { "user", ARG_TEXT },
        { "name", ARG_TEXT },
        { "scope", ARG_TEXT, true },
        { "networks", ARG_TEXT, true },
        { "read_only", ARG_NUMBER, true },
        { "expires", ARG_NUMBER, true } },
      false,
      admin_app_password_add,
      .event = AUDIT_APP_PASSWORD },
    { "user-app-password-list", { { "user", ARG_TEXT } }, false, admin_app_password_list, .quiet = true },
    { "user-app-password-delete",
      { { "user", ARG_TEXT }, { "name", ARG_TEXT } },
      false,
      admin_app_password_delete,
      .event = AUDIT_APP_PASSWORD },
    { "mailbox-list", { { "user", ARG_TEXT } }, false, admin_mailbox_list, .quiet = true },
    { "mailbox-status",
      { { "user", ARG_TEXT }, { "mailbox", ARG_TEXT } },
      false,
      admin_mailbox_status,
      .quiet = true },
    { "mailbox-create", { { "user", ARG_TEXT }, { "mailbox", ARG_TEXT } }, false, admin_mailbox_create },
    { "mailbox-rename",
      { { "user", ARG_TEXT }, { "mailbox", ARG_TEXT }, { "to", ARG_TEXT } },
      false,
      admin_mailbox_rename,
      .event = AUDIT_MAILBOX_RENAME },
    { "mailbox-delete",
      { { "user", ARG_TEXT }, { "mailbox", ARG_TEXT } },
      false,
      admin_mailbox_delete,
      .event = AUDIT_MAILBOX_DELETE },
    { "metadata-list", { { NULL } }, false, admin_metadata_list, .quiet = true },
    { "metadata-set", { { "name", ARG_TEXT }, { "value", ARG_TEXT, true } }, false, admin_metadata_set },
    { "quota-show", { { "user", ARG_TEXT } }, false, admin_quota_show, .quiet = true },
    { "quota-domain", { { "domain", ARG_TEXT } }, false, admin_quota_domain, .quiet = true },
    { "quota-set",
      { { "user", ARG_TEXT },
        { "mailbox", ARG_TEXT, true },
        { "storage", ARG_TEXT, true },
        { "messages", ARG_TEXT, true },
        { "mailboxes", ARG_TEXT, true },
        { "annotations", ARG_TEXT, true } },
      false,
      admin_quota_set },
    { "index-accounts", { { NULL } }, false, admin_index_accounts, .quiet = true },
    { "index-status", { { "user", ARG_TEXT } }, false, admin_index_status, .quiet = true },
    { "index-rebuild", { { "user", ARG_TEXT }, { "afresh", ARG_NUMBER } }, false, admin_index_rebuild },
    { "index-check", { { "user", ARG_TEXT, true } }, false, admin_index_check, .quiet = true },
    { "group-add", { { "group", ARG_TEXT } }, false, admin_group_add },
    { "group-delete", { { "group", ARG_TEXT } }, false, admin_group_delete },
    { "group-list", { { NULL } }, false, admin_group_list, .quiet = true },
    { "group-members", { { "group", ARG_TEXT } }, false, admin_group_members, .quiet = true },
    { "group-member-add", { { "group", ARG_TEXT }, { "user", ARG_TEXT } }, false, admin_group_member_add },
    { "group-member-remove",
      { { "group", ARG_TEXT }, { "user", ARG_TEXT } },
      false,
      admin_group_member_remove },
    { "acl-show", { { "user", ARG_TEXT }, { "mailbox", ARG_TEXT } }, false, admin_acl_show, .quiet = true },
    { "acl-set",
      { { "user", ARG_TEXT }, { "mailbox", ARG_TEXT }, { "who", ARG_TEXT }, { "rights", ARG_TEXT } },
      false,
      admin_acl_set,
      .event = AUDIT_ACL },
    { "acl-delete",
      { { "user", ARG_TEXT }, { "mailbox", ARG_TEXT }, { "who", ARG_TEXT } },
      false,
      admin_acl_delete,
      .event = AUDIT_ACL },
    { "acl-seen",
      { { "user", ARG_TEXT }, { "mailbox", ARG_TEXT }, { "mode", ARG_TEXT } },
      false,
      admin_acl_seen,
      .event = AUDIT_ACL },
    { "deliver", { { "recipient", ARG_TEXT }, { "sender", ARG_TEXT } }, true, admin_deliver, .quiet = true },
    { "import-begin", { { "user", ARG_TEXT } }, false, admin_import_begin },
    { "import-mailbox", { { "mailbox", ARG_TEXT } }, false, admin_import_mailbox, .quiet = true },
    { "import-message",
      { { "flags", ARG_LIST }, { "date_s", ARG_NUMBER }, { "zone_min", ARG_NUMBER, true } },
      true,
      admin_import_message,
      .quiet = true },
    { "import-end", { { NULL } }, false, admin_import_end, .quiet = true },
    { "export-begin", { { "user", ARG_TEXT } }, false, admin_export_begin },
    { "export-mailbox", { { "mailbox", ARG_TEXT } }, false, admin_export_mailbox, .quiet = true },
    { "export-next", { { NULL } }, false, admin_export_next, .quiet = true },
    { "status", { { NULL } }, false, admin_status, .quiet = true },
    { "who", { { NULL } }, false, admin_who, .quiet = true },
    { "throttle-list", { { NULL } }, false, admin_throttle_list, .quiet = true },
    { "throttle-clear",
      { { "who", ARG_TEXT, true } },
      false,
      admin_throttle_clear,
      .event = AUDIT_UNLOCK }, /* all when absent */
    { "sessions", { { "user", ARG_TEXT } }, false, admin_sessions, .quiet = true },
    /* a user, the number of a session, an address or network; with "name", an app password of the user */
    { "kick", { { "who", ARG_TEXT }, { "name", ARG_TEXT, true } }, false, admin_kick },
};

const struct admin_flag admin_flags[ADMIN_FLAG_COUNT] = {
    { FLAG_SEEN, "\\Seen" },       { FLAG_ANSWERED, "\\Answered" }, { FLAG_FLAGGED, "\\Flagged" },
    { FLAG_DELETED, "\\Deleted" }, { FLAG_DRAFT, "\\Draft" },
};

bool admin_flag_by_name(struct str name, uint8_t *flag_out)
{
    for (size_t i = 0; i < ADMIN_FLAG_COUNT; i++)
        if (str_eq_nocase(name, str_c(admin_flags[i].name))) {
            *flag_out = admin_flags[i].flag;
            return true;
        }
    return false;
}

/* ---- sessions ---- */

struct admin_session *admin_session_new(const struct admin *admin, uid_t uid)
{
    struct admin_session *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->admin = admin;
    s->uid = uid;
    return s;
}

void admin_session_free(struct admin_session **session)
{
    if (!*session)
        return;
    import_free(&(*session)->import);
    export_free(&(*session)->export);
    index_check_session_free(&(*session)->check);
    free(*session);
    *session = NULL;
}

void admin_reply_deinit(struct admin_reply *reply)
{
    json_decref(reply->result);
    buf_deinit(&reply->bytes);
    *reply = (struct admin_reply){ 0 };
}

/* ---- errors ---- */

json_t *admin_error_json(const struct err *err)
{
    return json_pack("{s:b, s:s, s:o}", "ok", 0, "kind", err_kind_name(err->kind), "text",
                     admin_text(str_c(err->text)));
}

int admin_error_from_json(const json_t *reply, struct err *err)
{
    const char *name = json_string_value(json_object_get(reply, "kind"));
    const char *text = json_string_value(json_object_get(reply, "text"));
    if (json_is_true(json_object_get(reply, "ok")))
        return 0;
    for (enum err_kind kind = ERR_AGAIN; name && kind < ERR_KIND_COUNT; kind++)
        if (strcmp(name, err_kind_name(kind)) == 0)
            return err_set(err, kind, "%s", text ? text : "no reason given");
    return err_set(err, ERR_IO, "the server gave an answer that this command does not understand%s%s",
                   text ? ": " : "", text ? text : "");
}

/* ---- arguments ---- */

struct str call_text(const struct admin_call *call, const char *name)
{
    const json_t *value = json_object_get(call->request, name);
    return value ? str_make(json_string_value(value), json_string_length(value)) : STR_NIL;
}

int64_t call_number(const struct admin_call *call, const char *name)
{
    return json_integer_value(json_object_get(call->request, name));
}

const json_t *call_list(const struct admin_call *call, const char *name)
{
    return json_object_get(call->request, name);
}

json_t *admin_text(struct str s)
{
    json_t *value = json_stringn(s.p ? s.p : "", s.n);
    if (value)
        return value;
    struct buf clean = BUF_INIT;
    utf8_sanitize(s, &clean);
    value = json_stringn(buf_str(&clean).p, clean.n);
    buf_deinit(&clean);
    return value;
}

static bool is_list_of_texts(const json_t *value)
{
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item) if (!json_is_string(item)) return false;
    return json_is_array(value);
}

static bool has_type(const json_t *value, enum admin_arg_type type)
{
    return type == ARG_TEXT     ? json_is_string(value)
           : type == ARG_NUMBER ? json_is_integer(value)
                                : is_list_of_texts(value);
}

static int check_args(const struct admin_command *command, const json_t *request, struct err *err)
{
    size_t known = 1; /* "command" */
    for (const struct admin_arg *arg = command->args; arg->type != ARG_NONE; arg++) {
        const json_t *value = json_object_get(request, arg->name);
        known += value != NULL;
        if (!value && !arg->optional)
            return err_set(err, ERR_INVALID, "%s: %s is missing", command->name, arg->name);
        if (value && !has_type(value, arg->type))
            return err_set(err, ERR_INVALID, "%s: %s is of the wrong type", command->name, arg->name);
    }
    known += json_object_get(request, "bytes") != NULL;
    if (json_object_size(request) != known)
        return err_set(err, ERR_INVALID, "%s: an argument that this version of Loft does not know",
                       command->name);
    return 0;
}

int admin_body_new(const struct admin *admin, const json_t *request, struct incoming **body_out,
                   uint64_t *bytes_out, struct err *err)
{
    const json_t *value = json_object_get(request, "bytes");
    const struct config *c = admin->config;
    uint64_t max = c->imap.max_append_bytes > c->lmtp.max_message_bytes ? c->imap.max_append_bytes
                                                                        : c->lmtp.max_message_bytes;
    *body_out = NULL;
    *bytes_out = value && json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
    if (!value)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return err_set(err, ERR_INVALID, "bytes is no size");
    if (*bytes_out > max)
        return err_set(err, ERR_LIMIT, "message of %llu bytes is larger than imap.max_append_bytes (%llu)",
                       (unsigned long long)*bytes_out, (unsigned long long)max);
    *body_out = incoming_new(admin->backend->mail, max);
    return 0;
}

int admin_run(struct admin_session *session, const json_t *request, struct incoming *body,
              struct admin_reply *reply_out, struct err *err)
{
    const char *name = json_string_value(json_object_get(request, "command"));
    const struct admin_command *command = NULL;
    for (size_t i = 0; name && i < ARRAY_COUNT(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            command = &commands[i];
    if (!command)
        return err_set(err, ERR_INVALID, "this version of Loft has no command %s",
                       name ? name : "without a name");
    if (command->takes_body != (body != NULL))
        return err_set(err, ERR_INVALID, "%s: %s", name, body ? "takes no bytes" : "bytes are missing");
    int r = check_args(command, request, err);
    if (r < 0)
        return r;
    struct arena arena = ARENA_INIT;
    struct buf bytes = BUF_INIT;
    json_t *result = NULL;
    struct admin_call call = { .admin = session->admin,
                               .session = session,
                               .request = request,
                               .body = body,
                               .arena = &arena,
                               .bytes = &bytes };
    r = command->run(&call, &result, err);
    admin_record(&call, command, r, err);
    if (r == 0)
        *reply_out = (struct admin_reply){ result ? result : json_object(), bytes };
    else
        buf_deinit(&bytes);
    arena_deinit(&arena);
    return r;
}

/* ---- what several commands do ---- */

bool admin_public_domain(struct str user, struct str *domain_out)
{
    struct str prefix = STR("Shared/");
    if (!str_starts(user, prefix))
        return false;
    *domain_out = str_skip(user, prefix.n);
    return true;
}

int call_find_user(const struct admin_call *call, struct user *user_out, struct err *err)
{
    struct str name = call_text(call, "user");
    int r = users_find(call->admin->backend->users, name, user_out, err);
    return r == -ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "no user " STR_FMT, STR_ARG(name)) : r;
}

int call_open_account(const struct admin_call *call, struct account **account_out, struct err *err)
{
    struct user user;
    struct account_id public;
    struct str name = call_text(call, "user"), domain;
    if (admin_public_domain(name, &domain)) {
        int r = grants_public_account(call->admin->backend->users, domain, &public, err);
        return r < 0 ? r : mail_account_open(call->admin->backend->mail, public, account_out, err);
    }
    int r = users_find(call->admin->backend->users, name, &user, err);
    if (r == -ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "no user " STR_FMT, STR_ARG(name));
    return r < 0 ? r : mail_account_open(call->admin->backend->mail, user.account, account_out, err);
}
