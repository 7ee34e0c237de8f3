/* plan.h: the working state of a commit: the account as it would be after the changes planned so far. Nobody
 * sees it before plan_publish. Planning a change reads this state and yields deltas; only when all is
 * decided, plan_accept applies them to it and writes them to the log record: a refused change leaves no
 * trace.
 *
 *   plan_init .. plan_change .. plan_change .. store_commit .. plan_publish .. plan_deinit
 *
 * Threads: the leader of the account. */
#ifndef LOFT_MAIL_PLAN_H
#define LOFT_MAIL_PLAN_H

#include "mail/account_private.h"
#include "mail/delta.h"

/* A mailbox that the plan works on. */
struct plan_box {
    struct mailbox *mailbox;        /* own reference */
    struct snapshot *base;          /* own reference */
    struct snapshot_draft *draft;   /* NULL until it is read or changed */
    struct keyword_table *keywords; /* own reference */
    struct snapshot *next;          /* plan_finish */
    struct acl *acl;                /* own reference; NULL: none */
    struct readers *readers;        /* own reference; NULL: none */
    struct str name;                /* in the plan's arena */
    uint32_t vanished_ranges;
    bool changed, created, deleted;
    uint32_t recent_uid;  /* fresh: as stored */
    uint64_t *stored_ids; /* fresh: as stored; heap, the mailbox takes it */
    size_t stored_count;
    struct plan_box *following;
};

struct plan {
    struct account *account;
    bool fresh;  /* reads the whole account: what is not in the plan is not there */
    bool broken; /* a change failed half way: throw the plan away and plan without it */
    struct account_record record;
    uint64_t added;    /* messages */
    struct tree *tree; /* own reference */
    bool tree_changed, subscriptions_changed;
    struct quota *quota; /* own reference */
    bool quota_changed;
    struct quota_amounts reserved; /* in the domain */
    struct plan_box *boxes;
    struct map refs;        /* blob -> count, at least 1, where the plan changed it */
    uint64_t *refs_changed; /* their blobs; may repeat */
    size_t refs_changed_count, refs_changed_cap;
    struct map threads;                           /* Message-ID hash -> thread id, new ones */
    struct annotation_set *annotation_sets;       /* what it read and wrote of them: plan_annotation.c */
    struct annotation_change *annotation_changes; /* in the arena, by modseq */
    size_t annotation_change_count, annotation_change_cap;
    struct arena arena; /* deltas and names */
    struct batch batch; /* blobs, "T" and "V"; plan_seal adds "L" and "A" */
    struct buf log;     /* the log record; empty while nothing changed */
    uint64_t log_modseq;
    int64_t now_s;
};

void plan_init(struct plan *p, struct account *account, bool fresh);
void plan_deinit(struct plan *p);

/* Plan one change on what the former left. Fills its results; result is set too. */
void plan_change(struct plan *p, struct change *c);
bool plan_is_empty(const struct plan *p);
/* Complete the batch. */
MUST_USE int plan_seal(struct plan *p, struct err *err);
/* The commit is durable: make it the account's present. Takes the account mutex; notes what
 * watchers are to be told. */
void plan_publish(struct plan *p);

/* ---- for apply.c and those that plan ---- */

struct plan_box *plan_box(struct plan *p, uint64_t mailbox_id); /* NULL: no such mailbox (any more) */
struct plan_box *plan_box_add(struct plan *p, struct mailbox *mailbox, struct snapshot *base,
                              struct str name);
struct plan_rows;
/* Is \Seen of `reader` (0: the owner) other than that of the messages? */
bool plan_box_has_seen(const struct plan_box *box, uint64_t reader);
/* `uids`, which live as long as `deltas`, become seen or unseen for a reader. */
void plan_seen_delta(uint64_t mailbox_id, uint64_t reader, const struct seqset *uids, bool seen,
                     uint64_t modseq, struct delta_list *deltas);
/* Messages that come from `source` get the UIDs from `uid` on: what its readers have seen, they have seen there. */
void plan_carry_seen(const struct plan_box *source, const struct plan_rows *rows, uint64_t mailbox_id,
                     uint32_t uid, uint64_t modseq, struct delta_list *deltas);
/* The access control list of a mailbox is `acl` from now on (NULL: none). */
void plan_acl_delta(const struct acl *acl, uint64_t mailbox_id, uint64_t modseq, struct delta_list *deltas);
struct plan_box *plan_box_by_name(struct plan *p, struct str name); /* a checked name */
struct snapshot_draft *plan_box_draft(struct plan_box *box);
uint32_t plan_box_uidnext(const struct plan_box *box);
uint32_t plan_box_exists(const struct plan_box *box);
uint64_t plan_box_size_bytes(const struct plan_box *box);

/* How many messages refer to a blob that is in use: at least 1. */
uint64_t plan_blob_count(const struct plan *p, uint64_t blob);
void plan_set_blob_count(struct plan *p, uint64_t blob, uint64_t count);

/* The modseq of the change being planned. */
static inline uint64_t plan_modseq(const struct plan *p)
{
    return p->record.version + 1;
}

/* apply.c: the ONE function that makes the next state.
 * -ERR_CORRUPT for what cannot be; errors of reading chunks. */
MUST_USE int plan_apply(struct plan *p, const struct delta *delta, struct err *err);

/* Apply the deltas of a change, write them to the log, take the version on.
 * When it fails the plan is broken. */
