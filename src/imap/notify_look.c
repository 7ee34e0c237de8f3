#include "imap/notify_private.h"

#include "auth/directory/users.h"
#include "imap/door.h"
#include "imap/wire/mailbox_args.h"

#include <stdlib.h>

static void *zeroed(size_t count, size_t size)
{
    void *p = calloc(count + 1, size); /* never of nothing: a watcher's list is not NULL */
    if (!p)
        abort();
    return p;
}

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

static bool is_of_others(struct str name)
{
    return is_at_or_below(name, STR(NAMESPACE_OTHERS)) || is_at_or_below(name, STR(NAMESPACE_PUBLIC));
}

static bool covers(const struct notify_group *group, struct str name, bool subscribed)
{
    switch (group->filter) {
    case NOTIFY_SELECTED:
    case NOTIFY_SELECTED_DELAYED:
        return false;
    case NOTIFY_INBOXES: /* RFC 5465, 6.3: mail may be delivered to any mailbox (user+folder) */
    case NOTIFY_PERSONAL:
        return !is_of_others(name);
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

unsigned notify_events_of(const struct notify *n, struct str name, bool subscribed)
{
    int none = 0;
    unsigned events = 0;
    for (size_t i = 0; i < n->args->group_count; i++) {
        const struct notify_group *group = &n->args->groups[i];
        if (group->events == 0 && narrowness(group) > none && covers(group, name, subscribed))
            none = narrowness(group);
    }
    for (size_t i = 0; i < n->args->group_count; i++) {
        const struct notify_group *group = &n->args->groups[i];
        if (narrowness(group) > none && covers(group, name, subscribed))
            events |= group->events;
    }
    return events;
}

/* ---- what the user sees ---- */

struct sight {
    struct tree *tree;
    uint64_t own_version;          /* of the session's account, from before */
    struct door_accounts accounts; /* of others; own references */
    struct acl_identity who;
};

static void add_pattern(struct notify *n, struct str name, struct str **patterns, size_t *count, size_t *cap,
                        struct arena *arena)
{
    if (!is_of_others(name))
        return;
    n->reaches_out = true;
    *patterns = arena_grow(arena, *patterns, *count, cap, sizeof **patterns);
    (*patterns)[(*count)++] = name;
}

/* The names of others that groups speak of: their accounts need to be opened. */
static size_t patterns_of(struct notify *n, const struct tree *own, struct arena *arena,
                          struct str **patterns_out)
{
    size_t count = 0, cap = 0;
    *patterns_out = NULL;
    n->reaches_out = false;
    for (size_t i = 0; i < n->args->group_count; i++) {
        const struct notify_group *group = &n->args->groups[i];
        for (size_t k = 0; k < group->name_count && group->events; k++)
            add_pattern(n, group->names[k], patterns_out, &count, &cap, arena);
        for (uint32_t k = 0; group->filter == NOTIFY_SUBSCRIBED && group->events && k < own->count; k++)
            if (own->entries[k].subscribed)
                add_pattern(n, own->entries[k].name, patterns_out, &count, &cap, arena);
    }
    return count;
}

static void leave_sight(struct sight *sight)
{
    tree_unref(&sight->tree);
    door_leave_accounts(&sight->accounts);
}

static uint64_t version_of(struct account *account)
{
    struct account_totals totals;
    account_totals(account, &totals);
    return totals.version;
}

static int see(struct notify *n, struct sight *sight, struct arena *arena, struct err *err)
{
    struct session *s = n->session;
    struct str *patterns;
    *sight = (struct sight){ .own_version = version_of(s->account) };
    struct tree *own = account_tree(s->account);
    struct arena of_command = s->arena; /* there may be no command that frees what the door needs */
    size_t count = patterns_of(n, own, arena, &patterns);
    s->arena = (struct arena)ARENA_INIT;
    n->directory_changes = users_changes(s->server->users);
    int r = store_version(mail_options(s->server->mail)->store, DIRECTORY_ACCOUNT, &n->directory_version,
                          err);
    if (r == 0)
        r = door_identity(s, &sight->who, err);
    if (r == 0)
        r = door_tree(s, patterns, count, &sight->tree, &sight->accounts, err);
    if (r == 0) { /* the list of them lies in the arena that goes */
        struct door_account *items = arena_new_array(arena, struct door_account, sight->accounts.count);
        for (size_t i = 0; i < sight->accounts.count; i++)
            items[i] = sight->accounts.items[i];
        sight->accounts.items = items;
    }
    arena_deinit(&s->arena);
    s->arena = of_command;
    tree_unref(&own);
    return r;
}

/* ---- accounts ---- */

static void on_change(struct watcher *watcher, unsigned events)
{
    struct notify_home *home = (struct notify_home *)((char *)watcher -
                                                      offsetof(struct notify_home, watcher));
    atomic_fetch_or(&home->events, events);
    conn_wake(home->notify->waker);
}

static void watch(struct notify_home *home, struct watched *mailboxes, size_t count)
{
    bool annotations = home->notify->events & (EVENT_MAILBOX_METADATA | EVENT_SERVER_METADATA);
    home->watcher = (struct watcher){ .fn = on_change,
                                      .mailboxes = mailboxes,
                                      .mailbox_count = count,
                                      .reader = door_reader(home->notify->session, home->account),
                                      .events = WATCH_MAILBOX | WATCH_TREE | WATCH_ACCOUNT_GONE |
                                                (annotations ? WATCH_ANNOTATIONS : 0u) };
    account_watch(home->account, &home->watcher);
    home->watching = true;
    if (version_of(home->account) !=
        home->version) /* something has changed while nobody watched: maybe names */
        atomic_fetch_or(&home->events, WATCH_TREE);
}

static void unwatch(struct notify_home *home)
{
    if (home->watching)
        account_unwatch(home->account, &home->watcher);
    home->watching = false;
}

struct notify_home *notify_find_home(struct notify *n, const struct account *account)
{
    for (size_t i = 0; n && i < n->home_count; i++)
        if (n->homes[i]->account == account)
            return n->homes[i];
    return NULL;
}

/* `version` is of before the look. */
static struct notify_home *home_for(struct notify *n, struct account *account, uint64_t version)
{
    struct notify_home *home = notify_find_home(n, account);
    if (home)
        return home;
    home = zeroed(1, sizeof *home);
    home->notify = n;
    home->account = account_ref(account);
    home->version = version;
    home->annotations = (struct metadata_watch){ .account = account_id(account).n,
                                                 .seen = account_annotation_modseq(account) };
    return home;
}

static void free_home(struct notify_home *home)
{
    unwatch(home);
    account_unref(&home->account);
    free(home);
}

/* ---- mailboxes ---- */

/* What a look finds, before it takes the place of what was there. */
struct finding {
    struct notify *n;
    const struct sight *sight;
    const struct name_doing *doing;
    const struct mailbox **known; /* all of the former tree, by address; NULL: this is the first look */
    size_t known_count;
    struct notify_home **homes;
    size_t home_count;
    struct notify_box *boxes;
    size_t box_count;
    struct str *denied; /* sorted */
    size_t denied_count, denied_cap;
    bool overflow;
    struct arena names;
};

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (struct mailbox *const *)a, y = (uintptr_t) * (struct mailbox *const *)b;
    return (x > y) - (x < y);
}

static void note_known(struct finding *f, const struct tree *tree)
{
    f->known = zeroed(tree->mailbox_count, sizeof(struct mailbox *));
    for (uint32_t i = 0; i < tree->count; i++)
        if (tree->entries[i].mailbox)
            f->known[f->known_count++] = tree->entries[i].mailbox;
    qsort(f->known, f->known_count, sizeof(struct mailbox *), by_address);
}

static int by_home_and_id(const void *a, const void *b)
{
    const struct notify_box *x = a, *y = b;
    uint64_t x_id = mailbox_id(x->mailbox), y_id = mailbox_id(y->mailbox);
    if (x->home != y->home)
        return (x->home > y->home) - (x->home < y->home);
    return (x_id > y_id) - (x_id < y_id);
}

struct notify_box *notify_find_box(struct notify *n, const struct account *account, uint64_t mailbox_id)
{
    const struct notify_home *home = notify_find_home(n, account);
    size_t low = 0, high = home && home->watching ? home->watcher.mailbox_count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (home->watcher.mailboxes[middle].mailbox_id < mailbox_id)
            low = middle + 1;
        else
            high = middle;
    }
    if (!home || !home->watching || low == home->watcher.mailbox_count ||
        home->watcher.mailboxes[low].mailbox_id != mailbox_id)
        return NULL;
    return &n->boxes[&home->watcher.mailboxes[low] - n->watched];
}

