#include "auth/own/credential.h"

#include "auth/directory/users_private.h"
#include "auth/sasl/sasl.h"
#include "base/codec.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

/* Value of "C/" name, format 1:
 *   u8 format; varint account id; verifiers of the password;
 *   u8 second factor (enum second_factor_state); unless none: i64 since_ms, 20 bytes secret, u64 used step,
 *     u8 count of recovery codes, 32 bytes each;
 *   varint next id; varint count of app passwords; each:
 *     varint id, str label, str networks, i64 created_ms, i64 expires_ms, u32 scopes, u8 flags, 32 bytes hash, verifiers
 * verifiers: u8 count; each: u8 hash, varint iterations, str salt, stored key, server key
 * What follows later formats comes behind; a reader refuses formats that it does not know. */
enum { RECORD_FORMAT = 1, FLAG_READ_ONLY = 1 };

#define CREDENTIALS_FROM STR("C/")

/* ---- scopes ---- */

static const struct {
    struct str name;
    enum credential_scope scope;
} scope_names[] = {
    { STR_INIT("imap"), SCOPE_IMAP },
    { STR_INIT("pop3"), SCOPE_POP3 },
    { STR_INIT("submission"), SCOPE_SUBMISSION },
    { STR_INIT("sieve"), SCOPE_SIEVE },
    { STR_INIT("delivery"), SCOPE_DELIVERY },
    { STR_INIT("dav"), SCOPE_DAV },
    { STR_INIT("jmap"), SCOPE_JMAP },
};

enum credential_scope credential_scope_by_name(struct str name)
{
    for (size_t i = 0; i < ARRAY_COUNT(scope_names); i++)
        if (str_eq_nocase(name, scope_names[i].name))
            return scope_names[i].scope;
    return 0;
}

void credential_scopes_text(uint32_t scopes, struct buf *out)
{
    const char *separator = "";
    for (size_t i = 0; i < ARRAY_COUNT(scope_names); i++)
        if (scopes & scope_names[i].scope) {
            buf_printf(out, "%s" STR_FMT, separator, STR_ARG(scope_names[i].name));
            separator = ",";
        }
}

int credential_scopes_parse(struct str text, uint32_t *scopes_out, struct err *err)
{
    uint32_t scopes = 0;
    if (str_eq_nocase(text, STR("all")))
        text = STR("");
    for (struct str rest = text, word; !str_is_nil(word = str_next_word(&rest));) {
        uint32_t scope = credential_scope_by_name(word);
        if (!scope)
            return err_set(err, ERR_INVALID,
                           "\"" STR_FMT "\" is no scope: imap, pop3, submission, sieve, delivery, dav, jmap",
                           STR_ARG(str_sub(word, 0, 40)));
        scopes |= scope;
    }
    *scopes_out = scopes;
    return 0;
}

/* ---- the value ---- */

void credential_init(struct credential *credential, struct account_id account)
{
    *credential = (struct credential){ .account = account, .next_app_password = 1 };
}

void credential_deinit(struct credential *credential)
{
    if (credential->app_passwords) {
        sodium_memzero(credential->app_passwords,
                       credential->app_password_count * sizeof *credential->app_passwords);
        free(credential->app_passwords);
    }
    sodium_memzero(credential, sizeof *credential);
}

struct app_password *credential_find_app_password(struct credential *credential, uint64_t id)
{
    for (size_t i = 0; i < credential->app_password_count; i++)
        if (credential->app_passwords[i].id == id)
            return &credential->app_passwords[i];
    return NULL;
}

struct app_password *credential_add_app_password(struct credential *credential)
{
    size_t count = credential->app_password_count;
    assert(count < APP_PASSWORDS_MAX);
    /* Not realloc: it would leave a copy of what was there. */
    struct app_password *all = calloc(count + 1, sizeof *all);
    if (!all)
        abort();
    if (count > 0) {
        memcpy(all, credential->app_passwords, count * sizeof *all);
        sodium_memzero(credential->app_passwords, count * sizeof *all);
        free(credential->app_passwords);
    }
    credential->app_passwords = all;
    credential->app_password_count++;
    return &all[count];
}

