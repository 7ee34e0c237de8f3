/* loft metadata ... */
#include "admin/cli_private.h"

int cli_metadata_list(struct cli *cli, struct err *err)
{
    static const struct column columns[] = {
        { "NAME", "name", COLUMN_TEXT },
        { "VALUE", "value", COLUMN_TEXT },
        { NULL },
    };
    json_t *result;
    int r = cli_ask(cli, json_pack("{s:s}", "command", "metadata-list"), &result, err);
    if (r == 0)
        cli_print_rows(cli, result, columns, "None. loft metadata set /shared/comment TEXT makes one.");
    return r;
}

static int set(struct cli *cli, json_t *request, const char *done, struct err *err)
{
    json_t *result;
    int r = cli_ask(cli, request, &result, err);
    if (r == 0)
        cli_print_done(cli, result, done, json_string_value(json_object_get(result, "name")));
    return r;
}

int cli_metadata_set(struct cli *cli, struct err *err)
{
    return set(cli,
               json_pack("{s:s, s:o, s:o}", "command", "metadata-set", "name", cli_json(cli_arg(cli, 0)),
                         "value", cli_json(cli_arg(cli, 1))),
               "%s set.", err);
}

int cli_metadata_delete(struct cli *cli, struct err *err)
{
    return set(cli, json_pack("{s:s, s:o}", "command", "metadata-set", "name", cli_json(cli_arg(cli, 0))),
               "%s deleted.", err);
}
