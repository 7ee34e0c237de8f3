/* faulty.h: a store that fails on demand, over any engine, so that tests can break call number 1, 2, 3 ... of
 * a workload and look at what is left.
 *
 *   faulty_store_open(&inner, &store);
 *   for (n = 1;; n++) {
 *       faulty_store_plan(store, &(struct faulty_plan){ .ops = FAULTY_ALL, .nth = n, .error = ERR_IO });
 *       run the workload;
 *       if (faulty_store_count(store) < n)
 *           break;               it has fewer than n calls: all were broken once
 *   }
 * Threads: any, as every store. */
#ifndef LOFT_STORE_FAULTY_FAULTY_H
#define LOFT_STORE_FAULTY_FAULTY_H

#include "store/store.h"

/* Which calls are counted, and may fail. Close, abandon and stats cannot fail and are not counted. */
enum faulty_op {
    FAULTY_VERSION = 1u << 0,
    FAULTY_COMMIT = 1u << 1,
    FAULTY_GET = 1u << 2,
    FAULTY_SCAN = 1u << 3,
    FAULTY_BLOB_WRITE = 1u << 4,
    FAULTY_BLOB_READ = 1u << 5,
    FAULTY_BLOB_RECORD = 1u << 6,
    FAULTY_BLOB_SCAN = 1u << 7,
    FAULTY_ACCOUNTS = 1u << 8,
    FAULTY_DROP_ACCOUNT = 1u << 9,
    FAULTY_WATCH = 1u << 10,
    FAULTY_CHECKPOINT = 1u << 11,
    FAULTY_SCRUB = 1u << 12,
    FAULTY_ALL = (1u << 13) - 1,
};

enum faulty_when {
    /* The inner engine never sees the call. */
    FAULTY_BEFORE,
    /* It is done, and the answer is lost. A commit or drop_account is there all the same, which the contract
     * allows with ERR_IO only; a scan has called back for everything; a blob written is abandoned. */
    FAULTY_AFTER,
};

struct faulty_plan {
    unsigned ops;        /* of enum faulty_op */
    uint64_t nth;        /* the call that fails, of those in `ops`, from 1; 0: none */
    enum err_kind error; /* ERR_IO, ERR_FULL, ERR_CONFLICT, ERR_UNAVAILABLE ... */
    enum faulty_when when;
    bool stay; /* all calls in `ops` from the nth on fail, as after a lost disk; otherwise the nth only */
};

/* Put a faulty store around another. Until the first plan nothing fails, and all calls are counted.
 *   inner      takes: the new store closes it when it is closed itself */
void faulty_store_open(struct store **inner, struct store **store_out);

/* Copies the plan and counts from 0 again. `store` must come from faulty_store_open. */
void faulty_store_plan(struct store *store, const struct faulty_plan *plan);

/* Calls in `ops` since the plan, those that failed too. */
uint64_t faulty_store_count(struct store *store);

#endif
