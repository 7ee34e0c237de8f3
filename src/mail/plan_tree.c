/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE.    RFC 9051, 6.3.4 - 6.3.8; RFC 6154, 3 */
#include "mail/plan.h"

#include <assert.h>

static const struct str inbox = STR_INIT("INBOX");

struct plan_new_boxes plan_new_boxes(const struct plan *p)
{
    return (struct plan_new_boxes){ p->record.next_mailbox_id, p->record.last_uidvalidity,
                                    p->record.mailbox_count };
}

/* RFC 9051, 2.3.1.1: a mailbox made again under an old name must have a greater UIDVALIDITY. One counter for
 * the account, which runs ahead of the clock when it must, gives none twice. */
static uint32_t next_uidvalidity(const struct plan *p, uint32_t last)
{
    int64_t now_s = p->now_s > 0 && p->now_s <= UINT32_MAX ? p->now_s : 1;
    return now_s > last ? (uint32_t)now_s : last + 1;
}

void plan_acl_delta(const struct acl *acl, uint64_t mailbox_id, uint64_t modseq, struct delta_list *deltas)
{
    struct buf bytes = BUF_INIT;
    acl_encode(acl, &bytes);
    delta_add(deltas, DELTA_ACL, mailbox_id, modseq)->acl.bytes = arena_dup(deltas->arena, buf_str(&bytes));
    buf_deinit(&bytes);
}

/* Of the nearest level above that exists. */
static const struct acl *inherited_acl(struct plan *p, struct str name)
{
    struct plan_box *box = NULL;
    for (size_t i = name.n; i-- > 0 && !box;)
        if (name.p[i] == MAILBOX_SEPARATOR)
            box = plan_box_by_name(p, str_sub(name, 0, i));
    return box ? box->acl : NULL;
}

static int make_box(struct plan *p, struct plan_new_boxes *ids, struct str name, uint16_t use, bool subscribe,
                    struct delta_list *deltas, struct err *err)
{
    uint32_t max = p->account->mail->options.mailboxes_max;

    if (ids->mailbox_count >= max)
        return err_set(err, ERR_LIMIT, "the account has %u mailboxes, no more are allowed", max);
    if (ids->last_uidvalidity == UINT32_MAX)
        return err_set(err, ERR_LIMIT, "the account has no UIDVALIDITY left");
    ids->last_uidvalidity = next_uidvalidity(p, ids->last_uidvalidity);
    ids->mailbox_count++;
    struct delta *d = delta_add(deltas, DELTA_CREATE, ids->next_mailbox_id++, plan_modseq(p));
    d->create.name = name;
    d->create.uidvalidity = ids->last_uidvalidity;
    d->create.use = use;
    d->create.subscribed = subscribe;
    const struct acl *acl = inherited_acl(p, name); /* RFC 4314, 4: SHOULD */
    if (acl)
        plan_acl_delta(acl, ids->next_mailbox_id - 1, plan_modseq(p), deltas);
    return 0;
}

static bool exists(const struct plan *p, struct str name)
{
    const struct tree_entry *entry = tree_find(p->tree, name);
    return entry && entry->mailbox;
}

