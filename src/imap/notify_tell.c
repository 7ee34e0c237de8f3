#include "imap/cmd/status.h"
#include "imap/door.h"
#include "imap/notify_private.h"
#include "imap/wire/mailbox_args.h"
#include "imap/wire/writer.h"

enum { PAUSE_MS = 100 }; /* after a STATUS: what changes meanwhile is told at once */

/* ---- names: RFC 5465, 5.4 and 5.5 ---- */

static unsigned event_of(const struct name_change *change)
{
    return change->event == NAME_SUBSCRIBED ? EVENT_SUBSCRIPTION_CHANGE : EVENT_MAILBOX_NAME;
}

static bool is_wanted(const struct notify_home *home, const struct name_change *change, struct str shown,
                      struct str old_shown)
{
    const struct notify *n = home->notify;
    unsigned events = notify_events_of(n, home, shown, change->subscribed);
    if (!str_is_nil(old_shown))
        events |= notify_events_of(n, home, old_shown, change->subscribed);
    if (change->is_named_too && events & EVENT_MAILBOX_NAME) /* the LIST that was told says it all */
        return false;
    return events & event_of(change);
}

static void add_attribute(struct buf *attributes, const char *attribute)
{
    if (attributes->n)
        buf_add_char(attributes, ' ');
    buf_add(attributes, str_c(attribute));
}

static bool has_children(const struct tree *tree, struct str name)
{
    uint32_t first, end;
    tree_children(tree, name, &first, &end);
    for (; first < end; first++)
        if (tree->entries[first].mailbox)
            return true;
    return false;
}

static void write_name(struct session *s, const struct tree *tree, struct str name, struct str shown,
                       struct str old_shown)
{
    struct buf attributes = BUF_INIT;
    const struct tree_entry *entry = tree_find(tree, name);
    bool exists = entry && entry->mailbox;
    if (!exists)
        add_attribute(&attributes, "\\NonExistent");
    add_attribute(&attributes, has_children(tree, name) ? "\\HasChildren" : "\\HasNoChildren");
    if (entry && entry->subscribed)
        add_attribute(&attributes, "\\Subscribed");
    for (unsigned use = 1; exists && special_use_name(use); use <<= 1)
        if (entry->use & use)
            add_attribute(&attributes, special_use_name(use));
    write_list(session_out(s), buf_c(&attributes), shown, old_shown, session_utf8(s));
    buf_deinit(&attributes);
}

static int tell_names(struct session *s, struct notify_home *home)
{
    for (; home->next_change < home->change_count; home->next_change++) {
        const struct name_change *change = &home->changes[home->next_change];
        struct arena arena = ARENA_INIT;
        if (session_must_wait(s))
            return -ERR_AGAIN;
        struct str shown = door_shown_name(s, home->account, change->name, &arena);
        struct str old_shown = str_is_nil(change->old_name)
                                   ? STR_NIL
                                   : door_shown_name(s, home->account, change->old_name, &arena);
        if (is_wanted(home, change, shown, old_shown))
            write_name(s, home->tree, change->name, shown, old_shown);
        arena_deinit(&arena);
    }
    return 0;
}

/* ---- messages of other mailboxes: RFC 5465, 5.1 to 5.3 ---- */

/* Which STATUS items tell what has changed. */
static int changed_items(const struct session *s, const struct notify_box *box, const struct snapshot *now,
                         unsigned *items_out, struct err *err)
{
    const struct snapshot *told = box->told;
    uint32_t next = told ? told->uidnext : 1, seq;
    int r = snapshot_lower_bound(now, next, &seq, err);
    if (r < 0)
        return r;
    bool came_or_went = now->uidnext != next || seq - 1 != (told ? told->exists : 0);
    bool modified = now->highest_modseq != (told ? told->highest_modseq : now->highest_modseq);
    unsigned items = 0;
    if (came_or_went && box->events & EVENT_MESSAGE_NEW) {
        items |= STATUS_UIDNEXT | STATUS_MESSAGES;
        if (s->condstore) /* RFC 5465, 5.2 and 5.3 */
            items |= STATUS_HIGHESTMODSEQ;
    }
    if (modified && box->events & EVENT_FLAG_CHANGE) {
        if (s->condstore)
            items |= STATUS_HIGHESTMODSEQ | STATUS_UIDVALIDITY;
        if (now->unseen != told->unseen)
            items |= STATUS_UNSEEN | STATUS_UIDVALIDITY;
    }
    *items_out = items;
    return 0;
}

