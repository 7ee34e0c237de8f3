/* capability.h: what we announce, by state. Never announce what does not fully work. */
#ifndef LOFT_IMAP_CAPABILITY_H
#define LOFT_IMAP_CAPABILITY_H

#include "imap/session.h"

/* The names for this session as it is now, separated by spaces: "IMAP4rev2 IMAP4rev1 ...". */
void capability_write(const struct session *s, struct buf *out);

/* Is `name` in a list of names to hide (with spaces or commas between; "NAME*" is all that begin so)?
 * STARTTLS and LOGINDISABLED never are: who does not know of them sends passwords in clear. */
bool capability_is_hidden(struct str name, struct str list);

/* May credentials come over this connection? Over TLS, or from this machine where a setting allows it. */
bool capability_private_enough(const struct session *s);
/* May they be a password, by LOGIN? Only where PLAIN may, too.  RFC 9051, 6.2.3 */
bool capability_login_allowed(const struct session *s);

#endif
