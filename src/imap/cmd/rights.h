/* rights.h: the MYRIGHTS response, for MYRIGHTS and for LIST RETURN (MYRIGHTS).     RFC 4314, 3.8; RFC 8440 */
#ifndef LOFT_IMAP_CMD_RIGHTS_H
#define LOFT_IMAP_CMD_RIGHTS_H

#include "imap/session.h"

/* "* MYRIGHTS name lrs". */
void myrights_write(struct session *s, struct str name, unsigned rights);

#endif
