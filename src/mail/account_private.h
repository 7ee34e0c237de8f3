/* account_private.h: what the files behind account.h share. Nobody else includes it.
 *
 *   mail.c            which accounts are in memory; the thread in the background
 *   account.c         accounts and mailboxes: life, accessors
 *   account_open.c    reading an account; catching up with another machine
 *   account_queue.c   the queue, who leads, waiting
 *   account_commit.c  commits of a group
 *   watch.c           watchers
 *   fold.c            the log into chunks
 *   plan.c, apply.c   the working state of a commit; plan_*.c the kinds of changes, plan_quota.c the limits
 *
 * Who leads an account (account->led) is its only writer: one thread at a time, handed on under the mutex. It
 * reads what it alone writes without the mutex, and takes the mutex to publish. */
#ifndef LOFT_MAIL_ACCOUNT_PRIVATE_H
#define LOFT_MAIL_ACCOUNT_PRIVATE_H

#include "base/map.h"
#include "mail/account.h"
#include "mail/face.h"
#include "mail/indexer.h"
#include "mail/record.h"

#include <pthread.h>

struct plan;
struct annotation_change;
struct plan_box;
struct turn;
struct fold_bodies;

enum {
    FOLD_BATCH_BYTES = 32 * 1024 * 1024, /* a fold with more to write than this takes several commits */
    FOLD_LOG_BYTES = 16 * 1024 *
                     1024, /* a longer log is folded at once; a 64th of it before the account leaves memory */
};

/* What watchers are to be told, gathered while leading. */
#define NOTICE_ALL UINT64_MAX
struct noticed {
    uint64_t mailbox_id;
    uint64_t reader; /* only what he has seen changed; NOTICE_ALL: it concerns all */
};
struct notice {
    struct noticed *mailboxes; /* heap */
    size_t count, cap;
    bool tree, gone, annotations;
};

/* What account_annotation_changes tells. annotation.c */
struct annotation_history {
    struct annotation_change *items; /* heap; oldest first; own their entries */
    size_t count, cap;
    uint64_t forgotten; /* changes up to this modseq may lack */
};

enum account_state { ACCOUNT_OPENING, ACCOUNT_OPEN, ACCOUNT_FAILED };

enum account_job { JOB_FOLD = 1u << 0, JOB_REFRESH = 1u << 1, JOB_WARN = 1u << 2 };

struct mail {
    struct mail_options options;
    char *spool_folder;
    size_t log_part_bytes, fold_batch_bytes; /* LOG_PART_BYTES, FOLD_BATCH_BYTES; tests make them small */
    _Atomic uint64_t directory_version;      /* that the store told of */
    struct key_cache *keys;
    pthread_mutex_t mutex; /* of all below and of what account says; never held across a store call */
    pthread_cond_t opened; /* an account is no longer opening */
    pthread_cond_t work;   /* a job was queued, or closing */
    struct map accounts;   /* id -> account */
    struct account *idle_first, *idle_last; /* in memory without a reference, longest first */
    uint32_t idle_count;
    size_t idle_bytes;                    /* that those have read of their mailboxes */
    struct account *job_first, *job_last; /* each with a reference */
    bool closing;
    pthread_t worker;
    struct indexer *indexer;
};

/* Waits in the queue of its account. Lies on its thread's stack, or is a pending_commit. */
struct request {
    enum request_kind { REQUEST_CHANGES, REQUEST_REFRESH, REQUEST_FOLD, REQUEST_DROP } kind;
    struct change *changes;
    size_t count;
    struct fold_bodies *bodies; /* FOLD: chunks encoded ahead, or NULL */
    int result;                 /* of all kinds but CHANGES */
    struct err err;
    bool done;
    void (*wake)(void *ctx); /* somebody is to look at the account; NULL: a thread waits on `look` */
    void *wake_ctx;
    pthread_cond_t look;
    struct request *next;
};

struct account {
    struct mail *mail;
    struct account_id id;

    /* mail->mutex */
    unsigned references;
    enum account_state state;
    int open_result;
    struct err open_err;
    struct account *idle_next, *idle_previous;
    size_t idle_bytes; /* what it is counted with in mail->idle_bytes */
    struct account *job_next;
    unsigned jobs; /* enum account_job, queued */
    bool job_queued;
    bool forgotten;  /* no longer in mail->accounts */
    bool fold_tried; /* on the way out of memory: one fold, whatever becomes of it */

    pthread_mutex_t mutex;
    struct request *queue_first, *queue_last;
    bool led;
    struct turn *turn; /* the store works on it; NULL: none, or somebody ends it */
    struct tree *tree;
    struct quota *quota;
    struct account_record record; /* written by the leader under the mutex */
    struct map mailboxes;         /* id -> mailbox, own references; written by the leader under the mutex */
    struct annotation_history annotations;
    bool gone;                          /* deleted */
    struct quota_member *domain_member; /* NULL: in no domain that is limited; set once */

    /* What the store told of (mail's watcher writes), and what we are just committing ourselves. */
    _Atomic uint64_t version, told_version, committing_version;
    atomic_bool told_dropped;

