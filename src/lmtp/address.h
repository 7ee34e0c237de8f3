/* address.h: paths of MAIL and RCPT: "<anna+lists@example.org>" and its parameters.     RFC 5321, 4.1.2 and 4.1.1; RFC 6531, 3.3 */
#ifndef LOFT_LMTP_ADDRESS_H
#define LOFT_LMTP_ADDRESS_H

#include "base/arena.h"
#include "base/err.h"

enum { LMTP_PATH_BYTES_MAX = 512, LMTP_PARAMETERS_MAX = 20 };

/* Read "<path>" at the start of `in`: source route dropped, quoted local part unquoted.
 *   path_out  "local@domain", "local", or "" for "<>"; in the arena
 *   rest_out  what follows, trimmed: the parameters
 *   errors    -ERR_SYNTAX: no brackets, NUL or control bytes, empty local part (CVE-2020-10967); -ERR_LIMIT */
MUST_USE int lmtp_path_parse(struct str in, struct arena *arena, struct str *path_out, struct str *rest_out, struct err *err);

/* The next "KEY=value" or "KEY" of `*rest`; false at the end. */
bool lmtp_parameter_next(struct str *rest, struct str *key_out, struct str *value_out);

/* "anna+lists@example.org" with '+': user "anna@example.org", detail "lists". Without the delimiter (or when it is '\0'): detail NIL. */
void lmtp_address_split(struct str address, char delimiter, struct arena *arena, struct str *user_out, struct str *detail_out);

#endif
