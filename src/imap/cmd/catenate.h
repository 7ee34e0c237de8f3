/* catenate.h: the URL parts of CATENATE: bytes of messages that are here already become part of one that is
 * coming in, without passing through the client.     RFC 4469 */
#ifndef LOFT_IMAP_CMD_CATENATE_H
#define LOFT_IMAP_CMD_CATENATE_H

#include "imap/session.h"
#include "mail/incoming.h"

/* Append what `url` names to `in`, piece by piece.
 *   copied_bytes  of all URLs of the command so far; a short command must not make endless work
 *   returns       0; with the response code set: BADURL for a URL that names nothing here that this user may
 *                 read, TOOBIG (-ERR_LIMIT); errors of the store */
MUST_USE int catenate_url(struct session *s, struct str url, struct incoming *in, uint64_t *copied_bytes,
                          struct err *err);

#endif
