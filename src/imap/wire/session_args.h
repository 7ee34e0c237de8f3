/* session_args.h: commands about the session: LOGIN, AUTHENTICATE, ENABLE, ID, COMPRESS, LANGUAGE,
 * COMPARATOR, and those
 * without arguments.
 * RFC 9051, 6.1 to 6.3.1 and 9; RFC 4959 (initial response); RFC 5161; RFC 2971; RFC 4978; RFC 5255, 3.5 */
#ifndef LOFT_IMAP_WIRE_SESSION_ARGS_H
#define LOFT_IMAP_WIRE_SESSION_ARGS_H

#include "imap/wire/parser.h"

enum { LANGUAGE_RANGES_MAX = 16, LANGUAGE_RANGE_BYTES_MAX = 255 };
enum { COMPARATORS_MAX = 16, COMPARATOR_BYTES_MAX = 254 };                      /* RFC 4790, 3.2 */
enum { ID_PAIRS_MAX = 30, ID_FIELD_BYTES_MAX = 30, ID_VALUE_BYTES_MAX = 1024 }; /* RFC 2971, 3.3 */

struct login_args {
    struct str user, password; /* both borrow: the session wipes the command's bytes */
};

struct authenticate_args {
    struct str mechanism;
    bool has_initial;   /* an initial response came along */
    struct str initial; /* base64 as sent, "" where "=" was sent (RFC 4959, 3) */
};

struct enable_args {
    struct str *names; /* unknown ones too: they are to be ignored (RFC 5161, 3.1) */
    size_t count;
};

struct language_args {
    struct str *ranges; /* RFC 4647 language ranges as sent, or "default" */
    size_t count;       /* 0: which ones are there? */
};

struct comparator_args {
    struct str *orders; /* RFC 4790 collation-orders as sent */
    size_t count;       /* 0: which one is active? */
};

struct id_pair {
    struct str field, value; /* value may be NIL */
};

struct id_args {
    struct id_pair *pairs;
    size_t count; /* 0: NIL or "()" */
};

/* The mechanisms of COMPRESS that we have. RFC 4978, 5 */
enum compress_algorithm { COMPRESS_DEFLATE };

struct compress_args {
    enum compress_algorithm algorithm;
};

/* `p` stands behind the command name; args_out lives in p->arena (NULL for no_args_parse). -ERR_SYNTAX, -ERR_LIMIT. */
MUST_USE int no_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int login_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int authenticate_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int enable_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int language_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int comparator_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int compress_args_parse(struct parser *p, const void **args_out, struct err *err);
MUST_USE int id_args_parse(struct parser *p, const void **args_out, struct err *err);

#endif
