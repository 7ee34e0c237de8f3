/* deliver.h: one message into one account: what LMTP and `loft deliver` share. No mail is lost for the name
 * of a mailbox: where the one asked for does not exist, cannot be made or is no name at all, INBOX takes the
 * message.
 * Threads: any. */
#ifndef LOFT_LMTP_DELIVER_H
#define LOFT_LMTP_DELIVER_H

#include "mail/incoming.h"

struct delivery {
    struct account_id account;
    /* Header lines to put before it (trace.h); not NIL, at most INCOMING_PREFIX_BYTES_MAX. */
    struct str trace;
    struct str mailbox;  /* wanted mailbox; NIL or "" for INBOX */
    bool create_mailbox; /* make and subscribe it when it does not exist */
};

/* Where a message went. */
struct delivered {
    uint64_t mailbox_id;
    uint32_t uid;
};

/* Store the message of `in`; durable when it returns 0.
 *   errors  -ERR_LIMIT, -ERR_FULL, -ERR_OVERQUOTA, -ERR_NOT_FOUND (no such account), -ERR_IO, -ERR_CORRUPT,
 *           -ERR_UNAVAILABLE */
MUST_USE int deliver_message(struct mail *mail, struct incoming *in, const struct delivery *delivery,
                             const struct clock *clock, struct delivered *delivered_out, struct err *err);

/* deliver_message in steps, as account_commit_begin: nobody waits for the disk. `wake` is called when deliver_is_done is to
 * be asked; what `delivery` points to is borrowed until deliver_end, and so is `in` until deliver_begin returns.
 *   returns  0: deliver_end must follow; errors as above: it is over */
struct deposit;
MUST_USE int deliver_begin(struct mail *mail, struct incoming *in, const struct delivery *delivery,
                           const struct clock *clock, void (*wake)(void *ctx), void *ctx,
                           struct deposit **deposit_out, struct err *err);
bool deliver_is_done(struct deposit *deposit);
/* Waits when it is not done. */
MUST_USE int deliver_end(struct deposit **deposit, struct delivered *delivered_out, struct err *err);

/* The same message once more, to another address of the same account: into a mailbox that has it not yet it
 * is copied, which shares the bytes; where it is already, that is enough.
 *   earlier  where it went so far, at least once
 *   errors   as above; -ERR_EXPUNGED when the first of those is not there any more */
MUST_USE int deliver_again(struct mail *mail, const struct delivery *delivery,
                           const struct delivered *earlier, size_t earlier_count,
                           struct delivered *delivered_out, struct err *err);

#endif
