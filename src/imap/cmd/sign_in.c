/* sign_in.c: what comes of a sign-in: the session it opens, or the answer, at its time. */
#include "base/codec.h"
#include "imap/capability.h"
#include "imap/cmd/login.h"
#include "imap/reply.h"
#include "imap/wire/writer.h"

#include <sodium.h>
#include <stdlib.h>

struct sign_in {
    struct auth_peer peer;
    char client_key[ADDR_KEY_BYTES];
    struct sign_in_room room;
    struct sasl_channel channel;
    struct sasl *sasl;                  /* NULL: the command LOGIN */
    const struct auth_request *request; /* who asks, for the log; NULL until somebody does */
    struct auth_outcome outcome;
    bool logged; /* that it failed: only the client has still to be told */
    /* What is held: */
    int64_t at_ms; /* mono; 0: nothing */
    int result;    /* 1: the challenge; else of the sign-in */
    struct err err;
    struct buf challenge;
};

int64_t sign_in_deadline_ms(const struct session *s)
{
    return s->sign_in ? s->sign_in->at_ms : 0;
}

void sign_in_drop(struct session *s)
{
    struct sign_in *in = s->sign_in;
    if (!in)
        return;
    sasl_free(&in->sasl);
    sasl_wipe(&in->challenge);
    sodium_memzero(in, sizeof *in);
    free(in);
    s->sign_in = NULL;
}

/* ---- who is there ---- */

static int binding_of(void *ctx, struct str name, unsigned char data_out[SASL_BINDING_BYTES_MAX],
                      size_t *bytes_out, struct err *err)
{
    struct conn *conn = ctx;
    struct tls_binding binding;
    for (int type = 0; type < TLS_BINDING_COUNT; type++) {
        if (!str_eq(name, str_c(tls_binding_name((enum tls_binding_type)type))))
            continue;
        int r = conn_tls_binding(conn, (enum tls_binding_type)type, &binding, err);
        if (r < 0)
            return r;
        _Static_assert(sizeof binding.bytes <= SASL_BINDING_BYTES_MAX, "a binding fits");
        memcpy(data_out, binding.bytes, binding.n);
        *bytes_out = binding.n;
        return 0;
    }
    return err_set(err, ERR_CANNOT, "No such channel binding");
}

void sign_in_channel(const struct session *s, struct sign_in_room *room, struct sasl_channel *channel_out)
{
    bool bound = !s->binding_used && conn_has_tls_binding(s->conn, TLS_BINDING_EXPORTER);
    bool shown = conn_tls_client(s->conn, &room->certificate);
    *channel_out = (struct sasl_channel){ .private_enough = capability_private_enough(s),
                                          .binding = bound ? binding_of : NULL,
                                          .binding_ctx = s->conn,
                                          .certificate_user = shown ? room->certificate.name : NULL };
}

static struct sign_in *make(struct session *s)
{
    struct sign_in *in = s->sign_in = calloc(1, sizeof *in);
    if (!in)
        abort();
    session_peer(s, &in->peer, in->client_key);
    return in;
}

/* ---- what comes of it ---- */

static void log_failure(struct session *s, const struct err *err)
{
    struct sign_in *in = s->sign_in;
    if (in->logged)
        return;
    in->logged = true;
    s->failed_logins++;
    auth_log_failure(&s->log, reply_rule(err->kind)->level, in->request, &in->outcome, err);
}

/* The user's mail is on another server. RFC 2221, 4.1; 6: only who has signed in is told where. */
static int refer(struct session *s, const struct user *user, struct err *err)
{
    log_info(&s->log, "login-referred", KV("account", (const char *)user->name),
             KV("url", (const char *)user->referral));
    session_code(s, "REFERRAL %s", user->referral);
    return err_set(err, ERR_CANNOT, "Your mail is on another server");
}

static int welcome(struct session *s)
{
    struct buf code = BUF_INIT;
    buf_add_lit(&code, "CAPABILITY "); /* saves every client a round trip: RFC 9051, 6.2.3 */
    capability_write(s, &code);
    s->reply_code = arena_dup(&s->arena, buf_str(&code));
    buf_deinit(&code);
    session_text(s, "Logged in");
    return 0;
}

