/* loft quota ... */
#include "admin/cli_private.h"

static json_t *amount_json(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    struct buf text = BUF_INIT;

    if (!value)
        buf_add_lit(&text, "none");
    else if (json_is_true(json_object_get(row, "bytes")))
        cli_format_bytes((uint64_t)json_integer_value(value), &text);
    else
        buf_add_u64(&text, (uint64_t)json_integer_value(value));
    json_t *json = cli_json(buf_str(&text));
    buf_deinit(&text);
    return json;
}

/* People read "1.5 GiB", programs the bytes. */
static void print_quota(const struct cli *cli, const json_t *rows)
{
    static const struct column columns[] = {
        { "MAILBOX", "mailbox", COLUMN_TEXT },
        { "RESOURCE", "resource", COLUMN_TEXT },
        { "USED", "used", COLUMN_TEXT },
        { "LIMIT", "limit", COLUMN_TEXT },
        { NULL },
    };
    json_t *shown = json_array(), *row;
    size_t i;

    if (cli->line.json) {
        cli_print_json(rows);
    } else {
        json_array_foreach(rows, i, row)
        {
            const char *mailbox = json_string_value(json_object_get(row, "mailbox"));
            json_array_append_new(
                shown, json_pack("{s:s, s:O, s:o, s:o}", "mailbox", mailbox && *mailbox ? mailbox : "(all)",
                                 "resource", json_object_get(row, "resource"), "used",
                                 amount_json(row, "used"), "limit", amount_json(row, "limit")));
        }
        cli_print_rows(cli, shown, columns, "No quota.");
    }
    json_decref(shown);
}

static int ask(struct cli *cli, json_t *request, struct err *err)
{
    json_t *result;
    int r = cli_ask(cli, request, &result, err);
    if (r == 0)
        print_quota(cli, result);
    return r;
}

int cli_quota_show(struct cli *cli, struct err *err)
{
    return ask(cli, json_pack("{s:s, s:o}", "command", "quota-show", "user", cli_json(cli_arg(cli, 0))), err);
}

int cli_quota_domain(struct cli *cli, struct err *err)
{
    return ask(cli, json_pack("{s:s, s:o}", "command", "quota-domain", "domain", cli_json(cli_arg(cli, 0))),
               err);
}

int cli_quota_set(struct cli *cli, struct err *err)
{
    static const char *const options[] = { "mailbox", "storage", "messages", "mailboxes", "annotations" };
    json_t *request = json_pack("{s:s, s:o}", "command", "quota-set", "user", cli_json(cli_arg(cli, 0)));

    for (size_t i = 0; request && i < ARRAY_COUNT(options); i++) {
        const char *value = cli_line_value(&cli->line, options[i]);
        if (value && json_object_set_new(request, options[i], cli_json(str_c(value))) < 0) {
            json_decref(request);
            request = NULL; /* not UTF-8 */
        }
    }
    return ask(cli, request, err);
}
