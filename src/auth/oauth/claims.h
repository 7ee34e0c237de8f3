/* claims.h: what a token says, and whether that counts here.     RFC 7519, 4.1; RFC 9068, 2.2; RFC 7662, 2.2
 * The same rules for the body of a token whose signature was right and for what an issuer answers of one.
 * Threads: none; values. */
#ifndef LOFT_AUTH_CLAIMS_H
#define LOFT_AUTH_CLAIMS_H

#include "auth/bearer.h"
#include "auth/directory/users.h"
#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>

enum { CLAIMS_GROUPS_MAX = 256, CLAIMS_GROUP_BYTES_MAX = 255 };

/* From settings; borrows. Lists have spaces or commas between. A claim is named by its key or, inside of others, by a path with
 * dots: "realm_access.roles". */
struct claims_rules {
    struct str issuer;     /* `iss` must be this */
    struct str audience;   /* list: `aud` must have one of these; "" for any */
    struct str scope;      /* list: `scope` (or `scp`) must have all of these */
    struct str user;       /* claim that holds the user's name */
    struct str groups;     /* claim that holds the names of groups; "": none does */
    bool unverified_email; /* take `email` as the name although `email_verified` is not true */
    uint32_t leeway_s;     /* by which clocks may differ */
};

struct token_facts {
    enum token_fault fault;
    char name[USER_NAME_BYTES_MAX + 1]; /* normalised */
    int64_t expires_ms;                 /* wall clock, with the leeway; 0: it does not say */
    bool groups_known;
    struct buf groups; /* names, each with a NUL behind it */
};

/*   self_contained  nobody but the token says it: then iss and exp must be there. An issuer who is asked may leave them out;
 *                   what it says must still be right
 *   facts_out       always filled: after -ERR_AUTH `fault` says why. token_facts_deinit() it
 *   errors          -ERR_AUTH */
MUST_USE int claims_check(const json_t *claims, const struct claims_rules *rules, bool self_contained,
                          int64_t now_wall_ms, struct token_facts *facts_out, struct err *err);
void token_facts_deinit(struct token_facts *facts);

/* Record the fault and its text. Returns -ERR_AUTH. */
int token_facts_refuse(struct token_facts *facts, enum token_fault fault, const char *text, struct err *err);

#endif
