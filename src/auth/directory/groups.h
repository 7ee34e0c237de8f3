/* groups.h: groups of users, to whom rights can be granted together (RFC 4314, 2). They live in the directory:
 *
 *   "G/" name                   format u8, be64 id
 *   "GM" be64 group be64 user   a member; the value is the user's name
 *   "GU" be64 user be64 group   the same the other way round: which groups a user is in
 * A group's name follows the rules of user names. Ids come from the counter of accounts and are never reused: who
 * makes a group again under an old name gets none of its rights.
 * Threads: any. */
#ifndef LOFT_AUTH_GROUPS_H
#define LOFT_AUTH_GROUPS_H

#include "auth/directory/users.h"

enum { GROUPS_OF_USER_MAX = 256 };

struct group {
    char name[USER_NAME_BYTES_MAX + 1];
    uint64_t id;
};

/* -ERR_EXISTS; -ERR_INVALID, -ERR_LIMIT for the name. */
MUST_USE int groups_add(struct users *users, struct str name, struct group *group_out, struct err *err);
/* -ERR_NOT_FOUND. */
MUST_USE int groups_delete(struct users *users, struct str name, struct err *err);
MUST_USE int groups_find(struct users *users, struct str name, struct group *group_out, struct err *err);

/* -ERR_NOT_FOUND that names the group or the user; -ERR_EXISTS: is a member already; -ERR_LIMIT above
 * GROUPS_OF_USER_MAX. */
MUST_USE int groups_add_member(struct users *users, struct str group, struct str user, struct err *err);
MUST_USE int groups_remove_member(struct users *users, struct str group, struct str user, struct err *err);

/* The groups that `user` is in are `names`, each with a NUL behind it, and no others: memberships that are missing are made, and
 * so are groups, and the others end. Names that can be no group's, and those beyond GROUPS_OF_USER_MAX, are passed over. Costs no
 * commit when nothing changes. */
MUST_USE int groups_set_of_user(struct users *users, const struct user *user, struct str names,
                                struct err *err);

/* In order; return 0 to go on, 1 to stop, -ERR_x to fail. */
typedef int groups_fn(void *ctx, const struct group *group, struct err *err);
MUST_USE int groups_list(struct users *users, groups_fn *fn, void *ctx, struct err *err);
typedef int groups_member_fn(void *ctx, struct str user, struct err *err);
MUST_USE int groups_members(struct users *users, const struct group *group, groups_member_fn *fn, void *ctx,
                            struct err *err);

/* Ids of the groups that a user is in. */
MUST_USE int groups_of_user(struct users *users, struct account_id user, uint64_t ids_out[GROUPS_OF_USER_MAX],
                            size_t *count_out, struct err *err);

#endif
