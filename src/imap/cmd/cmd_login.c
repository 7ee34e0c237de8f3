/* cmd_login.c: LOGIN, AUTHENTICATE.     RFC 9051, 6.2.2, 6.2.3; RFC 4959 */
#include "imap/capability.h"
#include "imap/cmd/command.h"
#include "imap/cmd/login.h"
#include "imap/wire/session_args.h"

int login_run(struct session *s, const void *args, struct err *err)
{
    const struct login_args *a = args;
    if (!capability_private_enough(s))
        return err_set(err, ERR_PRIVACY, "Use TLS before sending a password");
    if (!capability_login_allowed(s))
        return err_set(err, ERR_CANNOT, "Passwords are not taken");
    return sign_in_password(s, a->user, a->password, err);
}

/* A client response in base64. */
static int take_response(struct session *s, struct str base64, bool initial, struct err *err)
{
    struct buf message = BUF_INIT;
    int r = sasl_decode(base64, initial, &message, err);
    r = r < 0 ? sign_in_refuse(s, err) : sign_in_step(s, buf_str(&message), err);
    sasl_wipe(&message);
    return r;
}

int authenticate_run(struct session *s, const void *args, struct err *err)
{
    const struct authenticate_args *a = args;
    int r = sign_in_begin(s, a->mechanism, err);
    if (r < 0)
        return r;
    return a->has_initial ? take_response(s, a->initial, true, err) : sign_in_step(s, STR_NIL, err);
}

void sasl_line(struct session *s, struct str line)
{
    struct err err = { 0 };
    int r;
    s->input = INPUT_COMMAND;
    if (str_eq(line, STR("*"))) {
        r = err_set(&err, ERR_SYNTAX, "Authentication cancelled"); /* RFC 9051, 6.2.2: BAD */
        sign_in_cancel(s, &err);
    } else {
        r = take_response(s, line, false, &err);
    }
    if (r != -ERR_AGAIN)
        session_finish(s, r, &err);
}
