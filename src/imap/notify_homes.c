#include "imap/notify_private.h"

#include "imap/door.h"
#include "imap/wire/mailbox_args.h"

#include <stdlib.h>

/* ---- groups ---- */

/* A group of mailboxes by name takes precedence over one of a subtree, and that over the rest. */
static int narrowness(const struct notify_group *group)
{
    return group->filter == NOTIFY_MAILBOXES ? 3 : group->filter == NOTIFY_SUBTREE ? 2 : 1;
}

static bool is_at_or_below(struct str name, struct str level)
{
    return str_starts(name, level) && (name.n == level.n || name.p[level.n] == MAILBOX_SEPARATOR);
}

static bool covers(const struct notify_group *group, bool personal, struct str name, bool subscribed)
{
    switch (group->filter) {
    case NOTIFY_SELECTED:
    case NOTIFY_SELECTED_DELAYED:
        return false;
    case NOTIFY_INBOXES: /* RFC 5465, 6.3: mail may be delivered to any mailbox (user+folder) */
    case NOTIFY_PERSONAL:
        return personal;
    case NOTIFY_SUBSCRIBED:
        return subscribed;
    case NOTIFY_SUBTREE:
    case NOTIFY_MAILBOXES:
    case NOTIFY_SUBTREE_ONE: /* not of NOTIFY */
        break;
    }
    for (size_t i = 0; i < group->name_count; i++)
        if (group->filter == NOTIFY_MAILBOXES ? str_eq(name, group->names[i])
                                              : is_at_or_below(name, group->names[i]))
            return true;
    return false;
}

unsigned notify_events_of(const struct notify *n, const struct notify_home *home, struct str name,
                          bool subscribed)
{
    bool personal = home->account == n->session->account;
    int none = 0;
    unsigned events = 0;
    for (size_t i = 0; i < n->args->group_count; i++) {
        const struct notify_group *group = &n->args->groups[i];
        if (group->events == 0 && narrowness(group) > none && covers(group, personal, name, subscribed))
            none = narrowness(group);
    }
    for (size_t i = 0; i < n->args->group_count; i++) {
        const struct notify_group *group = &n->args->groups[i];
        if (narrowness(group) > none && covers(group, personal, name, subscribed))
            events |= group->events;
    }
    return events;
}

/* ---- which mailboxes ---- */

static void on_change(struct watcher *watcher, unsigned events)
{
    struct notify_home *home = (struct notify_home *)((char *)watcher -
                                                      offsetof(struct notify_home, watcher));
    atomic_fetch_or(&home->events, events);
    conn_wake(home->notify->waker);
}

static void watch(struct notify_home *home, struct watched *mailboxes, size_t count)
{
    home->watcher = (struct watcher){ .fn = on_change,
                                      .mailboxes = mailboxes,
                                      .mailbox_count = count,
                                      .events = WATCH_MAILBOX | WATCH_TREE | WATCH_ACCOUNT_GONE };
    account_watch(home->account, &home->watcher);
    home->watching = true;
}

static void unwatch(struct notify_home *home)
{
    if (home->watching)
        account_unwatch(home->account, &home->watcher);
    home->watching = false;
}

static void free_boxes(struct notify_box *boxes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        snapshot_unref(&boxes[i].told);
        mailbox_unref(&boxes[i].mailbox);
    }
    free(boxes);
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = mailbox_id(((const struct notify_box *)a)->mailbox),
             y = mailbox_id(((const struct notify_box *)b)->mailbox);
    return (x > y) - (x < y);
}

struct notify_box *notify_home_box(struct notify_home *home, uint64_t mailbox_id)
{
    size_t low = 0, high = home->box_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (home->watcher.mailboxes[middle].mailbox_id < mailbox_id)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < home->box_count && home->watcher.mailboxes[low].mailbox_id == mailbox_id;
    return found ? &home->boxes[low] : NULL;
}

/* How it was before. */
struct former {
    uint64_t *ids; /* of all mailboxes, ascending; heap */
    size_t count;
    const struct name_doing *doing; /* what the client did since; NULL: nothing */
};

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static struct former former_of(const struct tree *tree, const struct name_doing *doing)
{
    struct former former = { .ids = calloc(tree->mailbox_count + 1u, sizeof *former.ids), .doing = doing };
    if (!former.ids)
        abort();
    for (uint32_t i = 0; i < tree->count; i++)
        if (tree->entries[i].mailbox)
            former.ids[former.count++] = mailbox_id(tree->entries[i].mailbox);
    qsort(former.ids, former.count, sizeof *former.ids, by_number);
    return former;
}

/* What the client knows of a mailbox that is in view from now on: what it was told; all there is, where the mailbox was
 * there before; of a new one that it has not made itself nothing, not even its UIDVALIDITY, which must be told
 * (RFC 5465, 5.1). */
static void set_known(struct notify_home *home, const struct former *former, const struct tree_entry *entry,
                      struct notify_box *box)
{
    uint64_t id = mailbox_id(entry->mailbox);
    const struct notify_box *old = notify_home_box(home, id);
    if (old) {
        box->told = old->told ? snapshot_ref(old->told) : NULL;
        box->pending = old->pending;
    } else if (!former || bsearch(&id, former->ids, former->count, sizeof id, by_number)) {
        box->told = mailbox_snapshot(entry->mailbox);
    } else if (!former->doing || former->doing->what != DOING_CREATE || former->doing->mailbox_id != id) {
        box->pending = STATUS_UIDVALIDITY | STATUS_UIDNEXT | STATUS_MESSAGES;
    }
}

