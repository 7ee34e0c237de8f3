/* namespace.h: the NAMESPACE response, which LANGUAGE sends too.     RFC 2342, 5; RFC 5255, 3.2 */
#ifndef LOFT_IMAP_CMD_NAMESPACE_H
#define LOFT_IMAP_CMD_NAMESPACE_H

#include "imap/session.h"

/* Of a session that is signed in; prefixes also in the language of the session where there is a translation. Errors of the directory. */
MUST_USE int namespace_respond(struct session *s, struct err *err);

#endif
