/* throttle.h: how often somebody failed lately, in a table of fixed size. Where it is full, the mildest of
 * those that share a place is forgotten first.     Threads: any. */
#ifndef LOFT_AUTH_THROTTLE_H
#define LOFT_AUTH_THROTTLE_H

#include "base/str.h"

struct throttle;

struct throttle_params {
    uint32_t delay_ms, delay_max_ms; /* as in auth_params */
    int64_t forget_ms;               /* one failure is forgotten each time this passes; above 0 */
};

struct throttle *throttle_new(const struct throttle_params *params);
void throttle_free(struct throttle **throttle);

struct throttle_score {
    uint32_t failures; /* not forgotten yet */
    uint32_t delay_ms; /* that they make: 0, then delay_ms, doubling up to delay_max_ms */
    int64_t age_ms;    /* since the last failure; meaningless without failures */
};

/* A NIL key keeps no score: always 0 failures. */
struct throttle_score throttle_look(struct throttle *throttle, struct str key, int64_t mono_ms);
struct throttle_score throttle_add_failure(struct throttle *throttle, struct str key, int64_t mono_ms);
void throttle_forgive(struct throttle *throttle, struct str key);

#endif