int notify_snapshot(struct session *s, struct mailbox *mailbox, struct snapshot **out, struct err *err)
{
    return mailbox_snapshot_for(mailbox, door_reader(s, mailbox_account(mailbox)), out, err);
}

/* What the client knows of a mailbox that is in view from now on: what it was told; all there is, where the mailbox was
 * there before; of a new one that it has not made itself nothing, not even its UIDVALIDITY, which must be told
 * (RFC 5465, 5.1). */
static void set_known(const struct finding *f, struct notify_box *box)
{
    struct account *account = mailbox_account(box->mailbox);
    uint64_t id = mailbox_id(box->mailbox);
    const struct notify_box *old = notify_find_box(f->n, account, id);
    const struct name_doing *doing = f->doing;
    if (old) {
        box->told = old->told ? snapshot_ref(old->told) : NULL;
        box->pending = old->pending;
    } else if (!f->known ||
               bsearch(&box->mailbox, f->known, f->known_count, sizeof(struct mailbox *), by_address)) {
        struct err ignored; /* then it is told how the mailbox stands */
        if (notify_snapshot(f->n->session, box->mailbox, &box->told, &ignored) < 0)
            box->told = NULL;
    } else if (!doing || doing->what != DOING_CREATE || doing->mailbox_id != id) {
        box->pending = STATUS_UIDVALIDITY | STATUS_UIDNEXT | STATUS_MESSAGES;
    }
}