void credential_remove_app_password(struct credential *credential, uint64_t id)
{
    struct app_password *all = credential->app_passwords,
                        *gone = credential_find_app_password(credential, id);
    if (!gone)
        return;
    size_t at = (size_t)(gone - all), count = --credential->app_password_count;
    memmove(&all[at], &all[at + 1], (count - at) * sizeof *all);
    sodium_memzero(&all[count], sizeof all[count]);
}

const struct verifiers *credential_salts(const struct credential *credential, bool for_app_password)
{
    if (for_app_password && credential->verifiers.count > 0)
        return &credential->verifiers;
    for (size_t i = 0; i < credential->app_password_count; i++)
        if (credential->app_passwords[i].verifiers.count > 0)
            return &credential->app_passwords[i].verifiers;
    return NULL;
}

/* ---- bytes ---- */

static void encode_verifiers(const struct verifiers *verifiers, struct buf *out)
{
    buf_put_u8(out, (uint8_t)verifiers->count);
    for (size_t i = 0; i < verifiers->count; i++) {
        const struct scram_verifier *v = &verifiers->each[i];
        buf_put_u8(out, (uint8_t)v->hash);
        buf_put_varint(out, v->iterations);
        buf_put_str(out, str_make(v->salt, v->salt_bytes));
        buf_add_bytes(out, v->stored_key, scram_key_bytes(v->hash));
        buf_add_bytes(out, v->server_key, scram_key_bytes(v->hash));
    }
}

static void encode_app_password(const struct app_password *p, struct buf *out)
{
    buf_put_varint(out, p->id);
    buf_put_str(out, str_c(p->label));
    buf_put_str(out, str_c(p->networks));
    buf_put_u64(out, (uint64_t)p->created_ms);
    buf_put_u64(out, (uint64_t)p->expires_ms);
    buf_put_u32(out, p->scopes);
    buf_put_u8(out, p->read_only ? FLAG_READ_ONLY : 0);
    buf_add_bytes(out, p->hash, sizeof p->hash);
    encode_verifiers(&p->verifiers, out);
}

/* No more than any record has: nothing moves while it fills, so no copies are left behind. */
static size_t encoded_bytes_max(const struct credential *credential)
{
    return sizeof *credential + 64 +
           credential->app_password_count * (sizeof *credential->app_passwords + 64);
}

void credential_encode(const struct credential *c, struct buf *out)
{
    buf_reserve(out, encoded_bytes_max(c));
    buf_put_u8(out, RECORD_FORMAT);
    buf_put_varint(out, c->account.n);
    encode_verifiers(&c->verifiers, out);
    buf_put_u8(out, (uint8_t)c->totp.state);
    if (c->totp.state != SECOND_FACTOR_NONE) {
        buf_put_u64(out, (uint64_t)c->totp.since_ms);
        buf_add_bytes(out, c->totp.secret, sizeof c->totp.secret);
        buf_put_u64(out, c->totp.used_step);
        buf_put_u8(out, (uint8_t)c->totp.recovery_count);
        buf_add_bytes(out, c->totp.recovery, c->totp.recovery_count * CREDENTIAL_HASH_BYTES);
    }
    buf_put_varint(out, c->next_app_password);
    buf_put_varint(out, c->app_password_count);
    for (size_t i = 0; i < c->app_password_count; i++)
        encode_app_password(&c->app_passwords[i], out);
}

static void take_bytes(struct reader *r, void *out, size_t n)
{
    struct str bytes = reader_bytes(r, n);
    if (!r->bad)
        memcpy(out, bytes.p, n);
}

static void take_text(struct reader *r, char *field, size_t size)
{
    struct str text = reader_str(r);
    if (text.n >= size)
        r->bad = true;
    else if (text.n > 0)
        memcpy(field, text.p, text.n);
}

