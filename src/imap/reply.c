#include "imap/reply.h"

#include <stddef.h>

/* clang-format off */
static const struct reply_rule rules[ERR_KIND_COUNT] = {
    [ERR_NONE]         = { "NO",  "SERVERBUG",            "Internal error",                                          LEVEL_ERROR },
    [ERR_AGAIN]        = { "NO",  "SERVERBUG",            "Internal error",                                          LEVEL_ERROR },
    [ERR_SYNTAX]       = { "BAD", "",                     NULL,                                                      LEVEL_DEBUG },
    [ERR_INVALID]      = { "BAD", "",                     NULL,                                                      LEVEL_DEBUG },
    [ERR_STATE]        = { "BAD", "",                     NULL,                                                      LEVEL_DEBUG },
    [ERR_LIMIT]        = { "NO",  "LIMIT",                NULL,                                                      LEVEL_INFO  },
    [ERR_NOT_FOUND]    = { "NO",  "NONEXISTENT",          NULL,                                                      LEVEL_DEBUG },
    [ERR_EXISTS]       = { "NO",  "ALREADYEXISTS",        NULL,                                                      LEVEL_DEBUG },
    [ERR_HAS_CHILDREN] = { "NO",  "HASCHILDREN",          NULL,                                                      LEVEL_DEBUG },
    [ERR_CONFLICT]     = { "NO",  "INUSE",                "The account is changing too fast, try again",             LEVEL_WARN  },
    [ERR_CANNOT]       = { "NO",  "CANNOT",               NULL,                                                      LEVEL_DEBUG },
    [ERR_DENIED]       = { "NO",  "NOPERM",               NULL,                                                      LEVEL_DEBUG },
    [ERR_AUTH]         = { "NO",  "AUTHENTICATIONFAILED", "Authentication failed",                                   LEVEL_INFO  },
    [ERR_EXPIRED]      = { "NO",  "EXPIRED",              NULL,                                                      LEVEL_INFO  },
    [ERR_DISABLED]     = { "NO",  "CONTACTADMIN",         NULL,                                                      LEVEL_INFO  },
    [ERR_NOT_AUTHORIZED] = { "NO", "AUTHORIZATIONFAILED", NULL,                                                      LEVEL_INFO  },
    [ERR_PRIVACY]      = { "NO",  "PRIVACYREQUIRED",      NULL,                                                      LEVEL_INFO  },
    [ERR_OVERQUOTA]    = { "NO",  "OVERQUOTA",            NULL,                                                      LEVEL_INFO  },
    [ERR_FULL]         = { "NO",  "UNAVAILABLE",          "The server is short of disk space, try again later",      LEVEL_ERROR },
    [ERR_CHARSET]      = { "NO",  "BADCHARSET",           NULL,                                                      LEVEL_DEBUG },
    [ERR_UNKNOWN_CTE]  = { "NO",  "UNKNOWN-CTE",          NULL,                                                      LEVEL_DEBUG },
    [ERR_EXPUNGED]     = { "NO",  "EXPUNGEISSUED",        "Some messages have been expunged",                        LEVEL_DEBUG },
    [ERR_IO]           = { "NO",  "UNAVAILABLE",          "Temporary failure, try again later",                      LEVEL_ERROR },
    [ERR_CORRUPT]      = { "NO",  "CORRUPTION",           "Stored data is damaged, the administrator has been told", LEVEL_ERROR },
    [ERR_UNAVAILABLE]  = { "NO",  "UNAVAILABLE",          "Temporarily not available, try again later",              LEVEL_WARN  },
    [ERR_CLOSED]       = { "NO",  "UNAVAILABLE",          "Closing",                                                 LEVEL_DEBUG },
    [ERR_TIMEOUT]      = { "NO",  "UNAVAILABLE",          "Took too long",                                           LEVEL_WARN  },
};
/* clang-format on */

const struct reply_rule *reply_rule(enum err_kind kind)
{
    return &rules[(unsigned)kind < ERR_KIND_COUNT && rules[kind].kind ? kind : ERR_NONE];
}