    /* the leader alone */
    bool reread;            /* a commit failed and may be there: read again before the next */
    bool reread_all;        /* ... all of it: a fold failed so */
    uint64_t fold_at;       /* fold when the log has so many records */
    struct notice notice;   /* for the watchers, when the turn ends */
    struct map refs;        /* blob -> count, where above one */
    uint64_t *refs_changed; /* blobs whose count changed since the fold; may repeat */
    size_t refs_changed_count, refs_changed_cap;
    uint64_t *deleted_ids; /* mailboxes deleted since the fold */
    size_t deleted_count, deleted_cap;
    bool subscriptions_changed, quota_changed; /* since the fold */

    atomic_size_t loaded_bytes; /* chunk_source of its mailboxes */

    pthread_mutex_t watch_mutex;
    pthread_cond_t watch_idle;
    struct watcher *watchers;
};

struct mailbox {
    struct ref ref;
    struct account *account; /* borrows: who holds a mailbox holds the account */
    struct chunk_source source;
    uint64_t id;
    uint32_t uidvalidity;
    atomic_bool deleted;

    /* account mutex; the snapshot's pointer may be compared without */
    _Atomic(struct snapshot *) snapshot;
    char *name;
    size_t name_bytes;
    uint32_t recent_uid;     /* messages from this uid on are not yet told to anyone */
    struct acl *acl;         /* own reference; NULL: the owner's alone */
    struct readers *readers; /* own reference; NULL: none */
    struct face *faces;      /* made so far */

    pthread_mutex_t face_mutex; /* held to make one; comes before the account's */

    /* the leader alone */
    struct plan_box *box;     /* its working state in the plan under way; NULL: untouched by it */
    uint32_t vanished_ranges; /* kept under "V" */
    bool changed;             /* since the fold */
    uint64_t *stored_ids;     /* of chunks in the store, ascending */
    size_t stored_count;
};

struct mailbox *mailbox_new(struct account *account, uint64_t id, uint32_t uidvalidity,
                            struct snapshot *snapshot, struct str name);
/* For the leader, and under the mutex: no reference. */
struct snapshot *mailbox_peek(const struct mailbox *mailbox);
struct str mailbox_peek_name(const struct mailbox *mailbox);
void mailbox_set_name(struct mailbox *mailbox, struct str name);
/* Is `shown` what mailbox_snapshot_for would give? Takes the mutex. */
bool mailbox_is_shown(struct mailbox *mailbox, uint64_t reader, const struct snapshot *shown);
/* Leader, or under the mutex; NULL: none. */
struct mailbox *account_find(const struct account *account, uint64_t mailbox_id);

/* ---- account_open.c; by the leader ---- */

/* Read all of it afresh. -ERR_NOT_FOUND when there is none. */
MUST_USE int account_load(struct account *account, struct err *err);
/* Only its record. -ERR_NOT_FOUND. */
MUST_USE int account_read_record(struct store *store, struct account_id id, struct account_record *record_out,
                                 struct err *err);
/* Read what was committed since our version. -ERR_UNAVAILABLE when the account is gone. */
MUST_USE int account_catch_up(struct account *account, struct err *err);
bool account_is_behind(const struct account *account); /* the store told of a version that we do not have */

/* ---- account_queue.c ---- */

/* Queue, and wait until it is done. */
void account_submit(struct account *account, struct request *request);

/* ---- watch.c ---- */
void notice_add(struct notice *notice, uint64_t mailbox_id, uint64_t reader);
void account_tell(struct account *account, const struct notice *notice);

/* ---- fold.c ---- */
/* Encode the dirty chunks as they are now, so that the leader need not. */
struct fold_bodies *fold_encode_ahead(struct account *account);
void fold_bodies_free(struct fold_bodies **bodies);
/* By the leader. */
MUST_USE int fold_commit(struct account *account, const struct fold_bodies *bodies, struct err *err);
bool fold_is_worth_it(const struct account *account); /* before it leaves memory */

/* ---- mail.c, account.c ---- */
void mail_queue_job(struct account *account, unsigned jobs); /* no lock held; the caller has a reference */
void mail_forget(struct account *account); /* it was deleted: whoever opens it again looks into the store */
struct account *account_new(struct mail *mail, struct account_id id);
void account_free(struct account *account);

/* ---- annotation.c; under the account's mutex ---- */
void annotation_history_add(struct annotation_history *history, const struct annotation_change *change);
/* All up to `modseq`. Frees what it holds. */
void annotation_history_forget(struct annotation_history *history, uint64_t modseq);

/* ---- plan_quota.c ---- */
/* The level that the owner is to be warned of, 0: none. Leader, or under the mutex. */
unsigned account_warning_due(const struct account *account);
void account_quota_gone(struct account *account); /* it was deleted: its domain counts it no more */

/* ---- vanished.c ---- */
/* Cut the oldest of a mailbox's vanished ranges down to three quarters of the limit. */
MUST_USE int vanished_cut(struct mailbox *mailbox, struct batch *batch, uint32_t *ranges_left_out,
                          struct err *err);

/* An array that grows, for the few lists that live longer than an arena. */
void list_add_u64(uint64_t **items, size_t *count, size_t *cap, uint64_t n);

#endif
