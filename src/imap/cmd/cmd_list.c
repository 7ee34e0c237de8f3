/* cmd_list.c: LIST and LSUB.
 * RFC 9051, 6.3.9; RFC 5258; RFC 5819 (STATUS); RFC 6154 (special use); RFC 3501, 6.3.9 (LSUB)
 * Names come from the tree, which is sorted so that what lies below a name follows it; a level that has no
 * entry of its own is made up where its first descendant stands. */
#include "imap/cmd/command.h"
#include "imap/cmd/metadata.h"
#include "imap/cmd/rights.h"
#include "imap/cmd/status.h"
#include "imap/door.h"
#include "imap/wire/glob.h"
#include "imap/wire/list_args.h"
#include "imap/wire/writer.h"

/* A name that could be listed. */
struct candidate {
    struct str name;
    const struct tree_entry *entry; /* NULL: a level that only leads to others */
};

struct list_cursor {
    struct tree *tree;
    struct door_accounts accounts; /* what the tree holds lies in these, and in one's own */
    struct str *patterns;          /* reference put in front */
    size_t pattern_count;
    bool ends_in_percent; /* some pattern does: levels without a mailbox are listed too */
    struct candidate *candidates;
    size_t count, next;
};

static bool matches(const struct list_cursor *c, struct str name)
{
    for (size_t i = 0; i < c->pattern_count; i++)
        if (glob_match(c->patterns[i], name, MAILBOX_SEPARATOR))
            return true;
    return false;
}

/* Levels of `name` that have no entry and have not been made up yet:
 * those that `former` does not lie below. */
static void add_levels(struct list_cursor *c, size_t *cap, struct str former, struct str name,
                       struct arena *arena)
{
    for (size_t i = 0; i < name.n; i++) {
        struct str level = str_sub(name, 0, i), with_separator = str_sub(name, 0, i + 1);
        if (name.p[i] != MAILBOX_SEPARATOR || str_starts(former, with_separator) || tree_find(c->tree, level))
            continue;
        c->candidates = arena_grow(arena, c->candidates, c->count, cap, sizeof *c->candidates);
        c->candidates[c->count++] = (struct candidate){ .name = level };
    }
}

static void collect(struct list_cursor *c, struct arena *arena)
{
    size_t cap = 0;
    struct str former = STR("");
    for (uint32_t i = 0; i < c->tree->count; i++) {
        const struct tree_entry *entry = &c->tree->entries[i];
        add_levels(c, &cap, former, entry->name, arena);
        c->candidates = arena_grow(arena, c->candidates, c->count, &cap, sizeof *c->candidates);
        c->candidates[c->count++] = (struct candidate){ .name = entry->name, .entry = entry };
        former = entry->name;
    }
}

static void cursor_drop(struct session *s)
{
    struct list_cursor *c = s->cursor;
    tree_unref(&c->tree);
    door_leave_accounts(&c->accounts);
}

static int cursor_new(struct session *s, const struct list_args *a, struct err *err)
{
    struct list_cursor *c = arena_new(&s->arena, struct list_cursor);
    c->patterns = arena_new_array(&s->arena, struct str, a->pattern_count);
    for (size_t i = 0; i < a->pattern_count; i++) {
        if (a->patterns[i].n == 0) /* RFC 9051, 6.3.9: empty ones are ignored in the extended form */
            continue;
        struct str pattern = arena_printf(&s->arena, STR_FMT STR_FMT, STR_ARG(a->reference),
                                          STR_ARG(a->patterns[i]));
        c->patterns[c->pattern_count++] = pattern;
        c->ends_in_percent = c->ends_in_percent || str_ends(pattern, STR("%"));
    }
    int r = door_tree(s, c->patterns, c->pattern_count, &c->tree, &c->accounts, err);
    if (r < 0)
        return r;
    collect(c, &s->arena);
    s->cursor = c;
    s->cursor_drop = cursor_drop;
    return 0;
}

/* ---- LIST ---- */

static bool is_selected(const struct tree_entry *entry, unsigned select)
{
    if (!entry || (select & LIST_SELECT_SUBSCRIBED && !entry->subscribed) ||
        (select & LIST_SELECT_SPECIAL_USE && !entry->use))
        return false;
    return entry->mailbox || select & LIST_SELECT_SUBSCRIBED;
}

struct descendants {
    bool any_mailbox;       /* \HasChildren */
    bool any_selected;      /* CHILDINFO */
    bool selected_unlisted; /* of those, one that the patterns do not list itself */
};

static struct descendants look_below(const struct list_cursor *c, const struct candidate *candidate,
                                     unsigned select)
{
    struct descendants d = { 0 };
    uint32_t first, end;
    tree_children(c->tree, candidate->name, &first, &end);
    for (uint32_t i = first; i < end; i++) {
        const struct tree_entry *entry = &c->tree->entries[i];
        d.any_mailbox = d.any_mailbox || entry->mailbox;
        if (!(select & LIST_SELECT_RECURSIVEMATCH)) {
            if (d.any_mailbox)
                break;
            continue;
        }
        if (!is_selected(entry, select))
            continue;
        d.any_selected = true;
        d.selected_unlisted = d.selected_unlisted || !matches(c, entry->name);
    }
    return d;
}

static void add_attribute(struct buf *out, const char *attribute)
{
    if (out->p[out->n - 1] != '(')
        buf_add_char(out, ' ');
    buf_add(out, str_c(attribute));
}

static void add_uses(struct buf *out, unsigned use)
{
    for (unsigned bit = 1; special_use_name(bit); bit <<= 1)
        if (use & bit)
            add_attribute(out, special_use_name(bit));
}

static void write_name(struct session *s, struct str name)
{
    buf_add_lit(session_out(s), ") \"/\" ");
    write_mailbox(session_out(s), name, session_utf8(s));
}

