/* sasl_password.c: PLAIN and LOGIN: the password itself. */
#include "auth/sasl/sasl_password.h"

#include "auth/sasl/sasl_private.h"
#include "base/utf8.h"

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
    *plain_out = plain;
    return 0;
}

int sasl_plain_step(struct sasl *s, struct str response, struct buf *challenge, struct auth_outcome *outcome,
                    struct err *err)
{
    (void)challenge;
    struct sasl_plain plain;
    int r = sasl_plain_parse(response, &plain, err);
    if (r == 0)
        r = sasl_set_names(s, plain.authcid, plain.authzid, err);
    if (r == 0)
        r = auth_sign_in_password(s->params.auth, &s->request, plain.password, outcome, err);
    return r;
}

/* draft-murchison-sasl-login, as everybody speaks it: "Username:", "Password:". Many clients send the name with the command. */
int sasl_login_step(struct sasl *s, struct str response, struct buf *challenge, struct auth_outcome *outcome,
                    struct err *err)
{
    if (s->step == 0 && str_is_nil(response)) {
        buf_add_lit(challenge, "Username:");
        return 1;
    }
    if (s->request.authcid.n > 0) {
        if (response.n > USER_PASSWORD_BYTES_MAX)
            return err_set(err, ERR_LIMIT, "a password of more than %d bytes", USER_PASSWORD_BYTES_MAX);
        if (response.n == 0 || str_find_char(response, '\0') >= 0)
            return err_set(err, ERR_SYNTAX, "the password is empty or has a NUL");
        return auth_sign_in_password(s->params.auth, &s->request, response, outcome, err);
    }
    if (response.n == 0 || str_find_char(response, '\0') >= 0 || !utf8_is_valid(response))
        return err_set(err, ERR_SYNTAX, "the name is empty or not UTF-8");
    int r = sasl_set_names(s, response, STR_NIL, err);
    if (r < 0)
        return r;
    buf_add_lit(challenge, "Password:");
    return 1;
}