MUST_USE int plan_accept(struct plan *p, struct change *c, const struct delta_list *deltas, struct err *err);

/* Where messages go: a mailbox that is there, or that the same change makes. */
struct plan_target {
    uint64_t mailbox_id;
    uint32_t uidvalidity, uidnext;
    struct keyword_table *keywords; /* own reference */
    uint32_t keyword_count_before;
};
/* plan_tree.c: deltas that make `name` (checked) and the levels above it. -ERR_LIMIT. */
struct plan_new_boxes {
    uint64_t next_mailbox_id;
    uint32_t last_uidvalidity, mailbox_count;
};
struct plan_new_boxes plan_new_boxes(const struct plan *p);
MUST_USE int plan_make_boxes(struct plan *p, struct plan_new_boxes *ids, struct str name, uint16_t use,
                             bool subscribe, struct delta_list *deltas, struct plan_target *target_out,
                             struct err *err);
void plan_target_of(const struct plan_box *box, struct plan_target *target_out);
void plan_target_deinit(struct plan_target *target);
/* Intern names; on success the table of the target has them. */
MUST_USE int plan_target_keywords(struct plan_target *target, const struct str *names, size_t count,
                                  struct keyword_set *set_out, struct err *err);
/* The KEYWORDS delta for what was interned, if anything. Names live in the arena of `deltas`. */
void plan_target_keyword_delta(const struct plan_target *target, uint64_t modseq, struct delta_list *deltas);

/* Messages read from a mailbox, in the plan's arena. */
struct plan_rows {
    struct arena *arena;
    struct message *items;
    size_t count, cap;
};
/* Those of `uids` (NULL: all). */
MUST_USE int plan_read(struct plan *p, struct plan_box *box, const struct seqset *uids,
                       struct plan_rows *rows_out, struct err *err);

/* plan_quota.c: may the change add so much? Asked before anything leaves a trace.
 * 0 (change->soft_quota may be set); -ERR_OVERQUOTA. */
struct quota_need {
    struct str mailbox; /* that it comes to; need not exist yet; NIL: none */
    struct str from; /* a mailbox of this account that loses as much; NIL: none. Roots of both do not count */
    struct quota_amounts add;
    struct quota_amounts
        lost; /* by the mailbox `lost_from`, in the same change: roots of both need only the rest */
    struct str lost_from;
};
MUST_USE int plan_quota(struct plan *p, struct change *c, const struct quota_need *need, struct err *err);
/* For the mailboxes and annotations that `deltas` make. */
MUST_USE int plan_quota_deltas(struct plan *p, struct change *c, struct str mailbox,
                               const struct delta_list *deltas, struct err *err);
MUST_USE int plan_quota_rename(struct plan *p, struct change *c, struct str from, struct str to,
                               struct err *err);
MUST_USE int plan_apply_quota(struct plan *p, const struct delta *d, struct err *err);
void plan_quota_forget(struct plan *p, uint64_t mailbox_id); /* the mailbox goes */
/* A warning of `level` is told by this change: a delta. False: it was told already. */
bool plan_quota_tell(struct plan *p, unsigned level, struct delta_list *deltas);
/* Usage fell below what was told: the delta that forgets it. */
bool plan_quota_told_less(const struct plan *p, struct delta *delta_out);
/* The domain counts what was committed, or gets back what was reserved. */
void plan_quota_settle(struct plan *p, bool committed);

/* Blobs that lose a message each: the REFS delta, and the blobs to drop. */
struct plan_drops {
    uint64_t *blobs;
    size_t count;
};
MUST_USE int plan_release(struct plan *p, const struct plan_rows *rows, uint64_t modseq,
                          struct delta_list *deltas, struct plan_drops *drops_out, struct err *err);
void plan_drop_blobs(struct plan *p, const struct plan_drops *drops);

/* New rows for a target: keeps blobs, ids, dates, flags; maps keywords; new uids. */
MUST_USE int plan_transfer(struct plan *p, const struct plan_rows *rows, const struct keyword_table *from,
                           struct plan_target *target, uint64_t modseq, struct delta_list *deltas,
                           struct err *err);

/* thread.c: the thread of a new message. Adds what it finds unknown to the plan and its batch.
 * -ERR_IO: the plan is broken. */
MUST_USE int plan_thread(struct plan *p, const struct new_message *message, uint64_t email_id,
                         uint64_t *thread_id_out, struct err *err);

/* plan_annotation.c: the deltas for a mailbox that is deleted, and for INBOX which leaves its messages to a new
 * one (RFC 5464, 4.1: the annotations are copied). -ERR_IO, -ERR_CORRUPT: the plan is broken. */
MUST_USE int plan_drop_annotations(struct plan *p, uint64_t mailbox_id, struct delta_list *deltas,
                                   struct err *err);
MUST_USE int plan_copy_annotations(struct plan *p, uint64_t from, uint64_t to, struct delta_list *deltas,
                                   struct err *err);
/* The state that an accepted delta stands for, into the batch. */
void plan_put_annotations(struct plan *p, const struct delta *delta);

typedef int plan_fn(struct plan *p, struct change *c, struct err *err);
plan_fn plan_append, plan_store, plan_expunge, plan_copy, plan_create, plan_delete, plan_rename,
    plan_subscribe, plan_annotate, plan_set_acl, plan_change_quota;

#endif
