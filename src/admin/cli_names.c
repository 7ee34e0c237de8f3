/* loft alias ..., loft domain ... */
#include "admin/cli_private.h"

/* `target` NIL: without. */
static int ask(struct cli *cli, const char *command, const char *what, struct str target, struct err *err)
{
    json_t *result, *request = json_pack("{s:s, s:o}", "command", command, what, cli_json(cli_arg(cli, 0)));
    if (request && !str_is_nil(target) && json_object_set_new(request, "target", cli_json(target)) < 0) {
        json_decref(request);
        request = NULL;
    }
    return cli_ask(cli, request, &result, err);
}

/* One after the other; those before a failure are done. */
static int ask_for_each(struct cli *cli, const char *command, struct err *err)
{
    int r = 0;
    for (unsigned i = 1; r == 0 && i < cli->line.arg_count; i++)
        r = ask(cli, command, "alias", cli_arg(cli, i), err);
    return r;
}

static void say(struct cli *cli, const char *done)
{
    cli_print_done(cli, json_array_get(cli->results, json_array_size(cli->results) - 1), done,
                   arena_c(&cli->arena, cli_arg(cli, 0)));
}

int cli_alias_add(struct cli *cli, struct err *err)
{
    int r = ask_for_each(cli, "alias-add", err);
    if (r == 0)
        say(cli, "Alias %s added.");
    return r;
}

int cli_alias_delete(struct cli *cli, struct err *err)
{
    bool all = cli->line.arg_count == 1;
    int r = all ? ask(cli, "alias-delete", "alias", STR_NIL, err) : ask_for_each(cli, "alias-delete", err);
    if (r == 0)
        say(cli, all ? "Alias %s deleted." : "Alias %s changed.");
    return r;
}

static int list(struct cli *cli, const char *command, const struct column *columns, const char *when_empty,
                struct err *err)
{
    json_t *result;
    int r = cli_ask(cli, json_pack("{s:s}", "command", command), &result, err);
    if (r == 0)
        cli_print_rows(cli, result, columns, when_empty);
    return r;
}

int cli_alias_list(struct cli *cli, struct err *err)
{
    static const struct column columns[] = { { "ALIAS", "name", COLUMN_TEXT },
                                             { "STANDS FOR", "target", COLUMN_TEXT },
                                             { NULL } };
    return list(cli, "alias-list", columns, "No aliases yet. loft alias add ALIAS USER makes one.", err);
}

int cli_domain_add(struct cli *cli, struct err *err)
{
    int r = ask(cli, "domain-add", "domain", cli_arg(cli, 1), err);
    if (r == 0)
        say(cli, "Domain %s added.");
    return r;
}

int cli_domain_delete(struct cli *cli, struct err *err)
{
    int r = ask(cli, "domain-delete", "domain", STR_NIL, err);
    if (r == 0)
        say(cli, "Domain %s deleted.");
    return r;
}

int cli_domain_list(struct cli *cli, struct err *err)
{
    static const struct column columns[] = { { "DOMAIN", "name", COLUMN_TEXT },
                                             { "ANOTHER NAME FOR", "target", COLUMN_TEXT },
                                             { NULL } };
    return list(cli, "domain-list", columns, "No domains were named: users may be of any.", err);
}
