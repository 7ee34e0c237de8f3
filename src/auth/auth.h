/* auth.h: may this one come in? Checks a name and a password, and makes guessing slow and dear.
 *
 *   equal work   An unknown or disabled user costs the same argon2id as a wrong password, and gets the same
 *                answer.
 *   known good   A password that was right is remembered for that client, as a keyed digest and never itself,
 *                so that a client that signs in again and again costs microseconds and is never delayed. Any
 *                change to the user's record ends that.
 *   few at once  argon2id takes memory: at most hashes_max run at a time and at most waiters_max wait; others
 *                are turned away.
 *   delays       Each failure makes the next answers to that client, and for that name, wait longer. Time
 *                forgets failures. The wait is not done here: the session is told it and sits it out on a
 *                timer. It holds for yes as for no, so that hanging up early tells a guesser nothing. A
 *                client with AUTH_FAILURES_MAX failures gets one attempt in failure_delay_max_ms, and the
 *                others are turned away without a look.
 * Threads: any. A call blocks its worker while it hashes. Nothing is logged here: the session logs the
 * outcome, with the address. */
#ifndef LOFT_AUTH_AUTH_H
#define LOFT_AUTH_AUTH_H

#include "auth/users.h"

enum { AUTH_FAILURES_MAX = 12 }; /* of one client, not forgotten yet */

struct auth;

struct auth_params {
    struct users *users;                     /* borrows, until auth_free */
    const struct clock *clock;               /* borrows */
    uint32_t failure_delay_ms;               /* after the first failure; doubles with each further one */
    uint32_t failure_delay_max_ms;           /* and stops here */
    uint32_t failure_forget_s;               /* one failure is forgotten each time this passes; not 0 */
    uint32_t known_good_max;                 /* sign-ins remembered; 0 remembers none */
    uint32_t known_good_s;                   /* for how long */
    uint32_t hashes_max;                     /* argon2id computations at once; not 0 */
    uint32_t waiters_max;                    /* callers that wait for one of them */
    uint64_t hash_passes, hash_memory_bytes; /* as in users_params: the work that an unknown name costs */
};

/* Takes as long as one argon2id. -ERR_UNAVAILABLE when there is no memory for it. */
MUST_USE int auth_new(const struct auth_params *params, struct auth **auth_out, struct err *err);
void auth_free(struct auth **auth);

struct auth_outcome {
    /* When 0 was returned: who it is; `hash` is empty. With a `referral` the user belongs to another server: a back end
     * may answer so, too. */
    struct user user;
    uint32_t delay_ms; /* hold the answer back for so long, be it yes or no, and read nothing meanwhile */
};

/* Verify `password` of `name`.
 *   client   who counts as one client, such as addr_client_key() of net/addr.h says of the real peer; NIL
 *            (a local socket) keeps no score
 *   outcome  always filled; delay_ms also holds after an error
 *   errors   -ERR_AUTH, which says no more than that; -ERR_UNAVAILABLE: too many failures of this client or
 *            too many sign-ins at once (the text says which), or the store failed. This was no failed
 *            sign-in: do not tell the client that the password is wrong */
MUST_USE int auth_verify_password(struct auth *auth, struct str name, struct str password, struct str client,
                                  struct auth_outcome *outcome, struct err *err);

/* May a password come over this connection?     RFC 9051, 6.2.3 (LOGINDISABLED) and 11.1
 *   loopback  the other end of the socket itself is on this machine; what a proxy says of its client does not
 *             count: that one is elsewhere */
static inline bool auth_plaintext_allowed(bool tls, bool loopback, bool plaintext_on_loopback)
{
    return tls || (loopback && plaintext_on_loopback);
}

struct auth_stats {
    uint64_t ok_count, failed_count;
    uint64_t known_good_count;  /* of ok_count: without argon2id */
    uint64_t turned_away_count; /* -ERR_UNAVAILABLE */
};
void auth_stats(struct auth *auth, struct auth_stats *out);

#endif
