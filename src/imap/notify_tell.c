#include "auth/directory/users.h"
#include "imap/cmd/status.h"
#include "imap/metadata_news.h"
#include "imap/notify_private.h"
#include "imap/wire/mailbox_args.h"
#include "imap/wire/writer.h"

enum {
    PAUSE_MS = 100, /* after a STATUS: what changes meanwhile is told at once */
    DIRECTORY_LOOK_MS =
        5000, /* how soon one learns of what was granted by those who had granted nothing before */
};

/* ---- names: RFC 5465, 5.4 and 5.5 ---- */

/* Is it wanted, as LIST tells it? */
static bool is_wanted(const struct notify *n, const struct name_change *change)
{
    unsigned events = notify_events_of(n, change->name, change->subscribed);
    if (!str_is_nil(change->old_name))
        events |= notify_events_of(n, change->old_name, change->subscribed);
    if (change->event != NAME_SUBSCRIBED)
        return events & EVENT_MAILBOX_NAME;
    /* A LIST that was told of the same name says it all. */
    return events & EVENT_SUBSCRIPTION_CHANGE && !(change->is_named_too && events & EVENT_MAILBOX_NAME);
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

static void write_name(struct session *s, const struct name_change *change, bool no_access)
{
    struct buf attributes = BUF_INIT;
    const struct tree *tree = s->notify->tree;
    const struct tree_entry *entry = tree_find(tree, change->name);
    bool exists = entry && entry->mailbox;
    if (no_access)
        add_attribute(&attributes, "\\NoAccess");
    else if (!exists)
        add_attribute(&attributes, "\\NonExistent");
    add_attribute(&attributes, has_children(tree, change->name) ? "\\HasChildren" : "\\HasNoChildren");
    if (entry && entry->subscribed)
        add_attribute(&attributes, "\\Subscribed");
    for (unsigned use = 1; exists && special_use_name(use); use <<= 1)
        if (entry->use & use)
            add_attribute(&attributes, special_use_name(use));
    write_list(session_out(s), buf_c(&attributes), change->name, change->old_name, session_utf8(s));
    buf_deinit(&attributes);
}

/* RFC 5465, 3.1 and 5.9: who asked for messages of a mailbox is told when he may not have them, and when he may again. */
static void tell_name(struct session *s, const struct name_change *change)
{
    struct notify *n = s->notify;
    bool wanted = is_wanted(n, change);
    bool lost = change->event == NAME_DENIED ||
                (change->is_hidden && !wanted &&
                 notify_events_of(n, change->name, change->subscribed) & EVENTS_OF_MESSAGES);
    bool regained = (change->event == NAME_ADMITTED || change->event == NAME_CREATED) &&
                    map_remove(&n->no_access, change->name);
    if (lost)
        map_put(&n->no_access, change->name, n);
    if (lost || regained || (wanted && change->event < NAME_DENIED))
        write_name(s, change, lost);
}

static int tell_names(struct session *s)
{
    struct notify *n = s->notify;
    for (; n->next_change < n->change_count; n->next_change++) {
        if (session_must_wait(s))
            return -ERR_AGAIN;
        tell_name(s, &n->changes[n->next_change]);
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
    bool modified = told && (now->highest_modseq != told->highest_modseq || now->unseen != told->unseen);
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

static int tell_box(struct session *s, struct notify_box *box, struct err *err)
{
    unsigned items = 0;
    if (mailbox_is_deleted(box->mailbox)) /* names tell that */
        return 0;
    struct snapshot *now;
    int r = notify_snapshot(s, box->mailbox, &now, err);
    if (r < 0)
        return r;
    r = now == box->told ? 0 : changed_items(s, box, now, &items, err);
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

static int tell_boxes(struct session *s, struct err *err)
{
    struct notify *n = s->notify;
    for (; n->next_box < n->box_count; n->next_box++) {
        struct notify_box *box = &n->boxes[n->next_box];
        struct watched *watched = &n->watched[n->next_box];
        if (s->view.mailbox == box->mailbox || (!box->pending && !atomic_load(&watched->changed)))
            continue;
        if (session_must_wait(s))
            return -ERR_AGAIN;
        atomic_store(&watched->changed, false); /* before the look: what comes later marks it again */
        int r = tell_box(s, box, err);
        if (r < 0)
            return r;
    }
    n->next_box = 0;
    return 0;
}

/* ---- annotations: RFC 5465, 5.6 and 5.7 ---- */

static bool wants_annotations(const struct session *s, struct str name)
{
    const struct notify *n = s->notify;
    if (name.n == 0)
        return n->events & EVENT_SERVER_METADATA;
    const struct tree_entry *entry = tree_find(n->tree, name);
    return notify_events_of(n, name, entry && entry->subscribed) & EVENT_MAILBOX_METADATA;
}

static void tell_annotations(struct session *s)
{
    struct notify *n = s->notify;
    const unsigned wanted = EVENT_MAILBOX_METADATA | EVENT_SERVER_METADATA;
    struct arena of_command = s->arena; /* there may be no command that frees what is needed here */
    if (!(n->events & wanted))
        return;
    s->arena = (struct arena)ARENA_INIT;
    metadata_news_tell(s); /* who has enabled METADATA too is told once */
    for (size_t i = 0; i < n->home_count; i++) {
        struct notify_home *home = n->homes[i];
        bool is_told = s->metadata.mailboxes &&
                       (home->account == s->account || home->account == s->selected_account);
        if (is_told)
            home->annotations.seen = account_annotation_modseq(home->account);
        else
            metadata_news_tell_account(s, home->account, &home->annotations, wants_annotations);
    }
    if (n->events & EVENT_SERVER_METADATA && !s->metadata.server && !s->metadata.mailboxes)
        metadata_news_tell_server(s, &n->server_annotations);
    arena_deinit(&s->arena);
    s->arena = of_command;
}

/* ---- all of it ---- */

static unsigned take_events(struct notify *n, unsigned events)
{
    unsigned taken = 0;
    for (size_t i = 0; i < n->home_count; i++)
        taken |= atomic_fetch_and(&n->homes[i]->events, ~events) & events;
    return taken;
}

/* What was granted where nobody watches yet, and what an administrator says of the server. */
static bool look_at_directory(struct notify *n)
{
    const struct imap_server *server = n->session->server;
    int64_t now = conn_now_mono_ms(n->session->conn);
    if (!n->look_at_ms || now < n->look_at_ms)
        return false;
    n->look_at_ms = now + DIRECTORY_LOOK_MS;
    return mail_directory_version(server->mail) > n->directory_version ||
           users_changes(server->users) != n->directory_changes;
}

static int look_at_names(struct session *s, struct err *err)
{
    struct notify *n = s->notify;
    bool names = take_events(n, WATCH_TREE | WATCH_ACCOUNT_GONE), directory = look_at_directory(n);
    if (!names && !directory)
        return 0;
    int r = notify_look(n, NULL, err);
    n->look_at_ms = n->look_at_ms || n->reaches_out || n->events & EVENT_SERVER_METADATA
                        ? conn_now_mono_ms(s->conn) + DIRECTORY_LOOK_MS
                        : 0;
    return r;
}

bool notify_is_due(struct session *s)
{
    int64_t at = notify_deadline_ms(s);
    return at && conn_now_mono_ms(s->conn) >= at;
}

int64_t notify_deadline_ms(const struct session *s)
{
    const struct notify *n = s->notify;
    bool waits = n && n->unfinished;
    for (size_t i = 0; n && i < n->home_count; i++)
        waits = waits || atomic_load(&n->homes[i]->events);
    if (waits)
        return n->quiet_until_ms + 1;
    return n ? n->look_at_ms : 0;
}

/* RFC 5465, 5.8 */
static void overflow(struct session *s)
{
    session_untagged(s, "OK", "NOTIFICATIONOVERFLOW", "Too many mailboxes: nothing more is told");
    notify_none(s);
}

static int tell(struct session *s, struct err *err)
{
    struct notify *n = s->notify;
    n->unfinished = true;
    int r = tell_names(s);
    if (r == 0)
        r = look_at_names(s, err);
    if (r == 0)
        r = tell_names(s);
    if (r < 0 || n->overflow)
        return r;
    take_events(n, WATCH_MAILBOX | WATCH_ANNOTATIONS);
    tell_annotations(s);
    r = tell_boxes(s, err);
    n->unfinished = r < 0;
    return r;
}

int notify_tell(struct session *s, struct err *err)
{
    if (!s->notify || !s->notify->home_count)
        return 0;
    int r = tell(s, err);
    if (s->notify->overflow)
        overflow(s);
    return r;
}
