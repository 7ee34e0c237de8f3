/* Groups, and rights on mailboxes.     RFC 4314 */
#include "admin/commands.h"

#include "auth/directory/grants.h"
#include "auth/directory/groups.h"

static struct users *users_of(const struct admin_call *call)
{
    return call->admin->backend->users;
}

/* ---- groups ---- */

static int group_done(struct admin_call *call, const char *event, json_t **result_out)
{
    log_info(&call->admin->log, event, KV("group", call_text(call, "group")));
    *result_out = json_pack("{s:o}", "name", admin_text(call_text(call, "group")));
    return 0;
}

int admin_group_add(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct group group;
    int r = groups_add(users_of(call), call_text(call, "group"), &group, err);
    return r < 0 ? r : group_done(call, "group-added", result_out);
}

int admin_group_delete(struct admin_call *call, json_t **result_out, struct err *err)
{
    int r = groups_delete(users_of(call), call_text(call, "group"), err);
    return r < 0 ? r : group_done(call, "group-deleted", result_out);
}

static int add_member_row(void *ctx, struct str user, struct err *err)
{
    (void)err;
    json_array_append_new(ctx, json_pack("{s:o}", "name", admin_text(user)));
    return 0;
}

static int count_member(void *ctx, struct str user, struct err *err)
{
    json_int_t *count = ctx;
    (void)user, (void)err;
    ++*count;
    return 0;
}

struct group_rows {
    struct users *users;
    json_t *list;
};

static int add_group_row(void *ctx, const struct group *group, struct err *err)
{
    struct group_rows *rows = ctx;
    json_int_t members = 0;
    int r = groups_members(rows->users, group, count_member, &members, err);
    if (r == 0)
        json_array_append_new(rows->list, json_pack("{s:s, s:I}", "name", group->name, "members", members));
    return r;
}

static int give_list(json_t *list, int r, json_t **result_out)
{
    if (r == 0)
        *result_out = list;
    else
        json_decref(list);
    return r;
}

int admin_group_list(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct group_rows rows = { users_of(call), json_array() };
    int r = groups_list(rows.users, add_group_row, &rows, err);
    return give_list(rows.list, r, result_out);
}

int admin_group_members(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct group group;
    int r = groups_find(users_of(call), call_text(call, "group"), &group, err);
    if (r < 0)
        return r;
    json_t *list = json_array();
    return give_list(list, groups_members(users_of(call), &group, add_member_row, list, err), result_out);
}

static int member_done(struct admin_call *call, const char *event, json_t **result_out)
{
    log_info(&call->admin->log, event, KV("group", call_text(call, "group")),
             KV("account", call_text(call, "user")));
    *result_out = json_pack("{s:o}", "name", admin_text(call_text(call, "user")));
    return 0;
}

int admin_group_member_add(struct admin_call *call, json_t **result_out, struct err *err)
{
    int r = groups_add_member(users_of(call), call_text(call, "group"), call_text(call, "user"), err);
    return r < 0 ? r : member_done(call, "group-member-added", result_out);
}

int admin_group_member_remove(struct admin_call *call, json_t **result_out, struct err *err)
{
    int r = groups_remove_member(users_of(call), call_text(call, "group"), call_text(call, "user"), err);
    return r < 0 ? r : member_done(call, "group-member-removed", result_out);
}

/* ---- rights ---- */

struct box {
    struct account *account;
    struct mailbox *mailbox;
    struct str owner, domain;
};

static void close_box(struct box *box)
{
    mailbox_unref(&box->mailbox);
    account_unref(&box->account);
}

static int open_box(struct admin_call *call, struct box *box_out, struct err *err)
{
    struct box box = { .owner = call_text(call, "user") };
    int r = call_open_account(call, &box.account, err);
    if (r < 0)
        return r;
    if (admin_public_domain(box.owner, &box.domain))
        box.owner = STR("");
    else
        box.domain = users_domain(box.owner);
    r = account_mailbox(box.account, call_text(call, "mailbox"), &box.mailbox, err);
    if (r < 0) {
        close_box(&box);
        return err_context(err, STR_FMT, STR_ARG(call_text(call, "mailbox")));
    }
    *box_out = box;
    return 0;
}

