/* account.h: accounts in memory: opened from the store, changed by group commit, watched by sessions.
 * DESIGN sections 1 and 5
 *
 * State of an account in the store (integers in keys are big-endian, so that they sort):
 *   "A"                         account record: format, version, next ids, totals, fold position
 *   "L" version part            log record: the deltas of one commit, in parts where it is large; dropped by
 *                               the fold
 *   "M" mailbox_id              mailbox record as of the fold
 *   "C" mailbox_id chunk_id     packed messages as of the fold (chunk.h)
 *   "O" mailbox_id              access control list (acl.h) where there is one, as of the fold
 *   "P" mailbox_id user         what a reader who is not the owner has seen (seen.h), as of the fold
 *   "S" name                    subscription of a name that has no mailbox, as of the fold
 *   "N" mailbox_id user entry   an annotation: written with its change (annotation.h); mailbox 0: the account,
 *                               user 0: shared
 *   "Q" mailbox_id              limits of that mailbox and those below it, 0: of the account (quota.h), as
 *                               of the fold
 *   "R" blob_id                 reference count of a blob, where above one, as of the fold
 *   "T" message_id_hash         thread id: written with the message, for its own Message-ID and references
 *                               not known before
 *   "V" mailbox_id modseq       UIDs that vanished with that modseq: written with the expunge (RFC 7162)
 *   "V" mailbox_id 0            the modseq up to which those have been cut
 * Each commit writes an "L" record that names the version before it, or is a fold, which leaves no "L" at
 * all: so whoever reads the log knows whether it is whole. What is not durable is visible to nobody.
 *
 * Locks: one mutex an account, held to take references and to publish, never across I/O or a callback to a
 * session.
 * Lifetimes: keep the account referenced while you hold anything that came from it (tree, mailbox, view), and
 * keep the mailbox referenced while you hold a snapshot of it: cold chunks are read through it.
 * Threads: any. An account stays in memory while it is referenced, and some time longer. */
#ifndef LOFT_MAIL_ACCOUNT_H
#define LOFT_MAIL_ACCOUNT_H

#include "base/clock.h"
#include "mail/change.h"
#include "mail/quota.h"

#include <stdatomic.h>

struct mail; /* all accounts on one store */
struct key_cache;

struct first_mailbox {
    const char *name;
    uint16_t use; /* enum special_use */
};

struct index_settings { /* of search, indexer.h */
    bool off;
    uint32_t cpu_percent;  /* of one processor, in the background; 0: 25 */
    uint32_t delay_s;      /* few new messages wait so long for more; 0: 300 */
    uint64_t memory_bytes; /* while indexing; 0: 128 MiB */
    uint64_t cache_bytes;  /* of open segments, for all accounts; 0: 64 MiB */
    const char
        *extractor; /* borrows; program that makes text of attachments (extractor.h); NULL or "": none */
    /* Something could not be indexed; tried again later. Or index.extractor could not be started: told once.
     * On the indexer's thread, or that of indexer_run. NULL: nobody wants to know. */
    void (*failed)(void *ctx, struct account_id account, const struct err *err);
    void *failed_ctx;
};

struct mail_options {
    struct store *store;          /* borrows; outlives mail */
    const struct clock *clock;    /* borrows */
    const char *spool_folder;     /* borrows; where large incoming messages are spooled (incoming.h) */
    uint32_t mailboxes_max;       /* an account; 0: 10,000 */
    uint32_t fold_log_records;    /* fold when the log has more records; 0: 1024 */
    uint32_t accounts_cached_max; /* unreferenced accounts kept in memory; 0: 1024 */
    uint64_t idle_bytes_max;      /* memory for what those have read of their mailboxes; 0: 256 MiB */
    uint64_t message_bytes_max;   /* APPENDLIMIT; 0: 64 MiB */
    /* Of a new account, beside INBOX; borrows; NULL: Drafts, Sent, Trash, Junk, Archive. */
    const struct first_mailbox *first_mailboxes;
    size_t first_mailbox_count;
    uint32_t vanished_ranges_max; /* kept a mailbox for QRESYNC; 0: 100,000 */
    bool mark_messages;           /* what is delivered and imported gets keywords of the server: mark.h */
    /* Annotations: bytes of one value, 0: 64 KiB; number on one mailbox, or on the account, for each user and
     * shared, 0: 100; bytes in an account, 0: 64 MiB. */
    uint32_t annotation_bytes_max, annotations_max;
    uint64_t annotations_bytes_max;
    uint64_t key_cache_bytes_max; /* memory of key_cache.h; 0: 64 MiB */
    struct quota_settings quota;
    struct index_settings index;
};

