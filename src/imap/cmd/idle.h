/* idle.h: IDLE.     RFC 2177; RFC 9051, 6.3.13 */
#ifndef LOFT_IMAP_CMD_IDLE_H
#define LOFT_IMAP_CMD_IDLE_H

#include "imap/session.h"

/* The line that ends it: "DONE". */
void idle_line(struct session *s, struct str line);

#endif
