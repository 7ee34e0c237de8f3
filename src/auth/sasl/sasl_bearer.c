/* sasl_bearer.c: OAUTHBEARER and XOAUTH2: a token. */
#include "auth/sasl/bearer_message.h"
#include "auth/sasl/sasl_private.h"

/* Only a token that was looked at and is none of ours is told by a challenge: its client then gets a new one. When a provider
 * is down, or the account is locked, it must not. */
static int refuse(struct sasl *s, int r, bool google, struct buf *challenge,
                  const struct auth_outcome *outcome, const struct err *err)
{
    const struct bearer_hint *hint = &s->params.settings->hint;
    if (r != -ERR_AUTH)
        return r;
    if (google)
        bearer_error_google(hint, challenge);
    else
        bearer_error(hint, outcome->token_fault == TOKEN_SCOPE, challenge);
    return sasl_decide(s, r, outcome, err);
}

static int sign_in(struct sasl *s, const struct bearer_message *message, bool google, struct buf *challenge,
                   struct auth_outcome *outcome, struct err *err)
{
    int r;
    if (str_is_nil(
            message->token)) { /* it asks what it needs to get one: RFC 7628, 4.3. No guess, no failure */
        outcome->reason = AUTH_TOKEN_BAD;
        outcome->token_fault = TOKEN_MALFORMED;
        r = err_set(err, ERR_AUTH, "no token was shown");
    } else {
        r = auth_sign_in_token(s->params.auth, &s->request, message->token, outcome, err);
    }
    return refuse(s, r, google, challenge, outcome, err);
}

/* The name stands where RFC 7628, 3.1 has the one to act as; whose token it is the token says itself. */
int sasl_oauthbearer_step(struct sasl *s, struct str response, struct buf *challenge,
                          struct auth_outcome *outcome, struct err *err)
{
    struct bearer_message message;
    int r = bearer_parse_oauthbearer(response, &message, err);
    if (r == 0)
        r = sasl_set_names(s, STR_NIL, str_c(message.name), err);
    if (r < 0)
        return r;
    return sign_in(s, &message, false, challenge, outcome, err);
}

int sasl_xoauth2_step(struct sasl *s, struct str response, struct buf *challenge,
                      struct auth_outcome *outcome, struct err *err)
{
    struct bearer_message message;
    int r = bearer_parse_xoauth2(response, &message, err);
    if (r == 0)
        r = sasl_set_names(s, str_c(message.name), STR_NIL, err);
    if (r < 0)
        return r;
    return sign_in(s, &message, true, challenge, outcome, err);
}
