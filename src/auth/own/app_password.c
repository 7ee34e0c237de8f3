#include "auth/own/app_password.h"

#include "auth/directory/users_private.h"
#include "auth/own/app_password_use.h"
#include "base/network.h"
#include "base/utf8.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>

#define PURPOSE "app-password"

/* ---- making one ---- */

/* It is shown in tables, and stands behind a '/' in names for SCRAM. */
static int check_label(struct str label, struct err *err)
{
    if (label.n == 0 || !utf8_is_valid(label))
        return err_set(err, ERR_INVALID, "an app password needs a name, such as phone");
    if (label.n > APP_PASSWORD_LABEL_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the name of an app password may have %d bytes",
                       APP_PASSWORD_LABEL_BYTES_MAX);
    for (const char *p = label.p, *end = str_end(label); p < end;) {
        int32_t c = utf8_next(&p, end);
        if (c < 0x20 || c == '/' || (c >= 0x7f && c < 0xa0))
            return err_set(err, ERR_INVALID,
                           "the name of an app password has a control character or \"/\" in it");
    }
    return 0;
}

static int check_wish(const struct users *users, const struct app_password_wish *wish, struct err *err)
{
    int r = check_label(wish->label, err);
    if (r == 0)
        r = network_list_check(wish->networks, err);
    if (r == 0 && wish->networks.n > APP_PASSWORD_NETWORKS_BYTES_MAX)
        r = err_set(err, ERR_LIMIT, "the list of networks may have %d bytes",
                    APP_PASSWORD_NETWORKS_BYTES_MAX);
    if (r == 0 && wish->expires_ms && wish->expires_ms <= clock_wall_ms(users->params.clock))
        r = err_set(err, ERR_INVALID, "it would have expired already");
    return r;
}

static bool has_label(const struct app_password *password, struct str label)
{
    return str_eq_nocase(str_c(password->label), label);
}

static struct app_password *find_label(struct credential *credential, struct str label)
{
    for (size_t i = 0; i < credential->app_password_count; i++)
        if (has_label(&credential->app_passwords[i], label))
            return &credential->app_passwords[i];
    return NULL;
}

static int add_plan(void *args, struct credential *credential, const struct user *user, struct err *err)
{
    struct app_password *fresh = args;
    if (find_label(credential, str_c(fresh->label)))
        return err_set(err, ERR_EXISTS, "user %.150s has an app password %s already", user->name,
                       fresh->label);
    if (credential->app_password_count >= APP_PASSWORDS_MAX)
        return err_set(err, ERR_LIMIT, "user %.150s has %d app passwords: delete one first", user->name,
                       APP_PASSWORDS_MAX);
    fresh->id = credential->next_app_password++;
    *credential_add_app_password(credential) = *fresh;
    return 0;
}

static void forget_secrets(struct app_password *password)
{
    sodium_memzero(password->hash, sizeof password->hash);
    verifiers_wipe(&password->verifiers);
}

/* Of the password as it is shown: a client hashes what its user pastes. With the salt of the user's other passwords; if those change
 * meanwhile, this one is still good under its label. */
static int make_verifiers(struct users *users, const struct user *user, struct str shown,
                          struct verifiers *verifiers_out, struct err *err)
{
    struct credential credential;
    int r = credential_read(users, user, &credential, err);
    if (r < 0)
        return r;
    r = users_make_verifiers(users, shown, credential_salts(&credential, true), verifiers_out, err);
    credential_deinit(&credential);
    return r;
}

int app_password_add(struct users *users, const struct user *user, const struct app_password_wish *wish,
                     char shown_out[SECRET_CODE_SHOWN_BYTES], struct app_password *made_out, struct err *err)
{
    char shown[SECRET_CODE_SHOWN_BYTES], code[SECRET_CODE_CHARS_MAX];
    struct app_password fresh = { .scopes = wish->scopes,
                                  .read_only = wish->read_only,
                                  .created_ms = clock_wall_ms(users->params.clock),
                                  .expires_ms = wish->expires_ms };
    int r = check_wish(users, wish, err);
    if (r < 0)
        return r;
    snprintf(fresh.label, sizeof fresh.label, STR_FMT, STR_ARG(wish->label));
    snprintf(fresh.networks, sizeof fresh.networks, STR_FMT, STR_ARG(wish->networks));
    secret_code_make(APP_PASSWORD_CHARS, shown);
    bool read = secret_code_read(str_c(shown), APP_PASSWORD_CHARS, code);
    assert(read);
    (void)read;
    secret_code_hash(PURPOSE, user->account, str_make(code, APP_PASSWORD_CHARS), fresh.hash);
    r = make_verifiers(users, user, str_c(shown), &fresh.verifiers, err);
    if (r == 0)
        r = credential_change(users, user, CREDENTIAL_ADDS, add_plan, &fresh, err);
    forget_secrets(&fresh);
    if (r == 0) {
        memcpy(shown_out, shown, sizeof shown);
        *made_out = fresh;
    }
    sodium_memzero(shown, sizeof shown);
    sodium_memzero(code, sizeof code);
    return r;
}

/* ---- deleting and listing ---- */

struct removal {
    struct str label;
    uint64_t id;
};

static int delete_plan(void *args, struct credential *credential, const struct user *user, struct err *err)
{
    struct removal *removal = args;
    const struct app_password *gone = find_label(credential, removal->label);
    if (!gone)
        return err_set(err, ERR_NOT_FOUND, "user %.150s has no app password " STR_FMT, user->name,
                       STR_ARG(str_sub(removal->label, 0, APP_PASSWORD_LABEL_BYTES_MAX)));
    removal->id = gone->id;
    credential_remove_app_password(credential, gone->id);
    return 0;
}

