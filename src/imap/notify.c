#include "imap/notify.h"

#include "auth/directory/server_metadata.h"
#include "imap/context.h"
#include "imap/door.h"
#include "imap/notify_private.h"
#include "imap/wire/mailbox_args.h"

#include <stdlib.h>

const unsigned notify_supported = EVENT_MESSAGE_NEW | EVENT_MESSAGE_EXPUNGE | EVENT_FLAG_CHANGE |
                                  EVENT_MAILBOX_NAME | EVENT_SUBSCRIPTION_CHANGE | EVENT_MAILBOX_METADATA |
                                  EVENT_SERVER_METADATA;

/* ---- life ---- */

static struct notify *notify_new(struct session *s)
{
    struct notify *n = calloc(1, sizeof *n);
    if (!n)
        abort();
    n->session = s;
    map_init(&n->no_access);
    n->waker = conn_waker(s->conn);
    return n;
}

static void unwatch_selected(struct notify *n)
{
    if (n->watching_selected)
        account_unwatch(n->session->selected_account, &n->selected_watcher);
    n->watching_selected = false;
}

static void notify_free(struct notify *n)
{
    if (!n)
        return;
    unwatch_selected(n);
    notify_look_away(n);
    map_deinit(&n->no_access);
    arena_deinit(&n->own_arena);
    arena_deinit(&n->arena);
    conn_waker_unref(&n->waker);
    free(n);
}

/* The group of the selected mailbox, if there is one. */
static void take_selected(struct notify *n)
{
    for (size_t i = 0; i < n->args->group_count; i++) {
        const struct notify_group *group = &n->args->groups[i];
        if (group->filter > NOTIFY_SELECTED_DELAYED) {
            n->events |= group->events;
            continue;
        }
        n->selected_events = group->events;
        n->delayed = group->filter == NOTIFY_SELECTED_DELAYED;
        if (!group->fetch)
            continue;
        group->fetch->uid = true;
        group->fetch->sets_seen = false; /* what is sent unasked has not been read */
        n->items = group->fetch;
    }
}

/* What RFC 5465, 3.1 wants told of each mailbox before the tagged OK. */
static void ask_for_status(struct notify *n)
{
    for (size_t i = 0; i < n->box_count; i++) {
        struct notify_box *box = &n->boxes[i];
        box->pending = STATUS_MESSAGES | STATUS_UIDNEXT | STATUS_UIDVALIDITY;
        if (box->events & EVENT_FLAG_CHANGE)
            box->pending |= STATUS_HIGHESTMODSEQ;
    }
}

static uint64_t server_revision(const struct session *s)
{
    uint64_t revision;
    struct err ignored; /* then all there is is told once */
    return server_metadata_revision(mail_options(s->server->mail)->store, &revision, &ignored) < 0 ? 0
                                                                                                   : revision;
}

int notify_set(struct session *s, const struct notify_args *args, struct err *err)
{
    struct notify *n = notify_new(s);
    n->args = notify_args_copy(args, &n->arena);
    take_selected(n);
    int r = n->events ? notify_look(n, NULL, err) : 0;
    if (r == 0 && n->overflow)
        r = err_set(err, ERR_LIMIT, "More than %u mailboxes to watch",
                    s->server->settings.notify_mailboxes_max);
    if (r < 0) {
        notify_free(n);
        return r;
    }
    if (n->reaches_out || n->events & EVENT_SERVER_METADATA)
        n->look_at_ms = conn_now_mono_ms(s->conn);
    if (n->events & EVENT_SERVER_METADATA)
        n->server_annotations = server_revision(s);
    if (args->status)
        ask_for_status(n);
    notify_free(s->notify);
    s->notify = n;
    notify_opened(s);
    return 0;
}

void notify_none(struct session *s)
{
    struct notify *n = notify_new(s);
    notify_free(s->notify);
    s->notify = n;
}

void notify_drop(struct session *s)
{
    notify_free(s->notify);
    s->notify = NULL;
}

/* ---- the selected mailbox ---- */

unsigned notify_selected_events(const struct session *s)
{
    return !s->notify || s->notify->catch_up ? EVENTS_OF_MESSAGES : s->notify->selected_events;
}

void notify_catch_up(struct session *s, bool on)
{
    s->notify->catch_up = on;
}

bool notify_selected_is_due(struct session *s)
{
    return s->update || (s->notify && atomic_exchange(&s->notify->selected_changed, false));
}

bool notify_may_expunge(const struct session *s)
{
    return !s->notify->delayed;
}

const struct fetch_args *notify_new_message_items(const struct session *s)
{
    return s->notify ? s->notify->items : NULL;
}

