/* space.h: free space, watched so that "disk full" never reaches RocksDB's log: Debian's build ends the
 * process when a log write fails.
 *
 *   free    >= watermark        everything works
 *           <  watermark        no new mail
 *           <  watermark / 4    the ballast file is given back to the file system; deleting goes on
 *           <  watermark / 16   no commits at all
 * The ballast comes back when there is room for it above the watermark.
 *
 * Threads: any. */
#ifndef LOFT_STORE_ROCKS_SPACE_H
#define LOFT_STORE_ROCKS_SPACE_H

#include "store/rocks/rocks.h"

#include <pthread.h>

struct space {
    pthread_mutex_t lock;
    char *folder, *ballast_path;
    const struct rocks_file_ops *files;
    const struct clock *clock;
    uint64_t watermark_bytes, ballast_bytes, free_bytes;
    uint64_t written_bytes; /* since free_bytes was asked for */
    int64_t asked_ms;
    bool asked, have_ballast;
    rocks_event_fn *event;
    void *event_ctx;
};

enum space_use {
    SPACE_CHANGE,
    SPACE_NEW_MAIL,
    SPACE_RELEASE, /* gives back more than it takes: never refused */
};

void space_init(struct space *space, const struct rocks_options *options);
void space_deinit(struct space *space);

/* -ERR_FULL when `bytes` more must not be written for this use.
 * Asks the file system at most every 100 ms or 8 MB written. */
MUST_USE int space_check(struct space *space, enum space_use use, uint64_t bytes, struct err *err);

/* What was last known. */
void space_state(struct space *space, uint64_t *free_bytes_out, bool *below_watermark_out);

#endif
