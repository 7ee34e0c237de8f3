/* cmd_metadata.c: GETMETADATA, SETMETADATA.     RFC 5464, 4.2 and 4.3; RFC 6154, 4 (/private/specialuse) */
#include "auth/directory/server_metadata.h"
#include "imap/cmd/command.h"
#include "imap/cmd/metadata.h"
#include "imap/filters.h"
#include "imap/metadata_news.h"
#include "imap/notify.h"
#include "imap/wire/writer.h"

_Static_assert((int)METADATA_NAME_BYTES_MAX == (int)ANNOTATION_ENTRY_BYTES_MAX, "what is parsed can be kept");

/* "shared" where all readers have one \Seen; without a value each has his own. Set by who may set rights. */
static const struct str seen_entry = STR_INIT("/vendor/loft/seen");

/* ---- reading ---- */

struct answer {
    struct session *s;
    struct account *account;
    struct mailbox *mailbox; /* NULL: the server */
    struct str name;
    const struct metadata_query *query;
    const struct metadata_entry *entry; /* the one that is looked for */
    size_t told;                        /* values, of all entries */
    size_t found;                       /* of this entry, also when too large */
    uint64_t longest;
};

static void write_value(struct buf *out, struct str value, bool utf8)
{
    if (str_find_char(value, '\0') < 0) {
        write_nstring(out, value, utf8);
        return;
    }
    write_literal8_head(out, value.n); /* RFC 5464, 5: value = nstring / literal8 */
    buf_add(out, value);
}

/* `below`: what stands behind the name that was asked for, "" for that itself. */
static void tell(struct answer *a, struct str below, struct str value)
{
    struct buf *out = session_out(a->s);
    struct str name = arena_printf(&a->s->arena, STR_FMT STR_FMT, STR_ARG(a->entry->given), STR_ARG(below));

    if (a->told++ == 0) {
        buf_add_lit(out, "* METADATA ");
        write_mailbox(out, a->name, session_utf8(a->s));
        buf_add_lit(out, " (");
    } else {
        buf_add_char(out, ' ');
    }
    write_astring(out, name, false);
    buf_add_char(out, ' ');
    write_value(out, value, session_utf8(a->s));
}

static int take(void *ctx, struct str entry, struct str value, struct err *err)
{
    struct answer *a = ctx;
    (void)err;
    a->found++;
    if (!a->query->has_maxsize || value.n <= a->query->maxsize_bytes)
        tell(a, str_skip(entry, a->entry->name.n), value);
    else if (value.n > a->longest)
        a->longest = value.n;
    return 0;
}

/* RFC 6154, 4: as in LIST. Only the owner's uses are known. */
static int take_special_use(struct answer *a, struct err *err)
{
    struct buf text = BUF_INIT;
    struct tree *tree = account_tree(a->account);
    const struct tree_entry *entry = tree_find(tree, mailbox_name(a->mailbox, &a->s->arena));
    unsigned use = entry && a->account == a->s->account ? entry->use : 0;

    for (unsigned bit = 1; special_use_name(bit); bit <<= 1)
        if (use & bit)
            buf_printf(&text, "%s%s", text.n ? " " : "", special_use_name(bit));
    tree_unref(&tree);
    int r = text.n ? take(a, ANNOTATION_SPECIAL_USE, buf_str(&text), err) : 0;
    buf_deinit(&text);
    return r;
}

static bool wants_seen(const struct answer *a)
{
    struct str name = a->entry->name;
    return a->mailbox && !a->entry->is_private &&
           (str_eq(name, seen_entry) || (a->query->depth == UINT_MAX && str_starts(seen_entry, name) &&
                                         (name.n == 0 || seen_entry.p[name.n] == '/')));
}

static int take_seen(struct answer *a, struct err *err)
{
    struct acl *acl = mailbox_acl(a->mailbox);
    int r = acl && acl->seen_shared ? take(a, seen_entry, STR("shared"), err) : 0;
    acl_unref(&acl);
    return r;
}

static int look_up(struct answer *a, struct err *err)
{
    struct session *s = a->s;
    const struct metadata_entry *entry = a->entry;
    unsigned depth = a->query->depth;
    uint64_t user = entry->is_private ? account_id(s->account).n : ANNOTATION_SHARED;

    if (!a->mailbox && !entry->is_private)
        return server_metadata_read(mail_options(s->server->mail)->store, entry->name, depth, take, a, err);
    if (a->mailbox && entry->is_private &&
        (str_eq(entry->name, ANNOTATION_SPECIAL_USE) || (entry->name.n == 0 && depth > 0))) {
        int r = take_special_use(a, err);
        if (r < 0 || entry->name.n > 0)
            return r;
    }
    if (wants_seen(a)) {
        int r = take_seen(a, err);
        if (r < 0)
            return r;
    }
    return account_annotations(a->account, a->mailbox ? mailbox_id(a->mailbox) : ANNOTATION_ON_ACCOUNT, user,
                               entry->name, depth, take, a, err);
}

int metadata_write(struct session *s, struct account *account, struct mailbox *mailbox, struct str name,
                   const struct metadata_query *query, struct metadata_progress *progress, struct err *err)
{
    struct answer a = {
        s, account ? account : s->account, mailbox, name, query, NULL, 0, 0, progress->longest
    };
    int r = 0;

    for (; progress->next < query->entries->count && r == 0; progress->next++) {
        if (query->may_wait && session_must_wait(s)) {
            r = -ERR_AGAIN;
            break;
        }
        a.entry = &query->entries->items[progress->next];
        a.found = 0;
        r = look_up(&a, err);
        if (r == 0 && a.found == 0 && query->depth == 0)
            tell(&a, STR(""), STR_NIL);
    }
    if (a.told)
        buf_add_lit(session_out(s), ")\r\n");
    progress->longest = a.longest;
    return r;
}

