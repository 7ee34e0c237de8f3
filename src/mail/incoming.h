/* incoming.h: a message on its way in. Bytes come in pieces (an APPEND literal, LMTP DATA, a file); up to
 * INCOMING_MEMORY_BYTES they are kept in memory, beyond that in an unlinked file that is mapped when it is
 * whole. Then it is parsed once and becomes a pending blob.
 * Threads: one owner. */
#ifndef LOFT_MAIL_INCOMING_H
#define LOFT_MAIL_INCOMING_H

#include "mail/account.h"

enum { INCOMING_MEMORY_BYTES = 256 * 1024, INCOMING_PREFIX_BYTES_MAX = 8192 };

struct incoming;

/* bytes_max: 0 takes mail_options.message_bytes_max. */
struct incoming *incoming_new(struct mail *mail, uint64_t bytes_max);
/* About so many are coming: a hint, that saves moving them about. */
void incoming_expect(struct incoming *in, uint64_t bytes);
/* The bytes only; pending blobs are the business of who prepared them. */
void incoming_free(struct incoming **in);

/* -ERR_LIMIT above bytes_max (the rest may still be fed and is dropped, the error stays),
 * -ERR_FULL, -ERR_IO. */
MUST_USE int incoming_write(struct incoming *in, struct str bytes, struct err *err);
uint64_t incoming_size(const struct incoming *in);
/* The bytes so far as one view, valid until the next write or free. */
MUST_USE int incoming_bytes(struct incoming *in, struct str *bytes_out, struct err *err);

/* Parse and store as a pending blob of `account`. Fills blob, size, hashes, reference fields and
 * has_attachment of message_out; the caller sets flags, keywords and dates. `prefix` (may be NIL, at most
 * INCOMING_PREFIX_BYTES_MAX) goes before the bytes: the trace lines of a delivery; the message is not
 * copied for it. May be called once per account of a delivery. */
MUST_USE int incoming_prepare(struct incoming *in, struct account *account, struct str prefix,
                              struct new_message *message_out, struct err *err);

/* Drop a pending blob whose commit failed. (After a successful commit there is nothing to do.) */
void incoming_abandon(struct account *account, struct new_message *message);

#endif
