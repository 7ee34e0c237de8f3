/* auth.h: may this one come in? Checks a name and a password, and makes guessing slow and dear.
 *
 *   equal work    an unknown or disabled user costs the same argon2id as a wrong password, and gets the same answer
 *   known good    a password that was right is remembered as a keyed digest (never itself) for a while, so that a client
 *                 that signs in again and again costs microseconds; a change to the user's record ends that
 *   few at once   argon2id takes memory: at most hashes_max run at a time, at most waiters_max wait, others are turned away
 *   delays        each failure makes the next answer to that address, and for that name, wait longer; forgotten with time.
 *                 The wait is not done here: it is told as delay_ms, and the session sits it out on a timer
 * Threads: any. A call blocks its worker while it hashes. Nothing is logged here: the session logs the outcome with the address. */
#ifndef LOFT_AUTH_AUTH_H
#define LOFT_AUTH_AUTH_H

#include "auth/users.h"

#include <sys/socket.h>

struct auth;

struct auth_params {
    struct users *users;                     /* borrows, until auth_free */
    const struct clock *clock;               /* borrows */
    uint32_t failure_delay_ms;               /* after the first failure; doubles with each further one */
    uint32_t failure_delay_max_ms;           /* and stops here */
    uint32_t failure_forget_s;               /* one failure is forgotten each time this passes */
    uint32_t known_good_max;                 /* passwords remembered; 0 remembers none */
    uint32_t known_good_s;                   /* for how long */
    uint32_t hashes_max;                     /* argon2id computations at once; 0 stands for 1 */
    uint32_t waiters_max;                    /* callers that wait for one */
    uint64_t hash_passes, hash_memory_bytes; /* as in users_params: for the work an unknown name costs */
};

MUST_USE int auth_new(const struct auth_params *params, struct auth **auth_out, struct err *err);
void auth_free(struct auth **auth);

struct auth_outcome {
    struct user user; /* when 0 was returned: who it is; `hash` is empty */
    uint32_t
        delay_ms; /* wait as long before the answer goes out, whether it is yes or no; the connection does nothing meanwhile */
};

/* Verify `password` of `name`.
 *   peer     address of the client (behind a proxy: the real one); NULL or AF_UNIX is local and keeps no score.
 *            IPv4 counts by address, also when mapped into IPv6; IPv6 by /64
 *   outcome  always filled, delay_ms also after an error
 *   errors   -ERR_AUTH (says no more than that); -ERR_UNAVAILABLE (too many wait for argon2id, or the store failed) */
MUST_USE int auth_verify_password(struct auth *auth, struct str name, struct str password,
                                  const struct sockaddr *peer, struct auth_outcome *outcome, struct err *err);

/* May a password be sent in the clear of this connection?     RFC 9051, 6.2.3 (LOGINDISABLED), 11.1
 * Yes under TLS, on a local socket, and on loopback when `plaintext_on_loopback` says so.
 *   peer  the other end of the socket itself, not what a proxy said: the proxied client is elsewhere */
bool auth_plaintext_allowed(bool tls, bool plaintext_on_loopback, const struct sockaddr *peer);

struct auth_stats {
    uint64_t ok_count, failed_count, known_good_count; /* known_good_count: of ok_count, without argon2id */
    uint64_t turned_away_count;
};
void auth_stats(struct auth *auth, struct auth_stats *out);

#endif
