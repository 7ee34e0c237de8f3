/* notify_private.h: what the files behind notify.h share. Nobody else includes it.
 *
 *   notify.c           setting and dropping; the selected mailbox; what the client does itself
 *   notify_homes.c     which mailboxes are watched
 *   notify_tell.c      the responses */
#ifndef LOFT_IMAP_NOTIFY_PRIVATE_H
#define LOFT_IMAP_NOTIFY_PRIVATE_H

#include "imap/notify.h"

/* A mailbox that is watched for its messages. */
struct notify_box {
    struct mailbox *mailbox; /* own reference */
    struct str name;         /* as its client knows it; in the home's name_arena */
    struct snapshot *told;   /* own reference; NULL: its client knows nothing of it */
    unsigned events;         /* enum notify_event bits */
    unsigned pending;        /* enum status_item bits that are told whatever has changed */
};

/* An account of which something is watched. */
struct notify_home {
    struct notify *notify;
    struct account *account; /* own reference */
    struct watcher watcher;
    bool watching;
    atomic_uint events; /* enum watch_event: seen by the watcher, not yet looked at */

    struct tree *tree; /* as its client knows it, but for `changes`; own reference */
    struct name_change *changes;
    size_t change_count, next_change;
    struct arena change_arena;

    struct notify_box *boxes; /* by id, like watcher.mailboxes; heap */
    size_t box_count, next_box;
    struct arena name_arena;
};

struct notify {
    struct session *session; /* borrows: it owns us */
    struct conn_waker *waker;
    struct arena arena;
    const struct notify_args *args; /* NULL: NONE */
    unsigned events;                /* of all groups but that of the selected mailbox */

    unsigned selected_events;
    const struct fetch_args *items; /* of new messages in the selected mailbox */
    bool delayed;
    bool catch_up;
    struct watcher selected_watcher;
    bool watching_selected;
    atomic_bool selected_changed;
    struct seqset own_new;
    struct arena own_arena;

    struct notify_home *homes;
    size_t home_count;
    bool unfinished;        /* notify_tell stopped half way, or is to look at everything */
    bool overflow;          /* there are more mailboxes than may be watched */
    int64_t quiet_until_ms; /* mono */
};

/* The events that are asked for of a mailbox name. */
unsigned notify_events_of(const struct notify *n, const struct notify_home *home, struct str name,
                          bool subscribed);

/* Begin to watch `home->account`; what is there now is what the client knows. -ERR_LIMIT */
MUST_USE int notify_home_open(struct notify *n, struct notify_home *home, struct err *err);
void notify_home_close(struct notify_home *home);
/* Names have changed, or `doing` was done: gather what is to be told, and watch what is to be watched now. Sets
 * notify->overflow when that is too much. */
void notify_home_look(struct notify_home *home, const struct name_doing *doing);
/* NULL: not watched. */
struct notify_box *notify_home_box(struct notify_home *home, uint64_t mailbox_id);
struct notify_home *notify_find_home(struct notify *n, const struct account *account);

#endif
