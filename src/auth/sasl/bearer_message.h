/* bearer_message.h: the messages of OAUTHBEARER and XOAUTH2, by which a client shows a token.
 *
 *   OAUTHBEARER   RFC 7628   n,a=user@example.org,^Ahost=imap.example.org^Aport=143^Aauth=Bearer TOKEN^A^A
 *   XOAUTH2       Google's   user=user@example.org^Aauth=Bearer TOKEN^A^A
 * A refusal is a challenge in JSON (bearer.h), which the client answers with a dummy before it is told NO (RFC 7628, 3.2.3).
 * Bytes in, values out, no I/O.     Threads: none needed. */
#ifndef LOFT_AUTH_BEARER_MESSAGE_H
#define LOFT_AUTH_BEARER_MESSAGE_H

#include "auth/bearer.h"
#include "auth/directory/users.h"

struct bearer_message {
    char name[USER_NAME_BYTES_MAX + 1]; /* whose mail the client wants; "" for none */
    struct str token; /* borrows; NIL: it shows none, to be told how it would get one (RFC 7628, 4.3) */
};

/* errors  -ERR_SYNTAX; -ERR_LIMIT: a name above USER_NAME_BYTES_MAX, a token above TOKEN_BYTES_MAX; -ERR_CANNOT: a scheme other than Bearer, or channel binding,
 *         which this mechanism has not got */
MUST_USE int bearer_parse_oauthbearer(struct str message, struct bearer_message *message_out,
                                      struct err *err);
MUST_USE int bearer_parse_xoauth2(struct str message, struct bearer_message *message_out, struct err *err);

#endif
