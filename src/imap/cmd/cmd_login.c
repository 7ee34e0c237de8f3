/* cmd_login.c: LOGIN, AUTHENTICATE PLAIN.     RFC 9051, 6.2.2, 6.2.3; RFC 4616; RFC 4959 */
#include "imap/capability.h"
#include "imap/cmd/command.h"
#include "imap/cmd/login.h"
#include "imap/reply.h"
#include "imap/wire/session_args.h"
#include "imap/wire/writer.h"

#include "auth/sasl.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* Who asked, and what came of it. */
struct sign_in {
    struct auth_peer peer;
    char client_key[ADDR_KEY_BYTES];
    char name[USER_NAME_BYTES_MAX + 1]; /* as the client wrote it */
    struct auth_request request;
    struct auth_outcome outcome;
};

/* A tagged reply that is sent later. */
struct held_reply {
    int64_t at_ms; /* mono */
    int result;
    struct err err;
    struct sign_in sign_in;
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

static void log_failed_login(struct session *s, const struct sign_in *in, const struct err *err)
{
    s->failed_logins++;
    struct auth_request request = in->request;
    request.peer = &in->peer; /* `in` may have moved */
    request.authcid = str_c(in->name);
    auth_log_failure(&s->log, reply_rule(err->kind)->level, &request, &in->outcome, err);
    s->failure_logged = true;
}

/* The outcome is known: become AUTHENTICATED or not, and answer. */
static int conclude(struct session *s, int result, const struct sign_in *in, struct err *err)
{
    if (result == 0 && in->outcome.user.referral[0])
        return refer(s, &in->outcome.user, err);
    if (result == 0)
        result = session_sign_in(s, &in->outcome, err);
    if (result < 0) {
        log_failed_login(s, in, err);
        return result;
    }
    struct buf code = BUF_INIT;
    buf_add_lit(&code, "CAPABILITY "); /* saves every client a round trip: RFC 9051, 6.2.3 */
    capability_write(s, &code);
    s->reply_code = arena_dup(&s->arena, buf_str(&code));
    buf_deinit(&code);
    session_text(s, "Logged in");
    return 0;
}

void held_reply_send(struct session *s)
{
    struct held_reply held = *s->held;
    held_reply_drop(s);
    int r = conclude(s, held.result, &held.sign_in, &held.err);
    session_finish(s, r, &held.err);
    session_expect_command(s); /* by the limits of the state that it is now in */
    sodium_memzero(&held, sizeof held);
}

static void fill_peer(const struct session *s, struct sign_in *in)
{
    const struct net_addr *addr = conn_peer(s->conn);
    in->peer = (struct auth_peer){ .protocol = "imap",
                                   .client_key = addr_client_key(addr, in->client_key),
                                   .tls_version = conn_is_tls(s->conn) ? conn_tls_info(s->conn).version.p
                                                                       : NULL };
    in->peer.has_ip = addr_as_ipv6(addr, in->peer.ip);
    addr_format(addr, false, in->peer.address);
}

/* Check a name and a password. 0 or an error: answer now. -ERR_AGAIN: the answer is held. */
static int verify(struct session *s, struct str user, struct str authzid, struct str password,
                  const char *mechanism, struct err *err)
{
    struct sign_in in = { .request = { .mechanism = mechanism, .authcid = user, .authzid = authzid } };
    fill_peer(s, &in);
    in.request.peer = &in.peer;
    snprintf(in.name, sizeof in.name, STR_FMT, STR_ARG(str_sub(user, 0, USER_NAME_BYTES_MAX)));
    int r = auth_sign_in_password(s->server->auth, &in.request, password, &in.outcome, err);
    if (in.outcome.delay_ms == 0)
        return conclude(s, r, &in, err);
    s->held = calloc(1, sizeof *s->held);
    if (!s->held)
        abort();
    *s->held = (struct held_reply){ conn_now_mono_ms(s->conn) + in.outcome.delay_ms, r, *err, in };
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
    return verify(s, a->user, STR_NIL, a->password, "LOGIN", err);
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
        r = verify(s, plain.authcid, plain.authzid, plain.password, "PLAIN", err);
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
