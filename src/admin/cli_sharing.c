/* loft group ..., loft acl ... */
#include "admin/cli_private.h"

/* Ask with the arguments of the line as the members that `names` says, then say "done". */
static json_t *request_of(const struct cli *cli, const char *command, const char *const *names)
{
    json_t *request = json_pack("{s:s}", "command", command);
    for (unsigned i = 0; names[i]; i++) {
        json_t *value = cli_json(cli_arg(cli, i));
        if (!value) {
            json_decref(request);
            return NULL;
        }
        json_object_set_new(request, names[i], value);
    }
    return request;
}

static int tell(struct cli *cli, const char *command, const char *const *names, const char *done,
                struct err *err)
{
    json_t *result;
    int r = cli_ask(cli, request_of(cli, command, names), &result, err);
    if (r == 0)
        cli_print_done(cli, result, done, json_string_value(json_object_get(result, "name")));
    return r;
}

static const char *const no_names[] = { NULL };
static const char *const group_names[] = { "group", NULL };
static const char *const member_names[] = { "group", "user", NULL };
static const char *const mailbox_names[] = { "user", "mailbox", NULL };
static const char *const who_names[] = { "user", "mailbox", "who", NULL };
static const char *const rights_names[] = { "user", "mailbox", "who", "rights", NULL };
static const char *const mode_names[] = { "user", "mailbox", "mode", NULL };

int cli_group_add(struct cli *cli, struct err *err)
{
    return tell(cli, "group-add", group_names, "Group %s added.", err);
}

int cli_group_delete(struct cli *cli, struct err *err)
{
    return tell(cli, "group-delete", group_names, "Group %s deleted.", err);
}

int cli_group_list(struct cli *cli, struct err *err)
{
    static const struct column columns[] = { { "NAME", "name", COLUMN_TEXT },
                                             { "MEMBERS", "members", COLUMN_COUNT },
                                             { NULL } };
    json_t *result;
    int r = cli_ask(cli, request_of(cli, "group-list", no_names), &result, err);
    if (r == 0)
        cli_print_rows(cli, result, columns, "No groups yet. loft group add NAME makes one.");
    return r;
}

int cli_group_members(struct cli *cli, struct err *err)
{
    static const struct column columns[] = { { "NAME", "name", COLUMN_TEXT }, { NULL } };
    json_t *result;
    int r = cli_ask(cli, request_of(cli, "group-members", group_names), &result, err);
    if (r == 0)
        cli_print_rows(cli, result, columns, "No members.");
    return r;
}

int cli_group_member_add(struct cli *cli, struct err *err)
{
    return tell(cli, "group-member-add", member_names, "%s is in the group.", err);
}

int cli_group_member_remove(struct cli *cli, struct err *err)
{
    return tell(cli, "group-member-remove", member_names, "%s is no longer in the group.", err);
}

int cli_acl_show(struct cli *cli, struct err *err)
{
    static const struct column columns[] = { { "WHO", "name", COLUMN_TEXT },
                                             { "RIGHTS", "rights", COLUMN_TEXT },
                                             { NULL } };
    json_t *result;
    int r = cli_ask(cli, request_of(cli, "acl-show", mailbox_names), &result, err);
    if (r == 0)
        cli_print_rows(cli, result, columns, "Nobody but its owner has any right.");
    return r;
}

int cli_acl_set(struct cli *cli, struct err *err)
{
    return tell(cli, "acl-set", rights_names, "Rights on %s set.", err);
}

int cli_acl_delete(struct cli *cli, struct err *err)
{
    return tell(cli, "acl-delete", who_names, "Taken off the list of %s.", err);
}

int cli_acl_seen(struct cli *cli, struct err *err)
{
    return tell(cli, "acl-seen", mode_names, "Set for %s.", err);
}
