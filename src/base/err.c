#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[ERR_KIND_COUNT] = {
    [ERR_NONE] = "none",
    [ERR_AGAIN] = "again",
    [ERR_SYNTAX] = "syntax",
    [ERR_INVALID] = "invalid",
    [ERR_STATE] = "state",
    [ERR_LIMIT] = "limit",
    [ERR_NOT_FOUND] = "not-found",
    [ERR_EXISTS] = "exists",
    [ERR_HAS_CHILDREN] = "has-children",
    [ERR_CONFLICT] = "conflict",
    [ERR_CANNOT] = "cannot",
    [ERR_DENIED] = "denied",
    [ERR_AUTH] = "auth",
    [ERR_EXPIRED] = "expired",
    [ERR_DISABLED] = "disabled",
    [ERR_NOT_AUTHORIZED] = "not-authorized",
    [ERR_PRIVACY] = "privacy",
    [ERR_OVERQUOTA] = "over-quota",
    [ERR_FULL] = "full",
    [ERR_CHARSET] = "charset",
    [ERR_UNKNOWN_CTE] = "unknown-cte",
    [ERR_EXPUNGED] = "expunged",
    [ERR_IO] = "io",
    [ERR_CORRUPT] = "corrupt",
    [ERR_UNAVAILABLE] = "unavailable",
    [ERR_CLOSED] = "closed",
    [ERR_TIMEOUT] = "timeout",
};

/* A text for people stays on one line whatever was formatted into it. */
static void flatten(char *text)
{
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
}

int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        err->kind = kind;
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
        flatten(err->text);
    }
    return -(int)kind;
}

int err_set_errno(struct err *err, int errnum, const char *fmt, ...)
{
    enum err_kind kind = errnum == ENOSPC || errnum == EDQUOT ? ERR_FULL : ERR_IO;
    if (err) {
        char what[ERR_TEXT_BYTES];
        char system_text[80];
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(what, sizeof what, fmt, ap);
        va_end(ap);
        err_set(err, kind, "%.150s: %.80s", what, strerror_r(errnum, system_text, sizeof system_text));
    }
    return -(int)kind;
}

int err_context(struct err *err, const char *fmt, ...)
{
    if (!err)
        return -(int)ERR_IO;
    char what[ERR_TEXT_BYTES], old[ERR_TEXT_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    memcpy(old, err->text, sizeof old);
    return err_set(err, err->kind, "%.110s: %.126s", what, old);
}

const char *err_kind_name(enum err_kind kind)
{
    return (unsigned)kind < ERR_KIND_COUNT ? kind_names[kind] : "unknown";
}
