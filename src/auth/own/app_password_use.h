/* app_password_use.h: when and from where app passwords were last used: noted in memory, written now and then.
 * Belongs to a struct users. Threads: any. */
#ifndef LOFT_AUTH_APP_PASSWORD_USE_H
#define LOFT_AUTH_APP_PASSWORD_USE_H

#include "auth/own/app_password.h"

struct app_password_uses;

struct app_password_uses *app_password_uses_new(void);
/* What is not written yet is lost: flush before. */
void app_password_uses_free(struct app_password_uses **uses);

/* Write what was noted. Errors are passed over: it is noted still, and the next one tries again. */
void app_password_uses_flush(struct users *users);

/* A stored use; one of another account than `account` leaves `use_out` as it is. -ERR_CORRUPT */
MUST_USE int app_password_use_decode(struct str value, struct account_id account,
                                     struct app_password_use *use_out, struct err *err);

/* The last use of one, from memory or from the store; at_ms 0: none. */
MUST_USE int app_password_use_find(struct users *users, const struct user *user, uint64_t id,
                                   struct app_password_use *use_out, struct err *err);

#endif