MUST_USE int mail_open(const struct mail_options *options, struct mail **mail_out, struct err *err);
/* No account may be referenced any more. Folds what is long, stops the background thread. */
void mail_close(struct mail **mail);
const struct mail_options *mail_options(const struct mail *mail); /* with defaults filled in */
/* Borrows. */
struct key_cache *mail_key_cache(const struct mail *mail);
/* Account 0 (auth/directory/users.h) at the latest version that the store has told of since the start; 0: none. A hint, without a
 * round trip. */
uint64_t mail_directory_version(const struct mail *mail);
struct indexer *mail_indexer(struct mail *mail); /* borrows; not running yet */

struct account;

/* A new, empty account with INBOX and options.first_mailboxes, all subscribed.
 * -ERR_EXISTS; -ERR_INVALID, -ERR_EXISTS for their names. */
MUST_USE int mail_account_create(struct mail *mail, struct account_id id, struct err *err);
/* The same without any mailbox: for what belongs to no person. -ERR_EXISTS. */
MUST_USE int mail_account_create_empty(struct mail *mail, struct account_id id, struct err *err);
/* Remove for good. Open references see -ERR_UNAVAILABLE from then on; watchers are told with ACCOUNT_GONE. */
MUST_USE int mail_account_delete(struct mail *mail, struct account_id id, struct err *err);
/* Open (or find in memory). Own reference. -ERR_NOT_FOUND, -ERR_CORRUPT, -ERR_IO. */
MUST_USE int mail_account_open(struct mail *mail, struct account_id id, struct account **account_out,
                               struct err *err);
struct account *account_ref(struct account *account);
void account_unref(struct account **account);
struct account_id account_id(const struct account *account);
struct mail *account_mail(const struct account *account);

/* Totals, exact, counted in the same commit as the change.
 * A blob that two mailboxes refer to counts twice (as RFC 9208 users see it). */
struct account_totals {
    uint64_t version, message_count, size_bytes;
    uint32_t mailbox_count;
    uint64_t annotation_bytes; /* names and values */
};
void account_totals(struct account *account, struct account_totals *out);

/* Catch up with what other instances committed to this account; costs nothing when the store has not told of
 * any. account_commit and view_sync do so themselves. -ERR_UNAVAILABLE when the account was deleted; -ERR_IO,
 * -ERR_CORRUPT. */
MUST_USE int account_refresh(struct account *account, struct err *err);

/* Write dirty chunks and mailbox records and drop the log now, rather than when it is long.
 * For tests and administration. */
MUST_USE int account_fold(struct account *account, struct err *err);

/* Plan and commit `count` changes in order, each on what the former left. Blocks until durable (or refused).
 * Several threads at once are merged into one commit. Read each change's `result`. Must not be called from a
 * watcher.
 *   returns  0 if every change went through; else the first negative result, its text in `err`. After -ERR_IO
 *            the changes may or may not be there: nobody has seen them, and the account is read again before
 *            the next commit. */
MUST_USE int account_commit(struct account *account, struct change *changes, size_t count, struct err *err);

/* account_commit in steps, for a thread that has others to serve while the disk works: begin, ask at each wake, end.
 * Who begins or asks must see to it that store_push is called before its thread sleeps: to ask may set others going.
 *   account, changes  borrowed until account_commit_end
 *   wake              account_commit_is_done is to be asked (again). Called any number of times, on any thread,
 *                     maybe before this returns, with a lock of the account held: conn_wake is fine */
struct pending_commit;
struct pending_commit *account_commit_begin(struct account *account, struct change *changes, size_t count,
                                            void (*wake)(void *ctx), void *ctx);
/* Does what falls to us on the way, for all who are in the same group: plans, publishes. Does not wait for the
 * disk, rare cases aside. */
bool account_commit_is_done(struct pending_commit *commit);
/* As account_commit; waits when it is not done yet, and then pushes. */
MUST_USE int account_commit_end(struct pending_commit **commit, struct err *err);

/* The mailbox tree as it stands. Own reference. */
struct tree *account_tree(struct account *account);

/* ---- mailboxes ---- */

struct mailbox;

/* -ERR_NOT_FOUND, also for names that can be none; `name` need not be checked before (INBOX in any case,
 * NFC). Own reference; stays valid when the mailbox is renamed or deleted. */