/* The outcome is known: become AUTHENTICATED or not. The sign-in is over. */
static int conclude(struct session *s, int r, struct err *err)
{
    struct auth_outcome *outcome = &s->sign_in->outcome;
    s->failure_logged = true;
    if (r == 0 && outcome->user.referral[0]) {
        r = refer(s, &outcome->user, err);
    } else {
        if (r == 0)
            r = session_sign_in(s, outcome, err);
        if (r < 0)
            log_failure(s, err);
    }
    sign_in_drop(s);
    return r < 0 ? r : welcome(s);
}

static void send_challenge(struct session *s)
{
    struct buf *out = session_out(s);
    buf_add_lit(out, "+ "); /* RFC 9051, 6.2.2: an empty challenge keeps its space */
    base64_encode(buf_str(&s->sign_in->challenge), out);
    buf_add_lit(out, "\r\n");
    s->input = INPUT_SASL;
}

/* Tell the client, now or when its time has come. As sign_in_step. */
static int answer(struct session *s, int r, struct err *err)
{
    struct sign_in *in = s->sign_in;
    if (in->outcome.delay_ms > 0) {
        in->at_ms = conn_now_mono_ms(s->conn) + in->outcome.delay_ms;
        in->outcome.delay_ms = 0;
        in->result = r;
        if (r < 0)
            in->err = *err;
        s->input = INPUT_HELD;
        return -ERR_AGAIN;
    }
    if (r != 1)
        return conclude(s, r, err);
    send_challenge(s);
    return -ERR_AGAIN;
}

void sign_in_resume(struct session *s)
{
    struct sign_in *in = s->sign_in;
    struct err err = in->err;
    in->at_ms = 0;
    int r = answer(s, in->result, &err);
    if (r != -ERR_AGAIN)
        session_finish(s, r, &err);
    session_expect_input(s); /* by the limits of the state that it is now in */
}

/* ---- the two commands ---- */

int sign_in_password(struct session *s, struct str user, struct str password, struct err *err)
{
    struct sign_in *in = make(s);
    const struct auth_request request = { .peer = &in->peer, .mechanism = "LOGIN", .authcid = user };
    int r = auth_sign_in_password(s->server->auth, &request, password, &in->outcome, err);
    /* `user` lies in the command's arena, as this copy does, until its reply is out. */
    struct auth_request *kept = arena_new(&s->arena, struct auth_request);
    *kept = request;
    in->request = kept;
    return answer(s, r, err);
}

static bool is_bound(struct str mechanism)
{
    struct str plus = STR("-PLUS");
    return mechanism.n > plus.n && str_eq_nocase(str_skip(mechanism, mechanism.n - plus.n), plus);
}

int sign_in_begin(struct session *s, struct str mechanism, struct err *err)
{
    struct sign_in *in = make(s);
    sign_in_channel(s, &in->room, &in->channel);
    const struct sasl_params params = { .auth = s->server->auth,
                                        .settings = &s->server->settings.sasl,
                                        .peer = &in->peer,
                                        .channel = &in->channel,
                                        .rand = &rand_system };
    int r = sasl_new(&params, mechanism, &in->sasl, err);
    if (r < 0) {
        sign_in_drop(s);
        if (r == -ERR_CANNOT && s->binding_used && is_bound(mechanism))
            return err_set(err, ERR_CANNOT, "The channel binding is used up: connect again");
        return r;
    }
    in->request = sasl_request(in->sasl);
    in->outcome.provider = "";
    /* RFC 9266, 4.1: one exchange a connection may use its binding. */
    s->binding_used |= sasl_uses_binding(in->sasl);
    return 0;
}

int sign_in_step(struct session *s, struct str response, struct err *err)
{
    struct sign_in *in = s->sign_in;
    buf_clear(&in->challenge);
    int r = sasl_step(in->sasl, response, &in->challenge, &in->outcome, err);
    if (r < 0 && in->outcome.reason == AUTH_OK)
        in->outcome.reason = AUTH_MALFORMED;
    if (r == 1 && in->outcome.reason != AUTH_OK) /* the client may never answer */
        log_failure(s, err);
    return answer(s, r, err);
}

void sign_in_cancel(struct session *s, const struct err *err)
{
    if (sasl_owes_proof(s->sign_in->sasl)) {
        s->sign_in->outcome.reason = AUTH_MALFORMED;
        log_failure(s, err);
    }
    sign_in_drop(s);
}

int sign_in_refuse(struct session *s, struct err *err)
{
    s->sign_in->outcome.reason = AUTH_MALFORMED;
    return conclude(s, -(int)err->kind, err);
}