static bool is_selected(const struct session *s, const struct notify_home *home, const struct notify_box *box)
{
    return s->state == STATE_SELECTED && s->selected_account == home->account &&
           mailbox_id(s->view.mailbox) == mailbox_id(box->mailbox);
}

static int tell_box(struct session *s, struct notify_box *box, struct err *err)
{
    unsigned items = 0;
    if (mailbox_is_deleted(box->mailbox)) /* names tell that */
        return 0;
    struct snapshot *now = mailbox_snapshot(box->mailbox);
    int r = now == box->told ? 0 : changed_items(s, box, now, &items, err);
    if (r < 0) {
        snapshot_unref(&now);
        return r;
    }
    snapshot_unref(&box->told);
    box->told = now;
    items |= box->pending;
    box->pending = 0;
    if (!items)
        return 0;
    status_write_of(s, box->mailbox, now, box->name, items);
    s->notify->quiet_until_ms = conn_now_mono_ms(s->conn) + PAUSE_MS;
    return 0;
}

static int tell_boxes(struct session *s, struct notify_home *home, struct err *err)
{
    for (; home->next_box < home->box_count; home->next_box++) {
        struct notify_box *box = &home->boxes[home->next_box];
        struct watched *watched = &home->watcher.mailboxes[home->next_box];
        if ((!box->pending && !atomic_load(&watched->changed)) || is_selected(s, home, box))
            continue;
        if (session_must_wait(s))
            return -ERR_AGAIN;
        atomic_store(&watched->changed, false); /* before the look: what comes later marks it again */
        int r = tell_box(s, box, err);
        if (r < 0)
            return r;
    }
    home->next_box = 0;
    return 0;
}

/* ---- all of it ---- */

static int tell_home(struct session *s, struct notify_home *home, struct err *err)
{
    int r = tell_names(s, home);
    if (r == 0 && atomic_fetch_and(&home->events, ~(unsigned)WATCH_TREE) & WATCH_TREE) {
        notify_home_look(home, NULL);
        r = home->notify->overflow ? 0 : tell_names(s, home);
    }
    if (r == 0 && !home->notify->overflow) {
        atomic_fetch_and(&home->events, ~(unsigned)WATCH_MAILBOX);
        r = tell_boxes(s, home, err);
    }
    return r;
}

bool notify_is_due(struct session *s)
{
    const struct notify *n = s->notify;
    return n && notify_deadline_ms(s) && conn_now_mono_ms(s->conn) >= n->quiet_until_ms;
}

int64_t notify_deadline_ms(const struct session *s)
{
    const struct notify *n = s->notify;
    bool waits = n && n->unfinished;
    for (size_t i = 0; n && i < n->home_count; i++)
        waits = waits || atomic_load(&n->homes[i].events) & (WATCH_MAILBOX | WATCH_TREE);
    return waits ? n->quiet_until_ms + 1 : 0;
}

/* RFC 5465, 5.8 */
static void overflow(struct session *s)
{
    session_untagged(s, "OK", "NOTIFICATIONOVERFLOW", "Too many mailboxes: nothing more is told");
    notify_none(s);
}

int notify_tell(struct session *s, struct err *err)
{
    struct notify *n = s->notify;
    int r = 0;
    for (size_t i = 0; n && r == 0 && !n->overflow && i < n->home_count; i++) {
        n->unfinished = true;
        r = tell_home(s, &n->homes[i], err);
    }
    if (n && n->overflow)
        overflow(s);
    else if (n && r == 0)
        n->unfinished = false;
    return r;
}
