/* filters.h: the named searches of a user, for the parser.     RFC 5466, 3
 * They are annotations of the server: the private "/filters/values/NAME", or else the shared one. */
#ifndef LOFT_IMAP_FILTERS_H
#define LOFT_IMAP_FILTERS_H

#include "imap/session.h"
#include "imap/wire/search_filter.h"

/* Those that the session's user has; ctx is the session. */
struct search_filters filters_of(struct session *s);

/* A value that SETMETADATA wants to keep under `entry` of the server: is it a search, if it must be one?
 * -ERR_CANNOT with what is wrong. RFC 5466, 3.2 */
MUST_USE int filters_check(struct str entry, struct str value, struct err *err);

#endif