MUST_USE int account_mailbox(struct account *account, struct str name, struct mailbox **mailbox_out,
                             struct err *err);
MUST_USE int account_mailbox_by_id(struct account *account, uint64_t mailbox_id, struct mailbox **mailbox_out,
                                   struct err *err);
struct mailbox *mailbox_ref(struct mailbox *mailbox);
void mailbox_unref(struct mailbox **mailbox);

uint64_t mailbox_id(const struct mailbox *mailbox); /* RFC 8474 MAILBOXID: mailbox_id_text() */
/* Never changes in a mailbox's life; greater for a re-created name. */
uint32_t mailbox_uidvalidity(const struct mailbox *mailbox);
bool mailbox_is_deleted(const struct mailbox *mailbox);
struct account *mailbox_account(const struct mailbox *mailbox);        /* borrows */
struct str mailbox_name(struct mailbox *mailbox, struct arena *arena); /* as it is now */
/* The access control list as it is now: own reference, or NULL (acl.h). A mailbox that is made inherits that of the
 * nearest level above it that exists (RFC 4314, 4); a rename takes it along. */
struct acl *mailbox_acl(struct mailbox *mailbox);
/* What `who` may do with it now: acl_rights, with the account as the owner. No round trip to the store. */
unsigned mailbox_rights(struct mailbox *mailbox, const struct acl_identity *who);
struct snapshot *mailbox_snapshot(struct mailbox *mailbox); /* as it is now; own reference */
/* The same as user `reader` sees it, who is not the owner (face.h): \Seen is his unless it is shared there. 0: the owner.
 * Errors of chunk_columns. */
MUST_USE int mailbox_snapshot_for(struct mailbox *mailbox, uint64_t reader, struct snapshot **snapshot_out,
                                  struct err *err);
/* Messages that no session has been told of (RFC 3501, 2.3.2). */
uint32_t mailbox_recent_count(struct mailbox *mailbox);

/* UIDs that vanished after `modseq`, for QRESYNC, intersected with `known` (NULL: all).
 *   as_of         the snapshot that the client is shown (view.snapshot): what vanished later is left out,
 *                 view_sync will tell it
 *   complete_out  false when the log has been cut below `modseq`: then every UID below uidnext that is not in
 *                 the mailbox is given (RFC 7162, 3.2.5: a server that forgot sends more, never less) */
MUST_USE int mailbox_vanished_since(struct mailbox *mailbox, const struct snapshot *as_of, uint64_t modseq,
                                    const struct seqset *known, struct arena *arena, struct seqset *uids_out,
                                    bool *complete_out, struct err *err);

/* Ids on the wire: "F" mailbox, "M" email, "T" thread, and digits. RFC 8474, 4-5 */
struct str mailbox_id_text(uint64_t id, struct arena *arena);
struct str email_id_text(uint64_t id, struct arena *arena);
struct str thread_id_text(uint64_t id, struct arena *arena);

/* ---- watching ---- */

enum watch_event {
    WATCH_MAILBOX = 1u << 0,
    WATCH_TREE = 1u << 1,
    WATCH_ACCOUNT_GONE = 1u << 2,
    WATCH_ANNOTATIONS = 1u << 3, /* of any mailbox or the account; account_annotation_changes tells which */
};

/* One of the mailboxes that a watcher has named. */
struct watched {
    uint64_t mailbox_id;
    atomic_bool changed; /* set before fn is called; its owner clears it */
};

/* Called after a commit was published, on the committing thread (maybe one's own), or after another
 * instance's commit was seen, with no lock held: be short (wake a connection). May be called from several
 * threads at once. WATCH_MAILBOX comes also when a watched mailbox is deleted; WATCH_TREE for names,
 * subscriptions, special use and rights; a change of rights is one of the mailbox too. */
struct watcher {
    void (*fn)(struct watcher *watcher, unsigned events);
    uint64_t mailbox_id;       /* 0: every mailbox */
    struct watched *mailboxes; /* in place of mailbox_id, these, their ids ascending; borrows; or NULL */
    size_t mailbox_count;
    uint64_t reader; /* whose \Seen counts (mailbox_snapshot_for): that of others calls nobody */
    unsigned events; /* which */
    struct watcher *next, *previous; /* from here on the account's: its list, and calls under way */
    unsigned running;
};
void account_watch(struct account *account, struct watcher *watcher);
/* When it returns, fn neither runs nor will run. Must not be called from fn. */
void account_unwatch(struct account *account, struct watcher *watcher);

#endif
