/* The record of a user, and its key. */
#include "auth/directory/users_private.h"

#include "auth/sasl/sasl.h"
#include "base/codec.h"

/* Value of "U/" name, format 3:
 *   u8 format; varint account id; u64 created_ms; u8 flags; u64 revision; str hash
 *   from format 2 on: str hidden capabilities; str referral
 *   from format 3 on: str provider; u64 password_changed_ms; a note of each hold, disabled and locked:
 *                     u64 since_ms; u64 until_ms; str reason
 * What follows later formats comes behind; a reader refuses formats that it does not know. */
enum { RECORD_FORMAT = 3 };
enum { RECORD_DISABLED = 1u << 0, RECORD_LOCKED = 1u << 1, RECORD_REFUSES_MAIL = 1u << 2 };

static void put_note(const struct user_hold_note *note, struct buf *out)
{
    buf_put_u64(out, (uint64_t)note->since_ms);
    buf_put_u64(out, (uint64_t)note->until_ms);
    buf_put_str(out, str_c(note->reason));
}

static void record_encode(const struct user *user, struct buf *out)
{
    buf_put_u8(out, RECORD_FORMAT);
    buf_put_varint(out, user->account.n);
    buf_put_u64(out, (uint64_t)user->created_ms);
    buf_put_u8(out, (uint8_t)((user->disabled ? RECORD_DISABLED : 0u) | (user->locked ? RECORD_LOCKED : 0u) |
                              (user->refuses_mail ? RECORD_REFUSES_MAIL : 0u)));
    buf_put_u64(out, user->revision);
    buf_put_str(out, str_c(user->hash));
    buf_put_str(out, str_c(user->hidden));
    buf_put_str(out, str_c(user->referral));
    buf_put_str(out, str_c(user->provider));
    buf_put_u64(out, (uint64_t)user->password_changed_ms);
    put_note(&user->disabled_note, out);
    put_note(&user->locked_note, out);
}

/* Into a field with room for its NUL; false: it is too long. */
static bool take_text(struct str text, char *field, size_t size)
{
    if (text.n >= size)
        return false;
    if (text.n > 0)
        memcpy(field, text.p, text.n);
    return true;
}

static void take_note(struct reader *r, struct user_hold_note *note)
{
    note->since_ms = (int64_t)reader_u64(r);
    note->until_ms = (int64_t)reader_u64(r);
    r->bad = !take_text(reader_str(r), note->reason, sizeof note->reason) || r->bad;
}

static void take_format_3(struct reader *r, struct user *user)
{
    r->bad = !take_text(reader_str(r), user->provider, sizeof user->provider) || r->bad;
    user->password_changed_ms = (int64_t)reader_u64(r);
    take_note(r, &user->disabled_note);
    take_note(r, &user->locked_note);
}

int users_decode(struct str name, struct str value, struct user *user_out, struct err *err)
{
    struct reader r = reader_make(value);
    struct user user = { .disabled = false };
    uint8_t format = reader_u8(&r);
    if (format == 0 || format > RECORD_FORMAT)
        return err_set(err, ERR_CORRUPT, "record of user " STR_FMT " has format %u: a newer Loft wrote it",
                       STR_ARG(str_sub(name, 0, 100)), format);
    user.account.n = reader_varint(&r);
    user.created_ms = (int64_t)reader_u64(&r);
    uint8_t flags = reader_u8(&r);
    user.disabled = flags & RECORD_DISABLED;
    user.locked = flags & RECORD_LOCKED;
    user.refuses_mail = flags & RECORD_REFUSES_MAIL;
    user.revision = reader_u64(&r);
    struct str hash = reader_str(&r);
    struct str hidden = format >= 2 ? reader_str(&r) : STR_NIL;
    struct str referral = format >= 2 ? reader_str(&r) : STR_NIL;
    user.password_changed_ms = user.created_ms;
    if (format >= 3)
        take_format_3(&r, &user);
    if (r.bad || reader_left(&r) > 0 || user.account.n == 0 ||
        !take_text(name, user.name, sizeof user.name) || !take_text(hash, user.hash, sizeof user.hash) ||
        !take_text(hidden, user.hidden, sizeof user.hidden) ||
        !take_text(referral, user.referral, sizeof user.referral))
        return err_set(err, ERR_CORRUPT, "record of user " STR_FMT " is damaged",
                       STR_ARG(str_sub(name, 0, 100)));
    *user_out = user;
    return 0;
}

void users_key(const char *name, struct buf *key)
{
    buf_clear(key);
    buf_add(key, USERS_FROM);
    buf_add(key, str_c(name));
}

/* From the store. `name` is normalised. */
int users_read(struct users *users, const char *name, struct user *user_out, struct err *err)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    users_key(name, &key);
    int r = store_get(users->params.store, DIRECTORY_ACCOUNT, buf_str(&key), &value, err);
    if (r == 0)
        r = users_decode(str_c(name), buf_str(&value), user_out, err);
    else if (r == -ERR_NOT_FOUND)
        r = err_set(err, ERR_NOT_FOUND, "there is no user %.200s", name);
    sasl_wipe(&value);
    buf_deinit(&key);
    return r;
}

void users_put(const struct user *user, struct batch *batch)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    users_key(user->name, &key);
    record_encode(user, &value);
    batch_put(batch, buf_str(&key), buf_str(&value));
    sasl_wipe(&value);
    buf_deinit(&key);
}
