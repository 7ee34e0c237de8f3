/* owner.h: whose account it is. A walk through all users: for what is rare.     Threads: any. */
#ifndef LOFT_AUTH_OWNER_H
#define LOFT_AUTH_OWNER_H

#include "auth/directory/users.h"

/* -ERR_NOT_FOUND: it belongs to nobody. */
MUST_USE int users_owner(struct users *users, struct account_id account,
                         char name_out[USER_NAME_BYTES_MAX + 1], struct err *err);

#endif