int app_password_delete(struct users *users, const struct user *user, struct str label, uint64_t *id_out,
                        struct err *err)
{
    struct removal removal = { .label = label };
    int r = credential_change(users, user, CREDENTIAL_REVOKES, delete_plan, &removal, err);
    if (r == 0)
        *id_out = removal.id;
    return r;
}

int app_password_each(struct users *users, const struct user *user, app_password_fn *fn, void *ctx,
                      struct err *err)
{
    struct credential credential;
    int r = credential_read(users, user, &credential, err);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < credential.app_password_count; i++) {
        struct app_password *password = &credential.app_passwords[i];
        struct app_password_use use;
        forget_secrets(password);
        r = app_password_use_find(users, user, password->id, &use, err);
        if (r == 0)
            r = fn(ctx, password, &use, err);
    }
    credential_deinit(&credential);
    return r < 0 ? r : 0;
}

/* ---- signing in ---- */

static int refuse(struct provider_answer *answer, enum auth_reason reason, const char *text, struct err *err)
{
    answer->reason = reason;
    return err_set(err, ERR_AUTH, "%s", text);
}

static bool has_expired(const struct users *users, const struct app_password *password)
{
    return password->expires_ms && clock_wall_ms(users->params.clock) >= password->expires_ms;
}

/* May this one be used here, from there, now? */
static int judge(const struct users *users, const struct app_password *password, const struct auth_peer *peer,
                 struct provider_answer *answer, struct err *err)
{
    struct str networks = str_c(password->networks);
    answer->app_password_id = password->id;
    if (has_expired(users, password))
        return refuse(answer, AUTH_EXPIRED, "the app password has expired", err);
    if (password->scopes && !(password->scopes & credential_scope_by_name(str_c(peer->protocol))))
        return refuse(answer, AUTH_SCOPE, "the app password is for something else", err);
    if (networks.n && !(peer->has_ip && network_list_contains(networks, peer->ip)))
        return refuse(answer, AUTH_ADDRESS_REFUSED, "the app password is not for this address", err);
    answer->scopes = password->scopes;
    answer->read_only = password->read_only;
    answer->expires_ms = password->expires_ms;
    return 0;
}

static const struct app_password *find_hash(const struct credential *credential, const unsigned char *hash)
{
    const struct app_password *found = NULL;
    for (size_t i = 0; i < credential->app_password_count; i++)
        if (sodium_memcmp(credential->app_passwords[i].hash, hash, CREDENTIAL_HASH_BYTES) == 0)
            found = &credential->app_passwords[i];
    return found;
}

int app_password_check(struct users *users, const struct user *user, struct str typed,
                       const struct auth_peer *peer, struct provider_answer *answer, struct err *err)
{
    char code[SECRET_CODE_CHARS_MAX];
    unsigned char hash[CREDENTIAL_HASH_BYTES];
    struct credential credential;
    if (!secret_code_read(typed, APP_PASSWORD_CHARS, code))
        return err_set(err, ERR_NOT_FOUND, "no app password");
    int r = credential_read(users, user, &credential, err);
    if (r < 0)
        return r;
    secret_code_hash(PURPOSE, user->account, str_make(code, APP_PASSWORD_CHARS), hash);
    const struct app_password *found = find_hash(&credential, hash);
    r = found ? judge(users, found, peer, answer, err) : err_set(err, ERR_NOT_FOUND, "no app password");
    credential_deinit(&credential);
    sodium_memzero(code, sizeof code);
    sodium_memzero(hash, sizeof hash);
    if (r == 0)
        app_password_note_use(users, user, answer->app_password_id, peer);
    return r;
}

int app_password_verifier(struct users *users, const struct user *user, struct str label,
                          enum scram_hash hash, const struct auth_peer *peer,
                          struct scram_verifier *verifier_out, struct provider_answer *answer,
                          struct err *err)
{
    struct credential credential;
    int r = credential_read(users, user, &credential, err);
    if (r < 0)
        return r;
    const struct app_password *found = find_label(&credential, label);
    const struct scram_verifier *verifier = found ? verifiers_find(&found->verifiers, hash) : NULL;
    r = verifier ? judge(users, found, peer, answer, err) : err_set(err, ERR_NOT_FOUND, "no app password");
    if (r == 0)
        *verifier_out = *verifier;
    credential_deinit(&credential);
    return r;
}

int app_password_prove(struct users *users, const struct user *user, const struct auth_peer *peer,
                       scram_proves_fn *proves, void *ctx, struct scram_verifier *verifier,
                       struct provider_answer *answer, struct err *err)
{
    struct credential credential;
    const struct app_password *found = NULL;
    const struct scram_verifier *its = NULL;
    int r = credential_read(users, user, &credential, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < credential.app_password_count && !found; i++) {
        its = verifiers_find(&credential.app_passwords[i].verifiers, verifier->hash);
        if (its && verifiers_alike(its, verifier) && proves(ctx, its))
            found = &credential.app_passwords[i];
    }
    r = found ? judge(users, found, peer, answer, err) : err_set(err, ERR_NOT_FOUND, "no app password");
    if (r == 0)
        *verifier = *its;
    credential_deinit(&credential);
    return r;
}
