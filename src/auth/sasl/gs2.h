/* gs2.h: what the first message of SCRAM and of OAUTHBEARER begins with.     RFC 5801, 4; RFC 5802, 7; RFC 7628, 3.1
 *
 *   gs2-header = gs2-cb-flag "," [ "a=" saslname ] ","        gs2-cb-flag = "p=" cb-name / "n" / "y"
 * The prefix "F," of RFC 5801 stands for GSS-API mechanisms without tokens of the usual form: not for ours, refused.
 * Threads: none needed; values. */
#ifndef LOFT_AUTH_GS2_H
#define LOFT_AUTH_GS2_H

#include "auth/directory/users.h"

enum { GS2_BINDING_NAME_BYTES_MAX = 32 };

enum gs2_binding {
    GS2_NO_BINDING = 'n',       /* the client does not support channel binding */
    GS2_NOT_OFFERED = 'y',      /* it does, and believes that we do not */
    GS2_BINDING_REQUIRED = 'p', /* it uses it */
};

struct gs2_header {
    enum gs2_binding binding;
    struct str binding_name; /* borrows the message; "tls-exporter", say; NIL but for GS2_BINDING_REQUIRED */
    char authzid[USER_NAME_BYTES_MAX + 1]; /* decoded; "" for none */
    struct str bytes;                      /* borrows: the whole header with its last comma */
};

/* The header that `message` begins with; `rest_out` is what follows.
 *   errors  -ERR_SYNTAX; -ERR_LIMIT: a name above its limit */
MUST_USE int gs2_parse(struct str message, struct gs2_header *header_out, struct str *rest_out,
                       struct err *err);

/* saslname, where "," is "=2C" and "=" is "=3D", into `name_out` with a NUL.     RFC 5802, 5.1
 *   errors  -ERR_SYNTAX: another "=", empty, a NUL, not UTF-8; -ERR_LIMIT above USER_NAME_BYTES_MAX */
MUST_USE int gs2_decode_name(struct str saslname, char name_out[USER_NAME_BYTES_MAX + 1], struct err *err);

#endif
