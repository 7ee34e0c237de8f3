#include "auth/sasl.h"

#include "auth/users.h"
#include "base/codec.h"
#include "base/utf8.h"

#include <sodium.h>

int sasl_decode(struct str base64, bool initial, struct buf *out, struct err *err)
{
    buf_clear(out);
    if (initial && str_eq(base64, STR("=")))
        return 0;
    if (base64.n > SASL_BASE64_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the response is longer than %d bytes", SASL_MESSAGE_BYTES_MAX);
    buf_reserve(out, base64.n); /* so that nothing is moved, and left behind, while it grows */
    if (!base64_decode(base64, out))
        return err_set(err, ERR_SYNTAX, "the response is not base64");
    if (out->n > SASL_MESSAGE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "the response is longer than %d bytes", SASL_MESSAGE_BYTES_MAX);
    return 0;
}

void sasl_wipe(struct buf *secret)
{
    if (secret->p)
        sodium_memzero(secret->p, secret->cap);
    buf_deinit(secret);
}

/* Two spellings of one user are the same user. */
static bool same_user(struct str a, struct str b)
{
    char x[USER_NAME_BYTES_MAX + 1], y[USER_NAME_BYTES_MAX + 1];
    return users_normalise_name(a, x, NULL) == 0 && users_normalise_name(b, y, NULL) == 0 &&
           strcmp(x, y) == 0;
}

int sasl_plain_parse(struct str message, struct sasl_plain *plain_out, struct err *err)
{
    struct sasl_plain plain;
    struct str rest;
    plain.authzid = str_cut(message, '\0', &rest);
    plain.authcid = str_cut(rest, '\0', &plain.password);
    if (str_is_nil(plain.password) || str_find_char(plain.password, '\0') >= 0)
        return err_set(err, ERR_SYNTAX, "a PLAIN response has exactly two NUL bytes");
    if (plain.authcid.n == 0 || plain.password.n == 0)
        return err_set(err, ERR_SYNTAX, "the PLAIN response has an empty %s",
                       plain.authcid.n ? "password" : "name");
    if (!utf8_is_valid(message))
        return err_set(err, ERR_SYNTAX, "the PLAIN response is not UTF-8");
    if (plain.authzid.n > USER_NAME_BYTES_MAX || plain.authcid.n > USER_NAME_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a name of more than %d bytes", USER_NAME_BYTES_MAX);
    if (plain.password.n > USER_PASSWORD_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a password of more than %d bytes", USER_PASSWORD_BYTES_MAX);
    if (plain.authzid.n > 0 && !same_user(plain.authzid, plain.authcid))
        return err_set(err, ERR_DENIED, "one user may not act as another");
    *plain_out = plain;
    return 0;
}
