/* bearer.h: why a bearer token was not taken, and how its client is told.     RFC 6750, RFC 7628
 * Threads: none needed; values. */
#ifndef LOFT_AUTH_BEARER_H
#define LOFT_AUTH_BEARER_H

#include "base/buf.h"

enum {
    TOKEN_BYTES_MAX = 16 * 1024, /* those that carry many groups have some KB */
};

enum token_fault {
    TOKEN_OK,
    TOKEN_MALFORMED, /* no token at all, or one of a kind that is not spoken here */
    TOKEN_SIGNATURE, /* not signed by a key of the issuer with an algorithm that is allowed */
    TOKEN_ISSUER,    /* of somebody else */
    TOKEN_AUDIENCE,  /* for another service */
    TOKEN_EXPIRED,
    TOKEN_NOT_YET, /* valid from later on */
    TOKEN_SCOPE,   /* good, but not for mail */
    TOKEN_REVOKED, /* the issuer says that it is not active, without saying why */
    TOKEN_BOUND,   /* good for who holds a certain key only, which a bearer does not show (RFC 9449, 7.1) */
    TOKEN_USER,    /* good, but names nobody, or somebody other than the client does */
    TOKEN_FAULT_COUNT
};

const char *token_fault_name(enum token_fault fault); /* "expired": for logs */

/* b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="     RFC 6750, 2.1; at most TOKEN_BYTES_MAX */
bool token_is_well_formed(struct str token);

/* What helps a client to get a token that is taken. From settings; "" or NIL is left out. */
struct bearer_hint {
    struct str scope;         /* of oauth.scope */
    struct str configuration; /* URL of the issuer's OpenID configuration */
};

/* Append the JSON that tells a client of OAUTHBEARER that its token was refused.     RFC 7628, 3.2.2
 *   scope_missing  the fault was TOKEN_SCOPE; all other faults look the same from outside (RFC 6750, 3.1) */
void bearer_error(const struct bearer_hint *hint, bool scope_missing, struct buf *out);
/* The form that Google gave to XOAUTH2, with a status of HTTP. */
void bearer_error_google(const struct bearer_hint *hint, struct buf *out);

#endif