/* Levels above `name` that are missing. RFC 9051, 6.3.4: the server SHOULD create them. */
static int make_parents(struct plan *p, struct plan_new_boxes *ids, struct str name,
                        struct delta_list *deltas, struct err *err)
{
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] != MAILBOX_SEPARATOR || exists(p, str_sub(name, 0, i)))
            continue;
        int r = make_box(p, ids, str_sub(name, 0, i), 0, false, deltas, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int plan_make_boxes(struct plan *p, struct plan_new_boxes *ids, struct str name, uint16_t use, bool subscribe,
                    struct delta_list *deltas, struct plan_target *target_out, struct err *err)
{
    int r = make_parents(p, ids, name, deltas, err);
    if (r == 0)
        r = make_box(p, ids, name, use, subscribe, deltas, err);
    if (r < 0)
        return r;
    *target_out = (struct plan_target){
        .mailbox_id = ids->next_mailbox_id - 1,
        .uidvalidity = ids->last_uidvalidity,
        .uidnext = 1,
        .keywords = keyword_table_new(NULL, 0),
    };
    return 0;
}

int plan_create(struct plan *p, struct change *c, struct err *err)
{
    struct delta_list deltas = { .arena = &p->arena };
    struct plan_new_boxes ids = plan_new_boxes(p);
    struct plan_target target;
    struct str name;

    int r = mailbox_name_check(c->create.name, &p->arena, &name, err);
    if (r < 0)
        return r;
    if (exists(p, name))
        return err_set(err, ERR_EXISTS, "mailbox already exists");
    for (unsigned bit = 1; bit <= c->create.use; bit <<= 1)
        if ((c->create.use & bit) && tree_find_use(p->tree, (enum special_use)bit))
            return err_set(err, ERR_CANNOT, "another mailbox has this special use");
    r = plan_make_boxes(p, &ids, name, c->create.use, c->create.subscribe, &deltas, &target, err);
    if (r < 0)
        return r;
    c->mailbox_id = target.mailbox_id;
    c->uidvalidity = target.uidvalidity;
    plan_target_deinit(&target);
    r = plan_quota_deltas(p, c, name, &deltas, err);
    return r < 0 ? r : plan_accept(p, c, &deltas, err);
}

static bool has_child_mailbox(const struct plan *p, struct str name)
{
    uint32_t first, end;
    tree_children(p->tree, name, &first, &end);
    while (first < end && !p->tree->entries[first].mailbox)
        first++;
    return first < end;
}

int plan_delete(struct plan *p, struct change *c, struct err *err)
{
    struct delta_list deltas = { .arena = &p->arena };
    struct plan_rows rows;
    struct plan_drops drops;
    struct str name;

    if (mailbox_name_check(c->delete.name, &p->arena, &name, NULL) < 0)
        return err_set(err, ERR_NOT_FOUND, "no such mailbox");
    if (str_eq(name, inbox))
        return err_set(err, ERR_CANNOT, "INBOX cannot be deleted");
    struct plan_box *box = plan_box_by_name(p, name);
    if (!box && has_child_mailbox(p, name)) /* RFC 9051, 6.3.5 */
        return err_set(err, ERR_HAS_CHILDREN, "only mailboxes below this name exist: delete them one by one");
    if (!box)
        return err_set(err, ERR_NOT_FOUND, "no such mailbox");
    int r = plan_read(p, box, NULL, &rows, err);
    if (r < 0)
        return r;
    r = plan_release(p, &rows, plan_modseq(p), &deltas, &drops, err);
    if (r < 0)
        return r;
    r = plan_drop_annotations(p, box->mailbox->id, &deltas, err);
    if (r < 0)
        return r;
    c->mailbox_id = box->mailbox->id;
    delta_add(&deltas, DELTA_DELETE, box->mailbox->id, plan_modseq(p));
    r = plan_accept(p, c, &deltas, err);
    if (r == 0)
        plan_drop_blobs(p, &drops);
    return r;
}

/* ---- RENAME ---- */

/* RFC 9051, 6.3.6: the messages move to a new mailbox, INBOX stays, empty; its children stay. */
static int rename_inbox(struct plan *p, struct change *c, struct str to, struct err *err)
{
    struct delta_list deltas = { .arena = &p->arena };
    struct plan_new_boxes ids = plan_new_boxes(p);
    struct plan_box *box = plan_box_by_name(p, inbox);
    struct plan_target target = { 0 };
    struct plan_rows rows;
    struct seqset gone;

    if (!box)
        return err_set(err, ERR_NOT_FOUND, "no such mailbox");
    seqset_init(&gone, &p->arena);
    int r = plan_read(p, box, NULL, &rows, err);
    if (r < 0)
        return r;
    const struct quota_need need = {
        .mailbox = to,
        .from = inbox,
        .add.of = { [QUOTA_MESSAGE] = rows.count, [QUOTA_STORAGE] = plan_box_size_bytes(box) }
    };
    r = plan_make_boxes(p, &ids, to, 0, false, &deltas, &target, err);
    if (r == 0 && rows.count > 0)
        r = plan_transfer(p, &rows, box->keywords, &target, plan_modseq(p), &deltas, err);
    if (r == 0 && rows.count > 0) {
        plan_carry_seen(box, &rows, target.mailbox_id, target.uidnext, plan_modseq(p), &deltas);
        for (size_t i = 0; i < rows.count; i++)
            seqset_add(&gone, rows.items[i].uid);
        delta_add(&deltas, DELTA_VANISH, box->mailbox->id, plan_modseq(p))->vanish.uids = gone;
    }
    if (r == 0)
        r = plan_copy_annotations(p, box->mailbox->id, target.mailbox_id, &deltas, err);
    if (r == 0)
        r = plan_quota_deltas(p, c, to, &deltas, err);
    if (r == 0)
        r = plan_quota(p, c, &need, err);
    if (r == 0)
        r = plan_accept(p, c, &deltas, err);
    if (r == 0) {
        c->mailbox_id = target.mailbox_id;
        c->uidvalidity = target.uidvalidity;
    }
    plan_target_deinit(&target);
    return r;
}

/* Every new name must be legal and free. */
static int check_new_name(struct plan *p, struct str old, struct str from, struct str to, struct err *err)
{
    struct str checked,
        name = arena_printf(&p->arena, STR_FMT STR_FMT, STR_ARG(to), STR_ARG(str_skip(old, from.n)));
    int r = mailbox_name_check(name, &p->arena, &checked, err);
    if (r < 0)
        return r;
    if (exists(p, name))
        return err_set(err, ERR_EXISTS, "a mailbox of the new name already exists");
    return 0;
}

static int check_new_names(struct plan *p, struct str from, struct str to, struct err *err)
{
    uint32_t first, end;

    int r = check_new_name(p, from, from, to, err);
    tree_children(p->tree, from, &first, &end);
    for (uint32_t i = first; i < end && r == 0; i++)
        if (p->tree->entries[i].mailbox)
            r = check_new_name(p, p->tree->entries[i].name, from, to, err);
    return r;
}

int plan_rename(struct plan *p, struct change *c, struct err *err)
{
    struct delta_list deltas = { .arena = &p->arena };
    struct plan_new_boxes ids = plan_new_boxes(p);
    struct str from, to;

    if (mailbox_name_check(c->rename.from, &p->arena, &from, NULL) < 0 ||
        (!exists(p, from) && !has_child_mailbox(p, from)))
        return err_set(err, ERR_NOT_FOUND, "no such mailbox");
    int r = mailbox_name_check(c->rename.to, &p->arena, &to, err);
    if (r < 0)
        return r;
    if (exists(p, to))
        return err_set(err, ERR_EXISTS, "a mailbox of the new name already exists");
    if (str_eq(from, inbox))
        return rename_inbox(p, c, to, err);
    if (mailbox_name_is_below(to, from) || str_eq(to, from))
        return err_set(err, ERR_INVALID, "a mailbox cannot be renamed below itself");
    r = check_new_names(p, from, to, err);
    if (r == 0)
        r = make_parents(p, &ids, to, &deltas, err);
    if (r == 0)
        r = plan_quota_deltas(p, c, to, &deltas, err);
    if (r == 0)
        r = plan_quota_rename(p, c, from, to, err);
    if (r < 0)
        return r;
    struct delta *d = delta_add(&deltas, DELTA_RENAME, 0, plan_modseq(p));
    d->rename.from = from;
    d->rename.to = to;
    struct plan_box *box = plan_box_by_name(p, from);
    c->mailbox_id = box ? box->mailbox->id : 0;
    c->uidvalidity = box ? box->mailbox->uidvalidity : 0;
    return plan_accept(p, c, &deltas, err);
}

int plan_subscribe(struct plan *p, struct change *c, struct err *err)
{
    struct delta_list deltas = { .arena = &p->arena };
    struct str name;

    int r = mailbox_name_check(c->subscribe.name, &p->arena, &name, err);
    if (r < 0)
        return r;
    const struct tree_entry *entry = tree_find(p->tree, name);
    if ((entry && entry->subscribed) == c->subscribe.subscribe)
        return 0;
    if (c->subscribe.subscribe && !entry && p->tree->count >= 2 * p->account->mail->options.mailboxes_max)
        return err_set(err, ERR_LIMIT, "too many subscriptions to names without a mailbox");
    struct delta *d = delta_add(&deltas, DELTA_SUBSCRIBE, 0, plan_modseq(p));
    d->subscribe.name = name;
    d->subscribe.subscribed = c->subscribe.subscribe;
    return plan_accept(p, c, &deltas, err);
}

/* ---- access control lists ---- */

int plan_set_acl(struct plan *p, struct change *c, struct err *err)
{
    struct delta_list deltas = { .arena = &p->arena };
    struct plan_box *box = plan_box(p, c->acl.mailbox_id);
    struct acl *edited = NULL, *acl = NULL;

    if (!box)
        return err_set(err, ERR_NOT_FOUND, "the mailbox was deleted");
    int r = 0;
    if (c->acl.entry)
        r = acl_edit(box->acl, p->account->id.n, c->acl.entry, c->acl.mode, &edited, err);
    else
        edited = acl_ref(box->acl);
    if (r < 0)
        return r;
    if (c->acl.sets_seen) {
        acl = acl_new(edited ? edited->entries : NULL, edited ? edited->count : 0, c->acl.seen_shared);
        acl_unref(&edited);
    } else {
        acl = edited;
    }
    bool same = acl_equals(acl, box->acl);
    if (!same)
        plan_acl_delta(acl, c->acl.mailbox_id, plan_modseq(p), &deltas);
    acl_unref(&acl);
    c->mailbox_id = c->acl.mailbox_id;
    c->uidvalidity = box->mailbox->uidvalidity;
    return same ? 0 : plan_accept(p, c, &deltas, err);
}
