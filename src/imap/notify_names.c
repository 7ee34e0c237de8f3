#include "imap/notify_names.h"

#include "base/map.h"
#include "mail/account.h"

#include <stdlib.h>

/* A mailbox that stands under a name in one tree and not, or under another, in the other tree. */
struct place {
    const struct tree_entry *entry;
    const struct mailbox *mailbox; /* its identity: ids are of one account */
    bool renamed;                  /* it has a counterpart in the other tree */
};

struct finder {
    const struct tree *old, *now;
    const struct name_doing *own;
    struct arena *arena;
    struct place *gone, *come; /* in the order of their trees, then `gone` by address */
    size_t gone_count, gone_cap, come_count, come_cap;
    struct name_change *changes;
    size_t count, cap;
    struct map names; /* told of, but for subscriptions */
};

static void add_place(struct finder *f, const struct tree_entry *entry, struct place **places, size_t *count,
                      size_t *cap)
{
    *places = arena_grow(f->arena, *places, *count, cap, sizeof **places);
    (*places)[(*count)++] = (struct place){ entry, entry->mailbox, false };
}

static void add_change(struct finder *f, enum name_event event, struct str name, struct str old_name,
                       bool subscribed)
{
    f->changes = arena_grow(f->arena, f->changes, f->count, &f->cap, sizeof *f->changes);
    f->changes[f->count++] = (struct name_change){
        .event = event,
        .name = arena_dup(f->arena, name),
        .old_name = str_is_nil(old_name) ? STR_NIL : arena_dup(f->arena, old_name),
        .subscribed = subscribed,
        .is_named_too = map_get(&f->names, name),
    };
    if (event != NAME_SUBSCRIBED)
        map_put(&f->names, name, f);
}

static bool is_subscribed(const struct tree *tree, struct str name)
{
    const struct tree_entry *entry = tree_find(tree, name);
    return entry && entry->subscribed;
}

static bool is_in_either(const struct finder *f, struct str name)
{
    return is_subscribed(f->old, name) || is_subscribed(f->now, name);
}

static const struct mailbox *mailbox_at(const struct tree *tree, struct str name)
{
    const struct tree_entry *entry = tree_find(tree, name);
    return entry ? entry->mailbox : NULL;
}

/* "a/b" lies below "a"; the rest with its separator. */
static bool is_below(struct str name, struct str level, struct str *rest_out)
{
    if (!str_starts(name, level) || name.n == level.n || name.p[level.n] != MAILBOX_SEPARATOR)
        return false;
    *rest_out = str_sub(name, level.n, name.n - level.n);
    return true;
}

/* ---- what is in one tree only ---- */

static void compare_entries(struct finder *f, const struct tree_entry *old, const struct tree_entry *now)
{
    const struct mailbox *before = old ? old->mailbox : NULL, *after = now ? now->mailbox : NULL;
    if (before == after)
        return;
    if (before)
        add_place(f, old, &f->gone, &f->gone_count, &f->gone_cap);
    if (after)
        add_place(f, now, &f->come, &f->come_count, &f->come_cap);
}

/* Both trees side by side, by name. */
static void walk(struct finder *f,
                 void (*visit)(struct finder *, const struct tree_entry *old, const struct tree_entry *now))
{
    uint32_t i = 0, k = 0;
    while (i < f->old->count || k < f->now->count) {
        const struct tree_entry *old = i < f->old->count ? &f->old->entries[i] : NULL;
        const struct tree_entry *now = k < f->now->count ? &f->now->entries[k] : NULL;
        int order = !old ? 1 : !now ? -1 : mailbox_name_compare(old->name, now->name);
        visit(f, order <= 0 ? old : NULL, order >= 0 ? now : NULL);
        i += order <= 0;
        k += order >= 0;
    }
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct place *)a)->mailbox,
              y = (uintptr_t)((const struct place *)b)->mailbox;
    return (x > y) - (x < y);
}

/* ---- renamed ---- */

static bool is_own_rename(const struct finder *f, struct str from, struct str to)
{
    struct str rest_from, rest_to;
    const struct name_doing *own = f->own;
    if (!own || own->what != DOING_RENAME)
        return false;
    if (str_eq(from, own->from) && str_eq(to, own->name))
        return true;
    return is_below(from, own->from, &rest_from) && is_below(to, own->name, &rest_to) &&
           str_eq(rest_from, rest_to);
}

/* Children follow their parent in the tree, so that the parent's renaming, if there was one, is the last told. */
static void find_renamed(struct finder *f)
{
    struct str from = STR_NIL, to = STR_NIL, rest_from, rest_to;
    if (f->gone_count)
        qsort(f->gone, f->gone_count, sizeof *f->gone, by_address);
    for (size_t i = 0; i < f->come_count && f->gone_count; i++) {
        struct place *come = &f->come[i];
        struct place *gone = bsearch(come, f->gone, f->gone_count, sizeof *f->gone, by_address);
        if (!gone)
            continue;
        come->renamed = gone->renamed = true;
        struct str old_name = gone->entry->name, name = come->entry->name;
        if (!str_is_nil(to) && is_below(name, to, &rest_to) && is_below(old_name, from, &rest_from) &&
            str_eq(rest_from, rest_to))
            continue;
        from = old_name;
        to = name;
        if (!is_own_rename(f, from, to))
            add_change(f, NAME_RENAMED, name, old_name, come->entry->subscribed || gone->entry->subscribed);
    }
}

