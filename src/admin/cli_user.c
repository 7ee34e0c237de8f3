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
        { "LOCKED", "locked", COLUMN_YES },
        { "PASSWORD", "provider", COLUMN_TEXT },
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
        { "  since", "disabled_since_s", COLUMN_TIME },
        { "  until", "disabled_until_s", COLUMN_TIME },
        { "  reason", "disabled_reason", COLUMN_TEXT },
        { "  mail refused", "refuses_mail", COLUMN_YES },
        { "Locked", "locked", COLUMN_YES },
        { "  since", "locked_since_s", COLUMN_TIME },
        { "  until", "locked_until_s", COLUMN_TIME },
        { "  reason", "locked_reason", COLUMN_TEXT },
        { "Password kept by", "provider", COLUMN_TEXT },
        { "Password set", "password_set_s", COLUMN_TIME },
        { "SCRAM", "scram", COLUMN_TEXT },
        { "Second factor", "second_factor", COLUMN_TEXT },
        { "App passwords", "app_passwords", COLUMN_COUNT },
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

/* "30m", "12h", "7d"; a number is seconds. */
static int parse_time(struct str text, json_int_t *seconds_out, struct err *err)
{
    static const struct {
        char letter;
        json_int_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    json_int_t unit = 0;
    uint64_t number;
    char last = text.n ? text.p[text.n - 1] : '\0';
    for (size_t i = 0; i < ARRAY_COUNT(units); i++)
        unit = last == units[i].letter ? units[i].seconds : unit;
    if (unit)
        text = str_sub(text, 0, text.n - 1);
    if (!str_to_u64(text, UINT32_MAX, &number) || number == 0)
        return err_set(err, ERR_INVALID, "--for takes a time such as 30m, 12h or 7d");
    *seconds_out = (json_int_t)number * (unit ? unit : 1);
    return 0;
}

static int hold(struct cli *cli, const char *command, bool refuse_mail, const char *done, struct err *err)
{
    const char *reason = cli_line_value(&cli->line, "reason"), *time = cli_line_value(&cli->line, "for");
    json_int_t seconds = 0;
    json_t *result, *request;
    if (time && parse_time(str_c(time), &seconds, err) < 0) {
        cli->exit_code = 2;
        return -ERR_INVALID;
    }
    request = user_request(cli, command);
    if (request && reason && json_object_set_new(request, "reason", cli_json(str_c(reason))) < 0) {
        json_decref(request);
        request = NULL;
    }
    if (request && seconds)
        json_object_set_new(request, "for_s", json_integer(seconds));
    if (request && refuse_mail)
        json_object_set_new(request, "refuse_mail", json_integer(1));
    int r = cli_ask(cli, request, &result, err);
    if (r == 0)
        cli_print_done(cli, result, done, json_string_value(json_object_get(result, "name")));
    return r;
}

int cli_user_disable(struct cli *cli, struct err *err)
{
    return hold(cli, "user-disable", cli_line_value(&cli->line, "refuse-mail") != NULL,
                "User %s can no longer sign in.", err);
}

int cli_user_enable(struct cli *cli, struct err *err)
{
    return about_user(cli, "user-enable", "User %s can sign in again.", err);
}

int cli_user_lock(struct cli *cli, struct err *err)
{
    return hold(cli, "user-lock", false, "Nobody can sign in as %s any more.", err);
}

int cli_user_unlock(struct cli *cli, struct err *err)
{
    return about_user(cli, "user-unlock", "User %s can sign in again.", err);
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
