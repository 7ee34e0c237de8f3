/* devices_notice.h: the message that a user gets about a sign-in that looks like nobody's (devices.h).
 * Threads: any. */
#ifndef LOFT_AUTH_DEVICES_NOTICE_H
#define LOFT_AUTH_DEVICES_NOTICE_H

#include "auth/devices.h"
#include "mail/account.h"

/* The message: plain text, whole, with CRLF. What the client says of itself is quoted and cannot begin a line. */
void devices_notice_write(const char *user, const struct device *device, const struct clock *clock,
                          struct buf *out);

/* Where messages go. */
struct devices_notifier {
    struct mail *mail;         /* borrows */
    const struct clock *clock; /* borrows */
};
/* A device_notice_fn; ctx: struct devices_notifier. Into INBOX; durable when it returns 0. Errors as account_commit's. */
MUST_USE int devices_notice_send(void *ctx, struct account_id account, const char *user,
                                 const struct device *device, struct err *err);

#endif
