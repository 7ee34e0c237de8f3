/* What opens an account beside its password: user-totp-*, user-app-password-*. */
#include "admin/commands.h"

#include "auth/own/app_password.h"
#include "auth/own/second_factor.h"
#include "auth/sasl/sasl.h"

#include <sodium.h>

static struct users *users_of(const struct admin_call *call)
{
    return call->admin->backend->users;
}

/* ---- second factors ---- */

static int totp_begin(struct admin_call *call, const struct user *user, json_t **result_out, struct err *err)
{
    struct buf secret = BUF_INIT, uri = BUF_INIT;
    int r = second_factor_begin(users_of(call), user, &secret, &uri, err);
    if (r == 0)
        *result_out = json_pack("{s:s, s:o, s:o}", "name", user->name, "secret", admin_text(buf_str(&secret)),
                                "uri", admin_text(buf_str(&uri)));
    sasl_wipe(&secret);
    sasl_wipe(&uri);
    return r;
}

int admin_totp_begin(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct user user;
    int r = call_find_user(call, &user, err);
    return r < 0 ? r : totp_begin(call, &user, result_out, err);
}

static json_t *recovery_json(const struct user *user, struct recovery_codes *codes)
{
    json_t *list = json_array();
    for (size_t i = 0; i < RECOVERY_CODES_MAX; i++)
        json_array_append_new(list, json_string(codes->shown[i]));
    sodium_memzero(codes, sizeof *codes);
    return json_pack("{s:s, s:o}", "name", user->name, "recovery_codes", list);
}

static int changed(struct admin_call *call, const struct user *user, const char *change, int r)
{
    if (r == 0)
        log_info(&call->admin->log, "second-factor", KV("account", (const char *)user->name),
                 KV("change", change));
    return r;
}

int admin_totp_confirm(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct user user;
    struct recovery_codes codes;
    int r = call_find_user(call, &user, err);
    if (r == 0)
        r = second_factor_activate(users_of(call), &user, call_text(call, "code"), &codes, err);
    if (r == 0)
        *result_out = recovery_json(&user, &codes);
    return changed(call, &user, "enable", r);
}

int admin_totp_recovery(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct user user;
    struct recovery_codes codes;
    int r = call_find_user(call, &user, err);
    if (r == 0)
        r = second_factor_renew_recovery(users_of(call), &user, &codes, err);
    if (r == 0)
        *result_out = recovery_json(&user, &codes);
    return changed(call, &user, "recovery-codes", r);
}

int admin_totp_disable(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct user user;
    int r = call_find_user(call, &user, err);
    if (r == 0)
        r = second_factor_disable(users_of(call), &user, err);
    if (r == 0)
        *result_out = json_pack("{s:s}", "name", user.name);
    return changed(call, &user, "disable", r);
}

static const char *const states[] = {
    [SECOND_FACTOR_NONE] = "none", [SECOND_FACTOR_PENDING] = "pending", [SECOND_FACTOR_ACTIVE] = "active"
};

int admin_totp_show(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct user user;
    struct credential credential;
    int r = call_find_user(call, &user, err);
    if (r == 0)
        r = credential_read(users_of(call), &user, &credential, err);
    if (r < 0)
        return r;
    *result_out = json_pack("{s:s, s:s}", "name", user.name, "state", states[credential.totp.state]);
    if (credential.totp.state != SECOND_FACTOR_NONE)
        json_object_set_new(*result_out, "since_s", json_integer(credential.totp.since_ms / 1000));
    if (credential.totp.state == SECOND_FACTOR_ACTIVE)
        json_object_set_new(*result_out, "recovery_codes_left",
                            json_integer((json_int_t)credential.totp.recovery_count));
    credential_deinit(&credential);
    return 0;
}

/* ---- all of it, for user-show ---- */

/* "SCRAM-SHA-256": mechanisms for which there is a verifier. */
static json_t *scram_json(const struct verifiers *verifiers)
{
    struct buf names = BUF_INIT;
    for (size_t i = 0; i < verifiers->count; i++)
        buf_printf(&names, "%sSCRAM-SHA-%s", names.n ? " " : "",
                   verifiers->each[i].hash == SCRAM_SHA_1 ? "1" : "256");
    json_t *json = admin_text(buf_str(&names));
    buf_deinit(&names);
    return json;
}

