/* login.h: LOGIN and AUTHENTICATE, and the answer that waits.     RFC 9051, 6.2.2 and 6.2.3
 * A failed sign-in is answered late (auth.h says how late). The wait holds no worker: the reply is kept in
 * the session, nothing is read meanwhile, and the session's timer sends it. */
#ifndef LOFT_IMAP_CMD_LOGIN_H
#define LOFT_IMAP_CMD_LOGIN_H

#include "imap/session.h"

int64_t held_reply_deadline_ms(const struct session *s); /* mono; 0: none is held */
void held_reply_send(struct session *s);
void held_reply_drop(struct session *s);

/* The client's line after a SASL challenge. */
void sasl_line(struct session *s, struct str line);

#endif
