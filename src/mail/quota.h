/* quota.h: limits on what an account may hold.     RFC 9208
 *
 * A quota root (RFC 9208, 3.2) is the account itself, or a mailbox with all that lies below it: a "tree". Its limits
 * are looked at when a change is planned, against the totals that the changes before it leave, so that two deliveries
 * at once cannot go past a limit together; the totals are part of the same commit. What shrinks or only moves inside
 * a root is never refused.
 *   STORAGE     the sum of message sizes; a message that two mailboxes have counts twice
 *   ANNOTATION  of the account as a whole only
 * Limits of the account come from the settings unless its state has others; trees are in its state. A third kind of
 * root, the domain, is in quota_domain.h.
 * State keys (see account.h): "Q" mailbox_id: limits of that tree, "Q" 0: those of the account, and which warning it
 * was given; as of the fold.
 * Threads: a struct quota never changes; the rest says so. */
#ifndef LOFT_MAIL_QUOTA_H
#define LOFT_MAIL_QUOTA_H

#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/ref.h"
#include "mail/quota_resource.h"
#include "store/store.h"

enum {
    QUOTA_TREES_MAX = 100, /* of an account: each is looked at when a message is added */
    QUOTA_WARNINGS_MAX = 8,
    /* So far a level must be fallen below before it warns again: one that hovers at it is not told again and again. */
    QUOTA_REARM_PERCENT = 5,
};

struct account;

/* In mail_options. Zero where nothing is limited. */
struct quota_settings {
    struct quota_amounts limits; /* of an account; 0: none */
    /* The message that goes past the STORAGE limit is taken when the limit was not reached before it, and not passed by
     * more than this share. */
    unsigned grace_percent;
    uint8_t warnings[QUOTA_WARNINGS_MAX]; /* percent of STORAGE or MESSAGE; ascending, not 0 */
    size_t warning_count;
    /* Called on the model's thread once a level is passed, and again until a commit says that it was told (change.h,
     * append.warning). May commit. */
    void (*warn)(void *ctx, struct account *account, unsigned percent);
    void *warn_ctx;
    struct quota_domains *domains; /* borrows; NULL: none. quota_domain.h */
};

/* ---- what the state of an account says ---- */

struct quota_root {
    uint64_t mailbox_id; /* 0: the account */
    struct quota_amounts limits;
    uint8_t told; /* of the account: the level that its owner was warned of; 0: none */
};

struct quota {
    struct ref ref;
    size_t count;
    struct quota_root roots[]; /* ascending by mailbox_id; those that say nothing are not there */
};

struct quota *quota_new_empty(void);
struct quota *quota_ref(struct quota *quota);
void quota_unref(struct quota **quota);
/* What is not there has default limits and was not told; of a tree: it has no limits. */
struct quota_root quota_find(const struct quota *quota, uint64_t mailbox_id);
/* One more, replaced, or, when it says nothing, gone: a new one (own reference). */
struct quota *quota_put(const struct quota *quota, const struct quota_root *root);

void quota_root_encode(const struct quota_root *root, struct buf *out); /* without mailbox_id */
void quota_root_decode(struct reader *r, struct quota_root *root_out);  /* damage makes the reader bad */

/* Limits of the account that hold.
 *   inherent  no limit is above these (RFC 9208, 3.2: they are told, too) */
struct quota_amounts quota_effective(const struct quota_settings *settings, const struct quota *quota,
                                     const struct quota_amounts *inherent);

/* May `add` come to `used`? 0; 1 within the grace; -ERR_OVERQUOTA, with `what` in its text. */
int quota_check(const struct quota_amounts *used, const struct quota_amounts *add,
                const struct quota_amounts *limits, unsigned grace_percent, const char *what,
                struct err *err);

/* How full, in percent, rounded down: of STORAGE or MESSAGE, the fuller one. */
unsigned quota_percent(const struct quota_amounts *used, const struct quota_amounts *limits);
/* The highest level that is passed at `percent`, 0: none; and the level that stays told after `told`. */
unsigned quota_level(const struct quota_settings *settings, unsigned percent);
unsigned quota_level_kept(const struct quota_settings *settings, unsigned percent, unsigned told);

/* ---- an account as it stands; any thread ---- */

struct quota_state {
    uint64_t mailbox_id; /* 0: the account */
    struct str mailbox;  /* name of a tree's mailbox, in the arena; NIL: the account */
    struct quota_amounts used, limits;
};

/* The roots that govern `mailbox`, which need not exist; or all roots when it is NIL. The account first, then trees,
 * the outer before the inner. Returns how many; at least 1. */
size_t account_quota(struct account *account, struct str mailbox, struct arena *arena,
                     struct quota_state **states_out);

/* What an account that need not be in memory holds, by its record in the store. -ERR_NOT_FOUND, -ERR_CORRUPT, -ERR_IO. */
struct mail;
MUST_USE int mail_account_holds(struct mail *mail, struct account_id id, struct quota_amounts *holds_out,
                                struct err *err);

/* Would so much more fit into the account, as far as can be said now? So that a client need not send megabytes in
 * vain: what counts is the plan. -ERR_OVERQUOTA. */
MUST_USE int account_quota_check(struct account *account, const struct quota_amounts *add, struct err *err);

/* Is it past a limit: within the grace, or because the limit was lowered? */
bool account_is_over_quota(struct account *account);

#endif
