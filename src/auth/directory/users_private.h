/* users_private.h: what the files that keep the directory share: users.c, groups.c, grants.c. */
#ifndef LOFT_AUTH_USERS_PRIVATE_H
#define LOFT_AUTH_USERS_PRIVATE_H

#include "auth/directory/users.h"
#include "base/map.h"

#include <pthread.h>

#define USERS_FROM STR("U/")
#define USERS_TO   STR("U0") /* '0' follows '/' */

struct users {
    struct users_params params;
    pthread_mutex_t change_lock; /* one change at a time here, so that only other machines conflict */
    pthread_mutex_t cache_lock;
    uint64_t cache_version;   /* of the directory, when `cache` was empty; what is in it is as new or newer */
    struct map cache;         /* name -> struct user */
    _Atomic uint64_t changes; /* made here */
    struct app_password_uses *uses; /* app_password_use.h */
    uint64_t referrals_version;     /* of the directory, when have_referrals was found */
    bool have_referrals;
};

/* Fills `batch` for a directory at `version`; a conflict calls it again with a newer one. An empty batch is
 * committed too. */
typedef int users_plan_fn(struct users *users, void *args, uint64_t version, struct batch *batch,
                          struct err *err);
MUST_USE int users_change(struct users *users, users_plan_fn *plan, void *args, struct err *err);

/* The next id of an account or a group: neither is ever given twice. */
MUST_USE int users_next_id(struct users *users, uint64_t *id_out, struct err *err);
void users_put_next_id(uint64_t next, struct batch *batch);

/* users_record.c: "U/" name, and the value. -ERR_CORRUPT. */
void users_key(const char *name, struct buf *key);
MUST_USE int users_decode(struct str name, struct str value, struct user *user_out, struct err *err);

/* A change to one record. `edit` alters the copy; an error of it ends the change. */
typedef int users_edit_fn(struct users *users, struct user *user, const void *args, struct err *err);
MUST_USE int users_edit(struct users *users, struct str name, users_edit_fn *edit, const void *args,
                        struct err *err);
/* users_hold.c: holds that have ended by `wall_ms` are as if they had been taken off. */
void users_end_holds(struct user *user, int64_t wall_ms);

/* By its normalised name, from the store. -ERR_NOT_FOUND. */
MUST_USE int users_read(struct users *users, const char *name, struct user *user_out, struct err *err);
void users_put(const struct user *user, struct batch *batch);
/* The name under which the record of an existing user is kept. For what is ASCII nothing is read, and the record may be missing.
 * -ERR_NOT_FOUND, also for a name that cannot be anybody's. */
MUST_USE int users_normalise_existing(struct users *users, struct str name, char out[USER_NAME_BYTES_MAX + 1],
                                      struct err *err);
/* As names were spelled before they followed RFC 8265: NFC, and only A-Z folded. False: not even that. */
bool users_old_spelling(struct str name, char out[USER_NAME_BYTES_MAX + 1]);
/* verifier.c: what SCRAM needs of a prepared password, as users_params say. */
struct verifiers;
MUST_USE int users_make_verifiers(const struct users *users, struct str prepared,
                                  const struct verifiers *like, struct verifiers *verifiers_out,
                                  struct err *err);
/* users_client.c: "R/" name */
void users_referral_key(const char *name, struct buf *key);

/* groups.c: the user is no longer a member of any group. */
MUST_USE int groups_forget_user(struct users *users, struct account_id user, struct batch *batch,
                                struct err *err);

/* names_alias.c: the user is no longer among those whom an alias stands for. */
MUST_USE int aliases_forget_user(struct users *users, const char *name, struct batch *batch, struct err *err);

#endif
