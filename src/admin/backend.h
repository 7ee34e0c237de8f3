/* backend.h: the data folder, opened: engine, users and mail, as both the server and a command without a
 * running server need them. */
#ifndef LOFT_ADMIN_BACKEND_H
#define LOFT_ADMIN_BACKEND_H

#include "admin/config.h"
#include "admin/quota_service.h"
#include "auth/devices_notice.h"
#include "auth/directory/names.h"
#include "auth/directory/policy.h"
#include "base/audit.h"
#include "mail/account.h"

enum { FIRST_MAILBOXES_MAX = 5 };

struct backend {
    struct store *store;
    struct users *users;
    struct names *names;
    struct policy *policy;    /* for new passwords */
    names_find_fn *find_user; /* of users kept elsewhere; set by the server, else NULL */
    void *find_ctx;
    struct quota_service *quota;
    struct mail *mail;
    struct audit *audit; /* NULL: nothing is recorded */
    struct devices *devices;
    struct devices_notifier notifier;
    struct logger log;
    char *spool_folder;
    struct first_mailbox first_mailboxes[FIRST_MAILBOXES_MAX];
};

/* Open what `config` names; makes the data folder when it is not there. `config` is borrowed until
 * backend_close. On failure nothing is left open.
 *   log     where the engine's own events go
 *   errors  -ERR_UNAVAILABLE when a server (or another command) has the folder open; -ERR_CORRUPT, -ERR_FULL,
 *           -ERR_IO */
MUST_USE int backend_open(const struct config *config, struct logger log, struct backend *backend_out,
                          struct err *err);
void backend_close(struct backend *backend);

/* The mail account of a user who is in the directory already; nothing when it is there. Errors of mail_account_create. */
MUST_USE int backend_make_account(struct backend *backend, const struct user *user, struct err *err);

/* A user and the mail account that belongs to it, both or none.
 * Errors of users_add and mail_account_create. */
MUST_USE int backend_add_user(struct backend *backend, struct str name, struct str password,
                              struct user *user_out, struct err *err);

#endif