static size_t home_of(const struct finding *f, const struct account *account)
{
    size_t i = 0;
    while (i + 1 < f->home_count && f->homes[i]->account != account)
        i++;
    return i;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* RFC 5465, 3.1 and 5: messages of a mailbox are told to those who have `l` and `r`. Too many are not looked at to the end. */
static void choose(struct finding *f)
{
    const struct tree *tree = f->sight->tree;
    const size_t max = f->n->session->server->settings.notify_mailboxes_max;
    f->boxes = zeroed(tree->mailbox_count, sizeof *f->boxes);
    for (uint32_t i = 0; i < tree->count && f->box_count + f->denied_count <= max; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        unsigned events = entry->mailbox ? notify_events_of(f->n, entry->name, entry->subscribed) : 0;
        if (!(events & EVENTS_OF_MESSAGES))
            continue;
        struct str name = arena_dup(&f->names, entry->name);
        if (!(mailbox_rights(entry->mailbox, &f->sight->who) & RIGHT_READ)) {
            f->denied = arena_grow(&f->names, f->denied, f->denied_count, &f->denied_cap, sizeof *f->denied);
            f->denied[f->denied_count++] = name;
            continue;
        }
        struct notify_box *box = &f->boxes[f->box_count++];
        *box = (struct notify_box){ .mailbox = mailbox_ref(entry->mailbox),
                                    .name = name,
                                    .events = events,
                                    .home = home_of(f, mailbox_account(entry->mailbox)) };
        set_known(f, box);
    }
    f->overflow = f->box_count + f->denied_count > max;
    qsort(f->boxes, f->box_count, sizeof *f->boxes, by_home_and_id);
    if (f->denied)
        qsort(f->denied, f->denied_count, sizeof *f->denied, by_name);
}

static void free_boxes(struct notify_box *boxes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        snapshot_unref(&boxes[i].told);
        mailbox_unref(&boxes[i].mailbox);
    }
    free(boxes);
}

static void choose_homes(struct finding *f)
{
    const struct door_accounts *others = &f->sight->accounts;
    f->homes = zeroed(others->count + 1, sizeof(struct notify_home *));
    f->homes[f->home_count++] = home_for(f->n, f->n->session->account, f->sight->own_version);
    for (size_t i = 0; i < others->count; i++)
        f->homes[f->home_count++] = home_for(f->n, others->items[i].account, others->items[i].version);
}

static bool has_home(struct notify_home **homes, size_t count, const struct notify_home *home)
{
    for (size_t i = 0; i < count; i++)
        if (homes[i] == home)
            return true;
    return false;
}

/* Free those of `homes` that are not among `others`. */
static void free_homes(struct notify_home **homes, size_t count, struct notify_home **others,
                       size_t other_count)
{
    for (size_t i = 0; i < count; i++)
        if (!has_home(others, other_count, homes[i]))
            free_home(homes[i]);
    free(homes);
}

static void drop_finding(struct finding *f)
{
    free_boxes(f->boxes, f->box_count);
    free_homes(f->homes, f->home_count, f->n->homes, f->n->home_count);
    arena_deinit(&f->names);
}

