/* notify_names.h: what has happened to mailbox names between two trees, as NOTIFY tells it.
 * RFC 5465, 5.4 (MailboxName), 5.5 (SubscriptionChange)
 * Trees are immutable, so a session that has not looked for a while learns of each name once, however often it
 * has changed meanwhile.
 * Threads: none; values. */
#ifndef LOFT_IMAP_NOTIFY_NAMES_H
#define LOFT_IMAP_NOTIFY_NAMES_H

#include "mail/tree.h"

enum name_event {
    NAME_CREATED,
    NAME_DELETED,
    NAME_RENAMED,    /* its children are renamed too, and not told of */
    NAME_PARENT,     /* of one that was created or deleted: it may have its first child, or none any more */
    NAME_SUBSCRIBED, /* or no longer */
    NAME_DENIED,     /* not found here (notify_look.c): it may be seen, but not read */
    NAME_ADMITTED,   /* nor this: it may be read again */
};

struct name_change {
    enum name_event event;
    struct str name;     /* RENAMED: the new one */
    struct str old_name; /* RENAMED; else NIL */
    bool subscribed;     /* before or now: it belongs to those that are subscribed */
    bool is_hidden;      /* DELETED: the mailbox is there, but the user may not see it any more */
    bool is_named_too;   /* SUBSCRIBED: another event of the same name stands before it */
};

/* What a client did itself: it is not told of that (RFC 5465, 5), as long as it is still so. */
struct name_doing {
    enum { DOING_CREATE, DOING_DELETE, DOING_RENAME, DOING_SUBSCRIBE } what;
    struct str name;     /* RENAME: the new one */
    struct str from;     /* RENAME */
    uint64_t mailbox_id; /* CREATE: of the new one */
    bool subscribed;     /* SUBSCRIBE */
};

/* What leads from `old` to `now`, in the order in which it is to be told: names that are another mailbox's now, those that
 * are gone, those that came, parents, subscriptions.
 *   own          NULL: nothing. Where the outcome is another than the client believes, the name is told
 *   changes_out  in the arena; names are copies */
void name_changes_find(const struct tree *old, const struct tree *now, const struct name_doing *own,
                       struct arena *arena, struct name_change **changes_out, size_t *count_out);

#endif
