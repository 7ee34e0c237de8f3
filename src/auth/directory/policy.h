/* policy.h: which passwords people may choose, and for how long they hold. Length, and a list of those that everybody
 * guesses first: no rules about digits or signs, which make people write "Password1!" (NIST SP 800-63B, 5.1.1.2).
 * It looks at new passwords only; those that are there stay.
 * Threads: any; it does not change. */
#ifndef LOFT_AUTH_POLICY_H
#define LOFT_AUTH_POLICY_H

#include "auth/directory/users.h"

enum { POLICY_LIST_BYTES_MAX = 64 * 1024 * 1024 };

struct policy;

struct policy_params {
    uint32_t length_min; /* characters */
    /* File with a password a line; lines that begin with "#!comment:" are none. "": no list. One that is not there is no error:
     * see policy_list_count. */
    const char *list;
    uint32_t days; /* for which a password holds; 0: always */
};

/* -ERR_LIMIT, -ERR_IO, -ERR_DENIED: the list. */
MUST_USE int policy_new(const struct policy_params *params, struct policy **policy_out, struct err *err);
void policy_free(struct policy **policy);

/* Passwords in the list. 0 where there is a name of a list: the file is not there, or empty. */
size_t policy_list_count(const struct policy *policy);

/* May `name` have this password? -ERR_INVALID with a text that says why not: characters that RFC 8265, 4.2 does not
 * allow (those that are there stay), too short, in the list (in any case of
 * its letters), or the name itself or what stands before its "@". */
MUST_USE int policy_check(const struct policy *policy, struct str name, struct str password, struct err *err);

/* From when on is the password of this record too old (wall clock)? 0: never, as that of a user of a provider: it is not ours. */
int64_t policy_expiry_ms(const struct policy *policy, const struct user *user);
bool policy_expired(const struct policy *policy, const struct user *user, int64_t wall_ms);

#endif
