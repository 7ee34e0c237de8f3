/* guard_private.h: guard.c (who failed), guard_file.c (over a restart). */
#ifndef LOFT_AUTH_GUARD_PRIVATE_H
#define LOFT_AUTH_GUARD_PRIVATE_H

#include "auth/familiar.h"
#include "auth/guard.h"

#include <pthread.h>

struct guard {
    struct guard_params params;
    struct throttle *throttle;
    struct familiar *familiar;
    char *path; /* NULL: nothing is kept */
    pthread_t writer;
    pthread_mutex_t lock; /* of `stop` */
    pthread_cond_t stopping;
    bool stop;
    uint64_t written;   /* guard_changes() of what the file holds; of the writer alone */
    bool write_failing; /* told already */
};

uint64_t guard_changes(struct guard *guard);

void guard_file_begin(struct guard *guard, const char *path);
void guard_file_end(struct guard *guard);

#endif
