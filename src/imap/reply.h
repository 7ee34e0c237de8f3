/* reply.h: the one place that turns errors into replies.    STYLE 5.6; RFC 5530 */
#ifndef LOFT_IMAP_REPLY_H
#define LOFT_IMAP_REPLY_H

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"

struct reply_rule {
    const char *kind; /* "NO" or "BAD" */
    const char *code; /* response code, "" for none */
    const char *text; /* NULL: the error's own; else this, since the detail is not the client's business */
    enum log_level level; /* how loud the log says it */
};

const struct reply_rule *reply_rule(enum err_kind kind);

#endif
