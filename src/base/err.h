/* err.h: the one error convention of the house (STYLE section 4).
 * A function that can fail returns int: 0 done, negative -ERR_x; who notices fills `struct err` with a text
 * for people. Positive results exist only where a header names them. */
#ifndef LOFT_BASE_ERR_H
#define LOFT_BASE_ERR_H

#include "base/attr.h"

enum err_kind {
    ERR_NONE = 0,
    ERR_AGAIN,        /* not finished: call again when input came or output drained; not a failure */
    ERR_SYNTAX,       /* bytes that do not follow their grammar */
    ERR_INVALID,      /* follows the grammar, but the value makes no sense here */
    ERR_STATE,        /* not allowed in this state of the session */
    ERR_LIMIT,        /* beyond a named limit */
    ERR_NOT_FOUND,    /* no such mailbox, message, user, key, file */
    ERR_EXISTS,       /* already there */
    ERR_HAS_CHILDREN, /* mailbox with inferiors where none may be */
    ERR_CONFLICT,     /* the account moved on: plan again on its newer version */
    ERR_CANNOT,       /* legal, but this server will never do it (RFC 5530 CANNOT) */
    ERR_DENIED,       /* the right is missing (RFC 5530 NOPERM) */
    ERR_AUTH,         /* wrong credentials, without saying which part */
    ERR_EXPIRED,      /* the credential is right, and too old (RFC 5530 EXPIRED) */
    ERR_DISABLED, /* the credential is right, and the account may not be used now (RFC 5530 CONTACTADMIN) */
    ERR_NOT_AUTHORIZED, /* the credential is right, but not for the one it shall act for (RFC 5530 AUTHORIZATIONFAILED) */
    ERR_PRIVACY,     /* needs an encrypted connection first (RFC 5530 PRIVACYREQUIRED) */
    ERR_OVERQUOTA,   /* the account's quota is used up */
    ERR_FULL,        /* the machine is short of disk space */
    ERR_CHARSET,     /* charset not supported */
    ERR_UNKNOWN_CTE, /* transfer encoding not known (RFC 3516) */
    ERR_EXPUNGED,    /* the message is gone meanwhile (RFC 5530 EXPUNGEISSUED) */
    ERR_IO,          /* the system failed us: disk, socket, engine */
    ERR_CORRUPT,     /* stored bytes are damaged; text says where */
    ERR_UNAVAILABLE, /* a back end is down or we shut down: try later */
    ERR_CLOSED,      /* the peer is gone or the stream cannot be trusted any more */
    ERR_TIMEOUT,     /* took too long */
    ERR_KIND_COUNT
};

enum { ERR_TEXT_BYTES = 240 };

struct err {
    enum err_kind kind;
    char text[ERR_TEXT_BYTES]; /* for people, always terminated, no newline; never mail text or secrets */
};

/* Record an error. Returns -kind, so that `return err_set(err, ERR_LIMIT, "...");` reads well.
 * `err` may be NULL. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same for a failed system call: appends ": " and the text of errno value `errnum`.
 * ENOSPC and EDQUOT become ERR_FULL. */
int err_set_errno(struct err *err, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Put "text: " in front of what is already there, so that those above can add where it happened.
 * Returns -err->kind. */
int err_context(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Short lower-case name of a kind, for logs and JSON: "not-found". */
const char *err_kind_name(enum err_kind kind);

#endif
