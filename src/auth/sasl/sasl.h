/* sasl.h: one sign-in by any mechanism, for any protocol.     RFC 4422
 *
 *   sasl_new --> sasl_step -> 1: send the challenge, wait for the response -> sasl_step -> ... -> 0 or an error --> sasl_free
 *
 * The protocol brings base64, lines and replies, and tells what the connection is (struct sasl_channel). The mechanism reads and
 * writes messages; whether somebody may come in is decided in auth.h alone.
 *
 *   PLAIN, LOGIN             RFC 4616, draft-murchison-sasl-login      sasl_password.c
 *   SCRAM-SHA-256, -SHA-1    RFC 5802, RFC 7677; with -PLUS also       sasl_scram.c
 *                            bound to the channel, RFC 5929, RFC 9266
 *   OAUTHBEARER, XOAUTH2     RFC 7628, Google's                        sasl_bearer.c
 *   EXTERNAL                 RFC 4422, A: by a client certificate      sasl_external.c
 *   GSSAPI                   RFC 4752: Kerberos                        sasl_gssapi.c, gssapi.h
 * All of them need an encrypted connection, or one from this machine itself where a setting allows that. ANONYMOUS is not there.
 * Threads: one exchange belongs to its session; a step blocks its worker while auth.h does. */
#ifndef LOFT_AUTH_SASL_H
#define LOFT_AUTH_SASL_H

#include "auth/auth.h"
#include "auth/bearer.h"
#include "auth/sasl/gssapi.h"
#include "base/buf.h"
#include "base/rand.h"

enum {
    SASL_MESSAGE_BYTES_MAX = 12000, /* decoded: in base64, with a tag, it fits into a line of a stranger */
    SASL_BASE64_BYTES_MAX = (SASL_MESSAGE_BYTES_MAX + 2) / 3 * 4,
    SASL_BINDING_BYTES_MAX = 64,
};

enum sasl_mechanism { /* bits */
                      SASL_SCRAM_SHA_256_PLUS = 1u << 0,
                      SASL_SCRAM_SHA_256 = 1u << 1,
                      SASL_SCRAM_SHA_1_PLUS = 1u << 2,
                      SASL_SCRAM_SHA_1 = 1u << 3,
                      SASL_EXTERNAL = 1u << 4,
                      SASL_OAUTHBEARER = 1u << 5,
                      SASL_XOAUTH2 = 1u << 6,
                      SASL_PLAIN = 1u << 7,
                      SASL_LOGIN = 1u << 8,
                      SASL_GSSAPI = 1u << 9,
};

/* For all exchanges of a server. */
struct sasl_settings {
    unsigned mechanisms;           /* those that may be offered */
    struct bearer_hint hint;       /* borrows: how a client gets a token */
    struct gssapi_settings gssapi; /* GSSAPI is offered with a keytab only */
};

/* Names with spaces or commas between. -ERR_INVALID: a name that is not known. */
MUST_USE int sasl_parse_mechanisms(struct str names, unsigned *mechanisms_out, struct err *err);

/* `mechanisms` without those for which `auth` has nobody to ask: what nobody can use is not offered. */
unsigned sasl_usable(unsigned mechanisms, const struct auth *auth);

/* What the connection is, as the protocol knows it. */
struct sasl_channel {
    bool private_enough; /* auth_plaintext_allowed() */
    /* The data of the channel binding of that name ("tls-exporter"). NULL: this connection has none, or has used it: RFC 9266, 4.1
     * allows one exchange a connection.   returns  0; -ERR_CANNOT: none of that name */
    int (*binding)(void *ctx, struct str name, unsigned char data_out[SASL_BINDING_BYTES_MAX],
                   size_t *bytes_out, struct err *err);
    void *binding_ctx;
    /* The user whom the verified certificate of the client names. "" or NULL: no certificate, or nobody's. */
    const char *certificate_user;
};

/* The mechanisms offered on `channel`, the strongest first: as AUTH= and the like announce them.
 *   at  0 at first;   returns  a static name; NULL after the last */
const char *sasl_next_offered(const struct sasl_settings *settings, const struct sasl_channel *channel,
                              size_t *at);

struct sasl;

struct sasl_params { /* all borrow until sasl_free */
    struct auth *auth;
    const struct sasl_settings *settings;
    const struct auth_peer *peer;
    const struct sasl_channel *channel;
    struct rand_source *rand; /* nonces: rand_system */
};

/* -ERR_CANNOT: not offered here; -ERR_PRIVACY: it would be, over TLS */
MUST_USE int sasl_new(const struct sasl_params *params, struct str mechanism, struct sasl **sasl_out,
                      struct err *err);
/* At its end, and at any time before: the client cancels or is gone. Wipes what was secret. Accepts NULL. */
void sasl_free(struct sasl **sasl);

/* Take the client's response.
 *   response   decoded, at most SASL_MESSAGE_BYTES_MAX; NIL at the first step: none came with the command
 *   challenge  appended to, perhaps by nothing, when 1 is returned
 *   outcome    always filled; delay_ms holds for the challenge, too
 *   returns    1: send the challenge and wait. With outcome->reason other than AUTH_OK it tells the client that it was refused, and
 *                 why: `err` is filled, log it now; after the next response the same error is returned
 *              0: signed in
 *              -ERR_SYNTAX, -ERR_LIMIT, -ERR_CANNOT: the response is none of this mechanism; and all of auth.h */
MUST_USE int sasl_step(struct sasl *sasl, struct str response, struct buf *challenge,
                       struct auth_outcome *outcome, struct err *err);

/* Who asks, as far as is known: for logs. */
const struct auth_request *sasl_request(const struct sasl *sasl);
/* The client was told something about the user, SCRAM's salt, and has not proved anything yet: leaving now is a failure. */
bool sasl_owes_proof(const struct sasl *sasl);
bool sasl_uses_binding(
    const struct sasl *sasl); /* a -PLUS mechanism: the binding of this channel is used up */

/* ---- for the protocols ---- */

/* The base64 of a client response, as IMAP carries it, into `out` (cleared first).
 *   initial  it came with the command (RFC 4959, 3): then a lone "=" is an empty message
 *   errors   -ERR_SYNTAX; -ERR_LIMIT above SASL_MESSAGE_BYTES_MAX
 * `out` holds a secret: sasl_wipe() it. */
MUST_USE int sasl_decode(struct str base64, bool initial, struct buf *out, struct err *err);

/* Overwrite, then free. */
void sasl_wipe(struct buf *secret);

#endif
