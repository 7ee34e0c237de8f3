#include "imap/cmd/esearch_targets.h"

#include "base/map.h"
#include "imap/door.h"
#include "mail/tree.h"

struct finding {
    struct session *s;
    struct esearch_targets *targets;
    struct map known; /* by the mailbox's address: it is the same object for all who hold it */
    struct tree *tree;
    struct door_accounts accounts;
};

/* Takes no reference from the caller. */
static int add(struct finding *f, struct mailbox *mailbox, struct str name, struct err *err)
{
    struct session *s = f->s;
    struct esearch_targets *t = f->targets;
    struct str key = str_make(&mailbox, sizeof mailbox);
    if (map_get(&f->known, key))
        return 0;
    if (t->count == ESEARCH_TARGETS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d mailboxes to search", ESEARCH_TARGETS_MAX);
    map_put(&f->known, key, f);
    t->items = arena_grow(&s->arena, t->items, t->count, &t->cap, sizeof *t->items);
    t->items[t->count++] = (struct esearch_target){
        .account = account_ref(mailbox_account(mailbox)),
        .mailbox = mailbox_ref(mailbox),
        .name = arena_dup(&s->arena, name),
        .is_selected = s->state == STATE_SELECTED && mailbox == s->view.mailbox,
    };
    return 0;
}

static int add_selected(struct finding *f, struct err *err)
{
    struct session *s = f->s;
    if (s->state != STATE_SELECTED)
        return err_set(err, ERR_STATE, "No mailbox selected");
    struct str name = door_shown_name(s, s->selected_account, mailbox_name(s->view.mailbox, &s->arena),
                                      &s->arena);
    return add(f, s->view.mailbox, name, err);
}

static int add_named(struct finding *f, struct str name, struct err *err)
{
    struct place place;
    struct err ignored;
    if (door_open(f->s, name, RIGHT_READ, &place, &ignored) < 0)
        return 0; /* RFC 7377, 5: what is missing and what is forbidden look the same */
    int r = add(f, place.mailbox, name, err);
    place_leave(&place);
    return r;
}

/* ---- by the tree ---- */

static int open_tree(struct finding *f, const struct esearch_args *args, struct err *err)
{
    struct session *s = f->s;
    struct str *patterns = NULL;
    size_t count = 0, cap = 0;
    for (size_t i = 0; i < args->source_count; i++) {
        const struct esearch_source *source = &args->sources[i];
        bool by_name = source->filter == NOTIFY_SUBTREE || source->filter == NOTIFY_SUBTREE_ONE;
        for (size_t k = 0; by_name && k < source->name_count; k++) {
            patterns = arena_grow(&s->arena, patterns, count, &cap, sizeof *patterns);
            patterns[count++] = arena_printf(&s->arena, STR_FMT "*", STR_ARG(source->names[k]));
        }
        if (source->filter == NOTIFY_SUBSCRIBED) {
            patterns = arena_grow(&s->arena, patterns, count, &cap, sizeof *patterns);
            patterns[count++] = STR("*");
        }
    }
    return door_tree(s, patterns, count, &f->tree, &f->accounts, err);
}

/* Entries lie in the tree for `l`. */
static int add_entry(struct finding *f, const struct tree_entry *entry, struct err *err)
{
    unsigned rights;
    if (!entry->mailbox)
        return 0;
    int r = door_rights(f->s, entry->mailbox, &rights, err);
    if (r < 0)
        return r;
    const unsigned needed = RIGHT_READ | RIGHT_LOOKUP;
    return (rights & needed) == needed ? add(f, entry->mailbox, entry->name, err) : 0;
}

static bool is_child(struct str name, struct str parent)
{
    return str_find_char(str_skip(name, parent.n + 1), MAILBOX_SEPARATOR) < 0;
}

static int add_below(struct finding *f, struct str name, bool one_level, struct err *err)
{
    uint32_t first, end;
    int r = add_named(f, name, err);
    tree_children(f->tree, name, &first, &end);
    for (uint32_t i = first; r == 0 && i < end; i++)
        if (!one_level || is_child(f->tree->entries[i].name, name))
            r = add_entry(f, &f->tree->entries[i], err);
    return r;
}

/* One's own mailboxes, or those that one has subscribed. */
static int add_many(struct finding *f, enum notify_filter filter, struct err *err)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < f->tree->count; i++) {
        const struct tree_entry *entry = &f->tree->entries[i];
        bool personal = entry->mailbox && mailbox_account(entry->mailbox) == f->s->account;
        if (filter == NOTIFY_SUBSCRIBED ? entry->subscribed : personal)
            r = add_entry(f, entry, err);
    }
    return r;
}

static int add_source(struct finding *f, const struct esearch_source *source, struct err *err)
{
    int r = 0;
    switch (source->filter) {
    case NOTIFY_SELECTED:
    case NOTIFY_SELECTED_DELAYED:
        return add_selected(f, err);
    case NOTIFY_INBOXES: /* RFC 5465, 6.3: mail may be delivered to any mailbox (user+folder) */
    case NOTIFY_PERSONAL:
    case NOTIFY_SUBSCRIBED:
        return add_many(f, source->filter, err);
    case NOTIFY_SUBTREE:
    case NOTIFY_SUBTREE_ONE:
        for (size_t i = 0; r == 0 && i < source->name_count; i++)
            r = add_below(f, source->names[i], source->filter == NOTIFY_SUBTREE_ONE, err);
        return r;
    case NOTIFY_MAILBOXES:
        for (size_t i = 0; r == 0 && i < source->name_count; i++)
            r = add_named(f, source->names[i], err);
        return r;
    }
    return r;
}

static bool needs_tree(const struct esearch_args *args)
{
    for (size_t i = 0; i < args->source_count; i++)
        if (args->sources[i].filter != NOTIFY_SELECTED && args->sources[i].filter != NOTIFY_MAILBOXES)
            return true;
    return false;
}

int esearch_targets_find(struct session *s, const struct esearch_args *args,
                         struct esearch_targets *targets_out, struct err *err)
{
    struct finding f = { .s = s, .targets = targets_out };
    *targets_out = (struct esearch_targets){ 0 };
    map_init(&f.known);
    int r = needs_tree(args) ? open_tree(&f, args, err) : 0;
    for (size_t i = 0; r == 0 && i < args->source_count; i++)
        r = add_source(&f, &args->sources[i], err);
    map_deinit(&f.known);
    tree_unref(&f.tree);
    door_leave_accounts(&f.accounts);
    return r;
}

void esearch_targets_leave(struct esearch_targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        mailbox_unref(&targets->items[i].mailbox);
        account_unref(&targets->items[i].account);
    }
    targets->count = 0;
}
