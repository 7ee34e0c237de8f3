/* Mailboxes of a user: list, create, rename, delete, status. */
#include "admin/commands.h"

#include "auth/directory/grants.h"

static json_t *use_json(unsigned use)
{
    struct buf text = BUF_INIT;
    for (unsigned bit = 1; special_use_name(bit); bit <<= 1)
        if (use & bit)
            buf_printf(&text, "%s%s", text.n ? " " : "", special_use_name(bit));
    json_t *value = admin_text(buf_str(&text));
    buf_deinit(&text);
    return value;
}

static json_t *entry_json(const struct tree_entry *entry)
{
    json_t *json = json_pack("{s:o, s:b, s:o, s:b}", "name", admin_text(entry->name), "exists",
                             entry->mailbox != NULL, "use", use_json(entry->use), "subscribed",
                             entry->subscribed);
    if (entry->mailbox) {
        struct snapshot *s = mailbox_snapshot(entry->mailbox);
        json_t *counts = json_pack("{s:I, s:I, s:I}", "messages", (json_int_t)s->exists, "unseen",
                                   (json_int_t)s->unseen, "size_bytes", (json_int_t)s->size_bytes);
        json_object_update(json, counts);
        json_decref(counts);
        snapshot_unref(&s);
    }
    return json;
}

int admin_mailbox_list(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct account *account;
    int r = call_open_account(call, &account, err);
    if (r < 0)
        return r;
    struct tree *tree = account_tree(account);
    *result_out = json_array();
    for (uint32_t i = 0; i < tree->count; i++)
        json_array_append_new(*result_out, entry_json(&tree->entries[i]));
    tree_unref(&tree);
    account_unref(&account);
    return 0;
}

int admin_mailbox_status(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct account *account;
    struct mailbox *box;
    int r = call_open_account(call, &account, err);
    if (r < 0)
        return r;
    r = account_mailbox(account, call_text(call, "mailbox"), &box, err);
    if (r == 0) {
        struct snapshot *s = mailbox_snapshot(box);
        *result_out = json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
                                admin_text(mailbox_name(box, call->arena)), "id",
                                admin_text(mailbox_id_text(mailbox_id(box), call->arena)), "messages",
                                (json_int_t)s->exists, "unseen", (json_int_t)s->unseen, "deleted",
                                (json_int_t)s->deleted, "size_bytes", (json_int_t)s->size_bytes,
                                "uidvalidity", (json_int_t)mailbox_uidvalidity(box), "uidnext",
                                (json_int_t)s->uidnext, "highestmodseq", (json_int_t)s->highest_modseq,
                                "keywords", (json_int_t)s->keywords->count);
        snapshot_unref(&s);
        mailbox_unref(&box);
    }
    account_unref(&account);
    return r == -ERR_NOT_FOUND ? err_context(err, STR_FMT, STR_ARG(call_text(call, "mailbox"))) : r;
}

/* Commit one change to the account of the call's user. */
static int commit(struct admin_call *call, struct change *change, struct err *err)
{
    struct account *account;
    int r = call_open_account(call, &account, err);
    if (r < 0)
        return r;
    change->arena = call->arena;
    r = account_commit(account, change, 1, err);
    account_unref(&account);
    return r == -ERR_NOT_FOUND ? err_context(err, STR_FMT, STR_ARG(call_text(call, "mailbox"))) : r;
}

static int done(struct admin_call *call, const char *event, struct str name, json_t **result_out)
{
    log_info(&call->admin->log, event, KV("account", call_text(call, "user")), KV("mailbox", name));
    *result_out = json_pack("{s:o}", "name", admin_text(name));
    return 0;
}

/* The first public mailbox of a domain brings its account along. */
static int ensure_public_account(struct admin_call *call, struct err *err)
{
    struct str domain;
    struct account_id id;
    if (!admin_public_domain(call_text(call, "user"), &domain))
        return 0;
    int r = grants_add_public_account(call->admin->backend->users, domain, &id, err);
    if (r == 0)
        r = mail_account_create_empty(call->admin->backend->mail, id, err);
    if (r == 0)
        r = quota_service_enter(call->admin->backend->quota, call->admin->backend->mail, domain, id, err);
    return r == -ERR_EXISTS ? 0 : r;
}

int admin_mailbox_create(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct str domain;
    struct change change = { .kind = CHANGE_CREATE, .ignore_quota = true };
    change.create.subscribe = !admin_public_domain(call_text(call, "user"),
                                                   &domain); /* nobody subscribes there */
    int r = mailbox_name_check(call_text(call, "mailbox"), call->arena, &change.create.name, err);
    if (r == 0)
        r = ensure_public_account(call, err);
    if (r == 0)
        r = commit(call, &change, err);
    return r < 0 ? r : done(call, "mailbox-created", change.create.name, result_out);
}

int admin_mailbox_rename(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct change change = { .kind = CHANGE_RENAME, .ignore_quota = true };
    int r = mailbox_name_check(call_text(call, "mailbox"), call->arena, &change.rename.from, err);
    if (r == 0)
        r = mailbox_name_check(call_text(call, "to"), call->arena, &change.rename.to, err);
    if (r == 0)
        r = commit(call, &change, err);
    return r < 0 ? r : done(call, "mailbox-renamed", change.rename.to, result_out);
}

int admin_mailbox_delete(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct change change = { .kind = CHANGE_DELETE };
    int r = mailbox_name_check(call_text(call, "mailbox"), call->arena, &change.delete.name, err);
    if (r == 0)
        r = commit(call, &change, err);
    return r < 0 ? r : done(call, "mailbox-deleted", change.delete.name, result_out);
}