int admin_add_credentials(const struct admin_call *call, const struct user *user, json_t *json,
                          struct err *err)
{
    struct credential credential;
    int r = credential_read(users_of(call), user, &credential, err);
    if (r < 0)
        return r;
    if (credential.verifiers.count > 0)
        json_object_set_new(json, "scram", scram_json(&credential.verifiers));
    if (credential.totp.state != SECOND_FACTOR_NONE)
        json_object_set_new(json, "second_factor", json_string(states[credential.totp.state]));
    if (credential.app_password_count > 0)
        json_object_set_new(json, "app_passwords", json_integer((json_int_t)credential.app_password_count));
    credential_deinit(&credential);
    return 0;
}

/* ---- app passwords ---- */

static json_t *app_password_json(const struct app_password *password)
{
    struct buf scopes = BUF_INIT;
    credential_scopes_text(password->scopes, &scopes);
    json_t *json = json_pack("{s:I, s:s, s:o, s:b, s:s, s:I}", "app_password", (json_int_t)password->id,
                             "name", password->label, "scope", admin_text(buf_str(&scopes)), "read_only",
                             password->read_only, "networks", password->networks, "created_s",
                             (json_int_t)(password->created_ms / 1000));
    if (password->expires_ms)
        json_object_set_new(json, "expires_s", json_integer(password->expires_ms / 1000));
    buf_deinit(&scopes);
    return json;
}

int admin_app_password_add(struct admin_call *call, json_t **result_out, struct err *err)
{
    char shown[SECRET_CODE_SHOWN_BYTES];
    struct user user;
    struct app_password made;
    struct app_password_wish wish = { .label = call_text(call, "name"),
                                      .networks = call_text(call, "networks"),
                                      .read_only = call_number(call, "read_only") != 0,
                                      .expires_ms = call_number(call, "expires") * 1000 };
    int r = call_find_user(call, &user, err);
    if (r == 0)
        r = credential_scopes_parse(call_text(call, "scope"), &wish.scopes, err);
    if (r == 0 && (call_number(call, "expires") < 0 || call_number(call, "expires") > INT64_MAX / 1000))
        r = err_set(err, ERR_INVALID, "expires is no date");
    if (r == 0)
        r = app_password_add(users_of(call), &user, &wish, shown, &made, err);
    if (r < 0)
        return r;
    log_info(&call->admin->log, "app-password-added", KV("account", (const char *)user.name),
             KV("name", (const char *)made.label));
    *result_out = app_password_json(&made);
    json_object_set_new(*result_out, "user", json_string(user.name));
    json_object_set_new(*result_out, "password", json_string(shown));
    sodium_memzero(shown, sizeof shown);
    return 0;
}

static int add_to_list(void *ctx, const struct app_password *password, const struct app_password_use *use,
                       struct err *err)
{
    json_t *json = app_password_json(password);
    (void)err;
    if (use->at_ms) {
        json_object_set_new(json, "used_s", json_integer(use->at_ms / 1000));
        json_object_set_new(json, "used_from", admin_text(str_c(use->address)));
    }
    json_array_append_new(ctx, json);
    return 0;
}

int admin_app_password_list(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct user user;
    json_t *list = json_array();
    int r = call_find_user(call, &user, err);
    if (r == 0)
        r = app_password_each(users_of(call), &user, add_to_list, list, err);
    if (r == 0)
        *result_out = list;
    else
        json_decref(list);
    return r;
}

/* First it opens nothing any more, then those go whom it let in: app_password.h. */
int admin_app_password_delete(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct user user;
    struct str label = call_text(call, "name");
    uint64_t id;
    int r = call_find_user(call, &user, err);
    if (r == 0)
        r = app_password_delete(users_of(call), &user, label, &id, err);
    if (r < 0)
        return r;
    unsigned kicked = admin_kick_app_password(call->admin, user.account, id);
    log_info(&call->admin->log, "app-password-deleted", KV("account", (const char *)user.name),
             KV("name", label), KV("kicked", kicked));
    *result_out = json_pack("{s:s, s:o, s:I, s:I}", "user", user.name, "name", admin_text(label),
                            "app_password", (json_int_t)id, "kicked", (json_int_t)kicked);
    return 0;
}
