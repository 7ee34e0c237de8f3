/* loft user ... */
#include "admin/cli_private.h"

static json_t *user_request(const struct cli *cli, const char *command)
{
    return json_pack("{s:s, s:o}", "command", command, "user", cli_json(cli_arg(cli, 0)));
}

/* Ask about the user that the line names, then say "done". */
static int about_user(struct cli *cli, const char *command, const char *done, struct err *err)
{
    json_t *result;
    int r = cli_ask(cli, user_request(cli, command), &result, err);
    if (r == 0)
        cli_print_done(cli, result, done, json_string_value(json_object_get(result, "name")));
    return r;
}

static int with_password(struct cli *cli, const char *command, const char *done, struct err *err)
{
    struct str password;
    json_t *result;
    int r = cli_connect(cli, err); /* no password is asked for in vain */
    if (r == 0)
        r = cli_read_password(cli, &password, err);
    if (r < 0)
        return r;
    json_t *request = json_pack("{s:s, s:o, s:o}", "command", command, "user", cli_json(cli_arg(cli, 0)),
                                "password", cli_json(password));
    r = cli_ask(cli, request, &result, err);
    if (r == 0)
        cli_print_done(cli, result, done, json_string_value(json_object_get(result, "name")));
    return r;
}

int cli_user_add(struct cli *cli, struct err *err)
{
    cli->creates_folder = true;
    return with_password(cli, "user-add", "User %s added.", err);
}

int cli_user_passwd(struct cli *cli, struct err *err)
{
    return with_password(cli, "user-passwd", "New password for %s.", err);
}

int cli_user_list(struct cli *cli, struct err *err)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_TEXT },
        { "ACCOUNT", "account", COLUMN_COUNT },
        { "CREATED", "created_s", COLUMN_TIME },
        { "DISABLED", "disabled", COLUMN_YES },
        { NULL },
    };
    json_t *result;
    int r = cli_ask(cli, json_pack("{s:s}", "command", "user-list"), &result, err);
    if (r == 0)
        cli_print_rows(cli, result, columns, "No users yet. loft user add NAME makes one.");
    return r;
}

int cli_user_show(struct cli *cli, struct err *err)
{
    static const struct column columns[] = {
        { "Name", "name", COLUMN_TEXT },
        { "Account", "account", COLUMN_COUNT },
        { "Created", "created_s", COLUMN_TIME },
        { "Disabled", "disabled", COLUMN_YES },
        { "Mailboxes", "mailboxes", COLUMN_COUNT },
        { "Messages", "messages", COLUMN_COUNT },
        { "Size", "size_bytes", COLUMN_BYTES },
        { "Signed in", "sessions", COLUMN_COUNT },
        { "Hidden", "hidden_capabilities", COLUMN_TEXT },
        { "Referred to", "referral", COLUMN_TEXT },
        { NULL },
    };
    json_t *result;
    int r = cli_ask(cli, user_request(cli, "user-show"), &result, err);
    if (r == 0)
        cli_print_object(cli, result, columns);
    return r;
}

int cli_user_delete(struct cli *cli, struct err *err)
{
    json_t *result;
    int r = cli_ask(cli, user_request(cli, "user-show"), &result, err);
    if (r < 0)
        return r;
    struct str question = arena_printf(&cli->arena, "Delete user %s with %" JSON_INTEGER_FORMAT " messages?",
                                       json_string_value(json_object_get(result, "name")),
                                       json_integer_value(json_object_get(result, "messages")));
    r = cli_confirm(cli, question.p, err);
    return r < 0 ? r : about_user(cli, "user-delete", "User %s deleted.", err);
}

int cli_user_disable(struct cli *cli, struct err *err)
{
    return about_user(cli, "user-disable", "User %s can no longer sign in.", err);
}

int cli_user_enable(struct cli *cli, struct err *err)
{
    return about_user(cli, "user-enable", "User %s can sign in again.", err);
}

static int about_capability(struct cli *cli, const char *command, const char *done, struct err *err)
{
    json_t *result;
    json_t *request = json_pack("{s:s, s:o, s:o}", "command", command, "user", cli_json(cli_arg(cli, 0)),
                                "capability", cli_json(cli_arg(cli, 1)));
    int r = cli_ask(cli, request, &result, err);
    if (r == 0)
        cli_print_done(cli, result, done, json_string_value(json_object_get(result, "capability")),
                       json_string_value(json_object_get(result, "name")));
    return r;
}

int cli_user_hide_capability(struct cli *cli, struct err *err)
{
    return about_capability(cli, "user-hide-capability", "%s is hidden from %s.", err);
}

int cli_user_show_capability(struct cli *cli, struct err *err)
{
    return about_capability(cli, "user-show-capability", "%s is announced to %s again.", err);
}

int cli_user_refer(struct cli *cli, struct err *err)
{
    struct str url = cli_arg(cli, 1);
    json_t *result, *request = user_request(cli, "user-refer");
    if (request && url.n)
        json_object_set_new(request, "url", cli_json(url));
    int r = cli_ask(cli, request, &result, err);
    if (r == 0)
        cli_print_done(cli, result, url.n ? "%s is sent to another server." : "%s is here again.",
                       json_string_value(json_object_get(result, "name")));
    return r;
}
