/* conformance.h: what store.h promises, tested on any engine. An engine's test is
 *
 *   int main(void) { return conformance_run(&target) + conformance_run_faults(&target); }
 *
 * and beside it only what is its own: files, torn writes, full disks. */
#ifndef LOFT_STORE_CONFORMANCE_H
#define LOFT_STORE_CONFORMANCE_H

#include "store/store.h"

struct conformance_target {
    const char *name; /* of the engine, as the reports show it */
    void *ctx;        /* handed to the functions below */

    /* A new, empty store. Called once for each test, after `clean`. */
    int (*open)(void *ctx, struct store **store_out, struct err *err);

    /* Another instance over the data of the last `open`: while the first is closed (a restart), and, where
     * `shares` is set, while it is open (a second machine). NULL: the engine keeps nothing. */
    int (*open_again)(void *ctx, struct store **store_out, struct err *err);
    bool shares;

    /* Called when a test is over and its stores are closed: remove what they left. May be NULL. */
    void (*clean)(void *ctx);
};

/* Run all tests under cmocka; the count of those that failed. */
int conformance_run(const struct conformance_target *target);

/* Run a workload through the faulty engine, failing each of its calls in turn, before and after it reached
 * the engine: after each an error came back, the store is whole, and the workload can be done again. The
 * count of tests that failed. */
int conformance_run_faults(const struct conformance_target *target);

#endif
