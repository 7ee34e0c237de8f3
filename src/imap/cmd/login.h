/* login.h: LOGIN and AUTHENTICATE: from a credential to a session.     RFC 9051, 6.2.2 and 6.2.3
 *
 *   AUTHENTICATE --> sasl_step -> challenge, line from the client, sasl_step ... --> outcome --> session_sign_in, or NO
 *   LOGIN ------------------------------------------------------------------------> outcome
 * What the client is told of an outcome may have to wait (auth.h says how long), be it a reply or, where the mechanism goes on, a
 * challenge. The wait holds no worker: the answer is kept in the session, nothing is read meanwhile, and the session's
 * timer sends it. */
#ifndef LOFT_IMAP_CMD_LOGIN_H
#define LOFT_IMAP_CMD_LOGIN_H

#include "auth/sasl/sasl.h"
#include "imap/session.h"
#include "net/tls_peer.h"

struct sign_in; /* under way, one a session: session->sign_in */

/* Begin an exchange. -ERR_CANNOT, -ERR_PRIVACY */
MUST_USE int sign_in_begin(struct session *s, struct str mechanism, struct err *err);
/* Take the client's response (NIL: none came with the command). 0 or an error: the reply is due now. -ERR_AGAIN: a challenge
 * was sent, or the answer is held. */
MUST_USE int sign_in_step(struct session *s, struct str response, struct err *err);
/* The same for the command LOGIN, in one go. */
MUST_USE int sign_in_password(struct session *s, struct str user, struct str password, struct err *err);
/* The client did not send a response: it cancelled, or what it sent is no base64. The exchange is over. Returns -err->kind. */
int sign_in_refuse(struct session *s, struct err *err);

int64_t sign_in_deadline_ms(const struct session *s); /* mono; 0: no answer is held */
void sign_in_resume(struct session *s);               /* send what was held */
void sign_in_drop(struct session *s);
void sign_in_cancel(
    struct session *s,
    const struct err *err); /* as the client wishes: drop it, after a failed login where it owes a proof */

/* What this connection is to the mechanisms. `channel_out` borrows the room, and the session. */
struct sign_in_room {
    struct tls_client certificate;
};
void sign_in_channel(const struct session *s, struct sign_in_room *room, struct sasl_channel *channel_out);

/* The client's line after a SASL challenge. */
void sasl_line(struct session *s, struct str line);

#endif
