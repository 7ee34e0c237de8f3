/* places.h: where the blobs are that were read lately, so that reading one again asks no database: that was a fifth of what a
 * FETCH of one message costs. A table of fixed size; the newer pushes out the older.
 *
 * It never gives an old place for good: who reads one from the database keeps it only if nothing was moved or dropped
 * meanwhile (places_moment), and the committer forgets what a group moved or dropped before those who asked for it are told.
 * Threads: any. */
#ifndef LOFT_STORE_ROCKS_PLACES_H
#define LOFT_STORE_ROCKS_PLACES_H

#include "store/rocks/segment.h"

enum { PLACES_MAX = 32 * 1024 };

struct places;

struct places *places_new(void);
void places_free(struct places **places);

bool places_find(struct places *places, struct account_id account, struct blob_id id,
                 struct place *place_out);

/* Ask before the database is read, and hand it in with what the database said. */
uint64_t places_moment(const struct places *places);
void places_keep(struct places *places, uint64_t moment, struct account_id account, struct blob_id id,
                 const struct place *place);

void places_forget(struct places *places, struct account_id account, struct blob_id id);
void places_forget_all(struct places *places);

#endif
