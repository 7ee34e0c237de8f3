/* provider_oauth.h: users who sign in with a token of an OAuth 2 or OpenID Connect issuer.     RFC 6750, 7628, 7519, 9068, 7662
 *
 *   token -- a JWT, by the keys of the issuer (jwt.h, issuer.h) ---+
 *         \- any, by asking the issuer (introspection.h) ----------+-- claims.h: issuer, audience, time, scope, user, groups
 *                                                                  +-- the name that the client claims
 * Nobody else knows tokens, so a token that is not taken is -ERR_AUTH: there is no weaker provider to go on with. An issuer
 * that cannot be asked is -ERR_UNAVAILABLE. What files and network it needs is told in http.h; beside that oauth.keys_file is
 * read again while it runs, oauth.client_secret_file at the start only. */
#ifndef LOFT_AUTH_PROVIDER_OAUTH_H
#define LOFT_AUTH_PROVIDER_OAUTH_H

#include "auth/directory/names.h"
#include "auth/oauth/http.h"
#include "auth/oauth/introspection.h"
#include "auth/provider.h"

enum oauth_validation {
    OAUTH_LOCAL,         /* JWTs, by keys */
    OAUTH_INTROSPECTION, /* by asking about each token */
    OAUTH_EITHER,        /* what has the form of a JWT by keys, the rest by asking */
};

/* The settings of section [oauth]. All strings are copied. */
struct provider_oauth_params {
    enum oauth_validation validation;
    const char *issuer, *audience, *scope, *user_claim, *groups_claim, *algorithms;
    bool unverified_email;
    bool access_tokens_only; /* a JWT must say that it is one (RFC 9068, 4): no ID token is */
    uint32_t leeway_s;
    const char *keys_file, *keys_url;
    uint32_t keys_fresh_s, keys_stale_s, keys_retry_s;
    const char *introspection_url, *client_id, *client_secret_file;
    enum client_auth client_auth;
    uint32_t cache_s, cache_count;
    const char *ca_file, *proxy;
    uint32_t timeout_ms, requests_at_once;
    bool plain_on_loopback;
    const struct clock *clock; /* borrows */
    struct logger log;
    struct names *names;     /* borrows; NULL: users are called as the token says */
    const struct http *http; /* borrows; NULL: one is made from the above */
};

/*   errors  -ERR_INVALID: settings that miss something, or do not go together; the text names the setting; -ERR_CANNOT: built
 *           without libcurl, and an issuer would have to be asked; -ERR_IO, -ERR_NOT_FOUND: a file */
MUST_USE int provider_oauth_new(const struct provider_oauth_params *params, struct provider *provider_out,
                                struct err *err);

#endif