void notify_take_own_new(struct session *s, struct arena *arena, struct seqset *uids_out)
{
    struct notify *n = s->notify;
    *uids_out = (struct seqset){ 0 };
    if (!n)
        return;
    seqset_copy(&n->own_new, arena, uids_out);
    n->own_new = (struct seqset){ 0 };
    arena_reset(&n->own_arena);
}

static void on_selected_change(struct watcher *watcher, unsigned events)
{
    struct notify *n = (struct notify *)((char *)watcher - offsetof(struct notify, selected_watcher));
    (void)events;
    atomic_store(&n->selected_changed, true);
    conn_wake(n->waker);
}

void notify_opened(struct session *s)
{
    struct notify *n = s->notify;
    if (!n || s->state != STATE_SELECTED)
        return;
    n->selected_watcher = (struct watcher){ .fn = on_selected_change,
                                            .mailbox_id = mailbox_id(s->view.mailbox),
                                            .reader = s->view.reader,
                                            .events = (n->selected_events ? WATCH_MAILBOX : 0u) |
                                                      WATCH_ACCOUNT_GONE };
    account_watch(s->selected_account, &n->selected_watcher);
    n->watching_selected = true;
    atomic_store(&n->selected_changed, true); /* what came before it was watched */
}

/* From now on its client is told of this mailbox as of others: from what it knows of it. */
void notify_closing(struct session *s)
{
    struct notify *n = s->notify;
    if (!n)
        return;
    unwatch_selected(n);
    n->own_new = (struct seqset){ 0 };
    arena_reset(&n->own_arena);
    struct notify_box *box = notify_find_box(n, s->selected_account, mailbox_id(s->view.mailbox));
    if (!box)
        return;
    snapshot_unref(&box->told);
    box->told = snapshot_ref(s->view.snapshot);
    atomic_store(&n->watched[box - n->boxes].changed, true);
    n->unfinished = true;
}

/* ---- what the client does itself ---- */

static bool is_selected(const struct session *s, const struct account *account, uint64_t id)
{
    return s->state == STATE_SELECTED && s->selected_account == account && mailbox_id(s->view.mailbox) == id;
}

/* Nothing but `uids` has come since the client was told: they are known to it, and told is what is there now. */
static void pass_over(struct session *s, struct notify_box *box, const struct seqset *uids)
{
    struct arena arena = ARENA_INIT;
    struct snapshot *now;
    struct snapshot_diff diff;
    struct seqset seqs;
    struct err err;
    if (notify_snapshot(s, box->mailbox, &now, &err) < 0)
        return;
    if (box->told && now != box->told && snapshot_diff(box->told, now, &arena, &diff, &err) == 0 &&
        diff.expunged_count == 0 && diff.changed_count == 0 && diff.added_count == seqset_count(uids) &&
        seqset_first(uids) >= box->told->uidnext &&
        snapshot_uids_to_seqs(now, uids, &arena, &seqs, &err) == 0 &&
        seqset_count(&seqs) == diff.added_count) {
        snapshot_unref(&box->told);
        box->told = snapshot_ref(now);
    }
    snapshot_unref(&now);
    arena_deinit(&arena);
}

void notify_own_messages(struct session *s, struct account *account, uint64_t mailbox_id,
                         const struct seqset *uids)
{
    struct notify *n = s->notify;
    if (!n || seqset_is_empty(uids))
        return;
    if (is_selected(s, account, mailbox_id)) {
        struct seqset all;
        if (!n->items && !contexts_want_items(s)) /* nobody takes them */
            return;
        seqset_union(&n->own_new, uids, &n->own_arena, &all);
        n->own_new = all;
        return;
    }
    struct notify_box *box = notify_find_box(n, account, mailbox_id);
    if (box)
        pass_over(s, box, uids);
}

void notify_own_naming(struct session *s, struct account *account, const struct name_doing *doing)
{
    struct err err;
    struct name_doing shown = *doing;
    struct notify *n = s->notify;
    if (!n || !n->home_count)
        return;
    if (doing->what != DOING_SUBSCRIBE) { /* subscriptions are kept under the names that the user knows */
        shown.name = door_shown_name(s, account, doing->name, &s->arena);
        shown.from = str_is_nil(doing->from) ? STR_NIL : door_shown_name(s, account, doing->from, &s->arena);
    }
    if (notify_look(n, &shown, &err) <
        0) /* then it is told what it knows already, when the names can be read again */
        atomic_fetch_or(&n->homes[0]->events, WATCH_TREE);
}

void notify_own_annotations(struct session *s, const struct account *account, uint64_t modseq)
{
    struct notify_home *home = notify_find_home(s->notify, account);
    if (home && modseq)
        home->annotations.skip = modseq;
}