static void decode_verifiers(struct reader *r, struct verifiers *out)
{
    size_t count = reader_u8(r);
    if (count > VERIFIERS_MAX)
        r->bad = true;
    for (size_t i = 0; i < count && !r->bad; i++) {
        struct scram_verifier *v = &out->each[out->count++];
        unsigned hash = reader_u8(r);
        uint64_t iterations = reader_varint(r);
        struct str salt = reader_str(r);
        if (hash > SCRAM_SHA_256 || iterations == 0 || iterations > SCRAM_ITERATIONS_MAX || salt.n == 0 ||
            salt.n > sizeof v->salt) {
            r->bad = true;
            return;
        }
        v->hash = (enum scram_hash)hash;
        v->iterations = (uint32_t)iterations;
        v->salt_bytes = salt.n;
        memcpy(v->salt, salt.p, salt.n);
        take_bytes(r, v->stored_key, scram_key_bytes(v->hash));
        take_bytes(r, v->server_key, scram_key_bytes(v->hash));
    }
}

static void decode_totp(struct reader *r, struct credential *c)
{
    unsigned state = reader_u8(r);
    if (state > SECOND_FACTOR_ACTIVE)
        r->bad = true;
    if (r->bad || state == SECOND_FACTOR_NONE)
        return;
    c->totp.state = (enum second_factor_state)state;
    c->totp.since_ms = (int64_t)reader_u64(r);
    take_bytes(r, c->totp.secret, sizeof c->totp.secret);
    c->totp.used_step = reader_u64(r);
    c->totp.recovery_count = reader_u8(r);
    if (c->totp.recovery_count > RECOVERY_CODES_MAX)
        r->bad = true;
    else
        take_bytes(r, c->totp.recovery, c->totp.recovery_count * CREDENTIAL_HASH_BYTES);
}

static void decode_app_password(struct reader *r, struct app_password *p)
{
    p->id = reader_varint(r);
    take_text(r, p->label, sizeof p->label);
    take_text(r, p->networks, sizeof p->networks);
    p->created_ms = (int64_t)reader_u64(r);
    p->expires_ms = (int64_t)reader_u64(r);
    p->scopes = reader_u32(r);
    p->read_only = reader_u8(r) & FLAG_READ_ONLY;
    take_bytes(r, p->hash, sizeof p->hash);
    decode_verifiers(r, &p->verifiers);
}

/* Ids ascend and are below the next one: each is given once. */
static void decode_app_passwords(struct reader *r, struct credential *c)
{
    uint64_t last = 0;
    c->next_app_password = reader_varint(r);
    uint64_t count = reader_varint(r);
    if (count > APP_PASSWORDS_MAX)
        r->bad = true;
    for (uint64_t i = 0; i < count && !r->bad; i++) {
        struct app_password *p = credential_add_app_password(c);
        decode_app_password(r, p);
        if (p->id <= last || p->id >= c->next_app_password)
            r->bad = true;
        last = p->id;
    }
}

int credential_decode(struct str value, struct credential *credential_out, struct err *err)
{
    struct reader r = reader_make(value);
    struct credential c;
    uint8_t format = reader_u8(&r);
    if (format == 0 || format > RECORD_FORMAT)
        return err_set(err, ERR_CORRUPT, "credentials have format %u: a newer Loft wrote them", format);
    credential_init(&c, (struct account_id){ reader_varint(&r) });
    decode_verifiers(&r, &c.verifiers);
    decode_totp(&r, &c);
    decode_app_passwords(&r, &c);
    if (r.bad || reader_left(&r) > 0 || c.account.n == 0 || c.next_app_password == 0) {
        credential_deinit(&c);
        return err_set(err, ERR_CORRUPT, "credentials are damaged");
    }
    *credential_out = c;
    sodium_memzero(&c, sizeof c);
    return 0;
}

/* ---- the store ---- */

