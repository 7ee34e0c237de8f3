/* indexer.h: keeps the search indexes (index/index.h) of all accounts up to their mail.
 *
 * A thread of low priority, with a bounded share of one processor, takes up accounts that have new mail: at once when many
 * messages wait or somebody searched there, else after some time, so that many accounts with little mail each do not make a
 * commit a message. No lock of an account is held over text; a message that is not indexed yet is scanned by searches.
 *
 * A document is the blob of a message. What is indexed is what mime_text_each tells: the text that a scan sees, folded by
 * i;unicode-casemap. An index carries a mark, committed together with each segment: up to which version of its account all
 * messages are documents, and while a first walk over the blobs is under way, how far that came. So after a restart, or a crash
 * at any moment, work goes on where it was; messages that changed since the mark are looked at, and those that are no
 * documents are added. Documents whose blob is gone fall out when segments are merged. A damaged segment is taken out, an
 * index that cannot be read is dropped, and what they held is added anew.
 * Threads: any. */
#ifndef LOFT_MAIL_INDEXER_H
#define LOFT_MAIL_INDEXER_H

#include "index/index.h"
#include "mail/account.h"

struct indexer;

void indexer_fill_defaults(struct index_settings *settings);
/* For mail_open and mail_close. It borrows `mail` and its options. */
struct indexer *indexer_new(struct mail *mail);
void indexer_free(struct indexer **indexer); /* stops it first; nobody holds a view any more */

/* ---- for who searches ---- */

/* The index of this account as it is now, own reference; NULL when there is none to ask (indexes are off, nothing is indexed, or it
 * cannot be read): then every message is scanned. A view must be let go before the account is. */
struct index_view *account_index_view(struct account *account);

/* A search had to scan messages because no segment has them: take the account up soon. Cheap. */
void account_index_wanted(struct account *account);

/* A search met a segment that cannot be read, or says what it cannot mean: check them soon, and take out what is damaged. Cheap. */
void account_index_damaged(struct account *account);

/* ---- in the background ---- */

/* Start the thread; it looks first which accounts are behind. Does nothing when indexes are off. */
MUST_USE int indexer_start(struct indexer *indexer, struct err *err);
/* What was begun is given up; it goes on after the next start. */
void indexer_stop(struct indexer *indexer);

/* The model tells, with none of its locks held but its own: messages were added to an account (0: it changed elsewhere), or it is gone. */
void indexer_tell(struct indexer *indexer, struct account_id account, uint64_t added);
void indexer_tell_gone(struct indexer *indexer, struct account_id account);

/* ---- for commands: on the caller's thread, at full speed ---- */

/* Bring the index of an account up to its mail now. Waits for who works on it.
 *   afresh       throw away what there is first
 *   for_ms       give up after about so long: what was done is kept, call again to go on; 0: until it is done
 *   looked_out   so many messages were looked at
 *   returns      0; -ERR_AGAIN when the time is up; -ERR_NOT_FOUND: no such account; -ERR_CANNOT when indexes are off;
 *                errors of the store */
MUST_USE int indexer_run(struct indexer *indexer, struct account_id account, bool afresh, uint32_t for_ms,
                         uint64_t *looked_out, struct err *err);

struct indexer_status {
    uint64_t messages;      /* blobs of messages in the account */
    uint64_t raw_bytes;     /* of them, as they came */
    uint64_t documents;     /* those in the index */
    uint64_t indexed_bytes; /* raw, of messages that are documents */
    uint64_t waiting;       /* messages that are no documents yet */
    uint64_t gone;          /* documents whose message is gone */
    uint64_t index_bytes;
    uint32_t segments;
};
/* Reads a record of each message. */
MUST_USE int indexer_status(struct indexer *indexer, struct account_id account,
                            struct indexer_status *status_out, struct err *err);

/* What is wrong with an index; `what` is for people. */
typedef void indexer_finding_fn(void *ctx, const char *what);

/* Read the index of an account as it is now and all its documents' messages again, and compare: is each segment whole, does it say
 * of every document exactly what its text says, and is every message in it that it believes to have? Memory as for
 * indexing.   Threads: one owner. */
struct indexer_check;
/* -ERR_CANNOT when indexes are off. */
MUST_USE int indexer_check_new(struct indexer *indexer, struct account_id account, indexer_finding_fn *fn,
                               void *ctx, struct indexer_check **check_out, struct err *err);
void indexer_check_free(struct indexer_check **check);
/* 0 when all is compared; -ERR_AGAIN after about so long; looked_out as above, since the last call. */
MUST_USE int indexer_check_step(struct indexer_check *check, uint32_t for_ms, uint64_t *looked_out,
                                struct err *err);

#endif
