/* notify_private.h: what the files behind notify.h share. Nobody else includes it.
 *
 *   notify.c         setting and dropping; the selected mailbox; what the client does itself
 *   notify_look.c    which mailboxes of which accounts are watched
 *   notify_tell.c    the responses */
#ifndef LOFT_IMAP_NOTIFY_PRIVATE_H
#define LOFT_IMAP_NOTIFY_PRIVATE_H

#include "base/map.h"
#include "imap/notify.h"
#include "mail/annotation.h"

/* A mailbox that is watched for its messages. */
struct notify_box {
    struct mailbox *mailbox; /* own reference */
    struct str name;         /* as its client knows it; in name_arena */
    struct snapshot *told;   /* own reference; NULL: its client knows nothing of it */
    unsigned events;         /* enum notify_event bits */
    unsigned pending;        /* enum status_item bits that are told whatever has changed */
    size_t home;             /* index */
};

/* An account of which something is watched. */
struct notify_home {
    struct notify *notify;
    struct account *account; /* own reference */
    struct watcher watcher;  /* its mailboxes are a part of notify->watched */
    bool watching;
    atomic_uint events; /* enum watch_event: seen by the watcher, not yet looked at */
    uint64_t version;   /* of the account, from before the last look */
    struct metadata_watch annotations;
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

    struct notify_home **homes; /* heap; one's own first */
    size_t home_count;
    struct tree
        *tree; /* all that the user sees of them, under his names, as the client knows it but for `changes` */
    struct name_change *changes;
    size_t change_count, next_change;
    struct arena change_arena;
    struct map no_access; /* names that were told with \NoAccess */

    struct notify_box *boxes; /* by home, then by id; heap */
    struct watched *watched;  /* beside them; heap */
    size_t box_count, next_box;
    struct str
        *denied; /* names of which messages were asked for, and that the user may see, but not read; sorted */
    size_t denied_count;
    struct arena name_arena; /* of boxes and denied */

    bool reaches_out; /* mailboxes of others may be among them: what was granted is looked at now and then */
    uint64_t directory_version, directory_changes; /* when it was looked at */
    uint64_t server_annotations;
    int64_t look_at_ms;     /* mono: when; 0: never */
    bool unfinished;        /* notify_tell stopped half way, or is to look at everything */
    bool overflow;          /* there are more mailboxes than may be watched */
    int64_t quiet_until_ms; /* mono */
};

/* The events that are asked for of a mailbox, by the name that the client knows. */
unsigned notify_events_of(const struct notify *n, struct str name, bool subscribed);

/* A mailbox as the user sees it: his own \Seen. Own reference. */
MUST_USE int notify_snapshot(struct session *s, struct mailbox *mailbox, struct snapshot **out,
                             struct err *err);

/* Look at what there is: gather what is to be told of names, and watch what is to be watched. The first time nothing is
 * told but what may not be read. Sets n->overflow when that is too much.
 *   doing  what the client has done itself, with names as it knows them; NULL: nothing
 *   errors those of door_tree: then all stays as it was */
MUST_USE int notify_look(struct notify *n, const struct name_doing *doing, struct err *err);
/* Watch nothing any more. */
void notify_look_away(struct notify *n);

/* NULL: not watched. */
struct notify_home *notify_find_home(struct notify *n, const struct account *account);
struct notify_box *notify_find_box(struct notify *n, const struct account *account, uint64_t mailbox_id);

#endif