/* From now on what was found is watched. Looked at is all of it once: it was not watched for a moment. */
static void put_in_place(struct finding *f)
{
    struct notify *n = f->n;
    struct watched *watched = zeroed(f->box_count, sizeof *watched);
    for (size_t i = 0; i < f->box_count; i++) {
        watched[i].mailbox_id = mailbox_id(f->boxes[i].mailbox);
        atomic_init(&watched[i].changed, true);
    }
    for (size_t i = 0; i < n->home_count; i++)
        unwatch(n->homes[i]);
    free_boxes(n->boxes, n->box_count);
    tree_unref(&n->tree);
    free_homes(n->homes, n->home_count, f->homes, f->home_count);
    arena_deinit(&n->name_arena);
    free(n->watched);
    n->homes = f->homes;
    n->home_count = f->home_count;
    n->boxes = f->boxes;
    n->watched = watched;
    n->box_count = f->box_count;
    n->next_box = 0;
    n->denied = f->denied;
    n->denied_count = f->denied_count;
    n->name_arena = f->names;
    n->tree = tree_ref(f->sight->tree);
    n->unfinished = true;
    for (size_t i = 0, first = 0; i < n->home_count; i++) {
        size_t end = first;
        while (end < n->box_count && n->boxes[end].home == i)
            end++;
        watch(n->homes[i], &n->watched[first], end - first);
        first = end;
    }
}

/* ---- what is to be told ---- */

static bool is_among(const struct str *sorted, size_t count, struct str name)
{
    return count && bsearch(&name, sorted, count, sizeof name, by_name);
}

/* Behind what is still to be told: a client that does not read learns of it later. */
static void append_changes(struct notify *n, const struct name_change *changes, size_t count)
{
    size_t left = n->change_count - n->next_change;
    struct name_change *all = arena_new_array(&n->change_arena, struct name_change, left + count);
    for (size_t i = 0; i < left + count; i++)
        all[i] = i < left ? n->changes[n->next_change + i] : changes[i - left];
    n->changes = all;
    n->change_count = left + count;
    n->next_change = 0;
}

/* RFC 5465, 3.1 and 5.9: what the user may see, but not read, or may read again. */
static void add_access_changes(const struct finding *f)
{
    struct notify *n = f->n;
    size_t count = 0;
    struct name_change *changes = arena_new_array(&n->change_arena, struct name_change,
                                                  f->denied_count + n->denied_count);
    for (size_t i = 0; i < f->denied_count; i++)
        if (!is_among(n->denied, n->denied_count, f->denied[i]))
            changes[count++] = (struct name_change){ .event = NAME_DENIED, .name = f->denied[i] };
    for (size_t i = 0; i < n->denied_count; i++)
        if (!is_among(f->denied, f->denied_count, n->denied[i]))
            changes[count++] = (struct name_change){ .event = NAME_ADMITTED, .name = n->denied[i] };
    for (size_t i = 0; i < count; i++)
        changes[i].name = arena_dup(&n->change_arena, changes[i].name);
    append_changes(n, changes, count);
}

static void add_name_changes(const struct finding *f)
{
    struct notify *n = f->n;
    struct name_change *changes;
    size_t count;
    name_changes_find(n->tree, f->sight->tree, f->doing, &n->change_arena, &changes, &count);
    append_changes(n, changes, count);
}

int notify_look(struct notify *n, const struct name_doing *doing, struct err *err)
{
    struct sight sight;
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < n->home_count; i++) { /* what comes from now on calls for another look */
        atomic_fetch_and(&n->homes[i]->events, ~(unsigned)(WATCH_TREE | WATCH_ACCOUNT_GONE));
        n->homes[i]->version = version_of(n->homes[i]->account);
    }
    int r = see(n, &sight, &arena, err);
    if (r < 0) {
        arena_deinit(&arena);
        return r;
    }
    struct finding f = { .n = n, .sight = &sight, .doing = doing };
    if (n->tree)
        note_known(&f, n->tree);
    choose_homes(&f);
    choose(&f);
    free(f.known);
    if (n->next_change == n->change_count) {
        arena_reset(&n->change_arena);
        n->change_count = n->next_change = 0;
    }
    n->overflow = f.overflow;
    if (n->overflow) {
        drop_finding(&f);
    } else {
        if (n->tree)
            add_name_changes(&f);
        add_access_changes(&f);
        put_in_place(&f);
    }
    leave_sight(&sight);
    arena_deinit(&arena);
    return 0;
}

void notify_look_away(struct notify *n)
{
    for (size_t i = 0; i < n->home_count; i++)
        unwatch(n->homes[i]);
    free_boxes(n->boxes, n->box_count);
    tree_unref(&n->tree);
    free_homes(n->homes, n->home_count, NULL, 0);
    free(n->watched);
    arena_deinit(&n->name_arena);
    arena_deinit(&n->change_arena);
}
