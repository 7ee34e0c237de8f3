/* loft mailbox ... */
#include "admin/cli_private.h"

static json_t *mailbox_request(const struct cli *cli, const char *command)
{
    return json_pack("{s:s, s:o, s:o}", "command", command, "user", cli_json(cli_arg(cli, 0)), "mailbox",
                     cli_json(cli_arg(cli, 1)));
}

static int about_mailbox(struct cli *cli, json_t *request, const char *done, struct err *err)
{
    json_t *result;
    int r = cli_ask(cli, request, &result, err);
    if (r == 0)
        cli_print_done(cli, result, done, json_string_value(json_object_get(result, "name")));
    return r;
}

int cli_mailbox_list(struct cli *cli, struct err *err)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_TEXT },
        { "MESSAGES", "messages", COLUMN_COUNT },
        { "UNSEEN", "unseen", COLUMN_COUNT },
        { "SIZE", "size_bytes", COLUMN_BYTES },
        { "USE", "use", COLUMN_TEXT },
        { "SUBSCRIBED", "subscribed", COLUMN_YES },
        { NULL },
    };
    json_t *result;
    int r = cli_ask(cli,
                    json_pack("{s:s, s:o}", "command", "mailbox-list", "user", cli_json(cli_arg(cli, 0))),
                    &result, err);
    if (r == 0)
        cli_print_rows(cli, result, columns, "No mailboxes.");
    return r;
}

int cli_mailbox_status(struct cli *cli, struct err *err)
{
    static const struct column columns[] = {
        { "Name", "name", COLUMN_TEXT },
        { "Id", "id", COLUMN_TEXT },
        { "Messages", "messages", COLUMN_COUNT },
        { "Unseen", "unseen", COLUMN_COUNT },
        { "Deleted", "deleted", COLUMN_COUNT },
        { "Size", "size_bytes", COLUMN_BYTES },
        { "Keywords", "keywords", COLUMN_COUNT },
        { "UIDVALIDITY", "uidvalidity", COLUMN_COUNT },
        { "UIDNEXT", "uidnext", COLUMN_COUNT },
        { "HIGHESTMODSEQ", "highestmodseq", COLUMN_COUNT },
        { NULL },
    };
    json_t *result;
    int r = cli_ask(cli, mailbox_request(cli, "mailbox-status"), &result, err);
    if (r == 0)
        cli_print_object(cli, result, columns);
    return r;
}

int cli_mailbox_create(struct cli *cli, struct err *err)
{
    return about_mailbox(cli, mailbox_request(cli, "mailbox-create"), "Mailbox %s created.", err);
}

int cli_mailbox_rename(struct cli *cli, struct err *err)
{
    json_t *request = json_pack("{s:s, s:o, s:o, s:o}", "command", "mailbox-rename", "user",
                                cli_json(cli_arg(cli, 0)), "mailbox", cli_json(cli_arg(cli, 1)), "to",
                                cli_json(cli_arg(cli, 2)));
    return about_mailbox(cli, request, "Mailbox is now %s.", err);
}

int cli_mailbox_delete(struct cli *cli, struct err *err)
{
    json_t *status;
    int r = cli_ask(cli, mailbox_request(cli, "mailbox-status"), &status, err);
    if (r < 0)
        return r;
    json_int_t messages = json_integer_value(json_object_get(status, "messages"));
    struct str question = arena_printf(&cli->arena,
                                       "Delete mailbox %s with %" JSON_INTEGER_FORMAT " messages?",
                                       json_string_value(json_object_get(status, "name")), messages);
    if (messages > 0)
        r = cli_confirm(cli, question.p, err);
    return r < 0 ? r : about_mailbox(cli, mailbox_request(cli, "mailbox-delete"), "Mailbox %s deleted.", err);
}
