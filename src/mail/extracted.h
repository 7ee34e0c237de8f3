/* extracted.h: the text of a message's attachments, as a program found it once (extractor.h), kept for good.
 *
 * A program may say something else tomorrow, or fail; so what it said when the message was indexed is kept, and from then on it is
 * a text of that message as all others: the index is made of it, a search that has to look at the message reads it, rebuilding an index
 * takes it as it is. So a search has the same hits whether or not the index is asked. A message that was not indexed yet, or was when no
 * program was set or it failed, has none. What failed is asked for again when the message becomes a document again.
 *
 * The texts of account N lie in the store under an id of their own (account_id_of_extracted): key be64 blob id, value be64 id of the blob with the text,
 * or "" when there is nothing to say; a u8 PARTLY follows when the program failed with some attachments. When it said nothing of
 * the others either, nothing is kept.     Threads: any; one at a time changes those of an account (the indexer). */
#ifndef LOFT_MAIL_EXTRACTED_H
#define LOFT_MAIL_EXTRACTED_H

#include "store/store.h"

enum { EXTRACTED_BYTES_MAX = 4 * 1024 * 1024 }; /* of one message; the rest is cut */

/* Append the text. 1 when it is known (there may be nothing), 0 when not yet. Errors of the store.
 *   whole_out   all attachments were read, so that it need not be asked for again; may be NULL */
MUST_USE int extracted_get(struct store *store, struct account_id account, struct blob_id message,
                           struct buf *text_out, bool *whole_out, struct err *err);

/* Keep it, durably, instead of what there was. No document may hold that any more. Errors of the store. */
MUST_USE int extracted_put(struct store *store, struct account_id account, struct blob_id message,
                           struct str text, bool whole, struct err *err);

/* Forget those of messages that are gone; is_alive is asked with ascending ids. */
MUST_USE int extracted_sweep(struct store *store, struct account_id account,
                             bool (*is_alive)(void *ctx, struct blob_id message), void *ctx, struct err *err);

#endif