static int may_touch(const struct place *place, struct err *err)
{
    return place->rights & METADATA_RIGHTS
               ? 0
               : err_set(err, ERR_DENIED, "You may not use the annotations of this mailbox");
}

int getmetadata_run(struct session *s, const void *args, struct err *err)
{
    const struct getmetadata_args *a = args;
    const struct metadata_query query = { &a->entries, a->depth, a->has_maxsize, a->maxsize_bytes, true };
    struct metadata_progress *progress = s->cursor;
    struct place place = { 0 };
    int r = 0;

    if (!progress)
        s->cursor = progress = arena_new(&s->arena, struct metadata_progress);
    if (a->mailbox.n > 0)
        r = door_open(s, a->mailbox, RIGHT_LOOKUP, &place, err);
    if (r == 0 && place.mailbox)
        r = may_touch(&place, err);
    if (r == 0)
        r = metadata_write(s, place.account, place.mailbox, a->mailbox, &query, progress, err);
    if (r == 0 && progress->longest)
        session_code(s, "METADATA LONGENTRIES %llu", (unsigned long long)progress->longest);
    place_leave(&place);
    return r;
}

/* ---- writing ---- */

/* RFC 6154, 4: checked as CREATE does. */
static int parse_uses(struct session *s, struct str value, uint16_t *use_out, struct err *err)
{
    *use_out = 0;
    while (value.n > 0) {
        unsigned use = special_use_by_name(str_cut(value, ' ', &value));
        if (!use) {
            session_code(s, "USEATTR");
            return err_set(err, ERR_CANNOT, "Special use not supported");
        }
        *use_out |= (uint16_t)use;
    }
    return 0;
}

static int check_size(struct session *s, struct str value, struct err *err)
{
    uint32_t max = mail_options(s->server->mail)->annotation_bytes_max;
    if (value.n <= max)
        return 0;
    session_code(s, "METADATA MAXSIZE %u", max);
    return err_set(err, ERR_LIMIT, "A value may have %u bytes", max);
}

static int parse_seen(const struct place *place, struct str value, struct change *acl, struct err *err)
{
    if (!(place->rights & RIGHT_ADMINISTER))
        return err_set(err, ERR_DENIED, "Who may set rights may set this");
    acl->acl.sets_seen = true;
    acl->acl.seen_shared = str_eq(value, STR("shared"));
    if (acl->acl.seen_shared || str_is_nil(value) || str_eq(value, STR("private")))
        return 0;
    return err_set(err, ERR_CANNOT, "\\Seen is shared or private");
}

/* One entry into a change: `acl` for what the access control list has. */
static int add_value(struct session *s, const struct place *place, const struct metadata_entry *entry,
                     struct str value, struct change *change, struct change *acl, struct annotation *items,
                     struct err *err)
{
    int r = check_size(s, value, err);
    if (r < 0)
        return r;
    if (!place->mailbox && !entry->is_private)
        return err_set(err, ERR_DENIED, "Shared annotations of the server are set by its administrator");
    if (!place->mailbox && (r = filters_check(entry->name, value, err)) < 0)
        return r;
    if (place->mailbox && entry->is_private && str_eq(entry->name, ANNOTATION_SPECIAL_USE)) {
        if (place->account != s->account) {
            session_code(s, "METADATA NOPRIVATE");
            return err_set(err, ERR_CANNOT,
                           "Another user's mailbox has the special use that its owner gave it");
        }
        change->annotate.sets_use = true;
        return parse_uses(s, value, &change->annotate.use, err);
    }
    if (place->mailbox && !entry->is_private && str_eq(entry->name, seen_entry))
        return parse_seen(place, value, acl, err);
    items[change->annotate.count++] =
        (struct annotation){ .user = entry->is_private ? account_id(s->account).n : ANNOTATION_SHARED,
                             .entry = entry->name,
                             .value = value };
    return 0;
}

static int set(struct session *s, const struct setmetadata_args *a, const struct place *place,
               struct err *err)
{
    struct change changes[2] = { { .kind = CHANGE_ANNOTATE, .arena = &s->arena },
                                 { .kind = CHANGE_SET_ACL, .arena = &s->arena } };
    struct change *change = &changes[0], *acl = &changes[1];
    struct account *account = place->account ? place->account : s->account;
    struct annotation *items = arena_new_array(&s->arena, struct annotation, a->entries.count);

    change->annotate.mailbox_id = place->mailbox ? mailbox_id(place->mailbox) : ANNOTATION_ON_ACCOUNT;
    change->annotate.items = items;
    acl->acl.mailbox_id = change->annotate.mailbox_id;
    for (size_t i = 0; i < a->entries.count; i++) {
        int r = add_value(s, place, &a->entries.items[i], a->values[i], change, acl, items, err);
        if (r < 0)
            return r;
    }
    int r = account_commit(account, changes, acl->acl.sets_seen ? 2 : 1, err);
    if (r == -ERR_LIMIT)
        session_code(s, "METADATA TOOMANY");
    if (r == 0)
        metadata_news_skip(s, account, change->modseq);
    if (r == 0)
        notify_own_annotations(s, account, change->modseq);
    return r;
}

int setmetadata_run(struct session *s, const void *args, struct err *err)
{
    const struct setmetadata_args *a = args;
    struct place place = { 0 };
    int r = 0;

    if (a->mailbox.n > 0)
        r = door_open(s, a->mailbox, RIGHT_LOOKUP, &place, err);
    if (r == 0 && place.mailbox)
        r = may_touch(&place, err);
    if (r == 0)
        r = set(s, a, &place, err);
    place_leave(&place);
    return r;
}
