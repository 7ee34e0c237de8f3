/* kept.h: a value that somebody else has, such as the keys of an issuer: fetched when it is needed, kept for a while, shared.
 *
 *   none --fetched--> fresh --fresh_ms--> stale --stale_ms--> none
 *                       ^                   |
 *                       +---- fetched ------+
 * One caller fetches at a time. A stale value is fetched again, and is as good as a fresh one as long as that fails or another
 * caller is at it. Between two fetches at least retry_ms pass, whoever asks for what: so nobody can make us
 * flood the other side, and one that is down costs one caller one wait in that time.
 * Threads: any. A call may block for as long as a fetch takes. */
#ifndef LOFT_AUTH_KEPT_H
#define LOFT_AUTH_KEPT_H

#include "base/clock.h"
#include "base/err.h"

struct kept_ops {
    /* Fetch it: a value with one reference. -ERR_x: it cannot be had now. */
    int (*fetch)(void *ctx, void **value_out, struct err *err);
    void *(*ref)(void *value);
    void (*unref)(void *value);
};

struct kept_params {
    const struct kept_ops *ops; /* borrows, as the rest */
    void *ctx;                  /* first argument of fetch */
    const struct clock *clock;
    uint64_t fresh_ms, stale_ms, retry_ms;
};

struct kept;

struct kept *kept_new(const struct kept_params *params);
void kept_free(struct kept **kept);

/*   older      NULL; or a value that was got before and did not do, compared by address: then one is wanted that was fetched
 *              since, however fresh that is
 *   value_out  ref: ops->unref() it
 *   errors     -ERR_NOT_FOUND: there is none that is newer than `older`; -ERR_UNAVAILABLE: there is none at all, with the text of the
 *              fetch that failed last */
MUST_USE int kept_get(struct kept *kept, const void *older, void **value_out, struct err *err);

#endif
