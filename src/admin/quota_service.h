/* quota_service.h: quota as the server keeps it: what the settings say to the model, which account belongs to which
 * domain, and the letters that warn.
 * Threads: any, once it is open. */
#ifndef LOFT_ADMIN_QUOTA_SERVICE_H
#define LOFT_ADMIN_QUOTA_SERVICE_H

#include "admin/config.h"
#include "auth/directory/users.h"
#include "base/log.h"
#include "mail/account.h"

struct quota_service;

/* Fills `settings_out` for mail_open. `users` is borrowed; -ERR_INVALID for the lists in the settings. */
MUST_USE int quota_service_open(const struct config *config, struct logger log, struct users *users,
                                struct quota_service **service_out, struct quota_settings *settings_out,
                                struct err *err);
/* After mail_close. */
void quota_service_free(struct quota_service **service);

/* Enter the accounts of all users, and of public mailboxes, into their domains; or one new one: what they hold is read
 * from their records. Nothing is done where no domain is limited. */
MUST_USE int quota_service_enter_all(struct quota_service *service, struct mail *mail, struct err *err);
MUST_USE int quota_service_enter(struct quota_service *service, struct mail *mail, struct str domain,
                                 struct account_id account, struct err *err);

#endif
