/* sasl_password.h: the message of PLAIN. Bytes in, values out.     RFC 4616 */
#ifndef LOFT_AUTH_SASL_PASSWORD_H
#define LOFT_AUTH_SASL_PASSWORD_H

#include "auth/directory/users.h"

struct sasl_plain {
    struct str authzid; /* who to act as; "" for the same as authcid */
    struct str authcid; /* whose password it is */
    struct str password;
};

/* message = [authzid] UTF8NUL authcid UTF8NUL passwd      RFC 4616, 2
 *   plain_out  borrows `message`
 *   errors     -ERR_SYNTAX: not two NULs, empty authcid or passwd, not UTF-8;
 *              -ERR_LIMIT: a name above USER_NAME_BYTES_MAX, a password above USER_PASSWORD_BYTES_MAX */
MUST_USE int sasl_plain_parse(struct str message, struct sasl_plain *plain_out, struct err *err);

#endif
