/* groups_private.h: what the files behind groups.h share. */
#ifndef LOFT_AUTH_GROUPS_PRIVATE_H
#define LOFT_AUTH_GROUPS_PRIVATE_H

#include "auth/directory/groups.h"
#include "auth/directory/users_private.h"

/* Into `key`, which they return. */
struct str group_key(const char *name, struct buf *key);
struct str group_pair_key(const char *letters, uint64_t a, uint64_t b, struct buf *key); /* "GM", "GU" */

/* `name` is normalised. From the store; -ERR_NOT_FOUND. */
MUST_USE int group_read(struct users *users, const char *name, struct group *group_out, struct err *err);
void group_put(const struct group *group, struct batch *batch);

#endif