/* The mailboxes of the tree of which message events are asked for, by id. */
static size_t choose(struct notify_home *home, const struct former *former, struct arena *names,
                     struct notify_box **boxes_out)
{
    const struct notify *n = home->notify;
    const struct tree *tree = home->tree;
    size_t count = 0;
    struct notify_box *boxes = calloc(tree->mailbox_count + 1u, sizeof *boxes);
    if (!boxes)
        abort();
    for (uint32_t i = 0; i < tree->count; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        if (!entry->mailbox)
            continue;
        struct str name = door_shown_name(n->session, home->account, entry->name, names);
        unsigned events = notify_events_of(n, home, name, entry->subscribed);
        if (!(events & EVENTS_OF_MESSAGES))
            continue;
        struct notify_box *box = &boxes[count++];
        *box = (struct notify_box){ .mailbox = mailbox_ref(entry->mailbox),
                                    .name = arena_dup(names, name),
                                    .events = events };
        set_known(home, former, entry, box);
    }
    qsort(boxes, count, sizeof *boxes, by_id);
    *boxes_out = boxes;
    return count;
}

static struct watched *watched_of(const struct notify_box *boxes, size_t count)
{
    struct watched *watched = calloc(count + 1, sizeof *watched);
    if (!watched)
        abort();
    for (size_t i = 0; i < count; i++) {
        watched[i].mailbox_id = mailbox_id(boxes[i].mailbox);
        atomic_init(&watched[i].changed, true); /* looked at once, since it was not watched till now */
    }
    return watched;
}

static size_t watched_elsewhere(const struct notify *n, const struct notify_home *home)
{
    size_t count = 0;
    for (size_t i = 0; i < n->home_count; i++)
        if (&n->homes[i] != home)
            count += n->homes[i].box_count;
    return count;
}

/* Put the mailboxes in place that the tree and the groups call for. `former` is NULL for the first time. */
static int choose_again(struct notify_home *home, const struct former *former, struct err *err)
{
    struct notify *n = home->notify;
    struct notify_box *boxes;
    struct arena names = ARENA_INIT;
    uint32_t max = n->session->server->settings.notify_mailboxes_max;
    size_t count = choose(home, former, &names, &boxes);
    if (count + watched_elsewhere(n, home) > max) {
        free_boxes(boxes, count);
        arena_deinit(&names);
        return err_set(err, ERR_LIMIT, "More than %u mailboxes to watch", max);
    }
    struct watched *watched = home->watcher.mailboxes;
    unwatch(home);
    free_boxes(home->boxes, home->box_count);
    arena_deinit(&home->name_arena);
    free(watched);
    home->boxes = boxes;
    home->box_count = count;
    home->next_box = 0;
    home->name_arena = names;
    watch(home, watched_of(boxes, count), count);
    n->unfinished = true;
    return 0;
}

/* ---- homes ---- */

int notify_home_open(struct notify *n, struct notify_home *home, struct err *err)
{
    home->notify = n;
    home->tree = account_tree(home->account);
    int r = choose_again(home, NULL, err);
    if (r == 0) /* what happened between the look at the tree and the watcher */
        atomic_fetch_or(&home->events, WATCH_TREE);
    return r;
}

void notify_home_close(struct notify_home *home)
{
    struct watched *watched = home->watcher.mailboxes;
    unwatch(home);
    free_boxes(home->boxes, home->box_count);
    free(watched);
    arena_deinit(&home->name_arena);
    arena_deinit(&home->change_arena);
    tree_unref(&home->tree);
    account_unref(&home->account);
}

struct notify_home *notify_find_home(struct notify *n, const struct account *account)
{
    for (size_t i = 0; n && i < n->home_count; i++)
        if (n->homes[i].account == account)
            return &n->homes[i];
    return NULL;
}

/* Those behind what is still to be told: a client that does not read learns them later. */
static void append_changes(struct notify_home *home, const struct name_change *changes, size_t count)
{
    size_t left = home->change_count - home->next_change;
    struct name_change *all = arena_new_array(&home->change_arena, struct name_change, left + count);
    for (size_t i = 0; i < left; i++)
        all[i] = home->changes[home->next_change + i];
    for (size_t i = 0; i < count; i++)
        all[left + i] = changes[i];
    home->changes = all;
    home->change_count = left + count;
    home->next_change = 0;
}

void notify_home_look(struct notify_home *home, const struct name_doing *doing)
{
    struct err err;
    struct name_change *changes;
    size_t count;
    struct tree *now = account_tree(home->account);
    if (now == home->tree && !doing) {
        tree_unref(&now);
        return;
    }
    if (home->next_change == home->change_count) {
        arena_reset(&home->change_arena);
        home->change_count = home->next_change = 0;
    }
    name_changes_find(home->tree, now, doing, &home->change_arena, &changes, &count);
    append_changes(home, changes, count);
    home->notify->unfinished = true;
    struct former former = former_of(home->tree, doing);
    tree_unref(&home->tree);
    home->tree = now;
    home->notify->overflow |= choose_again(home, &former, &err) < 0;
    free(former.ids);
}
