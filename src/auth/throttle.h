/* throttle.h: how often somebody failed lately, in a table of fixed size. Where it is full, the mildest of
 * those that share a place is forgotten first, so that who makes up names pushes out nobody who has failed often.
 *
 * A failure is forgotten each time `forget_ms` passes. Delays double with each failure, up to a limit. A kind may have a lock:
 * after so many failures that are not forgotten it closes for lock_ms, and ends by itself.
 * Threads: any. Times are of one monotonic clock, which the caller reads. */
#ifndef LOFT_AUTH_THROTTLE_H
#define LOFT_AUTH_THROTTLE_H

#include "base/buf.h"
#include "base/err.h"

enum { THROTTLE_TEXT_BYTES = 64, THROTTLE_FAILURES_MAX = 128 };

/* Who failed. Stored: values never change. */
enum throttle_kind {
    THROTTLE_ADDRESS, /* one client: an IPv4 address, a /64 */
    THROTTLE_NETWORK, /* those around it */
    THROTTLE_ACCOUNT, /* a name, whether it is anybody's or not */
    THROTTLE_DEVICE,  /* a name, at an address that the account is used from */
    THROTTLE_KIND_COUNT
};
const char *throttle_kind_name(enum throttle_kind kind); /* "address" */

struct throttle;

struct throttle_params {
    uint32_t delay_ms, delay_max_ms;             /* after the first failure, and where doubling stops */
    int64_t forget_ms;                           /* above 0 */
    uint32_t lock_failures[THROTTLE_KIND_COUNT]; /* 0: never locked */
    int64_t lock_ms;
};

struct throttle *throttle_new(const struct throttle_params *params);
void throttle_free(struct throttle **throttle);

struct throttle_score {
    uint32_t failures;     /* not forgotten yet */
    uint32_t delay_ms;     /* that they make: 0, then delay_ms, doubling up to delay_max_ms */
    int64_t age_ms;        /* since the last failure; meaningless without failures */
    int64_t locked_for_ms; /* 0: not locked */
};

/* An empty or NIL key keeps no score: always 0 failures. */
struct throttle_score throttle_look(struct throttle *throttle, enum throttle_kind kind, struct str key,
                                    int64_t now);
struct throttle_score throttle_add_failure(struct throttle *throttle, enum throttle_kind kind, struct str key,
                                           int64_t now);
/* The same guess again, by which a guesser learns nothing, such as a device with an old password: it counts as a failure as long as
 * there are fewer than failures_max, and locks nothing. */
struct throttle_score throttle_add_repeated(struct throttle *throttle, enum throttle_kind kind,
                                            struct str key, uint32_t failures_max, int64_t now);
/* Also ends a lock. */
void throttle_forgive(struct throttle *throttle, enum throttle_kind kind, struct str key);

/* ---- for administrators ---- */

struct throttle_entry {
    enum throttle_kind kind;
    char key[THROTTLE_TEXT_BYTES]; /* cut when it was longer */
    struct throttle_score score;
};
/* All with a score, in no order. The table is locked meanwhile: `fn` calls nothing here. */
typedef void throttle_fn(void *ctx, const struct throttle_entry *entry);
void throttle_each(struct throttle *throttle, int64_t now, throttle_fn *fn, void *ctx);
/* Forget those whose key is `key`, or begins with it and a space; NIL: all of them. How many it were. */
size_t throttle_clear(struct throttle *throttle, struct str key);

/* ---- over a restart ---- */

/* Grows with each change. */
uint64_t throttle_changes(struct throttle *throttle);
/* Append the table:
 *   16 bytes hash key; u32 count; for each: u64 hash of kind and key; u8 kind; varint failures; varints: ms since forgetting was last
 *   counted, ms since the last failure, ms that a lock still lasts; str key */
void throttle_encode(struct throttle *throttle, int64_t now, struct buf *out);
/* Into a new table.
 *   away_ms  since it was encoded
 *   errors   -ERR_CORRUPT: it is as it was */
struct reader;
MUST_USE int throttle_decode(struct throttle *throttle, struct reader *in, int64_t now, int64_t away_ms,
                             struct err *err);

#endif