/* ---- created and deleted ---- */

static bool is_own_come(const struct finder *f, const struct place *come)
{
    const struct name_doing *own = f->own;
    if (!own || !str_eq(own->name, come->entry->name))
        return false;
    /* INBOX renamed leaves a new mailbox, and stays. */
    return (own->what == DOING_CREATE && own->mailbox_id == mailbox_id(come->mailbox)) ||
           own->what == DOING_RENAME;
}

static void add_parent(struct finder *f, struct str name)
{
    size_t n = name.n;
    while (n > 0 && name.p[n - 1] != MAILBOX_SEPARATOR)
        n--;
    if (n < 2)
        return;
    struct str parent = str_sub(name, 0, n - 1);
    if (mailbox_at(f->old, parent) != mailbox_at(f->now, parent)) /* told for its own sake */
        return;
    if (!map_get(&f->names, parent))
        add_change(f, NAME_PARENT, parent, STR_NIL, is_in_either(f, parent));
}

static void find_gone_and_come(struct finder *f)
{
    for (size_t i = 0; i < f->gone_count; i++) {
        struct str name = f->gone[i].entry->name;
        bool own = f->own && f->own->what == DOING_DELETE && str_eq(f->own->name, name);
        if (f->gone[i].renamed || own || mailbox_at(f->now, name))
            continue;
        add_change(f, NAME_DELETED, name, STR_NIL, is_in_either(f, name));
        f->changes[f->count - 1].is_hidden = !mailbox_is_deleted(f->gone[i].mailbox);
    }
    for (size_t i = 0; i < f->come_count; i++)
        if (!f->come[i].renamed && !is_own_come(f, &f->come[i]))
            add_change(f, NAME_CREATED, f->come[i].entry->name, STR_NIL,
                       is_in_either(f, f->come[i].entry->name));
}

static void find_parents(struct finder *f, size_t from)
{
    for (size_t i = from, end = f->count; i < end; i++)
        add_parent(f, f->changes[i].name);
}

/* ---- subscriptions ---- */

static bool is_own_subscription(const struct finder *f, struct str name, bool subscribed)
{
    struct str rest;
    const struct name_doing *own = f->own;
    if (!own)
        return false;
    if (own->what == DOING_SUBSCRIBE)
        return str_eq(own->name, name) && own->subscribed == subscribed;
    return own->what == DOING_RENAME &&
           ((subscribed && (str_eq(own->name, name) || is_below(name, own->name, &rest))) ||
            (!subscribed && (str_eq(own->from, name) || is_below(name, own->from, &rest))));
}

static void compare_subscriptions(struct finder *f, const struct tree_entry *old,
                                  const struct tree_entry *now)
{
    bool before = old && old->subscribed, after = now && now->subscribed;
    struct str name = now ? now->name : old->name;
    if (before != after && !is_own_subscription(f, name, after))
        add_change(f, NAME_SUBSCRIBED, name, STR_NIL, true);
}

/* ---- what the client did itself ---- */

/* Someone undid at once what it did: to the trees nothing happened, but the client believes otherwise. */
static void check_own(struct finder *f)
{
    const struct name_doing *own = f->own;
    const struct mailbox *mailbox = mailbox_at(f->now, own->name);
    if (map_get(&f->names, own->name))
        return;
    if (own->what == DOING_CREATE && (!mailbox || mailbox_id(mailbox) != own->mailbox_id))
        add_change(f, NAME_DELETED, own->name, STR_NIL, is_in_either(f, own->name));
    if (own->what == DOING_RENAME && !mailbox && mailbox_at(f->old, own->from))
        add_change(f, NAME_DELETED, own->name, STR_NIL, is_in_either(f, own->name));
    if (own->what == DOING_DELETE && mailbox)
        add_change(f, NAME_CREATED, own->name, STR_NIL, is_in_either(f, own->name));
    if (own->what == DOING_SUBSCRIBE && is_subscribed(f->now, own->name) != own->subscribed)
        add_change(f, NAME_SUBSCRIBED, own->name, STR_NIL, true);
}

void name_changes_find(const struct tree *old, const struct tree *now, const struct name_doing *own,
                       struct arena *arena, struct name_change **changes_out, size_t *count_out)
{
    struct finder f = { .old = old, .now = now, .own = own, .arena = arena };
    map_init(&f.names);
    if (old != now) {
        walk(&f, compare_entries);
        find_renamed(&f);
        size_t renamed = f.count;
        find_gone_and_come(&f);
        find_parents(&f, renamed);
        walk(&f, compare_subscriptions);
    }
    if (own)
        check_own(&f);
    map_deinit(&f.names);
    *changes_out = f.changes;
    *count_out = f.count;
}
