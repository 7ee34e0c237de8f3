/* loft throttle ... */
#include "admin/cli_private.h"

int cli_throttle_list(struct cli *cli, struct err *err)
{
    static const struct column columns[] = {
        { "KIND", "kind", COLUMN_TEXT },
        { "WHO", "who", COLUMN_TEXT },
        { "FAILURES", "failures", COLUMN_COUNT },
        { "LAST S AGO", "last_s_ago", COLUMN_COUNT },
        { "LOCKED FOR S", "locked_s", COLUMN_COUNT },
        { NULL },
    };
    json_t *result;
    int r = cli_ask(cli, json_pack("{s:s}", "command", "throttle-list"), &result, err);
    if (r == 0)
        cli_print_rows(cli, result, columns, "Nobody has failed to sign in lately.");
    return r;
}

int cli_throttle_clear(struct cli *cli, struct err *err)
{
    json_t *request = json_pack("{s:s}", "command", "throttle-clear"), *result;
    if (!str_eq_nocase(cli_arg(cli, 0), STR("all")))
        json_object_set_new(request, "who", cli_json(cli_arg(cli, 0)));
    int r = cli_ask(cli, request, &result, err);
    if (r == 0)
        cli_print_done(cli, result, "%lld forgotten.",
                       (long long)json_integer_value(json_object_get(result, "cleared")));
    return r;
}
