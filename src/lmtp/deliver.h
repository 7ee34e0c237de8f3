/* deliver.h: one message into one account: what LMTP and `loft deliver` share. */
#ifndef LOFT_LMTP_DELIVER_H
#define LOFT_LMTP_DELIVER_H

#include "lmtp/server.h"
#include "mail/incoming.h"

struct delivery {
    struct account_id account;
    struct str user;     /* its name, for Delivered-To */
    struct str mailbox;  /* wanted mailbox; NIL or "" for INBOX. One that does not exist: made if create_mailbox, else INBOX */
    struct str sender;   /* for Return-Path, without brackets */
    bool create_mailbox;
};

/* Store the message of `in` with Return-Path and Delivered-To before it; durable when it returns 0.
 *   errors  -ERR_LIMIT, -ERR_FULL, -ERR_OVERQUOTA, -ERR_NOT_FOUND (the account is gone), -ERR_IO, -ERR_UNAVAILABLE */
MUST_USE int deliver_message(struct mail *mail, struct incoming *in, const struct delivery *delivery, const struct clock *clock,
                             struct err *err);

#endif