static void record_key(const char *user_name, struct buf *key)
{
    buf_clear(key);
    buf_add(key, CREDENTIALS_FROM);
    buf_add(key, str_c(user_name));
}

void credential_use_key(const char *user_name, uint64_t app_password, struct buf *key)
{
    record_key(user_name, key);
    buf_add_char(key, '/'); /* which no name has */
    buf_put_be64(key, app_password);
}

int credential_read(struct users *users, const struct user *user, struct credential *credential_out,
                    struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    record_key(user->name, &key);
    int r = store_get(users_store(users), DIRECTORY_ACCOUNT, buf_str(&key), &value, err);
    if (r == 0)
        r = credential_decode(buf_str(&value), credential_out, err);
    if (r == -ERR_CORRUPT)
        err_context(err, "user %.100s", user->name);
    if (r == 0 && credential_out->account.n != user->account.n) {
        credential_deinit(credential_out);
        r = -ERR_NOT_FOUND;
    }
    if (r == -ERR_NOT_FOUND) {
        credential_init(credential_out, user->account);
        r = 0;
    }
    sasl_wipe(&value);
    buf_deinit(&key);
    return r;
}

static void put(const char *user_name, const struct credential *credential, struct batch *batch)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    record_key(user_name, &key);
    credential_encode(credential, &value);
    batch_put(batch, buf_str(&key), buf_str(&value));
    sasl_wipe(&value);
    buf_deinit(&key);
}

struct change {
    const struct user *user;
    enum credential_effect effect;
    credential_plan_fn *plan;
    void *args;
};

/* What a plan answers that has nothing to write: users_change knows errors only. */
enum { NOTHING_TO_WRITE = -ERR_NONE - ERR_KIND_COUNT };

static int change_plan(struct users *users, void *args, uint64_t version, struct batch *batch,
                       struct err *err)
{
    const struct change *change = args;
    struct credential credential;
    struct user user;
    int r = users_read(users, change->user->name, &user, err);
    if (r == 0 && user.account.n != change->user->account.n)
        r = err_set(err, ERR_NOT_FOUND, "there is no user %.200s any more", change->user->name);
    if (r == 0)
        r = credential_read(users, &user, &credential, err);
    if (r < 0)
        return r;
    r = change->plan(change->args, &credential, &user, err);
    if (r == 0) {
        put(user.name, &credential, batch);
        if (change->effect == CREDENTIAL_REVOKES) {
            user.revision = version + 1;
            users_put(&user, batch);
        }
    }
    credential_deinit(&credential);
    sodium_memzero(user.hash, sizeof user.hash);
    return r > 0 ? NOTHING_TO_WRITE : r;
}

int credential_change(struct users *users, const struct user *user, enum credential_effect effect,
                      credential_plan_fn *plan, void *args, struct err *err)
{
    struct change change = { user, effect, plan, args };
    int r = users_change(users, change_plan, &change, err);
    return r == NOTHING_TO_WRITE ? 0 : r;
}

int credential_plan_password(struct users *users, const struct user *user, const struct verifiers *verifiers,
                             struct batch *batch, struct err *err)
{
    struct credential credential;
    int r = credential_read(users, user, &credential, err);
    if (r < 0)
        return r;
    /* Nothing is written for one who has nothing: servers without SCRAM pay nothing for it. */
    bool needed = verifiers->count > 0 || credential.verifiers.count > 0;
    credential.verifiers = *verifiers;
    if (needed)
        put(user->name, &credential, batch);
    credential_deinit(&credential);
    return 0;
}

void credential_plan_delete(const char *user_name, struct batch *batch)
{
    struct buf key = BUF_INIT, to = BUF_INIT;
    record_key(user_name, &key);
    batch_delete(batch, buf_str(&key));
    record_key(user_name, &to);
    buf_add_char(&key, '/');
    buf_add_char(&to, '/' + 1);
    batch_delete_range(batch, buf_str(&key), buf_str(&to));
    buf_deinit(&key);
    buf_deinit(&to);
}
