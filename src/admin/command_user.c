/* Users: add, list, show, passwd, delete, disable, enable. */
#include "admin/commands.h"

#include <stdlib.h>

static json_t *user_json(const struct user *user)
{
    return json_pack("{s:s, s:I, s:I, s:b}", "name", user->name, "account", (json_int_t)user->account.n,
                     "created_s", (json_int_t)(user->created_ms / 1000), "disabled", user->disabled);
}

/* What is seldom set stands in the answer when it is. */
static void add_client_facts(json_t *json, const struct user *user)
{
    if (user->hidden[0])
        json_object_set_new(json, "hidden_capabilities", json_string(user->hidden));
    if (user->referral[0])
        json_object_set_new(json, "referral", json_string(user->referral));
}

static int find_user(const struct admin_call *call, struct user *user_out, struct err *err)
{
    struct str name = call_text(call, "user");
    int r = users_find(call->admin->backend->users, name, user_out, err);
    return r == -ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "no user " STR_FMT, STR_ARG(name)) : r;
}

int admin_user_add(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct user user;
    int r = backend_add_user(call->admin->backend, call_text(call, "user"), call_text(call, "password"),
                             &user, err);
    if (r < 0)
        return r;
    log_info(&call->admin->log, "user-added", KV("account", (const char *)user.name));
    *result_out = user_json(&user);
    return 0;
}

static int add_to_list(void *ctx, const struct user *user, struct err *err)
{
    (void)err;
    json_array_append_new(ctx, user_json(user));
    return 0;
}

int admin_user_list(struct admin_call *call, json_t **result_out, struct err *err)
{
    json_t *list = json_array();
    int r = users_list(call->admin->backend->users, add_to_list, list, err);
    if (r == 0)
        *result_out = list;
    else
        json_decref(list);
    return r;
}

struct session_count {
    const char *user;
    unsigned count;
};

static void count_session(void *ctx, const struct presence_info *info)
{
    struct session_count *c = ctx;
    c->count += strcmp(info->user, c->user) == 0;
}

int admin_user_show(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct user user;
    struct account *account;
    struct account_totals totals;
    int r = find_user(call, &user, err);
    if (r == 0)
        r = mail_account_open(call->admin->backend->mail, user.account, &account, err);
    if (r < 0)
        return r;
    account_totals(account, &totals);
    account_unref(&account);
    struct session_count sessions = { user.name, 0 };
    if (call->admin->server)
        presence_each(call->admin->server->presence, count_session, &sessions);
    json_t *result = user_json(&user);
    json_t *more = json_pack("{s:I, s:I, s:I, s:I}", "mailboxes", (json_int_t)totals.mailbox_count,
                             "messages", (json_int_t)totals.message_count, "size_bytes",
                             (json_int_t)totals.size_bytes, "sessions", (json_int_t)sessions.count);
    json_object_update(result, more);
    json_decref(more);
    add_client_facts(result, &user);
    *result_out = result;
    return 0;
}

static int hide_capability(struct admin_call *call, bool hide, json_t **result_out, struct err *err)
{
    struct user user;
    struct str capability = call_text(call, "capability");
    int r = find_user(call, &user, err);
    if (r == 0)
        r = users_hide_capability(call->admin->backend->users, str_c(user.name), capability, hide, err);
    if (r < 0)
        return r;
    log_info(&call->admin->log, hide ? "capability-hidden" : "capability-shown",
             KV("account", (const char *)user.name), KV("capability", capability));
    *result_out = json_pack("{s:s, s:o}", "name", user.name, "capability", admin_text(capability));
    return 0;
}

int admin_user_hide_capability(struct admin_call *call, json_t **result_out, struct err *err)
{
    return hide_capability(call, true, result_out, err);
}

int admin_user_show_capability(struct admin_call *call, json_t **result_out, struct err *err)
{
    return hide_capability(call, false, result_out, err);
}

/* "url" is absent to end it. Sessions that are signed in stay so. */
int admin_user_refer(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct user user;
    struct str url = call_text(call, "url");
    int r = find_user(call, &user, err);
    if (r == 0)
        r = users_set_referral(call->admin->backend->users, str_c(user.name), url, err);
    if (r < 0)
        return r;
    log_info(&call->admin->log, "user-referred", KV("account", (const char *)user.name), KV("url", url));
    *result_out = json_pack("{s:s, s:o}", "name", user.name, "referral", admin_text(url));
    return 0;
}

int admin_user_passwd(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct user user;
    int r = find_user(call, &user, err);
    if (r == 0)
        r = users_set_password(call->admin->backend->users, str_c(user.name), call_text(call, "password"),
                               err);
    if (r < 0)
        return r;
    log_info(&call->admin->log, "password-changed", KV("account", (const char *)user.name));
    *result_out = json_pack("{s:s}", "name", user.name);
    return 0;
}

/* First the name goes, so that nobody comes in any more, then the sessions, then the mail. Whatever a crash
 * leaves of the mail, the next start removes: users_next_deleted. */
int admin_user_delete(struct admin_call *call, json_t **result_out, struct err *err)
{
    const struct backend *backend = call->admin->backend;
    struct user user;
    struct account_id id;
    int r = find_user(call, &user, err);
    if (r == 0)
        r = users_delete(backend->users, str_c(user.name), &id, err);
    if (r < 0)
        return r;
    unsigned kicked = admin_kick_user(call->admin, user.name);
    r = mail_account_delete(backend->mail, id, err);
    if (r == 0 || r == -ERR_NOT_FOUND)
        r = users_purge(backend->users, id, err);
    if (r < 0)
        return err_context(err, "%s is deleted, but its mail is not yet: the next start tries again",
                           user.name);
    log_info(&call->admin->log, "user-deleted", KV("account", (const char *)user.name), KV("kicked", kicked));
    *result_out = json_pack("{s:s, s:I}", "name", user.name, "kicked", (json_int_t)kicked);
    return 0;
}

static int set_disabled(struct admin_call *call, bool disabled, json_t **result_out, struct err *err)
{
    struct user user;
    int r = find_user(call, &user, err);
    if (r == 0)
        r = users_set_disabled(call->admin->backend->users, str_c(user.name), disabled, err);
    if (r < 0)
        return r;
    unsigned kicked = disabled ? admin_kick_user(call->admin, user.name) : 0;
    log_info(&call->admin->log, disabled ? "user-disabled" : "user-enabled",
             KV("account", (const char *)user.name));
    *result_out = json_pack("{s:s, s:b, s:I}", "name", user.name, "disabled", disabled, "kicked",
                            (json_int_t)kicked);
    return 0;
}

int admin_user_disable(struct admin_call *call, json_t **result_out, struct err *err)
{
    return set_disabled(call, true, result_out, err);
}

int admin_user_enable(struct admin_call *call, json_t **result_out, struct err *err)
{
    return set_disabled(call, false, result_out, err);
}
