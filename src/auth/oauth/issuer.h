/* issuer.h: what an issuer of tokens publishes: its keys, and where they are.     OpenID Connect Discovery 1.0, 4; RFC 8414
 * Keys come from a file, from an address of the settings, or from where the issuer's OpenID configuration says. All of it is
 * kept (kept.h): keys change, and an issuer that is down for an hour keeps nobody out.
 * Threads: any. Calls may block for as long as requests take. */
#ifndef LOFT_AUTH_ISSUER_H
#define LOFT_AUTH_ISSUER_H

#include "auth/oauth/http.h"
#include "auth/oauth/jwk.h"
#include "base/log.h"

enum { ISSUER_CONFIGURATION_BYTES_MAX = 64 * 1024 };

struct issuer_params {
    struct str issuer;             /* https://..., as `iss` has it; all borrow */
    const char *keys_file;         /* "": */
    const char *keys_url;          /* "": and no file either: as the OpenID configuration says */
    const char *introspection_url; /* "": as the OpenID configuration says */
    bool introspected;             /* its introspection address is needed */
    bool plain_on_loopback;
    const struct http *http; /* NULL: there is only a file */
    const struct clock *clock;
    struct logger log; /* told when keys could not be renewed */
    uint32_t fresh_s, stale_s, retry_s;
};

struct issuer;

/* Asks nobody yet. -ERR_INVALID: an address that must not be asked; -ERR_CANNOT: it would have to be asked, and there is no http. */
MUST_USE int issuer_new(const struct issuer_params *params, struct issuer **issuer_out, struct err *err);
void issuer_free(struct issuer **issuer);

/* Append the address of the issuer's OpenID configuration: Discovery, 4. */
void issuer_configuration_address(struct str issuer, struct buf *out);

/* The keys.
 *   older    as for kept_get: keys that were got before and did not do
 *   set_out  ref: jwk_set_unref()
 *   errors   -ERR_NOT_FOUND: none newer than `older`; -ERR_UNAVAILABLE */
MUST_USE int issuer_keys(struct issuer *issuer, const struct jwk_set *older, struct jwk_set **set_out,
                         struct err *err);

/* Append the address that tells whether a token is active (RFC 7662, 2). -ERR_UNAVAILABLE, also when there is none. */
MUST_USE int issuer_introspection_address(struct issuer *issuer, struct buf *out, struct err *err);

#endif