int admin_acl_show(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct box box;
    int r = open_box(call, &box, err);
    if (r < 0)
        return r;
    struct acl *acl = mailbox_acl(box.mailbox);
    *result_out = json_array();
    for (uint32_t i = 0; acl && i < acl->count; i++) {
        struct buf name = BUF_INIT, rights = BUF_INIT;
        buf_printf(&name, "%s" STR_FMT, acl->entries[i].negative ? "-" : "", STR_ARG(acl->entries[i].name));
        rights_write(acl->entries[i].rights, &rights);
        json_array_append_new(*result_out, json_pack("{s:o, s:o}", "name", admin_text(buf_str(&name)),
                                                     "rights", admin_text(buf_str(&rights))));
        buf_deinit(&name);
        buf_deinit(&rights);
    }
    acl_unref(&acl);
    close_box(&box);
    return 0;
}

static int commit(struct admin_call *call, const struct box *box, struct change *change, json_t **result_out,
                  struct err *err)
{
    change->kind = CHANGE_SET_ACL;
    change->arena = call->arena;
    change->acl.mailbox_id = mailbox_id(box->mailbox);
    int r = account_commit(box->account, change, 1, err);
    if (r < 0)
        return r;
    log_info(&call->admin->log, "rights-changed", KV("account", call_text(call, "user")),
             KV("mailbox", call_text(call, "mailbox")));
    *result_out = json_pack("{s:o}", "name", admin_text(call_text(call, "mailbox")));
    return 0;
}

static int set_rights(struct admin_call *call, const struct box *box, json_t **result_out, struct err *err)
{
    struct acl_entry entry;
    struct change change = { .acl = { .entry = &entry, .mode = ACL_REPLACE } };
    struct users *users = users_of(call);
    int r = grants_resolve(users, call_text(call, "who"), box->domain,
                           call->admin->config->sharing.across_domains, call->arena, &entry, err);
    if (r == 0 && !rights_parse(call_text(call, "rights"), &entry.rights))
        r = err_set(err, ERR_INVALID, "rights are letters of lrswipkxtea; see loft help acl set");
    if (r == 0) /* before the right itself, so that whoever has it can find it */
        r = grants_note(users, &entry, account_id(box->account), box->owner, box->domain, err);
    return r < 0 ? r : commit(call, box, &change, result_out, err);
}

int admin_acl_set(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct box box;
    int r = open_box(call, &box, err);
    if (r < 0)
        return r;
    r = set_rights(call, &box, result_out, err);
    close_box(&box);
    return r;
}

/* By name: also what was granted to a user or group that is gone. */
static int delete_rights(struct admin_call *call, const struct box *box, json_t **result_out, struct err *err)
{
    struct str who = call_text(call, "who");
    bool negative = str_starts(who, STR("-"));
    struct acl *acl = mailbox_acl(box->mailbox);
    int r = err_set(err, ERR_NOT_FOUND, STR_FMT " is not on the list", STR_ARG(who));
    for (uint32_t i = 0; acl && i < acl->count; i++) {
        struct change change = { .acl = { .entry = &acl->entries[i], .mode = ACL_DELETE } };
        if (acl->entries[i].negative != negative || !str_eq(acl->entries[i].name, str_skip(who, negative)))
            continue;
        json_decref(*result_out);
        r = commit(call, box, &change, result_out, err);
        if (r < 0)
            break;
    }
    acl_unref(&acl);
    return r;
}

int admin_acl_delete(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct box box;
    int r = open_box(call, &box, err);
    if (r < 0)
        return r;
    r = delete_rights(call, &box, result_out, err);
    close_box(&box);
    return r;
}

int admin_acl_seen(struct admin_call *call, json_t **result_out, struct err *err)
{
    struct str mode = call_text(call, "mode");
    struct change change = { .acl = { .sets_seen = true, .seen_shared = str_eq(mode, STR("shared")) } };
    struct box box;
    if (!change.acl.seen_shared && !str_eq(mode, STR("private")))
        return err_set(err, ERR_INVALID, "\\Seen is shared or private, not " STR_FMT, STR_ARG(mode));
    int r = open_box(call, &box, err);
    if (r < 0)
        return r;
    r = commit(call, &box, &change, result_out, err);
    close_box(&box);
    return r;
}
