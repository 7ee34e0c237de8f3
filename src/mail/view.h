/* view.h: a mailbox as one client knows it. The view holds the snapshot its client has been told of;
 * view_sync moves it forward and says what to tell. Sequence numbers of a session always refer to its view's
 * snapshot.
 * Threads: one owner (the session). */
#ifndef LOFT_MAIL_VIEW_H
#define LOFT_MAIL_VIEW_H

#include "mail/account.h"

struct recent_range {
    uint32_t first, last;
};

struct view {
    struct mailbox *mailbox;   /* own reference */
    struct snapshot *snapshot; /* what the client knows; own reference; may hold messages already expunged */
    struct snapshot *latest;   /* when last synced: `snapshot` without those; own reference */
    bool read_only;
    uint64_t reader;             /* whose \Seen is shown (face.h); 0: the owner's */
    struct recent_range *recent; /* UIDs that are \Recent in this session; ascending, heap */
    uint32_t recent_range_count;
};

/* Look at the mailbox as it is now. Messages not yet told to anyone become \Recent here and, unless
 * read_only, nowhere else. Takes a reference of its own to the mailbox; the caller keeps the account
 * referenced. */
void view_open(struct mailbox *mailbox, bool read_only, struct view *view_out);
/* The same as user `reader` sees it, who is not the owner. Errors of chunk_columns. */
MUST_USE int view_open_for(struct mailbox *mailbox, uint64_t reader, bool read_only, struct view *view_out,
                           struct err *err);
void view_close(struct view *view);

bool view_is_recent(const struct view *view, uint32_t uid);
uint32_t view_recent_count(const struct view *view);

/* Cheap test whether view_sync(may_expunge) would find something. */
bool view_is_stale(const struct view *view);

struct view_update {
    struct snapshot_diff diff; /* empty vanished set when EXPUNGE had to wait */
    bool exists_changed;       /* tell EXISTS (and RECENT to IMAP4rev1) */
    bool mailbox_deleted;      /* the mailbox is gone: nothing further will come */
};

/* Move the view to the present.
 *   may_expunge  false while FETCH, STORE or SEARCH by sequence number is answered (RFC 9051, 7.5.1):
 *                expunged messages stay in place, flags and new messages are told all the same
 *   update_out   arrays live in `arena`
 *   errors       of chunk_columns; -ERR_NOT_FOUND when another machine has folded away a chunk that this view never
 *                loaded: what the client knew is lost, open the view anew; -ERR_UNAVAILABLE: the account is deleted */
MUST_USE int view_sync(struct view *view, bool may_expunge, struct arena *arena,
                       struct view_update *update_out, struct err *err);

/* The same for the messages `uids` alone; all else stays as the client knows it: for a client that wants to be told of
 * nothing but what it does itself (RFC 5465, 3.1). view_sync() goes on from there. */
MUST_USE int view_sync_only(struct view *view, const struct seqset *uids, bool may_expunge,
                            struct arena *arena, struct view_update *update_out, struct err *err);

#endif
