/* guard.h: guessing passwords is slow and dear: who failed lately, from where, and what follows from it.
 *
 *   address   An IPv4 address or the /64 of an IPv6 one. Each failure doubles the delay of its answers; with GUARD_ADDRESS_FAILURES_MAX
 *             that are not forgotten it gets one attempt in failure_delay_max_ms and is turned away in between.
 *   network   The /24 or /48 around it: nothing up to network_failures, then the same.
 *   account   A name, whether there is such a user or not. The same delays; with lock_failures it is locked for lock_s: then
 *             whatever is brought counts as wrong and is not looked at. That says nothing about who exists.
 *   device    An account at an address that it was used from in the last FAMILIAR_DAYS (familiar.h). It has a score and a
 *             lock of its own. What strangers do to the account does not hold for it, nor what others do at that address: many
 *             people may share one. With half of lock_failures it is turned away as an address is.
 * The same wrong password again locks nothing: a device that was not told of a new one would lock its owner out.
 * Time forgets one failure each failure_forget_s. Addresses of auth.trusted_networks keep no score of their own: a webmail server, say.
 *
 * All of it survives a restart, in a file that a thread writes a few seconds after something has changed:
 *   "LoftGrd1"; u64 wall clock in ms; the tables of throttle.h and familiar.h; u64 XXH3 of all before
 * One that is damaged is told in the log and begun anew.
 * Threads: any. */
#ifndef LOFT_AUTH_GUARD_H
#define LOFT_AUTH_GUARD_H

#include "auth/directory/users.h"
#include "auth/peer.h"
#include "auth/throttle.h"
#include "base/clock.h"
#include "base/log.h"

enum {
    GUARD_ADDRESS_FAILURES_MAX = 12,
    GUARD_NETWORK_FAILURES_MAX = THROTTLE_FAILURES_MAX,
    GUARD_KEY_BYTES = USER_NAME_BYTES_MAX + 64,
};

struct guard_params {
    const struct clock *clock;     /* borrows */
    uint32_t failure_delay_ms;     /* after the first failure; doubles with each further one */
    uint32_t failure_delay_max_ms; /* and stops here */
    uint32_t failure_forget_s;     /* not 0 */
    uint32_t lock_failures;        /* 0: accounts are never locked; at most THROTTLE_FAILURES_MAX */
    uint32_t lock_s;
    uint32_t network_failures; /* 0: networks are not counted; at most GUARD_NETWORK_FAILURES_MAX */
    const char *trusted;       /* borrows: networks, as network_list_check takes them; NULL: none */
    const char *path;          /* copies: of the file; NULL: nothing is kept */
    struct logger log;         /* told of the file's troubles */
    struct audit *audit;       /* borrows; told when an account is locked; NULL: nobody is */
};

struct guard;

/* Reads the file and starts the thread that writes it. */
struct guard *guard_new(const struct guard_params *params);
void guard_free(struct guard **guard); /* writes what is not written yet */

/* ---- one attempt ---- */

/* Who tries. Filled by guard_look. */
struct guard_subject {
    char place[THROTTLE_TEXT_BYTES];                                 /* "192.0.2.1"; "": a local socket */
    char address[THROTTLE_TEXT_BYTES], network[THROTTLE_TEXT_BYTES]; /* "": not counted */
    char account[USER_NAME_BYTES_MAX + 1];                           /* "": no name that could be anybody's */
    char device[GUARD_KEY_BYTES];                                    /* "": a stranger to this account */
};

enum guard_answer {
    GUARD_PASS,
    GUARD_TURN_AWAY, /* do not look at the credential; wait_ms says for how long */
    GUARD_LOCKED,    /* do not look at a password, and answer as if it were wrong */
};

struct guard_verdict {
    enum guard_answer answer;
    uint32_t delay_ms; /* hold the answer back, be it yes or no */
    int64_t wait_ms;   /* GUARD_TURN_AWAY */
};

/*   name     normalised; "" when it can be nobody's
 *   account  its account; 0: none */
struct guard_verdict guard_look(struct guard *guard, const struct auth_peer *peer, const char *name,
                                uint64_t account, struct guard_subject *subject_out);
enum guard_failure {
    GUARD_GUESSED,
    GUARD_REPEATED, /* the same wrong password again: as throttle_add_repeated */
    GUARD_UNSEEN, /* no credential was looked at, since the account was locked, say: only the address is to blame */
};
/* The delay that follows. */
uint32_t guard_failed(struct guard *guard, const struct guard_subject *subject, enum guard_failure failure);
void guard_succeeded(struct guard *guard, const struct guard_subject *subject, uint64_t account);

/* ---- for administrators ---- */

struct guard_counts {
    size_t locked_accounts, locked_devices, addresses,
        networks; /* addresses and networks that are turned away */
};
void guard_counts(struct guard *guard, struct guard_counts *out);
void guard_each(struct guard *guard, throttle_fn *fn, void *ctx); /* throttle_each */
/* Forget an address, a network or an account ("anna" also means its devices), or with NIL everybody. How many entries it were. */
size_t guard_clear(struct guard *guard, struct str key);

/* ---- the file, for tests and fuzzing ---- */

void guard_encode(struct guard *guard, struct buf *out);
MUST_USE int guard_decode(struct guard *guard, struct str bytes, struct err *err); /* -ERR_CORRUPT */

#endif
