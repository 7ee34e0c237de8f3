/* reason.h: why somebody may not come in: for the log, the audit log and counters. The client hears the error's kind only. */
#ifndef LOFT_AUTH_REASON_H
#define LOFT_AUTH_REASON_H

enum auth_reason {
    AUTH_OK,
    AUTH_WRONG,        /* the credential is not that user's */
    AUTH_UNKNOWN_USER, /* no provider knows the name */
    AUTH_LOCKED,       /* the account, for a while, after many failures: the credential was not looked at */
    AUTH_THROTTLED,    /* this client, after many failures: the credential was not looked at */
    AUTH_DISABLED,     /* by the administrator */
    AUTH_REVOKED,      /* the user's record has changed since the credential was looked at */
    AUTH_EXPIRED,      /* the password is right and too old */
    AUTH_SECOND_FACTOR_MISSING, /* a password alone does not open this account */
    AUTH_SCOPE,                 /* an app password for other protocols, a token that is not for mail */
    AUTH_ADDRESS_REFUSED,       /* an app password that is for other networks */
    AUTH_TOKEN_BAD,
    AUTH_TOKEN_EXPIRED,
    AUTH_CERTIFICATE_BAD,
    AUTH_CHANNEL_BINDING, /* RFC 5802, 6: somebody may sit in between */
    AUTH_NOT_AUTHORIZED,  /* the credential is right, but its user may not act for the other */
    AUTH_PROVIDER_DOWN,
    AUTH_TOO_MANY, /* sign-ins at once */
    AUTH_MALFORMED,
    AUTH_REASON_COUNT
};

/* "unknown-user" */
const char *auth_reason_name(enum auth_reason reason);

#endif
