/* introspection.h: asking the issuer whether a token is active.     RFC 7662
 * A yes is remembered for a while, under a keyed digest of the token: so it says of that token only whose it is, and whether the
 * client claims that name is looked at each time. A no is never remembered.
 * Threads: any. A call may block for as long as requests take. */
#ifndef LOFT_AUTH_INTROSPECTION_H
#define LOFT_AUTH_INTROSPECTION_H

#include "auth/oauth/claims.h"
#include "auth/oauth/issuer.h"

enum {
    INTROSPECTION_ANSWER_BYTES_MAX = 64 * 1024,
    INTROSPECTION_SECRET_BYTES_MAX = 1024,
};

/* How we show who we are: RFC 6749, 2.3.1. */
enum client_auth { CLIENT_AUTH_BASIC, CLIENT_AUTH_POST };

struct introspection_params {
    struct issuer *issuer; /* all borrow */
    const struct http *http;
    const struct clock *clock;
    const struct claims_rules *rules;
    struct str client_id;     /* "": we do not say who we are */
    struct str client_secret; /* copied, and wiped in the end */
    enum client_auth client_auth;
    uint32_t cache_s;     /* a yes counts for so long, and never longer than the token; 0: not at all */
    uint32_t cache_count; /* tokens that are remembered */
};

struct introspection;

struct introspection *introspection_new(const struct introspection_params *params);
void introspection_free(struct introspection **introspection);

/*   token      well-formed (bearer.h)
 *   facts_out  always filled, as by claims_check(); token_facts_deinit() it
 *   errors     -ERR_AUTH: the issuer says no, or the rules do; -ERR_UNAVAILABLE: it says nothing that can be understood, or
 *              does not know us */
MUST_USE int introspection_ask(struct introspection *introspection, struct str token,
                               struct token_facts *facts_out, struct err *err);

/* The issuer's answer of status 200. For introspection.c, and for who fuzzes it. */
MUST_USE int introspection_read(struct str body, const struct claims_rules *rules, int64_t now_wall_ms,
                                struct token_facts *facts_out, struct err *err);

#endif
