/* checkpoint.h: what scrub shares with checkpoints.     Threads: any. */
#ifndef LOFT_STORE_ROCKS_CHECKPOINT_H
#define LOFT_STORE_ROCKS_CHECKPOINT_H

#include "base/err.h"

struct engine;

/* The database alone. */
MUST_USE int checkpoint_database(struct engine *e, const char *folder, struct err *err);
void checkpoint_remove(const char *folder); /* with all that is in it */

#endif
