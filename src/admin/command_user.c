/* Users: add, list, show, passwd, delete, disable, enable, lock, unlock. */
#include "admin/commands.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *user_json(const struct user *user)
{
    return json_pack("{s:s, s:I, s:I, s:b, s:b, s:s}", "name", user->name, "account",
                     (json_int_t)user->account.n, "created_s", (json_int_t)(user->created_ms / 1000),
                     "disabled", user->disabled, "locked", user->locked, "provider",
                     user->provider[0] ? user->provider : "own");
}

static void add_note(json_t *json, const char *prefix, const struct user_hold_note *note)
{
    char key[32];
    snprintf(key, sizeof key, "%s_since_s", prefix);
    if (note->since_ms)
        json_object_set_new(json, key, json_integer(note->since_ms / 1000));
    snprintf(key, sizeof key, "%s_until_s", prefix);
    if (note->until_ms)
        json_object_set_new(json, key, json_integer(note->until_ms / 1000));
    snprintf(key, sizeof key, "%s_reason", prefix);
    if (note->reason[0])
        json_object_set_new(json, key, json_string(note->reason));
}

/* What is seldom set stands in the answer when it is. */
static void add_facts(json_t *json, const struct user *user)
{
    if (user->disabled)
        add_note(json, "disabled", &user->disabled_note);
    if (user->locked)
        add_note(json, "locked", &user->locked_note);
    if (user->disabled && user->refuses_mail)
        json_object_set_new(json, "refuses_mail", json_true());
    if (!user->provider[0])
        json_object_set_new(json, "password_set_s", json_integer(user->password_changed_ms / 1000));
    if (user->hidden[0])
        json_object_set_new(json, "hidden_capabilities", json_string(user->hidden));
    if (user->referral[0])
        json_object_set_new(json, "referral", json_string(user->referral));
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
    int r = call_find_user(call, &user, err);
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
    add_facts(result, &user);
    r = admin_add_credentials(call, &user, result, err);
    if (r == 0)
        *result_out = result;
    else
        json_decref(result);
    return r;
}

static int hide_capability(struct admin_call *call, bool hide, json_t **result_out, struct err *err)
{
    struct user user;
    struct str capability = call_text(call, "capability");
    int r = call_find_user(call, &user, err);
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
    int r = call_find_user(call, &user, err);
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
    int r = call_find_user(call, &user, err);
    if (r == 0 && !user.provider[0]) /* else it is refused for being another's */
        r = policy_check(call->admin->backend->policy, str_c(user.name), call_text(call, "password"), err);
    if (r == 0)
        r = users_set_password(call->admin->backend->users, str_c(user.name), call_text(call, "password"),
                               err);
    if (r < 0)
        return r;
    log_info(&call->admin->log, "password-changed", KV("account", (const char *)user.name));
    *result_out = json_pack("{s:s}", "name", user.name);
    return 0;
}

/* First the name goes, so that nobody comes in any more (also who was about to: auth_look_again), then the sessions, then the mail. Whatever a crash
 * leaves of the mail, the next start removes: users_next_deleted. */
int admin_user_delete(struct admin_call *call, json_t **result_out, struct err *err)
{
    const struct backend *backend = call->admin->backend;
    struct user user;
    struct account_id id;
    int r = call_find_user(call, &user, err);
    if (r == 0)
        r = users_delete(backend->users, str_c(user.name), &id, err);
    if (r < 0)
        return r;
    unsigned kicked = admin_kick_user(call->admin, user.name);
    (void)!devices_forget(backend->devices, id, NULL); /* what stays goes with time */
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

/* ---- holds ---- */

enum { HOLD_SECONDS_MAX = 20 * 366 * 86400 };

static int take_note(const struct admin_call *call, struct user_hold_note *note, struct err *err)
{
    struct str reason = call_text(call, "reason");
    int64_t for_s = call_number(call, "for_s");
    if (reason.n > USER_REASON_BYTES_MAX || str_find_char(reason, '\0') >= 0)
        return err_set(err, ERR_INVALID, "the reason may be a line of %d bytes", USER_REASON_BYTES_MAX);
    if (for_s < 0 || for_s > HOLD_SECONDS_MAX)
        return err_set(err, ERR_INVALID, "no such time: %lld s", (long long)for_s);
    *note = (struct user_hold_note){ .since_ms = 0 };
    if (reason.n)
        memcpy(note->reason, reason.p, reason.n);
    if (for_s)
        note->until_ms = clock_wall_ms(call->admin->clock) + for_s * 1000;
    return 0;
}

/* Sessions end after the hold is on, so that none can begin in between: one that is seen too late to be ended has looked at the
 * hold once more, auth_look_again. */
static int set_hold(struct admin_call *call, enum user_hold hold, bool on, const char *event,
                    json_t **result_out, struct err *err)
{
    struct user_hold_note note = { .since_ms = 0 };
    struct user user;
    int r = call_find_user(call, &user, err);
    if (r == 0)
        r = take_note(call, &note, err);
    if (r == 0)
        r = users_set_hold(call->admin->backend->users, str_c(user.name), hold, on ? &note : NULL,
                           call_number(call, "refuse_mail") != 0, err);
    if (r < 0)
        return r;
    unsigned kicked = on ? admin_kick_user(call->admin, user.name) : 0;
    log_info(&call->admin->log, event, KV("account", (const char *)user.name),
             KV("reason", (const char *)note.reason), KV("kicked", kicked));
    *result_out = json_pack("{s:s, s:b, s:I}", "name", user.name,
                            hold == USER_DISABLED ? "disabled" : "locked", on, "kicked", (json_int_t)kicked);
    return 0;
}

int admin_user_disable(struct admin_call *call, json_t **result_out, struct err *err)
{
    return set_hold(call, USER_DISABLED, true, "user-disabled", result_out, err);
}

int admin_user_enable(struct admin_call *call, json_t **result_out, struct err *err)
{
    return set_hold(call, USER_DISABLED, false, "user-enabled", result_out, err);
}

int admin_user_lock(struct admin_call *call, json_t **result_out, struct err *err)
{
    return set_hold(call, USER_LOCKED, true, "user-locked", result_out, err);
}

int admin_user_unlock(struct admin_call *call, json_t **result_out, struct err *err)
{
    return set_hold(call, USER_LOCKED, false, "user-unlocked", result_out, err);
}