/* RFC 9590, 3: what cannot be looked up is left out. */
static void write_metadata(struct session *s, const struct list_args *a, const struct tree_entry *entry,
                           struct str name)
{
    const struct metadata_query query = { .entries = &a->metadata };
    struct metadata_progress progress = { 0 };
    struct err ignored;
    int r = metadata_write(s, mailbox_account(entry->mailbox), entry->mailbox, name, &query, &progress,
                           &ignored);
    (void)r;
}

/* MYRIGHTS (RFC 8440) and STATUS (RFC 5819; RFC 4314, 4: for those who may read it). */
static void write_more(struct session *s, const struct list_args *a, const struct candidate *candidate)
{
    struct mailbox *mailbox = candidate->entry->mailbox;
    unsigned rights;
    struct err ignored; /* RFC 5819, 2: what cannot be looked up is left out */
    int r = 0;
    if (!(a->ret & (LIST_RETURN_MYRIGHTS | LIST_RETURN_STATUS | LIST_RETURN_METADATA)) ||
        door_rights(s, mailbox, &rights, NULL) < 0)
        return;
    if (a->ret & LIST_RETURN_MYRIGHTS)
        myrights_write(s, candidate->name, rights);
    if (a->ret & LIST_RETURN_STATUS && rights & RIGHT_READ)
        r = status_write(s, mailbox, candidate->name, a->status, &ignored);
    if (a->ret & LIST_RETURN_METADATA && rights & METADATA_RIGHTS)
        write_metadata(s, a, candidate->entry, candidate->name);
    (void)r;
}

static void list_one(struct session *s, const struct list_args *a, const struct list_cursor *c,
                     const struct candidate *candidate)
{
    struct buf *out = session_out(s);
    const struct tree_entry *entry = candidate->entry;
    bool exists = entry && entry->mailbox;
    struct descendants below = look_below(c, candidate, a->select);
    bool selected = is_selected(entry, a->select);
    bool is_level = !exists && below.any_mailbox && c->ends_in_percent &&
                    !(a->select & ~(unsigned)LIST_SELECT_REMOTE);
    if (!selected && !is_level && !below.selected_unlisted)
        return;
    buf_add_lit(out, "* LIST (");
    if (!exists) /* clients of IMAP4rev1 may not know \NonExistent: RFC 3501, 7.2.2 */
        add_attribute(out, a->extended || s->rev2 ? "\\NonExistent" : "\\Noselect");
    add_attribute(out, below.any_mailbox ? "\\HasChildren" : "\\HasNoChildren");
    if (entry && entry->subscribed && (a->ret & LIST_RETURN_SUBSCRIBED || a->select & LIST_SELECT_SUBSCRIBED))
        add_attribute(out, "\\Subscribed");
    if (exists)
        add_uses(out, entry->use); /* always: macOS Mail and Outlook look for it in a plain LIST */
    write_name(s, candidate->name);
    if (below.any_selected) {
        buf_add_lit(out, " (\"CHILDINFO\" (");
        if (a->select & LIST_SELECT_SUBSCRIBED)
            buf_add_lit(out, "\"SUBSCRIBED\"");
        if (a->select & LIST_SELECT_SPECIAL_USE)
            buf_printf(out, "%s\"SPECIAL-USE\"", a->select & LIST_SELECT_SUBSCRIBED ? " " : "");
        buf_add_lit(out, "))");
    }
    buf_add_lit(out, "\r\n");
    if (exists && selected && !mailbox_is_deleted(entry->mailbox))
        write_more(s, a, candidate);
}

typedef void list_one_fn(struct session *s, const struct list_args *a, const struct list_cursor *c,
                         const struct candidate *candidate);

/* Walk the candidates, resumed where the client stopped reading. */
static int walk(struct session *s, const struct list_args *a, list_one_fn *one, struct err *err)
{
    int r = s->cursor ? 0 : cursor_new(s, a, err);
    if (r < 0)
        return r;
    struct list_cursor *c = s->cursor;
    for (; c->next < c->count; c->next++) {
        if (session_must_wait(s))
            return -ERR_AGAIN;
        if (matches(c, c->candidates[c->next].name))
            one(s, a, c, &c->candidates[c->next]);
    }
    return 0;
}

int list_run(struct session *s, const void *args, struct err *err)
{
    const struct list_args *a = args;
    if (!a->extended && a->patterns[0].n == 0) { /* RFC 9051, 6.3.9: asks for the separator and the root */
        buf_add_lit(session_out(s), "* LIST (\\Noselect) \"/\" \"\"\r\n");
        return 0;
    }
    return walk(s, a, list_one, err);
}

/* ---- LSUB: RFC 3501, 6.3.9. With "%", a level above a subscribed name is told with \Noselect. ---- */

static void lsub_one(struct session *s, const struct list_args *a, const struct list_cursor *c,
                     const struct candidate *candidate)
{
    struct buf *out = session_out(s);
    const struct tree_entry *entry = candidate->entry;
    bool subscribed = entry && entry->subscribed;
    (void)a;
    if (!subscribed) {
        struct descendants below = look_below(c, candidate,
                                              LIST_SELECT_SUBSCRIBED | LIST_SELECT_RECURSIVEMATCH);
        if (!c->ends_in_percent || !below.selected_unlisted)
            return;
    }
    buf_add_lit(out, "* LSUB (");
    if (!subscribed || !entry->mailbox)
        add_attribute(out, "\\Noselect");
    else
        add_uses(out, entry->use); /* Outlook reads special use from here */
    write_name(s, candidate->name);
    buf_add_lit(out, "\r\n");
}

int lsub_run(struct session *s, const void *args, struct err *err)
{
    return walk(s, args, lsub_one, err);
}
