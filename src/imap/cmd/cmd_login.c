/* cmd_login.c: LOGIN, AUTHENTICATE PLAIN.     RFC 9051, 6.2.2, 6.2.3; RFC 4616; RFC 4959 */
#include "imap/capability.h"
#include "imap/cmd/command.h"
#include "imap/cmd/login.h"
#include "imap/reply.h"
#include "imap/wire/session_args.h"
#include "imap/wire/writer.h"

#include "auth/sasl.h"

#include <sodium.h>
#include <stdlib.h>

/* A tagged reply that is sent later. */
struct held_reply {
    int64_t at_ms; /* mono */
    int result;
    struct err err;
    struct user user;
    const char *mechanism;
};

int64_t held_reply_deadline_ms(const struct session *s)
{
    return s->held ? s->held->at_ms : 0;
}

void held_reply_drop(struct session *s)
{
    if (!s->held)
        return;
    sodium_memzero(s->held, sizeof *s->held);
    free(s->held);
    s->held = NULL;
}

/* The user's mail is on another server. RFC 2221, 4.1; 6: only who has signed in is told where. */
static int refer(struct session *s, const struct user *user, struct err *err)
{
    log_info(&s->log, "login-referred", KV("account", (const char *)user->name),
             KV("url", (const char *)user->referral));
    session_code(s, "REFERRAL %s", user->referral);
    s->failure_logged = true;
    return err_set(err, ERR_CANNOT, "Your mail is on another server");
}

/* The outcome is known: become AUTHENTICATED or not, and answer. */
static int conclude(struct session *s, int result, const struct user *user, const char *mechanism,
                    struct err *err)
{
    if (result == 0 && user->referral[0])
        return refer(s, user, err);
    if (result == 0)
        result = session_sign_in(s, user, mechanism, err);
    if (result == 0) {
        struct buf code = BUF_INIT;
        buf_add_lit(&code, "CAPABILITY "); /* saves every client a round trip: RFC 9051, 6.2.3 */
        capability_write(s, &code);
        s->reply_code = arena_dup(&s->arena, buf_str(&code));
        buf_deinit(&code);
        session_text(s, "Logged in");
        return 0;
    }
    s->failed_logins++;
    char address[ADDR_TEXT_BYTES];
    struct logger *log = &s->log;
    enum log_level level = reply_rule(err->kind)->level;
    LOG_AT(log, level > LEVEL_WARN ? level : LEVEL_WARN, "login-failed",
           KV("address", addr_format(conn_peer(s->conn), false, address)), KV("mechanism", mechanism),
           KV("kind", err_kind_name(err->kind)), KV("text", (const char *)err->text));
    s->failure_logged = true;
    return result;
}

void held_reply_send(struct session *s)
{
    struct held_reply held = *s->held;
    held_reply_drop(s);
    int r = conclude(s, held.result, &held.user, held.mechanism, &held.err);
    session_finish(s, r, &held.err);
    session_expect_command(s); /* by the limits of the state that it is now in */
    sodium_memzero(&held, sizeof held);
}

/* Check a name and a password. 0 or an error: answer now. -ERR_AGAIN: the answer is held. */
static int verify(struct session *s, struct str user, struct str password, const char *mechanism,
                  struct err *err)
{
    struct auth_outcome outcome;
    char key[ADDR_KEY_BYTES];
    struct str client = addr_client_key(conn_peer(s->conn), key);
    int r = auth_verify_password(s->server->auth, user, password, client, &outcome, err);
    if (outcome.delay_ms == 0)
        return conclude(s, r, &outcome.user, mechanism, err);
    s->held = calloc(1, sizeof *s->held);
    if (!s->held)
        abort();
    *s->held = (struct held_reply){ conn_now_mono_ms(s->conn) + outcome.delay_ms, r, *err, outcome.user,
                                    mechanism };
    s->input = INPUT_HELD;
    return -ERR_AGAIN;
}

static int check_privacy(const struct session *s, struct err *err)
{
    return capability_login_allowed(s) ? 0 : err_set(err, ERR_PRIVACY, "Use TLS before sending a password");
}

int login_run(struct session *s, const void *args, struct err *err)
{
    const struct login_args *a = args;
    int r = check_privacy(s, err);
    if (r < 0)
        return r;
    r = verify(s, a->user, a->password, "LOGIN", err);
    return r;
}

/* ---- AUTHENTICATE ---- */

/* A client response in base64, to its end. */
static int plain_response(struct session *s, struct str base64, bool initial, struct err *err)
{
    struct buf message = BUF_INIT;
    struct sasl_plain plain;
    int r = sasl_decode(base64, initial, &message, err);
    if (r == 0)
        r = sasl_plain_parse(buf_str(&message), &plain, err);
    if (r == 0)
        r = verify(s, plain.authcid, plain.password, "PLAIN", err);
    sasl_wipe(&message);
    return r;
}

int authenticate_run(struct session *s, const void *args, struct err *err)
{
    const struct authenticate_args *a = args;
    if (!str_eq_nocase(a->mechanism, STR("PLAIN")))
        return err_set(err, ERR_CANNOT, "Mechanism not supported");
    int r = check_privacy(s, err);
    if (r < 0)
        return r;
    if (a->has_initial)
        return plain_response(s, a->initial, true, err);
    buf_add_lit(session_out(s), "+ \r\n"); /* RFC 9051, 6.2.2: an empty challenge keeps its space */
    s->input = INPUT_SASL;
    return -ERR_AGAIN;
}

void sasl_line(struct session *s, struct str line)
{
    struct err err = { 0 };
    int r;
    s->input = INPUT_COMMAND;
    if (str_eq(line, STR("*")))
        r = err_set(&err, ERR_SYNTAX, "Authentication cancelled"); /* RFC 9051, 6.2.2: BAD */
    else
        r = plain_response(s, line, false, &err);
    if (r != -ERR_AGAIN)
        session_finish(s, r, &err);
}
