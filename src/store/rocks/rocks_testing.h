/* rocks_testing.h: what the tests of the embedded engine share: a folder, small settings,
 * calls that must work, faults. */
#ifndef LOFT_STORE_ROCKS_ROCKS_TESTING_H
#define LOFT_STORE_ROCKS_ROCKS_TESTING_H

#include "base/testing.h"
#include "store/rocks/rocks.h"

#include <stdatomic.h>

/* System calls that fail on demand, and a file system as full as a test likes. */
struct faults {
    struct rocks_file_ops ops;
    atomic_int calls;            /* of write, sync, allocate so far */
    atomic_int fail_at;          /* the call of this number and all later ones fail; -1: none */
    atomic_int error;            /* errno value they fail with */
    _Atomic uint64_t free_bytes; /* 0: ask the system */
};

struct fixture {
    char folder[64];
    struct rocks_options options;
    struct faults faults;
    atomic_int events[ROCKS_BALLAST_RESTORED + 1];
    struct store *store;
    struct err err;
};

/* A new folder and an open store with small settings (64 KiB segments,
 * no background collecting unless asked). */
void fixture_init(struct fixture *f);
void fixture_settings(struct fixture *f); /* the same, not opened yet */
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
void fixture_reopen(struct fixture *f);
void fixture_deinit(struct fixture *f); /* closes, removes the folder */
void fixture_remove(const char *folder);

/* Each checks that it worked. */
struct blob_id fixture_put_blob(struct fixture *f, struct account_id account, struct str bytes); /* pending */
/* Committed; bumps the version. */
struct blob_id fixture_deliver(struct fixture *f, struct account_id account, struct str bytes);
void fixture_drop(struct fixture *f, struct account_id account, struct blob_id id);
uint64_t fixture_version(struct fixture *f, struct account_id account);
/* At the current version; the result. */
int fixture_commit(struct fixture *f, struct account_id account, const struct batch *b);

/* Repeatable content of `n` bytes: text that compresses, or noise that does not. */
void fixture_text(struct buf *out, uint64_t seed, size_t n);
void fixture_noise(struct buf *out, uint64_t seed, size_t n);

/* 0: reads back as `bytes`; else the error. Wrong bytes fail the test. */
int fixture_check_blob(struct fixture *f, struct account_id account, struct blob_id id, struct str bytes);

#endif
